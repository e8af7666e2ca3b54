"""The tool that runs lessons on an accelerator: what fails, what differs, and what it leaves."""

import json
import os
import shutil
import subprocess
import threading

import nbformat
import psutil
import pytest

from helpers.paths import ROOT
from tests.support import book, cell, run_python
from tools import devices
from tools.notebooks import CELL_TIMEOUT
from tools.on_device import Kernels, Outcome, differs, run_lesson


def stored(source, *outputs, tags=()):
    """Make a cell that was executed; a text stands for what it printed."""
    made = cell(source, *tags)
    texts = [nbformat.v4.new_output("stream", text=o) if isinstance(o, str) else o for o in outputs]
    made.outputs = texts
    return made


def error(name, text):
    return nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[])


def kernel_env(folder, device="cpu"):
    temporary = folder / "tmp"
    temporary.mkdir()
    return {**os.environ, "LADDER_DEVICE": device, "TMPDIR": str(temporary)}


def is_gone(pid):
    """Tell whether a process runs no more; nobody may have asked how it ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


CELLS = {
    "print('loss 0.52')": ["loss 0.51\n"],
    "print('loss 0.71')": ["loss 0.51\n"],
    "print('3 of 4')": ["4 of 4\n"],
    "print('a word')": ["a_word\n"],
    "print('on cuda:0')": ["on cpu\n"],
    "1 / 0": [],
    "1 / 0  # announced": [error("ZeroDivisionError", "division by zero")],
    "print('no error')  # announced": [error("ZeroDivisionError", "division by zero")],
    "print(0.9)  # not compared": ["0.1\n"],
    "print('the last')": ["the last\n"],
}
TAGS = {"announced": "raises-exception", "compared": "nbval-ignore-output"}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Run those cells."""
    folder = tmp_path_factory.mktemp("on device")
    path = folder / "03_trial.ipynb"
    tagged = [
        stored(source, *outputs, tags=[t for word, t in TAGS.items() if source.endswith(word)])
        for source, outputs in CELLS.items()
    ]
    nbformat.write(book(*tagged), path)
    before = path.read_bytes()
    found = run_lesson(path, kernel_env(folder), CELL_TIMEOUT, Kernels())
    assert path.read_bytes() == before
    return found


def sources(mismatches):
    return [mismatch.cell.partition(": ")[2] for mismatch in mismatches]


def test_other_numbers_and_words_differ_and_names_of_devices_do_not(outcome):
    wanted = ["print('loss 0.71')", "print('3 of 4')", "print('a word')"]
    assert sources(outcome.differing) == wanted


def test_both_outputs_of_a_differing_cell_are_kept(outcome):
    first = outcome.differing[0]
    assert (first.stored, first.here) == ("loss 0.51", "loss 0.71")


def test_an_error_without_a_tag_and_a_tag_without_an_error_fail(outcome):
    assert sources(outcome.failed) == ["1 / 0", "print('no error')  # announced"]
    assert outcome.failed[0].here == "ZeroDivisionError: division by zero"
    assert "expected an error" in outcome.failed[1].here


def test_cells_after_one_that_failed_run(outcome):
    assert outcome.cells == len(CELLS)


def test_on_the_cpu_no_memory_of_an_accelerator_is_said(outcome):
    assert outcome.peak is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("running on cpu (2 threads)", "running on cuda (NVIDIA H200)"),
        ("tensor([1., 2.])", "tensor([1., 2.], device='cuda:0')"),
        ("found cpu and cpu", "found cuda:0 and cpu"),
        ("[0.50,  0.25]", "[0.5,\n 0.25]"),
        ("[nan, 1.00]", "[nan, 1.01]"),
    ],
)
def test_what_a_device_changes_in_a_text_is_no_difference(old, new):
    assert not differs(stored("", old), stored("", new))


@pytest.mark.parametrize(("old", "new"), [("0.5", "nan"), ("inf", "nan"), ("inf", "-inf")])
def test_what_is_no_number_equals_itself_alone(old, new):
    assert differs(stored("", f"loss {old}"), stored("", f"loss {new}"))


def picture(data):
    return nbformat.v4.new_output("display_data", {"image/png": data, "text/plain": "<Figure>"})


def test_a_figure_must_be_there_and_may_look_different():
    assert not differs(stored("", picture("QUJD")), stored("", picture("REVG")))
    assert differs(stored("", picture("QUJD")), stored(""))


