"""Every stub is called unattempted, every solution right, every known wrong answer by its name."""

import pytest

from tests.exercises import (
    NOUNS,
    checks,
    expect_right,
    expect_wrong,
    functions,
    wrong_answers,
)
from tools.lesson import stub_names

SEEDS = range(2)  # the proof takes fifty


@pytest.mark.parametrize("noun", NOUNS)
def test_a_stub_is_not_attempted_yet(noun):
    for name, (_, printed) in functions(NOUNS[noun], "exercise").items():
        assert printed == f"{name}: not attempted yet\n"


@pytest.mark.parametrize("noun", NOUNS)
def test_a_solution_is_right(noun, capsys):
    expect_right(noun, SEEDS)
    assert "not attempted" not in capsys.readouterr().out


@pytest.mark.parametrize("noun", NOUNS)
def test_every_exercise_has_three_wrong_answers(noun):
    exercises = stub_names(NOUNS[noun])
    found = {name: len(answers) for name, answers in wrong_answers(noun).items()}
    assert found.keys() == set(exercises)
    assert min(found.values()) >= 3, found


@pytest.mark.parametrize("noun", NOUNS)
def test_a_wrong_answer_gets_its_message(noun):
    expect_wrong(noun, SEEDS)


@pytest.mark.parametrize("noun", NOUNS)
def test_there_is_a_check_for_each_exercise_and_none_besides(noun):
    module = checks(noun)
    own = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert own == set(stub_names(NOUNS[noun]))
