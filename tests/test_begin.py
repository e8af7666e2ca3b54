"""The questions that say where to begin are the lessons' own, and can be asked without them."""

import re

import pytest

from helpers.paths import NOTEBOOKS
from tests.support import book, prose
from tools import begin
from tools import book as maker
from tools.lesson import Lesson, load_lessons

LESSONS = load_lessons()
README = begin.README.read_text(encoding="utf-8")
LONGEST = 25

# What points at something that only the lesson's reader has before the eyes.
POINTING = r"\b(sections?|lessons?|figures?|exercises?|panels?|plots?|cells?|our|ours|we|us"
POINTING += r"|routine|earlier|again|here|(?:the|this|that|these|those) \w+ (?:above|below))\b"
POINTING += r"|\b(?:above|below)(?= *[,.;:?!)])|^(?:It|This|That|These|Those|They|There)\b"
# Words of the series that say what they mean, and where one is the question's own subject.
CLEAR = {"train_epoch", "evaluate"}
SUBJECT = {"00": {"cell"}}


def only_inside(question, lesson, defined):
    """Name what a question says that only makes sense inside its lesson."""
    words = {found[0] for found in re.finditer(POINTING, question, re.I)}
    named = set(re.findall(r"`(\w+)(?=[`(])", question))
    return words - SUBJECT.get(lesson, set()) | (named & defined) - CLEAR


@pytest.fixture(scope="module")
def defined():
    """Give the names of all functions and classes that lessons define."""
    sources = "\n".join(cell.source for lesson in LESSONS for cell in lesson.code)
    return set(re.findall(r"^(?:def|class) (\w+)", sources, re.M))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_a_lesson_has_three_short_questions_of_its_own_that_anybody_can_be_asked(lesson, defined):
    asked = begin.chosen(lesson)
    assert len(set(asked)) == len(set(begin.CHOSEN[lesson.number])) == 3
    for question in asked:
        assert question in " ".join(lesson.section("Check yourself").split())
        assert re.search(r"[?.]$", question), question
        assert len(re.sub(r"`[^`]+`", "code", question).split()) <= LONGEST, question
        assert "$" not in question and "](" not in question, question
        assert only_inside(question, lesson.number, defined) == set(), question


def test_every_question_with_its_answer_is_found():
    for lesson in LESSONS:
        answers = lesson.section("Check yourself").count("<details>")
        assert list(begin.questions(lesson)) == list(range(1, answers + 1)), lesson.number
        assert not any("<" in question for question in begin.questions(lesson).values())


@pytest.mark.parametrize(
    ("question", "lesson", "words"),
    [
        ("In section 6, why is it so?", "02", {"section"}),
        ("Take the ReLU out of our network. What is left?", "10", {"our"}),
        ("Our stem pools. Why?", "18", {"Our"}),
        ("Why do most cells count for nothing?", "21", {"cells"}),
        ("You delete the cell `x`. Why does it stay?", "01", {"cell"}),
        ("You delete the cell `x`. Why does it stay?", "00", set()),
        ("What does the curve above show?", "13", {"the curve above"}),
        ("Why is it so, as said above?", "13", {"above"}),
        ("Run A ends above run B. Is it worse?", "13", set()),
        ("This is wrong. Why?", "13", {"This"}),
        ("Why does `fit_simply(model)` forget?", "15", {"fit_simply"}),
        ("Why does `evaluate` give less?", "04", set()),
        ("Does fit_simply fit?", "15", set()),
    ],
)
def test_a_question_that_only_makes_sense_inside_its_lesson_is_found(
    question, lesson, words, defined
):
    assert only_inside(question, lesson, defined) == words


def test_the_readme_asks_what_the_notebooks_ask():
    said = begin.put(README, begin.fold(LESSONS))
    assert said == README, "the lessons' questions have changed; write them: python -m tools.begin"


def test_the_book_asks_the_same_with_links_to_the_answers():
    page = maker.where_to_begin(LESSONS)
    for lesson in LESSONS:
        row = next(line for line in page.splitlines() if f"/notebooks/{lesson.path.name}" in line)
        for question in begin.chosen(lesson):
            assert question.replace("|", r"\|") in row
        assert f"(#lesson-{lesson.number}-check-yourself)" in row
    assert page.startswith("# Where to begin\n\nDo you know")


def test_a_lesson_builds_on_those_that_its_first_cell_links():
    found = {lesson.number: begin.builds_on(lesson) for lesson in LESSONS}
    assert found["00"] == []
    assert found["14"] == ["04", "11", "12"]
    for number, before in found.items():
        assert before or number == "00"
        assert before == sorted(set(before)) and all(other < number for other in before)


SECTION = """## Check yourself

1. Which of `a|b` and `c`
   is longer?

<details><summary>Answer</summary>

1. The first.

</details>

2. Why?

<details><summary>Answer</summary>

So.

</details>"""


@pytest.fixture
def made_up(monkeypatch):
    monkeypatch.setattr(begin, "CHOSEN", {"01": (1, 2)})
    first = "# 01 · Made up\n\nBuilds on [00](00_setup.ipynb) only."
    other = "See [02](02_autograd.ipynb)."
    cells = [prose(f"{first}\n\n{other}"), prose(SECTION), prose("## Exercises\n\n1. Not this.")]
    return Lesson(NOTEBOOKS / "01_made_up.ipynb", book(*cells))


def test_a_row_has_the_questions_without_their_answers(made_up):
    assert begin.questions(made_up) == {1: "Which of `a|b` and `c` is longer?", 2: "Why?"}
    row = begin.table([made_up], lambda lesson: f"<{lesson.title}>").splitlines()[-1]
    asked = r"• Which of `a\|b` and `c` is longer?<br>• Why?"
    assert row == f"| {asked} | <01 · Made up>, which builds on 00 |"


@pytest.mark.parametrize("chosen", [{}, {"01": (2, 3)}])
def test_a_lesson_without_its_questions_is_named(made_up, monkeypatch, chosen):
    monkeypatch.setattr(begin, "CHOSEN", chosen)
    with pytest.raises(ValueError, match=r"01_made_up\.ipynb: CHOSEN has .*some of \[1, 2\]"):
        begin.chosen(made_up)


def test_the_program_writes_between_the_markers_and_nothing_else(made_up, monkeypatch, tmp_path):
    readme = tmp_path / "README.md"
    text = f"é\n## {begin.HEADING}\n\nHow.\n\n{begin.BEGIN}old\n{begin.END}\n## Rest\n"
    readme.write_text(text, encoding="utf-8")
    monkeypatch.setattr(begin, "README", readme)
    monkeypatch.setattr(begin, "load_lessons", lambda: [made_up])
    begin.main()
    begin.main()
    written = readme.read_bytes().decode()
    before, after = text.split("old\n")
    assert written == before + begin.fold([made_up]) + after
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert begin.section(written).startswith("\nHow.") and "## Rest" not in begin.section(written)


@pytest.mark.parametrize("text", ["", begin.BEGIN, begin.END, begin.END + begin.BEGIN])
def test_a_readme_without_markers_is_not_written(text):
    with pytest.raises(ValueError, match=r"written by tools/begin\.py"):
        begin.put(text, "new")
