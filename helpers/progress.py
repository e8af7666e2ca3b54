"""Which exercises are done: noted where a check prints its green line, kept on this computer.

    python -m helpers.progress    prints every lesson, what is done in it and what comes next

Each exercise that is done is one small file, `runs/progress/LESSON.EXERCISE`, which holds the time
(UTC) and nothing about you. It is created with O_EXCL: of two kernels one makes it, and the other
finds it there. Lines appended to one file would be shorter to write, but neither Windows nor a
network drive appends them safely. That the file is there is the record, so it is never half there.
What one kernel has done it also keeps in mind, and so shows where nothing can be written.
"""

import contextlib
import functools
import re
import sys
import tempfile
from datetime import UTC, datetime
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
_in_this_kernel: dict[str, str] = {}


@functools.cache
def exercises() -> dict[str, list[str]]:
    """List the exercises of each lesson in its order: {"01_tensors": ["scale_columns", …], …}."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        checks = ROOT / "helpers" / "checks" / f"{path.stem[3:]}.py"
        if checks.is_file():
            begins = r"^@exercise(?:\(given=[\w.]+\))?\ndef (\w+)"
            names = re.findall(begins, checks.read_text("utf-8"), re.MULTILINE)
            lesson = path.read_text("utf-8", "replace")
            calls = {name: lesson.find(f"check.{name}({name})") for name in names}
            found[path.stem] = sorted(names, key=calls.get)
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
            with (folder / f"{name}.{exercise}").open("x", encoding="utf-8") as file:
                file.write(now)


def done() -> dict[str, str]:
    """Give what is done and when: {"tensors.scale_columns": "2026-03-01 09:30:00+00:00", …}."""
    found = dict(_in_this_kernel)
    with contextlib.suppress(OSError, ValueError):
        for path in sorted(progress_dir().iterdir() if progress_dir() else []):
            name = MOVED.get(path.name, path.name)
            found[name] = ""
            with contextlib.suppress(OSError, ValueError):  # without its time it is still a record
                found[name] = path.read_text(encoding="utf-8")[:25]
    return found


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
    """Print the overview, the exercise to do next, and why nothing is recorded if that is so."""
    show()
    every, ready = [(stem, name) for stem, names in exercises().items() for name in names], done()
    missing = [(stem, name) for stem, name in every if f"{stem[3:]}.{name}" not in ready]
    print(f"\n{len(every) - len(missing)} of {len(every)} exercises done")
    if ready:
        latest = max(ready, key=ready.get)
        print(f"last: {latest}, {ready[latest]}")
    if missing:
        print(f"next: {missing[0][1]} in notebooks/{missing[0][0]}.ipynb")
    try:
        if progress_dir() is None:
            print("nothing is recorded: LADDER_PROGRESS is off")
        else:
            progress_dir().mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=progress_dir()).close()
    except (OSError, ValueError) as error:
        print(f"nothing can be recorded: {error}; set LADDER_PROGRESS to a folder of yours")


if __name__ == "__main__":
    main()
