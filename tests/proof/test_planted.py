"""The proof notices what it is there for: tiny notebooks, each with a fault."""

import itertools
import random
import re
from pathlib import Path

import nbformat
import pytest

from tests.conftest import book, cell, prose
from tests.proof.conftest import put_to, summary
from tests.proof.faults import (
    MEMORY,
    MIB,
    interrupt_at,
    restart,
    run_poor,
    run_two,
    run_without_disk,
    sections,
)
from tests.proof.kernels import Broken, Kernel, Raised, differing, expect_stored, orphans
from tests.proof.test_faults import needs_mounts, repository

CHILD = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {!r}]{})"


@pytest.fixture
def root(tmp_path) -> Path:
    """Make a repository in which there is nothing but a helper that warns."""
    root = tmp_path / "ladder"
    for name in ("notebooks", "data", "runs", "helpers"):
        (root / name).mkdir(parents=True)
    (root / "data" / "shipped.csv").write_text("1,2\n")
    (root / "helpers" / "__init__.py").touch()
    (root / "helpers" / "loud.py").write_text(
        "import warnings\n\n\ndef warn():\n    warnings.warn('old', FutureWarning)\n"
    )
    return root


def stored(source: str, output: str, *tags: str):
    """Make a cell that is said to have printed something."""
    made = cell(source, *tags)
    made.outputs = [nbformat.v4.new_output("stream", text=output)]
    return made


# What a kernel leaves behind


def test_an_orphan_is_named_and_ended(root, monkeypatch):
    monkeypatch.setattr("tests.proof.kernels.PATIENCE", 1)
    orphan = CHILD.format("import time; time.sleep(90)", ", start_new_session=True")
    with (
        pytest.raises(Broken, match=r"left behind: process \d+ .*sleep"),
        Kernel(root) as kernel,
    ):
        kernel.run([cell(orphan)])
    assert orphans(kernel.mark) == []


def test_a_child_that_ends_with_its_kernel_is_no_orphan(root):
    with Kernel(root) as kernel:
        kernel.run([cell(CHILD.format("import time; time.sleep(90)", ""))])


@pytest.mark.parametrize("name", ["data/.half.x1", "runs/a/b.pt.tmp", "data/x.part"])
def test_something_half_written_is_named(root, name):
    write = f"from pathlib import Path\np = Path('..', {name!r})\np.parent.mkdir(exist_ok=True)\n"
    with (
        pytest.raises(Broken, match=re.escape(f"half-written {name.partition('/')[2]}")),
        Kernel(root) as kernel,
    ):
        kernel.run([cell(write + "p.touch()")])


def test_an_error_of_a_cell_comes_first(root):
    with pytest.raises(Raised, match="ZeroDivisionError") as caught, Kernel(root) as kernel:
        kernel.run([cell("open('../data/x.tmp', 'w').close(); 1 / 0")])
    assert "half-written x.tmp" in caught.value.__notes__[0]


# Outputs


def test_another_output_is_noticed_but_where_none_is_compared(root):
    cells = [
        stored("print(1)", "1\n"),
        stored("print(2)", "1\n"),
        stored("print(2.01)", "2.0\n", "approx-output"),
        stored("print(2)", "1\n", "nbval-ignore-output"),
        stored("print(5)", "5\n", "raises-exception"),
    ]
    with Kernel(root) as kernel:
        ran = kernel.run(cells)
    assert [c.source for c in differing(cells, ran)] == ["print(2)", "print(5)"]
    with pytest.raises(Broken, match="2 outputs differ"):
        expect_stored(cells, ran)
    expect_stored(cells, ran, cells[1].id, cells[4].id)


def test_what_a_slow_loop_prints_is_one_output(root):
    slow = "import time\nfor i in range(4): print(i / 3, flush=True); time.sleep(0.4)"
    cells = [stored(slow, "0.00\n0.33\n0.67\n1.00\n", "approx-output")]
    with Kernel(root) as kernel:
        expect_stored(cells, kernel.run(cells))


# Run again, interrupted, out of order

ONCE = "from pathlib import Path\nPath('../runs/once').mkdir()"
WAIT = "import time\ntime.sleep(30)"


def test_a_second_run_that_breaks_is_noticed(root):
    with Kernel(root) as kernel:
        kernel.run([cell(ONCE)])
        with pytest.raises(Raised, match="FileExistsError"):
            kernel.run([cell(ONCE)])


def test_a_cell_is_interrupted_while_it_runs(root):
    cells = [cell("1"), cell("2"), cell(WAIT), cell("open('../runs/after', 'w')")]
    with Kernel(root) as kernel:
        assert interrupt_at(kernel, cells, 1, random.Random(0)) == cells[2].id
        assert kernel.do("print(3)") == "3\n"
    assert not (root / "runs" / "after").exists()


def test_half_a_file_after_an_interruption_is_noticed(root):
    cells = [cell(f"open('../data/big.part', 'w').write('half')\n{WAIT}")]
    tidy = cell("import os; os.unlink('../data/big.part')")
    with Kernel(root) as kernel:
        with pytest.raises(Broken, match=r"interrupted, left half-written big\.part"):
            interrupt_at(kernel, cells, 0, random.Random(0))
        kernel.run([tidy])


def test_a_cell_that_goes_on_when_interrupted_is_noticed(root, monkeypatch):
    monkeypatch.setattr("tests.proof.kernels.PATIENCE", 1)
    deaf = "import time\ntry: time.sleep(9)\nexcept BaseException: time.sleep(3)"
    with Kernel(root) as kernel, pytest.raises(Broken, match="goes on when interrupted"):
        interrupt_at(kernel, [cell(deaf)], 0, random.Random(0))


