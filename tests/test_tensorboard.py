"""Lesson 13 without its viewer: its functions, its pictures, and `make board`."""

import re
import threading

import pytest
from nbformat import NotebookNode

from helpers.paths import NOTEBOOKS, ROOT, DataError, runs_dir
from tests.support import needs_make
from tools.notebooks import read

LESSON = NOTEBOOKS / "13_tensorboard.ipynb"


PICTURES = NOTEBOOKS / "images"


LARGEST = 60_000  # bytes of a picture


def definition(notebook: NotebookNode, name: str) -> str:
    """Cut a function's definition out of a notebook."""
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    return re.search(rf"^def {name}\(.*?(?=^\S|\Z)", code, re.M | re.S)[0]


def test_callers_at_the_same_time_never_get_the_same_folder(tmp_path):
    space, found, start = {}, [], threading.Barrier(8)
    exec(definition(read(LESSON), "new_folder"), space)

    def take():
        start.wait()
        found.extend(space["new_folder"](tmp_path / "deep", "run") for _ in range(10))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in found) == [f"run_{i:03}" for i in range(1, 81)]


def test_the_solution_smooths_as_tensorboard_says_that_it_does():
    # By hand: 0.4·1 = 0.4; 0.6·0.4 + 0.4·0.5 = 0.44; 0.6·0.44 = 0.264; divided by 1 − 0.6ⁿ.
    space = {}
    solutions = read(NOTEBOOKS / "solutions" / LESSON.name)
    exec("import math\n" + definition(solutions, "smooth"), space)
    expected = [0.4 / 0.4, 0.44 / 0.64, 0.264 / 0.784]
    assert space["smooth"]([1.0, 0.5, 0.0], 0.6) == pytest.approx(expected)


def test_runs_are_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.delenv("LADDER_RUNS", raising=False)
    assert runs_dir() == ROOT / "runs"
    monkeypatch.setenv("LADDER_RUNS", "")
    assert runs_dir() == ROOT / "runs"
    monkeypatch.setenv("LADDER_RUNS", str(tmp_path))
    assert runs_dir() == tmp_path
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LADDER_RUNS", "tests")
    assert runs_dir() == ROOT / "tests"


def test_a_missing_folder_for_runs_is_said_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.setenv("LADDER_RUNS", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"no folder .*none; make it, or unset LADDER_RUNS"):
        runs_dir()


@needs_make
def test_board_installs_first_and_then_serves_runs_on_loopback(workshop):
    result, asked = workshop.make("board")
    assert result.returncode == 0, result.stderr
    assert "-m pip install --quiet -c constraints.txt -e ." in asked
    result, asked = workshop.make("board")
    *_, served = asked.split("python ")
    assert served == "-m tensorboard.main --logdir=/the/runs --host=127.0.0.1\n"


@needs_make
def test_board_takes_a_port_and_the_folder_of_the_runs(workshop):
    assert "--host=127.0.0.1 --port=7000\n" in workshop.make("board", "PORT=7000")[1]
    assert "--host=127.0.0.1 --port=7001\n" in workshop.make("board", PORT="7001")[1]
    assert "--logdir=/else where " in workshop.make("board", LADDER_RUNS="/else where")[1]


def test_the_lesson_shows_every_picture_and_each_is_small():
    text = "".join(c.source for c in read(LESSON).cells if c.cell_type == "markdown")
    shown = re.findall(r"!\[[^\]]{40,}\]\(images/(13_\w+\.png)\)", text)
    assert sorted(shown) == sorted(path.name for path in PICTURES.glob("13_*.png"))
    for name in shown:
        assert (PICTURES / name).stat().st_size <= LARGEST
