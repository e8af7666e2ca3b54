r"""Run the lessons on this machine's accelerator, and say which cells fail or differ there.

    python -m tools.devices                     every lesson, on CUDA or else a Mac's MPS
    python -m tools.devices 17 22 --solutions   these lessons, and their solutions
    python -m tools.devices --device cpu 01     on the CPU, to try out how this works

Nothing in the repository is written: the lessons run in a temporary copy, several at once. The exit
status is 0 if every cell did what its asserts and tags say; 1 if one failed, or, with --strict, if
one differs; 2 if nothing could be run. `tools.on_device` says what counts as failed and differing.
Three lessons assert that one way is faster than another. They run alone, after the others; a
machine that is busy with something else may fail them all the same.

It needs the packages of the lessons, nbclient and ipykernel, which come with JupyterLab, and torch
2.11 or newer. The lessons need not be installed: start it in the repository's folder, with any
Python that has those. On a machine that reaches no network, with a bare copy of the repository, the
packages that it says are missing travel as files. Where there is a network (take the other
machine's version of Python and platform, if they differ):

    python -m pip download -d wheels --only-binary=:all: --python-version 3.12 \
        --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 nbclient ipykernel

and on the machine with the GPU, where it takes a few minutes on 16 cores:

    python -m pip install --no-index --no-deps --target site wheels/*.whl
    PYTHONPATH=site python -m tools.devices --markdown table.md
"""

import argparse
import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.doctor import MODULES, TOOLS
from helpers.paths import ROOT

if TYPE_CHECKING:
    from tools.on_device import Outcome

# The oldest that the lessons have been tried with here; pyproject.toml asks for what CI tries.
LEAST = {"torch": "2.11", "torchvision": "0.26"}
NOT_NEEDED = {*TOOLS, "jupyterlab"}
NEEDED = {"nbclient", "ipykernel"}
KERNEL_GIB, CARD_GIB = 2, 1.5  # what a lesson may take of the memory here, and of the card's
MOST = 8  # lessons at once: more wait for the card
ALONE = {"06", "17", "18"}  # these assert that one way is faster than another, so they run last
PREPARE = ""  # code that runs in each kernel before the first cell
HEAD = ("lesson", "cells", "differing", "failed", "seconds", "peak MiB")

PROBE = """
import json, platform, sys, psutil, torch, torchvision
from helpers.device import describe_device, get_device
try:
    device = get_device(sys.argv[1] or None)
    (torch.ones(2, device=device) + 1).cpu()
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
card = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
found = {"device": str(device), "card": card, "memory": psutil.virtual_memory().available}
versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
found["says"] = f"{describe_device(device)}, Python {platform.python_version()}, {versions}"
print(json.dumps(found))
"""


class Unable(Exception):
    """Nothing can be run here; the message says why, and what to do."""


