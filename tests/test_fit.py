"""Measuring and training a classifier: bad input stops it, by name and step."""

import copy
import math
import re

import pytest
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from helpers import training
from helpers.training import accuracy, collect_outputs, evaluate, fit, guard, train_epoch

CLASSES, BATCH = 3, 4


def make_data(count=26, seed=0):
    """Make inputs (count, 5) and learnable class numbers (count,)."""
    inputs = torch.randn(count, 5, generator=torch.Generator().manual_seed(seed))
    return inputs, inputs[:, :CLASSES].argmax(dim=1)


def make_loader(inputs, targets, seed=None, size=BATCH):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    data = TensorDataset(inputs, targets)
    return DataLoader(data, batch_size=size, shuffle=seed is not None, generator=generator)


def make_model(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, CLASSES))


def run(model, train, valid, epochs=3, lr=0.1, **options):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    return fit(model, train, valid, nn.CrossEntropyLoss(), optimizer, epochs, **options)


# Accuracy


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("places", [(), (4,), (2, 3)])
def test_the_accuracy_is_the_share_of_right_answers(classes, places):
    torch.manual_seed(0)
    logits, targets = torch.randn(7, classes, *places), torch.randint(classes, (7, *places))
    right = logits.argmax(dim=1) == targets
    found = accuracy(logits, targets)
    assert type(found) is float and found == pytest.approx(right.double().mean().item())


