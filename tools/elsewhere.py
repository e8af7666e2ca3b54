"""Test lessons as on a machine that is set up quite differently.

    python -m tools.elsewhere [NOTEBOOK ...]    all lessons, or those named

They run in a copy of the repository whose path has spaces and umlauts, with an empty home, without
a network where this system lets us cut it, with two threads, another hash seed and a plain locale.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.doctor import SHIPPED
from helpers.paths import ROOT
from tools.notebooks import lessons
from tools.offline import LOOPBACK_ONLY, can_cut_the_network


def copy_repository(target: Path) -> Path:
    """Copy what the notebooks and their tests need into another place; return it."""
    for name in ("notebooks", "helpers", "tools", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("data", "runs"):
        (target / name).mkdir()
        shutil.copy(ROOT / name / "README.md", target / name)
    for name in SHIPPED:
        shutil.copy(ROOT / "data" / name, target / "data")
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def run_elsewhere(folder: Path, paths: list[Path]) -> subprocess.CompletedProcess:
    """Run strict nbval on lessons in a foreign world.

    Args:
        folder: An empty folder for the copy and the home.
        paths: Notebooks of this repository.

    Returns:
        What pytest returned and printed.
    """
    root = copy_repository(folder / "Übungen für später")
    home = folder / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_", "XDG_"))}
    foreign = {
        "OMP_NUM_THREADS": "2",
        "PYTHONPATH": str(root),
        "PYTHONHASHSEED": "random",
        "LC_ALL": "C",
        "HOME": str(home),
        "TORCH_HOME": str(home / "torch"),
    }
    prefix = LOOPBACK_ONLY if can_cut_the_network() else []
    options = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*prefix, sys.executable, *options, *(root / "notebooks" / path.name for path in paths)],
        cwd=root / "notebooks",
        env=kept | foreign,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def main(arguments: list[str]) -> int:
    """Run the lessons named, or all; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="elsewhere") as folder:
        result = run_elsewhere(Path(folder), [Path(name) for name in arguments] or lessons())
    print(result.stdout, result.stderr, sep="\n")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
