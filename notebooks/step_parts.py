"""Networks of lesson 17, and what times the parts of a step and the epochs of a loader."""

import logging
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

# It warns of a CUDA compiler without a card as soon as torch.utils.benchmark is imported.
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)

PARTS = ["loader", "move", "forward", "backward", "optimizer"]


def make_model() -> nn.Sequential:
    """Make a small network for digits, (batch, 1, 8, 8) -> (batch, 10), always the same one."""
    torch.manual_seed(0)
    first = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
    second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(512, 10))


def make_deep() -> nn.Sequential:
    """Make 36 convolutions in 6 pieces, and after them a linear layer, always the same ones."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
    for _ in range(35):
        layers += [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()]
    pieces = [nn.Sequential(*layers[i : i + 12]) for i in range(0, 72, 12)]
    return nn.Sequential(*pieces, nn.Sequential(nn.Flatten(), nn.Linear(1024, 10)))


def time_parts(
    loaders: dict[str, DataLoader],
    model: nn.Module,
    loss_fn: Callable,
    optimizer: torch.optim.Optimizer,
    synchronise: Callable[[], None],
    steps: int = 48,
) -> dict[str, torch.Tensor]:
    """Take training steps with batches of each loader by turns, and time their parts.

    Returns:
        For each loader the seconds of `PARTS` in each step, (steps, 5).
    """
    streams = {name: _again_and_again(loader) for name, loader in loaders.items()}
    times: dict[str, list] = {name: [] for name in loaders}
    for _ in range(steps):
        for name, batches in streams.items():
            times[name].append(_time_step(batches, model, loss_fn, optimizer, synchronise))
    return {name: torch.stack(rows)[1:] for name, rows in times.items()}  # the first is a warm-up


def _again_and_again(loader: DataLoader) -> Iterator:
    while True:
        yield from loader


def _time_step(
    batches: Iterator,
    model: nn.Module,
    loss_fn: Callable,
    optimizer: torch.optim.Optimizer,
    synchronise: Callable[[], None],
) -> torch.Tensor:
    device = next(model.parameters()).device
    clock = [time.perf_counter()]

    def tick(result=None):
        synchronise()
        clock.append(time.perf_counter())
        return result

    inputs, targets = tick(next(batches))
    inputs, targets = tick((inputs.to(device), targets.to(device)))
    loss = tick(loss_fn(model(inputs), targets))
    tick(loss.backward())
    tick(optimizer.step())
    optimizer.zero_grad()
    return torch.tensor(clock, dtype=torch.float64).diff()


def epoch_seconds(dataset: Dataset, batch_size: int, workers: int, pause: float) -> torch.Tensor:
    """Return the seconds of three epochs, (3,), after one in which the workers start.

    The loop sleeps for `pause` seconds after each batch, where a model would compute.
    """
    loader = DataLoader(dataset, batch_size, num_workers=workers, persistent_workers=workers > 0)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        for _ in loader:
            time.sleep(pause)
        seconds.append(time.perf_counter() - start)
    return torch.tensor(seconds[1:])
