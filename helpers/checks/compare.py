"""Compare an answer with the reference, and say in one line how the two differ."""

import inspect
from typing import Any

import numpy as np
import torch

ANYTHING = object()  # as the reference: whatever the answer is there, it agrees


def one_line(text: str, limit: int = 300) -> str:
    """Bring a text to one line of at most `limit` characters."""
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= limit else f"{text[:limit]}…"


def show(value: Any) -> str:
    """Spell a value in one line.

    Of a large tensor or array it gives only dtype and shape, of a dictionary with tensors or of a
    large one the keys, and of an object without a spelling of its own, or of a model or optimizer,
    only what it is.
    """
    if isinstance(value, torch.Tensor | np.ndarray):
        return _show_numbers(value)
    if isinstance(value, dict) and len(repr(value)) > 120:
        return one_line(f"a {type(value).__name__} with the keys {list(value)}", 120)
    if isinstance(value, list | tuple):
        parts = ", ".join(map(show, value[:12])) + (", …" if len(value) > 12 else "")
        parts += "," if isinstance(value, tuple) and len(value) == 1 else ""
        return one_line(f"({parts})" if isinstance(value, tuple) else f"[{parts}]", 120)
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    nameless = type(value).__repr__ is object.__repr__
    if nameless or isinstance(value, torch.nn.Module | torch.optim.Optimizer):
        return f"an object of {type(value).__name__}"
    return one_line(repr(value), 120)


def _show_numbers(value: torch.Tensor | np.ndarray) -> str:
    dtype, shape = str(value.dtype).removeprefix("torch."), tuple(value.shape)
    kind = "tensor" if isinstance(value, torch.Tensor) else "array"
    many = value.numel() > 12 if kind == "tensor" else value.size > 12
    if many or (kind == "tensor" and value.is_meta):
        return f"a {dtype} {kind} of shape {shape}"
    array = value.detach().cpu().numpy() if kind == "tensor" else value
    text = np.array2string(array, precision=4, separator=", ", max_line_width=10_000)
    return f"{' '.join(text.split())} ({dtype}{' array' * (kind == 'array')}, shape {shape})"


def difference(got: Any, expected: Any, rtol: float) -> str | None:
    """Say how an answer differs from the reference.

    Args:
        got: What the learner's function returned.
        expected: A tensor, array, number, string, ANYTHING, or a tuple or list of these.
        rtol: Relative tolerance of floating-point numbers (absolute: a tenth of it).

    Returns:
        A line, or None where they agree in kind, shape, dtype, device and value.
    """
    # a number, bool or text of NumPy's is as good as Python's
    got, expected = (v.item() if isinstance(v, np.generic) else v for v in (got, expected))
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(got, expected, rtol)
    if isinstance(expected, list | tuple):
        if isinstance(got, torch.Tensor):
            return f"expected a {type(expected).__name__} of {len(expected)} values, got a tensor"
        if not isinstance(got, list | tuple):
            kind = type(expected).__name__
            found = f"{type(got).__name__}: {show(got)}"
            return f"expected a {kind} of {len(expected)} values, got {found}"
        if len(got) != len(expected):
            return f"expected {len(expected)} values, got {len(got)}: {show(got)}"
        parts = [difference(g, e, rtol) for g, e in zip(got, expected, strict=True)]
        return next((f"value {i + 1}: {part}" for i, part in enumerate(parts) if part), None)
    if isinstance(expected, np.ndarray):
        if not isinstance(got, np.ndarray):
            return f"expected a NumPy array, got {type(got).__name__}"
        return _tensor_difference(torch.from_numpy(got), torch.from_numpy(expected), rtol)
    if expected is ANYTHING:
        return None
    if isinstance(got, torch.Tensor):
        kind = type(expected).__name__
        cure = f": item() makes a Python {kind} of one number" if kind in ("float", "int") else ""
        return f"got a tensor where {show(expected)} is expected, a Python {kind}{cure}"
    if type(expected) is float and type(got) in (int, float):
        same = np.isclose(float(got), expected, rtol=rtol, atol=rtol / 10, equal_nan=True)
    else:
        same = type(got) is type(expected) and got == expected
    if same:
        return None
    alike = show(got) == show(expected)  # such as 'a' and an object that is spelled so
    found = f"{show(got)}, of type {type(got).__name__}" if alike else show(got)
    return f"expected {show(expected)}, got {found}"


def _tensor_difference(got: Any, expected: torch.Tensor, rtol: float) -> str | None:
    if not isinstance(got, torch.Tensor):
        return f"expected a tensor of shape {tuple(expected.shape)}, got {type(got).__name__}"
    for kind in ("shape", "dtype", "device"):
        if getattr(got, kind) != getattr(expected, kind):
            wanted, found = getattr(expected, kind), getattr(got, kind)
            if kind == "shape":
                wanted, found = tuple(wanted), tuple(found)
            return f"expected {kind} {wanted}, got {found}"
    got, expected = got.detach(), expected.detach()
    if not torch.allclose(got, expected, rtol=rtol, atol=rtol / 10, equal_nan=True):
        return _first_difference(got, expected, rtol)
    return None


def _first_difference(got: torch.Tensor, expected: torch.Tensor, rtol: float) -> str:
    if expected.numel() <= 12:
        return f"the values differ: expected {show(expected)}, got {show(got)}"
    same = torch.isclose(got, expected, rtol=rtol, atol=rtol / 10, equal_nan=True)
    place = (~same).nonzero()[0].tolist()
    wanted, found = expected[tuple(place)].item(), got[tuple(place)].item()
    count, total = int((~same).sum()), same.numel()
    return f"{count} of {total} values differ; at {place}: expected {wanted:.4g}, got {found:.4g}"
