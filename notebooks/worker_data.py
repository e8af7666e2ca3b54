"""Datasets of lesson 17 that go into worker processes. A worker can import them from this file."""

import random
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info


class Slow(Dataset):
    """Examples that arrive after a hundredth of a second each, as from a slow disk."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> int:
        time.sleep(0.01)
        return index


class Counting(Dataset):
    """Examples that say how many of them this copy of the dataset has given."""

    served = 0

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        self.served += 1
        return self.served


class Noise(Dataset):
    """Two examples of four random numbers, drawn by four generators."""

    def __init__(self) -> None:
        self.own = np.random.default_rng(0)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> torch.Tensor:
        draws = [torch.rand(1).item(), np.random.rand(), random.random()]
        return torch.tensor([*draws, self.own.random()])


def reseed(worker_id: int) -> None:
    """Give this worker's copy of `Noise` a generator of its own."""
    get_worker_info().dataset.own = np.random.default_rng(torch.initial_seed())


class EveryNumber(IterableDataset):
    """The numbers from 0 to 7, one after another."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(8))


class MyShare(IterableDataset):
    """The same numbers, shared out: worker 1 of 3 takes 1, 4 and 7."""

    def __iter__(self) -> Iterator[int]:
        worker = get_worker_info()  # None in the main process
        first = worker.id if worker else 0
        step = worker.num_workers if worker else 1
        return iter(range(first, 8, step))