HANGS = """
import pathlib, subprocess, sys, time
sleeps = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleeps, start_new_session=True)  # who ends the kernel's group misses it
pathlib.Path({file!r}).write_text(str(child.pid))
time.sleep(600)
"""


def test_a_cell_that_hangs_is_ended_with_all_its_processes(tmp_path):
    path, file = tmp_path / "03_trial.ipynb", tmp_path / "pid"
    nbformat.write(book(cell(HANGS.format(file=str(file))), cell("never")), path)
    kernels, env = Kernels(), kernel_env(tmp_path)
    for limit in (2, 60):  # on a busy machine the child is not there so soon
        outcome = run_lesson(path, env, limit, kernels)
        (failed,) = outcome.failed
        assert failed.here == f"did not end within {limit} seconds; its kernel was killed"
        if file.exists():
            break
    assert outcome.cells == 0 and kernels.pids == set()
    assert is_gone(int(file.read_text()))


def test_a_kernel_that_dies_is_a_failure(tmp_path):
    path = tmp_path / "03_trial.ipynb"
    nbformat.write(book(cell("import os; os._exit(3)"), cell("never")), path)
    (failed,) = run_lesson(path, kernel_env(tmp_path), CELL_TIMEOUT, Kernels()).failed
    assert "cell 0" in failed.cell and "died" in failed.here


CTRL_C = """
import pathlib, sys
from tools import devices
root = pathlib.Path(sys.argv[1], "lessons")
paths = sorted(root.glob("notebooks/*.ipynb"))
outcomes, interrupted = devices.survey(paths, root, "cpu", 1, 900)
print("outcomes:", len(outcomes), "interrupted:", interrupted)
"""
PRESS = """
import os, pathlib, signal, time
pathlib.Path({file!r}).write_text(str(os.getpid()))
os.kill(os.getppid(), signal.SIGINT)
time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="a process cannot be sent Ctrl-C alone")
def test_ctrl_c_ends_the_kernels_and_starts_no_more(tmp_path):
    notebooks, file = tmp_path / "lessons" / "notebooks", tmp_path / "pid"
    notebooks.mkdir(parents=True)
    nbformat.write(book(cell(PRESS.format(file=str(file)))), notebooks / "01_press.ipynb")
    nbformat.write(book(cell("1")), notebooks / "02_waits.ipynb")
    result = run_python("-c", CTRL_C, tmp_path, PYTHONPATH=str(ROOT))
    assert "outcomes: 0 interrupted: True" in result.stdout, result.stderr
    assert is_gone(int(file.read_text()))
    assert not (tmp_path / "runs-notebooks-02_waits").exists()


# The program


FOUND = {"device": "cpu", "says": "running on cpu", "memory": 2**34, "card": None}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Let the program find two tiny lessons, on the CPU."""
    notebooks = tmp_path / "copy" / "notebooks"
    notebooks.mkdir(parents=True)
    intro = nbformat.v4.new_markdown_cell("# A lesson")
    nbformat.write(book(intro, stored("print(1)", "2\n")), notebooks / "01_differs.ipynb")
    nbformat.write(book(intro, stored("1 / 0")), notebooks / "02_fails.ipynb")

    def copy(folder):
        shutil.copytree(tmp_path / "copy", folder / "lessons")
        return folder / "lessons"

    monkeypatch.setattr(devices, "probe", lambda device: FOUND)
    monkeypatch.setattr(devices, "copy_lessons", copy)
    return devices.main


def test_a_failed_cell_is_told_of_and_sets_the_exit_status(program, tmp_path, capsys):
    tables = [tmp_path / "table.csv", tmp_path / "table.md"]
    status = program(["--csv", str(tables[0]), "--markdown", str(tables[1])])
    said = capsys.readouterr().out
    assert status == 1
    assert "2 notebooks, 1 failed; 1 cells differ" in said
    assert "02_fails, cell 1" in said and "ZeroDivisionError" in said
    rows = [line.split()[:4] for line in said.splitlines() if line.startswith("0")]
    assert ["01_differs", "1", "1", "0"] in rows and ["02_fails", "1", "0", "1"] in rows
    assert tables[0].read_text().splitlines()[1].startswith("01_differs,1,1,0,")
    assert "| 02_fails | 1 | 0 | 1 |" in tables[1].read_text()


