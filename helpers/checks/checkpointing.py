"""Checks for the exercises of lesson 15, checkpointing."""

import copy
import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

from helpers.checks.attempt import Attempt, WrongAnswer, exercise


@exercise
def epochs_to_delete(attempt: Attempt) -> None:
    """List the epoch files to delete, oldest first, so that the newest `keep` stay."""
    cases = [(["epoch_9.pt", "best.pt", "epoch_10.pt", "epoch_8.pt"], 1)]
    for keep in (0, 1, 2, 3, None, 40):
        count, first = attempt.pick(6, 15), attempt.pick(1, 9)
        keep = count + 3 if keep is None else keep  # two more than there are
        names = [f"epoch_{number}.pt" for number in range(first, first + count)]
        names += ["epoch_100.pt", "best.pt", "last.pt", "weights.safetensors"]
        names += ["best_3.pt", "run7.pt", "lesson14.pt"]  # a number makes no epoch's file
        order = torch.randperm(len(names), generator=attempt.generator).tolist()
        cases.append(([names[place] for place in order], keep))
    few, others = ["epoch_3.pt", "epoch_0.pt", "epoch_1000.pt"], ["best_epoch_7.pt", "end.pt"]
    cases += [([*few, *others], keep) for keep in (0, 1, 2, 3, 4)]
    cases.append((["epoch_30.pt", "epoch_2.pt", "epoch_9.pt", "epoch_5.pt"], 2))
    cases += [(few, 0), (others, 1), (others, 0), ([], 0), ([], 2)]
    many = [f"epoch_{5 * number}.pt" for number in range(150)]
    many = [many[place] for place in torch.randperm(150, generator=attempt.generator).tolist()]
    cases += [(many, 3), (many, 120)]
    for names, keep in cases:
        epochs = [name for name in names if name.startswith("epoch_")]
        epochs.sort(key=lambda name: int(name[6:-3]))
        text = sorted(epochs)
        expected = epochs[: max(0, len(epochs) - keep)]
        unsorted = [name for name in names if name in expected]
        got = attempt(names, keep, errors={"invalid literal": "not every file is an epoch's"})
        attempt.require(
            not isinstance(got, list) or all(name in epochs for name in got),
            "you would delete a file that is no epoch's, such as best.pt or run7.pt "
            "or best_epoch_7.pt",
        )
        mistakes = [
            (epochs[:-keep], "with keep=0 all must go, and files[:-0] is empty"),
            (text[:-keep], "as text, epoch_10 comes before epoch_9: sort by the number"),
            (text[: len(expected)], "as text, epoch_10 comes before epoch_9: sort by the number"),
            (epochs[len(expected) :], "these are the files that stay"),
            (epochs[keep:], "these are all but the oldest; all but the newest must go"),
            (epochs[keep:][::-1], "these are all but the oldest; all but the newest must go"),
            (epochs[: keep - len(epochs)], "with more to keep than there are, none goes"),
            (epochs[: len(epochs) - keep], "with more to keep than there are, none goes"),
            (expected[::-1], "give the oldest first"),
            (unsorted, "give the oldest first"),
        ]
        attempt.recognise(got, expected, mistakes)
        attempt.require(isinstance(got, list), f"return a list, not a {type(got).__name__}")
        attempt.require(
            len(got) == len(expected),
            f"of {len(epochs)} epochs' files the newest {keep} stay, so {len(expected)} must go; "
            f"you list {len(got)}",
        )
        attempt.expect(got, expected)


