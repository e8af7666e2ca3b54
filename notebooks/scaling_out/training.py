"""The parts of a training in a process group, and an epoch of it; for lesson 24."""

import sys

import torch
import torch.distributed as dist
from net import loss_fn, make_model
from ranks import die_once
from torch import optim
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


def make_training(device):
    """Return the wrapped model, the parts that a checkpoint needs, and the loader."""
    digits = torch.load("digits.pt")
    dataset = TensorDataset(digits["inputs"], digits["targets"])
    sampler = DistributedSampler(dataset, seed=1)
    loader = DataLoader(dataset, 64 // dist.get_world_size(), sampler=sampler)
    model = DistributedDataParallel(make_model().to(device))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)
    parts = {"model": model.module, "optimizer": optimizer, "scheduler": scheduler}
    return model, parts, loader


def train_shared_epoch(model, parts, loader, run):
    """Train an epoch, and note the loss of each step over all processes in `run`."""
    device = next(model.parameters()).device
    loader.sampler.set_epoch(run["epoch"])
    for inputs, targets in loader:
        die_once(step=len(run["losses"]) + 1, dies_in=int(sys.argv[2]))
        loss = loss_fn(model(inputs.to(device)), targets.to(device))
        parts["optimizer"].zero_grad()
        loss.backward()
        parts["optimizer"].step()
        total = loss.detach()
        dist.all_reduce(total)
        run["losses"].append(total.item() / dist.get_world_size())
    parts["scheduler"].step()
    run["epoch"] += 1
