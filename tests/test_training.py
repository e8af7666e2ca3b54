"""One epoch of training is right for every batch size; an evaluation changes nothing."""

import copy
import math
import warnings

import pytest
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from helpers.device import get_device
from helpers.training import evaluate, train_epoch

COUNT = 23
SIZES = range(1, COUNT + 1)


class Fog(nn.Module):
    """Adds noise in train mode only, and keeps a record of the modes it was called in."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, inputs):
        self.seen.append(self.training)
        return inputs + torch.randn_like(inputs) if self.training else inputs


def make_data(seed=0):
    """Make inputs (23, 3) and targets (23, 1) whose losses differ widely from batch to batch."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(COUNT, 3, generator=generator)
    return inputs, inputs.sum(dim=1, keepdim=True) ** 3 + torch.arange(COUNT).unsqueeze(1)


def make_loader(size=4, **options):
    return DataLoader(TensorDataset(*make_data()), batch_size=size, **options)


def make_model(*parts, device="cpu"):
    torch.manual_seed(0)
    return nn.Sequential(*parts, nn.Linear(3, 1)).to(device)


def still(model):
    """Give an optimizer that moves nothing."""
    return optim.SGD(model.parameters(), lr=0.0)


def exact(model, measure):
    """Average over all examples at once, in float64."""
    inputs, targets = make_data()
    with torch.no_grad():
        return measure(copy.deepcopy(model).double()(inputs.double()), targets.double()).item()


def share_below(outputs, targets):
    """Give an accuracy-like mean as a tensor of its own dtype."""
    return (outputs < targets).double().mean()


# The average


@pytest.mark.parametrize("size", SIZES)
def test_the_training_loss_is_the_mean_over_examples_for_every_batch_size(size):
    model = make_model()
    loss = train_epoch(model, make_loader(size), nn.MSELoss(), still(model))
    assert loss == pytest.approx(exact(model, F.mse_loss), rel=1e-6)


@pytest.mark.parametrize("measure", [nn.MSELoss(), nn.L1Loss(), share_below])
@pytest.mark.parametrize("size", SIZES)
def test_an_evaluation_is_the_mean_over_examples_for_every_batch_size(size, measure):
    model = make_model()
    value = evaluate(model, make_loader(size, shuffle=True), measure)
    assert type(value) is float
    assert value == pytest.approx(exact(model, measure), rel=1e-6)


def test_the_mean_of_batch_means_would_fail_these_tests():
    model, inputs_targets = make_model(), make_loader(4)
    means = [F.mse_loss(model(inputs), targets).item() for inputs, targets in inputs_targets]
    assert sum(means) / len(means) != pytest.approx(exact(model, F.mse_loss), rel=0.01)


def test_a_measure_may_return_a_python_number():
    assert evaluate(make_model(), make_loader(), lambda outputs, targets: len(targets)) == (
        (5 * 4 * 4 + 3 * 3) / COUNT
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_not_averaged_away(bad):
    model = make_model()
    losses = iter([1.0, bad, *[1.0] * 10])
    loss = evaluate(model, make_loader(), lambda outputs, targets: next(losses))
    assert not math.isfinite(loss)


# Training


@pytest.mark.parametrize("size", [1, 4, COUNT])
def test_an_epoch_is_one_step_a_batch(size):
    model, twin = make_model(), make_model()
    optimizer = optim.SGD(twin.parameters(), lr=1e-4)
    losses = []
    for inputs, targets in make_loader(size):
        optimizer.zero_grad()
        loss = F.mse_loss(twin(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(targets))
    own = optim.SGD(model.parameters(), lr=1e-4)
    assert train_epoch(model, make_loader(size), nn.MSELoss(), own) == sum(losses) / COUNT
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_gradient_left_over_does_not_count():
    model, twin = make_model(), make_model()
    F.mse_loss(twin(torch.ones(5, 3)), torch.zeros(5, 1)).backward()
    for each in (model, twin):
        train_epoch(each, make_loader(), nn.MSELoss(), optim.SGD(each.parameters(), lr=1e-4))
    assert torch.equal(model[0].weight, twin[0].weight)


@pytest.mark.parametrize("mode", [True, False])
def test_training_is_in_train_mode_and_stays_there(mode):
    model = make_model(Fog()).train(mode)
    train_epoch(model, make_loader(), nn.MSELoss(), still(model))
    assert model[0].seen == [True] * 6
    assert all(module.training for module in model.modules())


# What an evaluation leaves alone


def frozen_part(model):
    model.train()[0].eval()


def only_the_last_trains(model):
    model.eval()[-1].train()


ARRANGE = [nn.Module.train, nn.Module.eval, frozen_part, only_the_last_trains]


def fails(outputs, targets):
    torch.rand(1)
    raise RuntimeError("no such measure")


@pytest.mark.parametrize("arrange", ARRANGE)
def test_every_module_keeps_its_mode(arrange):
    model = make_model(nn.Sequential(Fog(), nn.BatchNorm1d(3)), Fog())
    arrange(model)
    modes = [module.training for module in model.modules()]
    evaluate(model, make_loader(), nn.MSELoss())
    assert [module.training for module in model.modules()] == modes
    assert not any(model[1].seen) and len(model[1].seen) == 6
    with pytest.raises(RuntimeError, match="no such measure"):
        evaluate(model, make_loader(), fails)
    with pytest.raises(ValueError, match="yields no batch"):
        evaluate(model, [], nn.MSELoss())
    assert [module.training for module in model.modules()] == modes


def draws(outputs, targets):
    return torch.rand(7).mean()


@pytest.mark.parametrize("measure", [nn.MSELoss(), draws, fails])
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"generator": torch.Generator()}])
def test_the_random_state_is_as_before(options, measure):
    model, loader = make_model(Fog()), make_loader(**options)
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    if measure is fails:
        with pytest.raises(RuntimeError, match="no such measure"):
            evaluate(model, loader, measure)
    else:
        evaluate(model, loader, measure)
    assert torch.equal(torch.rand(4), expected)


