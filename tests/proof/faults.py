"""What is done to a notebook: each fault is a function here, and a test or two elsewhere."""

import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbformat import NotebookNode

from tests.proof.kernels import (
    Broken,
    Kernel,
    MemoryWatch,
    Raised,
    contents,
    differing,
    half_written,
)
from tests.tools.notebooks import CELL_TIMEOUT, tags

MIB = 2**20
MEMORY = 1536 * MIB
DELAYS = (0.03, 0.1, 0.3)  # seconds into a cell


def sections(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """Give the code cells below each heading `## K · …`, by K, or else by the whole heading."""
    found = {}
    name = ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found.setdefault(name, []).append(cell)
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("## "):
                name = line[3:].partition(" · ")[0]
    return found


def interrupt_at(kernel: Kernel, cells: list[NotebookNode], start: int, dice: random.Random) -> str:
    """Run cells up to one, and interrupt that, or the first one after it that runs long enough.

    Returns:
        The id of the cell that was interrupted.

    Raises:
        Broken: None runs long enough; or something half-written is there after the interruption.
    """
    kernel.run(cells[:start])
    for delays in (DELAYS, DELAYS[:1]):
        for cell in cells[start:] + cells[:start]:
            if "raises-exception" in tags(cell):
                kernel.run([cell])
            elif kernel.interrupt(cell, dice.choice(delays)):
                left = [name for folder in kernel.views.values() for name in half_written(folder)]
                if left:
                    raise Broken(f"cell {cell.id}, interrupted, left {', '.join(left)}")
                return cell.id
    raise Broken("no cell runs long enough to be interrupted")


def restart(
    kernel: Kernel, parts: dict[str, list[NotebookNode]], name: str, start: str
) -> dict[str, str]:
    """Run a section again, in a kernel that has run all of them.

    Args:
        kernel: The kernel.
        parts: What `sections` gives.
        name: Of the section.
        start: The section to begin with: the same, or one before it.

    Returns:
        By its id, each cell that raised or whose output is not the one stored, and what it did.
    """
    names = list(parts)
    try:
        *_, ran = [kernel.run(parts[n]) for n in names[names.index(start) : names.index(name) + 1]]
    except Raised as error:
        return {error.cell.id: f"{error.name}: {error.text}"}
    return {cell.id: f"gave {cell.outputs}"[:500] for cell in differing(parts[name], ran)}


def run_two(root: Path, cells: list[NotebookNode]) -> list[list[NotebookNode]]:
    """Run cells in two kernels at once; each cell begins in both at the same moment."""
    gate = threading.Barrier(2)

    def run_one() -> list[NotebookNode]:
        try:
            with Kernel(root) as kernel:
                ran = kernel.run(cells, before=lambda: gate.wait(6 * CELL_TIMEOUT))
                gate.wait(6 * CELL_TIMEOUT)
                return ran
        except BaseException:
            gate.abort()
            raise

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_one) for _ in range(2)]
    errors = [one.exception() for one in both if one.exception()]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [one.result() for one in both]


def run_poor(root: Path, cells: list[NotebookNode]) -> list[NotebookNode]:
    """Run cells with 1.5 GiB, one core, no stdin, no display; warnings of helpers are errors.

    Raises:
        Broken: All processes together take more memory than that.
    """
    modules = [path.relative_to(root).with_suffix("") for path in root.glob("helpers/**/*.py")]
    warnings = ",".join(f"error:::{'.'.join(module.parts)}" for module in modules)
    settings = {"memory": MEMORY, "cores": 1, "no_stdin": True}
    screen = {"DISPLAY": None, "WAYLAND_DISPLAY": None}
    kernel = Kernel(root, settings, PYTHONWARNINGS=warnings, **screen)
    with kernel, MemoryWatch(kernel) as watch:
        ran = kernel.run(cells)
    if watch.peak > MEMORY:
        raise Broken(f"its processes take {watch.peak / MIB:.0f} MiB together")
    return ran


def run_without_disk(
    root: Path, cells: list[NotebookNode], settings: dict
) -> tuple[Raised | None, list[NotebookNode]]:
    """Run cells where nothing, or little, can be written; if they stop, cure that as they say.

    The cure is to name other folders, in variables, and to run all again in the same kernel.

    Args:
        root: A copy of the repository.
        cells: Of the notebook.
        settings: Of `launch.py`: what is read-only or small.

    Returns:
        The error that the cells stopped at, or None; and the cells, run to the end.

    Raises:
        Broken: The cells stopped, and yet there is a new file in `data/`.
    """
    elsewhere = root.parent / "elsewhere"
    for name in ("data", "runs"):
        shutil.copytree(root / name, elsewhere / name)
    with Kernel(root, settings) as kernel:
        before = contents(kernel.views["data"]).keys()
        try:
            return None, kernel.run(cells)
        except Raised as error:
            complaint = error
        new = contents(kernel.views["data"]).keys() - before
        if new:
            raise Broken(f"it stopped, and left in data/: {sorted(new)[:5]}") from complaint
        folders = {"LADDER_DATA": "data", "LADDER_RUNS": "runs", "TMPDIR": "."}
        changes = {name: str(elsewhere / folder) for name, folder in folders.items()}
        kernel.do(f"import os, tempfile; os.environ |= {changes}; tempfile.tempdir = None")
        return complaint, kernel.run(cells)
