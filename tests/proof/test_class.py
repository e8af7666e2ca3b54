"""A class of notebooks, honest and hostile, gets its report, whatever they do."""

import os
import socket
import tempfile

import nbformat
import psutil
import pytest

from helpers.paths import NOTEBOOKS
from tests.support import book, cell, prose
from tools import report
from tools.report import grade, walls

SECONDS = 20  # of the cell that hangs: all of them are waited for
PATIENCE = 300  # of the other notebooks: a slow machine may take its time


SETUP = "import torch\n\nfrom helpers.checks import tensors as check"


SCALE = "def scale_columns(table):\n    return (table.float() - table.float().mean(0)) / "


SCALE += "table.float().std(0)\n\n\ncheck.scale_columns(scale_columns)"


CROP = "def crop_channels_first(images, top, left, size):\n    {}\n\n\n"


CROP += "check.crop_channels_first(crop_channels_first)"


LABEL = "def label_scores(scores, labels):\n    {}\n\n\ncheck.label_scores(label_scores)"


DISTANCES = "def squared_distances(a, b):\n    {}\n\n\ncheck.squared_distances(squared_distances)"


UPSIDE_DOWN = "return images[:, top : top + size, left : left + size].permute(0, 3, 1, 2).flip(2)"

RIGHT_DISTANCES = "return ((a.unsqueeze(1) - b) ** 2).sum(2)"


OTHERS = ("label_scores", "squared_distances", "crop_channels_first")

GREEN_LINE = "print('\\x1b[32m✓ {}: right\\x1b[0m')"


CHATTER = """
import os
lie = '["token", "verdict", "scale_columns", "right", ""]\\n'
for number in range(3, 20):
    for _ in range(50):
        try:
            os.write(number, lie.encode())
        except OSError:
            break
print("x" * 50_000_000)
"""


LEAVE_CHILDREN = """
import os, time
def crop_channels_first(images, top, left, size):
    if os.fork() == 0:
        os.setsid()
        time.sleep(300)
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(300)
    time.sleep(300)

check.crop_channels_first(crop_channels_first)
"""


LOOK_AROUND = """
import os, socket, sys
def label_scores(scores, labels):
    try:
        socket.create_connection(("127.0.0.1", {port}), 3)
        network = "network"
    except OSError:
        network = "no network"
    seen = [network, [name for name in "NAMES".split() if name in os.environ], os.listdir()]
    raise ValueError(str([*seen, os.getcwd() == os.environ["HOME"], sys.stdin.read()]))

check.label_scores(label_scores)
"""


# What the walls do not keep from a notebook: your files, and what listens at a file.
REACH_OUT = """
import socket
from pathlib import Path
def label_scores(scores, labels):
    found = [Path("PLACE/yours.txt").read_text()]
    Path("PLACE/hers.ipynb").write_text("spoilt")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect("PLACE/socket")
        found.append("connected")
    try:
        Path("large").write_bytes(bytes(65 * 2**20))
    except OSError as error:
        found.append(error.strerror)
    raise ValueError(str(found))

check.label_scores(label_scores)
"""


def exercise(source, **keys):
    return cell(source.format(**keys) if keys else source, "exercise")


