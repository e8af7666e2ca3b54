"""What the book says, it has from the lessons, and all of it; how it looks: `make proof`."""

import ast
import re
import subprocess

import pytest

from helpers.paths import NOTEBOOKS, ROOT
from tests.support import book, prose
from tools import book as maker
from tools import lookup
from tools.lesson import Lesson, load_lessons, term_pattern
from tools.notebooks import read, tags

LESSONS = load_lessons()
PAGES = maker.sources(LESSONS)
TERMS, NAMES, ERRORS = lookup.terms(LESSONS), lookup.names(LESSONS), lookup.errors(LESSONS)


LONG = "when it is warm and nobody is near"


def lesson(*cells):
    """Make a lesson of some cells and a recap."""
    return Lesson(NOTEBOOKS / "01_made_up.ipynb", book(prose("# 01 · Made up"), *cells))


def test_every_term_of_every_recap_is_defined_in_the_words_of_its_lesson():
    listed = [(each.number, term) for each in LESSONS for term in each.new_terms]
    assert sorted((entry.lesson.number, entry.name) for entry in TERMS) == sorted(listed)
    for entry in TERMS:
        assert re.search(rf"\*\*{term_pattern(entry.name)}\*\*", entry.text, re.I), entry.name
        assert entry.heading, entry.name
        assert len(entry.text.split()) >= 4 and entry.text[-1] != ":", entry.name
        said = " ".join(" ".join(cell.source for cell in entry.lesson.cells).split())
        assert " ".join(entry.text.partition("\n")[0].split()) in said, entry.name


def test_every_name_of_every_recap_leads_to_the_section_that_uses_it_first():
    assert len(NAMES) == sum(len(each.new_names) for each in LESSONS)
    found = {entry.name: entry for entry in NAMES}
    assert len(found) == len(NAMES)
    entry = found["F.cross_entropy"]
    assert entry.lesson.number == "08" and entry.text == "torch.nn.functional.cross_entropy"
    assert entry.heading == "4 · The price of a prediction"
    assert all(entry.heading for entry in NAMES if re.match(r"\.?\w", entry.name))


def test_every_error_made_on_purpose_has_its_message_and_its_cure():
    cells = [cell for each in LESSONS for cell in each.code]
    raised = [cell for cell in cells if "raises-exception" in tags(cell)]
    assert {cell.source for cell in raised} <= {entry.code for entry in ERRORS}
    names = {cell.source: cell.outputs[-1].ename for cell in raised}
    for entry in ERRORS:
        assert entry.name.startswith(f"{names[entry.code]}: " if entry.code in names else ""), (
            entry.name
        )
        assert len(entry.text.split()) >= 10, entry.name
    names = [entry.name for entry in ERRORS]
    assert "ValueError: too many dimensions 'str'" in names
    assert "KeyError: Key demo/squares was not found in Reservoir" in names


def test_errors_that_a_lesson_catches_and_prints_are_there_too():
    page = PAGES["errors.md"]
    for message in (
        "Target 3 is out of bounds.",
        "returned nan values",
        "x is 20, expected a share",
    ):
        assert page.count(message) >= 1, message
    caught = "try:\n    f()\nexcept E as error:\n    {}"
    for line, wanted in {
        "print('-', error)": True,
        "print(f'{error}')": True,
        "print('gone')": False,
        "raise X(error)": False,
    }.items():
        assert lookup.prints_errors(ast.parse(caught.format(line))) == wanted


def test_the_cheat_sheet_has_every_point_of_every_recap():
    sheet = PAGES["cheat_sheet.md"]
    points = [re.findall(r"^[-*] ", each.section("Recap"), re.M) for each in LESSONS]
    assert len(re.findall(r"^[-*] ", sheet, re.M)) == sum(map(len, points))
    assert all(each.title in sheet for each in LESSONS)


def test_every_lesson_stands_once_in_the_contents():
    listed = re.findall(r"^notebooks/(\d\d_\w+)$", maker.contents(LESSONS), re.M)
    assert listed == [each.path.stem for each in LESSONS]


def test_the_questions_where_to_begin_have_a_page_before_the_lessons_and_stand_there_alone():
    assert PAGES["where_to_begin.md"].count("\n| • ") == len(LESSONS)
    assert "(/where_to_begin.md)" in PAGES["index.md"] and "| • " not in PAGES["index.md"]
    assert "where_to_begin\n" in maker.contents(LESSONS).partition("notebooks/")[0]


def test_a_section_that_is_linked_to_is_there_once():
    text = "\n".join(PAGES.values())
    places = re.findall(r"\(((?:lesson|solution)-[\w-]+)\)=", text)
    assert len(places) == len(set(places))
    assert set(re.findall(r"\]\(#((?:lesson|solution)-[\w-]+)\)", text)) <= set(places)


