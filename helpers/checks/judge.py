"""Judge the answers to several calls together, and see which of torch's functions were called."""

from collections.abc import Callable, Sequence
from typing import Any, Self

from torch.overrides import TorchFunctionMode

from helpers.checks.attempt import Attempt
from helpers.checks.compare import difference

Case = tuple[Sequence[Any], Any, Sequence[tuple[Any, str]]]


def judge(
    attempt: Attempt,
    cases: Sequence[Case],
    errors: dict[str, str] | None = None,
    rtol: float = 1e-4,
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

    Raises:
        WrongAnswer: An answer is not the right one.
    """
    answers = [attempt(*inputs, errors=errors) for inputs, _, _ in cases]

    def explains(say: str) -> bool:
        for got, (_, right, mistakes) in zip(answers, cases, strict=True):
            shapes = [wrong for wrong, why in mistakes if why == say] or [right]
            if all(difference(got, shape, rtol) for shape in shapes):
                return False
        return True

    for got, (inputs, right, mistakes) in zip(answers, cases, strict=True):
        if difference(got, right, rtol) is not None:
            for say in dict.fromkeys(say for _, say in mistakes):
                attempt.require(not explains(say), say)
            attempt(*inputs, errors=errors)  # so that the message tells the inputs of this case
            attempt.expect(got, right, rtol=rtol)


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
