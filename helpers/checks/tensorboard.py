"""Checks for the exercises of lesson 13, TensorBoard."""

import math
import tempfile
import threading
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import difference

TAG = "loss/train"


@exercise
def log_losses(attempt: Attempt) -> None:
    """Log losses at the right steps with one writer, and close it; return the last step."""
    errors = {
        "must be real number, not list": "log one loss at a time, losses[i]",
        "could not convert string": "add_scalar takes the tag, the value, the step, in this order",
        "has no attribute 'add_scalar'": "SummaryWriter(folder) makes the writer that logs",
    }
    counts = attempt.pick(3, 8), attempt.pick(3, 8), 1, attempt.pick(20, 30)
    for every, count in zip((attempt.pick(7, 30), 1, 5, 3), counts, strict=True):
        losses = attempt.randn(count).tolist()
        if count > 8:
            losses[attempt.pick(1, 9)] = math.nan  # one that is logged like the others
        steps = [(i + 1) * every for i in range(len(losses))]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder, before = Path(name), set(threading.enumerate())
            last = attempt(folder, losses, every, errors=errors)
            left = {type(thread).__name__ for thread in set(threading.enumerate()) - before}
            if "_AsyncWriterThread" in left:
                time.sleep(0.05)  # it may still write into the folder, which is about to go
                attempt.require(False, "your writer is still open; use it in a `with` block")
            files = list(folder.rglob("*tfevents*"))
            attempt.require(files, "there is no event file in `folder`")
            attempt.require(
                len(files) == 1, f"you opened {len(files)} writers; one can log all losses"
            )
            attempt.require(files[0].parent == folder, "log into `folder` itself")
            others = [file.name for file in folder.rglob("*") if file != files[0]]
            attempt.require(not others, f"log one event file, and nothing else: {others}")
            found = _read(folder)
        attempt.require(TAG in found, f"the tag {TAG!r} is not there; there are {sorted(found)}")
        attempt.require(len(found) == 1, f"log under one tag; there are {sorted(found)}")
        logged, values = found[TAG]
        from_zero = [i * every for i in range(len(losses))]
        mistakes = [
            ([0] * len(losses), "every point is at step 0; you left out the step"),
            (from_zero, "losses[0] was measured after `every` batches, not after 0"),
            (list(range(len(losses))), "the step is the number of batches, not the place in it"),
            ([i + 1 for i in range(len(losses))], "the step is the number of batches: use `every`"),
        ]
        attempt.recognise(logged, steps, mistakes)
        count = f"log every loss: there are {len(losses)}, and {len(logged)} points"
        attempt.require(len(logged) == len(losses), count)
        say = f"losses[0] was measured after {every} batches; your first point is at {logged[0]}"
        attempt.require(logged[0] == every, say)
        gaps = sorted({b - a for a, b in pairwise(logged)} - {every})
        say = f"from one loss to the next there are {every} batches; two of your points lie"
        attempt.require(not gaps, f"{say} {gaps[:1]} apart")
        say = "the steps are right, but the values are not the losses: add_scalar(tag, value, step)"
        attempt.require(difference(values, losses, 1e-4) is None, say)
        mistakes = [
            (len(losses), "return the last step, not how many losses there are"),
            (len(losses) - 1, "return the last step, not the last place in the list"),
            (from_zero[-1], "the last loss was measured `every` batches later"),
            (losses[-1], "return the last step, not the last loss"),
            (steps, "return the last step alone"),
        ]
        attempt.recognise(last, steps[-1], mistakes)
        if isinstance(last, int | float | list | torch.Tensor):
            say = f"all is logged well, but the last step, len(losses) * every, is {steps[-1]}"
            attempt.require(type(last) is int and last == steps[-1], f"{say}; you return {last}")
        attempt.expect(last, steps[-1])


