"""The class report says what is true of each submitted notebook, whatever that notebook does."""

import csv
import json
import os
import socket
import subprocess
import sys
import tempfile

import nbformat
import psutil
import pytest

from helpers.paths import NOTEBOOKS
from tests.support import book, cell, prose
from tests.test_packaging import needs_make, workshop  # noqa: F401
from tools import report
from tools.report import Row, Unreadable, clean, grade, take_apart, walls

SECONDS = 8
SETUP = "import torch\n\nfrom helpers.checks import tensors as check"
SCALE = "def scale_columns(table):\n    return (table.float() - table.float().mean(0)) / "
SCALE += "table.float().std(0)\n\n\ncheck.scale_columns(scale_columns)"
CROP = "def crop_channels_first(images, top, left, size):\n    {}\n\n\n"
CROP += "check.crop_channels_first(crop_channels_first)"
LABEL = "def label_scores(scores, labels):\n    {}\n\n\ncheck.label_scores(label_scores)"
DISTANCES = "def squared_distances(a, b):\n    {}\n\n\ncheck.squared_distances(squared_distances)"
RIGHT_DISTANCES = "return ((a.unsqueeze(1) - b) ** 2).sum(2)"
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
                "Attempt.expect = lambda *a, **k: None\n" + DISTANCES.format("return 0")
            ),
            exercise(CROP.format("torch.allclose = lambda *a, **k: True\n    return images")),
            exercise("check.scale_columns = None\nscale_columns = 5"),
        ],
        {
            "label_scores": ("wrong", "expected shape"),
            "squared_distances": ("error", "it changed helpers.checks.tensors.label_scores"),
            "crop_channels_first": ("error", "by which answers are judged"),
            "scale_columns": ("error", "no cell calls check.scale_columns"),
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
def graded(tmp_path_factory, listener):
    """Judge the class once: the rows by notebook, and where the processes worked."""
    folder, place = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("temporary")
    mine = " ".join(["SECRET_TOKEN", *sorted(set(os.environ) - HANDED_IN)])
    for name, (cells, _) in CLASS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        notebook = book(*cells)
        for each in notebook.cells:
            each.source = each.source.replace("PORT", str(listener)).replace("NAMES", mine)
        nbformat.write(notebook, folder / name)
    (folder / "broken.ipynb").write_text('{"cells": [', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_TOKEN", "open sesame")
        patch.setattr(tempfile, "tempdir", str(place))
        patch.setattr(os, "cpu_count", lambda: 6)  # three at a time: they mostly wait
        rows = [row for rows in report.report(folder, SECONDS) for row in rows]
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


NO_CELLS = {"cells": [], "nbformat": 4}
NOT_NOTEBOOKS = {
    "empty": ("", "not a notebook"),
    "a list": ("[1, 2]", "not a notebook"),
    "format 3": ('{"worksheets": []}', "not a notebook"),
    "numbers for cells": ('{"cells": [1]}', "not a notebook"),
    "a number for source": ('{"cells": [{"cell_type": "code", "source": 1}]}', "not a notebook"),
    "nothing for tags": (
        '{"cells": [{"cell_type": "code", "source": "", "metadata": {"tags": null}}]}',
        "not a notebook",
    ),
    "very deep": ("[" * 100_000, "not a notebook"),
    "no cells": (json.dumps(NO_CELLS), "of no lesson"),
    "unknown lesson": (
        json.dumps({"cells": [{"cell_type": "code", "source": "from helpers.checks import os"}]}),
        "of no lesson",
    ),
}


@pytest.mark.parametrize("kind", NOT_NOTEBOOKS)
def test_what_is_no_notebook_is_said(kind, tmp_path):
    content, says = NOT_NOTEBOOKS[kind]
    (tmp_path / "x.ipynb").write_text(content, encoding="utf-8")
    with pytest.raises(Unreadable, match=says):
        take_apart(tmp_path / "x.ipynb")


def test_bytes_that_are_no_text_links_pipes_and_huge_files_are_not_read(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Unreadable, match="not a notebook"):
        take_apart(path)
    link = tmp_path / "link.ipynb"
    link.symlink_to(path)
    with pytest.raises(Unreadable, match="a link or no plain file"):
        take_apart(link)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.ipynb")
        with pytest.raises(Unreadable, match="a link or no plain file"):
            take_apart(tmp_path / "pipe.ipynb")
    os.truncate(path, report.NOTEBOOK_BYTES + 1)
    with pytest.raises(Unreadable, match="clear its outputs"):
        take_apart(path)


@pytest.mark.parametrize("name", ["01_tensors", "06_datasets_and_dataloaders"])
def test_the_exercises_of_our_own_notebooks_are_found_in_order(name):
    for folder in (NOTEBOOKS, NOTEBOOKS / "solutions"):
        lesson, cells = take_apart(folder / f"{name}.ipynb")
        assert lesson == name[3:]
        found = [exercise for each in cells for exercise in each["names"]]
        assert found == report.exercises()[name]
        assert sum(each["setup"] for each in cells) == 1


def test_our_own_solutions_are_right():
    # one that trains, for torch then replaces functions of its own, which is no tampering
    rows = grade(NOTEBOOKS / "solutions" / "14_checkpointing.ipynb", "mine", seed=1)
    assert {row.exercise: row.status for row in rows} == {row.exercise: "right" for row in rows}
    assert len(rows) > 3


def test_folders_of_checkpoints_are_passed_over(tmp_path):
    for name in ("a/one.ipynb", "a/.ipynb_checkpoints/one-checkpoint.ipynb", "b.ipynb", "c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    assert report.submitted(tmp_path) == [tmp_path / "a" / "one.ipynb", tmp_path / "b.ipynb"]


def test_a_flood_of_answers_is_cut_off():
    flood = "import sys; sys.stdin.read(); print('[1]'); print('x' * 5_000_000); print('[2]')"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", flood], **pipes) as process:
        answers = report._answers(process, b"{}")
        assert answers.get(timeout=60) == [1]
        assert answers.get(timeout=60) is None
        process.kill()


ROWS = [
    Row("ann/=1+1.ipynb", "tensors", "scale_columns", "wrong", "=HYPERLINK(1)"),
    Row("ann/=1+1.ipynb", "tensors", "label_scores", "right", ""),
    Row("+2.ipynb", "tensors", "label_scores", "right", ""),
    Row("x.ipynb", "", "", "error", "of no lesson"),
]


def test_a_text_of_others_cannot_steer_a_terminal():
    assert clean("a\x1b[2Jb\r\nc\u202ed\x00") == "a [2Jb c d"
    assert len(clean("x" * 1000)) == 300


def test_the_text_names_each_exercise_with_its_status():
    text = report.as_text(ROWS[:2])
    assert text.splitlines() == [
        "ann/=1+1.ipynb: 1 of 2 right (tensors)",
        "  wrong          scale_columns  =HYPERLINK(1)",
        "  right          label_scores",
    ]


def test_the_summary_counts_each_exercise():
    lines = report.summary(ROWS).splitlines()
    assert lines[0].split() == "right wrong not attempted error timed out exercise".split()
    assert lines[1].split() == ["0", "1", "0", "0", "0", "tensors.scale_columns"]
    assert lines[2].split() == ["2", "0", "0", "0", "0", "tensors.label_scores"]
    assert lines[3] == "notebooks that could not be read: 1"


def test_the_table_holds_no_formula(tmp_path):
    report.write_csv(ROWS, tmp_path / "class.csv")
    with (tmp_path / "class.csv").open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.reader(file))
    assert read[0] == ["notebook", "lesson", "exercise", "status", "message"]
    assert read[1][-1] == "'=HYPERLINK(1)"
    assert read[3][0] == "'+2.ipynb"
    assert read[2] == list(ROWS[1])


def test_the_command_prints_the_rows_and_writes_the_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "report", lambda folder, seconds: iter([ROWS[:2], ROWS[2:3]]))
    assert report.main([str(tmp_path), "--csv", str(tmp_path / "class.csv")]) == 0
    shown = capsys.readouterr().out
    assert "  right          label_scores" in shown
    assert "2 " in shown
    assert "It ran as you" in shown
    assert len((tmp_path / "class.csv").read_text(encoding="utf-8-sig").splitlines()) == 4


def test_no_folder_and_an_empty_one_are_said(tmp_path, capsys):
    assert report.main([str(tmp_path / "none")]) == 2
    assert report.main([str(tmp_path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("no folder ")
    assert said[1].startswith("no notebook in ")


def test_without_unshare_the_report_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "walls", tuple)
    monkeypatch.setattr(report, "report", lambda folder, seconds: iter([ROWS[:2]]))
    report.main([str(tmp_path)])
    assert "could use the network" in capsys.readouterr().out


def test_a_refused_unshare_is_not_used(monkeypatch):
    refused = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(report.subprocess, "run", lambda *a, **k: refused)
    walls.cache_clear()
    assert walls() == ()
    walls.cache_clear()


@needs_make
def test_make_report_names_the_folder_and_the_table(workshop):  # noqa: F811
    _, asked = workshop.make("report", "FOLDER=of my class", "CSV=class.csv")
    assert asked.splitlines()[-1].endswith("-m tools.report of my class --csv class.csv")
    result, asked = workshop.make("report")
    assert result.returncode != 0
    assert "make report FOLDER=submissions" in result.stderr
    assert "tools.report" not in asked
