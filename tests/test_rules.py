"""The lessons keep the rules; and each rule notices a lesson that breaks it."""

import copy

import nbformat
import pytest

from helpers.paths import NOTEBOOKS
from tests import rules
from tests.rules import RULES
from tests.support import book, cell, prose
from tools.lesson import Lesson, load_lessons, stub_names
from tools.notebooks import every_notebook, problems

LESSONS = load_lessons()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_a_lesson_keeps_the_rule(lesson, rule):
    assert list(rule(lesson)) == []


@pytest.mark.parametrize("path", every_notebook(), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_notebook_is_fresh_and_normalised(path):
    assert problems(path) == []


def test_every_solution_belongs_to_a_lesson():
    solutions = {path.name for path in (NOTEBOOKS / "solutions").glob("*.ipynb")}
    assert solutions == {lesson.path.name for lesson in LESSONS}


# A small lesson that keeps every rule, so that each fault below is the only one.

DETAILS = "<details><summary>Answer</summary>\n\nYes.\n\n</details>"


def model_lesson() -> Lesson:
    """Make a lesson that keeps the rules that do not need files beside it."""
    plot = cell("import matplotlib.pyplot as plt\n\nplt.plot([1, 2])\nplt.show()")
    picture = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}
    plot.outputs = [nbformat.v4.new_output("display_data", data=picture)]
    share = cell("share = torch.tensor(0.25).item()\nshare")
    share.outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "0.25"})]
    broken = cell("torch.zeros(2) @ torch.ones(3)", "raises-exception")
    broken.outputs = [nbformat.v4.new_output("error", ename="RuntimeError", evalue="size")]
    exercise = cell("def double(x):\n    ...\n\n\ncheck.double(double)", "exercise")
    notebook = book(
        prose(
            "# 07 · Model\n\nA promise.\n\n*Runs in about 5 seconds · allow 20 minutes to work.*"
        ),
        prose("## You will be able to\n\n- see\n- say\n- do"),
        prose("## Setup\n\nWe import `torch`."),
        cell("import torch"),
        prose(
            "## 1 · First\n\nA **blob** is new: `tensor`, `zeros`, `ones` make one, `item` reads."
        ),
        share,
        prose("The share is 25%, that is 0.25."),
        plot,
        prose("The line rises from one to two, as a line through two such points has to."),
        prose("## Putting it together\n\nAll of it."),
        broken,
        prose(
            "## Recap\n\n- a blob\n\n**New names:** `torch.tensor`, `torch.zeros`, `torch.ones`, "
            "`.item`\n\n**New terms:** blob"
        ),
        prose("## Check yourself\n\n" + 5 * f"Q?\n{DETAILS}\n"),
        prose("## Exercises\n\n### Exercise 1 · Double\n\n" + 2 * f"{DETAILS}\n"),
        exercise,
        prose("## Next\n\n[README](../README.md)"),
    )
    return Lesson(NOTEBOOKS / "07_model.ipynb", notebook)


WITHOUT_FILES = [rule for rule in RULES if rule is not rules.exercises_are_complete]


def found(lesson: Lesson) -> str:
    """Give what the rules say of a lesson, each line led by the rule's name."""
    return "\n".join(f"{r.__name__}: {said}" for r in WITHOUT_FILES for said in r(lesson))


def test_the_model_lesson_keeps_the_rules():
    assert found(model_lesson()) == ""


def replaced(index, old, new):
    """Make a fault: replace text in a cell of the model lesson."""

    def spoil(lesson):
        source = lesson.notebook.cells[index].source
        assert old in source
        lesson.notebook.cells[index].source = source.replace(old, new)

    return spoil


def tagged(index, *names):
    """Make a fault: give a cell other tags."""

    def spoil(lesson):
        lesson.notebook.cells[index].metadata["tags"] = list(names)

    return spoil


def moved(index, to):
    """Make a fault: move a cell."""

    def spoil(lesson):
        lesson.notebook.cells.insert(to, lesson.notebook.cells.pop(index))

    return spoil


def removed(index):
    """Make a fault: leave a cell out."""

    def spoil(lesson):
        del lesson.notebook.cells[index]

    return spoil


def earlier_lesson(source):
    """Make a fault: a lesson 06 whose only prose is `source`."""

    def spoil(lesson):
        earlier = Lesson(NOTEBOOKS / "06_earlier.ipynb", book(prose(source)))
        lesson.before.append(earlier)

    return spoil


def said(index, text):
    """Make a fault: another text output."""

    def spoil(lesson):
        lesson.notebook.cells[index].outputs[0]["data"]["text/plain"] = text

    return spoil


