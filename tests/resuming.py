"""Trainings that are stopped and go on: loaders, optimizers, schedulers, and where it happens."""

import contextlib
import itertools
import random
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from helpers.checkpoint import CheckpointError, fit_resumable
from helpers.order import random_state
from helpers.training import make_batches

EPOCHS, STEPS = 3, 4  # batches an epoch


class Stop(BaseException):
    """The power goes off: nothing catches it."""


class Augmented(Dataset):
    """Adds noise from torch's, NumPy's and Python's global generators to each example."""

    def __init__(self, seed):
        generator = torch.Generator().manual_seed(seed)
        self.inputs = torch.randn(15, 6, generator=generator)
        self.targets = self.inputs[:, :3].argmax(dim=1)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        noise = torch.randn(6) + np.random.rand() + random.random()
        return self.inputs[index] + 0.1 * noise, self.targets[index]


class OfItsOwn(Augmented):
    """Adds noise from a generator that nobody else knows."""

    def __init__(self, seed):
        super().__init__(seed)
        self.noise = np.random.default_rng(seed)

    def __getitem__(self, index):
        return self.inputs[index] + np.float32(self.noise.normal()), self.targets[index]


class Fresh(OfItsOwn):
    """Adds noise that no seed decides."""

    def __getitem__(self, index):
        self.noise = np.random.default_rng()
        return super().__getitem__(index)


class Growing(Augmented):
    """Adds more noise the more often it was asked."""

    asked = 0

    def __getitem__(self, index):
        self.asked += 1
        return self.inputs[index] + 0.01 * self.asked, self.targets[index]


class Stream(IterableDataset):
    """Deals its examples in an order of its own."""

    def __iter__(self):
        data = Augmented(0)
        return iter(
            sorted(zip(data.inputs, data.targets, strict=True), key=lambda _: torch.rand(1))
        )


class Hidden(Sampler):
    """Draws from a generator that nobody else knows."""

    def __init__(self, length, seed=0):
        self.length, self.numbers = length, np.random.default_rng(seed)

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(self.numbers.permutation(self.length).tolist())


class Turning(Hidden):
    """Begins with another example each time."""

    turns = 0

    def __iter__(self):
        self.turns += 1
        return iter([(self.turns + place) % self.length for place in range(self.length)])


class Bit(Hidden):
    """Draws from Python's global generator, one example at a time, as the batches are asked for."""

    def __iter__(self):
        return (random.randrange(self.length) for _ in range(self.length))


def _given(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _weighted(generator: torch.Generator | None = None) -> Sampler:
    return WeightedRandomSampler(torch.arange(1.0, 16), 15, generator=generator)


def _shared() -> DataLoader:
    own = _given()
    return DataLoader(Augmented(0), 4, sampler=_weighted(own), generator=own)


def _in_batches(generator: torch.Generator | None = None) -> DataLoader:
    data = TensorDataset(Augmented(0).inputs, Augmented(0).targets)
    batches = BatchSampler(RandomSampler(data, generator=generator), 4, drop_last=False)
    return DataLoader(data, sampler=batches, batch_size=None)


# Loaders that a training goes on with as if never stopped.
LOADERS: dict[str, Callable[[], DataLoader]] = {
    "in order": lambda: DataLoader(Augmented(0), 4),
    "shuffled by a generator": lambda: DataLoader(
        Augmented(0), 4, shuffle=True, generator=_given()
    ),
    "shuffled by the global one": lambda: DataLoader(Augmented(0), 4, shuffle=True),
    "the series' own": lambda: make_batches(
        Augmented(0).inputs, Augmented(0).targets, 4, shuffle=True
    ),
    "a sampler of batches, with a generator": lambda: _in_batches(_given()),
    "its sampler has another generator": lambda: DataLoader(
        Augmented(0), 4, sampler=RandomSampler(range(15), generator=_given(2)), generator=_given()
    ),
    "its sampler has the same": _shared,
    "weighted": lambda: DataLoader(Augmented(0), 4, sampler=_weighted()),
    "with replacement": lambda: DataLoader(
        Augmented(0), 4, sampler=RandomSampler(range(15), True, generator=_given())
    ),
    "a part": lambda: DataLoader(Augmented(0), 3, sampler=SubsetRandomSampler(range(2, 14))),
    "a sampler of batches": lambda: DataLoader(
        Augmented(0), batch_sampler=BatchSampler(RandomSampler(range(15)), 4, False)
    ),
    "the last batch dropped": lambda: DataLoader(Augmented(0), 3, shuffle=True, drop_last=True),
}

# Loaders with worker processes, which take longer.
WORKING: dict[str, Callable[[], DataLoader]] = {
    "workers": lambda: DataLoader(Augmented(0), 4, shuffle=True, num_workers=2),
    "workers, a generator": lambda: DataLoader(
        Augmented(0), 4, shuffle=True, generator=_given(), num_workers=2
    ),
    "workers, each with a copy of the generator": lambda: DataLoader(
        OfItsOwn(0), 4, shuffle=True, num_workers=1
    ),
}

# Loaders that nobody can put back to where they were, and what is said of them.
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a list": (lambda: list(DataLoader(Augmented(0), 4)), "expected a DataLoader, got a list"),
    "a stream": (lambda: DataLoader(Stream(), 4), "IterableDataset keeps it to itself"),
    "lasting workers": (
        lambda: DataLoader(Augmented(0), 4, num_workers=1, persistent_workers=True),
        "leave persistent_workers out",
    ),
    "a hidden generator": (lambda: DataLoader(Augmented(0), 4, sampler=Hidden(15)), "its sampler"),
    "a sampler that counts": (
        lambda: DataLoader(Augmented(0), 4, sampler=Turning(15)),
        "its sampler",
    ),
    "drawn bit by bit": (lambda: DataLoader(Augmented(0), 4, sampler=Bit(15)), "its sampler"),
    "a dataset's generator": (lambda: DataLoader(OfItsOwn(0), 4), "its dataset"),
    "a dataset's chance": (lambda: DataLoader(Fresh(0), 4), "its dataset"),
    "a dataset's chance in a worker": (
        lambda: DataLoader(Fresh(0), 4, num_workers=1),
        "its dataset",
    ),
    "a dataset that counts": (lambda: DataLoader(Growing(0), 4), "its dataset"),
}

