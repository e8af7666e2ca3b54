"""Train the letter reader of lesson 12 on Latin letters, and write its weights to `data/latin.pt`.

    python -m tools.pretrain [EPOCHS [FILE]]

Takes about two minutes on two cores. The file holds the weights of `make_reader(52)` and the
accuracy that was measured on letters that it never saw; lesson 12 says where it comes from.
"""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn, optim
from torch.nn import functional as F

from helpers.checkpoint import save_checkpoint
from helpers.device import set_seed
from helpers.glyphs import LATIN, render_glyphs
from helpers.paths import ROOT
from helpers.training import accuracy, evaluate, make_batches

FILE = ROOT / "data" / "latin.pt"
PER_CLASS, BATCH, RATE = 600, 128, 0.01
DECAY = 1.0  # far above the usual 0.01: features that rely on little carry over to other letters


def make_reader(classes: int) -> nn.Sequential:
    """Make the network: a backbone that gives 512 features of a 16 x 16 picture, and a head."""

    def block(n_in, n_out):
        conv = nn.Conv2d(n_in, n_out, 3, padding=1)
        return conv, nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d(2)

    layers = *block(1, 32), *block(32, 64), *block(64, 128), nn.Flatten()
    return nn.Sequential(nn.Sequential(*layers), nn.Linear(512, classes))


class Result(NamedTuple):
    """A trained reader and its accuracy on fresh letters."""

    model: nn.Module
    accuracy: float


def train(epochs: int = 8, per_class: int = PER_CLASS, show: bool = True) -> Result:
    """Train on letters rendered afresh for each epoch; measure on 100 fresh ones a class."""
    set_seed(0)
    generator = torch.Generator().manual_seed(0)
    test = render_glyphs(LATIN, 100, torch.Generator().manual_seed(1))
    model = make_reader(len(LATIN))
    steps = epochs * -(-len(LATIN) * per_class // BATCH)
    optimizer = optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for epoch in range(1, epochs + 1):
        began, total = time.perf_counter(), 0.0
        letters = render_glyphs(LATIN, per_class, generator)
        model.train()
        for rows in torch.arange(len(letters.targets)).split(BATCH):
            loss = F.cross_entropy(model(letters.inputs[rows]), letters.targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(rows)
        if show:
            seconds = time.perf_counter() - began
            mean = total / len(letters.targets)
            print(f"epoch {epoch}/{epochs}  train loss {mean:.3f}  {seconds:.0f} s", flush=True)
    test_loader = make_batches(test.inputs, test.targets)
    return Result(model, evaluate(model, test_loader, accuracy))


def main() -> None:
    """Train, and write the weights."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else FILE
    model, share = train(epochs)
    save_checkpoint(path, {"weights": model.state_dict(), "accuracy": share})
    print(f"accuracy {share:.4f} on fresh letters; wrote {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
