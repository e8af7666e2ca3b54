"""A training that is killed a hundred times ends as if nobody had touched it."""

import os

import pytest
import torch

from tests.support import run_python


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


KILLER = """
import os, random, signal, sys, tempfile, time
import torch
from pathlib import Path
from tests.test_checkpoint import run, same
torch.set_num_threads(1)
os.fsync = lambda file: None  # a killed process loses nothing that it wrote: the system lives on
delays, kills, finished = random.Random(0), 0, 0
with tempfile.TemporaryDirectory() as top:
    expected = run(Path(top, "undisturbed"))
    began = time.perf_counter()
    run(Path(top, "again"))
    whole = time.perf_counter() - began
    while kills < 100 or not finished:
        folder = Path(top, str(finished))
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if same(run(folder), expected) else 3)
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(4)
        if kills < 100:
            time.sleep(delays.random() * whole / 2)
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            kills += 1
        else:
            assert os.WEXITSTATUS(status) == 0, f"a restart ended with {os.WEXITSTATUS(status)}"
            finished += 1
    left = same(run(Path(top, str(finished))), expected)
    print(kills, "kills, the last one right:", left)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_hundred_kills_lose_nothing():
    done = run_python("-W", "ignore", "-c", KILLER, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "100 kills, the last one right: True\n"