@pytest.mark.parametrize("shape", [(7,), (7, 1), (5, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_a_single_logit_predicts_class_1_from_0_on(shape, dtype):
    torch.manual_seed(0)
    logits = torch.randn(shape)
    assert accuracy(logits, (logits > 0).to(dtype)) == 1
    assert accuracy(logits, (logits < 0).to(dtype)) == 0
    assert accuracy(torch.zeros(shape), torch.ones(shape, dtype=dtype)) == 1


def test_an_accuracy_of_nothing_is_no_number():
    assert math.isnan(accuracy(torch.zeros(0), torch.zeros(0)))


@pytest.mark.parametrize(
    ("logits", "targets"), [((7, 1), (7,)), ((7,), (7, 1)), ((7, 3), (7, 1)), ((7, 3), (6,))]
)
def test_shapes_that_would_broadcast_are_refused(logits, targets):
    with pytest.raises(ValueError, match=re.escape(f"their shapes are {logits} and {targets}")):
        accuracy(torch.zeros(logits), torch.zeros(targets))


# Batches


@pytest.mark.parametrize("size", [1, 4, 26, 100])
def test_a_loader_from_memory_gives_every_example_once(size):
    inputs, targets = make_data()
    for shuffle in (False, True):
        batches = list(training.make_batches(inputs, targets, size, shuffle))
        assert [len(some) for some, _ in batches][:-1] == [size] * (len(batches) - 1)
        seen, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
        order = [(inputs == row).all(dim=1).nonzero().item() for row in seen]
        assert torch.equal(labels, targets[order]) and sorted(order) == [*range(26)]
        assert (order == [*range(26)]) is not shuffle


def test_a_shuffling_loader_takes_another_order_each_time_and_the_same_from_a_seed():
    loader = training.make_batches(*make_data(), shuffle=True)
    torch.manual_seed(3)
    first, second = (next(iter(loader))[0] for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(next(iter(loader))[0], first) and not torch.equal(first, second)


# Outputs


def test_outputs_are_those_of_the_whole_set_at_once_in_eval_mode():
    inputs, targets = make_data()
    model = make_model(dropout=0.5)
    outputs, seen = collect_outputs(model, make_loader(inputs, targets))
    torch.testing.assert_close(outputs, copy.deepcopy(model).eval()(inputs).detach())
    assert torch.equal(seen, targets)
    assert model.training


def test_outputs_can_be_computed_with():
    outputs, targets = collect_outputs(make_model(), make_loader(*make_data()))
    scale = torch.ones((), requires_grad=True)
    F.cross_entropy(outputs * scale, targets).backward()
    assert scale.grad.isfinite()


# Fitting


def test_fitting_is_train_epoch_again_and_again():
    data, model = make_data(), make_model(dropout=0.3)
    twin = copy.deepcopy(model)
    torch.manual_seed(1)
    history = run(model, make_loader(*data, seed=7), make_loader(*make_data(9, 1)), epochs=4)
    torch.manual_seed(1)
    loader, optimizer = make_loader(*data, seed=7), optim.SGD(twin.parameters(), lr=0.1)
    losses = [train_epoch(twin, loader, nn.CrossEntropyLoss(), optimizer) for _ in range(4)]
    assert history["train_loss"] == losses
    assert all(map(torch.equal, model.state_dict().values(), twin.state_dict().values()))


@pytest.mark.parametrize("size", [1, 4, 9, 20])
def test_the_history_ends_on_what_an_evaluation_gives(size):
    model, valid = make_model(), make_loader(*make_data(9, 1), size=size)
    history = run(model, make_loader(*make_data()), valid)
    assert [len(values) for values in history.values()] == [3, 3, 3]
    loss = evaluate(model, valid, nn.CrossEntropyLoss())
    right = evaluate(model, valid, accuracy)
    assert history["valid_loss"][-1] == pytest.approx(loss, rel=1e-6)
    assert history["valid_accuracy"][-1] == pytest.approx(right)


def test_the_watching_changes_nothing():
    data, results = make_data(), []
    for valid in (make_data(9, 1), make_data(3, 2)):
        model = make_model(dropout=0.5)
        torch.manual_seed(2)
        run(model, make_loader(*data, seed=3), make_loader(*valid))
        results.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [
        (1, [1]),
        (7, [*range(1, 8)]),
        (15, [1, 2, 4, 6, 8, 10, 12, 14, 15]),
        (30, [1, *range(3, 31, 3)]),
    ],
)
def test_progress_is_about_ten_lines(epochs, shown, capsys):
    run(make_model(), make_loader(*make_data()), make_loader(*make_data(9, 1)), epochs=epochs)
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[1].split("/")[0]) for line in lines] == shown
    assert all(f"/{epochs}  train_loss " in line for line in lines)


def test_progress_can_be_silenced(capsys):
    run(make_model(), make_loader(*make_data()), make_loader(*make_data(9, 1)), show=False)
    assert capsys.readouterr().out == ""


def test_soft_targets_and_a_single_logit_can_be_trained_on():
    inputs, targets = make_data()
    soft = guard(nn.CrossEntropyLoss())(make_model()(inputs), F.one_hot(targets, CLASSES).float())
    assert soft.isfinite()
    binary = guard(nn.BCEWithLogitsLoss())(inputs[:, :1], (targets[:, None] > 0).float())
    assert binary.isfinite()


# What stops it


@pytest.mark.parametrize(
    ("label", "says"), [(3, "got 0 to 3"), (-1, "got -1 to 2"), (-100, "got -100 to 2")]
)
def test_a_label_out_of_range_stops_at_its_step(label, says):
    inputs, targets = make_data()
    targets[9] = label  # in the third batch of four
    model = make_model()
    with pytest.raises(ValueError, match=f"^step 3: expected labels from 0 to 2, {says}"):
        run(model, make_loader(inputs, targets), make_loader(*make_data(9, 1)))


def test_a_label_out_of_range_in_the_validation_set_says_so():
    inputs, targets = make_data(9, 1)
    targets[0] = 12
    with pytest.raises(ValueError, match=r"^validation after epoch 1: expected labels from 0 to 2"):
        run(make_model(), make_loader(*make_data()), make_loader(inputs, targets))


def test_a_loss_that_is_nan_stops_before_its_step():
    inputs, targets = make_data()
    inputs[9] = math.nan
    model, twin = make_model(), make_model()
    with pytest.raises(FloatingPointError, match=r"^step 3: the loss is nan; try a lower learning"):
        run(model, make_loader(inputs, targets), make_loader(*make_data(9, 1)))
    train_epoch(
        twin,
        make_loader(inputs[:8], targets[:8]),
        nn.CrossEntropyLoss(),
        optim.SGD(twin.parameters(), 0.1),
    )
    assert all(map(torch.equal, model.parameters(), twin.parameters()))


def test_a_learning_rate_far_too_high_is_stopped():
    with pytest.raises(FloatingPointError, match=r"^step \d+: the loss is (nan|inf)"):
        run(make_model(), make_loader(*make_data()), make_loader(*make_data(9, 1)), lr=1e30)


@pytest.mark.parametrize("which", [0, 1])
def test_a_loader_without_a_batch_is_an_error(which):
    loaders = [make_loader(*make_data()), make_loader(*make_data(9, 1))]
    loaders[which] = DataLoader(loaders[which].dataset, batch_size=50, drop_last=True)
    with pytest.raises(ValueError, match="yields no batch"):
        run(make_model(), *loaders)
