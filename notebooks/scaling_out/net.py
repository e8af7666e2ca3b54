"""The network of lesson 24, and its gradient as one vector."""

import torch
from torch import nn

loss_fn = nn.CrossEntropyLoss()


def make_model(width: int = 128) -> nn.Sequential:
    """Return a network for the digits, (batch, 1, 8, 8) -> (batch, 10), the same in each process.

    Args:
        width: Numbers of its hidden layer.
    """
    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10)]
    return nn.Sequential(*layers)


def join_gradients(model: nn.Module) -> torch.Tensor:
    """Return all gradients of a model, one after the other, (parameters,)."""
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def take_share(rank: int, world: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one process's inputs and targets of the batch in the file `batch.pt`."""
    batch = torch.load("batch.pt")
    return batch["inputs"].chunk(world)[rank], batch["targets"].chunk(world)[rank]
