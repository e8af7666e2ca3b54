"""Each fault that a learner's computer may have is made here; the doctor must name it and its cure.

Faults that can be made inside this process are; the others get a Python of their own.
"""

import ast
import errno
import io
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from helpers import device, doctor, paths
from helpers.doctor import FAIL, OK, WARN, Finding
from helpers.paths import ROOT
from tests.support import run_python
from tools.notebooks import read

GIB = 2**30
Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """Make a healthy folder of lessons, on a healthy machine; the doctor looks at it."""
    for name in ("data", "runs", "notebooks", "helpers"):
        (tmp_path / name).mkdir()
    (tmp_path / "helpers" / "doctor.py").touch()
    for name in ("pyproject.toml", *(f"data/{name}" for name in doctor.SHIPPED)):
        shutil.copy(ROOT / name, tmp_path / name)
    for module in (doctor, paths):
        monkeypatch.setattr(module, "ROOT", tmp_path.resolve())
    monkeypatch.setattr(doctor, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(doctor, "CONTAINER_LIMIT", tmp_path / "no limit")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GIB))
    for name in ("DEVICE", "DATA", "RUNS"):
        monkeypatch.delenv(f"LADDER_{name}", raising=False)
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


@pytest.fixture
def diagnose(lessons, capsys):
    """Give a function that runs the doctor: (exit status, what it printed, findings by name)."""

    def run():
        status = doctor.main()
        findings = {finding.name: finding for finding in doctor.examine()}
        assert all(finding.do for finding in findings.values() if finding.level != OK)
        assert all(finding.do.endswith(".") for finding in findings.values() if finding.do)
        return status, capsys.readouterr().out, findings

    return run


def faults(findings):
    """Name what is not well, with its level."""
    return {name: finding.level for name, finding in findings.items() if finding.level != OK}


def test_a_healthy_machine_is_ready(diagnose):
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (0, {})
    assert text.endswith("\nReady: the lessons can run here.\n")
    assert f"[ ok ] torch        {torch.__version__} (" in text


def test_the_command_reports_this_machine():
    got = run_python("-m", "helpers.doctor", LADDER_DEVICE=None)
    assert got.returncode == 0, got.stdout + got.stderr
    assert "Ready" in got.stdout
    assert "Traceback" not in got.stderr


def test_looking_leaves_no_file(diagnose, lessons):
    before = sorted(lessons.rglob("*"))
    diagnose()
    assert sorted(lessons.rglob("*")) == before


# Python and its environment


@pytest.mark.parametrize(("version", "level"), [((3, 10), FAIL), ((3, 9), FAIL), ((3, 11), OK)])
def test_python_must_be_new_enough(diagnose, monkeypatch, version, level):
    diagnose()  # imports the packages before Python looks old
    monkeypatch.setattr(sys, "version_info", Version(*version, 7, "final", 0))
    status, text, findings = diagnose()
    assert findings["Python"].level == level
    assert status == int(level == FAIL)
    assert ("Install Python 3.11 or newer" in text) == (level == FAIL)


def test_the_python_it_asks_for_is_the_project_s():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'requires-python = ">=3.11"' in text