def test_a_lesson_in_which_nothing_takes_time_cannot_be_interrupted(root):
    with Kernel(root) as kernel, pytest.raises(Broken, match="no cell runs long enough"):
        interrupt_at(kernel, [cell("1"), cell("1 / 0", "raises-exception")], 0, random.Random(0))


def test_a_section_that_does_not_restart_is_noticed(root):
    cells = [cell("x = 1"), stored("x += 1; print(x)", "2\n"), cell("x = 'a word'")]
    heads = ["## Setup", "## 1 · One", "## 2 · Two"]
    pairs = zip(map(prose, heads), cells, strict=True)
    parts = sections(book(*itertools.chain.from_iterable(pairs)))
    assert list(parts) == ["Setup", "1", "2"]
    with Kernel(root) as kernel:
        kernel.run(cells)
        assert restart(kernel, parts, "2", "2") == {}
        assert "TypeError" in restart(kernel, parts, "1", "1")[cells[1].id]
        assert restart(kernel, parts, "1", "Setup") == {}
        assert "3" in restart(kernel, parts, "1", "1")[cells[1].id]


# Two at once

RACE = """
import time
from pathlib import Path
folder = Path("../data/pictures")
if not folder.exists():
    time.sleep(1)
    folder.mkdir()
"""


def test_a_race_is_noticed(root):
    with pytest.raises(Raised, match="FileExistsError"):
        run_two(root, [cell("1"), cell(RACE)])


def test_two_that_do_not_meet_run_through(root):
    meet = cell("import os; os.makedirs('../runs/here', exist_ok=True)")
    assert len(run_two(root, [meet, cell("1")])) == 2


# A poor machine


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (f"len(bytearray({MEMORY}))", "MemoryError"),
        ("import os; assert len(os.sched_getaffinity(0)) > 1", "AssertionError"),
        ("import sys; sys.__stdin__.fileno()", "AttributeError: 'NoneType'"),
        ("import os; os.environ['DISPLAY']", "KeyError"),
        ("from helpers.loud import warn\nwarn()", "FutureWarning: old"),
    ],
)
def test_what_a_poor_machine_lacks_is_missed(root, source, error, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(Raised, match=error):
        run_poor(root, [cell(source)])


HOGS = """
import subprocess, sys, time
hog = "x = bytearray(b'1') * (600 << 20); print('here', flush=True); input()"
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
hogs = [subprocess.Popen([sys.executable, "-c", hog], **pipes) for _ in range(3)]
here = [hog.stdout.readline() for hog in hogs]
time.sleep(2)
ended = [hog.communicate(b"go") for hog in hogs]
"""


def test_the_memory_of_all_processes_counts(root):
    with pytest.raises(Broken, match="MiB together"):
        run_poor(root, [cell(HOGS)])


def test_a_warning_of_somebody_else_is_none_of_ours(root):
    run_poor(root, [cell("import warnings\nwarnings.warn('mine', FutureWarning)")])


# Disks

WRITE = "open('../data/table.bin', 'wb').write(bytes({}))"
# Goes where the variable says, as the helpers do.
MOVABLE = """
import os
from pathlib import Path
try:
    Path(os.environ.get("LADDER_DATA", "../data"), "x").write_bytes(bytes(1 << 20))
except OSError as error:
    Path(os.environ.get("LADDER_DATA", "../data"), "x").unlink(missing_ok=True)
    raise
"""


@needs_mounts
def test_a_read_only_repository_is_read_only(root):
    with pytest.raises(Raised, match="Read-only file system"):
        run_without_disk(root, [cell(WRITE.format(1))], {"read_only": [str(root)]})


@needs_mounts
@pytest.mark.parametrize("kind", ["read_only", "small"])
def test_the_cure_is_tried(root, kind):
    folder = str(root / "data")
    settings = {kind: [folder] if kind == "read_only" else {folder: 2**16}}
    complaint, ran = run_without_disk(root, [cell(MOVABLE)], settings)
    assert complaint.name == "OSError"
    assert len(ran) == 1
    assert (root.parent / "elsewhere" / "data" / "x").stat().st_size == MIB
    assert [path.name for path in (root / "data").iterdir()] == ["shipped.csv"]


@needs_mounts
def test_what_stops_on_a_full_disk_leaves_nothing(root):
    settings = {"small": {str(root / "data"): 2**16}}
    with pytest.raises(Broken, match=r"left in data/: \['table\.bin'\]"):
        run_without_disk(root, [cell(WRITE.format(2**20))], settings)


@needs_mounts
def test_half_a_file_on_a_disk_of_ones_own_is_seen(root):
    settings = {"small": {str(root / "runs"): 2**16}}
    with pytest.raises(Broken, match=r"left behind: half-written x\.tmp"):
        run_without_disk(root, [cell("open('../runs/x.tmp', 'w').close()")], settings)
    assert not any((root / "runs").iterdir())


# The repository, and the count


def test_a_change_of_what_is_shipped_is_noticed():
    with (
        pytest.raises(Broken, match=r"lost or changed: \['data/wine.csv'\]; .*\['helpers/new"),
        repository() as root,
    ):
        (root / "data" / "wine.csv").unlink()
        (root / "helpers" / "new.py").touch()
        (root / "runs" / "log").touch()


def test_the_summary_counts_what_was_tried_and_what_survived():
    noted = []
    for faults in (["a"], ["a", "b"]):
        with put_to(lambda *pair: noted.append(pair), *faults):
            pass
    with pytest.raises(ZeroDivisionError), put_to(lambda *pair: noted.append(pair), "b"):
        _ = 1 / 0
    assert summary(noted) == [
        "a: 2 of 2 lessons",
        "b: 1 of 2 lessons",
        "lessons x faults: 3 of 4 survived",
    ]