def test_so_is_that_of_the_models_device():
    model = make_model(device=get_device())
    device = next(model.parameters()).device

    def draw(*_):
        return torch.rand(4, device=device).mean()

    torch.manual_seed(5)
    expected = draw()
    torch.manual_seed(5)
    evaluate(model, make_loader(), draw)
    assert torch.equal(draw(), expected)


def train_twice(between):
    """Train two epochs over a shuffling loader and do something in between."""
    model, loader = make_model(Fog()), make_loader(shuffle=True)
    optimizer = optim.Adam(model.parameters())
    torch.manual_seed(1)
    train_epoch(model, loader, nn.MSELoss(), optimizer)
    between(model, loader)
    train_epoch(model, loader, nn.MSELoss(), optimizer)
    return model[-1].weight


def test_training_goes_on_as_if_nobody_had_looked():
    unseen = train_twice(lambda model, loader: None)
    seen = train_twice(lambda model, loader: evaluate(model, loader, nn.MSELoss()))
    disturbed = train_twice(lambda model, loader: list(loader))
    assert torch.equal(seen, unseen)
    assert not torch.equal(disturbed, unseen)


def test_gradients_parameters_and_buffers_are_untouched():
    model = make_model(nn.BatchNorm1d(3))
    model[1].bias.requires_grad_(False)
    F.mse_loss(model(make_data()[0]), make_data()[1]).backward()
    state = copy.deepcopy(model.state_dict())
    before = [(p.grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    flags = [p.requires_grad for p in model.parameters()]
    evaluate(model, make_loader(), nn.MSELoss())
    for (same, values), parameter in zip(before, model.parameters(), strict=True):
        assert parameter.grad is same
        assert same is None or torch.equal(same, values)
    assert [p.requires_grad for p in model.parameters()] == flags
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_an_evaluation_records_no_graph():
    seen = []

    def measure(outputs, targets):
        seen.append((outputs.requires_grad, torch.is_inference_mode_enabled()))
        return outputs.mean()

    evaluate(make_model(), make_loader(), measure)
    assert set(seen) == {(False, True)}
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


def test_a_machine_with_several_cards_gives_no_warning(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(make_model(), make_loader(), nn.MSELoss())


# Devices


class Elsewhere:
    """A batch on another device, which counts how often it is brought over."""

    def __init__(self, tensor, log):
        self.tensor, self.log = tensor, log

    def to(self, device):
        self.log.append(device)
        return self.tensor.to(device)

    def __len__(self):
        return len(self.tensor)


def test_both_halves_of_a_batch_go_to_the_models_device():
    device = get_device()
    model, log = make_model(device=device), []
    loader = [
        (Elsewhere(inputs, log), Elsewhere(targets, log)) for inputs, targets in make_loader()
    ]
    train_epoch(model, loader, nn.MSELoss(), still(model))
    evaluate(model, loader, nn.MSELoss())
    assert len(log) == 4 * len(loader)
    here = next(model.parameters()).device
    assert here.type == device.type and set(log) == {here}


# No batch


@pytest.mark.parametrize("loader", [[], make_loader(COUNT + 1, drop_last=True)])
def test_a_loader_without_a_batch_is_an_error(loader):
    model = make_model()
    with pytest.raises(ValueError, match="yields no batch; is its dataset smaller than one batch"):
        train_epoch(model, loader, nn.MSELoss(), still(model))
    with pytest.raises(ValueError, match="yields no batch; is its dataset smaller than one batch"):
        evaluate(model, loader, nn.MSELoss())
