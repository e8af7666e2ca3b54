"""The network of lesson 23. It needs PyTorch only, so it can go to a hub as it is."""

import torch
from torch import nn


class DigitReader(nn.Module):
    """Reads pictures as they come, and standardises them itself.

    `forward` takes (batch, 8, 8), uint8 from 0 to 16, and returns logits, (batch, 10).
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        first = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
        second = [nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()]
        last = [nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10)]
        self.layers = nn.Sequential(*first, *second, nn.Flatten(), *last)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Standardise, then compute."""
        scaled = (pictures.unsqueeze(1).float() - self.mean) / self.std
        return self.layers(scaled)
