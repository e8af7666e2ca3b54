"""Checkpoints: written whole or not at all, read without running code. Earned in lesson 14.

A checkpoint is a dict of tensors, numbers, strings, and lists and dicts of them, written by
`torch.save` and read with `weights_only=True`. One process at a time writes into a folder.
"""

import contextlib
import os
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from helpers.training import evaluate, train_epoch


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read or used; the message says why and what to do."""


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a crash at any moment leaves the one before or the new one.

    It is written beside its place under another name, read back, and then renamed.

    Args:
        path: Where it belongs; folders are made.
        state: Tensors, numbers, strings, None, and lists, tuples and dicts of them.

    Raises:
        CheckpointError: It cannot be written or read back; what was at `path` is still there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # on the disk, not only in a cache
        load_checkpoint(temporary)
        temporary.replace(path)  # in one step: nobody ever sees half a file
    except Exception as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        # torch says "unexpected pos" of a full disk; the reason hides behind that
        reason = error.__context__ if isinstance(error.__context__, OSError) else error
        kept = "the one before is unharmed" if path.is_file() else "nothing was written"
        raise CheckpointError(f"cannot write {path}: {reason}; {kept}") from None


def load_checkpoint(path: str | Path, map_location: str | torch.device = "cpu") -> dict[str, Any]:
    """Read a checkpoint; damage is noticed by its checksums, and no code in it is ever run.

    Args:
        path: The file.
        map_location: The device that its tensors are put on.

    Raises:
        CheckpointError: There is no such file, it is damaged or no checkpoint, or it holds more
            than data. The message names the newest whole checkpoint beside it.
    """
    path = Path(path)
    try:
        return read_whole(path, map_location)
    except FileNotFoundError:
        problem = "is not there"
    except pickle.UnpicklingError:
        problem = "holds more than data and might run code; nothing of it was run or loaded"
    except Exception as error:  # damage shows in many ways
        problem = f"is cut short, damaged or no checkpoint ({type(error).__name__}: {error})"
    other = newest_checkpoint(path.parent, besides=path)
    raise CheckpointError(f"{path} {problem}" + (f"; {other} is whole" if other else ""))


def read_whole(path: str | Path, map_location: str | torch.device = "cpu") -> Any:
    """Read what `torch.save` wrote, after a look at the checksums, which `torch.load` ignores.

    Raises:
        Exception: Of many kinds, if the file is not there, not whole, or holds more than data.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
    return torch.load(path, map_location=map_location, weights_only=True)


def newest_checkpoint(folder: str | Path, besides: Path | None = None) -> Path | None:
    """Find the newest whole checkpoint, `*.pt`, of a folder; None if there is none."""
    paths = [path for path in Path(folder).glob("[!.]*.pt") if path != besides]
    for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path), reverse=True):
        with contextlib.suppress(Exception):  # damaged; an older one may be whole
            read_whole(path)
            return path
    return None


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


def compare_weights(model: nn.Module, weights: dict[str, torch.Tensor]) -> list[str]:
    """List in words how `weights` differ from what `model` expects: names, shapes, dtypes."""
    own, lines = model.state_dict(), []
    lines += [f"missing: {name} {tuple(own[name].shape)}" for name in own if name not in weights]
    lines += [f"unknown to the model: {name}" for name in weights if name not in own]
    for name in own.keys() & weights.keys():
        for what in ("shape", "dtype"):
            there, here = getattr(weights[name], what), getattr(own[name], what)
            if there != here:
                lines.append(f"another {what}: {name} is {there}, the model's {here}")
    return sorted(lines)


def load_weights(
    model: nn.Module, weights: dict[str, torch.Tensor], partial: bool = False
) -> list[str]:
    """Put weights into a model: all of them, or, if `partial`, those that fit.

    Args:
        model: Changed in place, or not at all.
        weights: By name, as `state_dict` gives them, on any device.
        partial: Leave out what is missing, unknown, or of another shape or dtype.

    Returns:
        What was left out, in words.

    Raises:
        CheckpointError: They do not all fit, and `partial` was not asked for; or none does.
    """
    lines, own = compare_weights(model, weights), model.state_dict()
    fits = {
        name: tensor
        for name, tensor in weights.items()
        if name in own and (tensor.shape, tensor.dtype) == (own[name].shape, own[name].dtype)
    }
    if lines and (not partial or not fits):
        raise CheckpointError("the weights do not fit the model:\n  " + "\n  ".join(lines))
    model.load_state_dict(fits, strict=not partial)
    return lines


