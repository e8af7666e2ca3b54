"""What is wrong with a checkpoint, in words: lessons 14 and 15 say it with these."""

import copy
import inspect
import pickle
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim

# How a file begins that torch.save wrote before torch 1.6: with a pickled number.
OLD_FORMAT = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

# What schedulers add to an optimizer's groups of parameters.
OF_SCHEDULERS = {"initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr"}
NOT_SETTINGS = {"params", "param_names", *OF_SCHEDULERS}

PLAIN = (int, float, bool, str, bytes, complex, type(None), torch.Size, torch.dtype, torch.device)


def why_unreadable(path: Path, error: Exception, map_location: Any = "cpu") -> str:
    """Say why a checkpoint could not be read, as the rest of a sentence that begins with its name.

    Args:
        path: The file.
        error: What reading it raised.
        map_location: Where its tensors were to be put.
    """
    if isinstance(error, FileNotFoundError):
        return "is a link to a file that is not there" if path.is_symlink() else "is not there"
    if isinstance(error, pickle.UnpicklingError):
        return _why_refused(path)
    if _begins(path) == OLD_FORMAT:
        cure = "load it with torch.load(…, weights_only=True) and save it again"
        return f"is of the format before torch 1.6, which has no checksums; {cure}"
    if isinstance(error, RuntimeError) and str(map_location) != "cpu" and _fits("cpu", path):
        reason = str(error).partition(". ")[0]
        return f'cannot be put on {map_location!s} ({reason}); read it with map_location="cpu"'
    return f"is cut short, damaged or no checkpoint ({type(error).__name__}: {error})"


def _begins(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(OLD_FORMAT))
    except OSError:
        return b""


def _fits(device: str, path: Path) -> bool:
    try:
        torch.load(path, map_location=device, weights_only=True)
    except Exception:  # damage shows in many ways
        return False
    return True


def _why_refused(path: Path) -> str:
    """Tell NumPy's numbers and arrays from whatever else is no data."""
    try:
        calls = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # it reads only part of what pickle may write
        calls = []
    if calls and all(name.partition(".")[0] in ("numpy", "_codecs") for name in calls):
        cure = "whoever made it can save them as Python's numbers: x.item(), or x.tolist()"
        return f"holds NumPy's numbers or arrays, which are not read; {cure}"
    return "holds more than data and might run code; nothing of it was run or loaded"


def why_unsaved(error: Exception, state: Any) -> Any:
    """Say why a state could not be saved, after what writing it or reading it back raised."""
    # torch says "unexpected pos" of a full disk; the reason hides behind that
    for reason in (error, error.__context__):
        if isinstance(reason, OSError):
            return reason
    return next(_foreign(state), error)


def _foreign(value: Any, name: str = "state") -> Iterator[str]:
    """Say which entries of a state are no data, and what to save instead."""
    kind = type(value)
    if isinstance(value, torch.Tensor) or kind in PLAIN:
        return
    if kind in (dict, OrderedDict, Counter):
        for key, entry in value.items():
            yield from _foreign(key, f"the key {key!r} of {name}")
            yield from _foreign(entry, f"{name}[{key!r}]")
    elif kind in (list, tuple, set):
        for number, entry in enumerate(value):
            yield from _foreign(entry, f"{name}[{number}]")
    else:
        whole = f"{kind.__module__}.{kind.__qualname__}"
        if kind.__module__ == "numpy":
            cure = "save it as Python's own: .tolist()"
        elif hasattr(value, "state_dict"):
            cure = "save its state_dict()"
        else:
            cure = "save numbers, strings, tensors, and lists and dicts of them"
        yield f"{name} is a {whole}; {cure}"


def prefix_hints(saved: Iterable[str], own: Iterable[str]) -> list[str]:
    """Say whether the names differ only by what a wrapper puts before them."""
    lines = []
    if prefix := _spare_prefix(saved, own):
        lines.append(f"without {prefix!r} before them the names are known: use removeprefix")
    if prefix := _spare_prefix(own, saved):
        lines.append(f"the model's names begin with {prefix!r}: load before it is wrapped")
    return lines


