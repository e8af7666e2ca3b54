"""Checkpoints: written whole or not at all, read without running code.

Lesson 14 writes plain functions and says what these add; lesson 15 goes on from there.

A checkpoint is a dict of tensors, numbers, strings, and lists and dicts of them, written by
`torch.save` and read with `weights_only=True`. One process at a time writes into a folder.
"""

import contextlib
import os
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim

from helpers.examine import (
    misfits,
    parameter_names,
    prefix_hints,
    put_back,
    why_unreadable,
    why_unsaved,
)
from helpers.order import (
    random_state,
    require_repeatable,
    require_same_order,
    set_order,
    set_random_state,
    take_order,
)
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
        read_whole(temporary)
        temporary.replace(path)  # in one step: nobody ever sees half a file
    except Exception as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = why_unsaved(error, state)
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
    except Exception as error:  # damage shows in many ways
        problem = why_unreadable(path, error, map_location)
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


def newest_first(folder: str | Path) -> list[Path]:
    """List the files `*.pt` of a folder, the newest first; links that lead nowhere are left out."""
    paths = [path for path in Path(folder).glob("[!.]*.pt") if path.is_file()]
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path), reverse=True)


def newest_checkpoint(folder: str | Path, besides: Path | None = None) -> Path | None:
    """Find the newest whole checkpoint, `*.pt`, of a folder; None if there is none."""
    for path in newest_first(folder):
        with contextlib.suppress(Exception):  # damaged; an older one may be whole
            if path != besides:
                read_whole(path)
                return path
    return None


def compare_weights(model: nn.Module, weights: dict[str, torch.Tensor]) -> list[str]:
    """List in words how `weights` differ from what `model` expects: names, shapes, dtypes."""
    own, lines = model.state_dict(), []
    lines += [f"missing: {name} {tuple(own[name].shape)}" for name in own if name not in weights]
    lines += [f"unknown to the model: {name}" for name in weights if name not in own]
    for name in own.keys() & weights.keys():
        for what in ("shape", "dtype"):
            there, here = getattr(weights[name], what, None), getattr(own[name], what)
            if there != here:
                lines.append(f"another {what}: {name} is {there}, the model's {here}")
    lines += prefix_hints(weights, own)
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
    learned = fits.keys() & dict(model.named_parameters()).keys()  # a counter fits any model
    if lines and (not partial or not learned):
        raise CheckpointError("\n  ".join(["the weights do not fit the model:", *lines]))
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

    Args:
        state: What `pack` made. If it has "parameters", they are compared with `parameter_names`.
        parts: Made by the same code. Numbers of an optimizer that may change while it trains, such
            as its learning rate, become the checkpoint's.

    Raises:
        CheckpointError: A part is not in the checkpoint, or is of another kind or make than there;
            then no part is changed.
    """
    missing = [name for name in parts if not isinstance(state.get(name), dict)]
    if missing:
        raise CheckpointError(f"expected a full checkpoint, but it has no {', '.join(missing)}")
    for name, part in parts.items():
        compare = compare_weights if isinstance(part, nn.Module) else misfits
        if lines := compare(part, state[name]):
            raise CheckpointError("\n  ".join([f"the state of the {name} does not fit:", *lines]))
    if state.get("parameters", own := parameter_names(parts)) != own:
        say = "make it by the same code"
        raise CheckpointError(
            f"the optimizer holds the parameters in another order than there; {say}"
        )
    if error := put_back(parts, state):
        raise CheckpointError(f"the checkpoint cannot be loaded, nothing changed: {error!r}")


def epoch_name(number: int) -> str:
    """Return the name of the file that is saved at the end of an epoch, counted from 1."""
    return f"epoch_{number:04}.pt"


def save_epoch(folder: Path, state: dict[str, Any], keep: int = 2) -> None:
    """Save a full checkpoint at an epoch's end as `epoch_N.pt`, and as `best.pt` if it is.

    The best has the lowest validation loss; the first of equals, and never nan.

    Args:
        folder: Where.
        state: Has a dict "run" whose "valid_losses" holds a number an epoch.
        keep: How many of the newest `epoch_*.pt` up to this one stay, 1 or more.

    Raises:
        CheckpointError: It cannot be written.
    """
    losses = state["run"]["valid_losses"]
    if losses[-1] < min([float("inf"), *losses[:-1]]):  # the first of equals, and never nan
        save_checkpoint(folder / "best.pt", state)
    save_checkpoint(folder / epoch_name(len(losses)), state)
    ends = [path.stem.removeprefix("epoch_") for path in folder.glob("epoch_*.pt")]
    numbers = sorted(int(end) for end in ends if end.isdecimal() and int(end) <= len(losses))
    killed = folder.glob(".*.pt.tmp")  # what a saving that was killed left behind
    for old in (*(folder / epoch_name(number) for number in numbers[:-keep]), *killed):
        old.unlink(missing_ok=True)


def newest_full(folder: str | Path, names: Iterable[str]) -> tuple[Path, dict] | None:
    """Read the newest checkpoint that holds `names`; None if there is no checkpoint at all.

    Files that are newer but damaged or hold less, such as weights alone, are passed over with a
    warning.

    Returns:
        Its path, and what it holds.

    Raises:
        CheckpointError: There are only such files; or it holds other parts than `names`.
    """
    over = []
    for path in newest_first(folder):
        try:
            state, problem = read_whole(path), "is no full checkpoint"
        except Exception as error:  # damage shows in many ways
            state, problem = None, why_unreadable(path, error)
        if isinstance(state, dict) and {"random", "order", "run"} <= state.keys():
            if differ := ", ".join(sorted(state.keys() ^ {*names})):
                say = "give the same parts as before, or use another folder"
                raise CheckpointError(f"{path} is of a training with other parts: {differ}; {say}")
            if over:
                warnings.warn(f"going on from {path}: " + "; ".join(over), stacklevel=4)
            return path, state
        over.append(f"{path} {problem}")
    if over:
        say = "mend or move these, or use another folder:"
        raise CheckpointError("\n  ".join([f"no checkpoint to go on from; {say}", *over]))
    return None


def resume(
    folder: str | Path, parts: dict[str, Any], *loaders: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put back what the newest full checkpoint of a folder holds, if there is one.

    These are the states of `parts` and of the random generators. If it was stopped between saving
    `best.pt` and `epoch_N.pt`, the latter is saved now.

    Args:
        folder: Where.
        parts: As in `fit_resumable`.
        loaders: The one to train with, then the one to validate with.

    Returns:
        How far the training is: "epoch", "step" (batches of that epoch), "losses" (one a step)
        and "valid_losses" (one an epoch). And the loaders' order at that epoch's beginning.

    Raises:
        ValueError: The order of a loader cannot be saved, or is another than it was.
        CheckpointError: The checkpoints are damaged, not full, or of other parts.
    """
    require_repeatable(*loaders)
    found = newest_full(folder, [*parts, "parameters", "random", "order", "run"])
    if found is None:
        return {"epoch": 0, "step": 0, "losses": [], "valid_losses": []}, take_order(*loaders)
    path, saved = found
    require_same_order(saved["order"], *loaders)
    unpack(saved, parts)
    set_random_state(saved["random"])
    run = saved["run"]
    if run["epoch"] > 0 and run["step"] == 0 and path.name != epoch_name(run["epoch"]):
        save_epoch(Path(folder), saved)  # it was stopped between best.pt and this
    return run, saved["order"]


