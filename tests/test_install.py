"""README's commands, in each shell, do what the Makefile does.

The shell lines of README run for real, in a copy of the Makefile, with real make, sh, git, find and
rm. Python, uv and conda are stand-ins that note what they are asked; then pip's, ruff's and our own
programs' parsers read that.
"""

import argparse
import functools
import re
import runpy
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from helpers.paths import NOTEBOOKS, ROOT
from tests.support import Workshop, needs_make, run_python

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.M)) - {"help"}
# What `make` runs and a reader need not: it prints less, and looks whether a Python is new enough.
SILENT = re.compile(r" --quiet\b|^.* -c import sys.*\n", re.M)
LITTER = """.gitignore docs/_build/html/a.html docs/conf.py x.egg-info/a .pytest_cache/a
    .ruff_cache/a .hypothesis/a helpers/__pycache__/a.pyc helpers/a.py notebooks/a.ipynb
    notebooks/.ipynb_checkpoints/a.ipynb data/own.csv runs/events runs/progress/a.json"""


def blocks(language: str) -> list[str]:
    """Give README's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def by_target(language: str) -> dict[str, list[str]]:
    """Give what stands below each `# make TARGET` of the block that has them all."""
    block = next(block for block in blocks(language) if block.startswith("# make setup\n"))
    parts = re.split(r"^# (make .+)\n", block, flags=re.M)
    return {head: text.splitlines() for head, text in zip(parts[1::2], parts[2::2], strict=True)}


SH, POWERSHELL = by_target("sh"), by_target("powershell")


def for_windows(line: str) -> str:
    """Write a line of sh for PowerShell."""
    line = line.replace(".venv/bin/python", r".venv\Scripts\python")
    line = re.sub(r'(?<= )-[^\s"]*\.\S+', r'"\g<0>"', line)  # else it may be cut at its point
    return re.sub(r"^python3 ", "py -3 ", line)


# What README says


@pytest.mark.parametrize("language", ["sh", "powershell"])
def test_every_target_of_the_makefile_stands_in_readme(language):
    found = {head.split()[1] for head in by_target(language)}
    assert found == TARGETS, (
        f'README.md, "The same without make", {language} block. For each of '
        f"{sorted(TARGETS - found)} add the line '# make TARGET' and below it the commands of its "
        f"recipe; the Makefile has no {sorted(found - TARGETS)}."
    )


def outcome(folder: Path, head: str, *command: str) -> tuple[str, set[str]]:
    """Run a command in a workshop of its own: what the stand-ins were asked, which files remain."""
    folder.mkdir()
    shop = Workshop(folder)
    shop.stand_in("id", "echo 1000")  # JupyterLab wants one more flag from the superuser
    if head != "make setup":
        assert shop.make("setup")[0].returncode == 0
    for name in LITTER.split():
        (shop.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.folder / name).write_text("/data/*\n/runs/*\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=shop.folder, check=True)
    result, asked = shop.run(*command, DISPLAY=":0")
    assert result.returncode == 0, f"{command}: {result.stderr}"
    asked = re.sub(r"^\S*/id .*\n", "", SILENT.sub("", asked), flags=re.M)
    files = {path.relative_to(shop.folder).as_posix() for path in shop.folder.rglob("*")}
    kept = {name for name in files if not re.match(r"\.git/|\.venv/\.", name)}  # stamps of make
    return asked.replace(str(folder), ""), kept


@needs_make
@pytest.mark.parametrize("head", SH)
def test_the_commands_without_make_do_what_make_does(tmp_path, head):
    made = outcome(tmp_path / "made", head, *shlex.split(head))
    by_hand = outcome(tmp_path / "by hand", head, "sh", "-euc", "\n".join(SH[head]))
    assert by_hand == made, f"README.md, below '# {head}', against the recipe in the Makefile"
    assert made[0] or head == "make clean"


@needs_make
def test_the_smaller_install_without_make_is_make_s(tmp_path):
    given, by_hand = (block for block in blocks("sh") if "<that address>" in block)
    ways = [("make", "setup", "TORCH_INDEX=file:///x")]
    ways.append(("sh", "-euc", by_hand.replace("<that address>", "file:///x")))
    made, typed = (outcome(tmp_path / way[0], "make setup", *way) for way in ways)
    assert given.startswith(" ".join(ways[0][:2])) and made == typed
    assert "--index-url file:///x torch torchvision" in made[0]


@needs_make
def test_clean_removes_what_it_says(tmp_path):
    kept = outcome(tmp_path / "made", "make clean", "make", "clean")[1]
    files = {name for name in kept if re.search(r"\.\w+$", name)}
    assert files >= {"docs/conf.py", "helpers/a.py", "notebooks/a.ipynb", "runs/progress/a.json"}
    lost = "_build .venv data/own.csv runs/events __pycache__ .ipynb_checkpoints x.egg-info _cache"
    assert not [name for name in kept for part in lost.split() if part in name]


def test_powershell_is_told_the_same_as_sh():
    for head in set(SH) - {"make clean"}:
        assert POWERSHELL[head] == [for_windows(line) for line in SH[head]], head
        for line in SH[head]:  # nothing that the two shells read differently
            assert not re.search(r"&&|\|\||[;`'~\\]|\$[^(]", line), line
    remove, find, git = SH["make clean"]
    paths = ", ".join(shlex.split(remove)[2:]).replace("/", "\\")
    names = ", ".join(re.findall(r"-name (\S+)", find))
    assert POWERSHELL["make clean"] == [
        f"Remove-Item -Recurse -Force -ErrorAction Ignore {paths}",
        f"Get-ChildItem -Recurse -Force -Directory -Include {names} | Remove-Item -Recurse -Force",
        git,
    ]


def test_conda_s_environment_has_its_name_and_the_same_commands():
    (block,) = (block for block in blocks("sh") if block.startswith("conda"))
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (lab,), pytest_line = SH["make lab"], SH["make test"][-1]
    assert block.splitlines() == [
        "conda env create -f environment.yml",
        f"conda activate {conda['name']}",
        *(line.replace(".venv/bin/", "") for line in (lab, pytest_line)),
    ]


# The lines run, and what was asked is possible


def judge(call: str, monkeypatch) -> None:
    """Let the real programs' parsers read what a stand-in for Python was asked."""
    asked = re.split(r"/python3? ", call, maxsplit=1)[1]
    if asked.startswith("-c "):
        compile(asked[3:], call, "exec")
        return
    flag, module, *words = asked.split()
    assert flag == "-m", call
    for word in words:
        if Path(word).suffix in {".txt", ".yml", ".ipynb", ".py", ".toml"}:
            assert (ROOT / word).is_file(), f"there is no {word}: {call}"
    if module in ("pip", "ruff"):
        assert understood(module, *words), call
        return
    assert find_spec(module), f"there is no module for: {call}"
    if module.startswith("tools.") and "argparse" in Path(find_spec(module).origin).read_text(
        encoding="utf-8"
    ):
        with monkeypatch.context() as patch, pytest.raises(Parsed):
            patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
            patch.setattr(sys, "argv", [module, *words])
            patch.delitem(sys.modules, module, raising=False)
            runpy.run_module(module, run_name="__main__")
    elif module.startswith(("tools.", "helpers.")) and module != "helpers.paths":
        assert not words, f"{module} takes no arguments: {call}"


