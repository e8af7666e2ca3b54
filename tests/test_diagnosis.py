"""`diagnose` finds bugs from outside, nothing in a healthy training, and moves nothing."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from helpers.checks import broken
from helpers.diagnosis import diagnose, take_batch
from helpers.tables import load_table
from helpers.training import make_batches

SEEDS = range(5)
TABLE = load_table("digits")
PIXELS, DIGITS = TABLE.inputs.flatten(1), TABLE.targets
INK = (PIXELS.mean(dim=1) - PIXELS.mean()) / PIXELS.mean(dim=1).std()


class After(nn.Module):
    """A small network behind a function."""

    def __init__(self, function=lambda inputs: inputs):
        super().__init__()
        self.function = function
        self.layers = net()

    def forward(self, inputs):
        return self.layers(self.function(inputs))


class Scaled(nn.Module):
    """A small network behind a factor that the test sets."""

    def __init__(self):
        super().__init__()
        self.layers = net()

    def forward(self, inputs):
        return self.layers(inputs * self.scale)


def net(*last):
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), *last)


def case(model, inputs=PIXELS, targets=DIGITS, loss_fn=F.cross_entropy, lr=0.1):
    loader = make_batches(inputs, targets, 64, shuffle=True)
    return model, loader, loss_fn, optim.SGD(model.parameters(), lr=lr)


def scaled(right):
    model = Scaled()
    if right:
        model.scale = nn.Parameter(torch.ones(64))
        return case(model)
    return case(broken.add_scale(model, 64))


def frozen(part):
    model = net()
    for parameter in model[part].parameters():
        parameter.requires_grad_(False)
    return *case(model)[:3], optim.SGD(model.parameters(), lr=0.1)


def measured(training):
    model = nn.Sequential(net()[0], nn.BatchNorm1d(32), nn.Dropout(0.5), nn.Linear(32, 10))
    return case(model.train(training))[:3]


class Deep(nn.Module):
    """Layers in a list, of torch's or of Python's kind."""

    def __init__(self, kind):
        super().__init__()
        self.more = kind([nn.Linear(64, 64), nn.Linear(64, 64)])
        self.last = net()

    def forward(self, inputs):
        for layer in self.more:
            inputs = layer(inputs).relu()
        return self.last(inputs)


def replaced(right):
    model, loader, loss_fn, optimizer = case(net())
    model[2] = nn.Linear(32, 10)
    return model, loader, loss_fn, optim.SGD(model.parameters(), lr=0.1) if right else optimizer


def evened(dim):
    return case(After(lambda inputs: inputs - inputs.mean(dim=dim, keepdim=True)))


def noisy(make):
    return case(After(lambda inputs: inputs + 0.1 * make(inputs)))


def unused(right):
    model = After()
    model.layers.insert(1, nn.Identity())
    if not right:
        model.spare = nn.Linear(2, 2)
    model.layers.append(nn.Identity())
    return case(model)


def cut(right):
    model = net()
    if not right:
        model.register_forward_hook(lambda module, given, output: output.detach())
    return case(model)


# bug -> (sick, its healthy twin, what is said of the sick one)
BUGS = {
    "softmax before cross-entropy": (
        lambda: case(broken.make_classifier(64, 10)),
        lambda: case(net()),
        "the outputs are probabilities",
    ),
    "wrong dim": (lambda: evened(0), lambda: evened(1), "depends on the others in its batch"),
    "no eval()": (lambda: measured(True), lambda: measured(False), "call eval() before measuring"),
    "exploding loss": (
        lambda: case(net(), 255 * PIXELS),
        lambda: case(net()),
        "the inputs have size 1.2e+02",
    ),
    "rate too high": (
        lambda: case(net(), 20 * PIXELS, lr=30.0),
        lambda: case(net()),
        "lower the rate",
    ),
    "device mismatch": (
        lambda: noisy(lambda inputs: torch.randn(inputs.shape)),
        lambda: noisy(torch.randn_like),
        "a tensor stays behind",
    ),
    "wrong layer frozen": (
        lambda: frozen(slice(2, 3)),
        lambda: frozen(slice(0, 2)),
        "2.bias, the last parameter, is frozen",
    ),
    "(N,) against (N, 1)": (
        lambda: case(nn.Linear(64, 1), targets=INK, loss_fn=broken.squared_loss),
        lambda: case(nn.Linear(64, 1), targets=INK.unsqueeze(1), loss_fn=F.mse_loss, lr=0.01),
        "outputs and targets broadcast; their shapes are (64, 1) and (64,)",
    ),
    "a parameter not registered": (
        lambda: scaled(False),
        lambda: scaled(True),
        "scale is not registered",
    ),
    "layers in a list": (
        lambda: case(Deep(list)),
        lambda: case(Deep(nn.ModuleList)),
        "more is not registered",
    ),
    "another model's optimizer": (
        lambda: replaced(False),
        lambda: replaced(True),
        "2.weight is not in the optimizer",
    ),
    "strangers in the optimizer": (
        lambda: replaced(False),
        lambda: replaced(True),
        "the optimizer holds tensors that are not the model's",
    ),
    "a parameter without gradient": (
        lambda: unused(False),
        lambda: unused(True),
        "spare.weight gets no gradient",
    ),
    "no graph": (lambda: cut(False), lambda: cut(True), "does not require grad"),
    "labels from 1": (
        lambda: case(net(), targets=DIGITS + 1),
        lambda: case(net()),
        "IndexError: labels go from 1 to 10, outputs from 0 to 9",
    ),
    "nan in a batch": (
        lambda: case(net(), PIXELS.log().log()),
        lambda: case(net()),
        "the inputs hold nan or infinity",
    ),
    "scale of the targets": (
        lambda: case(nn.Linear(64, 1), targets=150 + 50 * INK.unsqueeze(1), loss_fn=F.mse_loss),
        lambda: case(nn.Linear(64, 1), targets=INK.unsqueeze(1), loss_fn=F.mse_loss, lr=0.01),
        "the targets have size 1.",
    ),
    "a sum for a mean": (
        lambda: case(net(), loss_fn=nn.CrossEntropyLoss(reduction="sum"), lr=0.001),
        lambda: case(net()),
        "and guessing costs 2.3",
    ),
    "eval mode": (
        lambda: (lambda given: (given[0].eval(), *given[1:]))(case(net(nn.Dropout(0.1)))),
        lambda: case(net()),
        "call train() before training",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found_and_its_healthy_twin_has_none(bug):
    sick, healthy, says = BUGS[bug]
    for seed in SEEDS:
        torch.manual_seed(seed)
        found = diagnose(*sick())
        assert any(says in line for line in found), found
        assert diagnose(*healthy()) == []


HEALTHY = {
    "a line": lambda: case(nn.Linear(64, 10), lr=0.5),
    "dropout": lambda: case(net(nn.Dropout(0.2))),
    "batch norm": lambda: case(nn.Sequential(nn.BatchNorm1d(64), net())),
    "adam": lambda: (*case(model := net())[:3], optim.Adam(model.parameters(), lr=0.01)),
    "momentum": lambda: (*case(m := net())[:3], optim.SGD(m.parameters(), 0.05, momentum=0.9)),
    "log softmax": lambda: case(net(nn.LogSoftmax(dim=1)), loss_fn=F.nll_loss),
    "label smoothing": lambda: case(net(), loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1)),
    "standardised": lambda: case(net(), (PIXELS - PIXELS.mean()) / PIXELS.std()),
    "a CNN": lambda: case(
        nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), net_after()),
        PIXELS.reshape(-1, 1, 8, 8),
    ),
}


def net_after():
    return nn.Linear(8 * 36, 10)


@pytest.mark.parametrize("kind", HEALTHY)
def test_a_healthy_training_has_no_findings(kind):
    for seed in SEEDS:
        torch.manual_seed(seed)
        assert diagnose(*HEALTHY[kind]()) == []


def states(model, optimizer, generator):
    return copy.deepcopy(
        [
            model.state_dict(),
            [each.grad for each in model.parameters()],
            [each.training for each in model.modules()],
            optimizer.state_dict(),
            torch.get_rng_state(),
            np.random.get_state(),
            random.getstate(),
            generator.get_state(),
            torch.is_grad_enabled(),
        ]
    )


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return (one == other).all()
    if isinstance(one, dict):
        return list(one) == list(other) and same(list(one.values()), list(other.values()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


LOADERS = {
    "shuffled": lambda data, generator: DataLoader(data, 16, shuffle=True, generator=generator),
    "sampled": lambda data, generator: DataLoader(
        data, 16, sampler=WeightedRandomSampler(torch.ones(len(data)), 99, generator=generator)
    ),
    "a list": lambda data, generator: [data[:32]],
}


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("stops", [False, True])
def test_everything_is_left_as_it_was(kind, stops):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    loader = LOADERS[kind](TensorDataset(PIXELS, DIGITS + 9 * stops), generator)
    model = nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 10), nn.Dropout(0.2))
    model[0].eval()  # a part in another mode, on purpose
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    F.cross_entropy(model(PIXELS), DIGITS).backward()
    optimizer.step()
    schedule = optim.lr_scheduler.StepLR(optimizer, 3)  # it wraps the optimizer's step
    before = states(model, optimizer, generator)
    found = diagnose(model, loader, F.cross_entropy, optimizer)
    assert bool(found) == stops
    assert same(states(model, optimizer, generator), before)
    assert schedule.last_epoch == 0
    with torch.no_grad():
        assert diagnose(model, loader, F.cross_entropy, optimizer) == found
        assert not torch.is_grad_enabled()


def test_a_loader_with_running_workers_is_left_alone():
    data = TensorDataset(PIXELS[:64], DIGITS[:64])
    loader = DataLoader(data, 16, num_workers=1, persistent_workers=True)
    list(loader)
    running = loader._iterator
    assert take_batch(loader)[0].shape == (16, 64)
    assert loader._iterator is running


def test_a_loader_that_is_read_only_once_or_empty_is_said():
    model = net()
    once = iter([(PIXELS[:4], DIGITS[:4])])
    (said,) = diagnose(model, once, F.cross_entropy)
    assert said.startswith("TypeError: this loader can be read only once")
    assert len(next(once)) == 2
    (said,) = diagnose(model, [], F.cross_entropy)
    assert said == "ValueError: the loader yields no batch; is its dataset empty?"


def test_an_error_on_the_way_is_the_last_finding():
    found = diagnose(*case(net(), 255 * PIXELS[:, :60]))
    assert "the inputs have size" in found[0]
    assert "mat1 and mat2 shapes cannot be multiplied" in found[-1]


def test_the_padding_of_labels_is_no_finding():
    targets = DIGITS.clone()
    targets[:5] = -100
    torch.manual_seed(0)
    assert diagnose(net(), [(PIXELS[:64], targets[:64])], F.cross_entropy) == []