def skip(loaders: Sequence, order: dict[str, Any], steps: int) -> Iterator:
    """Begin an epoch of the first loader, and pass over batches that were trained on.

    The random state is then what it was; but if none is passed over, it moves as an epoch's
    beginning moves it.

    Returns:
        The batches that are left.
    """
    state = random_state()
    set_order(order, *loaders)
    batches = iter(loaders[0])
    for _ in range(steps):
        next(batches)  # may draw random numbers, to augment
    if steps:
        set_random_state(state)
    return batches


def step_scheduler(scheduler: Any, valid_loss: float) -> None:
    """Let a scheduler, if there is one, make its step at an epoch's end."""
    if isinstance(scheduler, optim.lr_scheduler.ReduceLROnPlateau):
        scheduler.step(valid_loss)
    elif scheduler is not None:
        scheduler.step()


def fit_resumable(
    parts: dict[str, Any],
    train_loader: torch.utils.data.DataLoader,
    valid_loader: Iterable,
    loss_fn: Callable,
    epochs: int,
    folder: str | Path,
    every: int = 20,
) -> dict[str, Any]:
    """Train, saving as it goes; or go on from what is saved in `folder`.

    However and wherever it is stopped: called again, with everything made anew by the same code,
    it ends on the same weights, optimizer, scheduler and random states, bit for bit (on the same
    kind of processor, with the same number of threads, and by deterministic algorithms).

    Saved are the `parts`, the global random generators, and those of the loaders and their
    samplers. Whatever else remembers something is not: generators of a model, gradients that an
    optimizer of your own adds up over batches, a loss that counts its calls. A dataset that does
    is refused if its first batch shows it.

    Args:
        parts: "model", "optimizer", and, if there is one, "scheduler", which is stepped after each
            epoch. Others, such as an average of the weights, are saved and put back; so is a
            scheduler of another name, which `optimizer.register_step_post_hook` steps each batch.
        train_loader: A loader of a dataset with numbered examples.
        valid_loader: Of the validation data, the same examples each time; a list will do.
        loss_fn: Takes (outputs, targets); returns the batch's mean loss.
        epochs: In all, with those before an interruption.
        folder: For `last.pt`, `best.pt` (the lowest validation loss) and the newest `epoch_*.pt`.
        every: Batches from one saving of `last.pt` to the next.

    Returns:
        How far the training is, as `resume` says it: "losses" and "valid_losses" are from the very
        beginning on.

    Raises:
        ValueError: A loader's order cannot be saved, or is another than before.
        CheckpointError: A checkpoint cannot be written, or is of another training.
    """
    folder, loaders = Path(folder), (train_loader, valid_loader)
    run, order = resume(folder, parts, *loaders)

    def state() -> dict[str, Any]:
        return pack(parts, parameters=parameter_names(parts), order=order, run=run)

    if not run["losses"]:  # what cannot be saved shows before the first step
        save_checkpoint(folder / "last.pt", state())
    while run["epoch"] < epochs:
        for batch in skip(loaders, order, run["step"]):
            loss = train_epoch(parts["model"], [batch], loss_fn, parts["optimizer"])
            run["losses"].append(loss)
            run["step"] += 1
            if run["step"] % every == 0:
                save_checkpoint(folder / "last.pt", state())
        run["valid_losses"].append(evaluate(parts["model"], valid_loader, loss_fn))
        step_scheduler(parts.get("scheduler"), run["valid_losses"][-1])
        run.update(epoch=run["epoch"] + 1, step=0)
        order = take_order(*loaders)
        save_epoch(folder, state())
    return run
