"""Strict nbval gives the same verdict on a machine that is set up quite differently."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import can_cut_the_network, run_python
from tests.tools.notebooks import ROOT, lessons


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


def test_the_lessons_pass_on_another_machine(tmp_path):
    """Without a network, in an empty home, with four threads, from a path with umlauts."""
    root = copy_repository(tmp_path / "Übungen für später")
    home = tmp_path / "home"
    home.mkdir()
    paths = [root / "notebooks" / path.name for path in lessons()]
    result = run_python(
        # the budget is that of an undisturbed run; here other tests run beside
        *("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", "not budget", *paths),
        cwd=root / "notebooks",
        offline=can_cut_the_network(),
        OMP_NUM_THREADS="4",
        PYTHONPATH=str(root),
        PYTHONHASHSEED="random",
        LC_ALL="C",
        HOME=str(home),
        TORCH_HOME=str(home / "torch"),
        XDG_CACHE_HOME=None,
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