@exercise
def read_repaired(attempt: Attempt) -> None:
    """Return a tag's steps, ascending and each once, and the values that were logged last."""
    errors = {
        "'EventAccumulator' object has no attribute": "Reload() gives back the reader, and "
        "Scalars(tag) the events; each has a step and a value",
        "'str' object has no attribute": "the reader's Scalars(tag) gives the events",
        "not found in Reservoir": "read the tag that is asked for",
        "unhashable": "a dictionary from step to value: {event.step: event.value for …}",
    }
    for repeats, tag in ((1, "loss/valid"), (2, "loss/train"), (2, "score")):
        end = 2 * attempt.pick(5, 8) + 300 * (tag == "score")
        steps = list(range(0, end, 2))
        for again in range(repeats):  # steps 4 and 6 come in every part
            steps += range(attempt.pick(3, 5) - again, attempt.pick(7, 9))
        steps.append(end + 3)
        places = {step: place for place, step in enumerate(steps)}
        numbers = 10 + attempt.randn(len(steps)).cpu()
        numbers[places[4]] = 5.0  # the last is neither the first, nor always lowest or highest
        numbers[places[6]] = 15.0
        numbers[-1] = 7.0
        numbers[places[end - 2]] = -3.0
        numbers[0] = math.nan if tag == "loss/train" else 12.0
        values = numbers.tolist()
        latest = dict(zip(steps, values, strict=True))
        first = {}
        for step, value in zip(steps, values, strict=True):
            first.setdefault(step, value)
        known = sorted(latest)
        expected = known, [latest[step] for step in known]
        pairs = sorted(zip(steps, values, strict=True))
        purged: dict[int, float] = {}
        for step, value in zip(steps, values, strict=True):
            purged = {s: v for s, v in purged.items() if s < step} | {step: value}
        resumed = max(i for i in range(1, len(steps)) if steps[i] <= steps[i - 1])
        least, most = dict(pairs[::-1]), dict(pairs)
        group = {s: [v for t, v in zip(steps, values, strict=True) if t == s] for s in known}
        every = "a step may stand there only once; keep what was logged last"
        unreached = (
            "keep the steps that the resumed run did not reach again; "
            "only a repeated step loses its old value"
        )
        mistakes = [
            ((steps, values), every),
            (([s for s, _ in pairs], [v for _, v in pairs]), every),
            (
                (known, [first[step] for step in known]),
                "you kept what was logged first; the resumed run came later and counts",
            ),
            ((known, [least[s] for s in known]), "keep the last value, not the lowest"),
            ((known, [most[s] for s in known]), "keep the last value, not the highest"),
            (
                (known, [sum(group[s]) / len(group[s]) for s in known]),
                "keep the last value, not the mean",
            ),
            ((list(purged), list(purged.values())), unreached),
            ((steps[resumed:], values[resumed:]), f"{unreached}, and the folder holds every file"),
            ((list(latest), list(latest.values())), "the steps have to ascend"),
            (
                (known, list(latest.values())),
                "you sorted the steps, but not the values with them",
            ),
            ((known, sorted(latest.values())), "values belong to their steps; do not sort them"),
            (expected[::-1], "the steps come first, then the values"),
            (list(zip(*expected, strict=True)), "return two lists, not a list of pairs"),
            (latest, "return two lists, not a dictionary"),
            ({s: latest[s] for s in known}, "return two lists, not a dictionary"),
        ]
        points = list(zip(steps, values, strict=True))
        starts = [i for i in range(1, len(steps)) if steps[i] <= steps[i - 1]]
        runs = [points[i:j] for i, j in zip([0, *starts], [*starts, None], strict=True)]
        for run in runs:
            alone = tuple(map(list, zip(*run, strict=True)))
            say = "each part of the run wrote a file of its own; read the folder, not one file"
            mistakes.append((alone, say))
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            for number, run in enumerate(runs):
                _write(Path(name), {"early": [(0, 0)], tag: run, "other": [(0, 0)]})
                (file,) = set(Path(name).glob("*tfevents*")) - set(Path(name).glob("*.part"))
                # Named so that the parts are read in their order, whatever the clock says.
                file.rename(Path(name, f"events.out.tfevents.{10**9 + number}.part"))
            files = sorted(Path(name).iterdir())
            got = _lists(attempt(Path(name), tag, errors=errors))
            kept = sorted(Path(name).iterdir()) == files
            attempt.require(kept, "the folder's files changed; only read them")
        if isinstance(got, tuple) and len(got) == 2:
            attempt.recognise(got, expected, mistakes)
            say = "the steps are no list; sorted(…) or list(…) makes one"
            attempt.require(isinstance(got[0], list), say)
            if isinstance(got[1], list) and not all(isinstance(v, float) for v in got[1]):
                attempt.require(False, "the values are no numbers: event.value, one for each step")
        attempt.expect(got, expected, mistakes)


