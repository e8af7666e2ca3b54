"""Lesson 24 starts processes and ports, and leaves none behind, however its cell ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from helpers.paths import NOTEBOOKS
from tests.support import listening

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals of POSIX")

WAITING = """
import time
from pathlib import Path

import torch.distributed as dist
from ranks import say

dist.init_process_group("gloo")
Path(f"there_{dist.get_rank()}").touch()
time.sleep(100)
"""
FAILING = """
from ranks import say

say("begins")
raise ValueError("no such digit")
"""
RUN = "torchrun --standalone --nproc-per-node=2 program.py"
CALLER = f"""
import sys

sys.path.insert(0, {str(NOTEBOOKS)!r})
from ranks import run_command

try:
    print(*run_command({RUN!r}), sep="\\n")
except RuntimeError as error:
    print(error)
"""


def start(folder: Path, program: str) -> subprocess.Popen:
    """Run a program in two processes, from a process that stands for the notebook."""
    (folder / "program.py").write_text(program)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return subprocess.Popen([sys.executable, "-c", CALLER], cwd=folder, **streams)


def wait_for(condition, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither of these signals")
@pytest.mark.parametrize("ends", ["SIGINT", "SIGKILL"])
def test_an_ended_notebook_leaves_no_process_and_no_port(tmp_path, ends):
    caller = start(tmp_path, WAITING)
    there = [tmp_path / "there_0", tmp_path / "there_1"]
    assert wait_for(lambda: all(path.exists() for path in there))
    family = psutil.Process(caller.pid).children(recursive=True)
    addresses = listening(family)
    ports = {port for _, port in addresses}
    assert len(family) >= 4  # the server, torchrun and two workers
    gloo = {address for address in addresses if address[0] == "127.0.0.1"}
    assert len(gloo) >= 2
    assert gloo != addresses, "torchrun keeps to loopback now: say so in docs/security.md"
    caller.send_signal(getattr(signal, ends))
    caller.communicate(timeout=60)
    assert wait_for(lambda: not any(process.is_running() for process in family))
    taken = {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert not ports & taken


def test_a_failed_worker_is_told_with_its_error(tmp_path):
    said, _ = start(tmp_path, FAILING).communicate(timeout=120)
    lines = said.splitlines()
    assert lines[0] == "torchrun failed"
    assert "  rank 0: begins" in lines
    assert "  ValueError: no such digit" in lines
