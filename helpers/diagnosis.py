"""What can be found wrong with a training before it begins.

`diagnose` is what lessons call. The others are its steps: most yield a line a finding.
Lesson 16 earns `diagnose` and `repeat_step`.
"""

import copy
import math
import warnings
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn, optim

from helpers.order import random_state, set_random_state


def take_batch(loader: Iterable) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first batch of a copy of the loader, whose generators stay where they are.

    Args:
        loader: Yields batches; can be read more than once. Its dataset is not copied.

    Raises:
        TypeError: The loader can be read only once, so its first batch would be lost.
        ValueError: The loader yields nothing.
    """
    if hasattr(loader, "__next__"):
        raise TypeError("this loader can be read only once; give one that starts again")
    shared = getattr(loader, "dataset", loader)  # may be large
    running = getattr(loader, "_iterator", None)  # workers cannot be copied
    twin = copy.deepcopy(loader, {id(running): None, id(shared): shared})
    for batch in twin:
        return batch
    raise ValueError("the loader yields no batch; is its dataset empty?")


def repeat_step(
    model: nn.Module,
    optimizer: optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    loss_fn: Callable,
    count: int,
) -> list[float]:
    """Train on the same examples again and again.

    Args:
        model: Changed in place, in the mode that it is in.
        optimizer: Of the model's parameters; its `step` takes no closure.
        inputs: (batch, ...).
        targets: (batch, ...).
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
        count: Of the steps.

    Returns:
        The loss before each step.
    """
    losses = []
    for _ in range(count):
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def find_in_batch(inputs: torch.Tensor, targets: torch.Tensor) -> Iterator[str]:
    """Find numbers that are not finite, and a scale that makes training hard.

    Args:
        inputs: (batch, ...); whole numbers have no scale.
        targets: (batch, ...), likewise.
    """
    for name, numbers in (("inputs", inputs), ("targets", targets)):
        if numbers.is_floating_point():
            size = numbers.square().mean().sqrt().item()
            if not math.isfinite(size):
                yield f"the {name} hold nan or infinity"
            elif size > 20 or (name == "inputs" and size < 0.01):
                yield f"the {name} have size {size:.2g}; scale them to about 1"


def find_in_classes(
    outputs: torch.Tensor, targets: torch.Tensor, loss_fn: Callable
) -> Iterator[str]:
    """Find a loss that is higher than that of guessing, and softmax before the loss.

    Args:
        outputs: (batch, classes, ...).
        targets: Class numbers, (batch, ...). -100 is passed over, as torch's losses do.
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.

    Raises:
        IndexError: A label has no output. No loss has been computed, which a GPU may not survive.
    """
    labels = set(targets.flatten().tolist()) - {-100}
    if not labels <= set(range(outputs.shape[1])):
        say = f"labels go from {min(labels)} to {max(labels)}"
        raise IndexError(f"{say}, outputs from 0 to {outputs.shape[1] - 1}")
    loss = loss_fn(outputs, targets).item()
    guess = math.log(outputs.shape[1])
    if not loss < 1.5 * guess:
        yield f"the loss at the start is {loss:.1f}, and guessing costs {guess:.1f}"
    if outputs.min() >= 0 and (outputs.sum(dim=1) - 1).abs().max() < 0.001:
        yield "the outputs are probabilities; the loss takes logits"


def find_in_pairs(outputs: torch.Tensor, targets: torch.Tensor, loss_fn: Callable) -> Iterator[str]:
    """Find a loss that does not care which target belongs to which output.

    Args:
        outputs: (batch, ...), no classes.
        targets: (batch, ...).
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
    """
    shapes = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
    loss = loss_fn(outputs, targets).item()
    swapped = loss_fn(outputs, targets.flip(0)).item()  # every pair is another
    if outputs.shape != targets.shape and math.isclose(loss, swapped, rel_tol=1e-5):
        yield f"outputs and targets broadcast; their shapes are {shapes}"


def find_unregistered(model: nn.Module) -> Iterator[str]:
    """Find tensors and layers that a module has, and that are not on the model's lists.

    Args:
        model: Read, and not called. Attributes that begin with "_" are passed over.
    """
    listed = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    for place, module in model.named_modules():
        for name, value in vars(module).items():
            for part in value if isinstance(value, list | tuple) else [value]:
                tensors = part.parameters() if isinstance(part, nn.Module) else [part]
                tensors = [each for each in tensors if isinstance(each, torch.Tensor)]
                if name[0] != "_" and any(id(each) not in listed for each in tensors):
                    yield f"{place}.{name} is not registered".removeprefix(".")


def find_untrained(model: nn.Module, optimizer: optim.Optimizer) -> Iterator[str]:
    """Find parameters that the optimizer does not train, and strangers that it holds.

    To freeze a part is no finding, unless it is the last one.

    Args:
        model: Has parameters; read, and not called.
        optimizer: That is to train it.
    """
    named = dict(model.named_parameters())
    held = {id(each) for group in optimizer.param_groups for each in group["params"]}
    for name, parameter in named.items():
        if parameter.requires_grad and id(parameter) not in held:
            yield f"{name} is not in the optimizer"
    if held - {id(parameter) for parameter in named.values()}:
        yield "the optimizer holds tensors that are not the model's"
    last = list(named)[-1]
    if not named[last].requires_grad:
        yield f"{last}, the last parameter, is frozen"


def find_in_forward(model: nn.Module, inputs: torch.Tensor, trains: bool) -> Iterator[str]:
    """Find a wrong mode, and examples whose outputs depend on each other.

    Args:
        model: Its mode changes: give a copy.
        inputs: (batch, ...).
        trains: Whether it is to be trained; else it is to be measured.
    """
    if trains and not model.training:
        yield "the model is in eval mode; call train() before training"
    as_is = model(inputs)
    together = model.eval()(inputs)
    noise = (model(inputs) - together).abs().max()  # 0, or it draws numbers
    bound = 0.01 * together.abs().max() + noise
    if not trains and (as_is - together).abs().max() > bound:
        yield "the model is in train mode; call eval() before measuring"
    if (model(inputs[:1]) - together[:1]).abs().max() > bound:
        yield "an example's output depends on the others in its batch"


def find_left_behind(model: nn.Module, inputs: torch.Tensor) -> Iterator[str]:
    """Find a tensor that does not move with the model, by a move to torch's "meta" device.

    Args:
        model: Moved: give a copy.
        inputs: (batch, ...).
    """
    try:
        model.to("meta")(inputs.to("meta"))
    except Exception as error:  # some models need numbers, which are not there
        if "device meta" in str(error):
            yield "a tensor stays behind when the model moves to another device"


def find_in_steps(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, loss_fn: Callable
) -> Iterator[str]:
    """Find what keeps a model from learning 16 examples by heart, in 100 steps of Adam.

    Args:
        model: Trained here: give a copy, in train mode.
        inputs: (batch, ...), of which the first 16 are taken.
        targets: (batch, ...), likewise.
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
    """
    named = {n: each for n, each in model.named_parameters() if each.requires_grad}
    optimizer = optim.Adam(named.values(), lr=0.02)
    losses = repeat_step(model, optimizer, inputs[:16], targets[:16], loss_fn, 100)
    for name, parameter in named.items():
        if parameter.grad is None or not parameter.grad.any():
            yield f"{name} gets no gradient"
    if not losses[-1] < max(0.5 * losses[0], 0.05):
        fall = f"the loss goes from {losses[0]:.2f} to {losses[-1]:.2f}"
        yield f"16 examples cannot be learned by heart; {fall}"


def find_in_rate(
    model: nn.Module,
    optimizer: optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    loss_fn: Callable,
) -> Iterator[str]:
    """Find a loss that climbs in the first 10 steps of the optimizer, on one batch.

    Args:
        model: Trained here: give a copy, in train mode.
        optimizer: Of that copy's parameters.
        inputs: (batch, ...).
        targets: (batch, ...).
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
    """
    losses = repeat_step(model, optimizer, inputs, targets, loss_fn, 10)
    worst = torch.tensor(losses).max().item()  # nan if one is
    if not worst < max(2 * losses[0], 1):
        climb = f"from {losses[0]:.1f} to {worst:.1f}"
        yield f"ten steps on one batch take the loss {climb}; lower the rate"


def find_all(
    model: nn.Module,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    loss_fn: Callable,
    optimizer: optim.Optimizer | None,
) -> Iterator[str]:
    """Take the steps one by one, each with copies.

    Args:
        model: On the device of the inputs.
        inputs: (batch, ...).
        targets: (batch, ...).
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
        optimizer: That is to train the model; None if the model is only to be measured.

    Raises:
        IndexError: A label has no output.
    """
    yield from find_in_batch(inputs, targets)
    yield from find_unregistered(model)
    yield from find_left_behind(copy.deepcopy(model), inputs)
    yield from find_in_forward(copy.deepcopy(model), inputs, optimizer is not None)
    outputs = copy.deepcopy(model).eval()(inputs).detach()
    classes = outputs.ndim == targets.ndim + 1 and outputs.shape[1] > 1
    find = find_in_classes if classes else find_in_pairs
    yield from find(outputs, targets, loss_fn)
    if optimizer is not None:
        yield from find_untrained(model, optimizer)
        yield from find_in_steps(copy.deepcopy(model), inputs, targets, loss_fn)
        twins = copy.deepcopy((model, optimizer))  # still model and optimizer
        yield from find_in_rate(*twins, inputs, targets, loss_fn)


def diagnose(
    model: nn.Module,
    loader: Iterable,
    loss_fn: Callable,
    optimizer: optim.Optimizer | None = None,
) -> list[str]:
    """Say what is wrong with a training, as far as one batch and some trial steps can tell.

    Everything is tried on copies. Model, optimizer, modes, gradients, torch's, NumPy's and Python's
    random states and those of the loader's generators are afterwards what they were. A hook of the
    model's is called by its copies, too.

    Args:
        model: Has parameters, all on one device.
        loader: Yields pairs of tensors (inputs, targets) whose first dimension is the batch; can
            be read more than once. One batch is taken.
        loss_fn: Takes (outputs, targets); returns the batch's mean loss. One that reads the model
            itself, as for a penalty, reads the one given and not the copy.
        optimizer: That is to train the model; None if the model is only to be measured.

    Returns:
        A line for each finding, best read from the first; empty if there is none. An error on the
        way is a finding, and the last one.
    """
    before = random_state()
    found = []
    try:
        device = next(model.parameters()).device
        batch = [part.to(device) for part in take_batch(loader)]
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            for line in find_all(model, *batch, loss_fn, optimizer):
                found.append(line)
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
    finally:
        set_random_state(before)
    return list(dict.fromkeys(found))  # each line once
