"""One gradient in four parts a process, in three ways; section 4 of lesson 24.

Rank 0 saves for each way how many numbers each all-reduce carried, and the gradient.
"""

import torch
import torch.distributed as dist
from net import join_gradients, loss_fn, make_model
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
batch = torch.load("batch.pt")
parts = list(zip(batch["inputs"].split(8), batch["targets"].split(8), strict=True))
mine = parts[dist.get_rank() :: 2]  # four of the eight


def count(sent, bucket):
    """Note how many numbers go out, and send them as ever."""
    sent.append(bucket.buffer().numel())
    return allreduce_hook(None, bucket)


def sync_always(model):
    """Send after each part."""
    for inputs, targets in mine:
        (loss_fn(model(inputs), targets) / len(mine)).backward()


def sync_last(model):
    """Send after the last part only."""
    with model.no_sync():
        for inputs, targets in mine[:-1]:
            (loss_fn(model(inputs), targets) / len(mine)).backward()
    inputs, targets = mine[-1]
    (loss_fn(model(inputs), targets) / len(mine)).backward()


def forward_outside(model):
    """Leave the forward passes outside of the block, which is a mistake."""
    for inputs, targets in mine[:-1]:
        loss = loss_fn(model(inputs), targets) / len(mine)
        with model.no_sync():
            loss.backward()
    inputs, targets = mine[-1]
    (loss_fn(model(inputs), targets) / len(mine)).backward()


found = {}
for way in (sync_always, sync_last, forward_outside):
    model = DistributedDataParallel(make_model())
    sent = []
    model.register_comm_hook(sent, count)
    way(model)
    found[way.__name__] = {"sent": sent, "gradient": join_gradients(model)}
if dist.get_rank() == 0:
    torch.save(found, "parts.pt")
dist.destroy_process_group()
