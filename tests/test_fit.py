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


def make_binary_data(count, seed):
    """Make inputs (count, 5) and 0 or 1, (count, 1), that one input gives away."""
    inputs, _ = make_data(count, seed)
    return inputs, (inputs[:, :1] > 0.5).float()  # about a third is of class 1


def test_one_logit_is_trained_and_its_accuracy_is_the_share_of_right_answers():
    torch.manual_seed(0)
    model, valid = nn.Linear(5, 1), make_binary_data(200, 1)
    loader = make_loader(*make_binary_data(400, 0))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    history = fit(model, loader, make_loader(*valid), nn.BCEWithLogitsLoss(), optimizer, 10, False)
    right = ((model(valid[0]) >= 0) == valid[1]).double().mean().item()
    assert history["valid_accuracy"][-1] == pytest.approx(right)
    assert right > 0.9 > 0.1 + (valid[1] == 0).double().mean().item()


@pytest.mark.parametrize("shape", [(26,), (26, 1), (26, 1, 3)])
def test_one_logit_each_wants_targets_of_its_shape(shape):
    logits = torch.linspace(-1, 1, math.prod(shape)).reshape(shape)
    guarded, targets = guard(nn.BCEWithLogitsLoss()), (logits > 0).float()
    assert guarded(logits, targets) == nn.BCEWithLogitsLoss()(logits, targets)
    with pytest.raises(ValueError, match=r"^step 2: expected labels from 0 to 1, got 0\.0 to 2\.0"):
        guarded(logits, 2 * targets)
    with pytest.raises(ValueError, match=r"^step 3: expected targets of shape .*, got \(2, "):
        guarded(logits, targets.expand(2, *shape))


def test_a_label_for_each_pixel_can_be_trained_on():
    logits, targets = torch.randn(2, CLASSES, 4, 5), torch.randint(CLASSES, (2, 4, 5))
    assert guard(F.cross_entropy)(logits, targets) == F.cross_entropy(logits, targets)


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


@pytest.mark.parametrize(
    ("classes", "change", "says"),
    [
        (3, lambda t: F.one_hot(t, 3), r"(4,), got (4, 3)"),
        (3, lambda t: F.one_hot(t, 3).float(), r"(4,), got (4, 3)"),
        (3, lambda t: t[:, None], r"(4,), got (4, 1)"),
        (2, lambda t: F.one_hot(t.clip(max=1), 2).float(), r"(4,), got (4, 2)"),
        (1, lambda t: (t > 0).float(), r"(4, 1), got (4,)"),
        (1, lambda t: F.one_hot(t.clip(max=1), 2).float(), r"(4, 1), got (4, 2)"),
    ],
)
def test_targets_of_another_shape_stop_before_the_first_step(classes, change, says):
    inputs, targets = make_data()
    model = nn.Linear(5, classes)
    loss_fn = nn.CrossEntropyLoss() if classes > 1 else nn.BCEWithLogitsLoss()
    before = copy.deepcopy(model.state_dict())
    loader, optimizer = make_loader(inputs, change(targets)), optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match=re.escape(f"step 1: expected targets of shape {says}; ")):
        fit(model, loader, loader, loss_fn, optimizer, 1)
    assert all(map(torch.equal, model.state_dict().values(), before.values()))


@pytest.mark.parametrize("value", [math.nan, -0.5, 1.5, 2.0])
def test_a_target_for_one_logit_that_is_no_probability_stops_at_its_step(value):
    logits, targets = torch.zeros(4, 1), torch.ones(4, 1)
    targets[2] = value
    with pytest.raises(ValueError, match=r"^step 1: expected labels from 0 to 1, got .+; number"):
        guard(F.binary_cross_entropy_with_logits)(logits, targets)


def test_a_batch_of_one_that_was_squeezed_to_a_number_is_refused():
    with pytest.raises(ValueError, match=r"expected targets of shape \(\), got \(1,\); reshape"):
        guard(F.binary_cross_entropy_with_logits)(torch.zeros(1, 1).squeeze(), torch.zeros(1))


def test_batch_norm_wants_more_than_one_example_a_batch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, CLASSES), nn.BatchNorm1d(CLASSES))
    data = TensorDataset(*make_data(9))
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        run(model, DataLoader(data, BATCH), make_loader(*make_data(9, 1)))
    history = run(model, DataLoader(data, BATCH, drop_last=True), make_loader(*make_data(9, 1)))
    assert math.isfinite(history["valid_loss"][-1])
    assert "drop_last=True" in fit.__doc__


ANOTHER = r"^the optimizer holds parameters of another model; make it of this one's$"


def test_an_optimizer_of_another_model_is_refused():
    loader, other = make_loader(*make_data()), copy.deepcopy(make_model())
    optimizer = optim.SGD(other.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=ANOTHER):
        fit(make_model(), loader, loader, nn.CrossEntropyLoss(), optimizer, 1)


def test_an_optimizer_from_before_the_head_was_replaced_is_refused():
    loader, model = make_loader(*make_data()), make_model()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    model[3] = nn.Linear(8, CLASSES)
    with pytest.raises(ValueError, match=ANOTHER):
        fit(model, loader, loader, nn.CrossEntropyLoss(), optimizer, 1)


def test_an_optimizer_of_a_part_of_the_model_is_right():
    model = make_model()
    before = copy.deepcopy(model)
    optimizer = optim.SGD([{"params": [p]} for p in model[3].parameters()], lr=0.1)
    loader = make_loader(*make_data())
    fit(model, loader, loader, nn.CrossEntropyLoss(), optimizer, 1, show=False)
    assert torch.equal(model[0].weight, before[0].weight)
    assert not torch.equal(model[3].weight, before[3].weight)


def test_an_optimizer_of_more_than_the_model_is_right():
    model, scale = make_model(), torch.ones((), requires_grad=True)
    optimizer = optim.SGD([*model.parameters(), scale], lr=0.1)
    loader = make_loader(*make_data())
    fit(model, loader, loader, lambda z, t: F.cross_entropy(scale * z, t), optimizer, 1, False)
    assert scale.item() != 1
