"""Compare an answer with the reference, and say in one line how the two differ."""

from typing import Any

import numpy as np
import torch


def show(value: Any) -> str:
    """Spell a value in one line; of a large tensor only its dtype and shape."""
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        if value.numel() > 12:
            return f"a {dtype} tensor of shape {tuple(value.shape)}"
        array = value.detach().cpu().numpy()
        text = np.array2string(array, precision=4, separator=", ", max_line_width=10_000)
        return f"{' '.join(text.split())} ({dtype}, shape {tuple(value.shape)})"
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}…"


def difference(got: Any, expected: Any, rtol: float) -> str | None:
    """Say how an answer differs from the reference.

    Args:
        got: What the learner's function returned.
        expected: A tensor, array, number, string, or a tuple or list of these.
        rtol: Relative tolerance of floating-point numbers (absolute: a tenth of it).

    Returns:
        A line, or None where they agree in kind, shape, dtype, device and value.
    """
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(got, expected, rtol)
    if isinstance(expected, list | tuple):
        if isinstance(got, torch.Tensor):
            return f"expected a {type(expected).__name__} of {len(expected)} values, got a tensor"
        if not isinstance(got, list | tuple) or len(got) != len(expected):
            return f"expected {len(expected)} values, got {show(got)}"
        parts = [difference(g, e, rtol) for g, e in zip(got, expected, strict=True)]
        return next((f"value {i + 1}: {part}" for i, part in enumerate(parts) if part), None)
    if isinstance(expected, np.ndarray):
        if not isinstance(got, np.ndarray):
            return f"expected a NumPy array, got {type(got).__name__}"
        return _tensor_difference(torch.from_numpy(got), torch.from_numpy(expected), rtol)
    if isinstance(got, torch.Tensor):
        return f"expected {show(expected)}, a Python {type(expected).__name__}, got a tensor"
    if isinstance(expected, float) and isinstance(got, int | float | np.number):
        same = np.isclose(float(got), expected, rtol=rtol, atol=rtol / 10, equal_nan=True)
    else:
        same = type(got) is type(expected) and got == expected
    return None if same else f"expected {show(expected)}, got {show(got)}"


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
