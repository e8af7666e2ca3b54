"""One list of dependencies; light helpers; a tidy top level; a Makefile that does what it says."""

import ast
import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from importlib.metadata import version

import psutil
import pytest
import yaml
from packaging.requirements import Requirement

from helpers.paths import NOTEBOOKS, ROOT
from tests.support import listening, make_lab, needs_make, run_python
from tools.notebooks import code_cells, every_notebook, read
from tools.proof import PARTS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RANGES = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = [Requirement(line) for some in PROJECT["optional-dependencies"].values() for line in some]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "helpers").rglob("*.py"))
]
# What we import under another name than the one it is installed by.
INSTALLED_AS = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml"}
# What comes with a package of ours and is part of what that package is for.
# Modules of the lessons: those that lessons 14, 15 and 23 write, and those that lie beside them.
OWN = {"nets", "models", "digits", "training", "checking", "reader", "notebooks", "scaling_out"}
OWN |= {path.stem for path in NOTEBOOKS.glob("*.py")}
PART_OF = {"IPython", "nbformat", "jupyter_client", "jupyter_core", "yaml", "packaging", "docutils"}


def test_conda_installs_the_same_ranges_and_versions():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *names, pip = conda["dependencies"]
    assert names == [f"python{PROJECT['requires-python']}", "pip"]
    constraints, *packages, project = pip["pip"]
    assert packages == PROJECT["dependencies"]
    assert (constraints, project) == ("-c constraints.txt", "-e .")


@pytest.mark.parametrize("wanted", RANGES, ids=lambda wanted: wanted.name)
def test_the_pinned_version_is_in_range_and_installed(wanted):
    assert wanted.specifier.contains(PINS[wanted.name])
    assert version(wanted.name).partition("+")[0] == PINS[wanted.name]


@pytest.mark.parametrize("wanted", EXTRAS, ids=lambda wanted: wanted.name)
def test_the_pinned_version_of_an_extra_is_in_range(wanted):
    assert wanted.specifier.contains(PINS[wanted.name])
    assert wanted.name not in {each.name for each in RANGES}


def imported(source: str) -> set[str]:
    """Name the packages that code imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"helpers", "tools", "tests"}


def test_everything_imported_is_declared():
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("helpers/**/*.py")]
    sources += [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/*.py")]
    sources += [path.read_text(encoding="utf-8") for path in ROOT.glob("tools/*.py")]
    sources += [path.read_text(encoding="utf-8") for path in ROOT.glob("docs/*.py")]
    for path in every_notebook():
        sources += [cell.source for cell in code_cells(read(path)) if "%" not in cell.source]
    names = set().union(*map(imported, sources)) - OWN
    assert {INSTALLED_AS.get(name, name) for name in names - PART_OF} <= {
        wanted.name for wanted in RANGES + EXTRAS
    }


def test_a_helper_imports_nothing_beyond_torch_and_matplotlib():
    source = """
import importlib, sys, torch, matplotlib.pyplot  # which depends on PIL
for module in sys.argv[1:]:
    before = set(sys.modules)
    importlib.import_module(module)
    packages = {name.partition(".")[0] for name in set(sys.modules) - before}
    foreign = packages - set(sys.stdlib_module_names) - {"helpers", "PIL"}
    print(module, *sorted(foreign))
    for name in [name for name in sys.modules if name.partition(".")[0] == "helpers"]:
        del sys.modules[name]  # the next one imports them anew