def parameter_names(parts: dict[str, Any]) -> dict[str, list[list[str]]]:
    """Name the parameters of models as each optimizer among `parts` holds them, group by group.

    An optimizer's state knows them by their number alone: held in another order, each would go on
    with the averages of another.
    """
    models = [part for part in parts.values() if isinstance(part, nn.Module)]
    names = {id(p): name for model in models for name, p in model.named_parameters()}
    return {
        part: [[names.get(id(p), "?") for p in group["params"]] for group in held.param_groups]
        for part, held in parts.items()
        if isinstance(held, optim.Optimizer)
    }


def put_back(parts: dict[str, Any], states: dict[str, Any]) -> Exception | None:
    """Give each part its state; or, if one cannot take it, all their own, and return the error."""
    before = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
    try:
        for name, part in parts.items():
            part.load_state_dict(states[name])
    except Exception as error:  # whatever a part of one's own may raise
        for name, part in parts.items():
            part.load_state_dict(before[name])
        return error
    return None


def _spare_prefix(names: Iterable[str], wanted: Iterable[str]) -> str:
    """Return what stands too much before all of `names` that are not `wanted`, or ''."""
    wanted = set(wanted)
    names = [name for name in names if name not in wanted]
    for place in [i + 1 for i, letter in enumerate(names[0] if names else "") if letter == "."]:
        prefix = names[0][:place]
        if all(n.startswith(prefix) for n in names) and names[0][place:] in wanted:
            return prefix
    return ""


def misfits(part: Any, state: dict[str, Any]) -> list[str]:
    """List in words why a state is not that of an optimizer or scheduler like `part`.

    Of an optimizer: its kind, its groups and its flags; numbers such as the learning rate may have
    changed on the way. Of a scheduler: its kind and its settings, but for functions. Other parts
    are not looked at.
    """
    if isinstance(part, optim.Optimizer):
        return _optimizer_misfits(part.param_groups, state.get("param_groups", []))
    if isinstance(part, optim.lr_scheduler.LRScheduler):
        return _scheduler_misfits(part, state)
    return []


def _optimizer_misfits(own: list[dict], saved: list[dict]) -> list[str]:
    if len(own) != len(saved):
        return [f"it has {len(saved)} groups of parameters, this optimizer {len(own)}"]
    lines = []
    for number, (group, other) in enumerate(zip(own, saved, strict=True)):
        where, keys, there = f"group {number}", *({*g} - NOT_SETTINGS for g in (group, other))
        if keys != there:
            lacks, has = (
                ", ".join(sorted(names)) or "nothing" for names in (keys - there, there - keys)
            )
            lines.append(f"{where} is another kind of optimizer's: it lacks {lacks}, has {has}")
            continue
        if len(group["params"]) != len(other["params"]):
            counts = f"{len(other['params'])} parameters, this optimizer's {len(group['params'])}"
            lines.append(f"{where} has {counts}")
        for name in sorted(keys):
            if isinstance(group[name], bool) and group[name] != other[name]:
                lines.append(f"{where}: {name} is {other[name]}, here {group[name]}")
    return lines


def _scheduler_misfits(part: optim.lr_scheduler.LRScheduler, state: dict) -> list[str]:
    own = part.state_dict()
    if own.keys() != state.keys():
        names = ", ".join(sorted(own.keys() ^ state.keys()))
        return [f"it is not that of a {type(part).__name__}: they differ in {names}"]
    # a scheduler keeps its settings under the names of its arguments, some in the plural
    given = {*inspect.signature(type(part).__init__).parameters, "base_lr"} - {"last_epoch"}
    lines = [
        f"{name} is {state[name]}, here {own[name]}"
        for name in own
        if {name.strip("_"), name.removesuffix("s")} & given - {"schedulers"}
        and own[name] != state[name]
    ]
    inner, states = getattr(part, "_schedulers", []), state.get("_schedulers", [])
    if len(inner) != len(states):
        return [*lines, f"it has {len(states)} schedulers, here {len(inner)}"]
    for one, other in zip(inner, states, strict=True):
        lines += _scheduler_misfits(one, other)
    return lines
