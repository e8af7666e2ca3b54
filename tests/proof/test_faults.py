"""Every lesson bears what a classroom does to it: interrupted, out of order, on poor machines."""

import contextlib
import os
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proof.faults import (
    MIB,
    interrupt_at,
    restart,
    run_poor,
    run_two,
    run_without_disk,
    sections,
)
from tests.proof.kernels import Broken, Kernel, can_mount, contents, expect_stored
from tests.test_environments import copy_repository
from tests.tools.notebooks import code_cells, lessons, read

# Another number, another cell to interrupt.
SEED = os.environ.get("PROOF_SEED", "0")

# The lessons that write into data/ or runs/, and the cell that does; interrupted there as well.
WRITES = {
    "06_datasets_and_dataloaders": ("data", "24647323"),
    "13_tensorboard": ("runs", "3debd21f"),
}
# Those that write elsewhere: into a folder for temporary files.
WRITES_TEMPORARY = [
    "00_setup",
    "04_linear_regression",
    "14_checkpointing",
]

# Sections that do not restart from their own first cell once the whole lesson has run, for a later
# one gave a name another meaning; and the section that a class has to go back to.
NEEDS = {
    "02_autograd": {"3": "2"},
    "03_gradient_descent": {"4": "1"},
    "04_linear_regression": {"5": "2"},
    "05_logistic_regression": {"10": "9"},
    "08_softmax_and_cross_entropy": {"3": "1", "6": "4"},
    "09_activations": {"8": "7"},
    "10_feedforward_network": {"4": "2", "6": "5", "9": "8"},
}

RANDOM = "torch's random numbers go on"
# Cells whose output is another when their section runs again, and why that is right.
MOVES_ON = {
    "01_tensors": {"54b7386f": RANDOM},
    "03_gradient_descent": {"aeb02b08": RANDOM},
    "04_linear_regression": {"71812f50": RANDOM, "ced980fe": RANDOM},
    "08_softmax_and_cross_entropy": {"c99174e2": RANDOM},
}

# Cells whose output is another on one core, and why that is right.
ONE_CORE = {
    "06_datasets_and_dataloaders": {
        "721549b3": "torch warns that two workers are more than one core is good for",
        "0a7d3223": "the same",
    }
}

needs_mounts = pytest.mark.skipif(
    not can_mount(), reason="this machine does not let us mount (unshare -rm)"
)


def every(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def writers() -> list[Path]:
    return [path for path in lessons() if path.stem in {*WRITES, *WRITES_TEMPORARY}]


@contextlib.contextmanager
def repository() -> Iterator[Path]:
    """Copy the repository, its data as shipped; in the end only data/ and runs/ may have changed.

    The name of the folder is short, for that of a socket in `tmp` has but 100 letters.
    """
    with tempfile.TemporaryDirectory(prefix="proof", ignore_cleanup_errors=True) as folder:
        root = copy_repository(Path(folder, "ladder"))
        before, shipped = contents(root, "data", "runs"), contents(root)
        yield root
        after = contents(root)
        lost = [name for name in shipped if after.get(name) != shipped[name]]
        added = contents(root, "data", "runs").keys() - before.keys()
        if lost or added:
            raise Broken(
                f"lost or changed: {lost}; new, but not in data/ or runs/: {sorted(added)}"
            )


@every(lessons())
def test_interrupted_run_again_and_out_of_order(path, bears):
    notebook, name = read(path), path.stem
    cells, dice = code_cells(notebook), random.Random(f"{SEED} {path.stem}")
    starts = [dice.randrange(len(cells))]
    if name in WRITES:
        starts.insert(0, [cell.id for cell in cells].index(WRITES[name][1]))
    with repository() as root, Kernel(root) as kernel:
        with bears("interrupted, and run again in the same kernel"):
            hit = [interrupt_at(kernel, cells, start, dice) for start in starts]
            try:
                expect_stored(cells, kernel.run(cells))
            except Exception as error:
                error.add_note(f"after an interruption at {hit}")
                raise
        with bears("sections out of order"):
            parts, needs = sections(notebook), NEEDS.get(name, {})
            for part in reversed(list(parts)[1:]):
                trouble = restart(kernel, parts, part, part)
                if part in needs:
                    assert trouble, f"section {part} restarts from its own cell; do not list it"
                    trouble = restart(kernel, parts, part, needs[part])
                moves = MOVES_ON.get(name, {})
                trouble = {cell: what for cell, what in trouble.items() if cell not in moves}
                assert not trouble, f"section {part}, run again"


@every(lessons())
def test_two_at_once(path, bears):
    cells = code_cells(read(path))
    with bears("two copies at once"), repository() as root:
        before = {name: contents(root / name).keys() for name in ("data", "runs")}
        for ran in run_two(root, cells):
            expect_stored(cells, ran)
        written = [name for name in before if contents(root / name).keys() - before[name]]
        assert written == [WRITES[path.stem][0]] if path.stem in WRITES else not written


@every(lessons())
def test_a_poor_machine(path, bears):
    cells = code_cells(read(path))
    faults = ["1.5 GiB", "one core", "stdin closed", "no display", "warnings are errors"]
    with bears(*faults), repository() as root:
        expect_stored(cells, run_poor(root, cells), *ONE_CORE.get(path.stem, ()))


@needs_mounts
@every(lessons())
def test_a_read_only_repository(path, bears):
    cells = code_cells(read(path))
    with bears("read-only folder"), repository() as root:
        complaint, ran = run_without_disk(root, cells, {"read_only": [str(root)]})
        expect_stored(cells, ran)
        if path.stem in WRITES:
            folder = WRITES[path.stem][0]
            assert str(root / folder) in complaint.text
            assert f"LADDER_{folder.upper()}" in complaint.text
        else:
            assert complaint is None


@needs_mounts
@every(writers())
@pytest.mark.parametrize("free", [16 * 2**10, MIB], ids=["16 KiB", "1 MiB"])
def test_a_full_disk(path, free, bears):
    cells = code_cells(read(path))
    with bears(f"a disk with {free // 1024} KiB left"), repository() as root:
        folders = [root / "data", root / "runs", root.parent / "tmp"]
        small = {str(folder): free for folder in folders}
        complaint, ran = run_without_disk(root, cells, {"small": small})
        expect_stored(cells, ran)
        assert complaint is None or re.search("No space left|free space", complaint.text)
