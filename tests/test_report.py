"""The class report reads notebooks, and prints and writes what became of them."""

import csv
import json
import os
import subprocess
import sys

import nbformat
import pytest

from helpers.paths import NOTEBOOKS
from tests.support import book, cell, needs_make
from tools import report
from tools.judge import run_cell
from tools.report import Row, Unreadable, clean, take_apart, walls


def exercise(source, **keys):
    return cell(source.format(**keys) if keys else source, "exercise")


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
        ((lesson, cells),) = take_apart(folder / f"{name}.ipynb").items()
        assert lesson == name[3:]
        found = [exercise for each in cells for exercise in each["names"]]
        assert found == report.exercises()[name]
        assert sum(each["setup"] for each in cells) == 1


def test_folders_of_checkpoints_are_passed_over(tmp_path):
    for name in ("a/one.ipynb", "a/.ipynb_checkpoints/one-checkpoint.ipynb", "b.ipynb", "c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    assert report.submitted(tmp_path) == [tmp_path / "a" / "one.ipynb", tmp_path / "b.ipynb"]


def test_what_a_mac_packs_beside_a_notebook_is_no_learner_and_capitals_are_read(tmp_path):
    for name in ("__MACOSX/a/._x.ipynb", "a/._x.ipynb", ".git/x.ipynb", "a/x.IPYNB", "a/.x.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    assert report.submitted(tmp_path) == [tmp_path / "a" / "x.IPYNB"]
    assert report.left_out(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("ann/lesson.py", "ask for the notebook itself"),
        ("ann/lesson.html", "ask for the notebook itself"),
        ("ann/lesson.PDF", "ask for the notebook itself"),
        ("ann/lesson.ipynb.txt", "let its name end in .ipynb"),
        ("ann/lesson.ipynb_backup", "let its name end in .ipynb"),
        ("all.zip", "unpack it"),
        ("all.tar.gz", "unpack it"),
    ],
)
def test_a_file_that_may_hold_work_and_is_not_read_is_named(tmp_path, name, cure):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    ((row,),) = report.report(tmp_path)
    assert row[:4] == (name, "", "", "error")
    assert "it was not read" in row.message and cure in row.message


def test_a_conflict_in_the_file_is_named(tmp_path):
    text = json.dumps(NO_CELLS, indent=1).replace(
        "[]", "[\n<<<<<<< HEAD\n=======\n>>>>>>> other\n]"
    )
    (tmp_path / "x.ipynb").write_text(text, encoding="utf-8")
    with pytest.raises(Unreadable, match=r"a git conflict .* stands in the file; keep one side"):
        take_apart(tmp_path / "x.ipynb")


def lesson_cells(lesson, *names):
    calls = [f"check.{name}({name})" for name in names]
    return [cell(f"from helpers.checks import {lesson} as check"), *map(cell, calls)]


def test_two_lessons_in_one_notebook_are_both_found(tmp_path):
    cells = lesson_cells("tensors", "scale_columns") + lesson_cells("autograd", "slopes")
    nbformat.write(book(*cells), tmp_path / "x.ipynb")
    found = take_apart(tmp_path / "x.ipynb")
    names = {lesson: [each["names"] for each in parts] for lesson, parts in found.items()}
    assert names == {
        "tensors": [[], ["scale_columns"], [], []],
        "autograd": [[], [], [], ["slopes"]],
    }


def test_a_lesson_that_is_only_imported_is_not_judged(tmp_path):
    cells = lesson_cells("autograd") + lesson_cells("tensors", "scale_columns")
    nbformat.write(book(*cells), tmp_path / "x.ipynb")
    assert list(take_apart(tmp_path / "x.ipynb")) == ["tensors"]
    nbformat.write(book(*lesson_cells("autograd")), tmp_path / "x.ipynb")
    assert list(take_apart(tmp_path / "x.ipynb")) == ["autograd"]


IPYTHON = {
    "a question": ("def f(x):\n    return x\n\nf?", {"f"}),
    "two questions": ("f??\n?f\ndef f(x):\n    return x", {"f"}),
    "a shell's answer": ("files = !ls\nf = 1", {"files", "f"}),
    "a magic's answer": ("where = %pwd\nf = 1", {"where", "f"}),
    "a timed line": ("f = 1\n%timeit f + 1\n!ls {f}", {"f"}),
    "inside a block": ("for i in range(2):\n    %timeit i\n    f = i", {"i", "f"}),
    "inside a function": ("def f(x):\n    !ls\n    return x", {"f"}),
    "a timed cell": ("%%time\nf = 1", {"f"}),
    "a captured cell with a magic": ("\n%%capture out\n%matplotlib inline\nf = 1", {"f"}),
    "a shell's cell": ("%%bash\nls | wc -l", set()),
    "a written file": ("%%writefile f.py\nf = 1", set()),
    "in so many words": ("get_ipython().run_line_magic('pwd', '')\nf = 1", {"f"}),
    "a string of per cents": ('f = """\n%d\n!"""\ng?', {"f"}),
    "imports in one line": ("import not_there_at_all, math", {"math"}),
}


@pytest.mark.parametrize("kind", IPYTHON)
def test_what_only_ipython_understands_does_nothing_and_stops_nothing(kind):
    source, expected = IPYTHON[kind]
    space = {}
    problem, _ = run_cell({"source": source, "names": ["f"], "setup": False, "index": 0}, space)
    assert set(space) - {"__builtins__"} == expected
    assert problem == ("" if "import" not in kind else "ModuleNotFoundError: " + NOT_THERE)


NOT_THERE = "No module named 'not_there_at_all'"


def test_a_string_that_looks_like_a_magic_stays_what_it_is():
    space = {}
    source = 'f = """\n%d\n!"""\ng?'
    run_cell({"source": source, "names": ["f"], "setup": False, "index": 0}, space)
    assert space["f"] == "\n%d\n!"


def test_an_import_that_fails_in_the_setup_takes_no_other_with_it():
    source = "from google.colab import drive\ndrive.mount('/content')\nimport math"
    space = {}
    problem, _ = run_cell({"source": source, "names": [], "setup": True, "index": 0}, space)
    assert space["math"].pi > 3
    assert problem.startswith("ModuleNotFoundError: No module named 'google")


def test_a_conflict_in_a_cell_is_named():
    source = "<<<<<<< HEAD\nf = 1\n=======\nf = 2\n>>>>>>> other"
    problem, calls = run_cell({"source": source, "names": ["f"], "setup": False, "index": 0}, {})
    assert "a git conflict" in problem and "keep one side" in problem and calls == {}


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


def test_too_many_processes_and_too_much_memory_are_noticed(monkeypatch):
    own = os.getpid()
    assert report._excess(own) == ""
    monkeypatch.setattr(report, "MEMORY_MIB", 4)
    assert report._excess(own) == "over 8 MiB of memory"
    monkeypatch.setattr(report, "PROCESSES", 0)
    assert report._excess(own) == "over 0 processes"


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
    assert lines[3] == "files that could not be read: 1"


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
def test_make_report_names_the_folder_and_the_table(workshop):
    _, asked = workshop.make("report", "FOLDER=of my class", "CSV=class.csv")
    assert asked.splitlines()[-1].endswith("-m tools.report of my class --csv class.csv")
    result, asked = workshop.make("report")
    assert result.returncode != 0
    assert "make report FOLDER=submissions" in result.stderr
    assert not asked  # nor is anything installed first
