"""Can this computer run the lessons, and if not, what is to be done?

    python -m helpers.doctor    prints a report; its exit status is 1 if a lesson would fail

It needs the standard library alone, and an old Python can read it, so that it still reports where
nothing else works.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LEAST_PYTHON = (3, 11)
LEAST_MEMORY, ENOUGH_MEMORY = 1, 2  # GiB free; the largest lessons take 1.5
OK, WARN, FAIL = "ok", "warn", "FAIL"
MODULES = {"scikit-learn": "sklearn", "pillow": "PIL", "pytest-xdist": "xdist"}
TOOLS = ("nbclient", "nbval", "pytest", "pytest-xdist", "ruff")  # for tests: no lesson needs them
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
INSTALL = "In a terminal, in {}, run: {} -m pip install -c constraints.txt -e ."
PAIR = (
    "torch and torchvision must fit each other: install both anew from one source, with the "
    "command that the selector on https://pytorch.org/get-started/locally/ gives."
)
KERNEL = (
    "If you did not choose it: close JupyterLab and start it with `make lab`, or choose the Python "
    "of .venv under Kernel > Change Kernel; in a terminal, activate .venv."
)


class Finding(NamedTuple):
    """What was looked at, how it is (OK, WARN or FAIL), what was found, and what to do about it."""

    name: str
    level: str
    found: str
    do: str = ""


def examine() -> list[Finding]:
    """Look at everything that a lesson needs; imports its packages, and changes nothing."""
    project = ROOT / "pyproject.toml"
    text = project.read_text(encoding="utf-8") if project.is_file() else ""
    packages = [_package(*p) for p in re.findall(r'^ +"([\w-]+)>=([\d.]+)"', text, re.MULTILINE)]
    folders = [_folder(ROOT / name) for name in ("data", "runs", "notebooks")]
    own = [_python(), _lessons(), _kernel()]
    return own + packages + [_accelerator(), _threads(), _memory(), *folders]


def report(findings: list[Finding]) -> str:
    """Write the findings as text, plain ASCII; those on packages and folders that are well, in one line."""
    lines = []
    for name, level, found, do in findings:
        lines += textwrap.wrap(f"[{level:^4}] {name:12} {found}", 96, subsequent_indent=" " * 20)
        lines += textwrap.wrap(do, 96, initial_indent="       -> ", subsequent_indent=" " * 10)
    failed = sum(finding.level == FAIL for finding in findings)
    lines += ["", f"Not ready: put right what is marked FAIL ({failed}), from the top, and look again."]
    if not failed:
        lines[-1] = "Ready: every lesson can run here."
    return "\n".join(lines).encode("ascii", "backslashreplace").decode()


def main() -> int:
    """Print the report; return 1 if a lesson would fail, else 0."""
    findings = examine()
    print(report(findings))
    return int(any(finding.level == FAIL for finding in findings))


def _python() -> Finding:
    version, least = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, LEAST_PYTHON))
    if tuple(sys.version_info[:2]) >= LEAST_PYTHON:
        return Finding("Python", OK, version)
    do = f"Install Python {least} or newer, remove the folder .venv, and set the lessons up again."
    return Finding("Python", FAIL, f"{version} is older than {least}", do)


def _lessons() -> Finding:
    folders = [Path.cwd(), *Path.cwd().parents]
    here = next((folder for folder in folders if (folder / "helpers/doctor.py").is_file()), ROOT)
    if here.resolve() == ROOT and (ROOT / "pyproject.toml").is_file():
        return Finding("helpers", OK, "belong to these lessons")
    do = INSTALL.format("the lessons' folder", sys.executable)
    return Finding("helpers", FAIL, f"come from {ROOT}, not from the lessons' folder", do)


def _kernel() -> Finding:
    runs, own = Path(sys.prefix).resolve(), (ROOT / ".venv").resolve()
    if runs == own or not own.is_dir():
        return Finding("kernel", OK, f"runs in the environment {runs.name}")
    return Finding("kernel", WARN, f"runs {sys.executable}, not the Python of .venv", KERNEL)


def _package(name: str, least: str) -> Finding:
    module, level = MODULES.get(name, name), WARN if name in TOOLS else FAIL
    pair, install = name in ("torch", "torchvision"), INSTALL.format(ROOT, sys.executable)
    try:
        loaded = importlib.import_module(module)
    except Exception as error:  # a broken package raises RuntimeError, OSError and others
        if getattr(error, "name", "") == module and isinstance(error, ModuleNotFoundError):
            return Finding(name, level, "is not installed", install)
        found = f"does not load: {type(error).__name__}: {error}"
        return Finding(name, level, found, PAIR if pair else f"pip uninstall {name}. {install}")
    version = str(getattr(loaded, "__version__", least))
    if _numbers(version) < _numbers(least):
        return Finding(name, level, f"{version} is older than {least}", install)
    return Finding(name, OK, version + (_build(loaded) if name == "torch" else ""))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


def _build(torch) -> str:
    kind = torch.version.cuda and f"CUDA {torch.version.cuda}"
    return f", built for {kind or (torch.version.hip and 'ROCm') or 'the CPU'}"


def _accelerator() -> Finding:
    try:
        from helpers.device import get_device, torch

        device = get_device()
        (torch.ones(1, device=device) + 1).item()
    except ValueError as error:
        asked = f"LADDER_DEVICE asks for {os.environ.get('LADDER_DEVICE')!r}, which is not here"
        return Finding("accelerator", FAIL, asked, f"{error}.")
    except (ImportError, OSError, TypeError):  # TypeError: an old Python cannot read that module
        return Finding("accelerator", WARN, "unknown", "Put Python, torch and numpy right first.")
    except Exception as error:
        do = "Set the variable LADDER_DEVICE=cpu to work without it, or renew its driver."
        return Finding("accelerator", FAIL, f"does not compute: {error}", do)
    if device.type == "cpu": ...
