"""What tests of the exercises need: their stubs, solutions, checks and known wrong answers."""

import contextlib
import importlib
import io

import pytest

from helpers.checks.attempt import WrongAnswer
from helpers.paths import NOTEBOOKS
from tests.wrong_answers import WRONG
from tools.lesson import Lesson, load_lessons, stub_names
from tools.notebooks import read, tags

LESSONS = load_lessons()
NOUNS = {lesson.path.stem[3:]: lesson for lesson in LESSONS}
EXERCISES = [f"{noun}.{name}" for noun, lesson in NOUNS.items() for name in stub_names(lesson)]


def setup_names(lesson: Lesson) -> dict:
    """Run a notebook's setup and give the names that it defines."""
    index = next(i for i, c in enumerate(lesson.cells) if c.source.startswith("## Setup"))
    space = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(lesson.cells[index + 1].source, space)
    return space


def functions(lesson: Lesson, tag: str) -> dict:
    """Run a notebook's setup and its tagged cells: name -> (function, what its cell printed)."""
    space = setup_names(lesson)
    found = {}
    cells = [cell for cell in lesson.cells if tag in tags(cell)]
    for name, cell in zip(stub_names(lesson, tag), cells, strict=True):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(cell.source, space)
        found[name] = (space[name], printed.getvalue())
    return found


def solutions_of(noun: str) -> Lesson:
    """Read the notebook of a lesson's solutions."""
    path = NOTEBOOKS / "solutions" / NOUNS[noun].path.name
    return Lesson(path, read(path))


def solutions(noun: str) -> dict:
    """Give the solutions of a lesson."""
    return functions(solutions_of(noun), "solution")


def checks(noun: str):
    """Give the module of a lesson's checks."""
    return importlib.import_module(f"helpers.checks.{noun}")


def wrong_answers(noun: str) -> dict:
    """Give the known wrong answers of a lesson."""
    importlib.import_module(f"tests.wrong_answers.{noun}")
    return WRONG[noun]


def expect_right(noun: str, seeds: range) -> None:
    """Assert that every solution of a lesson is right with each of these random inputs."""
    for name, (function, printed) in solutions(noun).items():
        assert f"✓ {name}: right" in printed
        for seed in seeds:
            getattr(checks(noun), name)(function, seed=seed)


def expect_wrong(noun: str, seeds: range) -> None:
    """Assert that every known wrong answer of a lesson gets its message with each of these."""
    for name, answers in wrong_answers(noun).items():
        for answer, says in answers:
            for seed in seeds:
                with pytest.raises(WrongAnswer) as caught:
                    getattr(checks(noun), name)(answer, seed=seed)
                assert says in str(caught.value), f"{answer.__name__}, seed {seed}"
