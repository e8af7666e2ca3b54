"""Strict nbval gives the same verdict on machines that are set up quite differently."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import can_cut_the_network, run_python
from tests.tools.notebooks import ROOT, lessons

# threads, where pytest is started, where the repository lies, whether without a network, variables
MACHINES = {
    "one thread, C locale, no network, empty home": (
        *("1", ".", None, True),
        {"LC_ALL": "C", "PYTHONHASHSEED": "1", "HOME": "home", "XDG_CACHE_HOME": None},
    ),
    "four threads, started in notebooks/, path with spaces and umlauts": (
        *("4", "notebooks", "Übungen für später", False),
        {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "random"},
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
    threads, start, place, offline, variables = MACHINES[machine]
    if offline and not can_cut_the_network():
        pytest.skip("this machine does not let us cut the network (unshare -rn)")
    if variables.get("HOME"):
        home = tmp_path / variables["HOME"]
        home.mkdir()
        variables = {**variables, "HOME": str(home), "TORCH_HOME": str(home / "torch")}
    root = copy_repository(tmp_path / place) if place else ROOT
    paths = [root / "notebooks" / path.name for path in lessons()]
    result = run_python(
        # the budget is that of an undisturbed run; here other tests run beside
        *("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", "not budget", *paths),
        cwd=root / start,
        offline=offline,
        OMP_NUM_THREADS=threads,
        PYTHONPATH=str(root),
        **variables,
    )
    assert result.returncode == 0, result.stdout[-4000:]


def test_a_network_that_is_cut_is_cut():
    if not can_cut_the_network():
        pytest.skip("this machine does not let us cut the network (unshare -rn)")
    program = (
        "import socket\n"
        "with socket.create_server(('127.0.0.1', 0)) as here:\n"
        "    socket.create_connection(here.getsockname(), 5).close()\n"
        "try:\n    socket.create_connection(('192.0.2.1', 80), 5)\n"
        "except OSError as error: print(error.errno)\n"
    )
    said = run_python("-c", program, offline=True)
    assert said.stdout.strip() == "101", said  # the network is unreachable; loopback works