@exercise
def best_run(attempt: Attempt) -> None:
    """Return the name of the run whose last value is lowest, runs without one passed over."""
    steady = "compare the last values, not their means"
    rounds = (20, "loss", steady), (-6, "loss/valid", _PASSED_OVER), (0, "loss", steady)
    for shift, tag, say_steady in rounds:
        low = shift + 1 + attempt.pick(0, 100) / 100
        high = shift + 4 + attempt.pick(0, 100) / 100
        runs = {
            "dipped": [(10, shift + 3.0), (20, shift + 0.1), (30, low + 1.0)],
            "winner": [(10, shift + 9.0), (20, low + 1.5), (30, low)],
            "short": [(10, low + 0.5)],
            "steady": [(10, low + 0.55), (20, shift + 0.2), (30, low + 0.1)],
            "worst": [(10, low + 0.7), (20, high), (30, high)],
            "zigzag": [(10, shift + 9.0), (30, low + 1.2), (20, low - 0.5)],
            "other": [],
        }
        if shift > 0:  # the last steps need not be the same
            runs["winner"][-1] = (35, low)
        if shift < 0:  # nan on the way, not at the end
            runs["winner"] = [(10, shift + 9.0), (20, math.nan), (30, low)]
        if shift == 0:  # one value is enough, and none is lower
            runs["winner"] = [(7, -math.inf)]
        diverged = [(10, shift + 0.5), (20, shift + 0.2), (30, math.nan)]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
            folder = Path(top)
            for letter in "abcdefghijkl":
                (folder / f"{letter}_{attempt.pick(100, 999)}").mkdir()
            listed = [run.name for run in folder.iterdir()]
            # min keeps a nan that comes first: it does so here as the folder lists and by name,
            # from either end.
            ends = {listed[0], listed[-1], min(listed), max(listed)}
            inner = [name for name in listed if name not in ends]
            places = torch.randperm(len(runs), generator=attempt.generator).tolist()
            if shift == 0:  # the winner comes late
                inner.sort()
                late = places.index(len(runs) - 1)
                first = list(runs).index("winner")
                places[late], places[first] = places[first], places[late]
            names = {kind: inner[place] for kind, place in zip(runs, places, strict=True)}
            broken = [name for name in listed if name not in names.values()]
            curves = dict.fromkeys(broken, diverged) | {names[kind]: runs[kind] for kind in runs}
            for name, curve in curves.items():
                points = {"accuracy": [(5, 0.0)]}
                _write(folder / name, points | ({tag: curve} if curve else {}))
            mistakes = [
                (names["dipped"], "compare the last values, not the lowest on the way"),
                (names["steady"], say_steady),
                (names["worst"], "the *lowest* last value wins"),
                (names["short"], "each run's last value counts, not its first"),
                (names["zigzag"], "the last value is the one at the largest step"),
                (names["other"], "one run lacks the tag; pass over it"),
                *((name, "a run that ends with nan is passed over") for name in broken),
                (folder / names["winner"], "return the name, not the whole path"),
                (str(folder / names["winner"]), "return the name, not the whole path"),
            ]
            errors = {
                "not found in Reservoir": "one run lacks the tag; ask Tags() first",
                "min() arg is an empty": "no run is left to choose from; those that have the tag "
                "and do not end with nan are",
                "max() arg is an empty": "no event is left: read the tag that is asked for",
                "'<' not supported": "min compares the last values: key=finals.get",
                "'>' not supported": "max wants a number to compare: key=lambda event: event.step",
                "must be real number": "math.isnan asks a number, such as last.value",
            }
            got = attempt(folder, tag, errors=errors)
            kept = sorted(run.name for run in folder.iterdir()) == sorted(listed)
            attempt.require(kept, "the folder's runs changed; only read them")
            say = "return the subfolder's name, not its place in a list"
            attempt.require(not isinstance(got, int | np.integer), say)
            if isinstance(got, dict):
                attempt.require(False, "return one run's name, not all runs' last values")
            attempt.require(got not in (folder.name, tag), "return the subfolder's name")
            if isinstance(got, float):
                attempt.require(abs(got - low) > 1e-3, "return the run's name, not its value")
            attempt.expect(got, names["winner"], mistakes)


_PASSED_OVER = "only a run whose *last* value is nan is passed over, not one with nan on the way"


