"""Can this computer run the lessons, and if not, what is to be done?

    python -m helpers.doctor    prints a report; its exit status is 1 if a lesson would fail

It needs the standard library alone, and an old Python can read it, so that it still reports where
nothing else works.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from helpers.paths import NOTEBOOKS, ROOT, DataError, named_folder

OK, WARN, FAIL = "ok", "warn", "FAIL"
MODULES = {"scikit-learn": "sklearn", "pillow": "PIL", "pytest-xdist": "xdist"}
# for tests: no lesson needs them
TOOLS = ("nbclient", "nbval", "pytest", "pytest-xdist", "playwright", "hypothesis", "ruff")
TOOLS += ("torchmetrics", "faster-coco-eval", "check-jsonschema")
UNLOADED = TOOLS[-3:]  # to load them takes seconds, so we only look
WHOLE_WORDS = {"break_on_hyphens": False, "break_long_words": False}  # paths can be copied
# in the folder of the data, from the first day on
SHIPPED = ("wine.csv", "latin.pt", "place_names.csv.gz", "python_docs.json.xz", "bert.pt")
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
INSTALL = "In a terminal, in {}, run: {} -m pip install -c constraints.txt -e ."


PYTHON = f'"{sys.executable}"' if " " in sys.executable else sys.executable  # as a shell takes it


class Finding(NamedTuple):
    """What was looked at, its level (OK, WARN or FAIL), what was found, and what to do about it."""

    name: str
    level: str
    found: str
    do: str = ""


def examine() -> list[Finding]:
    """Look at all that the lessons need; imports their packages, and leaves no file behind."""
    project = ROOT / "pyproject.toml"
    text = project.read_text(encoding="utf-8") if project.is_file() else ""
    packages = [_package(*p) for p in re.findall(r'^ +"([\w-]+)>=([\d.]+)"', text, re.MULTILINE)]
    folders = [_data(_place("data")), _place("runs"), _folder("notebooks", NOTEBOOKS)]
    own = [_python(), _helpers(), _kernel(), *packages[:2]]  # the first two: torch and torchvision
    rest = [*_summary("packages", packages[2:]), *_devices(), _memory()]
    return own + rest + _summary("folders", folders)


def report(findings: list[Finding]) -> str:
    """Lay findings out as text: a line each, and below it what to do."""
    lines = []
    for (name, level, found, do), after in zip(findings, [*findings[1:], None]):  # noqa: B905
        line = f"[{level:^4}] {name:12} {found}"
        lines += textwrap.wrap(line, 96, subsequent_indent=" " * 20, **WHOLE_WORDS)
        if do and (after is None or do != after.do):
            lines.append(f"       -> {do}")
    failed = sum(finding.level == FAIL for finding in findings)
    verdict = f"Not ready ({failed} FAIL): do what each -> says, from the top, then look again."
    lines += ["", verdict if failed else "Ready: the lessons can run here."]
    return "\n".join(lines)


def main() -> int:
    """Print the report; return 1 if a lesson would fail, else 0."""
    findings = [*examine(), _installer()]  # no lesson needs the last, so lesson 00 is without it
    encoding = sys.stdout.encoding or "ascii"  # a path may hold letters that a console lacks
    print(report(findings).encode(encoding, "backslashreplace").decode(encoding))
    return int(any(finding.level == FAIL for finding in findings))


def _summary(name: str, findings: list[Finding]) -> list[Finding]:
    fine = Finding(name, OK, ", ".join(f"{one.name} {one.found}" for one in findings))
    return [finding for finding in findings if finding.level != OK] or [fine]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if tuple(sys.version_info[:2]) >= (3, 11):
        return Finding("Python", OK, version)
    do = "Install Python 3.11 or newer, remove the folder .venv, and set the lessons up again."
    return Finding("Python", FAIL, f"{version} is too old", do)


def _helpers() -> Finding:
    folders = [Path.cwd(), *Path.cwd().parents]
    here = next((folder for folder in folders if (folder / "helpers/doctor.py").is_file()), ROOT)
    if here.resolve() == ROOT and (ROOT / "pyproject.toml").is_file():
        return Finding("helpers", OK, "found, in the lessons' own folder")
    do = INSTALL.format("the lessons' folder", PYTHON)
    return Finding("helpers", FAIL, f"come from {ROOT}, not from the lessons' folder", do)


def _kernel() -> Finding:
    runs, own = Path(sys.prefix).resolve(), (ROOT / ".venv").resolve()
    if runs == own or not own.is_dir():
        return Finding("kernel", OK, f"runs in the environment {runs.name}")
    do = (
        "Unless you meant that: close JupyterLab and start it with `make lab`, or choose .venv's "
        "Python under Kernel > Change Kernel; in a terminal, activate .venv first."
    )
    return Finding("kernel", WARN, f"runs {sys.executable}, not the Python of .venv", do)


def _package(name: str, least: str) -> Finding:
    module, level = MODULES.get(name, name), WARN if name in TOOLS else FAIL
    install = INSTALL.format(ROOT, PYTHON)
    try:
        look = metadata.distribution if name in UNLOADED else importlib.import_module
        loaded = look(module)
    except Exception as error:  # a broken build raises RuntimeError, OSError and others
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            return Finding(name, level, "is not installed", install)
        do = f"Remove it ({PYTHON} -m pip uninstall {name}). {install}"
        if name in ("torch", "torchvision"):
            do = (
                "torch and torchvision must fit each other: install both anew, from one source, "
                "as the selector on https://pytorch.org/get-started/locally/ says."
            )
        found = textwrap.shorten(f"does not load: {type(error).__name__}: {error}", 300)
        return Finding(name, level, found, do)
    version = str(getattr(loaded, "__version__", ""))
    if not version:
        with contextlib.suppress(metadata.PackageNotFoundError):
            version = metadata.version(name)
    found, wanted = ([int(n) for n in re.findall(r"\d+", v)[:2]] for v in (version, least))
    if version and found < wanted:
        return Finding(name, level, f"{version} is older than {least}", install)
    if name == "torch":
        kinds = [kind for kind in ("cuda", "hip", "xpu") if getattr(loaded.version, kind, None)]
        version += f" ({' '.join(kinds).upper() or 'CPU'} build)"
    return Finding(name, OK, version)


def _devices() -> list[Finding]:
    try:
        from helpers.device import get_device, torch
    except Exception:  # an old Python cannot even read that module
        return [Finding("accelerator", WARN, "unknown", "Put Python and the packages right first.")]
    threads = Finding("threads", OK, f"{torch.get_num_threads()}, for {os.cpu_count()} processors")
    asked = os.environ.get("LADDER_DEVICE")
    try:
        device = get_device()
        torch.ones(1, device=device).add(1).item()
    except Exception as error:
        found = f"{f'LADDER_DEVICE={asked}' if asked else 'It'} does not work: {error}"
        do = "Set the variable LADDER_DEVICE to cpu, or unset it; no lesson needs an accelerator."
        return [Finding("accelerator", FAIL, found, do), threads]
    found = "none in use, which is fine" if device.type == "cpu" else str(device)
    return [Finding("accelerator", OK, found), threads]


def _memory() -> Finding:
    try:
        import psutil
    except Exception:
        return Finding("memory", WARN, "unknown, without psutil", "Put the packages right first.")
    free = psutil.virtual_memory().available
    limit = CONTAINER_LIMIT.read_text().strip() if CONTAINER_LIMIT.is_file() else ""
    free = min(free, int(limit) if limit.isdigit() else free) / 2**30
    level = OK if free >= 2 else WARN if free >= 1 else FAIL
    do = (
        "A lesson takes up to 1.5 GiB: close other programs and notebooks (Kernel > Shut Down All)."
    )
    return Finding("memory", level, f"{free:.1f} GiB free", "" if level == OK else do)


def _place(name: str) -> Finding:
    try:
        return _folder(name, named_folder(name))
    except DataError as error:
        return Finding(name, FAIL, str(error), f"Set LADDER_{name.upper()} to a folder of yours.")


def _data(finding: Finding) -> Finding:
    """Look whether the files that come with the lessons lie in the folder of the data."""
    if finding.level != OK:
        return finding
    folder, own = named_folder("data").resolve(), (ROOT / "data").resolve()
    files = [folder / name for name in SHIPPED]
    gone = [path.name for path in files if not (path.is_file() and path.stat().st_size)]
    if not gone:
        return finding
    missing = " and ".join(gone)
    do = f"Copy {missing} from {own} to {folder}, or unset LADDER_DATA."
    if folder == own:
        fetch = " ".join(["git checkout --", *(f"data/{name}" for name in gone)])
        do = f"In a terminal, in {ROOT}, run: {fetch}, or get the lessons anew."
    return Finding(finding.name, FAIL, f"{folder} lacks {missing}", do)


def _installer() -> Finding:
    """Say what `make` installs with: uv, by the Makefile's own rule, else pip."""
    uv = os.environ.get("UV", shutil.which("uv"))
    try:
        if not uv:
            return Finding("installer", OK, f"pip {metadata.version('pip')}, as there is no uv")
        done = subprocess.run([uv, "--version"], capture_output=True, timeout=60, check=True)
    except metadata.PackageNotFoundError:
        do = f"In a terminal, run: {PYTHON} -m ensurepip."
        return Finding("installer", WARN, "neither uv nor pip is there", do)
    except (OSError, subprocess.SubprocessError) as error:
        do = "Install uv anew, or let pip install: make setup UV=."
        return Finding("installer", WARN, f"{uv} does not run: {error}", do)
    words = done.stdout.decode(errors="replace").split()  # uv 0.9.0 (where it was built)
    return Finding("installer", OK, " ".join(words[:2]))


def _folder(name: str, folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"a line")
    except OSError as error:
        do = f"Make {folder} a folder that you may write to, and see that the disk is not full."
        return Finding(name, FAIL, f"cannot be written to: {error.strerror}", do)
    return Finding(name, OK, "writable")


if __name__ == "__main__":
    sys.exit(main())
