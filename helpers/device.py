"""Where a lesson computes, and which random numbers it draws. Earned in lesson 01."""

import os
import random

import numpy as np
import torch


def get_device(name: str | None = None) -> torch.device:
    """Choose a device: `name`, else the variable `LADDER_DEVICE`, else CUDA, then MPS, then CPU.

    Args:
        name: "cpu", "mps", "cuda" or "cuda:1"; None leaves it to the variable and the machine.

    Returns:
        A device that is there.

    Raises:
        ValueError: The device asked for is unknown or not there; the message lists those that are.
    """
    found = []  # from the best device to the slowest
    if torch.cuda.is_available():
        found += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps:0")
    found.append("cpu:0")
    best = found[0].removesuffix(":0")  # "cuda", "mps" or "cpu"
    name = str(name or os.environ.get("LADDER_DEVICE") or best)
    if name not in found and f"{name}:0" not in found:
        choices = f"choose one of {found} or unset LADDER_DEVICE"
        raise ValueError(f"no device {name!r} here; {choices}")
    return torch.device(name)


def set_seed(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch (CPU and every accelerator) alike.

    Args:
        seed: A whole number from 0 to 2**32 - 1.

    Raises:
        ValueError: NumPy takes no seed outside that range.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def describe_device(device: torch.device) -> str:
    """Say in one line what `device` is, such as "running on cpu (2 threads)".

    Args:
        device: A device that is there.

    Returns:
        A line that always begins with "running on", so that a notebook's test can pass over it.
    """
    if device.type == "cuda":
        details = torch.cuda.get_device_name(device)
    elif device.type == "cpu":
        count = torch.get_num_threads()
        details = "1 thread" if count == 1 else f"{count} threads"
    else:
        details = "accelerator"
    return f"running on {device} ({details})"
