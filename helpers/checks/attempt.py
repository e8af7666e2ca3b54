"""The engine of the checks: hand a learner's function fresh inputs, and judge what comes back."""

import copy
import dis
import functools
import inspect
import secrets
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import torch

from helpers import progress
from helpers.checks.compare import difference, one_line, show
from helpers.checks.switches import randomness_kept, switches_kept
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
        answers: What the function has returned so far.
    """

    def __init__(self, function: Callable, seed: int) -> None:
        self.function = function
        self.device = get_device()
        self.generator = torch.Generator().manual_seed(seed)
        self.answers: list[Any] = []
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
            WrongAnswer: It raised, returned nothing, or changed its inputs or torch's switches.
        """
        copies = [_copy(value) for value in inputs]
        result = self.run(*copies, errors=errors)
        changed = [old for old, new in zip(inputs, copies, strict=True) if not _same(old, new)]
        if changed:
            say = "your function changed its input; make a new value instead of changing the old"
            if isinstance(changed[0], torch.Tensor):
                say += " (a view is still the old, and so may be what reshape, to or float returns)"
            raise WrongAnswer(say)
        for old, new in zip(_tensors(inputs), _tensors(copies), strict=True):
            if say := _trace_left(old, new):
                raise WrongAnswer(say)
        return result

    def run(self, *inputs: Any, errors: dict[str, str] | None = None) -> Any:
        """Call the learner's function on `inputs` themselves, so that gradients arrive at them.

        The arguments, what is returned and what is raised are those of a call, except that nobody
        looks at what became of the inputs.
        """
        self._asked = _describe_inputs(self.function, inputs)
        problem = result = None
        with switches_kept() as changes:
            try:
                result = self.function(*inputs)
            except Exception as error:
                known = [say for part, say in (errors or {}).items() if part in str(error)]
                problem = known[0] if known else _describe_error(error, self.function, self._asked)
        if inspect.iscoroutine(result):
            result.close()
            problem = "`async def` makes a coroutine, which computes nothing yet; write `def`"
        if result is None and not problem:
            problem = _describe_none(self.function, inputs)
        if problem or changes:
            raise WrongAnswer(problem or changes[0])
        self.answers.append(result)
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
        if inspect.isroutine(got) or isinstance(got, type):
            say = f"your function returned {show(got)} itself; call it, with round brackets"
            raise WrongAnswer(say)
        if isinstance(got, Iterator):
            kind = type(got).__name__
            say = f"your function returned a {kind}, which holds no values yet"
            say += "; use `return`, not `yield`" if kind == "generator" else "; list() makes a list"
            raise WrongAnswer(say)
        problem = difference(got, expected, rtol)
        if problem is not None:
            self.recognise(got, expected, mistakes, rtol)
            raise WrongAnswer(f"{problem}\n  called with {self._asked}")

    def recognise(
        self, got: Any, expected: Any, mistakes: Sequence[tuple[Any, str]], rtol: float = 1e-4
    ) -> None:
        """Raise `WrongAnswer` if an answer is one of these mistakes, which are as in `expect`."""
        for wrong, say in mistakes:
            # an answer that is a function is no function which makes a wrong answer
            lazy = isinstance(wrong, FunctionType | functools.partial) and wrong is not got
            wrong = wrong() if lazy else wrong
            if difference(got, wrong, rtol) is None and difference(wrong, expected, rtol):
                raise WrongAnswer(say)

    def require(self, condition: Any, say: str) -> None:
        """Raise `WrongAnswer(say)` unless `condition` holds."""
        if not condition:
            raise WrongAnswer(say)


def exercise(
    grade: Callable[[Attempt], None] | None = None, *, given: Callable | None = None
) -> Callable[..., Any]:
    """Make a check from `grade`, which takes an `Attempt` and raises `WrongAnswer` if it is wrong.

    Used as `@exercise`; or as `@exercise(given=function)` where the lesson gives, in place of a
    stub, a function with a fault to repair. That one, as long as nothing in it is changed, is not
    an attempt.

    The check is called as `check.NAME(function)`, or `check.NAME(function, seed=0)` to repeat it.
    It prints "not attempted yet" for a stub and one green line for a right answer, which
    `helpers.progress` notes.

    Raises:
        TypeError: By the check, if it is not given a function.
        WrongAnswer: By the check, if the answer is wrong.
    """
    if grade is None:
        return functools.partial(exercise, given=given)

    @functools.wraps(grade)
    def check(function: Callable, *, seed: int | None = None) -> None:
        name = grade.__name__
        if not callable(function):
            raise TypeError(
                f"check.{name} takes the function itself, not {type(function).__name__}: "
                f"write check.{name}({name}), without calling {name}"
            )
        if is_stub(function, given):
            print(f"{name}: not attempted yet")
            return
        seed = secrets.randbits(32) if seed is None else seed
        problem = cause = None
        attempt = Attempt(function, seed)
        with randomness_kept(), switches_kept():
            torch.manual_seed(seed)
            try:
                grade(attempt)
            except WrongAnswer as error:
                problem = str(error)
            except Exception as error:
                if not attempt.answers:
                    raise
                problem, cause = _describe_unusable(error, attempt.answers[-1]), error
        if problem:  # raised here, outside `except`, so that the traceback stays short
            raise WrongAnswer(f"{name}: {problem}") from cause
        print(f"{GREEN}✓ {name}: right{PLAIN}")
        progress.record(grade.__module__, name)

    # functools.wraps would make the check look as if it took an Attempt.
    del check.__wrapped__
    check.given = given
    return check


