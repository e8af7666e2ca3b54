"""Say where an answer goes wrong, where no known mistake explains it; see whose device is kept."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from helpers.checks.attempt import Attempt
from helpers.checks.compare import difference
from helpers.checks.judge import Case

# Of a call's inputs, what came back and the right answer: whether a clue holds there.
Clue = tuple[Callable[[Sequence[Any], Any, Any], bool], str]


def with_clues(
    attempt: Attempt,
    cases: Sequence[Case],
    clues: Sequence[Clue],
    errors: dict[str, str] | None = None,
) -> list[Case]:
    """Add to the mistakes of `cases` what can be said of any wrong answer, for `judge`.

    A clue is told where every wrong answer fits it, and no mistake or clue before it fits.

    Args:
        attempt: The learner's function.
        cases: As `judge` takes them.
        clues: Pairs of when it holds and what to tell, the most special first.
        errors: As `judge` takes them.
    """
    found = []
    for inputs, right, mistakes in cases:
        got = attempt(*inputs, errors=errors)
        more = [(got, say) for holds, say in clues if holds(inputs, got, right)]
        found.append((inputs, right, [*mistakes, *more]))
    return found


def only(part: int) -> Callable[[Sequence[Any], Any, Any], bool]:
    """Make a clue's condition: all parts of an answer are right but this one, counted from 0."""

    def holds(_: Sequence[Any], got: Any, right: Any) -> bool:
        alike = isinstance(got, list | tuple) and len(got) == len(right)
        return alike and all(
            (difference(g, r, 1e-4) is None) == (place != part)
            for place, (g, r) in enumerate(zip(got, right, strict=True))
        )

    return holds


class Strays(TorchFunctionMode):
    """Within `with`, note which tensors are made without a device, as on any machine they may be.

    On the CPU such a tensor is as good as any other; beside a GPU's it is on the wrong device.
    """

    def __enter__(self) -> Self:
        self._kept: list[torch.Tensor] = []  # else another tensor might take the place of one
        self._strays: set[int] = set()
        return super().__enter__()

    def hold(self, tensor: Any) -> bool:
        """Tell whether this tensor, or what it was made of, was made without a device."""
        return id(tensor) in self._strays

    def __torch_function__(
        self, function: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        moves = name in ("to", "type_as")  # maybe to where it is already
        new = isinstance(result, torch.Tensor) and id(result) not in map(id, self._kept)
        if new or moves:
            leaves = pytree.tree_leaves((args, kwargs))
            tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
            if moves:
                tensors = tensors[-1:]
            elif name == "__getitem__":  # numbers of any device may say which
                tensors = tensors[:1]
            placed = any(isinstance(leaf, torch.device) for leaf in leaves)
            placed = placed or isinstance((kwargs or {}).get("device"), str | int)
            strays = list(map(self.hold, tensors))
            whole = any(stray and t.ndim for stray, t in zip(strays, tensors, strict=True))
            self._kept.append(result)
            stray = not placed and (whole or all(strays))
            (self._strays.add if stray else self._strays.discard)(id(result))
        return result