def missing() -> list[str]:
    """Name the packages that the lessons need and this Python lacks."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r'^ +"([\w-]+)>=', text, re.MULTILINE)
    needed = [*(name for name in named if name not in NOT_NEEDED), *sorted(NEEDED)]
    found = importlib.util.find_spec
    return [name for name in needed if found(MODULES.get(name, name).replace("-", "_")) is None]


def probe(device: str | None) -> dict:
    """Find out what there is, in a process of its own, so that this one takes none of the card.

    Args:
        device: As `helpers.device.get_device` takes it.

    Returns:
        "device", such as "cuda"; "says", a line about it and the versions; bytes of "memory" and of
        the "card" that are free, the latter None where there is none.

    Raises:
        Unable: It is not there, does not work, or is the CPU although nobody asked for that.
    """
    command = [sys.executable, "-c", PROBE, device or ""]
    env = {**os.environ, "PYTHONPATH": python_path(ROOT)}
    result = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", env=env, check=False
    )
    if result.returncode:
        last = (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1]
        raise Unable(f"torch cannot use this device: {last}")
    found = json.loads(result.stdout.splitlines()[-1])
    if found["device"] == "cpu" and "cpu" not in (device, os.environ.get("LADDER_DEVICE")):
        say = f"torch finds no accelerator here, neither CUDA nor MPS ({found['says']})"
        raise Unable(f"{say}; see to the GPU's driver and torch's build, or give --device cpu")
    return found


def python_path(root: Path) -> str:
    """Give a PYTHONPATH that finds this repository, or a copy, before all else."""
    return os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))


def copy_lessons(folder: Path) -> Path:
    """Copy the repository into an empty folder, and return the copy.

    There, lesson 00 asks for no newer torch than this program does, and for no tools of tests.
    """
    from tools.elsewhere import copy_repository  # needs nbclient

    root = copy_repository(folder / "lessons")
    kept = []
    for line in (root / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        name = re.match(r' +"([\w-]+)>=', line)
        if name and name[1] in LEAST:
            line = f'    "{name[1]}>={LEAST[name[1]]}",'
        if not name or name[1] not in NOT_NEEDED:
            kept.append(line)
    (root / "pyproject.toml").write_text("\n".join(kept), encoding="utf-8")
    return root


def find(numbers: list[str], solutions: bool, notebooks: Path) -> list[Path]:
    """Find the notebooks of lessons, the longest first.

    Args:
        numbers: Such as "07"; none means every lesson.
        solutions: Their solutions as well.
        notebooks: The folder.

    Raises:
        Unable: There is no lesson of a number.
    """
    from tools.notebooks import read, stated

    every = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    there = {path.name[:2] for path in every}
    unknown = [number for number in numbers if number.zfill(2) not in there]
    if unknown:
        raise Unable(
            f"no lesson {', '.join(unknown)}; give numbers from {min(there)} to {max(there)}"
        )
    wanted = {number.zfill(2) for number in numbers} or there
    chosen = [path for path in every if path.name[:2] in wanted]
    chosen.sort(key=lambda path: -stated(read(path)))
    return chosen + [path.parent / "solutions" / path.name for path in chosen if solutions]


def choose_workers(cores: int, memory: int, card: int | None) -> int:
    """Choose how many lessons run at once, each with two cores.

    Args:
        cores: Of this machine.
        memory: Bytes that are free.
        card: Bytes that are free on the GPU; None where it has none of its own.
    """
    fits = [cores // 2, memory / 2**30 // KERNEL_GIB, MOST]
    if card is not None:
        fits.append(card / 2**30 // CARD_GIB)
    return max(1, int(min(fits)))


def survey(
    paths: list[Path], root: Path, device: str, workers: int, limit: float
) -> tuple[list["Outcome"], bool]:
    """Run notebooks, several at once, those of `ALONE` afterwards; print a line as each ends.

    Args:
        paths: In the copy at `root`, in the order in which they start.
        root: Beside it, each gets a folder for what it writes.
        device: Where they compute.
        workers: How many run at once.
        limit: Seconds that a cell may take.

    Returns:
        What became of them, by name; and whether somebody pressed Ctrl-C, which ends them all.
    """
    from tools.on_device import Kernels, run_lesson

    kernels, outcomes = Kernels(), []
    threads = max(1, (os.cpu_count() or 1) // workers)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LADDER_", "PYTEST_"))}
    temporary = root.parent / "tmp"
    temporary.mkdir()

    def run(path: Path) -> "Outcome":
        runs = root.parent / f"runs-{path.parent.name}-{path.stem}"
        runs.mkdir()
        env = {
            # threads that spin while they wait would take the cores of other lessons
            **{"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"},
            **kept,
            "PYTHONPATH": python_path(root),
            "LADDER_DEVICE": device,
            "LADDER_PROGRESS": "off",
            "LADDER_RUNS": str(runs),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        }
        outcome = run_lesson(path, env, limit, kernels, PREPARE)
        solution = path.parent.name == "solutions"
        return outcome._replace(name=outcome.name + " (solutions)" * solution)

    print(row(*HEAD), flush=True)
    alone = [path for path in paths if path.name[:2] in ALONE]
    together = [path for path in paths if path not in alone]
    for some, count in ((together, workers), (alone, 1)):
        with ThreadPoolExecutor(count) as pool:
            try:
                for future in as_completed([pool.submit(run, path) for path in some]):
                    outcomes.append(future.result())
                    print(row(*columns(outcomes[-1])), flush=True)
            except BaseException as error:
                pool.shutdown(wait=False, cancel_futures=True)
                kernels.stop()
                if not isinstance(error, KeyboardInterrupt):
                    raise
                return sorted(outcomes), True
    return sorted(outcomes), False


def columns(outcome: "Outcome") -> tuple:
    """Give what the table says of a notebook, in the order of `HEAD`."""
    peak = "" if outcome.peak is None else round(outcome.peak)
    counts = outcome.cells, len(outcome.differing), len(outcome.failed)
    return (outcome.name, *counts, round(outcome.seconds), peak)


def row(name: str, *rest: object) -> str:
    """Lay out a line of the table for a terminal."""
    return f"{name:44}" + "".join(f"{each!s:>10}" for each in rest)


def details(outcomes: list["Outcome"]) -> str:
    """Write out the cells that failed and those that differ."""
    lines = []
    for outcome in outcomes:
        for title, cells in (("FAILED", outcome.failed), ("differs", outcome.differing)):
            for cell in cells:
                lines.append(f"\n{outcome.name}, {cell.cell}: {title}")
                lines += ["  stored:", quote(cell.stored), "  here:", quote(cell.here)]
    return "\n".join(lines)


def quote(text: str, most: int = 2000) -> str:
    """Indent a text, and cut one that is very long."""
    text = text if len(text) <= most else f"{text[:most]}\n… ({len(text) - most} letters more)"
    return "\n".join(f"  | {line}" for line in text.splitlines() or [""])


def markdown(outcomes: list["Outcome"], says: str) -> str:
    """Write the table for a page of text, below it where and with what it was measured."""
    rows = [HEAD, ("---",) * len(HEAD), *map(columns, outcomes)]
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in rows]
    return "\n".join([*lines, "", f"{says[:1].upper()}{says[1:]}.", ""])


def as_csv(outcomes: list["Outcome"]) -> str:
    """Write the table for a spreadsheet."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([HEAD, *map(columns, outcomes)])
    return file.getvalue()


