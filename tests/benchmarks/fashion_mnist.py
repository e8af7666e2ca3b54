"""Time to accuracy on Fashion-MNIST: the networks of lessons 11 and 18 against a classic recipe.

    python -m tests.benchmarks.fashion_mnist [ROUNDS [EPOCHS or PLAN ...]]

The classic recipe is the one that many learners meet first: TinyVGG with 10 hidden units, batches
of 32 pictures that `ToTensor` turns into tensors one by one, SGD at 0.1, 3 epochs. Lesson 11's
network is executed from the cells of its notebook, for as many EPOCHS (1 and 8 by default), and the
ResNet of lesson 18 by a PLAN of its last section (short and deep by default).
Both train on the 54 000 pictures that the lessons train on (their validation set has the other
6 000); the classic recipe has all 60 000. All are measured once, on the 10 000 of the test set;
only training is timed. A round runs everyone once; what is printed are medians over the rounds, and
of the ratio to the classic recipe's seconds in the same round, by the clock and by the processor's
time. Downloads Fashion-MNIST unless it lies in `data/`.
"""

import ast
import functools
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


def lesson(stem: str, *names: str) -> dict:
    """Execute the parts of a lesson's cells that define these names; give its namespace."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    space = {"torch": torch, "nn": nn, "optim": optim, "F": F, "make_batches": make_batches}
    space["device"] = torch.device("cpu")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            parts = ast.parse(cell.source).body
            kept = [part for part in parts if _defines(part) in names]
            exec(compile(ast.Module(kept, []), stem, "exec"), space)
    if missing := set(names) - set(space):
        raise SystemExit(f"{stem} no longer defines {missing}")
    return space


def _defines(part: ast.stmt) -> str | None:
    """Give the name that a statement defines: of a function, a class or a variable."""
    if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
        return part.targets[0].id
    return getattr(part, "name", None)


Result = tuple[nn.Module, float, float]  # and the seconds by the clock and by the processor


def classic(seed: int) -> Result:
    """Train TinyVGG by the classic recipe."""
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
    began = clocks()
    loader = DataLoader(data, batch_size=32, shuffle=True)
    for _ in range(3):
        model.train()
        for inputs, targets in loader:
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model, *since(began)


def cnn(seed: int, epochs: int, train: Table) -> Result:
    """Train the network of lesson 11 by its loop."""
    space = lesson("11_cnn", "conv_block", "make_cnn", "train_cnn")
    torch.manual_seed(seed)
    model = space["make_cnn"](1, 28, 10, width=16, pools=(True, True, True))
    began = clocks()
    space["train_cnn"](model, train, epochs, batch=128, flip=True)
    return model, *since(began)


def resnet(seed: int, name: str, train: Table) -> Result:
    """Train the ResNet of lesson 18 by one of its plans."""
    blocks = ("conv_norm", "two_convs", "Residual", "residual_block", "make_network")
    names = (*blocks, "train_network", "augment", "keys", "plans")
    space = lesson("18_resnet_and_mobilenet", *names)
    if name not in space["plans"]:
        raise SystemExit(f"no plan {name!r}; choose one of {list(space['plans'])}")
    plan = dict(zip(space["keys"], space["plans"][name], strict=True))
    space["plan"] = plan  # augment reads these two
    space["flip"] = True
    build = {key: plan[key] for key in ("widths", "blocks", "pool")}
    torch.manual_seed(seed)
    model = space["make_network"](space["residual_block"], channels=train.inputs.shape[1], **build)
    how = {key: plan[key] for key in ("epochs", "batch", "rate")}
    how |= {"augment": space["augment"], "smooth": 0.1}
    began = clocks()
    space["train_network"](model, train, **how)
    return Mirrored(model), *since(began)


class Mirrored(nn.Module):
    """A model that adds the logits of a picture and of its mirror image, as lesson 18 does."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give the logits, (batch, classes), of pictures, (batch, channels, height, width)."""
        return self.model(inputs) + self.model(inputs.flip(3))


def clocks() -> tuple[float, float]:
    """Read the clock and the processor's time of this process."""
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    """Give the seconds by both since `clocks` was called."""
    return tuple(now - then for now, then in zip(clocks(), began, strict=True))


def main() -> None:
    """Run everyone and print a line each."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    asked = sys.argv[2:] or ["1", "8", "short", "deep"]
    images = load_images("fashion_mnist")
    test_loader = make_batches(images.test.inputs, images.test.targets)
    base = "TinyVGG, 3 epochs"
    contenders: dict[str, Callable] = {base: classic}
    for text in asked:
        if text.isdigit():
            make = functools.partial(cnn, epochs=int(text), train=images.train)
            contenders[f"lesson 11, epochs: {text}"] = make
        else:
            make = functools.partial(resnet, name=text, train=images.train)
            contenders[f"lesson 18, {text}"] = make
    results = {name: [] for name in contenders}
    for seed in range(rounds):
        for name, contender in contenders.items():
            model, clock, work = contender(seed)
            share = evaluate(model, test_loader, accuracy)
            results[name].append((clock, work, share))
            print(f"  round {seed}: {name}: {clock:.1f} s, {share:.4f}", flush=True)
    print(f"medians of {rounds} rounds, {torch.get_num_threads()} threads")
    for name, rows in results.items():
        seconds, work, share = (statistics.median(values) for values in zip(*rows, strict=True))
        pairs = list(zip(rows, results[base], strict=True))
        by_clock, by_work = (statistics.median(a[i] / b[i] for a, b in pairs) for i in (0, 1))
        times = f"{seconds:6.1f} s, {work:6.1f} s of work"
        ratios = f"{by_clock:6.3f} x classic, {by_work:6.3f} x its work"
        print(f"{name:22} {times}  {ratios}  test accuracy {share:.4f}")


if __name__ == "__main__":
    main()
