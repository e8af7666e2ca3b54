"""Where random numbers stand, and in which order a loader deals its batches.

Lesson 15 says what these do for `fit_resumable`.
"""

import io
import random
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset


def random_state() -> dict[str, Any]:
    """Take down where the generators of Python, NumPy, torch and its accelerators stand."""
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put the generators back to where `random_state` found them.

    Those of an accelerator that this machine lacks, or has not as many of, are passed over.
    """
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"].cpu())
    for number, generator in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(generator.cpu(), number)
    if state["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"].cpu())


def take_order(*loaders: Any) -> dict[str, Any]:
    """Take down all that decides which batches the loaders deal next.

    Args:
        loaders: The first a `DataLoader` of a dataset with numbered examples, the others any.

    Returns:
        "random", the state of the global generators; "generators", the states of those that the
        loaders and their samplers were given; and "dealt", a checksum of the numbers of all
        examples of the first loader's next epoch, batch by batch.
    """
    generators = [generator.get_state() for generator in _generators(loaders)]
    order = {"random": random_state(), "generators": generators}
    order["dealt"] = zlib.crc32(_deal(loaders[0]).encode())
    set_order(order, *loaders)
    return order


def set_order(order: dict[str, Any], *loaders: Any) -> None:
    """Let the loaders deal again what they dealt after `take_order`.

    Raises:
        ValueError: They have more or fewer generators than those of `take_order`.
    """
    for generator, state in zip(_generators(loaders), order["generators"], strict=True):
        generator.set_state(state)
    set_random_state(order["random"])


def require_repeatable(*loaders: Any) -> None:
    """Raise unless loaders deal the same batches again from the same order.

    Tried are the numbers of the examples of an epoch, and the first batch. All generators that
    `take_order` knows are afterwards where they were.

    Args:
        loaders: The first must be a `DataLoader` of a dataset with numbered examples; what else is
            no `DataLoader` is not tried.

    Raises:
        ValueError: They do not, or nobody could tell.
    """
    if not isinstance(loaders[0], DataLoader):
        _refuse(f"expected a DataLoader, got a {type(loaders[0]).__name__}")
    if isinstance(loaders[0].dataset, IterableDataset):
        _refuse("an IterableDataset keeps it to itself; use a Dataset with numbered examples")
    for loader in loaders:
        if isinstance(loader, DataLoader):
            _require_repeatable(loader)


def _require_repeatable(loader: DataLoader) -> None:
    if loader.persistent_workers:
        _refuse("persistent workers keep random numbers of their own; leave persistent_workers out")
    order = take_order(loader)

    def again(deal: Callable, *arguments: bool) -> Any:
        set_order(order, loader)
        return deal(loader, *arguments)

    if again(_deal) != again(_deal, True):
        say = "give it a torch.Generator() as its attribute `generator`, and draw from that alone"
        _refuse(f"its sampler draws from a generator that is not known; {say}")
    if again(_first) != again(_first):
        say = "draw from the global generators of torch, NumPy or Python, which are saved"
        _refuse(f"its dataset has random numbers or a memory of its own; {say}")
    set_order(order, loader)


def require_same_order(order: dict[str, Any], *loaders: Any) -> None:
    """Raise unless the loaders, set to an order that was taken before, deal what they dealt then.

    Raises:
        ValueError: They do not: other data, another batch size, another sampler.
    """
    before = take_order(*loaders)
    try:
        set_order(order, *loaders)
        same = take_order(*loaders)["dealt"] == order["dealt"]
    except (TypeError, ValueError):  # other generators
        same = False
    set_order(before, *loaders)
    if not same:
        say = "make it by the same code, from the same data, or begin in another folder"
        raise ValueError(f"the loader deals other batches than when the checkpoint was made; {say}")


def _refuse(why: str) -> None:
    raise ValueError(f"the order of the loader's examples cannot be saved: {why}")


def _generators(loaders: tuple) -> list[torch.Generator]:
    """Find the generators of loaders and of their samplers, each once."""
    places, found = list(loaders), []
    for place in places:
        inner = [getattr(place, name, None) for name in ("batch_sampler", "sampler")]
        places += [one for one in inner if one is not None]  # a sampler may hold another
        own = getattr(place, "generator", None)
        if isinstance(own, torch.Generator) and all(own is not one for one in found):
            found.append(own)
    return found


def _deal(loader: DataLoader, disturb: bool = False) -> str:
    """Write down the numbers of an epoch's examples; `disturb` draws in between, as a model may."""
    dealt = []
    if isinstance(loader.dataset, IterableDataset):
        return ""  # it has none
    for batch in loader.sampler if loader.batch_sampler is None else loader.batch_sampler:
        dealt.append(batch.tolist() if isinstance(batch, torch.Tensor) else batch)
        if disturb:
            torch.rand(1), np.random.rand(), random.random()
    return repr(dealt)


def _first(loader: DataLoader) -> bytes:
    """Give the bytes of a loader's first batch."""
    buffer = io.BytesIO()
    torch.save(next(iter(loader), None), buffer)
    return buffer.getvalue()