"""
    result = run_python("-c", source, *MODULES)
    assert result.stdout.splitlines() == MODULES, result.stderr


def test_the_package_lists_every_folder_of_helpers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {name.rpartition(".")[0] for name in MODULES if "." in name} - {""}
    assert set(project["tool"]["setuptools"]["packages"]) == folders | {"helpers.checks"}


def test_the_top_level_is_the_house():
    house = set("notebooks helpers tools data docs runs tests".split())
    house |= set(
        "README.md Makefile constraints.txt environment.yml pyproject.toml LICENSE".split()
    )
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    found = {name.partition("/")[0] for name in tracked}
    assert {name for name in found if not name.startswith(".")} <= house


def test_ci_runs_the_test_command_of_the_readme():
    *_, test, book, install, bert, proof = (
        line
        for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        if line[:1] not in ("#", "")
    )
    assert (test, book) == ("make test", "make book")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make test" in readme and install.replace("--quiet ", "") in readme
    assert bert.endswith("pytest -q tests/test_bert.py")
    parts = re.fullmatch(r'make proof PARTS="([\w ]+)"', proof)[1].split()
    assert set(parts) < set(PARTS) and parts[0] == "browser"


# The Makefile, in a folder of its own with a Python that only notes what it is asked.


@needs_make
def test_make_alone_lists_every_target(workshop):
    listed, asked = workshop.make()
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert {line.split()[0] for line in listed.stdout.splitlines()[1:]} == set(targets)
    assert asked == ""


@needs_make
@pytest.mark.parametrize("target", ["lab", "test", "proof", "doctor", "notebooks", "lint"])
def test_the_first_run_installs_and_the_second_does_not(workshop, target):
    first, asked = workshop.make(target)
    assert first.returncode == 0, first.stderr
    assert "-m pip install --quiet -c constraints.txt -e ." in asked
    second, asked = workshop.make(target)
    assert second.returncode == 0
    assert "pip" not in asked
    assert asked


@needs_make
def test_the_proof_is_a_command_of_its_own_with_parts(workshop):
    workshop.make("setup")
    for arguments, asked in {
        (): "",
        ("PARTS=faults devices",): "faults devices",
        ("FROM=faults",): "--from faults",
        ("PARTS=faults", "ONLY=failed"): "faults --failed",
    }.items():
        assert (
            workshop.make("proof", *arguments)[1].split("tools.proof")[1].split() == asked.split()
        )
    assert "proof" not in workshop.make("test")[1]


@needs_make
def test_the_book_installs_its_extra_once(workshop):
    first, asked = workshop.make("book")
    assert first.returncode == 0, first.stderr
    installs = [line.split("-m ")[1] for line in asked.splitlines() if "-m pip" in line]
    assert installs[1] == "pip install --quiet -c constraints.txt -e .[book]"
    assert asked.splitlines()[-1].endswith("-m tools.book")
    assert "pip" not in workshop.make("book")[1]


@needs_make
def test_changed_dependencies_are_installed_anew(workshop):
    workshop.make("setup")
    later = time.time() + 5
    os.utime(workshop.folder / "constraints.txt", (later, later))
    assert "pip install" in workshop.make("setup")[1]


@needs_make
def test_a_failed_install_is_tried_again(workshop):
    workshop.python("python3", venv='mkdir -p .venv/bin && printf "exit 1" > .venv/bin/python')
    assert workshop.make("setup")[0].returncode != 0
    workshop.python("python3")
    assert "pip install" in workshop.make("setup")[1]


@needs_make
def test_a_newer_python_is_found_where_python3_is_too_old(workshop):
    workshop.python("python3", old=1)
    workshop.python("python3.12")
    result, asked = workshop.make("setup")
    assert result.returncode == 0
    assert "tools/python3.12 -m venv .venv" in asked


@needs_make
def test_no_python_is_said_clearly(workshop):
    workshop.python("python3", old=1)
    result, _ = workshop.make("lab")
    assert result.returncode != 0
    assert "No Python 3.11 or newer found" in result.stderr
    assert not (workshop.folder / ".venv").exists()


@needs_make
def test_a_python_without_venv_is_said_clearly(workshop):
    workshop.python("python3", venv="exit 1")
    result, _ = workshop.make("setup")
    assert result.returncode != 0
    assert "python3-venv" in result.stderr


@needs_make
def test_another_index_of_torch_comes_first(workshop):
    _, asked = workshop.make("setup", "TORCH_INDEX=file:///wheels")
    installs = [line for line in asked.splitlines() if "pip install" in line]
    assert installs[0].endswith("--index-url file:///wheels torch torchvision")
    assert installs[1].endswith("-e .")


@needs_make
def test_lab_opens_a_browser_only_where_there_is_a_screen(workshop):
    if sys.platform == "darwin":
        pytest.skip("a Mac has a screen")
    assert "--no-browser" in workshop.make("lab")[1]
    assert "--no-browser" not in workshop.make("lab", DISPLAY=":0")[1]
    assert "--no-browser" not in workshop.make("lab", WAYLAND_DISPLAY="wayland-0")[1]


@needs_make
def test_lab_serves_the_notebooks_on_loopback_behind_a_token(tmp_path):
    with make_lab(ROOT, tmp_path) as (address, token):
        port = int(address.rpartition(":")[2])
        places = listening(psutil.Process().children(recursive=True))
        assert {place for place, taken in places if taken == port} == {"127.0.0.1"}
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{address}/api/contents", timeout=20)
        listed = urllib.request.urlopen(f"{address}/api/contents?token={token}", timeout=20).read()
        for path in every_notebook():
            if path.parent.name == "notebooks":
                assert path.name in listed.decode()
