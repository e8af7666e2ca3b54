"""What every exercise check does, whatever the exercise."""

import random

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from helpers.checks import broken
from helpers.checks.attempt import GREEN, WrongAnswer, exercise, is_stub
from helpers.checks.compare import show
from helpers.checks.judge import Watch, judge
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


def that_refuses(scores):
    """Centre."""
    raise NotImplementedError


def that_refuses_with_a_word(scores):
    raise NotImplementedError("to do")


@torch.no_grad()
def below_a_decorator(scores): ...


STUBS = [
    ellipsis_only,
    with_docstring,
    with_pass,
    that_refuses,
    that_refuses_with_a_word,
    below_a_decorator,
]


@pytest.mark.parametrize("stub", STUBS)
def test_a_stub_is_not_attempted(stub, capsys):
    assert is_stub(stub)
    centre(stub)
    assert capsys.readouterr().out == "centre: not attempted yet\n"


def test_an_attempt_without_return_is_told_so():
    def forgets(scores):
        scores - scores.mean(dim=1, keepdim=True)

    assert not is_stub(forgets)
    assert "did you forget `return`?" in message(forgets)


def test_a_function_that_refuses_some_inputs_is_no_stub():
    def refuses(scores):
        if len(scores) > 1:
            raise NotImplementedError

    assert not is_stub(refuses)
    assert "NotImplementedError in line 3 of your function" in message(refuses)


def test_none_behind_return_is_not_blamed_on_a_missing_return():
    def unfilled(scores):
        copy = scores.clone()
        return copy.grad

    def sometimes(scores):
        if len(scores) > 2:
            return scores
        return None

    assert "as .grad is before backward() fills it" in message(unfilled)
    assert "print and methods like sort" in message(lambda x: print(end=""), expecting(1))
    assert "One way through it ends without one" in message(sometimes)
    assert "did you forget" not in message(unfilled)


@exercise
def halve(attempt):
    """Halve marked and unmarked numbers, in a list and a dictionary."""
    plain, marked = attempt.randn(3), attempt.randn(3).requires_grad_()
    got = attempt([plain], {"marked": marked})
    attempt.expect(got, (plain + marked.detach()) / 2)


def half(plain, marked):
    return (plain[0] + marked["marked"].detach()) / 2


def mark(plain, marked):
    plain[0].requires_grad_()
    return half(plain, marked).detach()


def unmark(plain, marked):
    marked["marked"].requires_grad_(False)
    return half(plain, marked)


def fill_grad(plain, marked):
    marked["marked"].sum().backward()
    return half(plain, marked)


def fill_grad_and_unmark(plain, marked):
    plain[0].requires_grad_().sum().backward()
    plain[0].requires_grad_(False)
    return half(plain, marked)


def drop_an_entry(plain, marked):
    return half(plain, {"marked": marked.pop("marked")})


def use_a_copy(plain, marked):
    plain[0].detach().clone().requires_grad_().sum().backward()
    return half(plain, marked)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (mark, "marked its input itself"),
        (unmark, "took the mark requires_grad off its input"),
        (fill_grad, "left a gradient in its input's .grad"),
        (fill_grad_and_unmark, "left a gradient in its input's .grad"),
        (drop_an_entry, "changed its input"),
    ],
)
def test_what_a_function_does_to_its_inputs_is_noticed(answer, says):
    assert says in message(answer, halve)


def test_a_marked_copy_of_an_input_is_right(capsys):
    halve(use_a_copy)
    assert "right" in capsys.readouterr().out


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
        (
            0.5,
            torch.tensor(0.5),
            "got a tensor where 0.5 is expected, a Python float: item() makes",
        ),
        (0.5, 0.6, "expected 0.5, got 0.6"),
        (2, 2.0, "expected 2, got 2.0"),
        (2, True, "expected 2, got True"),
        (2, np.float64(2), "expected 2, got 2.0"),
        (1.0, True, "expected 1.0, got True"),
        ((3, 2), 2, "expected a tuple of 2 values, got int: 2"),
        ([3, 2], np.array([3, 2]), "expected a list of 2 values, got ndarray: [3, 2] (int64 array"),
        ((3, 2), (3, 2, 1), "expected 2 values, got 3: (3, 2, 1)"),
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