@exercise
def write_whole(attempt: Attempt) -> None:
    """Write bytes to a path so that a crash leaves the old file or the new one."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        folder = Path(top, "folder")
        folder.mkdir()
        neighbour = folder / "notes.txt"
        neighbour.write_bytes(b"a file of somebody else")
        for name, size in (("last.pt", 1000), ("new.pt", 30), ("best.pt", 200_000), ("void.pt", 0)):
            path, old = folder / name, None if name == "new.pt" else b"the old file, whole"
            data = bytes(torch.randint(256, (size,), generator=attempt.generator).tolist())
            if old:
                path.write_bytes(old)
            _crash(attempt, path, data, old)
            _fail_to_sync(attempt, path, data, old)
            _write_again(attempt, path, data, old)
            _finish(attempt, path, data, old)
            kept = neighbour.is_file() and neighbour.read_bytes() == b"a file of somebody else"
            attempt.require(kept, "another file of the folder, which is not yours, is gone")


def _crash(attempt: Attempt, path: Path, data: bytes, old: bytes | None) -> None:
    """Let it crash in the moment of the rename, and look at what is there, and on the disk."""
    link = _second_name(path, old)
    renamed, spared, safe = [], [], []
    synced: dict[int, int] = {}  # of each file, by its number, how many bytes are on the disk
    at_once = set()  # files that were opened so that each write reaches the disk
    really_open, flags_at_once = os.open, getattr(os, "O_SYNC", 0) | getattr(os, "O_DSYNC", 0)

    def open_noting(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        number = really_open(name, flags, *rest, **more)
        if flags & flags_at_once:
            at_once.add(os.fstat(number).st_ino)
        return number

    def sync(file: Any) -> None:
        state = os.fstat(file if isinstance(file, int) else file.fileno())
        synced[state.st_ino] = state.st_size

    def sync_all() -> None:
        synced.update({file.stat().st_ino: file.stat().st_size for file in path.parent.iterdir()})

    def crash(source: str | Path, target: str | Path, **_: object) -> None:
        renamed.append((Path(source), Path(target)))
        spared.append(_spared(link, old))
        state = Path(source).stat()
        safe.append(state.st_size if state.st_ino in at_once else synced.get(state.st_ino))
        raise OSError("crash")

    stand_ins = {"fsync": sync, "fdatasync": sync, "sync": sync_all, "open": open_noting}
    stand_ins |= {"replace": crash, "rename": crash}
    swallowed = False
    with patch.multiple(os, **{n: f for n, f in stand_ins.items() if hasattr(os, n)}):
        try:
            attempt(path, data)
            swallowed = True
        except WrongAnswer:
            if not renamed:
                raise
    attempt.require(_spared(link, old), _COPIED if any(spared) else _IN_PLACE)
    say = "nothing was renamed: write beside `path`, then put that in its place by a rename"
    attempt.require(renamed, say)
    now = path.read_bytes() if path.is_file() else None
    attempt.require(now == old, "a crash at the rename leaves no old file: do not remove it before")
    source, target = renamed[0]
    attempt.require(source != path, "a crash after you renamed the old file away leaves none")
    attempt.require(target == path, "rename to `path`")
    attempt.require(
        path.parent in source.parents, "write beside `path`: a rename stays on one disk"
    )
    say = "the data may lie in a cache when the rename is done: fsync before it"
    attempt.require(safe[0] is not None, say)
    say = f"fsync found {safe[0]} of {len(data)} bytes; the rest lay in Python's own buffer"
    attempt.require(safe[0] == len(data), say)
    say = "the rename failed, and your function returned as if all were well: let the error out"
    attempt.require(not swallowed, say)


_LEFT = {"File exists": "what a crash left behind must not stop the next write: open with 'wb'"}


def _fail_to_sync(attempt: Attempt, path: Path, data: bytes, old: bytes | None) -> None:
    """Let the disk fail, and look whether the error is let out and the old file is there."""
    failed = []

    def fail(file: Any) -> None:
        failed.append(file)
        raise OSError("the disk failed")

    stand_ins = {name: fail for name in ("fsync", "fdatasync") if hasattr(os, name)}
    swallowed = False
    with patch.multiple(os, **stand_ins):
        try:
            attempt(path, data, errors=_LEFT)
            swallowed = True
        except WrongAnswer:
            if not failed:
                raise
    if not failed:  # it syncs in another way
        path.unlink()
        if old is not None:
            path.write_bytes(old)
        return
    say = "fsync failed, and your function returned as if all were well: let the error out"
    attempt.require(not swallowed, say)
    now = path.read_bytes() if path.is_file() else None
    attempt.require(now == old, "fsync failed, and yet the file at `path` is not the old one")


def _write_again(attempt: Attempt, path: Path, data: bytes, old: bytes | None) -> None:
    """Let it write beside what a crash left behind, which is no fault; then clear that away."""
    attempt(path, data, errors=_LEFT)
    now = path.read_bytes() if path.is_file() else data
    say = "what a crash left behind stands in the file before `data`: open with 'wb', not 'ab'"
    attempt.require(now == data or not now.endswith(data), say)
    for file in path.parent.iterdir():
        if file.is_dir():
            shutil.rmtree(file)
        elif file.name != "notes.txt":
            file.unlink()
    if old is not None:
        path.write_bytes(old)


def _finish(attempt: Attempt, path: Path, data: bytes, old: bytes | None) -> None:
    """Let it write undisturbed."""
    link = _second_name(path, old)
    got = attempt(path, data)
    attempt.require(_spared(link, old), _IN_PLACE)
    attempt.require(path.is_file(), "after the call there is no file at `path`")
    attempt.require(path.read_bytes() == data, "the file does not hold `data`")
    left = {file.name for file in path.parent.iterdir()} - {path.name, "notes.txt"}
    attempt.require(not left, "another file is left behind in the folder")
    attempt.require(got == path, "return `path`")
    path.unlink()


_IN_PLACE = "you wrote into the old file itself: a crash halfway would ruin it"
_COPIED = (
    "when the rename failed, a copy was written into the old file itself: shutil.move may copy, "
    "so use path.replace"
)


def _second_name(path: Path, old: bytes | None) -> Path | None:
    """Give the old file a second name, which shows whether that very file is changed."""
    if old is None:
        return None
    link = path.parent.parent / f"{path.name}.link"
    link.unlink(missing_ok=True)
    link.hardlink_to(path)
    return link


def _spared(link: Path | None, old: bytes | None) -> bool:
    """Tell whether nothing was written into the old file itself."""
    return link is None or link.read_bytes() == old


@exercise
def go_on(attempt: Attempt) -> None:
    """Put model and optimizer back and train on the batches that were left."""
    errors = {
        "does not require grad": "the loss takes the outputs: loss_fn(model(inputs), targets)",
        "Error(s) in loading": 'the model takes saved["model"]',
        "multi-target not supported": "the loss takes the model's outputs, then the targets",
        "not implemented for 'Long'": "the loss takes the model's outputs, then the targets",
        "mat1 and mat2": "the model takes the inputs, not the targets",
        "must be Tensor, not": "the model takes a batch's inputs, the loss outputs and targets",
        "slice indices must": 'saved["step"] says how many batches were trained on',
        "loaded state dict": 'the optimizer takes saved["optimizer"]',
        "collections.OrderedDict": 'saved["model"] is no model: load_state_dict puts it in',
    }
    for done, total in ((3, 7), (0, 3), (4, 4), (1, 12)):
        features, classes = attempt.pick(3, 6), attempt.pick(2, 5)
        batches = [
            (attempt.randn(6, features), attempt.randint(0, classes, (6,))) for _ in range(total)
        ]
        model, optimizer = _make(attempt, features, classes)
        optimizer.param_groups[0]["lr"] = 0.03  # other than the new one's
        _train(model, optimizer, batches[:done])
        saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
        saved = copy.deepcopy(saved)
        new = _make(attempt, features, classes)
        start = {"model": new[0].state_dict(), "optimizer": new[1].state_dict()}
        start = copy.deepcopy(start)

        go = functools.partial(_go_on, attempt, features, classes, start, saved, batches)
        right, expected, stepped = go()
        got = attempt(*new, copy.deepcopy(saved), batches, errors=errors)
        attempt.require(
            not isinstance(got, list) or len(got) != total or not done,
            "you began at the first batch again; pass over those that were trained on",
        )
        ways = {
            "the model's own weights were not put back": {"forget": "model"},
            "the optimizer's state was not put back": {"forget": "optimizer"},
            "put both states back before the first step": {"forget": "model optimizer"},
            "the gradients add up: zero_grad is missing": {"zero": False},
            "train in train mode: model.train()": {"train": False},
            "with step 3 the batches 0, 1 and 2 are done: not 3": {"more": 1},
            "you trained on a batch that was done already": {"more": -1},
            "take each loss before its step, not after": {"after": True},
            "the model learns nothing: backward() or optimizer.step() is missing": {"step": False},
            "this only measures: train, by model.train(), backward() and optimizer.step()": {
                "step": False,
                "train": False,
            },
        }
        mistakes = [(functools.partial(_losses, go, way), say) for say, way in ways.items()]
        if expected:
            mistakes.append((sum(expected) / len(expected), "return the losses, not their mean"))
        summed = [6 * expected[0], *got[1:]] if expected and isinstance(got, list) else []
        mistakes.append((summed, "nn.CrossEntropyLoss() averages over a batch; do not add up"))
        attempt.recognise(got, expected, mistakes)
        attempt.require(isinstance(got, list), "return the list of the losses")
        say = f"{total - done} batches are left, and each has a loss; your list has {len(got)}"
        attempt.require(len(got) == total - done, say)
        tensors = any(isinstance(loss, torch.Tensor) for loss in got)
        attempt.require(not tensors, "the losses are tensors; loss.item() gives a float")
        attempt.expect(got, expected, rtol=1e-5)
        marked = all(parameter.requires_grad for parameter in new[0].parameters())
        attempt.require(marked, "the model's parameters lost their requires_grad")
        for name, tensor in new[0].state_dict().items():
            same = torch.allclose(tensor, right.state_dict()[name], rtol=1e-4, atol=1e-5)
            attempt.require(same, "the losses are right, but the model is not trained to the end")
        own, known = (part.state_dict()["state"] for part in (new[1], stepped))
        same = own.keys() == known.keys() and all(
            torch.allclose(own[n][key], known[n][key], rtol=1e-3, atol=1e-5)
            for n in known
            for key in known[n]
        )
        attempt.require(same, "another optimizer took the steps; go on with the one that is given")


def _make(attempt: Attempt, features: int, classes: int) -> tuple[nn.Module, optim.Optimizer]:
    """Make a new model, in eval mode, and an optimizer whose state matters."""
    layers = nn.Linear(features, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes)
    model = nn.Sequential(*layers).to(attempt.device).eval()
    return model, optim.Adam(model.parameters(), lr=0.05)


def _go_on(
    attempt: Attempt,
    features: int,
    classes: int,
    start: dict,
    saved: dict,
    batches: list,
    more: int = 0,
    forget: str = "",
    **ways: bool,
) -> tuple[nn.Module, list[float], optim.Optimizer]:
    """Go on as the reference does, or with one of the known mistakes."""
    model, optimizer = _make(attempt, features, classes)
    for name, part in (("model", model), ("optimizer", optimizer)):
        part.load_state_dict(copy.deepcopy((start if name in forget else saved)[name]))
    left = batches[max(0, saved["step"] + more) :]
    return model, _train(model, optimizer, left, **ways), optimizer


def _losses(go: Callable, way: dict) -> list[float]:
    return go(**way)[1]


def _train(
    model: nn.Module,
    optimizer: optim.Optimizer,
    batches: list,
    zero: bool = True,
    train: bool = True,
    after: bool = False,
    step: bool = True,
) -> list[float]:
    losses, loss_fn = [], nn.CrossEntropyLoss()
    model.train(train)
    for inputs, targets in batches:
        loss = loss_fn(model(inputs), targets)
        if zero:
            optimizer.zero_grad()
        loss.backward()
        if step:
            optimizer.step()
        if after:
            loss = loss_fn(model(inputs), targets)
        losses.append(loss.item())
    return losses


class _Noisy(Dataset):
    """Pairs of an input with noise from torch's global generator, and the example's number."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return index + 0.1 * torch.randn(2), index


