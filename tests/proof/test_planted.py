"""The proof notices what it is there for: planted lies, and tiny notebooks, each with a fault."""

import random
import re
from pathlib import Path

import nbformat
import pytest

from tests.proof.faults import (
    MEMORY,
    MIB,
    interrupt_at,
    run_poor,
    run_two,
    run_without_disk,
    sections,
    trouble_in,
)
from tests.proof.kernels import Broken, Kernel, Raised, differing, expect_stored, orphans
from tests.proof.test_faults import needs_mounts, repository
from tests.support import book, cell, prose, run_python
from tools.elsewhere import copy_repository
from tools.notebooks import read, tags, write
from tools.offline import can_cut_the_network

# Lies in real lessons, which `make test` finds


def plant(path: Path, kind: str, pattern: str, lie: str) -> None:
    """Replace what a pattern finds first in a notebook's prose, outputs or solutions."""
    notebook = read(path)
    for each in notebook.cells:
        places = {
            "prose": [(each, "source")] * (each.cell_type == "markdown"),
            "solution": [(each, "source")] * ("solution" in tags(each)),
            "output": [(part.get("data", {}), "text/plain") for part in each.get("outputs", [])],
        }
        for place, key in places[kind]:
            said, count = re.subn(pattern, lie, place.get(key, ""), count=1)
            if count:
                place[key] = said
                return write(notebook, path)
    raise AssertionError(f"nothing in {path} fits {pattern}")