@exercise
def smooth(attempt: Attempt) -> None:
    """Return a debiased exponential moving average; nan and inf are shown and change nothing."""
    cases = []
    for weight, odd in ((0.6, None), (0.9, math.nan), (0.95, math.inf), (0.0, None)):
        values = [3 + value for value in attempt.randn(attempt.pick(6, 12)).tolist()]
        if odd is not None:
            values.insert(attempt.pick(1, 4), odd)
        cases.append((weight, values))
    signs = (3 * attempt.randn(30)).tolist()
    cases += [(0.8, [2.5]), (0.99, [*signs, 0.0, *signs[:3]]), (0.7, [math.nan, 4.0, -2.0])]
    cases += [(0.5, [-1.0, -math.inf, 3.0, math.nan, math.inf, 0.0, -5.0]), (0.5, [math.nan])]
    for weight, values in cases:
        odd = next((value for value in values if not math.isfinite(value)), None)
        swapped = _smooth(values, 1 - weight) if weight else values
        mistakes = [
            (
                _smooth(values, weight, share=False),
                "the start still pulls to 0; divide by the share",
            ),
            (_smooth(values, weight, begin=True), "start from 0 and divide, not from values[0]"),
            (swapped, "the weight belongs to the old average, not to the new value"),
            (_smooth(values, weight, feed=True), "divide what you show, not the average itself"),
            (_smooth(values, weight, count=True), "only finite values count for the share"),
            (_smooth(values, weight, keep=False), "a value that is not finite must change nothing"),
            (_smooth(values, weight, drop=True), "show nan and infinity too, at their place"),
            (_smooth(values, weight, offset=1), "after n values the share is 1 - weight ** n"),
            (values, "these are the values as they were"),
        ]
        errors = {"division by zero": "after n values the share is 1 - weight ** n, n from 1"}
        got = attempt(values, weight, errors=errors)
        attempt.require(isinstance(got, list), f"return a list, not a {type(got).__name__}")
        right = _smooth(values, weight)
        attempt.recognise(got, right, mistakes)
        say = f"show every value at its place: there are {len(values)}, and you show {len(got)}"
        attempt.require(len(got) == len(values), say)
        attempt.require(
            all(type(value) in (int, float, np.float64, np.float32) for value in got),
            "show numbers, one for each value",
        )
        same = [difference(g, r, 1e-4) is None for g, r in zip(got, right, strict=True)]
        attempt.require(
            same[0] or not math.isfinite(values[0]),
            "after one value its share of the average is 1 - weight, so the value itself is shown, "
            f"{values[0]:.4g}; you show {got[0]:.4g}",
        )
        if odd is not None:
            place = next(i for i, value in enumerate(values) if not math.isfinite(value))
            attempt.require(
                same[place] or not all(same[:place]),
                f"values[{place}] is {odd}: show it as it is",
            )
            attempt.require(
                all(same) or not all(same[: place + 1]),
                f"up to values[{place}], {odd}, all is right, after it not; it must change nothing",
            )
        wrong = same.index(False) if False in same else 0
        attempt.require(
            not wrong,
            f"values[0] is shown rightly, but not values[{wrong}]: the average becomes weight * "
            "the old one plus (1 - weight) times the value; after n values its share is "
            "1 - weight ** n",
        )
    got = attempt([], 0.5, errors={"out of range": "without values nothing is shown: give []"})
    attempt.require(got == [], f"without values nothing is shown; you give {got}")


def _smooth(
    values: list[float],
    weight: float,
    *,
    share: bool = True,
    begin: bool = False,
    feed: bool = False,
    count: bool = False,
    keep: bool = True,
    drop: bool = False,
    offset: int = 0,
) -> list[float]:
    """Smooth as TensorBoard 2.21 does (its `resmoothDataset`), or with one of the mistakes."""
    average, counted, shown = values[0] if begin else 0.0, 0, []
    for value in values:
        finite = math.isfinite(value)
        counted += finite or count
        if not finite and keep:
            shown += [] if drop else [value]
            continue
        average = weight * average + (1 - weight) * value
        part = 1 - weight ** (counted + offset) if share and not begin else 1.0
        divided = average / part if part else math.nan
        shown.append(divided)
        average = divided if feed else average
    return shown


def _lists(answer: object) -> object:
    """Let tuples pass where the task says lists."""
    if isinstance(answer, list | tuple) and all(isinstance(part, list | tuple) for part in answer):
        return tuple(list(part) for part in answer) if len(answer) == 2 else answer
    return answer


def _write(folder: Path, points: dict[str, Iterable[tuple[int, float]]]) -> None:
    """Log points, as pairs of step and value, under their tags."""
    from torch.utils.tensorboard import SummaryWriter  # here: only this lesson needs TensorBoard

    with SummaryWriter(folder) as writer:
        for tag, pairs in points.items():
            for step, value in pairs:
                writer.add_scalar(tag, value, step)


def _read(folder: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Read every scalar of a run: for each tag its steps and values."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    reader = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    known = reader.Tags()
    found = {tag: ([], []) for tags in known.values() if isinstance(tags, list) for tag in tags}
    for tag in known["scalars"]:
        events = reader.Scalars(tag)
        found[tag] = [e.step for e in events], [e.value for e in events]
    for tag in known["tensors"]:
        events = reader.Tensors(tag)
        numbers = [make_ndarray(e.tensor_proto) for e in events]
        if all(number.shape == () and number.dtype.kind == "f" for number in numbers):
            found[tag] = [e.step for e in events], [number.item() for number in numbers]
    return found
