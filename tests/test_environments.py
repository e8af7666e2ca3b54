"""Strict nbval gives the same verdict on a machine that is set up quite differently."""

from pathlib import Path

import pytest

from tests.conftest import can_cut_the_network, copy_repository, run_python
from tests.tools.notebooks import lessons


def run_elsewhere(folder: Path, paths: list[Path]):
    """Run lessons without a network, in an empty home, with two threads, from an odd path."""
    root = copy_repository(folder / "Übungen für später")
    home = folder / "home"
    home.mkdir()
    return run_python(
        # the budget is that of an undisturbed run; here other tests run beside
        *("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", "not budget"),
        *[root / "notebooks" / path.name for path in paths],
        cwd=root / "notebooks",
        offline=can_cut_the_network(),
        OMP_NUM_THREADS="2",
        PYTHONPATH=str(root),
        PYTHONHASHSEED="random",
        LC_ALL="C",
        HOME=str(home),
        TORCH_HOME=str(home / "torch"),
        XDG_CACHE_HOME=None,
    )


def test_lessons_that_touch_the_machine_pass_on_another(tmp_path):
    """Those that look at it, and start a server; `make proof` runs all."""
    paths = [path for path in lessons() if path.stem[:2] in ("00", "13")]
    result = run_elsewhere(tmp_path, paths)
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
