"""Every stub is called unattempted, every solution right, every known wrong answer by its name."""

import contextlib
import importlib
import io

import pytest
import torch

from helpers.checks.attempt import WrongAnswer
from helpers.paths import NOTEBOOKS
from tests.wrong_answers import WRONG
from tools.lesson import Lesson, load_lessons, stub_names
from tools.notebooks import read, tags

SEEDS = range(50)
LESSONS = load_lessons()
NOUNS = {lesson.path.stem[3:]: lesson for lesson in LESSONS}


@pytest.fixture(autouse=True)
def _no_tracebacks(monkeypatch):
    """Without CUDA, torch notes a traceback for each seeding: a quarter of the time of these."""
    if not torch.cuda.is_available():
        monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: None)


def functions(lesson: Lesson, tag: str) -> dict:
    """Run a notebook's setup and its tagged cells: name -> (function, what its cell printed)."""
    index = next(i for i, c in enumerate(lesson.cells) if c.source.startswith("## Setup"))
    space = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(lesson.cells[index + 1].source, space)
    found = {}
    cells = [cell for cell in lesson.cells if tag in tags(cell)]
    for name, cell in zip(stub_names(lesson, tag), cells, strict=True):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(cell.source, space)
        found[name] = (space[name], printed.getvalue())
    return found


def solutions(noun: str) -> dict:
    """Give the solutions of a lesson."""
    path = NOTEBOOKS / "solutions" / NOUNS[noun].path.name
    return functions(Lesson(path, read(path)), "solution")


def checks(noun: str):
    """Give the module of a lesson's checks."""
    return importlib.import_module(f"helpers.checks.{noun}")


def wrong_answers(noun: str) -> dict:
    """Give the known wrong answers of a lesson."""
    importlib.import_module(f"tests.wrong_answers.{noun}")
    return WRONG[noun]


@pytest.mark.parametrize("noun", NOUNS)
def test_a_stub_is_not_attempted_yet(noun):
    for name, (_, printed) in functions(NOUNS[noun], "exercise").items():
        assert printed == f"{name}: not attempted yet\n"


@pytest.mark.parametrize("noun", NOUNS)
def test_a_solution_is_right_on_every_seed(noun, capsys):
    for name, (function, printed) in solutions(noun).items():
        assert f"✓ {name}: right" in printed
        for seed in SEEDS:
            getattr(checks(noun), name)(function, seed=seed)
    assert "not attempted" not in capsys.readouterr().out


@pytest.mark.parametrize("noun", NOUNS)
def test_every_exercise_has_three_wrong_answers(noun):
    exercises = stub_names(NOUNS[noun])
    found = {name: len(answers) for name, answers in wrong_answers(noun).items()}
    assert found.keys() == set(exercises)
    assert min(found.values()) >= 3, found


@pytest.mark.parametrize("noun", NOUNS)
def test_a_wrong_answer_gets_its_message_on_every_seed(noun):
    for name, answers in wrong_answers(noun).items():
        for answer, says in answers:
            for seed in SEEDS:
                with pytest.raises(WrongAnswer) as caught:
                    getattr(checks(noun), name)(answer, seed=seed)
                assert says in str(caught.value), f"{answer.__name__}, seed {seed}"


@pytest.mark.parametrize("noun", NOUNS)
def test_there_is_a_check_for_each_exercise_and_none_besides(noun):
    module = checks(noun)
    own = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert own == set(stub_names(NOUNS[noun]))