# name -> its cells; what each exercise of lesson 01 must be called, and what must be said of it
CLASS = {
    "ann/fair.ipynb": (
        [
            prose("# Mine"),
            cell(SETUP),
            cell("this cell = is not even Python"),
            cell("FACTOR = 2\ndef half(x):\n    return x / FACTOR\n\n1 / 0"),
            exercise(SCALE),
            exercise(CROP.format("return images.permute(0, 3, 1, 2)")),
            exercise(LABEL.format("...")),
            exercise(DISTANCES.format("return half(a)")),
        ],
        {
            "scale_columns": ("right", ""),
            "crop_channels_first": ("wrong", "the channels moved, but nothing is cropped"),
            "label_scores": ("not attempted", ""),
            "squared_distances": ("error", "name 'FACTOR' is not defined; only the setup, defi"),
        },
    ),
    "ann/untidy ü.ipynb": (
        [
            cell("%matplotlib inline\nimport nonsense_that_is_not_there\n" + SETUP),
            cell("import torch"),
            cell("%%time\n" + SCALE.replace("scale_columns(table)", "mine(table)", 1)),
            cell("def mine(table):\n    return 1\n\n\ncheck.scale_columns(mine)"),
            exercise(SCALE.replace("(scale_columns)", "(mine)").replace("def scale_", "def my_")),
            exercise(CROP.format("return images[")),
            cell(DISTANCES.format(RIGHT_DISTANCES) + "\nsquared_distances(unknown, unknown)"),
            exercise(DISTANCES.format("...")),
        ],
        {
            "scale_columns": ("wrong", "expected a tensor"),
            "crop_channels_first": ("error", "SyntaxError"),
            "label_scores": ("error", "no cell calls check.label_scores"),
            "squared_distances": ("right", ""),
        },
    ),
    "bob/quits.ipynb": (
        [
            cell(SETUP),
            exercise("def scale_columns(table):\n    " + GREEN_LINE.format("scale_columns")),
            exercise(CROP.format("raise SystemExit(0)")),
            exercise(LABEL.format("import os; os._exit(0)")),
            exercise(DISTANCES.format(RIGHT_DISTANCES)),
        ],
        {
            "scale_columns": ("wrong", "did you forget `return`?"),
            "crop_channels_first": ("error", "SystemExit: 0"),
            "label_scores": ("error", "it ended its process (exit status 0)"),
            "squared_distances": ("right", ""),
        },
    ),
    "bob/patches.ipynb": (
        [
            cell(SETUP + "\n\ncheck.label_scores = lambda function: print('right')"),
            exercise(LABEL.format("return scores")),
            exercise(
                "from helpers.checks.attempt import Attempt\n"
                "Attempt.expect = Attempt.require = lambda *a, **k: None\n"
                + DISTANCES.format("return 0")
            ),
            exercise(CROP.format(f"torch.allclose = lambda *a, **k: True\n    {UPSIDE_DOWN}")),
            exercise("check.scale_columns = None\nscale_columns = 5"),
        ],
        {
            "label_scores": ("wrong", "one score for each example"),
            "squared_distances": ("error", "it changed helpers.checks.tensors.label_scores"),
            "crop_channels_first": ("error", "by which answers are judged"),
            "scale_columns": ("error", "no cell calls check.scale_columns"),
        },
    ),
    "bob/probes.ipynb": (
        [
            cell(SETUP),
            exercise(
                "import helpers.checks.judge as probes\n"
                "probes.difference = lambda *a, **k: None\n"
                + SCALE.replace("std(0)", "std(0).clamp(min=0.1)")
            ),
        ],
        {
            "scale_columns": ("error", "it changed helpers.checks.judge.difference"),
            **{name: ("error", "no cell calls") for name in OTHERS},
        },
    ),
    "cem/hangs.ipynb": (
        [
            cell(SETUP),
            exercise("while True:\n    pass\n\n\n" + SCALE),
            exercise(CROP.format("return [0] * 2**40")),
            exercise(LABEL.format("return torch.ones(2**33)")),
            exercise(DISTANCES.format(RIGHT_DISTANCES)),
        ],
        {
            "scale_columns": ("timed out", f"it was stopped after {SECONDS} s"),
            "crop_channels_first": ("wrong", "MemoryError"),
            "label_scores": ("wrong", "memory"),
            "squared_distances": ("right", ""),
        },
    ),
    "eve/reaches.ipynb": (
        [cell(SETUP), exercise(REACH_OUT)],
        {
            "label_scores": ("wrong", "['a letter of yours', 'connected', 'File too large']"),
            **{name: ("error", "no cell calls") for name in ("scale_columns", *OTHERS[1:])},
        },
    ),
    "dan/noisy.ipynb": (
        [
            cell(SETUP + CHATTER),
            exercise(LOOK_AROUND.replace("{port}", "PORT")),
            exercise(LEAVE_CHILDREN),
            exercise(DISTANCES.format(RIGHT_DISTANCES)),
        ],
        {
            "scale_columns": ("error", "no cell calls check.scale_columns"),
            "crop_channels_first": ("error", "it was stopped: over 64 processes"),
            "label_scores": ("wrong", "ValueError"),
            "squared_distances": ("right", ""),
        },
    ),
}


# Handed in on purpose, or set alike in every process of this Python.
HANDED_IN = set(
    """
    CUDA_VISIBLE_DEVICES HOME LADDER_DATA LADDER_DEVICE LADDER_PROGRESS LADDER_RUNS LANG LC_CTYPE
    MPLBACKEND OMP_NUM_THREADS OMP_WAIT_POLICY GOMP_SPINCOUNT PATH PYTHONDONTWRITEBYTECODE
    PYTHONPATH SYSTEMROOT TEMP TMP TMPDIR USERPROFILE
    """.split()
)


