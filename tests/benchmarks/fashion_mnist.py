"""Time to accuracy on Fashion-MNIST: the network and loop of lesson 11 against a classic recipe.

    python -m tests.benchmarks.fashion_mnist [ROUNDS [EPOCHS ...]]

The classic recipe is the one that many learners meet first: TinyVGG with 10 hidden units, batches
of 32 pictures that `ToTensor` turns into tensors one by one, SGD at 0.1, 3 epochs. Ours is executed
from the cells of `notebooks/11_cnn.ipynb`, for 1 and for 8 epochs by default, on the 54 000
pictures that the lesson trains on (its validation set has the other 6 000); the classic recipe has
all 60 000. Both are measured once, on the 10 000 of the test set; only training is timed.
A round runs everyone once; what is printed are medians over the rounds, and of the ratio to the
classic recipe's seconds in the same round. Downloads Fashion-MNIST unless it lies in `data/`.
"""

import ast
import statistics
import sys
import time
from collections.abc import Callable

import nbformat
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from helpers.paths import ROOT, data_dir
from helpers.pictures import load_images
from helpers.tables import Table
from helpers.training import accuracy, evaluate, make_batches


def lesson(*names: str) -> dict:
    """Execute the cells of lesson 11 that define these functions; give its namespace."""
    notebook = nbformat.read(ROOT / "notebooks" / "11_cnn.ipynb", as_version=4)
    space = {"torch": torch, "nn": nn, "optim": optim, "F": F, "make_batches": make_batches}
    space["device"] = torch.device("cpu")
    found = set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            parts = ast.parse(cell.source).body
            kept = [p for p in parts if isinstance(p, ast.FunctionDef) and p.name in names]
            exec(compile(ast.Module(kept, []), "11_cnn", "exec"), space)
            found |= {part.name for part in kept}
    if found != set(names):
        raise SystemExit(f"lesson 11 no longer defines {set(names) - found}")
    return space


def classic(seed: int) -> tuple[nn.Module, float]:
    """Train TinyVGG by the classic recipe; give it and the seconds."""
    torch.manual_seed(seed)
    load_images("fashion_mnist")  # so that it is there and whole
    data = datasets.FashionMNIST(data_dir(), download=True, transform=transforms.ToTensor())
    model = nn.Sequential(
        *(nn.Conv2d(1, 10, 3, padding=1), nn.ReLU(), nn.Conv2d(10, 10, 3, padding=1), nn.ReLU()),
        nn.MaxPool2d(2),
        *(nn.Conv2d(10, 10, 3, padding=1), nn.ReLU(), nn.Conv2d(10, 10, 3, padding=1), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(10 * 7 * 7, 10)),
    )
    optimizer, loss_fn = optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    began = time.perf_counter()
    loader = DataLoader(data, batch_size=32, shuffle=True)
    for _ in range(3):
        model.train()
        for inputs, targets in loader:
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model, time.perf_counter() - began


def ours(seed: int, epochs: int, train: Table) -> tuple[nn.Module, float]:
    """Train the network of lesson 11 by its loop; give it and the seconds."""
    space = lesson("conv_block", "make_cnn", "train_cnn")
    torch.manual_seed(seed)
    model = space["make_cnn"](1, 28, 10, width=16, pools=(True, True, True))
    began = time.perf_counter()
    space["train_cnn"](model, train, epochs, batch=128, flip=True)
    return model, time.perf_counter() - began


def main() -> None:
    """Run everyone and print a line each."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    counts = [int(text) for text in sys.argv[2:]] or [1, 8]
    images = load_images("fashion_mnist")
    test_loader = make_batches(images.test.inputs, images.test.targets)
    contenders: dict[str, Callable] = {"TinyVGG, 3 epochs": classic}
    for epochs in counts:
        name = f"lesson 11, {epochs} epoch{'s' * (epochs > 1)}"
        contenders[name] = lambda seed, epochs=epochs: ours(seed, epochs, images.train)
    results = {name: [] for name in contenders}
    for seed in range(rounds):
        for name, contender in contenders.items():
            model, seconds = contender(seed)
            share = evaluate(model, test_loader, accuracy)
            results[name].append((seconds, share))
            print(f"  round {seed}: {name}: {seconds:.1f} s, {share:.4f}", flush=True)
    base = [seconds for seconds, _ in results["TinyVGG, 3 epochs"]]
    print(f"medians of {rounds} rounds, {torch.get_num_threads()} threads")
    for name, pairs in results.items():
        seconds, share = (statistics.median(values) for values in zip(*pairs, strict=True))
        ratio = statistics.median(s / b for (s, _), b in zip(pairs, base, strict=True))
        print(f"{name:22} {seconds:6.1f} s  {ratio:6.3f} x classic  test accuracy {share:.4f}")


if __name__ == "__main__":
    main()