OPTIMIZERS: dict[str, Callable[[nn.Module], optim.Optimizer]] = {
    "SGD": lambda m: optim.SGD(m.parameters(), 0.1, momentum=0.9),
    "plain SGD": lambda m: optim.SGD(m.parameters(), 0.1),
    "Adam": lambda m: optim.Adam(m.parameters(), 0.01),
    "AdamW": lambda m: optim.AdamW(m.parameters(), 0.01, amsgrad=True),
    "RMSprop": lambda m: optim.RMSprop(m.parameters(), 0.01, momentum=0.5, centered=True),
    "Adagrad": lambda m: optim.Adagrad(m.parameters(), 0.05),
    "NAdam": lambda m: optim.NAdam(m.parameters(), 0.01),
    "Adafactor": lambda m: optim.Adafactor(m.parameters(), 0.05),
    "SGD in two groups": lambda m: optim.SGD(
        [{"params": m[0].parameters(), "lr": 0.01}, {"params": m[1:].parameters()}],
        0.1,
        momentum=0.5,
    ),
    "Adam in two groups": lambda m: optim.Adam(
        [{"params": m[0].parameters(), "weight_decay": 0.1}, {"params": m[1:].parameters()}], 0.01
    ),
    "names": lambda m: optim.AdamW(m.named_parameters(), 0.01),
}

SCHEDULERS: dict[str, Callable[[optim.Optimizer], object]] = {
    "none": lambda o: None,
    "StepLR": lambda o: lr_scheduler.StepLR(o, 1, gamma=0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 2]),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.7),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.5**epoch),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, EPOCHS),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=0.5),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.5)], [1]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.5)]
    ),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(
        o, 0.02, total_steps=EPOCHS + 1, cycle_momentum=False
    ),
    "OneCycleLR, each batch": lambda o: lr_scheduler.OneCycleLR(
        o, 0.02, total_steps=99, cycle_momentum=False
    ),
}

# Where it is stopped: a moment, as `train` names it, and how many times that comes before.
STOPS = {
    "in an epoch": ("step", 6),
    "after an epoch": ("step", STEPS),
    "between best.pt and epoch_1.pt": ("rename", 4),
}


def make(loader="shuffled by a generator", optimizer="SGD", scheduler="StepLR"):
    """Make everything anew, by the same code: what a restarted process does."""
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3))
    parts = {"model": model, "optimizer": OPTIMIZERS[optimizer](model)}
    schedule = SCHEDULERS[scheduler](parts["optimizer"])
    if scheduler.endswith("each batch"):
        parts["each batch"] = schedule
        parts["optimizer"].register_step_post_hook(lambda *_: schedule.step())
    elif schedule is not None:
        parts["scheduler"] = schedule
    makers = LOADERS | WORKING | {name: maker for name, (maker, _) in REFUSED.items()}
    valid = TensorDataset(Augmented(1).inputs, Augmented(1).targets)
    return parts, makers[loader](), DataLoader(valid, 5, shuffle=True, generator=_given(3))


def train(folder, made, stop=None, moment="step", every=2, epochs=EPOCHS):
    """Train, and stop before a step, or before a file that is written is renamed.

    Args:
        folder: Of the checkpoints.
        made: By `make`.
        stop: How many times the moment comes before the power goes off; None for never.
        moment: "step", before the weights change, "write", while a file is written, or "rename",
            before it has its name.
        every: As in `fit_resumable`.
        epochs: Likewise.

    Returns:
        Everything that has a state.
    """
    parts, loader, valid = made
    calls, loss_fn = itertools.count(), nn.CrossEntropyLoss()

    def count(kind):
        if kind == moment and next(calls) == stop:
            raise Stop

    def stopping(outputs, targets):
        if outputs.requires_grad:
            count("step")
        return loss_fn(outputs, targets)

    def replace(path, target, replace=Path.replace):
        count("rename")
        return replace(path, target)

    # a process that is killed loses nothing that it wrote: the system lives on
    with patch("os.fsync", lambda _: count("write")), patch.object(Path, "replace", replace):
        history = fit_resumable(parts, loader, valid, stopping, epochs, folder, every)
    states = {name: part.state_dict() for name, part in parts.items()}
    return {"history": history, "random": random_state(), "next": torch.rand(3), **states}


def same(one, other):
    """Compare nested dicts and lists of tensors and numbers bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def outcome(folder, kinds, stop, moment="step", whole=None):
    """Stop a training and go on; say "identical", "different", or why it was refused.

    Args:
        folder: An empty one.
        kinds: Of loader, optimizer and scheduler, for `make`.
        stop: As for `train`.
        moment: Likewise.
        whole: What the same training gave that was never stopped; made if it is not given.
    """
    try:
        whole = train(folder / "whole", make(*kinds)) if whole is None else whole
        with contextlib.suppress(Stop):
            train(folder / "cut", make(*kinds), stop, moment)
        return "identical" if same(train(folder / "cut", make(*kinds)), whole) else "different"
    except (ValueError, CheckpointError) as error:
        return f"refused: {error}"