def test_a_differing_cell_fails_only_if_strict(program):
    assert program(["1"]) == 0
    assert program(["01", "--strict"]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["7"], "no lesson 7"), (["--csv", "nowhere/table.csv"], "no folder nowhere")],
)
def test_a_wrong_use_is_said(program, arguments, says, capsys):
    assert program(arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--limit", "soon"]])
def test_a_wrong_number_is_a_wrong_use(program, arguments):
    with pytest.raises(SystemExit) as left:
        program(arguments)
    assert left.value.code == 2


def test_missing_packages_are_named_before_anything_starts(monkeypatch, capsys):
    real = devices.importlib.util.find_spec
    gone = {"ipykernel", "sklearn", "torchvision"}
    monkeypatch.setattr(
        devices.importlib.util, "find_spec", lambda name: None if name in gone else real(name)
    )
    monkeypatch.setattr(devices, "probe", lambda device: pytest.fail("it goes on"))
    assert devices.main([]) == 2
    said = capsys.readouterr().err
    assert "lacks torchvision, scikit-learn, ipykernel; install them" in said
    assert "--help" in said


def answer(monkeypatch, code, out="", err=""):
    """Let the probe's process say this."""
    result = subprocess.CompletedProcess([], code, out, err)
    monkeypatch.setattr(devices.subprocess, "run", lambda *_, **__: result)


def test_without_an_accelerator_it_says_what_to_do(monkeypatch, capsys):
    monkeypatch.delenv("LADDER_DEVICE", raising=False)
    answer(monkeypatch, 0, json.dumps(FOUND))
    assert devices.main([]) == 2
    said = capsys.readouterr().err
    assert "no accelerator" in said and "--device cpu" in said


def test_a_device_that_is_not_there_is_named(monkeypatch, capsys):
    answer(
        monkeypatch, 1, err="Traceback\nValueError: no device 'cuda' here; choose one of ['cpu']"
    )
    assert devices.main(["--device", "cuda"]) == 2
    assert "no device 'cuda' here" in capsys.readouterr().err


def test_the_cpu_may_be_asked_for(monkeypatch):
    answer(monkeypatch, 0, json.dumps(FOUND))
    assert devices.probe("cpu") == FOUND
    monkeypatch.setenv("LADDER_DEVICE", "cpu")
    assert devices.probe(None) == FOUND


def test_the_copy_of_the_lessons_asks_for_an_older_torch_and_no_tools(tmp_path):
    root = devices.copy_lessons(tmp_path)
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert '"torch>=2.11"' in text and '"torchvision>=0.26"' in text
    assert '"numpy>=' in text and "jupyterlab>=" not in text and "nbval>=" not in text
    assert (root / "data" / "wine.csv").is_file() and (root / "runs").is_dir()


def test_lessons_that_compare_times_wait_for_the_others(tmp_path, monkeypatch):
    notebooks, running, beside = tmp_path / "lessons" / "notebooks", set(), {}
    notebooks.mkdir(parents=True)
    meet = threading.Barrier(2)

    def run(path, *_):
        running.add(path.name)
        if path.name in ("01", "02"):
            meet.wait(CELL_TIMEOUT)  # so these two run at once
        beside[path.name] = set(running)
        running.discard(path.name)
        return Outcome(path.name, 1, [], [], 0.0, None)

    monkeypatch.setattr("tools.on_device.run_lesson", run)
    paths = [notebooks / name for name in ("17", "01", "06", "02")]
    outcomes, _ = devices.survey(paths, notebooks.parent, "cpu", 2, 60)
    assert [outcome.name for outcome in outcomes] == ["01", "02", "06", "17"]
    assert beside["17"] == {"17"} and beside["06"] == {"06"}
    assert list(beside)[2:] == ["17", "06"]


def test_the_longest_lessons_come_first_and_solutions_last():
    found = devices.find(["4", "18", "02"], True, ROOT / "notebooks")
    assert [path.name[:2] for path in found] == ["18", "04", "02"] * 2
    assert [path.parent.name for path in found] == ["notebooks"] * 3 + ["solutions"] * 3


@pytest.mark.parametrize(
    ("cores", "gib", "card", "wanted"),
    [(16, 128, 139, 8), (16, 7, None, 3), (64, 128, None, 8), (16, 128, 4, 2), (1, 1, 1, 1)],
)
def test_cores_and_memory_limit_how_many_run_at_once(cores, gib, card, wanted):
    assert devices.choose_workers(cores, gib * 2**30, card and card * 2**30) == wanted