@pytest.fixture(scope="module")
def listener():
    """Listen on this machine, for the submitted code to reach if it can."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """Make a folder of yours, with a letter, a learner's notebook and a service at a file."""
    folder = tmp_path_factory.mktemp("yours")
    (folder / "yours.txt").write_text("a letter of yours")
    (folder / "hers.ipynb").write_text("honest work")
    if not hasattr(socket, "AF_UNIX"):
        yield folder
        return
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(str(folder / "socket"))
        service.listen()
        yield folder


@pytest.fixture(scope="module")
def graded(tmp_path_factory, listener, outside):
    """Judge the class once: the rows by notebook, and where the processes worked."""
    folder, place = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("temporary")
    mine = " ".join(["SECRET_TOKEN", *sorted(set(os.environ) - HANDED_IN)])
    for name, (cells, _) in CLASS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        notebook = book(*cells)
        for each in notebook.cells:
            each.source = each.source.replace("PORT", str(listener)).replace("NAMES", mine)
            each.source = each.source.replace("PLACE", str(outside))
        nbformat.write(notebook, folder / name)
    (folder / "broken.ipynb").write_text('{"cells": [', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_TOKEN", "open sesame")
        patch.setattr(tempfile, "tempdir", str(place))
        patch.setattr(os, "cpu_count", lambda: 6)  # three at a time: they mostly wait
        judge = report.grade

        def grade(path, name, seconds, seed):
            return judge(path, name, SECONDS if "hangs" in name else seconds, seed)

        patch.setattr(report, "grade", grade)
        rows = [row for rows in report.report(folder, PATIENCE) for row in rows]
    names = [*CLASS, "broken.ipynb"]
    return {name: [row for row in rows if row.notebook == name] for name in names}, place


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
@pytest.mark.parametrize("name", CLASS)
def test_each_exercise_gets_its_verdict_whatever_the_notebook_does(name, graded):
    rows = {row.exercise: (row.status, row.message) for row in graded[0][name]}
    expected = CLASS[name][1]
    assert {key: status for key, (status, _) in rows.items()} == {
        key: status for key, (status, _) in expected.items()
    }, rows
    for key, (_, says) in expected.items():
        assert says in rows[key][1]
        assert says or not rows[key][1]


@needs_fork
def test_what_went_wrong_in_the_setup_is_said_beside_an_error(graded):
    rows = {row.exercise: row.message for row in graded[0]["ann/untidy ü.ipynb"]}
    assert "cell 1: ModuleNotFoundError" in rows["label_scores"]


@needs_fork
def test_submitted_code_sees_no_secret_and_works_in_an_empty_home(graded):
    message = next(r.message for r in graded[0]["dan/noisy.ipynb"] if r.exercise == "label_scores")
    assert "network', [], [], True, '']" in message


@needs_fork
def test_submitted_code_has_no_network_where_linux_lets_us(graded):
    if not walls():
        pytest.skip("unshare is not allowed here")
    message = next(r.message for r in graded[0]["dan/noisy.ipynb"] if r.exercise == "label_scores")
    assert "['no network'" in message


@needs_fork
def test_submitted_code_can_change_your_files_as_the_security_page_says(graded, outside):
    assert graded and (outside / "hers.ipynb").read_text() == "spoilt"


@needs_fork
def test_no_process_and_no_file_outlives_the_report(graded):
    place = graded[1]
    assert list(place.iterdir()) == []
    if "p" not in "".join(walls()[1:2]):
        pytest.skip("without process numbers of its own, a process can get away")
    left = []
    for process in psutil.process_iter():
        try:
            left += [process] if process.cwd().startswith(str(place)) else []
        except psutil.Error:
            continue
    assert left == []


def test_a_broken_notebook_is_one_row(graded):
    (row,) = graded[0]["broken.ipynb"]
    assert row[:4] == ("broken.ipynb", "", "", "error")
    assert row.message.startswith("not a notebook of format 4: JSONDecodeError")


def test_our_own_solutions_are_right():
    # one that trains, for torch then replaces functions of its own, which is no tampering
    rows = grade(NOTEBOOKS / "solutions" / "15_checkpointing.ipynb", "mine", seed=1)
    assert {row.exercise: row.status for row in rows} == {row.exercise: "right" for row in rows}
    assert len(rows) > 3
