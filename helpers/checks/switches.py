"""What torch, NumPy and Python keep for everybody, noted before a learner's code and put back."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch


class Switch(NamedTuple):
    """A setting of the whole process: how it is read and set, and who changes it by mistake."""

    read: Callable[[], Any]
    put: Callable[[Any], Any]
    say: str = ""


def _device(device: torch.device) -> None:
    # none is set at first, which reads as "cpu"
    torch.set_default_device(None if device == torch.device("cpu") else device)


def _autocast(kind: str) -> Switch:
    return Switch(
        lambda: torch.is_autocast_enabled(kind), lambda on: torch.set_autocast_enabled(kind, on)
    )


_EVERYBODY = "for all that runs after it"
_SWITCHES = [
    Switch(
        torch.is_grad_enabled,
        torch.set_grad_enabled,
        f"your function switches gradients on or off {_EVERYBODY}; use a `with` block, such as "
        "`with torch.no_grad():`",
    ),
    Switch(
        torch.get_default_dtype,
        torch.set_default_dtype,
        f"your function changes the default dtype {_EVERYBODY}; say `dtype=` where you need it",
    ),
    Switch(
        torch.get_default_device,
        _device,
        f"your function changes the default device {_EVERYBODY}; say `device=` where you need it",
    ),
    Switch(
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda old: torch.use_deterministic_algorithms(old[0], warn_only=old[1]),
    ),
    Switch(
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda old: torch.autograd.set_detect_anomaly(*old),
    ),
    Switch(
        lambda: [
            getattr(torch.backends.cudnn, flag)
            for flag in ("enabled", "benchmark", "deterministic")
        ],
        lambda old: [
            setattr(torch.backends.cudnn, flag, on)
            for flag, on in zip(("enabled", "benchmark", "deterministic"), old, strict=True)
        ],
    ),
    Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    Switch(torch.get_num_threads, torch.set_num_threads),
    *map(_autocast, ("cpu", "cuda", "mps")),
    Switch(np.geterr, lambda old: np.seterr(**old)),
    Switch(np.get_printoptions, lambda old: np.set_printoptions(**old)),
]


@contextlib.contextmanager
def switches_kept() -> Iterator[list[str]]:
    """Put back every switch that is changed inside.

    Yields:
        A list that afterwards holds what to say of each change that later code would suffer from.
    """
    before = [switch.read() for switch in _SWITCHES]
    changes: list[str] = []
    try:
        yield changes
    finally:
        for switch, old in zip(_SWITCHES, before, strict=True):
            if switch.read() != old:
                switch.put(old)
                changes += [switch.say] if switch.say else []


@contextlib.contextmanager
def randomness_kept() -> Iterator[None]:
    """Put back the random states of torch, NumPy and Python."""
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    numbers, plain = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(numbers)
        if mps is not None:
            torch.mps.set_rng_state(mps)
