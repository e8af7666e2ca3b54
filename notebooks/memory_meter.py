"""Counts the bytes of tensors on the CPU for lesson 17, without help from the hardware."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode


class Meter(TorchDispatchMode):
    """Notes after each operation of torch how many megabytes are in use.

    Scratch memory inside an operation is not seen.

    Attributes:
        curve: The megabytes after each operation that ran inside `with`.
    """

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}
        self.curve: list[float] = []
        for tensor in known:
            self.note(tensor)

    def note(self, tensor: torch.Tensor) -> None:
        """Count a tensor's storage once, until it is freed."""
        storage = tensor.untyped_storage()
        if id(storage) not in self.sizes:
            self.sizes[id(storage)] = storage.nbytes()
            weakref.finalize(storage, self.sizes.pop, id(storage))

    def __torch_dispatch__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run an operation, then note what it has made."""
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.note(tensor)
        self.curve.append(sum(self.sizes.values()) / 1e6)
        return result


def saved_bytes(model: nn.Module, compute: Callable[[], torch.Tensor]) -> int:
    """Count the bytes that autograd saves in `compute` for the backward pass, parameters aside."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        result = compute()
    del result  # lived until here, so that no address was used twice
    return sum(found.values())


def training_bytes(model: nn.Module, compute: Callable[[], torch.Tensor]) -> list[int]:
    """Take a step of Adam, and count what is held for it.

    Returns:
        The bytes of parameters, of gradients, of the optimizer's state, and of what `compute`,
        which gives the loss, saves for the backward pass.
    """
    optimizer = torch.optim.Adam(model.parameters())
    saved = saved_bytes(model, compute)
    compute().backward()
    optimizer.step()
    return [*held_bytes(model, optimizer), saved]


def held_bytes(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[int]:
    """Count the bytes of a model's parameters, of their gradients and of its optimizer's state."""
    states = optimizer.state.values()
    kinds = [
        list(model.parameters()),
        [p.grad for p in model.parameters() if p.grad is not None],
        [value for state in states for value in state.values() if torch.is_tensor(value)],
    ]
    return [sum(tensor.nbytes for tensor in kind) for kind in kinds]


def meter_steps(
    model: nn.Module, optimizer: torch.optim.Optimizer, compute: Callable[[], torch.Tensor]
) -> tuple[list[float], list[tuple[str, int]]]:
    """Take two training steps, `compute` giving the loss, and meter them.

    Returns:
        The megabytes in use after each operation, and the names and places of the parts' ends.
    """
    ends = []
    with Meter(model.parameters()) as meter:
        for _ in range(2):
            loss = compute()
            ends.append(("forward", len(meter.curve)))
            loss.backward()
            ends.append(("backward", len(meter.curve)))
            optimizer.step()
            optimizer.zero_grad()
            ends.append(("optimizer", len(meter.curve)))
    return meter.curve, ends


def meter_curve(model: nn.Module, compute: Callable[[], Any]) -> list[float]:
    """Run `compute`, and return the megabytes in use after each of its operations."""
    with Meter(model.parameters()) as meter:
        compute()
    return meter.curve
