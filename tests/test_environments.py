"""Strict nbval gives the same verdict on machines that are set up quite differently."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import run_python
from tests.tools.notebooks import ROOT, lessons

# threads, where pytest is started, where the repository lies, other variables
MACHINES = {
    "one thread, C locale": ("1", ".", None, {"LC_ALL": "C", "PYTHONHASHSEED": "1"}),
    "two threads, started in notebooks/": ("2", "notebooks", None, {"PYTHONHASHSEED": "random"}),
    "four threads, path with spaces and umlauts": (
        "4",
        ".",
        "Übungen für später",
        {"PYTHONHASHSEED": "random", "LC_ALL": "C.UTF-8"},
    ),
}


def copy_repository(target: Path) -> Path:
    """Copy what the notebooks need into another place."""
    for name in ("notebooks", "helpers", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("data", "runs"):
        (target / name).mkdir()
        for path in (ROOT / name).glob("*.*"):
            if path.suffix in {".md", ".csv", ".pt"}:
                shutil.copy(path, target / name)
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


@pytest.mark.parametrize("machine", MACHINES)
def test_the_lessons_pass(machine, tmp_path):
    threads, start, place, variables = MACHINES[machine]
    root = copy_repository(tmp_path / place) if place else ROOT
    paths = [root / "notebooks" / path.name for path in lessons()]
    result = run_python(
        # the budget is that of an undisturbed run; here other tests run beside
        *("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", "not budget", *paths),
        cwd=root / start,
        OMP_NUM_THREADS=threads,
        PYTHONPATH=str(root),
        **variables,
    )
    assert result.returncode == 0, result.stdout[-4000:]