class Parsed(Exception):
    """The arguments were understood; nothing is to be done."""


parse_args = argparse.ArgumentParser.parse_args


def parse_and_stop(*arguments):
    parse_args(*arguments)
    raise Parsed


@functools.cache
def understood(module: str, *words: str) -> bool:
    extras = {extra for word in words for extra in re.findall(r"^\.\[(\w+)\]$", word)}
    known = set(re.findall(r'^(\w+) = \["', (ROOT / "pyproject.toml").read_text("utf-8"), re.M))
    return extras <= known and not run_python("-m", module, *words, "--help").returncode


def run_and_judge(workshop: Workshop, monkeypatch, *command: str) -> None:
    """Run shell lines in a workshop, and judge all that Python was asked."""
    workshop.stand_in("uv", FAKE_UV)
    for name in ("data", "runs"):
        (workshop.folder / name).mkdir(exist_ok=True)
    subprocess.run(["git", "init", "-q"], cwd=workshop.folder, check=True)
    result, asked = workshop.run(*command)
    assert result.returncode == 0, result.stderr
    for call in asked.splitlines():
        if re.match(r"\S+/python3? ", call):
            judge(call, monkeypatch)


FAKE_UV = (
    """case "$1" in venv) mkdir -p .venv/bin && cp "${0%/*}/python3" .venv/bin/python ;; esac"""
)


