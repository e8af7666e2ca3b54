"""Rank 0 waits for a sum that rank 1 never joins; section 1 of lesson 24."""

import time
from datetime import timedelta

import torch
import torch.distributed as dist
from ranks import say

dist.init_process_group("gloo")
if dist.get_rank() == 0:
    work = dist.all_reduce(torch.ones(1), async_op=True)
    try:
        work.wait(timedelta(seconds=0.5))
    except RuntimeError as error:
        say(str(error).rpartition("] ")[2])
else:
    time.sleep(1)
    say("knows nothing of a sum")
