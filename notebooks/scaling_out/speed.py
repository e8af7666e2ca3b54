"""Examples a second with 1, 2 and 4 processes, for two networks; section 6 of lesson 24.

Start it with 4 processes; those that are not needed wait. Rank 0 saves for each network the
examples a second, one number a count of processes.
"""

import time

import torch
import torch.distributed as dist
from net import loss_fn
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel

BATCH, COUNTS = 512, (1, 2, 4)

dist.init_process_group("gloo")
groups = {count: dist.new_group(range(count)) for count in COUNTS}


def make_net(width, depth):
    """Return a network of `depth` hidden layers."""
    layers = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def measure(net, count, steps):
    """Return the examples a second of `count` processes that share a batch, in the fastest step."""
    model = DistributedDataParallel(net, process_group=groups[count])
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    inputs = torch.randn(BATCH // count, 64)
    targets = torch.zeros(BATCH // count, dtype=torch.int64)
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return BATCH / min(seconds)


found = {}
for name, width, depth, steps in (("tiny", 16, 1, 60), ("larger", 384, 3, 12)):
    for count in COUNTS:
        if dist.get_rank() < count:
            speed = measure(make_net(width, depth), count, steps)
            found.setdefault(name, []).append(speed)
        dist.barrier()
if dist.get_rank() == 0:
    torch.save(found, "speed.pt")
dist.destroy_process_group()
