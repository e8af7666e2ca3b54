"""Which exercises are done: noted where a check prints its green line, kept on this computer.

    python -m helpers.progress    prints what is done, next, to be reviewed, and the minutes left

Each exercise that is done is one small file, `runs/progress/LESSON.EXERCISE`, which holds the time
(UTC) and nothing about you. It is created with O_EXCL: of two kernels one makes it, and the other
finds it there. Lines appended to one file would be shorter to write, but neither Windows nor a
network drive appends them safely. That the file is there is the record, so it is never half there.
An exercise done again on a later day adds that time to its file; a line lost there does no harm.
What one kernel has done it also keeps in mind, and so shows where nothing can be written.
"""

import contextlib
import functools
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from helpers.paths import NOTEBOOKS, ROOT, progress_dir

CHECKS = "helpers.checks."
# Records of exercises that have since gone to another lesson, or got another name.
MOVED = {
    "checkpointing.changed_names": "saving_and_loading.changed_names",
    "cnn.separable_cost": "resnet_and_mobilenet.separable_cost",
    "feedforward_network.count_parameters": "setup.count_parameters",  # it was the same task
    "datasets_and_dataloaders.worker_share": "speed_and_memory.worker_share",
    "softmax_and_cross_entropy.loss_and_confidence": "softmax_and_cross_entropy.loss_and_given",
}
REVIEW_AFTER = timedelta(days=7)
BELIEVED = timedelta(days=3650)  # a time longer ago, or to come, is from a clock that was wrong
_in_this_kernel: dict[str, str] = {}


def _text(stem: str) -> str:
    """Give a notebook's file as it stands, valid or not; "" where it cannot be read."""
    with contextlib.suppress(OSError):
        return (NOTEBOOKS / f"{stem}.ipynb").read_text("utf-8", "replace")
    return ""


@functools.cache
def exercises() -> dict[str, list[str]]:
    """List the exercises of each lesson in its order: {"01_tensors": ["scale_columns", …], …}."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        checks = ROOT / "helpers" / "checks" / f"{path.stem[3:]}.py"
        if checks.is_file():
            begins = r"^@exercise(?:\(given=[\w.]+\))?\ndef (\w+)"
            names = re.findall(begins, checks.read_text("utf-8"), re.MULTILINE)
            lesson = _text(path.stem)
            calls = {name: lesson.find(f"check.{name}({name})") for name in names}
            found[path.stem] = sorted(names, key=calls.get)
    return found


@functools.cache
def minutes() -> dict[str, tuple[int, dict[str, int]]]:
    """Read the minutes that lessons state: {"01_tensors": (110, {"scale_columns": 6, …}), …}.

    A lesson that does not state its own and those of each exercise is left out.
    """
    found = {}
    exercise = r"### Exercise \d(?:(?!### Exercise).){0,300}?[^a-z]{5}about (\d{1,4}) minutes"
    for stem, names in exercises().items():
        text, each = _text(stem), {}
        stated = [(m.start(), int(m[1])) for m in re.finditer(exercise, text, re.DOTALL)]
        for name in names:
            check = text.find(f"check.{name}({name})")
            if before := [number for place, number in stated if place < check]:
                each[name] = before[-1]
        whole = re.search(r"allow (\d{1,4}) minutes", text)
        if whole and len(each) == len(names):
            found[stem] = int(whole[1]), each
    return found


def record(module: str, exercise: str) -> None:
    """Note that an exercise is done. Silent and harmless where that cannot be written.

    Only a notebook's kernel notes anything, so that tests and scripts leave no trace; and not one
    that runs in the folder of the solutions, for to read a solution is not to find one.

    Args:
        module: Of the check: "helpers.checks.tensors".
        exercise: Its name: "scale_columns".
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not hasattr(shell, "kernel") or not module.startswith(CHECKS):
        return
    with contextlib.suppress(OSError, ValueError):
        if Path.cwd().name == "solutions":
            return
        name, now = module.removeprefix(CHECKS), datetime.now(UTC).isoformat(" ", "seconds")
        _in_this_kernel.setdefault(f"{name}.{exercise}", now)
        if folder := progress_dir():
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.{exercise}"
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(now)
            except FileExistsError:
                noted = path.read_text(encoding="utf-8")
                if noted and now[:10] not in noted:  # empty: another kernel is about to write
                    with path.open("a", encoding="utf-8") as file:
                        file.write(f"\n{now}")


def done() -> dict[str, str]:
    """Give what is done and when first: {"tensors.scale_columns": "2026-03-01 09:30:00+00:00"}."""
    return {name: text.partition("\n")[0][:25] for name, text in _records().items()}