FAULTS = [
    (replaced(0, "07", "08"), "follows_the_skeleton: the first cell does not begin"),
    (
        replaced(0, "Runs in about 5", "Takes 5"),
        "follows_the_skeleton: the first cell does not say",
    ),
    (removed(9), "follows_the_skeleton: its headings"),
    (moved(12, 9), "follows_the_skeleton: its headings"),
    (replaced(4, "## 1 ·", "## 2 ·"), "follows_the_skeleton: its sections"),
    (replaced(1, "- see\n", ""), "follows_the_skeleton: 'You will"),
    (replaced(11, "- a blob", 7 * "- a\n"), "follows_the_skeleton: its recap"),
    (replaced(12, "<details>", ""), "follows_the_skeleton: 'Check yourself' has 0"),
    (replaced(5, "\nshare", 20 * "\nshare"), "keeps_cells_short: a code cell of 2"),
    (replaced(5, "\nshare", 12 * "\nshare"), "keeps_cells_short: 1 of 5"),
    (replaced(6, "The share", 130 * "word "), "keeps_cells_short: a markdown cell of 13"),
    (
        lambda lesson: (moved(3, 4)(lesson), removed(6)(lesson)),
        "keeps_cells_short: three code cells",
    ),
    (tagged(5, "aprox-output"), "tags_are_known: unknown tag 'aprox-output'"),
    (replaced(5, "\nshare", "\n# NBVAL_SKIP"), "tags_are_known: a comment"),
    (tagged(5, "nbval-ignore-output"), "opt_outs_are_few: output ignored"),
    (
        lambda lesson: [tagged(i, "approx-output")(lesson) for i in (5, 7)],
        "opt_outs_are_few: 2 of 5",
    ),
    (tagged(10), "errors_are_meant: an untagged error"),
    (tagged(5, "raises-exception"), "errors_are_meant: tagged, but"),
    (replaced(8, "The line rises from one", "#"), "figures_are_described: no description"),
    (replaced(6, "The", "![](../README.md) The"), "figures_are_described: an image without"),
    (lambda lesson: lesson.notebook.cells[7].outputs.clear(), "shows_pictures: only 0%"),
    (replaced(3, "import torch", "import torch\n!ls"), "runs_anywhere: '!ls'"),
    (replaced(5, "0.25)", "0.25, device='cuda')"), "runs_anywhere"),
    (said(5, "/home/ann/data 0.25"), "runs_anywhere: a path"),
    (replaced(6, "0.25", "0.26"), "numbers_come_from_cells: 0.26"),
    (replaced(6, "25%", "26%"), "numbers_come_from_cells: 26%"),
    (replaced(15, "README.md", "READYOU.md"), "links_resolve: the link to ../READYOU.md"),
    (replaced(5, "\nshare", "\ntorch.full((2,), 3.0)"), "names_are_introduced: torch.full"),
    (replaced(5, "\nshare", "\nshare.mean()"), "names_are_introduced: .mean"),
    (replaced(11, "`.item`", "`.item`, `.numel`"), "listed_names_are_taught: .numel is listed"),
    (replaced(4, "`item` reads", "it reads"), "listed_names_are_taught: .item is used before"),
    (
        earlier_lesson("**New names:** `.item`"),
        "listed_names_are_taught: .item is listed as new, but",
    ),
    (earlier_lesson("A blob here."), "terms_are_defined: the term 'blob' is used in lesson 06"),
    (replaced(4, "**blob**", "blob"), "terms_are_defined: the term 'blob' is bold 0 times"),
    (replaced(2, "We", "A blob. We"), "terms_are_defined: the term 'blob' is used before"),
    (replaced(11, "**New terms:** blob", ""), "terms_are_defined: its recap lists no"),
    (
        replaced(3, "import torch", "import torch\nfrom helpers.device import set_seed"),
        "helpers_are_earned: helpers.device.set_seed is imported",
    ),
    (tagged(5, "earns-set_seed"), "helpers_are_earned: set_seed differs"),
]


@pytest.mark.parametrize(("spoil", "says"), FAULTS)
def test_a_fault_is_noticed(spoil, says):
    lesson = copy.deepcopy(model_lesson())
    spoil(lesson)
    assert says in found(lesson)


def test_every_rule_has_a_fault():
    assert {rule.__name__ for rule in WITHOUT_FILES} == {
        says.partition(":")[0] for _, says in FAULTS
    }


def test_a_missing_solution_is_noticed():
    said = "\n".join(rules.exercises_are_complete(model_lesson()))
    assert "its exercises are numbered ['1']" in said
    assert "no notebooks/solutions/07_model.ipynb" in said


def test_hints_and_stubs_are_counted():
    lesson = model_lesson()
    lesson.notebook.cells[13].source = "## Exercises\n\n### Exercise 1 · Double"
    lesson.notebook.cells[14].source = "def double(x):\n    ...\n\n\ncheck.triple(double)"
    said = "\n".join(rules.exercises_are_complete(lesson))
    assert "fewer than two folded hints" in said
    assert "?" in "".join(stub_names(lesson))
