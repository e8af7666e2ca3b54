"""Examples a second with 1, 2 and 4 processes, for two networks; section 6 of lesson 24.

Start it with 4 processes; those that are not needed wait. Rank 0 saves for each trial the examples
a second, divided by those of one process, one number a count. The last trial sends no gradients,
so it shows what the free cores of the machine can give.
"""

import time

import torch
import torch.distributed as dist
from net import loss_fn
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel

BATCH, COUNTS, ROUNDS = 512, (1, 2, 4), 4

dist.init_process_group("gloo")
groups = {count: dist.new_group(range(count)) for count in COUNTS}


def make_net(width, depth):
    """Return a network of `depth` hidden layers."""
    layers = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def measure(net, count, steps, shared=True):
    """Return the examples a second of `count` processes that share a batch, in the fastest round.

    Args:
        net: Network that each of them trains.
        count: How many processes work; all of them call this together.
        steps: Steps in each of the rounds.
        shared: Whether they send each other gradients.
    """
    model = DistributedDataParallel(net, process_group=groups[count]) if shared else net
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    inputs = torch.randn(BATCH // count, 64)
    targets = torch.zeros(BATCH // count, dtype=torch.int64)
    seconds = []
    for _ in range(ROUNDS):
        dist.barrier(groups[count])
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            loss_fn(model(inputs), targets).backward()
            optimizer.step()
        dist.barrier(groups[count])  # a round lasts until the slowest process is done
        seconds.append(time.perf_counter() - start)
    return steps * BATCH / min(seconds)


TRIALS = {  # width, depth, steps, shared
    "tiny": (16, 1, 25, True),
    "larger": (384, 3, 3, True),
    "larger, no messages": (384, 3, 3, False),
}

found = {}
for name, (width, depth, steps, shared) in TRIALS.items():
    for count in COUNTS:
        if dist.get_rank() < count:
            speed = measure(make_net(width, depth), count, steps, shared)
            found.setdefault(name, []).append(speed)
        dist.barrier()
if dist.get_rank() == 0:
    gains = {name: [speed / each[0] for speed in each] for name, each in found.items()}
    torch.save(gains, "speed.pt")
dist.destroy_process_group()
