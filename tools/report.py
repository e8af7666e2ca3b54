"""An instructor's table: which exercises of a folder of submitted notebooks are right.

    python -m tools.report FOLDER                   a text
    python -m tools.report FOLDER --csv class.csv   and a table for a spreadsheet

The notebooks may have any names and lie in subfolders, one for each learner, say. Which lesson one
belongs to is told by the checks that it imports; files that may hold work and are no notebooks are
named. Of each, the setup cell, imports, definitions and
the exercises' cells are run, and our checks called anew: what a notebook has stored counts nothing.

Why not nbgrader or otter-grader: both want each assignment prepared and handed out in a format of
their own, with their tests in it; here the lesson itself, from any git clone, is what is handed in.

Submitted code is not trusted. Each notebook runs in a process of its own (`judge`, beside), which
is killed with its whole process group when a cell takes too long, when memory or the number of
processes runs away, and at its end. It works in an empty temporary folder, which is its home, too,
sees none of your environment variables but PATH, LANG and the series' own, reads nothing, prints
nowhere, and may not write large files. Where Linux lets it (`unshare`), it has no network either,
and a process that leaves the group dies with the rest. A verdict counts only if it comes with a
random token through a pipe of its own, and "right" only if the checks are what they were before.

What that does not do: it is **not a sandbox**. The code can read, and outside its folder write,
what you can; so run the report as a user who owns nothing dear, or in a container. And Python code
can in the end change anything in its own process, the checks and the token too. Who sets out to
forge a verdict can; a printed green line, a stored output, a patched check or an early exit cannot.
"""

import argparse
import contextlib
import csv
import functools
import json
import os
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from helpers.paths import ROOT
from helpers.progress import exercises

STATUSES = ("right", "wrong", "not attempted", "error", "timed out")
NOTEBOOK_BYTES, ANSWER_BYTES = 32 * 2**20, 2**20
ASK, UNPACK = "ask for the notebook itself", "unpack it, and run the report again"
NOT_READ = dict.fromkeys((".py", ".html", ".htm", ".pdf", ".docx", ".md", ".txt", ".json"), ASK)
NOT_READ |= dict.fromkeys((".zip", ".7z", ".rar", ".gz", ".tgz", ".tar", ".xz", ".bz2"), UNPACK)
SECONDS = 30  # a cell
START_SECONDS = 120  # to import torch from a cold disk
MEMORY_MIB = 2048  # beyond what torch needs
PROCESSES = 64  # of one notebook
PASSED_ON = ("PATH", "LANG", "SYSTEMROOT", "LADDER_DATA")


class Row(NamedTuple):
    """What became of one exercise, or of a whole notebook where `exercise` is empty."""

    notebook: str
    lesson: str
    exercise: str
    status: str
    message: str


class Unreadable(ValueError):
    """A file is no notebook, or of no lesson; the message says why."""


def files(folder: Path) -> list[Path]:
    """List the files in a folder and below, in order, hidden ones and links to folders aside.

    Hidden is what begins with a dot, and `__MACOSX`, which a Mac packs beside what was meant.
    """
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        found += [Path(place) / name for name in names if not name.startswith(".")]
    return sorted(found)


def submitted(folder: Path) -> list[Path]:
    """List the notebooks in a folder and below."""
    return [path for path in files(folder) if path.suffix.lower() == ".ipynb"]


def left_out(folder: Path) -> list[Row]:
    """Name the files, in a folder and below, that are no notebooks, though work may be in them."""
    rows = []
    for path in files(folder):
        cure = NOT_READ.get(path.suffix.lower())
        if ".ipynb" in path.name.lower() and path.suffix.lower() != ".ipynb":
            cure = "if it is a notebook, let its name end in .ipynb"
        if cure:
            name = path.relative_to(folder).as_posix()
            rows.append(Row(name, "", "", "error", f"it was not read, for it is no .ipynb; {cure}"))
    return rows


