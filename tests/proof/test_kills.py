"""A training that is killed a hundred times ends as if nobody had touched it."""

import os

import pytest

from tests.support import run_python

KILLER = """
import os, random, signal, sys, tempfile, time
import torch
from pathlib import Path
from tests.resuming import make, same, train
torch.set_num_threads(1)
LOADER = sys.argv[1]
delays, kills, finished = random.Random(0), 0, 0
with tempfile.TemporaryDirectory() as top:
    expected = train(Path(top, "undisturbed"), make(LOADER))
    began = time.perf_counter()
    train(Path(top, "again"), make(LOADER))
    whole = time.perf_counter() - began
    while kills < 100 or not finished:
        folder = Path(top, str(finished))
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if same(train(folder, make(LOADER)), expected) else 3)
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
    left = same(train(Path(top, str(finished)), make(LOADER)), expected)
    print(kills, "kills, the last one right:", left)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("loader", ["shuffled by a generator", "the series' own"])
def test_a_hundred_kills_lose_nothing(loader):
    done = run_python("-W", "ignore", "-c", KILLER, loader, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "100 kills, the last one right: True\n"
