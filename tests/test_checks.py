"""What every exercise check does, whatever the exercise."""

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from helpers.checks.attempt import GREEN, WrongAnswer, exercise, is_stub
from tests.support import run_python


@exercise
def centre(attempt):
    """Subtract each row's mean."""
    scores = attempt.randn(2, 3)
    mean = scores.mean(dim=1, keepdim=True)
    got = attempt(scores, errors={"must match": "keep the dimension"})
    attempt.expect(got, scores - mean, [(scores - scores.mean(), "you averaged everything")])


def right(scores):
    return scores - scores.mean(dim=1, keepdim=True)


def message(function, check=centre):
    with pytest.raises(WrongAnswer) as caught:
        check(function, seed=0)
    return str(caught.value)


def test_a_right_answer_prints_one_green_line(capsys):
    centre(right)
    assert capsys.readouterr().out == f"{GREEN}✓ centre: right\x1b[0m\n"


def ellipsis_only(scores): ...


def with_docstring(scores):
    """Centre."""
    ...


def with_pass(scores):
    pass


@pytest.mark.parametrize("stub", [ellipsis_only, with_docstring, with_pass])
def test_a_stub_is_not_attempted(stub, capsys):
    assert is_stub(stub)
    centre(stub)
    assert capsys.readouterr().out == "centre: not attempted yet\n"


def test_an_attempt_without_return_is_told_so():
    def forgets(scores):
        scores - scores.mean(dim=1, keepdim=True)

    assert not is_stub(forgets)
    assert "did you forget `return`?" in message(forgets)


def test_an_input_marked_by_the_function_is_noticed():
    assert "marked its input itself" in message(lambda scores: right(scores.requires_grad_()))


def test_a_sorted_list_is_a_changed_input():
    @exercise
    def smallest(attempt):
        attempt.expect(attempt([3, 1, 2]), 1)

    assert "changed its input" in message(lambda numbers: numbers.sort() or numbers[0], smallest)


def test_a_known_mistake_is_named():
    assert message(lambda scores: scores - scores.mean()) == "centre: you averaged everything"


def test_a_known_exception_is_explained():
    assert message(lambda scores: scores - scores.mean(dim=1)) == "centre: keep the dimension"


def test_an_unknown_exception_names_its_line_and_the_inputs():
    def breaks(scores):
        halves = scores / 2
        return halves.nonsense

    assert "AttributeError in line 3 of your function" in message(breaks)
    assert "called with scores = [[" in message(breaks)


def test_other_parameters_are_not_blamed_on_the_body():
    assert "keep the stub's parameters" in message(lambda: 1)


def test_an_unknown_wrong_value_is_shown():
    assert "the values differ: expected [[" in message(lambda scores: scores)


def test_changed_inputs_are_noticed():
    assert "changed its input" in message(lambda scores: scores.sub_(1))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda scores: right(scores)[0], "expected shape (2, 3), got (3,)"),
        (lambda scores: right(scores).double(), "expected dtype torch.float32, got torch.float64"),
        (lambda scores: right(scores).to("meta"), "expected device"),
        (lambda scores: right(scores).tolist(), "expected a tensor of shape (2, 3), got list"),
        (lambda scores: right(scores) * float("nan"), "the values differ"),
    ],
)
def test_what_kind_of_answer_is_expected_is_said(answer, says):
    assert says in message(answer)


def expecting(value):
    """Make an exercise whose answer is `value`."""

    @exercise
    def answer(attempt):
        attempt.expect(attempt(1), value)

    return answer


@pytest.mark.parametrize(
    ("value", "wrong", "says"),
    [
        (0.5, torch.tensor(0.5), "a Python float, got a tensor"),
        (0.5, 0.6, "expected 0.5, got 0.6"),
        (2, 2.0, "expected 2, got 2.0"),
        (2, True, "expected 2, got True"),
        ("a", "b", "expected 'a', got 'b'"),
        ((1, 2), (1,), "expected 2 values"),
        ((1, 2), [1, 3], "value 2: expected 2, got 3"),
        (np.ones(2), np.zeros(2), "the values differ"),
        (np.ones(2), [1.0, 1.0], "expected a NumPy array, got list"),
    ],
)
def test_answers_of_every_kind_are_compared(value, wrong, says, capsys):
    expecting(value)(lambda x: value)
    assert "right" in capsys.readouterr().out
    assert says in message(lambda x: wrong, expecting(value))


def test_calling_the_function_by_mistake_is_explained():
    with pytest.raises(TypeError, match=r"write check.centre\(centre\), without calling"):
        centre(right(torch.ones(2, 3)))


def test_a_check_leaves_the_random_state_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    centre(right)
    assert torch.equal(torch.rand(3), expected)


def test_fresh_inputs_come_each_time():
    seen = []

    def watch(scores):
        seen.append(scores)
        return right(scores)

    centre(watch)
    centre(watch)
    centre(watch, seed=5)
    centre(watch, seed=5)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], seen[3])


def test_a_notebook_shows_one_line_and_no_traceback(capsys):
    shell = InteractiveShell()
    shell.run_cell("from tests.test_checks import centre; centre(lambda s: s - s.mean())")
    shown = capsys.readouterr().out
    assert "✗ centre: you averaged everything" in shown
    assert "Traceback" not in shown


def test_plain_python_shows_a_short_traceback():
    source = "from tests.test_checks import centre\ncentre(lambda s: s - s.mean())"
    error = run_python("-c", source).stderr.splitlines()
    assert error[-1] == "helpers.checks.attempt.WrongAnswer: centre: you averaged everything"
    assert len(error) <= 8
    assert "During handling" not in "".join(error)