@pytest.mark.parametrize("each", LESSONS, ids=lambda each: each.path.stem)
def test_a_lesson_keeps_its_outputs_describes_its_figures_and_links_its_solutions(each):
    shown = maker.prepare_lesson(each)
    code = [cell for cell in shown.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [cell.outputs for cell in each.code]
    for cell in code:
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert len(cell.metadata["mystnb"]["image"]["alt"].split()) >= 10, cell.source
    links = [c.source for c in shown.cells if c.source.startswith("[Solution]")]
    exercises = [cell for cell in each.code if "exercise" in tags(cell)]
    assert links == [f"[Solution](#solution-{each.number}-{i + 1})" for i in range(len(exercises))]


@pytest.mark.parametrize("each", LESSONS, ids=lambda each: each.path.stem)
def test_a_solution_is_behind_a_click(each):
    path = NOTEBOOKS / "solutions" / each.path.name
    shown = maker.prepare_solutions(path)
    text = "\n".join(cell.source for cell in shown.cells)
    outside = re.sub(r"(?s)<details>.*?</details>", "", text)
    for cell in read(path).cells:
        if "solution" in tags(cell):
            assert cell.source in text and cell.source not in outside
    assert text.count("<details>") == text.count("</details>") == outside.count("(solution-")


KEPT = (
    ".py",
    ".css",
    ".js",
    ".md",
    ".svg",
)  # the last: drawn, but seen wherever git shows the page


def test_nothing_that_is_generated_belongs_to_git():
    listed = subprocess.run(
        ["git", "ls-files", "docs"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert [name for name in listed if not name.endswith(KEPT)] == []
    assert [name for name in listed if name.startswith("docs/_build")] == []


def test_every_page_of_docs_is_in_the_book_and_in_its_contents():
    listed = maker.contents(LESSONS)
    for path in (ROOT / "docs").glob("*.md"):
        assert PAGES[path.name].startswith("# ")
        assert re.search(rf"^{path.stem}$", listed, re.M), path.name
        assert f"](/{path.name})" in PAGES["index.md"], path.name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two? Three.", ["One.", "Two?", "Three."]),
        ("By [Guo et al. 2017](there). So it is.", ["By [Guo et al. 2017](there).", "So it is."]),
        ("It costs 0.5 or 1. `x` is less.", ["It costs 0.5 or 1.", "`x` is less."]),
        ('He says "stop." Then he goes.', ['He says "stop."', "Then he goes."]),
    ],
)
def test_a_paragraph_falls_into_sentences(text, parts):
    assert lookup.sentences(text) == parts


@pytest.mark.parametrize(
    ("source", "definition"),
    [
        (f"## 1 · X\n\nFirst. A **cat** purrs {LONG}. It sleeps.", f"A **cat** purrs {LONG}."),
        (f"A. It purrs. This is a **cat** {LONG}. B.", f"A. It purrs. This is a **cat** {LONG}."),
        ("First. There is a **cat**. It purrs.", "First. There is a **cat**."),
        ("First. Inside is a **cat**. It purrs. B.", "Inside is a **cat**. It purrs."),
        ("A. All purr. The **cat** sleeps.", "All purr. The **cat** sleeps."),
        ("- a dog\n- **cats** purr", "**cats** purr"),
        ("|a|b|\n|-|-|\n|dog|1|\n|**cat**|2|", "|a|b|\n|-|-|\n|**cat**|2|"),
        ("It is a **cat**:\n\n$$c$$\n\nMore.", "It is a **cat**:\n\n$$c$$"),
        ("**Predict:** does it purr?\n\nThe **cat** does.", "The **cat** does."),
    ],
)
def test_a_definition_is_a_sentence_and_what_it_needs(source, definition):
    assert lookup.define(lesson(prose(source)), "cat").text == definition


@pytest.mark.parametrize("source", ["A cat purrs.", "A **cat** is a **cat**."])
def test_a_term_without_one_definition_is_named(source):
    with pytest.raises(ValueError, match=r"01_made_up\.ipynb: 'cat' is bold"):
        lookup.define(lesson(prose(source)), "cat")


def test_links_count_from_the_root_of_the_book():
    here = NOTEBOOKS / "solutions"
    for link, moved in {
        "../01_tensors.ipynb#x": "/notebooks/01_tensors.ipynb#x",
        "../../README.md": "/index.md",
        "../../docs/security.md": "/security.md",
        "../solutions": "/notebooks/solutions/index.md",
        "https://pytorch.org": "https://pytorch.org",
        "#solution-01-1": "#solution-01-1",
    }.items():
        assert maker.rooted(f"a [b]({link}) c", here) == f"a [b]({moved}) c"
    assert maker.rooted("`layers[0](inputs)`", here) == "`layers[0](inputs)`"


def test_without_sphinx_the_command_that_installs_it_is_named(monkeypatch, capsys):
    monkeypatch.setattr(maker, "find_spec", lambda name: None)
    assert maker.main() == 2
    assert "make book" in capsys.readouterr().err