@pytest.mark.parametrize(
    ("value", "alike"),
    [
        (2, np.int64(2)),
        (0.5, np.float32(0.5)),
        (1.0, np.int32(1)),
        (True, np.bool_(True)),
        ("a", np.str_("a")),
        ((1, 2.0), [np.uint8(1), np.float64(2)]),
        (np.float64(0.5), 0.5),
    ],
)
def test_numbers_of_numpy_are_as_good_as_those_of_python(value, alike, capsys):
    expecting(value)(lambda x: alike)
    assert "right" in capsys.readouterr().out


async def asynchronous(scores):
    return right(scores)


def generator(scores):
    yield right(scores)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (asynchronous, "write `def`"),
        (generator, "use `return`, not `yield`"),
        (lambda scores: map(right, [scores]), "returned a map, which holds no values yet"),
        (lambda scores: right, "returned the function right itself; call it"),
        (lambda scores: scores.mean, "returned the function mean itself; call it"),
        (lambda scores: list, "returned <class 'list'> itself; call it"),
        (lambda scores: torch.nn.ReLU(), "expected a tensor of shape (2, 3), got ReLU"),
    ],
)
def test_an_answer_that_is_still_to_be_called_is_told_so(answer, says, recwarn):
    assert says in message(answer)
    assert not recwarn.list


def test_a_check_that_stumbles_over_an_answer_blames_the_answer():
    @exercise
    def first(attempt):
        attempt.expect(attempt(1)[0], 1)

    said = message(lambda x: 5, first)
    assert said.startswith("first: the check cannot use what your function returned, 5\n")
    assert "TypeError: 'int' object is not subscriptable" in said


def test_a_check_that_fails_by_itself_says_so():
    @exercise
    def broken(attempt):
        attempt.nonsense()

    with pytest.raises(AttributeError):
        broken(right)


def test_of_something_large_a_message_gives_only_its_kind():
    model = torch.nn.Sequential(torch.nn.Linear(30, 30), torch.nn.ReLU())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    assert show(model) == "an object of Sequential"
    assert show(optimizer) == "an object of SGD"
    assert show(saved) == "a dict with the keys ['model', 'optimizer', 'epoch']"
    assert show([model, torch.ones(30)]) == (
        "[an object of Sequential, a float32 tensor of shape (30,)]"
    )
    assert show(np.ones((5, 5))) == "a float64 array of shape (5, 5)"
    assert show({"lr": 0.1}) == "{'lr': 0.1}"


def test_a_long_error_is_cut():
    def loads(scores):
        raise RuntimeError("Missing keys:\n" + "\tlayer.weight\n" * 100)

    said = message(loads)
    assert "RuntimeError in line 2 of your function: Missing keys: layer.weight layer" in said
    assert len(said) < 600


def switches():
    return (
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.is_anomaly_enabled(),
        torch.backends.cudnn.benchmark,
        torch.get_float32_matmul_precision(),
        torch.get_num_threads(),
        torch.is_autocast_enabled("cpu"),
        np.geterr(),
        np.get_printoptions(),
    )


@pytest.mark.parametrize(
    "turn",
    [
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        lambda: torch.autograd.set_detect_anomaly(True),
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        lambda: torch.set_float32_matmul_precision("high"),
        lambda: torch.set_num_threads(torch.get_num_threads() + 1),
        lambda: torch.set_autocast_enabled("cpu", True),
        lambda: np.seterr(all="ignore"),
        lambda: np.set_printoptions(precision=2),
    ],
)
def test_a_check_puts_back_what_a_function_switches(turn, capsys):
    before = switches()

    def turns(scores):
        turn()
        assert switches() != before
        return right(scores)

    centre(turns)
    assert "right" in capsys.readouterr().out
    assert switches() == before


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        (lambda: torch.set_grad_enabled(False), "use a `with` block"),
        (lambda: torch.set_default_dtype(torch.float64), "changes the default dtype"),
        (lambda: torch.set_default_device("meta"), "changes the default device"),
    ],
)
def test_a_switch_that_later_code_suffers_from_is_named_and_put_back(turn, says):
    before = switches()

    def turns(scores):
        centred = right(scores)
        turn()
        return centred

    assert says in message(turns)
    assert switches() == before


