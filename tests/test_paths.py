"""One module knows where things are; the variables mean the same to everybody who asks it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import doctor, paths
from helpers.paths import (
    ROOT,
    DataError,
    data_dir,
    data_file,
    named_folder,
    progress_dir,
    runs_dir,
)
from tests.support import run_python

FOLDERS = [("LADDER_DATA", data_dir), ("LADDER_RUNS", runs_dir), ("LADDER_PROGRESS", progress_dir)]
NAMES = [variable for variable, _ in FOLDERS]
PRODUCT = [path for folder in ("helpers", "tools") for path in (ROOT / folder).rglob("*.py")]
PRODUCT += [ROOT / "notebooks" / "conftest.py"]


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """Unset the variables."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_without_variables_the_folders_are_the_repository_s():
    assert (data_dir(), runs_dir()) == (ROOT / "data", ROOT / "runs")
    assert progress_dir() == ROOT / "runs" / "progress"


@pytest.mark.parametrize(("variable", "ask"), FOLDERS)
def test_home_and_relative_paths_mean_the_same_in_each(variable, ask, monkeypatch, tmp_path):
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(variable, "~/mine")
    assert ask() == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)  # a relative path counts from the repository all the same
    monkeypatch.setenv(variable, "tests")
    assert ask() == ROOT / "tests"
    monkeypatch.setenv(variable, str(tmp_path))
    assert ask() == tmp_path
    monkeypatch.setenv(variable, "")
    assert ask().is_relative_to(ROOT)


@pytest.mark.parametrize(("variable", "ask"), FOLDERS)
def test_a_home_that_nobody_has_is_said(variable, ask, monkeypatch):
    monkeypatch.setenv(variable, "~nobody-of-this-name/x")
    with pytest.raises(DataError, match=f"{variable} is ~nobody.*write it out"):
        ask()


def test_a_missing_folder_is_said_with_its_cure(monkeypatch, tmp_path):
    monkeypatch.setenv("LADDER_DATA", str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"no folder .*gone; make it, or unset LADDER_DATA"):
        data_dir()
    assert named_folder("data") == tmp_path / "gone"


@pytest.mark.parametrize("name", doctor.SHIPPED)
def test_a_missing_file_is_said_with_its_cure(monkeypatch, tmp_path, name):
    monkeypatch.delenv("LADDER_DATA", raising=False)
    assert data_file(name) == ROOT / "data" / name
    monkeypatch.setenv("LADDER_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        data_file(name)
    assert str(tmp_path / name) in str(caught.value)
    assert "python -m helpers.doctor" in str(caught.value)
    (finding,) = (f for f in doctor.examine() if f.name == "data")  # which says how to get it
    assert finding.level == doctor.FAIL and f"Copy {' and '.join(doctor.SHIPPED)}" in finding.do


def test_the_doctor_looks_where_the_lessons_look(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LADDER_DATA", "~/gone")
    said = "\n".join(f.do for f in doctor.examine() if f.name == "data")
    assert str(tmp_path / "gone") in said
    monkeypatch.setenv("LADDER_DATA", "~nobody-of-this-name/x")
    (finding,) = (f for f in doctor.examine() if f.name == "data")
    assert finding.level == doctor.FAIL and "write it out" in finding.found


def test_the_command_prints_a_folder(monkeypatch, tmp_path):
    asked = run_python("-m", "helpers.paths", "runs", LADDER_RUNS=str(tmp_path))
    assert asked.stdout == f"{tmp_path}\n"
    missing = run_python("-m", "helpers.paths", "runs", LADDER_RUNS=str(tmp_path / "gone"))
    assert missing.returncode == 1 and "make it, or unset LADDER_RUNS" in missing.stderr
    assert "expected one of data, runs" in run_python("-m", "helpers.paths").stderr


def test_no_other_module_knows_the_root_or_the_variables():
    for path in {*PRODUCT, *(ROOT / "tests").rglob("*.py")} - {Path(paths.__file__)}:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        code = ast.unparse(tree)
        assert not re.search(r"__file__\)\S*\.(?:parents\[|parent\.parent)", code), path
        if path in PRODUCT:
            assert not re.search(rf"environ(?:\.get\(|\[)'(?:{'|'.join(NAMES)})'[^=]*$", code, re.M)


def test_no_product_imports_the_tests():
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] == "tests"], path


def test_no_test_imports_a_conftest():
    for path in (ROOT / "tests").rglob("*.py"):
        assert not re.search(r"^from \S*conftest import", path.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("module", ["helpers.paths", "helpers.progress", "helpers.doctor"])
def test_a_file_name_costs_no_torch(module):
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert "helpers.paths" in listed
    assert not re.search(r"\|\s+(?:torch|numpy|sklearn|matplotlib)\b", listed)
