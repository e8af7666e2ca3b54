"""The training loop and what surrounds it.

One epoch and `evaluate` are earned in lesson 04, `accuracy` in 05, the rest in 10.
"""

import itertools
import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset


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


def accuracy(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the share of the targets that are predicted.

    Args:
        logits: As many as targets, in the same shape: class 1 is predicted from 0 on, that is from
            a probability of a half. Or one a class along dim 1, (batch, classes, ...): the class
            of the largest is predicted.
        targets: Class numbers of any dtype: of the logits' shape, or (batch, ...).

    Returns:
        A number from 0 to 1; nan if there are no targets.

    Raises:
        ValueError: The shapes fit neither way.
    """
    one_each = logits.numel() == targets.numel()
    guesses = logits >= 0 if one_each else logits.argmax(dim=1)
    if guesses.shape != targets.shape:
        shapes = f"{tuple(logits.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"logits and targets do not fit, their shapes are {shapes}")
    return (guesses == targets).float().mean().item()


def make_batches(
    inputs: torch.Tensor, targets: torch.Tensor, batch_size: int = 1000, shuffle: bool = False
) -> DataLoader:
    """Make a loader of examples that lie in memory; it fetches a whole batch at once.

    Args:
        inputs: (examples, ...), on any device.
        targets: (examples, ...), likewise.
        batch_size: Examples a batch; the last batch may be smaller.
        shuffle: In another order each time, drawn by torch's global random state.

    Returns:
        A loader of pairs (inputs, targets).
    """
    dataset = TensorDataset(inputs, targets)
    order = RandomSampler(dataset) if shuffle else range(len(dataset))
    batches = BatchSampler(order, batch_size, drop_last=False)
    return DataLoader(dataset, sampler=batches, batch_size=None)


def collect_outputs(model: nn.Module, loader: Iterable) -> tuple[torch.Tensor, torch.Tensor]:
    """Collect the outputs of `model` for a whole `loader`, as `evaluate` would see them.

    Args:
        model: Used on the device it is on, in eval mode; nothing of it changes.
        loader: Yields pairs (inputs, targets) whose first dimension is the batch.

    Returns:
        The outputs, (examples, ...), and the targets, (examples, ...), in the loader's order, both
        on the model's device.

    Raises:
        ValueError: The loader yields nothing.
    """
    batches = []

    def collect(outputs, targets):
        batches.append((outputs, targets))
        return 0.0

    evaluate(model, loader, collect)
    outputs, targets = zip(*batches, strict=True)
    return torch.cat(outputs), torch.cat(targets)


def check_labels(logits: torch.Tensor, targets: torch.Tensor, place: str) -> None:
    """Refuse targets that do not belong to the logits of a classifier.

    Args:
        logits: (batch, classes, ...); or one logit each, (batch,) or (batch, 1, ...).
        targets: Class numbers, (batch, ...); for one logit each from 0 to 1, of its shape.
        place: Where this happens, for the message, such as "step 3".

    Raises:
        ValueError: The shapes do not fit, or a label is negative, nan, or has no logit.
    """
    one_each = logits.ndim < 2 or logits.shape[1] == 1
    classes = 2 if one_each else logits.shape[1]
    shape = logits.shape if one_each else logits[:, 0].shape
    if targets.shape != shape:
        say = f"expected targets of shape {tuple(shape)}, got {tuple(targets.shape)}"
        raise ValueError(f"{place}: {say}; reshape them, or argmax(dim=1) if one-hot")
    low, high = (bound.item() for bound in targets.aminmax())
    if not 0 <= low <= high <= classes - 1:  # nan is refused as well
        say = f"expected labels from 0 to {classes - 1}, got {low} to {high}"
        raise ValueError(f"{place}: {say}; number the classes from 0 or add outputs")


def guard(loss_fn: Callable, where: str = "step") -> Callable:
    """Make of a classifier's loss one that refuses impossible labels and stops at nan.

    Args:
        loss_fn: Takes (logits, targets), as `check_labels` wants them.
        where: What one call is, for the messages; calls are counted from 1.

    Returns:
        A function of (logits, targets) that gives what `loss_fn` gives.

    Raises:
        ValueError: (when called) The shapes do not fit, or a label is negative, nan, or has no
            logit.
        FloatingPointError: (when called) The loss is infinite or nan.
    """
    calls = itertools.count(1)

    def guarded(logits, targets):
        place = f"{where} {next(calls)}"
        check_labels(logits, targets, place)
        loss = loss_fn(logits, targets)
        if not loss.isfinite():
            say = "try a lower learning rate, and look for nan or inf in the inputs"
            raise FloatingPointError(f"{place}: the loss is {loss.item()}; {say}")
        return loss

    return guarded


def fit(
    model: nn.Module,
    train_loader: Iterable,
    valid_loader: Iterable,
    loss_fn: Callable,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    show: bool = True,
) -> dict[str, list[float]]:
    """Train a classifier for some epochs, and watch it on validation data after each.

    Args:
        model: Changed in place, on the device it is on; gives logits, (batch, classes), or one
            logit each, (batch, 1).
        train_loader: Yields pairs (inputs, targets), targets being class numbers, (batch,), or for
            one logit each floats of 0 and 1, (batch, 1). Batch norm cannot train on a last batch of
            one example; `drop_last=True` leaves it out.
        valid_loader: The same, of examples that are not trained on.
        loss_fn: Takes (logits, targets); returns the batch's mean loss.
        optimizer: Of the model's parameters, or some of them.
        epochs: Passes through `train_loader`, 1 or more.
        show: Print a line after about every tenth of the epochs.

    Returns:
        "train_loss" (mean over the epoch, as `train_epoch` gives it), "valid_loss" and
        "valid_accuracy" (0 to 1), each with one number an epoch.

    Raises:
        ValueError: The optimizer was made of another model, or before a part of this one was
            replaced; a loader yields nothing; targets are of another shape or out of range; or,
            from batch norm, a batch for training holds a single example.
        FloatingPointError: The loss is infinite or nan; the model is as it was before that step.
    """
    held = {p for group in optimizer.param_groups for p in group["params"]}
    own = set(model.parameters())
    if not (held <= own or own <= held):  # a part of the model may be trained alone
        say = "the optimizer holds parameters of another model"
        raise ValueError(f"{say}; make it of this one's")
    train_loss = guard(loss_fn)
    valid_loss = guard(loss_fn, "validation after epoch")
    history = {"train_loss": [], "valid_loss": [], "valid_accuracy": []}
    for epoch in range(1, epochs + 1):
        loss = train_epoch(model, train_loader, train_loss, optimizer)
        logits, targets = collect_outputs(model, valid_loader)
        history["train_loss"].append(loss)
        history["valid_loss"].append(valid_loss(logits, targets).item())
        history["valid_accuracy"].append(accuracy(logits, targets))
        if show and (epoch in (1, epochs) or epoch % math.ceil(epochs / 10) == 0):
            numbers = [f"{name} {values[-1]:.3f}" for name, values in history.items()]
            print(f"epoch {epoch:{len(str(epochs))}}/{epochs}", *numbers, sep="  ")
    return history