def is_stub(function: Callable, given: Callable | None = None) -> bool:
    """Tell whether the body of `function` is still `...`, or all of it still what was given.

    A docstring, `pass` and `raise NotImplementedError` count as well. The function that was given
    may have got other comments, blank lines or another docstring: it computes the same.
    """
    code = _code(function)
    if code is None:
        return False
    if given is not None and _steps(code) in _steps_given(given):
        return True
    steps = [step for step in dis.get_instructions(code) if step.opname not in _IDLE]
    # Nothing but "return None": a stub leaves no other instruction, in any Python version.
    empty = all(
        step.opname in {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
        and (step.argval is None or "CONST" not in step.opname)
        for step in steps
    )
    refuses = code.co_names == ("NotImplementedError",) and all(
        step.opname in {"LOAD_GLOBAL", "LOAD_CONST", "CALL", "RAISE_VARARGS"} for step in steps
    )
    return empty or refuses


_IDLE = {"RESUME", "NOP", "PUSH_NULL", "PRECALL", "CACHE"}


def _steps(code: CodeType) -> list[tuple]:
    """List what a function does step by step, wherever in a file it stands."""
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    steps = [
        (s.opname, _steps(s.argval) if isinstance(s.argval, CodeType) else repr(s.argval))
        for s in dis.get_instructions(code)
    ]
    return [arguments, *steps]


@functools.cache
def _steps_given(given: Callable) -> list[list[tuple]]:
    """List the steps of our own function, as compiled in its module and as in a cell by itself.

    Python compiles `torch.ones(3)` otherwise where the same text also imports torch.
    """
    alone = compile(inspect.getsource(given), "given", "exec").co_consts
    return [_steps(given.__code__), *(_steps(c) for c in alone if isinstance(c, CodeType))]


def _code(function: Callable) -> CodeType | None:
    """Give the code of the function that the learner wrote, below any decorator."""
    return getattr(inspect.unwrap(function), "__code__", None)


def _describe_inputs(function: Callable, inputs: Sequence[Any]) -> str:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"input {i + 1}" for i in range(len(names), len(inputs))]
    return ", ".join(f"{name} = {show(value)}" for name, value in zip(names, inputs, strict=False))


def _describe_error(error: Exception, function: Callable, asked: str) -> str:
    line, trace, code = None, error.__traceback__, _code(function)
    while trace is not None:
        if trace.tb_frame.f_code is code:
            line = trace.tb_lineno - code.co_firstlineno + 1
        trace = trace.tb_next
    if line is None and isinstance(error, TypeError):
        say = f"it could not be called ({one_line(str(error))}); keep the stub's parameters"
        return f"{say}\n  called with {asked}"
    where = f" in line {line} of your function" if line else ""
    return f"{type(error).__name__}{where}: {one_line(str(error))}\n  called with {asked}"


def _describe_none(function: Callable, inputs: Sequence[Any]) -> str:
    steps = list(dis.get_instructions(code)) if (code := _code(function)) else []
    returned = [
        step.argval if step.opname == "RETURN_CONST" else before.argval
        for before, step in pairwise(steps)
        if step.opname == "RETURN_CONST" or before.opname == "LOAD_CONST"
        if step.opname.startswith("RETURN_")
    ]
    ends = sum(step.opname in {"RETURN_VALUE", "RETURN_CONST"} for step in steps)
    if ends == returned.count(None):  # no `return` with anything behind it
        return "your function returned None; did you forget `return`?"
    if None in returned:
        return (
            "your function returned None; did you forget `return`? One way through it ends without "
            "one, or gives None"
        )
    if any(True for _ in _tensors(inputs)):
        return (
            "your function returned None: what stands behind `return` is None, as .grad is before "
            "backward() fills it; it fills that of leaves only, and a marked tensor's clone is none"
        )
    return (
        "your function returned None: what stands behind `return` is None, as what print and "
        "methods like sort or append give back"
    )


def _describe_unusable(error: Exception, answer: Any) -> str:
    return (
        f"the check cannot use what your function returned, {show(answer)}\n"
        f"  {type(error).__name__}: {one_line(str(error))}"
    )


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return type(value)(map(_copy, value))
    if isinstance(value, dict):
        new = copy.copy(value)
        new.update((key, _copy(part)) for key, part in value.items())
        return new
    return value


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, list | tuple):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, dict):
        # an optimizer trains the tensors that it loaded
        kept = (
            _same(part, new.get(key))
            for key, part in old.items()
            if not isinstance(part, torch.Tensor)
        )
        return list(old) == list(new) and all(kept)
    if isinstance(old, torch.Tensor | np.ndarray):
        return difference(new, old, rtol=0) is None
    return old is new or old == new


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    """Give the tensors in nested lists, tuples and dictionaries, in order."""
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple | dict):
            yield from _tensors(value)


def _trace_left(old: torch.Tensor, new: torch.Tensor) -> str | None:
    """Say what a function did to autograd's notes on its input, the copy `new` of `old`."""
    if new.requires_grad and not old.requires_grad:
        return (
            "your function marked its input itself, so a second call adds to its .grad; "
            "mark a copy, as clone() makes one"
        )
    if old.requires_grad and not new.requires_grad:
        return (
            "your function took the mark requires_grad off its input; detach() gives the same "
            "values without it and leaves the input alone"
        )
    if new.is_leaf and new.grad is not None:
        return (
            "your function left a gradient in its input's .grad, to which the caller's would be "
            "added; leave backward() to the caller, or mark a copy: detach().clone() makes one"
        )
    return None
