"""How long `helpers.training.fit` takes against a bare loop and against four libraries.

    python -m pip install lightning skorch pytorch-ignite fastai    # for this benchmark only
    python -m tests.benchmarks.loops [ROUNDS] [EPOCHS]

Everyone trains the same network from the same weights on the same batches of the digits, with Adam,
and watches loss and accuracy on the validation set after each epoch; switched off is what nobody
asked for (checkpoints, loggers, progress bars). A round times every one once, in turning order;
what is printed are the medians of the seconds, of the ratio to the bare loop in the same round, and
the validation accuracy, by which one sees that all did the same work. Libraries that are not
installed are left out. On a machine where another job runs, ratios wander by several per cent.
"""

import contextlib
import copy
import io
import logging
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

from helpers.pictures import load_images
from helpers.training import fit

RATE = 1e-3


def make_model() -> nn.Module:
    """Make a small CNN for pictures of 8 x 8."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 4 * 4, 10)),
    )


def make_loaders() -> tuple[DataLoader, DataLoader]:
    """Make the loaders of training and validation; the order is the same for everyone."""
    images = load_images("digits")
    generator = torch.Generator().manual_seed(0)
    train = TensorDataset(images.train.inputs, images.train.targets)
    valid = TensorDataset(images.valid.inputs, images.valid.targets)
    return DataLoader(train, 32, shuffle=True, generator=generator), DataLoader(valid, 256)


def accuracy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Give the share of right predictions."""
    return (logits.argmax(dim=1) == targets).float().mean()


def ours(model: nn.Module, train: DataLoader, valid: DataLoader, epochs: int) -> None:
    """Train by our `fit`."""
    optimizer = optim.Adam(model.parameters(), lr=RATE)
    fit(model, train, valid, nn.CrossEntropyLoss(), optimizer, epochs, show=False)


def bare(model: nn.Module, train: DataLoader, valid: DataLoader, epochs: int) -> None:
    """Train by the same steps, written out with nothing around them."""
    optimizer, loss_fn = optim.Adam(model.parameters(), lr=RATE), nn.CrossEntropyLoss()
    history = []
    for _ in range(epochs):
        model.train()
        total = count = 0
        for inputs, targets in train:
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
            count += len(targets)
        model.eval()
        valid_loss = right = seen = 0
        with torch.inference_mode():
            for inputs, targets in valid:
                logits = model(inputs)
                valid_loss += loss_fn(logits, targets).item() * len(targets)
                right += (logits.argmax(dim=1) == targets).sum().item()
                seen += len(targets)
        history.append((total / count, valid_loss / seen, right / seen))


def by_lightning(model: nn.Module, train: DataLoader, valid: DataLoader, epochs: int) -> None:
    """Train by Lightning's Trainer."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss_fn = model, nn.CrossEntropyLoss()

        def training_step(self, batch, _):
            inputs, targets = batch
            loss = self.loss_fn(self.model(inputs), targets)
            self.log("train_loss", loss, on_step=False, on_epoch=True)
            return loss

        def validation_step(self, batch, _):
            inputs, targets = batch
            logits = self.model(inputs)
            self.log("valid_loss", self.loss_fn(logits, targets))
            self.log("valid_accuracy", accuracy(logits, targets))

        def configure_optimizers(self):
            return optim.Adam(self.parameters(), lr=RATE)

    lightning.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    ).fit(Module(), train, valid)


def by_skorch(model: nn.Module, train: DataLoader, valid: DataLoader, epochs: int) -> None:
    """Train by skorch's NeuralNetClassifier."""
    from skorch import NeuralNetClassifier
    from skorch.helper import predefined_split

    NeuralNetClassifier(
        model,
        criterion=nn.CrossEntropyLoss,
        optimizer=optim.Adam,
        lr=RATE,
        max_epochs=epochs,
        batch_size=32,
        iterator_train__shuffle=True,
        iterator_train__generator=train.generator,
        iterator_valid__batch_size=256,
        train_split=predefined_split(valid.dataset),
        verbose=0,
        warm_start=True,
    ).fit(train.dataset, y=None)


def by_fastai(model: nn.Module, train: DataLoader, valid: DataLoader, epochs: int) -> None:
    """Train by fastai's Learner, over the same loaders."""
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.metrics import accuracy as rightness
    from fastai.optimizer import OptimWrapper

    learner = Learner(
        DataLoaders(train, valid, device="cpu"),
        model,
        loss_func=nn.CrossEntropyLoss(),
        opt_func=lambda params, **_: OptimWrapper(params, optim.Adam, lr=RATE),
        metrics=rightness,
    )
    with learner.no_logging():
        learner.fit(epochs, lr=RATE)


def by_ignite(model: nn.Module, train: DataLoader, valid: DataLoader, epochs: int) -> None:
    """Train by Ignite's engines."""
    from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.metrics import Accuracy, Loss, RunningAverage

    loss_fn = nn.CrossEntropyLoss()
    trainer = create_supervised_trainer(model, optim.Adam(model.parameters(), lr=RATE), loss_fn)
    RunningAverage(output_transform=lambda loss: loss).attach(trainer, "train_loss")
    metrics = {"valid_accuracy": Accuracy(), "valid_loss": Loss(loss_fn)}
    watcher = create_supervised_evaluator(model, metrics)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: watcher.run(valid))
    trainer.run(train, max_epochs=epochs)


LIBRARIES = {
    "lightning": by_lightning,
    "skorch": by_skorch,
    "fastai": by_fastai,
    "ignite": by_ignite,
}


def run(contender: Callable, epochs: int) -> tuple[float, float]:
    """Give the seconds that a training takes, and the accuracy it ends on."""
    model, (train, valid) = make_model(), make_loaders()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        contender(model, train, valid, epochs)
        seconds = time.perf_counter() - began
    model.eval()
    with torch.inference_mode():
        inputs, targets = valid.dataset.tensors
        return seconds, accuracy(model(inputs), targets).item()


def main() -> None:
    """Time everyone and print a line each."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    contenders = {"bare loop": bare, "helpers.training.fit": ours}
    for name, contender in LIBRARIES.items():
        try:
            run(contender, 1)  # imports and first-time set-up are not timed
            contenders[name] = contender
        except ImportError as error:
            print(f"{name} is left out: {error}")
    run(bare, 1)
    results = {name: [] for name in contenders}
    for number in range(rounds):
        order = copy.copy(list(contenders))
        random.Random(number).shuffle(order)
        for name in order:
            results[name].append(run(contenders[name], epochs))
    base = [seconds for seconds, _ in results["bare loop"]]
    print(f"medians of {rounds} rounds of {epochs} epochs, {torch.get_num_threads()} threads")
    for name, pairs in results.items():
        seconds = statistics.median(s for s, _ in pairs)
        ratio = statistics.median(s / b for (s, _), b in zip(pairs, base, strict=True))
        print(f"{name:22} {seconds:6.2f} s  {ratio:6.3f} x bare  accuracy {pairs[0][1]:.3f}")


if __name__ == "__main__":
    main()
