"""The lessons keep the easy style; and each rule notices a lesson that breaks it."""

import copy

import nbformat
import pytest

from helpers.paths import NOTEBOOKS
from tests.style import STYLE_RULES
from tests.support import book, cell, prose
from tools.lesson import Lesson, load_lessons


@pytest.mark.parametrize("rule", STYLE_RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("lesson", load_lessons(), ids=lambda lesson: lesson.path.stem)
def test_a_lesson_keeps_the_rule(lesson, rule):
    assert list(rule(lesson)) == []


def model_lesson() -> Lesson:
    """Make a lesson that keeps the rules."""
    plot = cell('import matplotlib.pyplot as plt\n\ndraw_curves({"": [1, 2]}, title="It rises")')
    picture = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}
    plot.outputs = [nbformat.v4.new_output("display_data", data=picture)]
    broken = cell("1 / 0", "raises-exception")
    trace = ["cell In[2], line 1", "----> 1 / 0", "ZeroDivisionError: division by zero"]
    broken.outputs = [
        nbformat.v4.new_output("error", ename="ZeroDivisionError", evalue="", traceback=trace)
    ]
    stub = 'def double(x):\n    """Return twice x, a tensor of shape (n,)."""\n    ...\n\n\n'
    notebook = book(
        prose("# 90 · Model\n\nA promise."),
        prose("## 1 · First\n\nA line rises here.\n\n**Predict:** does it rise or fall?"),
        plot,
        prose("It rises, because two is more than one. The line has no bend."),
        broken,
        prose("Nobody divides by zero, so the message says that."),
        *(each for i in range(5) for each in (cell(f"x = {i}\nx + 1"), prose("One more."))),
        prose("## Exercises"),
        prose("### Exercise 1 · Double\n\n●○○ · about 5 minutes\n\nDouble it."),
        cell(f"{stub}check.double(double)", "exercise"),
        prose("## Next\n\nThe end."),
    )
    return Lesson(NOTEBOOKS / "90_model.ipynb", notebook)


def found(lesson: Lesson) -> str:
    """Give what the rules say of a lesson, each line led by the rule's name."""
    return "\n".join(f"{r.__name__}: {said}" for r in STYLE_RULES for said in r(lesson))


def test_the_model_lesson_keeps_the_rules():
    assert found(model_lesson()) == ""


def replaced(index, old, new):
    """Make a fault: replace text in a cell of the model lesson."""

    def spoil(lesson):
        source = lesson.notebook.cells[index].source
        assert old in source
        lesson.notebook.cells[index].source = source.replace(old, new)

    return spoil


def added(*cells):
    """Make a fault: more cells at the end."""
    return lambda lesson: lesson.notebook.cells.extend(cells)


def longer_traceback(lesson):
    """Make a fault: the traceback that IPython shows by default."""
    lesson.notebook.cells[4].outputs[0].traceback = ["a line"] * 16


def as_lesson_01(lesson):
    """Make a fault: exercises of 5 minutes where the instructors' page says more."""
    lesson.path = NOTEBOOKS / "01_model.ipynb"


FAULTS = [
    (replaced(3, "It rises,", "x\n\n### Why\n\n"), "a_heading_is_first_in_its_cell: '### Why'"),
    (replaced(2, ', title="It rises"', ""), "a_figure_has_a_title: a figure without a title"),
    (longer_traceback, "tracebacks_are_short: a traceback of 16 lines"),
    (replaced(1, "**Predict:**", "Predict:"), "predictions_have_one_form: 0 predictions"),
    (replaced(3, "It rises", "**What rises?** It"), "predictions_have_one_form: 'What rises?'"),
    (replaced(3, "It rises", "**Guess** it"), "predictions_have_one_form: 'Guess'"),
    (
        replaced(3, "It rises", "**Predict:** yes?\n\nIt"),
        "",  # a second prediction, before a cell of code
    ),
    (replaced(5, "Nobody", "**Predict:** 1?\n\nNobody"), ""),
    (
        replaced(16, "## Exercises", "## Exercises\n\n**Predict:** yes?"),
        "predictions_have_one_form: no code follows",
    ),
    (added(*[prose("More.")] * 60), "a_lesson_is_not_overfull: 80 cells"),
    (
        added(*[cell("x = 1\n" * 7)] * 9),
        "a_lesson_is_not_overfull: the median code cell has 7 lines",
    ),
    (added(*[cell("x = 1\n" * 13)] * 2), "a_lesson_is_not_overfull: more than one in ten"),
    (added(*[cell("x = 1\n" * 12)] * 4), "a_lesson_is_not_overfull: 4 code cells have exactly 12"),
    (
        added(*[prose("word " * 51)] * 20),
        "overfull: the median markdown cell has 51",
    ),
    (added(cell(f"x = {'1' * 90}")), "a_lesson_is_not_overfull: a line of 94"),
    (added(*[cell("plt.show()")] * 3), "code_is_the_idea_not_plumbing: 15%"),
    (replaced(3, ". The", "; the"), "sentences_are_plain: "),
    (replaced(3, "no bend", "(no) bend"), "sentences_are_plain: "),
    (replaced(3, "no bend", "mended it"), "sentences_are_plain: the hard word 'mended'"),
    (replaced(3, ", because", ", for the"), "sentences_are_plain: the hard word ', for the'"),
    (replaced(17, "●○○ · about", "about"), "exercises_say_how_hard_they_are: 0 of 1"),
    (as_lesson_01, "exercises_say_how_hard_they_are: its exercises take 5 minutes"),
    (replaced(18, "Return twice", "Twice"), "stubs_say_what_comes_in_and_out: the docstring of"),
    (replaced(18, "x, a tensor of shape (n,)", "x"), "does not say what x is"),
    (replaced(18, "twice x, a", "a doubled"), "does not say what x is"),
]


@pytest.mark.parametrize(("spoil", "says"), FAULTS)
def test_a_fault_is_noticed(spoil, says):
    lesson = copy.deepcopy(model_lesson())
    spoil(lesson)
    assert says in found(lesson)
    assert bool(found(lesson)) == bool(says)


def test_every_rule_has_a_fault():
    named = {says.partition(":")[0] for _, says in FAULTS}
    assert {rule.__name__ for rule in STYLE_RULES} <= named
