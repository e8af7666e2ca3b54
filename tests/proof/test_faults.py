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
    run_poor,
    run_two,
    run_without_disk,
    sections,
    trouble_in,
)
from tests.proof.kernels import Broken, Kernel, Raised, can_mount, contents, expect_stored
from tools.elsewhere import copy_repository
from tools.notebooks import code_cells, lessons, read

# Another number, another cell to interrupt.
SEED = os.environ.get("PROOF_SEED", "0")

# The lessons that write into data/ or runs/: where, and the cell that does; interrupted there too.
WRITES = {
    "06_datasets_and_dataloaders": (["data", "digits"], "24647323"),
    "13_tensorboard": (["runs", "tensorboard"], "ef69e5d6"),
}

# Cells whose output is another when a section runs again: folders keep what was written into them,
# so TensorBoard shows it twice.
MOVES_ON = {
    "13_tensorboard": ["aef1b5ea", "faed94f5"],
    # files are there already: "Overwriting"
    "15_checkpointing": ["18e19578", "009ee15a", "c5006819"],
    "23_exporting_models": ["4538a7aa", "99c1df44", "23de1d21"],
    "24_scaling_out": [
        *("c6916d14", "60fb902c", "7890d3bc"),
        *("d56a089a", "4a06558c"),
    ],
}

# Cells whose output is another on one core: torch warns that two workers are too many.
ONE_CORE = {"17_speed_and_memory": ["ad709e67", "4b5e7839"]}

# How much of a full disk is left; what some lessons write first is small.
FREE = {"14_saving_and_loading": MIB, "15_checkpointing": MIB}
ALMOST_NOTHING = 16 * 2**10

needs_mounts = pytest.mark.skipif(
    not can_mount(), reason="this machine does not let us mount (unshare -rm)"
)


def every(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


@contextlib.contextmanager
def repository(writes: list[str] | None = None) -> Iterator[Path]:
    """Copy the repository, its data as shipped; in the end only one folder may have been added.

    The name of the copy is short, for that of a socket in `tmp` has but 100 letters.
    """
    with tempfile.TemporaryDirectory(prefix="proof", ignore_cleanup_errors=True) as folder:
        root = copy_repository(Path(folder, "ladder"))
        shipped = contents(root)
        yield root
        after = contents(root)
        lost = [name for name in shipped if after.get(name) != shipped[name]]
        added = [name for name in after.keys() - shipped.keys() if name.split("/")[:2] != writes]
        if lost or added:
            raise Broken(f"lost or changed: {lost}; new: {sorted(added)[:9]}")


@every(lessons())
def test_interrupted_run_again_and_out_of_order(path, bears):
    notebook, name = read(path), path.stem
    cells, dice = code_cells(notebook), random.Random(f"{SEED} {name}")
    starts, writes = [dice.randrange(len(cells))], None
    if name in WRITES:
        writes, cell = WRITES[name]
        starts.insert(0, [cell.id for cell in cells].index(cell))
    with repository(writes) as root, contextlib.ExitStack() as kernels:
        kernel = kernels.enter_context(Kernel(root))
        with bears("interrupted at some cell"):
            hit = [interrupt_at(kernel, cells, start, dice) for start in starts]
            try:
                expect_stored(cells, kernel.run(cells))
            except (Broken, Raised) as error:
                error.add_note(f"after an interruption at {hit}")
                if not kernel.half_imported:  # else one restarts the kernel, as README says
                    raise
                kernel = kernels.enter_context(Kernel(root))
                expect_stored(cells, kernel.run(cells))
        with bears("run twice in a kernel", "each section restarted", "last section first"):
            parts, found = sections(notebook), {}
            for cells in [cells for part in parts.values() for cells in (part, part)]:
                found |= trouble_in(kernel, cells)
            for cells in reversed(parts.values()):
                found |= trouble_in(kernel, cells)
            assert not {cell: found[cell] for cell in found.keys() - set(MOVES_ON.get(name, ()))}


@every(lessons())
def test_two_at_once(path, bears):
    cells, (writes, _) = code_cells(read(path)), WRITES.get(path.stem, (None, None))
    with bears("two copies at once"), repository(writes) as root:
        for ran in run_two(root, cells):
            expect_stored(cells, ran)
        assert writes is None or any(root.joinpath(*writes).iterdir()), "take it out of WRITES"


@every(lessons())
def test_a_poor_machine(path, bears):
    cells, (writes, _) = code_cells(read(path)), WRITES.get(path.stem, (None, None))
    faults = ["1.5 GiB", "one core", "stdin closed", "no display", "warnings are errors"]
    with bears(*faults), repository(writes) as root:
        expect_stored(cells, run_poor(root, cells), *ONE_CORE.get(path.stem, ()))


@needs_mounts
@every(lessons())
def test_a_read_only_repository(path, bears):
    """And the disk of temporary files is full, which is all a lesson has that writes only there."""
    cells, name = code_cells(read(path)), path.stem
    faults = ["read-only folder"] if name in WRITES else ["read-only folder", "full disk"]
    with bears(*faults), repository() as root:
        small = {str(root.parent / "tmp"): FREE.get(name, ALMOST_NOTHING)}
        settings = {"read_only": [str(root)], "small": small}
        if name == "00_setup":  # its doctor wants the folders of the repository, and says so
            with pytest.raises(Raised, match="do what the lines marked FAIL ask for"):
                run_without_disk(root, cells, settings)
            return
        complaint, ran = run_without_disk(root, cells, settings)
        expect_stored(cells, ran)
        if name in WRITES:
            folder = WRITES[name][0][0]
            assert str(root / folder) in complaint.text
            assert f"LADDER_{folder.upper()}" in complaint.text
        else:
            expect_space_is_named(complaint)


@needs_mounts
@every([path for path in lessons() if path.stem in WRITES])
def test_a_full_disk(path, bears):
    cells = code_cells(read(path))
    with bears("full disk"), repository(WRITES[path.stem][0]) as root:
        folders = [root / "data", root / "runs", root.parent / "tmp"]
        settings = {"small": {str(folder): ALMOST_NOTHING for folder in folders}}
        complaint, ran = run_without_disk(root, cells, settings)
        expect_stored(cells, ran)
        expect_space_is_named(complaint)


def expect_space_is_named(complaint) -> None:
    """A lesson that stops at a full disk says that this is the reason."""
    assert complaint is None or re.search("No space left|free space", complaint.text)
