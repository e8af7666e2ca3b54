"""All lessons pass on a machine that is set up quite differently."""

import pytest

from tests.support import run_python
from tools.elsewhere import run_elsewhere
from tools.notebooks import lessons
from tools.offline import can_cut_the_network


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_a_lesson_passes_elsewhere(path, tmp_path):
    result = run_elsewhere(tmp_path, [path])
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