def write(path: Path, text: str) -> None:
    """Write a file whole, or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def positive(text: str) -> int:
    """Read a whole number from 1 on, for the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.devices", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("lessons", nargs="*", metavar="NN", help="two digits; none: every lesson")
    parser.add_argument(
        "--device", help="cuda, cuda:1, mps or cpu; else LADDER_DEVICE, or the best"
    )
    parser.add_argument("--solutions", action="store_true", help="run the solutions as well")
    parser.add_argument("--workers", type=positive, help="how many notebooks run at once")
    parser.add_argument("--limit", type=positive, default=120, help="seconds a cell may take")
    parser.add_argument("--strict", action="store_true", help="a cell that differs is a failure")
    parser.add_argument("--csv", type=Path, help="write the table into this file")
    parser.add_argument("--markdown", type=Path, help="write the table into this file")
    chosen = parser.parse_args(arguments)
    try:
        if gone := missing():
            say = f"{sys.executable} lacks {', '.join(gone)}; install them"
            raise Unable(f"{say}; python -m tools.devices --help says how without a network")
        found = probe(chosen.device)
        for path in filter(None, (chosen.csv, chosen.markdown)):
            if not path.parent.is_dir():
                raise Unable(f"no folder {path.parent} for {path.name}; make it")
        return run_all(chosen, found)
    except Unable as error:
        print(error, file=sys.stderr)
        return 2


def run_all(chosen: argparse.Namespace, found: dict) -> int:
    """Run what was chosen on what was found; print and write tables; return the exit status."""
    workers = choose_workers(os.cpu_count() or 1, found["memory"], found["card"])
    workers = chosen.workers or workers
    # a kernel that was killed may hold a file a moment longer
    with tempfile.TemporaryDirectory(prefix="devices-", ignore_cleanup_errors=True) as folder:
        root = copy_lessons(Path(folder))
        paths = find(chosen.lessons, chosen.solutions, root / "notebooks")
        print(f"{found['says']}; {workers} at once\n", flush=True)
        outcomes, interrupted = survey(paths, root, found["device"], workers, chosen.limit)
    print(details(outcomes))
    print(f"\n{found['says']}\n\n{row(*HEAD)}")
    for outcome in outcomes:
        print(row(*columns(outcome)))
    for path, text in (
        (chosen.csv, as_csv(outcomes)),
        (chosen.markdown, markdown(outcomes, found["says"])),
    ):
        if path:
            write(path, text)
    failed = sum(bool(outcome.failed) for outcome in outcomes)
    differing = sum(len(outcome.differing) for outcome in outcomes)
    print(f"\n{len(outcomes)} notebooks, {failed} failed; {differing} cells differ")
    if interrupted:
        print("stopped by Ctrl-C")
        return 130
    return int(failed > 0 or (chosen.strict and differing > 0))


if __name__ == "__main__":
    sys.exit(main())