def test_switches_are_put_back_after_an_error_too():
    def breaks(scores):
        torch.set_grad_enabled(False)
        raise ValueError("no")

    assert "ValueError in line 3" in message(breaks)
    assert torch.is_grad_enabled()


def test_a_with_block_inside_a_function_is_fine(capsys):
    @torch.no_grad()
    def plain(scores):
        return right(scores)

    centre(plain)
    assert "right" in capsys.readouterr().out


def test_seeds_that_a_function_sets_end_with_the_check(capsys):
    def draws():
        return torch.rand(1).item(), np.random.rand(), random.random()

    def seeds(scores):
        for seed in (torch.manual_seed, np.random.seed, random.seed):
            seed(0)
        return right(scores)

    seeds(torch.ones(2, 3))
    seeded = draws()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = draws()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    centre(seeds)
    assert draws() == expected != seeded


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


@exercise
def add(attempt):
    """Add two numbers; in the first case a product and a power give the same wrong number."""
    judge(
        attempt,
        [
            ((a, b), a + b, [(a * b, "you multiplied"), (a**b, "that is a power")])
            for a, b in ((2, 1), (3, 2))
        ],
    )


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda a, b: a * b, "add: you multiplied"),
        (lambda a, b: a**b, "add: that is a power"),
        (lambda a, b: a * b if b == 1 else 0, "add: expected 3, got 2\n  called with a = 2, b = 1"),
        (lambda a, b: a * b if b == 1 else 5, "add: expected 3, got 2\n  called with a = 2, b = 1"),
    ],
    ids=["product", "power", "neither", "right in the second case"],
)
def test_judge_names_a_mistake_that_explains_every_answer(answer, says):
    assert message(answer, add) == says


def test_watch_notes_what_a_module_or_method_calls():
    with Watch() as watch:
        torch.nn.Softmax(dim=0)(torch.ones(2)).sum()
    assert {"softmax", "sum"} <= watch.called
    assert "exp" not in watch.called


def broken_centre(scores):
    """Subtract each row's mean."""
    mean = scores.mean(dim=0)
    return scores - mean


@exercise(given=broken_centre)
def centre_repaired(attempt):
    """Subtract each row's mean."""
    scores = attempt.randn(2, 3)
    attempt.expect(attempt(scores), scores - scores.mean(dim=1, keepdim=True))


GIVEN = [
    "def f(scores):\n    mean = scores.mean(dim=0)\n    return scores - mean",
    'def f(scores):\n    """Mine."""\n\n    # looked at\n    mean = scores.mean(dim=0)\n'
    "    return scores - mean",
]
CHANGED = [
    "def f(scores):\n    mean = scores.mean(dim=1)\n    return scores - mean",
    "def f(scores):\n    average = scores.mean(dim=0)\n    return scores - average",
    "def f(scores):\n    mean = scores.mean(dim=0)\n    return (scores - mean)[:2]",
]


def compiled(source):
    space = {"torch": torch}
    exec(source, space)
    return space["f"]


@pytest.mark.parametrize("source", GIVEN)
def test_the_function_to_repair_is_not_attempted_while_it_computes_the_same(source, capsys):
    function = compiled(source)
    centre_repaired(function)
    assert capsys.readouterr().out == "centre_repaired: not attempted yet\n"
    assert not is_stub(function)  # where nothing was given it is an answer


@pytest.mark.parametrize("source", CHANGED)
def test_a_changed_function_to_repair_is_an_attempt(source):
    assert message(compiled(source), centre_repaired)


def test_a_repaired_function_is_right(capsys):
    centre_repaired(right)
    assert "centre_repaired: right" in capsys.readouterr().out
    centre_repaired(ellipsis_only)
    assert "not attempted yet" in capsys.readouterr().out


def test_what_an_import_beside_a_function_compiles_differently_is_still_the_one_given():
    body = "def f(inputs, strength):\n    noise = torch.randn(inputs.shape)\n"
    body += "    return inputs + strength * noise"
    for source in (body, f"import torch\n\n\n{body}"):
        assert is_stub(compiled(source), broken.add_noise)
    assert not is_stub(compiled(body.replace("+", "-")), broken.add_noise)