def _records() -> dict[str, str]:
    found = dict(_in_this_kernel)
    with contextlib.suppress(OSError, ValueError):
        for path in sorted(progress_dir().iterdir() if progress_dir() else []):
            name = MOVED.get(path.name, path.name)
            found[name] = ""
            with contextlib.suppress(OSError, ValueError):  # without its time it is still a record
                found[name] = path.read_text(encoding="utf-8")
    return found


def _times(text: str) -> list[datetime]:
    """Read the lines of a record that hold a time; without a zone it counts as UTC."""
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            time = datetime.fromisoformat(line)
            found.append(time if time.tzinfo else time.replace(tzinfo=UTC))
    return found


def review(now: datetime) -> list[tuple[int, str, str]]:
    """Find what was done longest ago, at least a week.

    Returns:
        Up to three exercises, longest ago first: days, name, lesson.
    """
    records, found = _records(), []
    for stem, name in _every():
        ages = [now - time for time in _times(records.get(f"{stem[3:]}.{name}", ""))]
        ages = [age for age in ages if timedelta(0) <= age <= BELIEVED]
        if ages and min(ages) >= REVIEW_AFTER:
            found.append((min(ages).days, name, stem))
    return sorted(found, key=lambda entry: -entry[0])[:3]


def minutes_left() -> tuple[int, list[str]]:
    """Add up the minutes of lessons that are not begun, and of exercises to do in those that are.

    Whoever has done an exercise of a lesson has read the lesson. Lessons before the first begun one
    were passed over.

    Returns:
        The minutes, and the numbers of the lessons with something to do that are not counted: those
        passed over, and those that do not state their minutes.
    """
    ready, missing, total, uncounted = done(), {}, 0, []
    for stem, name in _every():
        if f"{stem[3:]}.{name}" not in ready:
            missing.setdefault(stem, []).append(name)
    for stem, names in missing.items():
        if stem < _first_begun(ready) or stem not in minutes():
            uncounted.append(stem[:2])
        else:
            whole, each = minutes()[stem]
            begun = len(names) < len(each)
            total += sum(each[name] for name in names) if begun else whole
    return total, uncounted


def _every() -> list[tuple[str, str]]:
    return [(stem, name) for stem, names in exercises().items() for name in names]


def _first_begun(ready: dict[str, str]) -> str:
    return next((stem for stem, name in _every() if f"{stem[3:]}.{name}" in ready), "")


def show(lesson: str | None = None) -> None:
    """Print which exercises of a lesson are done, or how many of each lesson.

    Args:
        lesson: Its name without the number, such as "tensors"; None for an overview of all.

    Raises:
        ValueError: There is no such lesson.
    """
    every, ready = {stem[3:]: names for stem, names in exercises().items()}, done()
    if lesson is not None and lesson not in every:
        raise ValueError(f"no lesson {lesson!r}; choose one of {list(every)}")
    for name in every.get(lesson, []):
        print(f"{'done ' if f'{lesson}.{name}' in ready else 'to do'}  {name}")
    for noun, names in every.items():
        if lesson in (None, noun):
            count = sum(f"{noun}.{name}" in ready for name in names)
            print(f"{count} of {len(names)} exercises done" + f" in {noun}" * (lesson is None))


def main() -> None:
    """Print the overview, what to do next and what again, and why nothing is recorded if so."""
    show()
    every, ready = _every(), done()
    missing = [(stem, name) for stem, name in every if f"{stem[3:]}.{name}" not in ready]
    missing.sort(key=lambda pair: pair[0] < _first_begun(ready))  # what was passed over comes last
    print(f"\n{len(every) - len(missing)} of {len(every)} exercises done")
    if times := [(max(_times(text)), name) for name, text in _records().items() if _times(text)]:
        print(f"last: {max(times)[1]}, {max(times)[0]}")
    if missing:
        print(f"next: {missing[0][1]} in notebooks/{missing[0][0]}.ipynb")
    for days, name, stem in review(datetime.now(UTC)):
        print(f"review: {name} in notebooks/{stem}.ipynb, done {days} days ago")
    total, uncounted = minutes_left()
    if total:
        units = zip(divmod(total, 60), ("hour", "minute"), strict=True)
        words = [f"{count} {unit}{'s' * (count > 1)}" for count, unit in units if count]
        without = f", without lessons {', '.join(uncounted)}" if uncounted else ""
        print(f"about {' '.join(words)} left{without}")
    try:
        if progress_dir() is None:
            print("nothing is recorded: LADDER_PROGRESS is off")
        else:
            progress_dir().mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=progress_dir()).close()
    except (OSError, ValueError) as error:
        print(f"nothing can be recorded: {error}; set LADDER_PROGRESS to a folder of yours")


if __name__ == "__main__":
    with contextlib.suppress(AttributeError):  # a file's name may hold letters a console lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    main()
