"""One epoch of training, and an evaluation that changes nothing. Earned in lesson 04."""

from collections.abc import Callable, Iterable

import torch
from torch import nn


def train_epoch(
    model: nn.Module, loader: Iterable, loss_fn: Callable, optimizer: torch.optim.Optimizer
) -> float:
    """Train `model`, in train mode and on the device it is on, once through `loader`.

    Args:
        model: Changed in place, and left in train mode; it has parameters, all on one device.
        loader: Yields pairs (inputs, targets) whose first dimension is the batch.
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
        optimizer: Of the model's parameters.

    Returns:
        The mean loss over all examples, each measured before its own step.

    Raises:
        ValueError: The loader yields nothing.
    """
    device = next(model.parameters()).device
    model.train()
    total, count = 0.0, 0
    for inputs, targets in loader:
        loss = loss_fn(model(inputs.to(device)), targets.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(targets)  # a ragged last batch counts by its size
        count += len(targets)
    if count == 0:
        raise ValueError("the loader yields no batch; is its dataset smaller than one batch?")
    return total / count


def evaluate(model: nn.Module, loader: Iterable, measure: Callable) -> float:
    """Average `measure` over the examples of `loader`, in eval mode and without gradients.

    The modes of the model's modules and torch's global random state are afterwards what they were,
    also if `measure` raises. A generator that the loader was given moves on, as in any pass.

    Args:
        model: Used on the device it is on; it has parameters, all on one device.
        loader: Yields pairs (inputs, targets) whose first dimension is the batch.
        measure: Takes (outputs, targets); returns the batch's mean, such as a loss or an accuracy.

    Returns:
        The mean over all examples.

    Raises:
        ValueError: The loader yields nothing.
    """
    device = next(model.parameters()).device
    accelerators = [] if device.type == "cpu" else [device]
    modes = [(module, module.training) for module in model.modules()]
    total, count = 0.0, 0
    model.eval()
    try:
        # fork_rng puts the CPU's random state back in any case, that of others only if named
        with torch.random.fork_rng(accelerators), torch.inference_mode():
            for inputs, targets in loader:
                value = measure(model(inputs.to(device)), targets.to(device))
                total += float(value) * len(targets)
                count += len(targets)
    finally:
        for module, mode in modes:
            module.training = mode  # one by one: train() would wake a frozen part as well
    if count == 0:
        raise ValueError("the loader yields no batch; is its dataset smaller than one batch?")
    return total / count