def test_three_lies_are_found_and_nothing_else_is(tmp_path):
    root = copy_repository(tmp_path / "ladder")
    folder = root / "notebooks"
    plant(folder / "04_linear_regression.ipynb", "prose", r"\b\d+\.\d+\b", "73.519")
    plant(folder / "01_tensors.ipynb", "output", r"\d", "9173")
    plant(folder / "solutions" / "02_autograd.ipynb", "solution", "return ", "return 2 * ")
    result = run_python(
        *("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "--tb=no"),
        *("-k", "numbers_come_from_cells or solution_is_right or ipynb"),
        *[root / "tests" / name for name in ("test_rules.py", "test_exercises.py")],
        *[folder / name for name in ("01_tensors.ipynb", "02_autograd.ipynb")],
        cwd=root,
        PYTHONPATH=str(root),
    )
    failed = re.findall(r"^FAILED (.+?)(?: \d+)?(?: - |$)", result.stdout, re.MULTILINE)
    assert sorted(failed) == [
        "notebooks/01_tensors.ipynb::Cell",
        "tests/test_exercises.py::test_a_solution_is_right[autograd]",
        "tests/test_rules.py::test_a_lesson_keeps_the_rule"
        "[04_linear_regression-numbers_come_from_cells]",
    ], result.stdout[-3000:]


def test_a_change_of_what_is_shipped_is_noticed():
    lost = r"lost or changed: \['data/wine.csv'\]; new: \['helpers/new.py'\]"
    with pytest.raises(Broken, match=lost), repository(["runs", "log"]) as root:
        (root / "data" / "wine.csv").unlink()
        (root / "helpers" / "new.py").touch()
        (root / "runs" / "log").touch()


LOOK = """
import os, socket
print(os.listdir(os.path.expanduser("~")))
try:
    socket.create_connection(("192.0.2.1", 80), 5)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(not can_cut_the_network(), reason="unshare -rn is not allowed here")
def test_offline_there_is_no_network_and_nothing_at_home():
    said = run_python("-m", "tools.offline", "-c", LOOK).stdout
    assert said == "[]\nNetwork is unreachable\n"
    assert run_python("-m", "tools.offline", "-c", "exit(3)").returncode == 3


# Tiny notebooks


@pytest.fixture
def root(tmp_path) -> Path:
    """Make a repository in which there is nothing but a helper that warns."""
    root = tmp_path / "ladder"
    for name in ("notebooks", "data", "runs", "helpers"):
        (root / name).mkdir(parents=True)
    (root / "data" / "shipped.csv").write_text("1,2\n")
    warn = "import warnings\n\ndef warn():\n    warnings.warn('old', FutureWarning)\n"
    (root / "helpers" / "__init__.py").write_text(warn)
    return root


def stored(source: str, output: str, *tags: str):
    """Make a cell that is said to have printed something."""
    made = cell(source, *tags)
    made.outputs = [nbformat.v4.new_output("stream", text=output)]
    return made


ORPHAN = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(90)"]
subprocess.Popen(sleep, start_new_session=True)
"""


def test_an_orphan_is_named_and_ended(root, monkeypatch):
    monkeypatch.setattr("tests.proof.kernels.PATIENCE", 1)
    with pytest.raises(Broken, match=r"left behind: process \d+ .*sleep"), Kernel(root) as kernel:
        kernel.run([cell(ORPHAN)])
    assert orphans(kernel.mark) == []


@pytest.mark.parametrize("name", ["data/.half.x1", "runs/a/b.pt.tmp"])
def test_something_half_written_is_named(root, name):
    source = f"import pathlib; path = pathlib.Path('..', '{name}')"
    source += "; path.parent.mkdir(exist_ok=True); path.touch()"
    with pytest.raises(Broken, match=f"half-written {re.escape(name)}"), Kernel(root) as kernel:
        kernel.run([cell(source)])


def test_another_output_is_noticed_but_where_none_is_compared(root):
    tagged = [("print(2)",), ("print(1.01)", "approx-output"), ("2", "raises-exception")]
    cells = [stored(source, "1.0\n", *tags) for source, *tags in tagged]
    cells.append(stored("print(2)", "1.0\n", "nbval-ignore-output"))
    with Kernel(root) as kernel:
        ran = kernel.run(cells)
    assert [c.source for c in differing(cells, ran)] == ["print(2)", "2"]
    with pytest.raises(Broken, match="2 outputs differ"):
        expect_stored(cells, ran)
    expect_stored(cells, ran, cells[0].id, cells[2].id)


# Interrupted, out of order, two at once

WAIT = "import time\ntime.sleep(30)"


def test_a_cell_is_interrupted_while_it_runs(root):
    cells = [cell("1"), cell("2"), cell(WAIT), cell("open('../runs/after', 'w')")]
    with Kernel(root) as kernel:
        assert interrupt_at(kernel, cells, 1, random.Random(0)) == cells[2].id
        assert kernel.do("print(3)") == "3\n"
    assert not (root / "runs" / "after").exists()


@pytest.mark.parametrize(
    ("error", "hit"),
    [
        (Broken("no answer"), True),
        (Raised(cell("1"), "RuntimeError", "DataLoader worker (pid 7) exited unexpectedly"), True),
        (Raised(cell("1"), "RuntimeError", "a fault of the lesson's own"), None),
    ],
)
def test_what_counts_as_an_interruption(root, monkeypatch, error, hit):
    with Kernel(root) as kernel:
        run, errors = kernel.run, iter([error])

        def run_but_once(cells):
            for error in errors:
                raise error
            return run(cells)

        monkeypatch.setattr(kernel, "run", run_but_once)
        if hit is None:
            with pytest.raises(Raised, match="a fault of the lesson's own"):
                kernel.interrupt(cell("1"), 60)
        else:
            assert kernel.interrupt(cell("1"), 60) is hit


BUSY = "while True: pass"


@pytest.mark.parametrize(
    ("source", "half"),
    [
        ("import slow", True),
        ("def load():\n    import slow\n\nload()", True),
        (BUSY, False),
        ("import patient\npatient.wait()", False),
        (f"try:\n    import absent\nexcept ImportError:\n    {BUSY}", False),
    ],
    ids=["import", "in a function", "loop", "in a library", "after a caught error"],
)
def test_an_import_that_an_interruption_cuts_short_is_told_from_other_code(root, source, half):
    (root / "slow.py").write_text(BUSY)
    (root / "patient.py").write_text(f"def wait():\n    {BUSY}")
    with Kernel(root) as kernel:
        assert kernel.interrupt(cell(source), 1)
        assert kernel.half_imported is half


@pytest.mark.parametrize(
    ("source", "half"), [("x = 1\nfrom json import dumps", True), ("print('import json')", False)]
)
def test_of_an_interruption_that_no_cell_tells_only_one_with_imports_is_doubted(
    root, monkeypatch, source, half
):
    with Kernel(root) as kernel:
        answers = iter([Broken("no answer"), [stored("1", "1\n")]])

        def run(cells):
            match next(answers):
                case Broken() as error:
                    raise error
                case ran:
                    return ran

        monkeypatch.setattr(kernel, "run", run)
        assert kernel.interrupt(cell(source), 60)
        assert kernel.half_imported is half


def test_half_a_file_after_an_interruption_is_noticed(root):
    cells = [cell(f"open('../data/big.part', 'w').write('half')\n{WAIT}")]
    with Kernel(root) as kernel:
        with pytest.raises(Broken, match=r"interrupted, left half-written data/big\.part"):
            interrupt_at(kernel, cells, 0, random.Random(0))
        kernel.run([cell("import os; os.unlink('../data/big.part')")])


def test_a_section_that_does_not_restart_is_noticed(root):
    one, two = cell("x = 1"), stored("x += 1; print(x)", "2\n")
    parts = sections(book(prose("## Setup"), one, prose("## 1 · One"), two))
    assert list(parts) == ["Setup", "1"]
    with Kernel(root) as kernel:
        assert trouble_in(kernel, parts["Setup"]) == trouble_in(kernel, parts["1"]) == {}
        assert "3" in trouble_in(kernel, parts["1"])[two.id]
        kernel.run(parts["Setup"])
        assert trouble_in(kernel, parts["1"]) == {}
        kernel.do("x = 'a word'")
        assert "TypeError" in trouble_in(kernel, parts["1"])[two.id]


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


# A poor machine

HOGS = """
import subprocess, sys
hog = [sys.executable, "-c", "import time; x = bytearray(b'1') * (600 << 20); time.sleep(5)"]
ended = [hog.wait() for hog in [subprocess.Popen(hog) for _ in range(3)]]
"""


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (f"len(bytearray({MEMORY}))", "MemoryError"),
        (HOGS, "MiB together"),
        ("import os; assert len(os.sched_getaffinity(0)) > 1", "AssertionError"),
        ("import sys; sys.__stdin__.fileno()", "AttributeError: 'NoneType'"),
        ("import os; os.environ['DISPLAY']", "KeyError"),
        ("import helpers\nhelpers.warn()", "FutureWarning: old"),
    ],
)
def test_what_a_poor_machine_lacks_is_missed(root, source, says, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises((Raised, Broken), match=says):
        run_poor(root, [cell(source)])


# Disks

# Goes where the variable says, as the helpers do.
MOVABLE = """
import os
from pathlib import Path
path = Path(os.environ.get("LADDER_DATA", "../data"), "x")
try:
    path.write_bytes(bytes(1 << 20))
except OSError:
    path.unlink(missing_ok=True)
    raise
"""


@needs_mounts
def test_the_cure_is_tried(root):
    settings = {"small": {str(root / "data"): 2**16}}
    complaint, ran = run_without_disk(root, [cell(MOVABLE)], settings)
    assert "No space left" in complaint.text
    assert len(ran) == 1
    assert (root.parent / "elsewhere" / "data" / "x").stat().st_size == MIB
    assert [path.name for path in (root / "data").iterdir()] == ["shipped.csv"]


@needs_mounts
@pytest.mark.parametrize(
    ("kind", "says"), [("read_only", "Read-only"), ("small", r"left in data/: \['big'\]")]
)
def test_what_cannot_be_written_is_noticed(root, kind, says):
    settings = {kind: {str(root / "data"): 2**16} if kind == "small" else [str(root)]}
    write = cell("open('../data/big', 'wb').write(bytes(2**20))")
    with pytest.raises((Raised, Broken), match=says):
        run_without_disk(root, [write], settings)