@pytest.mark.parametrize("name", ["doctor.py", "paths.py", "__init__.py"])
def test_an_old_python_can_read_it(name):
    ast.parse((ROOT / "helpers" / name).read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("name", ["doctor.py", "paths.py"])
def test_it_imports_the_standard_library_alone(name):
    body = ast.parse((ROOT / "helpers" / name).read_text(encoding="utf-8")).body
    imported = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in body if isinstance(node, ast.ImportFrom)}
    imported -= {"helpers.paths"}  # the other one of the two
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_an_old_python_reports_that_it_is_too_old():
    for name in ("python3.8", "python3.9", "python3.10"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            break
    else:
        pytest.skip("no old Python here")
    command = [found, "-m", "helpers.doctor"]
    got = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert got.returncode == 1
    assert "is too old\n       -> Install Python 3.11 or newer" in got.stdout
    assert got.stderr == ""


def test_a_python_without_any_package_gets_a_report():
    got = run_python("-S", "-m", "helpers.doctor", PYTHONPATH=None)
    assert got.returncode == 1
    assert "[FAIL] torch        is not installed\n" in got.stdout
    assert "[FAIL] matplotlib   is not installed\n" in got.stdout
    assert "-m pip install -c constraints.txt -e .\n" in got.stdout
    assert "[warn] memory       unknown" in got.stdout
    assert got.stderr == ""


def test_another_kernel_than_that_of_venv_is_named(diagnose, lessons):
    (lessons / ".venv").mkdir()
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (0, {"kernel": WARN})
    assert sys.executable in findings["kernel"].found
    assert "start it with `make lab`, or choose .venv's Python under Kernel > Change" in text


def test_the_kernel_of_venv_is_well(diagnose, lessons):
    (lessons / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    status, _, findings = diagnose()
    assert (status, faults(findings)) == (0, {})


def test_helpers_of_other_lessons_are_named(diagnose, lessons, monkeypatch, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "helpers").mkdir()
    (other / "helpers" / "doctor.py").touch()
    monkeypatch.chdir(other)
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (1, {"helpers": FAIL})
    assert str(lessons) in text
    assert "In a terminal, in the lessons' folder, run:" in text


def test_helpers_copied_away_from_the_lessons_are_named(diagnose, lessons):
    (lessons / "pyproject.toml").unlink()
    status, _, findings = diagnose()
    assert (status, findings["helpers"].level) == (1, FAIL)


# Packages


def python_with(folder: Path, name: str, source: str):
    """Run the doctor in a Python that finds, before any other, a package of this source."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(source, encoding="utf-8")
    return run_python("-m", "helpers.doctor", PYTHONPATH=str(folder), LADDER_DEVICE=None)


def test_a_torchvision_that_does_not_fit_torch_is_named(tmp_path):
    fault = "raise RuntimeError('operator torchvision::nms does not exist')"
    got = python_with(tmp_path, "torchvision", fault)
    assert got.returncode == 1
    assert "does not load: RuntimeError: operator torchvision::nms does not exist" in got.stdout
    assert "torch and torchvision must fit each other: install both anew" in got.stdout
    assert "the selector on https://pytorch.org/get-started/locally/ says." in got.stdout
    assert f"[ ok ] torch        {torch.__version__}" in got.stdout
    assert "Not ready (1 FAIL)" in got.stdout


def test_a_torch_that_does_not_load_is_named(tmp_path):
    got = python_with(tmp_path, "torch", "raise OSError('libcudart.so: cannot open' + 900 * ' x')")
    assert got.returncode == 1
    assert "[FAIL] torch        does not load: OSError: libcudart.so: cannot open" in got.stdout
    assert "install both anew" in got.stdout
    assert got.stdout.count(" x") < 500  # shortened
    assert "Traceback" not in got.stderr


@pytest.mark.parametrize(("name", "module"), [("torch", "torch"), ("scikit-learn", "sklearn")])
def test_a_missing_package_is_named(diagnose, monkeypatch, name, module):
    diagnose()
    monkeypatch.setitem(sys.modules, module, None)
    status, text, findings = diagnose()
    assert status == 1
    assert findings[name].found == "is not installed"
    assert f"{doctor.PYTHON} -m pip install -c constraints.txt -e ." in text


def test_without_torch_the_accelerator_is_unknown(diagnose, monkeypatch):
    monkeypatch.setitem(sys.modules, "helpers.device", None)
    _, _, findings = diagnose()
    assert faults(findings) == {"accelerator": WARN}


def test_a_package_whose_own_import_fails_is_not_called_missing(diagnose, monkeypatch, tmp_path):
    (tmp_path / "networkx.py").write_text("import not_there", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "networkx", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    status, text, findings = diagnose()
    assert status == 1
    assert findings["networkx"].found.startswith("does not load: ModuleNotFoundError")
    assert "pip uninstall networkx" in text


def test_a_missing_test_tool_stops_no_lesson(diagnose, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbval", None)
    status, _, findings = diagnose()
    assert (status, faults(findings)) == (0, {"nbval": WARN})


@pytest.mark.parametrize(
    ("version", "level"),
    [("2.9.1", FAIL), ("1.99.0", FAIL), ("2.14.0+cpu", OK), ("2.20.0", OK), ("3.0.0a0", OK)],
)
def test_torch_must_be_in_the_project_s_range(diagnose, monkeypatch, version, level):
    assert '"torch>=2.14"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    monkeypatch.setattr(torch, "__version__", version)
    status, text, findings = diagnose()
    assert findings["torch"].level == level
    assert status == int(level == FAIL)
    assert (f"{version} is older than 2.14" in text) == (level == FAIL)


@pytest.mark.parametrize(("cuda", "build"), [(None, "CPU build"), ("13.0", "CUDA build")])
def test_torch_s_build_is_named(diagnose, monkeypatch, cuda, build):
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    assert build in diagnose()[2]["torch"].found


def test_every_dependency_is_looked_at(diagnose):
    _, text, _ = diagnose()
    for name in ("numpy", "matplotlib", "scikit-learn", "tensorboard", "jupyterlab", "networkx"):
        assert name in text


# What installs them: a line of the command only, as lesson 00 stores what it shows


@pytest.fixture
def path(tmp_path_factory, monkeypatch):
    """Give a folder, which is all that is searched for programs."""
    folder = tmp_path_factory.mktemp("programs")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("UV", raising=False)
    return folder


def put_uv(folder: Path, source: str) -> None:
    (folder / "uv").write_text(f"#!/bin/sh\n{source}\n", encoding="utf-8")
    (folder / "uv").chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a shell script")
@pytest.mark.parametrize("opted_out", [False, True])
def test_uv_is_named_where_make_takes_it(diagnose, path, monkeypatch, opted_out):
    put_uv(path, 'echo "uv 9.8.7 (abc 2026-01-01)"')
    if opted_out:
        monkeypatch.setenv("UV", "")  # as `make doctor UV=` sets it
    status, text, findings = diagnose()
    pip = f"pip {version('pip')}, as there is no uv"
    assert f"[ ok ] installer    {pip if opted_out else 'uv 9.8.7'}\n" in text
    assert status == 0 and "installer" not in findings


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a shell script")
def test_a_uv_that_does_not_run_is_named_and_stops_no_lesson(diagnose, path):
    put_uv(path, "exit 3")
    status, text, _ = diagnose()
    assert status == 0 and "[warn] installer" in text and "make setup UV=." in text


def test_neither_uv_nor_pip_is_said(path, monkeypatch):
    def missing(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", missing)
    found = doctor._installer()
    assert (found.level, found.found) == (WARN, "neither uv nor pip is there")
    assert found.do.endswith("-m ensurepip.")


# Accelerator, memory, folders


@pytest.mark.parametrize("asked", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_named(diagnose, monkeypatch, asked):
    monkeypatch.setenv("LADDER_DEVICE", asked)
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (1, {"accelerator": FAIL})
    assert f"LADDER_DEVICE={asked} does not work: no device '{asked}' here" in text
    assert "Set the variable LADDER_DEVICE to cpu, or unset it" in text


@pytest.mark.parametrize("asked", ["", "cpu"])
def test_a_device_that_is_there_is_well(diagnose, monkeypatch, asked):
    monkeypatch.setenv("LADDER_DEVICE", asked)
    assert diagnose()[0] == 0


def test_no_accelerator_is_fine(diagnose, monkeypatch):
    monkeypatch.setattr(device, "get_device", lambda: torch.device("cpu"))
    status, text, _ = diagnose()
    assert status == 0
    assert "[ ok ] accelerator  none in use, which is fine" in text


def test_an_accelerator_that_does_not_compute_is_named(diagnose, monkeypatch):
    monkeypatch.setattr(device, "get_device", lambda: torch.device("meta"))
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (1, {"accelerator": FAIL})
    assert "It does not work:" in text


@pytest.mark.parametrize(("free", "level"), [(0.5, FAIL), (1.6, WARN), (2.5, OK)])
def test_little_free_memory_is_named(diagnose, monkeypatch, free, level):
    memory = SimpleNamespace(available=int(free * GIB))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    status, text, findings = diagnose()
    assert (findings["memory"].level, status) == (level, int(level == FAIL))
    assert f"{free} GiB free" in text
    assert ("close other programs" in text) == (level != OK)


@pytest.mark.parametrize(("limit", "level"), [(f"{GIB // 2}\n", FAIL), ("max\n", OK)])
def test_a_container_s_limit_counts(diagnose, lessons, limit, level):
    (lessons / "no limit").write_text(limit, encoding="ascii")
    assert diagnose()[2]["memory"].level == level


def test_a_folder_that_cannot_be_written_to_is_named(diagnose, lessons):
    shutil.rmtree(lessons / "data")
    (lessons / "data").touch()  # the superuser may write into any folder, but not into a file
    (lessons / "runs").rmdir()
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (1, {"data": FAIL, "runs": FAIL})
    assert "[FAIL] data         cannot be written to: " in text
    assert "runs         cannot be written to: No such file or directory" in text
    assert f"Make {lessons / 'data'} a folder that you may write to" in text


def test_the_folders_that_the_variables_name_are_looked_at(
    lessons, diagnose, monkeypatch, tmp_path
):
    (lessons / "runs").rmdir()
    monkeypatch.setenv("LADDER_RUNS", str(tmp_path))
    assert diagnose()[0] == 0
    monkeypatch.setenv("LADDER_DATA", "data")  # counts from the repository, as everywhere
    assert diagnose()[0] == 0
    monkeypatch.setenv("LADDER_DATA", str(tmp_path / "none"))
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (1, {"data": FAIL})
    assert f"Make {tmp_path / 'none'} a folder that you may write to" in text


@pytest.mark.parametrize("gone", [*doctor.SHIPPED, "wine.csv and latin.pt"])
def test_data_that_a_folder_lacks_are_named(diagnose, lessons, monkeypatch, tmp_path, gone):
    own = tmp_path / "my data"
    own.mkdir()
    for name in set(doctor.SHIPPED) - set(gone.split(" and ")):
        shutil.copy(lessons / "data" / name, own)
    monkeypatch.setenv("LADDER_DATA", str(own))
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (1, {"data": FAIL})
    assert findings["data"].found == f"{own} lacks {gone}"
    assert f"-> Copy {gone} from {lessons / 'data'} to {own}, or unset LADDER_DATA.\n" in text


def test_data_that_the_lessons_lost_come_back_from_git(diagnose, lessons):
    (lessons / "data" / "wine.csv").unlink()
    (lessons / "data" / "latin.pt").write_bytes(b"")  # a disk was full
    status, text, findings = diagnose()
    assert (status, faults(findings)) == (1, {"data": FAIL})
    assert f"in {lessons}, run: git checkout -- data/wine.csv data/latin.pt, or get" in text


def test_the_data_it_looks_for_are_those_that_git_holds():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in text for name in doctor.SHIPPED)
    recipe = text.partition("## Keeping data elsewhere")[2]
    assert "cp " + " ".join(f"data/{name}" for name in doctor.SHIPPED) in recipe
    assert len(doctor.SHIPPED) == len(re.findall(r"^## [\w.]+\.\w+$", text, re.MULTILINE))


def test_a_full_disk_is_named(diagnose, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", lambda dir: Full())
    status, text, _ = diagnose()
    assert status == 1
    assert "cannot be written to: No space left on device" in text
    assert "see that the disk is not full" in text


# The report


def test_what_is_the_same_to_do_is_said_once():
    findings = [Finding(name, FAIL, "is not installed", "Install it.") for name in "abc"]
    text = doctor.report(findings)
    assert text.count("[FAIL]") == 3
    assert text.count("-> Install it.") == 1
    assert "Not ready (3 FAIL)" in text


def test_the_report_prints_on_any_console(tmp_path):
    got = run_python(
        *("-S", "-m", "helpers.doctor"),
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": None},
    )
    assert got.returncode == 1
    assert got.stdout.isascii()
    assert "Traceback" not in got.stderr


def test_letters_that_the_console_lacks_are_escaped(capsys, monkeypatch):
    finding = Finding("kernel", WARN, "runs /home/zoë/Überall", "Do.")
    monkeypatch.setattr(doctor, "examine", lambda: [finding])
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", console)
    assert doctor.main() == 0
    assert b"runs /home/zo\\xeb/\\xdcberall" in console.buffer.getvalue()


# Where even the doctor cannot be imported, the first cell of lesson 00 has to help


def setup_cell() -> str:
    cells = read(ROOT / "notebooks" / "00_setup.ipynb").cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


@pytest.mark.parametrize("missing", ["helpers", "torch", "matplotlib", "sklearn"])
def test_the_first_cell_says_what_to_do_in_a_wrong_kernel(monkeypatch, capsys, missing):
    for name in list(sys.modules):
        if name.partition(".")[0] == missing:
            monkeypatch.setitem(sys.modules, name, None)
    exec(setup_cell(), {})
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("Not ready: ")
    assert missing in text
    assert sys.executable in text
    assert "start it with `make lab`, or choose the Python of .venv under Kernel > Change" in text
    assert "python -m helpers.doctor" in text


def test_the_first_cell_is_content_in_the_right_kernel(capsys):
    exec(setup_cell(), {})
    assert capsys.readouterr().out == "Every import worked.\n"