def grade(path: Path, name: str, seconds: float = SECONDS, seed: int | None = None) -> list[Row]:
    """Judge one notebook.

    Args:
        path: Of the notebook.
        name: What to call it in the rows.
        seconds: That a cell may take.
        seed: Of the checks' random inputs, the same for everyone; None for fresh ones.

    Returns:
        A row for each exercise of its lessons, or a single one where it cannot be read.
    """
    try:
        lessons = take_apart(path)
    except Unreadable as error:
        return [Row(name, "", "", "error", clean(str(error)))]
    rows = []
    for lesson, cells in lessons.items():
        names = next(names for stem, names in exercises().items() if stem[3:] == lesson)
        found, notes = _verdicts(lesson, names, cells, seconds, seed)
        for exercise in names:
            status, say = found.get(exercise, ("error", ""))
            if exercise not in found:
                say = f"no cell calls check.{exercise}, and none tagged exercise defines {exercise}"
            if status == "error" and notes:
                say = f"{say}; {notes[0]}"
            rows.append(Row(name, lesson, exercise, status, clean(say)))
    return rows


def take_apart(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Read a notebook as plain JSON.

    Returns:
        For its lesson ("tensors"), or each of several in one notebook, the code cells: "source",
        "index", the "names" of that lesson's exercises that it checks or, tagged, defines, and
        whether it is the "setup".

    Raises:
        Unreadable: It is no plain file, too large, no notebook, or of no lesson.
    """
    if path.is_symlink() or not path.is_file():
        raise Unreadable("a link or no plain file; it was not read")
    if path.stat().st_size > NOTEBOOK_BYTES:
        raise Unreadable(f"over {NOTEBOOK_BYTES // 2**20} MiB; clear its outputs and save it")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from error
    if re.search(rb"^<{7} .*^>{7} ", content, re.MULTILINE | re.DOTALL):
        raise Unreadable("a git conflict (<<<<<<< … >>>>>>>) stands in the file; keep one side")
    try:
        raw = json.loads(content)
        cells = [
            (index, "".join(cell["source"]), list(cell.get("metadata", {}).get("tags", [])))
            for index, cell in enumerate(raw["cells"])
            if cell["cell_type"] == "code"
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"not a notebook of format 4: {type(error).__name__} {error}") from error
    known = {stem[3:]: names for stem, names in exercises().items()}
    imports = re.compile(r"^\s*(?:from|import) +helpers\.checks(?: +import +|\.)(\w+)", re.M)
    lessons = [m for _, text, _ in cells for m in imports.findall(text) if m in known]
    if not lessons:
        raise Unreadable("of no lesson: no cell has a line `from helpers.checks import … as check`")
    parts: dict[str, list[dict[str, Any]]] = {lesson: [] for lesson in lessons}
    for index, source, tags in cells:
        called = re.findall(r"^check\.(\w+)\(", source, re.M)
        if "exercise" in tags or "solution" in tags:
            called += re.findall(r"^(?:def|class) +(\w+)", source, re.M)
        setup = bool(imports.search(source))
        for lesson, listed in parts.items():
            names = [name for name in dict.fromkeys(called) if name in known[lesson]]
            listed.append({"index": index, "source": source, "names": names, "setup": setup})
    answered = [lesson for lesson in parts if any(cell["names"] for cell in parts[lesson])]
    return {lesson: parts[lesson] for lesson in answered or lessons[:1]}


def _verdicts(
    lesson: str, names: list[str], cells: list[dict[str, Any]], seconds: float, seed: int | None
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Run a notebook, once more without the cell at fault wherever it had to be killed.

    Returns:
        {exercise: (status, message)}, where of several cells for one the best counts; and what went
        wrong in the cells that are no exercise.
    """
    found: dict[str, tuple[str, str]] = {}
    notes: list[str] = []
    until = time.monotonic() + START_SECONDS + seconds * (len(names) + 2)

    def keep(name: str, status: str, say: str) -> None:
        ranks = ("right", "wrong", "timed out", "error", "not attempted")
        if name not in found or ranks.index(status) < ranks.index(found[name][0]):
            found[name] = (status, say)

    cells, judged = list(cells), set()
    while True:
        job = {"lesson": lesson, "exercises": names, "cells": cells, "judged": sorted(judged)}
        index, status, say = _session(job | {"seed": seed}, seconds, until, keep, notes)
        if index is None and not say:  # it came to its end
            return found, notes
        fault = next((cell for cell in cells if cell["index"] == index), None)
        for name in fault["names"] if fault else set(names) - set(found):
            if name not in judged:
                keep(name, status, say)
        if fault is None or time.monotonic() > until:
            for name in set(names) - set(found):
                keep(name, "timed out", "the notebook as a whole took too long")
            return found, notes
        if not fault["names"]:
            notes.append(f"cell {index + 1}{', the setup' * fault['setup']}: {say}")
        cells.remove(fault)
        done = [name for cell in cells if cell["index"] < index for name in cell["names"]]
        judged |= set(done)


def _session(
    job: dict[str, Any], seconds: float, until: float, keep: Callable, notes: list[str]
) -> tuple[int | None, str, str]:
    """Run one process to its end; hand verdicts to `keep`, and add to `notes`.

    Returns:
        (None, "", "") where it came to its end; else the cell it was at, and how and why it ended.
    """
    token = secrets.token_hex(16)
    job |= {"token": token, "mib": MEMORY_MIB, "processes": _threads_of_user() + 4 * PROCESSES}
    job["cpu_seconds"] = int(START_SECONDS + seconds * (len(job["exercises"]) + 2))
    index, deadline, looked = None, time.monotonic() + START_SECONDS, 0.0
    with tempfile.TemporaryDirectory(prefix="ladder-report-", ignore_cleanup_errors=True) as home:
        process = _start(Path(home))
        answers = _answers(process, json.dumps(job).encode())
        try:
            while True:
                now = time.monotonic()
                if now > min(deadline, until):
                    allowed = START_SECONDS if index is None else seconds
                    return index, "timed out", f"it was stopped after {allowed:g} s"
                if now - looked > 0.1:
                    looked = now
                    if excess := _excess(process.pid):
                        return index, "error", f"it was stopped: {excess}"
                try:
                    answer = answers.get(timeout=0.05)
                except queue.Empty:
                    continue
                if answer is None:
                    return index, "error", _how_it_ended(process)
                told, *parts = answer if isinstance(answer, list) and answer else [""]
                if told != token:
                    continue
                match parts:
                    case ["begin", int(index)]:
                        deadline = time.monotonic() + seconds
                    case ["verdict", str(name), str(status), str(say)] if status in STATUSES:
                        keep(name, status, say)
                    case ["end", int(where), str(say)] if say:
                        notes.append(f"cell {where + 1}: {say}")
                    case ["finished"]:
                        return None, "", ""
        finally:
            _kill(process)


def _start(home: Path) -> subprocess.Popen:
    """Start `tools.judge` in an empty folder with next to no environment."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {name: str(home) for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP")}
    places = [str(ROOT), *(place for place in sys.path if place and Path(place).exists())]
    environment |= {"PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"LADDER_PROGRESS": "off", "LADDER_RUNS": str(home), "LADDER_DEVICE": "cpu"}
    environment |= {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [*walls(), sys.executable, "-P", "-m", "tools.judge"],
        cwd=home,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _answers(process: subprocess.Popen, job: bytes) -> queue.SimpleQueue:
    """Hand over the job, and queue each answer as it comes; None at the end, or after too much."""
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def talk() -> None:
        with contextlib.suppress(OSError), process.stdin:  # gone: the end of its answers says so
            process.stdin.write(job)
        size = 0
        while (line := process.stdout.readline(ANSWER_BYTES)) and size < ANSWER_BYTES:
            size += len(line)
            with contextlib.suppress(ValueError, RecursionError):
                answers.put(json.loads(line))
        answers.put(None)

    threading.Thread(target=talk, daemon=True).start()
    return answers


@functools.cache
def walls() -> tuple[str, ...]:
    """Find the command that shuts a process off from the network and the other processes.

    Returns:
        `unshare` with what this system grants; nothing where it grants nothing.
    """
    tool = shutil.which("unshare")
    for flags in ("-rnpf --kill-child --mount-proc", "-rnpf --kill-child", "-rn", "-n"):
        command = (tool or "", *flags.split())
        if tool and not subprocess.run([*command, "true"], capture_output=True).returncode:
            return command
    return ()


def _threads_of_user() -> int:
    import psutil

    count = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            own = not hasattr(os, "getuid") or process.uids().real == os.getuid()
            count += process.num_threads() if own else 0
    return count


def _family(pid: int) -> list:
    """Give a process and all that descend from it."""
    import psutil

    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def _excess(pid: int) -> str:
    """Say what a process and its descendants use too much of, or nothing."""
    import psutil

    family = _family(pid)
    if len(family) > PROCESSES:
        return f"over {PROCESSES} processes"

    def mib(exactly: bool) -> float:
        used = 0
        for process in family:
            with contextlib.suppress(psutil.Error):
                info = process.memory_full_info() if exactly else process.memory_info()
                # forks share most of their memory: each counts its part, where the system tells it
                used += getattr(info, "pss", info.uss) if exactly else info.rss
        return used / 2**20

    most = 2 * MEMORY_MIB
    if mib(exactly=False) > most and mib(exactly=True) > most:  # to be exact takes long
        return f"over {most} MiB of memory"
    return ""


def _kill(process: subprocess.Popen) -> None:
    """End a process, its group, and what left the group as far as it can be found."""
    import psutil

    family = _family(process.pid)
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()
    process.wait()
    psutil.wait_procs(family, timeout=2)


def _how_it_ended(process: subprocess.Popen) -> str:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "it closed its answers, or wrote too much to them"
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        known = number in set(signal.Signals)
        return f"it ended its process ({signal.Signals(number).name if known else code})"
    return f"it ended its process (exit status {code})"


def clean(text: str) -> str:
    """Make a text of others safe to print: one line, no control characters, not too long."""
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    text = " ".join(words)
    return text if len(text) <= 300 else f"{text[:299]}…"


def as_text(rows: list[Row]) -> str:
    """Lay the rows of one notebook out."""
    right = sum(row.status == "right" for row in rows)
    lessons = ", ".join(dict.fromkeys(row.lesson for row in rows))
    lines = [f"{clean(rows[0].notebook)}: {right} of {len(rows)} right ({lessons})"]
    if not rows[0].exercise:
        lines = [f"{clean(rows[0].notebook)}"]
    width = max(len(row.exercise) for row in rows)
    for row in rows:
        lines.append(f"  {row.status:13}  {row.exercise:{width}}  {row.message}".rstrip())
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """Count for each exercise how many notebooks have which status."""
    counts = Counter((row.lesson, row.exercise, row.status) for row in rows if row.exercise)
    lines = ["  ".join(f"{status:>13}" for status in STATUSES) + "  exercise"]
    for lesson, exercise in dict.fromkeys((row.lesson, row.exercise) for row in rows):
        if exercise:
            numbers = (f"{counts[lesson, exercise, status]:13}" for status in STATUSES)
            lines.append("  ".join(numbers) + f"  {lesson}.{exercise}")
    unread = sum(not row.exercise for row in rows)
    return "\n".join([*lines, f"files that could not be read: {unread}"] if unread else lines)


def write_csv(rows: list[Row], path: Path) -> None:
    """Write a table that spreadsheets open: UTF-8 with its mark, no cell taken for a formula."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(Row._fields)
        for row in rows:
            cells = [clean(cell) for cell in row]
            table.writerow([f"'{cell}" if cell[:1] in tuple("=+-@") else cell for cell in cells])


def report(folder: Path, seconds: float = SECONDS) -> Iterator[list[Row]]:
    """Judge the notebooks of a folder, one for every two cores, all with the same random inputs.

    After them come the files that were not read.
    """
    seed, paths = secrets.randbits(32), submitted(folder)

    def judge(path: Path) -> list[Row]:
        return grade(path, path.relative_to(folder).as_posix(), seconds, seed)

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2)) as pool:
        yield from pool.map(judge, paths)
    yield from ([row] for row in left_out(folder))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path, help="also write a table here")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that a cell may take")
    chosen = parser.parse_args(arguments)
    if not chosen.folder.is_dir():
        print(f"no folder {chosen.folder}", file=sys.stderr)
        return 2
    every: list[Row] = []
    for rows in report(chosen.folder, chosen.seconds):
        every += rows
        print(as_text(rows), end="\n\n", flush=True)
    if not every:
        print(f"no notebook in {chosen.folder}", file=sys.stderr)
        return 2
    print(summary(every))
    granted = "had no network" if walls() else "could use the network: this system has no unshare"
    print(f"The submitted code {granted}. It ran as you: tools/report.py says what that means.")
    if chosen.csv:
        write_csv(every, chosen.csv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