def pack(parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Make a full checkpoint: the states of `parts`, of the random generators, and `more`.

    Args:
        parts: "model", "optimizer", "scheduler", and whatever else has a `state_dict`.
        more: What else is needed to go on, such as counters.
    """
    states = {name: part.state_dict() for name, part in parts.items()}
    return {**states, "random": random_state(), **more}


def unpack(state: dict[str, Any], parts: dict[str, Any]) -> None:
    """Put the states of a full checkpoint back into `parts`; the generators are left alone.

    Raises:
        CheckpointError: A part is not in the checkpoint, or the weights are another model's; then
            no part is changed.
    """
    missing = [name for name in parts if name not in state]
    if missing:
        raise CheckpointError(f"expected a full checkpoint, but it has no {', '.join(missing)}")
    load_weights(parts["model"], state["model"])
    for name, part in parts.items():
        if name != "model":
            part.load_state_dict(state[name])


def save_epoch(folder: Path, state: dict[str, Any], keep: int = 2) -> None:
    """Save a full checkpoint at an epoch's end as `epoch_N.pt`, and as `best.pt` if it is.

    The best has the lowest validation loss; the first of equals, and never nan.

    Args:
        folder: Where.
        state: Has a dict "run" whose "valid_losses" holds a number an epoch.
        keep: How many of the newest `epoch_*.pt` stay.

    Raises:
        CheckpointError: It cannot be written.
    """
    losses = state["run"]["valid_losses"]
    if losses[-1] < min([float("inf"), *losses[:-1]]):  # the first of equals, and never nan
        save_checkpoint(folder / "best.pt", state)
    save_checkpoint(folder / f"epoch_{len(losses):04}.pt", state)
    for old in sorted(folder.glob("epoch_*.pt"))[:-keep]:
        old.unlink(missing_ok=True)


def resume(
    folder: str | Path, parts: dict[str, Any], loader: torch.utils.data.DataLoader
) -> dict[str, Any]:
    """Put back what the newest whole checkpoint of a folder holds, if there is one.

    These are the states of `parts`, of the random generators, and of the loader's generator.

    Returns:
        How far the training is: "epoch", "step" (batches of that epoch), "losses" (one a step)
        and "valid_losses" (one an epoch).

    Raises:
        ValueError: The loader's order cannot be saved: its generator is not its own or not its
            sampler's, or its workers live on from one epoch to the next.
        CheckpointError: The checkpoint is of another model, or has not all the parts.
    """
    own, sampler = loader.generator, loader.sampler
    if own is None or getattr(sampler, "generator", own) is not own or loader.persistent_workers:
        say = "make it with generator=torch.Generator(), its sampler's too, and no lasting workers"
        raise ValueError(f"the order of the loader's examples cannot be saved; {say}")
    if (path := newest_checkpoint(folder)) is None:
        return {"epoch": 0, "step": 0, "losses": [], "valid_losses": []}
    saved = load_checkpoint(path)
    unpack(saved, parts)
    own.set_state(saved["order"])
    set_random_state(saved["random"])
    return saved["run"]


def skip(batches: Iterator, steps: int) -> None:
    """Pass over batches trained on before an interruption; the random state stays as it is."""
    state = random_state()
    for _ in range(steps):
        next(batches)  # may draw random numbers, to augment
    set_random_state(state)


def fit_resumable(
    parts: dict[str, Any],
    train_loader: torch.utils.data.DataLoader,
    valid_loader: torch.utils.data.DataLoader,
    loss_fn: Callable,
    epochs: int,
    folder: str | Path,
    every: int = 20,
) -> dict[str, Any]:
    """Train, saving as it goes; or go on from what is saved in `folder`.

    However and wherever it is stopped: called again, with everything made anew by the same code,
    it ends on the same weights, optimizer, scheduler and random states, bit for bit (on the same
    kind of processor, with the same number of threads, and by deterministic algorithms).

    Args:
        parts: "model", "optimizer", and "scheduler", which is stepped after each epoch.
        train_loader: Has a generator of its own, `DataLoader(..., generator=...)`.
        valid_loader: Of the validation data, not shuffled.
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
        epochs: In all, with those before an interruption.
        folder: For `last.pt`, `best.pt` (the lowest validation loss) and the newest `epoch_*.pt`.
        every: Batches from one saving of `last.pt` to the next.

    Returns:
        What `resume` does, at the end: "losses" and "valid_losses" are from the very beginning on.

    Raises:
        ValueError: The loader's order cannot be saved.
        CheckpointError: A checkpoint cannot be written, or is of another model.
    """
    run, folder = resume(folder, parts, train_loader), Path(folder)
    while run["epoch"] < epochs:
        order, batches = train_loader.generator.get_state(), iter(train_loader)
        skip(batches, run["step"])
        for batch in batches:
            loss = train_epoch(parts["model"], [batch], loss_fn, parts["optimizer"])
            run["losses"].append(loss)
            run["step"] += 1
            if run["step"] % every == 0:
                save_checkpoint(folder / "last.pt", pack(parts, order=order, run=run))
        parts["scheduler"].step()
        run["valid_losses"].append(evaluate(parts["model"], valid_loader, loss_fn))
        run.update(epoch=run["epoch"] + 1, step=0)
        order = train_loader.generator.get_state()
        save_epoch(folder, pack(parts, order=order, run=run))
    return run
