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
    Raised,
    contents,
    differing,
    memory_watch,
)
from tools.notebooks import CELL_TIMEOUT, tags

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

    Returns that cell's id. Raises `Broken` where something is half-written after the interruption.
    """
    kernel.run(cells[:start])
    for delays in (DELAYS, DELAYS[:1]):
        for cell in cells[start:] + cells[:start]:
            if "raises-exception" in tags(cell):
                kernel.run([cell])
            elif kernel.interrupt(cell, dice.choice(delays)):
                if left := kernel.half_written():
                    raise Broken(f"cell {cell.id}, interrupted, left {', '.join(left)}")
                return cell.id
    raise Broken("no cell runs long enough to be interrupted")


def trouble_in(kernel: Kernel, cells: list[NotebookNode]) -> dict[str, str]:
    """Run a section's cells in a kernel that has run others.

    Returns, by its id, each cell that raised or whose output is not the one stored, and what it
    did.
    """
    try:
        ran = kernel.run(cells)
    except Raised as error:
        return {error.cell.id: f"{error.name}: {error.text}"}
    return {cell.id: f"gave {cell.outputs}"[:500] for cell in differing(cells, ran)}


def run_two(root: Path, cells: list[NotebookNode]) -> list[list[NotebookNode]]:
    """Run cells in two kernels at once; each cell begins in both at the same moment."""
    gate = threading.Barrier(2, timeout=2 * CELL_TIMEOUT)

    def run_one() -> list[NotebookNode]:
        try:
            with Kernel(root) as kernel:
                return kernel.run(cells, before=gate.wait)
        except threading.BrokenBarrierError:
            return []  # the other one stopped, and says why
        except BaseException:
            gate.abort()
            raise

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_one) for _ in range(2)]
    return [one.result() for one in both]


def run_poor(root: Path, cells: list[NotebookNode]) -> list[NotebookNode]:
    """Run cells with 1.5 GiB, one core, no stdin, no display; warnings of helpers are errors."""
    modules = [path.relative_to(root).with_suffix("") for path in root.glob("helpers/**/*.py")]
    names = [".".join(module.parts).removesuffix(".__init__") for module in modules]
    warnings = ",".join(f"error:::{name}" for name in names)
    settings = {"memory": MEMORY, "cores": 1, "no_stdin": True}
    screen = {"DISPLAY": None, "WAYLAND_DISPLAY": None}
    kernel = Kernel(root, settings, PYTHONWARNINGS=warnings, **screen)
    with kernel, memory_watch(kernel) as taken:
        ran = kernel.run(cells)
    if max(taken) > MEMORY:
        raise Broken(f"its processes take {max(taken) / MIB:.0f} MiB together")
    return ran


def run_without_disk(
    root: Path, cells: list[NotebookNode], settings: dict
) -> tuple[Raised | None, list[NotebookNode]]:
    """Run cells where nothing, or little, can be written; if they stop, cure that as they say.

    The cure is to name other folders, in variables, and to run all again in the same kernel.
    Returns the error that the cells stopped at, if they did, and the cells, run to the end. Raises
    `Broken` if they stopped, and yet there is a new file in `data/`.
    """
    elsewhere = root.parent / "elsewhere"
    for name in ("data", "runs"):
        shutil.copytree(root / name, elsewhere / name)
    with Kernel(root, settings) as kernel:
        before = contents(kernel.sees("data")).keys()
        try:
            return None, kernel.run(cells)
        except Raised as error:
            complaint = error
        new = contents(kernel.sees("data")).keys() - before
        if new:
            raise Broken(f"it stopped, and left in data/: {sorted(new)[:5]}") from complaint
        folders = {"LADDER_DATA": "data", "LADDER_RUNS": "runs", "TMPDIR": "."}
        changes = {name: str(elsewhere / folder) for name, folder in folders.items()}
        kernel.do(f"import os, tempfile; os.environ |= {changes}; tempfile.tempdir = None")
        return complaint, kernel.run(cells)