@exercise
def batches_left(attempt: Attempt) -> None:
    """Deal the rest of an epoch that was stopped within it."""
    for total, done in ((5, 3), (4, 1), (3, 0), (4, 4), (6, 2)):
        batch_size = attempt.pick(3, 6)
        size = total * batch_size - attempt.pick(0, 2)  # the last batch may be smaller
        own = torch.Generator().manual_seed(attempt.pick(0, 1000))
        loader = DataLoader(_Noisy(size), batch_size, shuffle=True, generator=own)
        list(loader)  # an epoch before this one
        order, stopped, epoch = own.get_state(), torch.get_rng_state(), []
        for batch in loader:
            epoch.append(batch)
            if len(epoch) == done:
                stopped = torch.get_rng_state()
        torch.set_rng_state(stopped)
        got = attempt(loader, order, done)
        _require_batches(attempt, got, epoch, done)


def _require_batches(attempt: Attempt, got: Any, epoch: list, done: int) -> None:
    attempt.require(isinstance(got, list), f"return a list, not a {type(got).__name__}")
    pairs = all(isinstance(batch, list | tuple) and len(batch) == 2 for batch in got)
    attempt.require(pairs, "each entry is a batch as the loader gives it, inputs and targets")
    whole = [targets.tolist() for _, targets in epoch]
    dealt = [torch.as_tensor(targets).tolist() for _, targets in got]
    for start, say in (
        (0, "this is the whole epoch; pass over the batches that were trained on"),
        (done - 1, f"a batch that was done is still there; {done} are done"),
        (done + 1, f"one batch too many is passed over; {done} are done"),
    ):
        same = start >= 0 and dealt == whole[start:] != whole[done:]
        attempt.require(not same, say)
    attempt.require(dealt != whole[:done] or not done, "these are the batches that were done")
    attempt.require(
        dealt == whole[done:],
        "these are other batches than the training would have got: put the loader's generator "
        "back to `order`, then begin an epoch by iter(loader)",
    )
    equal = all(torch.equal(a[0], b[0]) for a, b in zip(got, epoch[done:], strict=True))
    attempt.require(
        equal,
        "the examples are right, but their noise is not: passing over batches moves torch's "
        "global generator; put it back after the last one",
    )