@needs_make
@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.splitlines()[0][:40])
def test_the_shell_lines_run(workshop, monkeypatch, block):
    workshop.make("setup")
    workshop.stand_in("conda", "")
    (workshop.tools / "python").symlink_to("python3")  # as conda has it, once activated
    run_and_judge(workshop, monkeypatch, "sh", "-euc", block.replace("<that address>", "file:///x"))
    sources = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb"))
    sources += "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("helpers/*.py"))
    for name in re.findall(r"\bLADDER_\w+", block):
        assert re.search(rf"\b{name}\b", sources), f"nothing reads {name}"
    for target, name in re.findall(r"\bmake ([a-z]+)(?: ([A-Z_]+)=)?", block):
        assert target in TARGETS
        assert not name or f"$({name})" in MAKEFILE, f"make does not know {name}"


# uv


@needs_make
def test_uv_is_told_the_same_by_make_and_by_readme(workshop):
    workshop.stand_in("uv", FAKE_UV)
    (block,) = (block for block in blocks("sh") if block.startswith("uv "))
    by_hand, made = (
        [line.partition("/uv ")[2].split() for line in SILENT.sub("", asked).splitlines()]
        for asked in (workshop.run("sh", "-euc", block)[1], workshop.make("setup")[1])
    )
    (venv, install), (made_venv, made_install) = by_hand, made
    assert install == made_install == "pip install --python .venv -c constraints.txt -e .".split()
    assert SH["make setup"][1].endswith(" -m pip install -c constraints.txt -e .")
    assert venv == ["venv", "--seed"] and set(venv) < set(made_venv)
    chosen = made_venv[made_venv.index("--python") + 1 :]
    assert chosen == [str(workshop.tools / "python3"), ".venv"]  # the one that make looked for


@needs_make
@pytest.mark.parametrize("how", ["UV=", {"UV": ""}], ids=["argument", "variable"])
def test_uv_can_be_left_out(workshop, how):
    workshop.stand_in("uv", FAKE_UV)
    result, asked = workshop.make("setup", how) if how == "UV=" else workshop.make("setup", **how)
    assert result.returncode == 0 and "/uv " not in asked
    assert "-m venv .venv" in asked and "-m pip install" in asked


@needs_make
def test_uv_takes_another_index_of_torch_and_the_extra_of_the_book(workshop):
    workshop.stand_in("uv", FAKE_UV)
    asked = workshop.make("book", "TORCH_INDEX=file:///wheels")[1].splitlines()
    torch, project, book = (call.partition("/uv ")[2] for call in asked if "/uv pip" in call)
    common = "pip install --python .venv --quiet -c constraints.txt "
    assert torch == common + "--index file:///wheels torch torchvision"
    assert (project, book) == (common + "-e .", common + "-e .[book]")
    assert asked[-1].endswith(".venv/bin/python -m tools.book")


@needs_make
@pytest.mark.parametrize("tool", ["uv", "venv"])
def test_a_half_made_environment_goes_and_a_whole_one_stays(workshop, tool):
    whole = workshop.folder / ".venv" / "lib" / "whole"
    half = "mkdir -p .venv/bin; echo half > .venv/bin/python; exit 2"
    if tool == "uv":
        workshop.stand_in("uv", half)
    else:
        workshop.python("python3", venv=half)
    result, _ = workshop.make("setup")
    assert result.returncode != 0 and not whole.parents[1].exists()
    assert ("make setup UV=" if tool == "uv" else "python3-venv") in result.stderr
    whole.parent.mkdir(parents=True)
    whole.touch()
    (whole.parents[1] / "bin").mkdir()
    (whole.parents[1] / "bin" / "python").touch()
    result, _ = workshop.make("setup")  # with changed dependencies, say, and without a network
    assert result.returncode != 0 and whole.exists()


@needs_make
def test_no_python_is_said_with_uv_too(workshop):
    workshop.stand_in("uv", FAKE_UV)
    workshop.python("python3", old=1)
    result, asked = workshop.make("setup")
    assert "No Python 3.11 or newer found" in result.stderr and "/uv " not in asked
