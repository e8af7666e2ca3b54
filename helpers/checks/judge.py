"""Judge the answers to several calls together, and see which of torch's functions were called."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode

from helpers.checks.attempt import Attempt
from helpers.checks.compare import difference

Case = tuple[Sequence[Any], Any, Sequence[tuple[Any, str]]]


def judge(
    attempt: Attempt,
    cases: Sequence[Case],
    errors: dict[str, str] | None = None,
    rtol: float = 1e-4,
    otherwise: Callable[[Any, Sequence[Any]], None] | None = None,
) -> None:
    """Call the learner's function for each case, and judge its answers together.

    In one case alone two mistakes may happen to give the same answer, so a mistake is named only if
    it explains all answers: the wrong ones, and that the right ones are right.

    Args:
        attempt: The learner's function.
        cases: Of each call the inputs, the right answer, and pairs of a mistaken answer and what to
            tell the learner who gives it. Pairs with the same words are one mistake, which may show
            in several ways. Where a case does not list a mistake, who makes it answers rightly.
        errors: For part of an exception's message, what to tell the learner who causes it.
        rtol: Relative tolerance of floating-point numbers (absolute: a tenth of it).
        otherwise: What is called with the first wrong answer and its inputs if no mistake explains
            all; it may raise a message of its own.

    Raises:
        WrongAnswer: An answer is not the right one.
    """
    answers = [attempt(*inputs, errors=errors) for inputs, _, _ in cases]
    judged = [(got, *case[1:]) for got, case in zip(answers, cases, strict=True)]
    name_mistake(attempt, judged, rtol)
    for got, (inputs, right, _) in zip(answers, cases, strict=True):
        if difference(got, right, rtol) is not None:
            if otherwise:
                otherwise(got, inputs)
            attempt(*inputs, errors=errors)  # so that the message tells the inputs of this case
            attempt.expect(got, right, rtol=rtol)


def name_mistake(attempt: Attempt, answers: Sequence[Case], rtol: float = 1e-4) -> None:
    """Raise the first mistake that explains all answers, if one is wrong.

    Args:
        attempt: The learner's function.
        answers: As the cases of `judge`, with what came back in place of the inputs.
        rtol: As in `judge`.
    """

    def explains(say: str) -> bool:
        for got, right, mistakes in answers:
            shapes = [wrong for wrong, why in mistakes if why == say] or [right]
            if all(difference(got, shape, rtol) for shape in shapes):
                return False
        return True

    for got, right, mistakes in answers:
        if difference(got, right, rtol) is not None:
            for say in dict.fromkeys(say for _, say in mistakes):
                attempt.require(not explains(say), say)


def alike(got: Any, right: Any) -> bool:
    """Tell whether an answer is of the right kind, shape and dtype, whatever its values."""
    if isinstance(right, torch.Tensor):
        same = isinstance(got, torch.Tensor) and got.device == right.device
        return same and got.shape == right.shape and got.dtype == right.dtype
    if isinstance(right, list | tuple):
        same = isinstance(got, list | tuple) and len(got) == len(right)
        return same and all(map(alike, got, right))
    return isinstance(got, type(right)) or (isinstance(right, float) and isinstance(got, int))


def probe(
    attempt: Attempt, cases: Sequence[tuple[Sequence[Any], Any, str]], rtol: float = 1e-4
) -> None:
    """Raise what is told of the first of simple cases that goes wrong.

    Args:
        attempt: The learner's function, of which an answer was wrong.
        cases: Inputs, the right answer, and what to tell the learner who gives another.
        rtol: As in `judge`.
    """
    for inputs, right, say in cases:
        attempt.require(difference(attempt(*inputs), right, rtol) is None, say)


class Watch(TorchFunctionMode):
    """Within `with`, note the names of torch's functions that are called.

    Attributes:
        called: The names so far, such as `conv2d`, which `nn.Conv2d` calls too.
    """

    def __enter__(self) -> Self:
        self.called: set[str] = set()
        return super().__enter__()

    def __torch_function__(
        self, function: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.called.add(getattr(function, "__name__", ""))
        return function(*args, **(kwargs or {}))
