"""The engine of the checks: hand a learner's function fresh inputs, and judge what comes back."""

import dis
import functools
import inspect
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from helpers import progress
from helpers.checks.compare import difference, show
from helpers.device import get_device

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


class WrongAnswer(AssertionError):
    """An exercise's answer is not right yet; the message says what to look at."""

    def _render_traceback_(self) -> list[str]:
        """Give IPython one readable line instead of the check's inner traceback."""
        return [f"{RED}✗ {self}{PLAIN}"]


class Attempt:
    """A learner's function under test, with fresh inputs for it.

    Attributes:
        device: Where the lesson computes; put the inputs there.
        generator: A CPU generator, seeded anew at each check, for random inputs.
    """

    def __init__(self, function: Callable, seed: int) -> None:
        self.function = function
        self.device = get_device()
        self.generator = torch.Generator().manual_seed(seed)
        self._asked = ""

    def randn(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Draw normal numbers of this shape on the CPU and move them to the lesson's device."""
        return torch.randn(*shape, generator=self.generator).to(self.device, dtype)

    def randint(self, low: int, high: int, shape: Sequence[int] = ()) -> torch.Tensor:
        """Draw whole numbers from `low` up to, not including, `high` (int64) on the device."""
        return torch.randint(low, high, tuple(shape), generator=self.generator).to(self.device)

    def pick(self, low: int, high: int) -> int:
        """Draw one Python int from `low` up to, not including, `high`."""
        return int(self.randint(low, high))

    def __call__(self, *inputs: Any, errors: dict[str, str] | None = None) -> Any:
        """Call the learner's function on copies of `inputs`.

        Args:
            inputs: What the function is called with, positionally.
            errors: For part of an exception's message, what to tell the learner who causes it.

        Returns:
            What the function returned, never None.

        Raises:
            WrongAnswer: It raised, returned nothing, or changed its inputs.
        """
        self._asked = _describe_inputs(self.function, inputs)
        copies = [_copy(value) for value in inputs]
        problem = result = None
        try:
            result = self.function(*copies)
        except Exception as error:
            known = [say for part, say in (errors or {}).items() if part in str(error)]
            problem = known[0] if known else _describe_error(error, self.function, self._asked)
        if problem:
            raise WrongAnswer(problem)
        if result is None:
            raise WrongAnswer("your function returned None; did you forget `return`?")
        changed = [old for old, new in zip(inputs, copies, strict=True) if not _same(old, new)]
        if changed:
            say = "your function changed its input; make a new value instead of changing the old"
            if isinstance(changed[0], torch.Tensor):
                say += " (a view is still the old, and so may be what reshape, to or float returns)"
            raise WrongAnswer(say)
        if any(map(_newly_marked, inputs, copies)):
            raise WrongAnswer(
                "your function marked its input itself, so a second call adds to its .grad; "
                "mark a copy, as clone() makes one"
            )
        return result

    def expect(
        self, got: Any, expected: Any, mistakes: Sequence[tuple[Any, str]] = (), rtol: float = 1e-4
    ) -> None:
        """Compare an answer with the reference, known mistakes first.

        Args:
            got: What the learner's function returned.
            expected: The reference: a tensor, array, number, string, or a tuple or list of these.
            mistakes: Pairs of a wrong answer, or a function that makes it, and what to tell the
                learner who gives it. One that equals `expected` on these inputs is passed over.
            rtol: Relative tolerance of floating-point numbers (absolute: a tenth of it).

        Raises:
            WrongAnswer: They differ in kind, shape, dtype, device or value.
        """
        problem = difference(got, expected, rtol)
        if problem is not None:
            self.recognise(got, expected, mistakes, rtol)
            raise WrongAnswer(f"{problem}\n  called with {self._asked}")

    def recognise(
        self, got: Any, expected: Any, mistakes: Sequence[tuple[Any, str]], rtol: float = 1e-4
    ) -> None:
        """Raise `WrongAnswer` if an answer is one of these mistakes, which are as in `expect`."""
        for wrong, say in mistakes:
            wrong = wrong() if callable(wrong) else wrong
            if difference(got, wrong, rtol) is None and difference(wrong, expected, rtol):
                raise WrongAnswer(say)

    def require(self, condition: Any, say: str) -> None:
        """Raise `WrongAnswer(say)` unless `condition` holds."""
        if not condition:
            raise WrongAnswer(say)


def exercise(grade: Callable[[Attempt], None]) -> Callable[..., None]:
    """Make a check from `grade`, which takes an `Attempt` and raises `WrongAnswer` if it is wrong.

    The check is called as `check.NAME(function)`, or `check.NAME(function, seed=0)` to repeat it.
    It prints "not attempted yet" for a stub and one green line for a right answer, which
    `helpers.progress` notes.

    Raises:
        TypeError: By the check, if it is not given a function.
        WrongAnswer: By the check, if the answer is wrong.
    """

    @functools.wraps(grade)
    def check(function: Callable, *, seed: int | None = None) -> None:
        name = grade.__name__
        if not callable(function):
            raise TypeError(
                f"check.{name} takes the function itself, not {type(function).__name__}: "
                f"write check.{name}({name}), without calling {name}"
            )
        if is_stub(function):
            print(f"{name}: not attempted yet")
            return
        seed = secrets.randbits(32) if seed is None else seed
        problem = None
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            try:
                grade(Attempt(function, seed))
            except WrongAnswer as error:
                problem = str(error)
        if problem:  # raised here, outside `except`, so that the traceback stays short
            raise WrongAnswer(f"{name}: {problem}")
        print(f"{GREEN}✓ {name}: right{PLAIN}")
        progress.record(grade.__module__, name)

    # functools.wraps would make the check look as if it took an Attempt.
    del check.__wrapped__
    return check


def is_stub(function: Callable) -> bool:
    """Tell whether the body of `function` is still `...` (a docstring and `pass` count as well)."""
    code = getattr(function, "__code__", None)
    # Nothing but "return None": a stub leaves no other instruction, in any Python version.
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    return code is not None and all(
        step.opname in idle and (step.argval is None or "CONST" not in step.opname)
        for step in dis.get_instructions(code)
    )


def _describe_inputs(function: Callable, inputs: Sequence[Any]) -> str:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"input {i + 1}" for i in range(len(names), len(inputs))]
    return ", ".join(f"{name} = {show(value)}" for name, value in zip(names, inputs, strict=False))


def _describe_error(error: Exception, function: Callable, asked: str) -> str:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is getattr(function, "__code__", None):
            line = trace.tb_lineno - function.__code__.co_firstlineno + 1
        trace = trace.tb_next
    if line is None and isinstance(error, TypeError):
        say = f"it could not be called ({error}); keep the stub's parameters"
        return f"{say}\n  called with {asked}"
    where = f" in line {line} of your function" if line else ""
    return f"{type(error).__name__}{where}: {error}\n  called with {asked}"


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return type(value)(map(_copy, value))
    return value


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, list | tuple):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, torch.Tensor | np.ndarray):
        return difference(new, old, rtol=0) is None
    return old is new or old == new


def _newly_marked(old: Any, new: Any) -> bool:
    return isinstance(old, torch.Tensor) and new.requires_grad and not old.requires_grad
