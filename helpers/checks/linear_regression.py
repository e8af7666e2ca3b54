"""Checks for the exercises of lesson 04, linear regression."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import difference
from helpers.checks.judge import judge, probe


@exercise
def average_loss(attempt: Attempt) -> None:
    """The mean over all examples, from batch means and batch sizes."""
    for sizes in ([5, 2], [64, 64, 9], [1, 30, 4, 4, 2], [8, 8, 8, 1]):
        sizes = torch.tensor(sizes, device=attempt.device)
        means = attempt.randn(len(sizes)).abs() * 3 + 4 / sizes  # small batches stand out
        total, count = (means * sizes).sum(), sizes.sum()
        mistakes = [
            (means.mean(), "you averaged batch means; the smaller batches count too much"),
            (means.sum(), "you added up means; weight each by its size and divide"),
            (total, "that is the sum of all losses; divide by the number of examples"),
            (total / len(sizes), "you divided by the number of batches, not of examples"),
            (means.sum() / count, "multiply each mean by its size before you add up"),
            ((means / sizes).sum(), "a larger batch should count more, not less"),
            (means[:-1].mean(), "you left out the last batch; it counts, by its size"),
            ((total / count).item(), "return a tensor of shape (), not a Python number"),
        ]
        mistakes.append((count / total, "the wrong way up: the sum of losses by the examples"))
        got, right = attempt(means, sizes), total / count
        attempt.recognise(got, right, mistakes)
        if isinstance(got, torch.Tensor):
            say = f"the mean is one number, shape (); yours has shape {tuple(got.shape)}"
            attempt.require(got.ndim == 0, say)
            attempt.require(
                torch.isclose(got.float(), right, rtol=1e-4, atol=1e-5),
                f"{count} examples have losses that add up to {total:.4g}: {right:.4g} on average, "
                f"not {got:.4g}",
            )
        attempt.expect(got, right)
    for means, sizes, where in [
        (attempt.randn(3), [4, 2, 7], "means are below 0"),
        (attempt.randn(3).abs() / 100, [4, 2, 7], "means are small: return them unrounded"),
        (attempt.randn(3).abs() * 900, [4, 2, 7], "means are large"),
        (attempt.randn(1), [9], "there is one batch"),
        (attempt.randn(1).abs() + 1, [1], "there is one example"),
        (attempt.randn(40).abs() + 1, range(1, 41), "there are 40 batches"),
        (attempt.randn(3).abs() + 1, [60_000, 200, 40_000], "batches are large"),
    ]:
        sizes = torch.tensor(list(sizes), device=attempt.device)
        right = (means * sizes).sum() / sizes.sum()
        probe(attempt, [((means, sizes), right, f"wrong where {where}")], rtol=1e-5)


@exercise
def standardise(attempt: Attempt) -> None:
    """Inputs scaled by the training statistics, one mean and one deviation a feature."""
    for patients, others, features in [(7, 5, 3), (6, 6, 6), (9, 4, 1), (5, 1, 5)]:
        scale = attempt.randn(features).abs() + 1
        train = attempt.randn(patients, features) * scale + 5 * attempt.randn(features)
        inputs = attempt.randn(others, features) * 3 * scale + 5 * attempt.randn(features)
        mean, std = train.mean(dim=0), train.std(dim=0)
        got = attempt(train, inputs, errors=_ROW_ERRORS)
        every = torch.cat([train, inputs])
        leaked = (inputs - every.mean(dim=0)) / every.std(dim=0)
        right = (inputs - mean) / std
        mistakes = [
            (leaked, "leakage: your statistics come from both tables; use the training one alone"),
            ((train - mean) / std, "you scaled the training table; `inputs` is to be scaled"),
            ((inputs - train.mean()) / train.std(), "one mean for all; take one for each feature"),
            ((inputs - mean) / train.std(), "one deviation for all; take one for each feature"),
            (inputs - mean, "the mean is gone; now divide by the standard deviation"),
            (inputs / std, "you divided, but did not subtract the mean first"),
            (inputs - mean / std, "only the mean was divided; put brackets around the difference"),
            ((inputs - mean) / std**2, "you divided by the variance; its root is the deviation"),
            (
                (inputs - mean) / train.std(dim=0, correction=0),
                "your std divides by n; use plain `std`, which divides by n − 1",
            ),
            ((right, right), "return `inputs` only, not a pair"),
        ]
        if others > 1:
            own_mean, own_std = inputs.mean(dim=0), inputs.std(dim=0)
            both = "you used the inputs' own statistics; new patients must not choose the scale"
            mistakes += [
                ((inputs - own_mean) / own_std, both),
                ((inputs - own_mean) / std, "the mean is the inputs' own; take the training mean"),
                ((inputs - mean) / own_std, "the deviation is the inputs' own, not the training's"),
            ]
        if patients == features:
            rows = (inputs - train.mean(dim=1)) / train.std(dim=1)
            mistakes.append((rows, "those are statistics of patients; `dim` is what disappears"))
        if features == others:
            across = (inputs - inputs.mean(dim=1, keepdim=True)) / inputs.std(dim=1, keepdim=True)
            mistakes.append((across, "you scaled each patient; scale each feature"))
        attempt.recognise(got, right, mistakes)
        if isinstance(got, torch.Tensor) and got.dtype == right.dtype:
            shape = tuple(got.shape)
            say = f"the inputs keep their shape, {tuple(right.shape)}; yours has {shape}"
            attempt.require(got.shape == right.shape, say)
            place = f"{inputs[0, 0]:.4g} in feature 0, whose training mean is {mean[0]:.4g} and "
            attempt.require(
                torch.isclose(got[0, 0], right[0, 0], rtol=1e-3, atol=1e-4),
                f"{place}deviation {std[0]:.4g}, becomes {right[0, 0]:.4g}; yours {got[0, 0]:.4g}",
            )
        attempt.expect(got, right)
    plain, inputs = attempt.randn(6, 3), attempt.randn(4, 3)
    for train, given, where in [
        (plain + 2, inputs, "it was called with a table of the same shape before"),
        (plain - 2, inputs, "it was called with a table of the same shape before"),
        (plain / 1000, inputs / 1000, "numbers lie close together"),
        (plain, 500 * inputs, "inputs lie far from the training inputs"),
        (attempt.randn(3, 9), attempt.randn(4, 9), "there are more features than patients"),
        (attempt.randn(2, 3), inputs, "there are two patients to train on"),
        (attempt.randn(40, 3), attempt.randn(50, 3), "there are many patients"),
        (attempt.randn(5, 1), attempt.randn(1, 1), "there is one patient with one feature"),
    ]:
        right = (given - train.mean(dim=0)) / train.std(dim=0)
        probe(attempt, [((train, given), right, f"wrong where {where}")])


_ROW_ERRORS = {
    "must match the size of tensor b": "your statistics do not fit the inputs: they should have "
    "one number for each feature; `dim` names what disappears",
}


@exercise
def r_squared(attempt: Attempt) -> None:
    """One minus the residuals' squares over the targets' squared distance from their mean."""
    cases = []
    for n in (5, 8, 30):
        targets, noise = 3 * _standard(attempt.randn(n)) + 4, _standard(attempt.randn(n))
        shift = 1 + attempt.randn(1).abs().clamp(max=2)
        if n == 8:
            shift = 2 * targets.std()  # so far off that R² is below 0
        predictions = (0.7 * targets + noise - (noise + 0.7 * targets).mean()).unsqueeze(1)
        predictions = predictions + targets.mean() + shift  # another mean than that of the targets
        flat = predictions.squeeze(1)
        left = ((targets - flat) ** 2).sum()
        spread = ((targets - targets.mean()) ** 2).sum()
        right = 1 - left / spread
        crossed = (targets - predictions) ** 2  # (n, n)
        centred, own = targets - targets.mean(), flat - flat.mean()
        correlation = (centred * own).sum() / (spread * (own**2).sum()).sqrt()
        shape = "(n, 1) and (n,) broadcast to (n, n); bring both to one shape first"
        around = "measure the distances from the mean of the targets, not of the predictions"
        mistakes = [
            (1 - crossed.sum() / spread, shape),
            (1 - crossed.mean() / (spread / n), shape),
            (1 - left / (own**2).sum(), around),
            (1 - left / ((targets - flat.mean()) ** 2).sum(), around),
            (left / spread, "that is the share which is left; subtract it from 1"),
            (1 - left / targets.var(), "you divided a sum by a mean of squares; use two sums"),
            (1 - (left / n) / targets.var(), "`var` divides by n - 1 and `mean` by n; use sums"),
            (1 - (left / spread).sqrt(), "no root: R² compares squares"),
            (1 - left / (targets**2).sum(), "subtract the mean of the targets before you square"),
            (correlation**2, "that is the squared correlation, which forgives a wrong scale"),
            (right.clamp(min=0), "R² may be negative; return it as it is"),
            (right.abs(), "R² may be negative; return it as it is"),
            (right.reshape(1), "return shape (): one number without a dimension"),
            (right.item(), "return a tensor of shape (), not a Python number"),
        ]
        mistakes += [
            (spread / left, "the wrong way up, and to be subtracted from 1"),
            (1 - spread / left, "the wrong way up: what is left, by the spread of the targets"),
            (1 + left / spread, "subtract the share that is left from 1"),
            (left / spread - 1, "subtract the share that is left from 1, not 1 from it"),
            (1 - left * spread, "divide by the spread of the targets"),
            (1 - left, "divide what is left by the spread of the targets"),
        ]
        cases.append(((predictions, targets), right, mistakes))

    def by_parts(got: object, inputs: Sequence) -> None:
        left = ((inputs[1] - inputs[0].squeeze(1)) ** 2).sum()
        spread = ((inputs[1] - inputs[1].mean()) ** 2).sum()
        right = 1 - left / spread
        if isinstance(got, torch.Tensor):
            say = f"R² is one number, shape (); yours has shape {tuple(got.shape)}"
            attempt.require(got.ndim == 0, say)
            attempt.require(
                torch.isclose(got.float(), right, rtol=1e-3, atol=1e-4),
                f"the residuals' squares add up to {left:.4g}, those of the targets' distances "
                f"from their mean to {spread:.4g}: R² is 1 minus the first by the second, "
                f"{right:.4g}; yours is {got:.4g}",
            )

    judge(attempt, cases, otherwise=by_parts)
    targets, noise = attempt.randn(9), attempt.randn(9)
    targets = targets - targets.mean()
    for known, said, where in [
        (targets - 7, targets - 7 + noise, "the targets' mean is below 0"),
        (targets, targets + noise, "the targets' mean is 0"),
        (targets, targets.clone(), "every prediction is right: R² is 1"),
        (targets, targets + 0.1 * noise, "R² is nearly 1"),
        (targets / 100, (targets + noise) / 100, "the targets lie close together"),
        (targets, targets + 60, "R² is far below 0"),
        (targets - 60, targets + 60 * noise, "predictions are far off"),
        (attempt.randn(2), attempt.randn(2), "there are two examples"),
        (attempt.randn(70), attempt.randn(70), "there are 70 examples"),
    ]:
        if len(known) == 2:
            known = known.cumsum(0) + torch.arange(2, device=attempt.device)
            said = known + 0.5
        right = 1 - ((known - said) ** 2).sum() / ((known - known.mean()) ** 2).sum()
        probe(attempt, [((said.unsqueeze(1), known), right, f"wrong where {where}")])
    known = torch.arange(3.0, device=attempt.device)  # their squares add up to 2 around the mean
    said = known + torch.eye(3, device=attempt.device)[0] * math.sqrt(4 / 3)
    right = torch.tensor(1 / 3, device=attempt.device)
    say = "wrong where R² is a third: return it unrounded"
    probe(attempt, [((said.unsqueeze(1), known), right, say)], rtol=1e-6)


def _standard(numbers: torch.Tensor) -> torch.Tensor:
    return (numbers - numbers.mean()) / numbers.std()


class _Restless(nn.Module):
    """Adds 1 in train mode only, and counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.steps += self.training
        return inputs + 1 if self.training else inputs


@exercise
def predict(attempt: Attempt) -> None:
    """The outputs in eval mode, without a graph; every mode afterwards as before."""
    cases = [(True, True, 6, 2), (True, False, 4, 1), (False, False, 1, 3), (False, True, 1, 1)]
    for training, frozen, rows, outputs in cases:
        features = attempt.pick(2, 5)
        layer = nn.Linear(features, outputs)
        layer.bias.requires_grad_(rows > 1)  # a part that is frozen on purpose
        graphs = []
        layer.register_forward_hook(
            lambda module, given, result, graphs=graphs: graphs.append(result.requires_grad)
        )
        inner = nn.Sequential(_Restless(), nn.Sequential(nn.Identity(), layer))
        model = nn.Sequential(_Restless(), inner).to(attempt.device)
        model.train(training)
        inner.train(training != frozen)  # a part in the other mode
        inner[1][0].training = training  # and a part of that part
        inner[1].training = not inner[1].training
        modes = [module.training for module in model.modules()]
        marks = [parameter.requires_grad for parameter in model.parameters()]
        inputs = attempt.randn(rows, features)
        with torch.no_grad():
            right = layer(inputs)
            as_is = model(inputs)
            restless = layer(inputs + 1), layer(inputs + 2)
        graphs.clear()
        if rows > 1:  # what the caller has not used yet
            layer.weight.grad = torch.ones_like(layer.weight)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        got = attempt(model, inputs, errors=_PREDICT_ERRORS)
        say = "the outputs are those of train mode; switch to `eval()` before you compute"
        mistakes = [(wrong, say) for wrong in (as_is, *restless)]
        mistakes.append((right.squeeze(), "return the outputs in the model's own shape"))
        attempt.expect(got, right, mistakes)
        attempt.require(not got.requires_grad, "your outputs carry a graph; compute without one")
        attempt.require(
            marks == [parameter.requires_grad for parameter in model.parameters()],
            "you froze or unfroze parameters for good; compute inside `torch.inference_mode()`",
        )
        if rows > 1:
            grad, layer.weight.grad = layer.weight.grad, None
            kept = grad is not None and grad.any()
            attempt.require(kept, "you cleared gradients that the parameters had before")
            say = "you left gradients in the parameters; nothing here needs backward()"
            attempt.require((grad == 1).all(), say)
        attempt.require(
            all(parameter.grad is None for parameter in model.parameters()),
            "you left gradients in the parameters; nothing here needs backward()",
        )
        after = model.state_dict()
        attempt.require(
            list(after) == list(before)
            and all(difference(after[name], before[name], rtol=0) is None for name in before),
            "you changed the model's parameters or buffers; a call in train mode may, too",
        )
        attempt.require(
            not any(graphs),
            "a graph was recorded and cut off afterwards; compute inside `torch.inference_mode()`",
        )
        now = [module.training for module in model.modules()]
        attempt.require(any(now) or not any(modes), "you left the model in eval mode")
        attempt.require(
            now == modes,
            "some parts are in another mode than before; `train()` switches every part, so put "
            "each module's own `training` back",
        )


_PREDICT_ERRORS = {
    "has no attribute 'training'": "ask modules, not parameters, for their mode",
}


@exercise
def closed_form(attempt: Attempt) -> None:
    """The weights and the bias with the least squared error, in float64."""
    for n, features in [(9, 1), (12, 3), (40, 6), (7, 4)]:
        weights = attempt.randn(features).cpu().double()
        # columns that are never nearly alike, and that are not at right angles either
        centred = attempt.randn(n, features).cpu().double()
        apart = torch.linalg.qr(centred - centred.mean(dim=0)).Q * n**0.5
        inputs = apart + 0.3 * apart.sum(dim=1, keepdim=True) + 2
        targets = inputs @ weights + 3 + 0.5 * attempt.randn(n).cpu().double()
        ones = torch.ones(n, 1, dtype=torch.float64)
        full = torch.cat([inputs, ones], dim=1)
        solution = torch.linalg.lstsq(full, targets.unsqueeze(1)).solution
        right = solution[:-1, 0], solution[-1, 0]
        through = torch.linalg.lstsq(inputs, targets.unsqueeze(1)).solution[:, 0]
        got = attempt(inputs, targets, errors=_CLOSED_ERRORS)
        zero = torch.zeros((), dtype=torch.float64)
        wide = "the weights should have shape (features,), the bias ()"
        mistakes = [
            (solution, "return two tensors, the weights and the bias"),
            (solution[:, 0], "return two tensors, the weights and the bias"),
            ((through, zero), "your line passes through 0; add a column of ones for the bias"),
            ((through, targets.mean()), "the bias is not the targets' mean; add a column of ones"),
            (
                (through, (targets - inputs @ through).mean()),
                "weights and bias must be fitted together; add a column of ones",
            ),
            ((solution[1:, 0], solution[0, 0]), "the bias stands where you put the ones"),
            (right[::-1], "the weights come first, then the bias"),
            ((solution[:-1], solution[-1]), wide),
            ((solution[:-1], solution[-1, 0]), wide),
            ((solution[:-1, 0], solution[-1]), wide),
            ((right[0], right[1].item()), "return the bias as a tensor of shape ()"),
        ]
        attempt.recognise(got, right, mistakes)
        if isinstance(got, tuple | list) and len(got) == 2:
            tensors = all(isinstance(part, torch.Tensor) for part in got)
            attempt.require(tensors, "weights and bias are two tensors")
            for own, known, what in zip(got, right, ("weights", "bias"), strict=True):
                shape = tuple(known.shape)
                say = f"the {what} should have shape {shape}; yours has {tuple(own.shape)}"
                attempt.require(own.shape == known.shape, say)
            if {part.dtype for part in got} == {torch.float64}:
                error = ((inputs @ got[0] + got[1] - targets) ** 2).sum()
                least = ((inputs @ right[0] + right[1] - targets) ** 2).sum()
                attempt.require(
                    torch.isclose(error, least, rtol=1e-4),
                    f"the squared errors of your answer add up to {error:.4g}; the least possible "
                    f"is {least:.4g}: `lstsq` finds it for the inputs and a column of ones",
                )
        attempt.expect(got, right)
    plain = torch.randn(30, 8, generator=attempt.generator, dtype=torch.float64)
    noise = torch.randn(90, generator=attempt.generator, dtype=torch.float64)
    weights = torch.linspace(-3, 3, 8, dtype=torch.float64)
    for inputs, bias, where in [
        (plain[:20, :3] + 1, 3, "an answer must be exact: it is only nearly right"),
        (plain[:20, :3] + 1, -7, "the bias is below 0"),
        (plain[:20, :3] - 5, 2, "the inputs are below 0"),
        (plain[:20, :3] / 50, 2, "the weights are large"),
        (plain[:20, :3] + 1, 900, "the bias is large"),
        (plain, 2, "there are eight features"),
        (plain.reshape(-1, 3), 2, "there are eighty examples"),
        (plain[:4, :3], 2, "there are as many unknown numbers as examples"),
    ]:
        n, features = inputs.shape
        slopes = weights[:features] * (50 if "weights" in where else 1)
        targets = inputs @ slopes + bias + noise[:n] / 5
        full = torch.cat([inputs, torch.ones(n, 1, dtype=torch.float64)], dim=1)
        solution = torch.linalg.lstsq(full, targets.unsqueeze(1)).solution[:, 0]
        right = solution[:-1], solution[-1]
        probe(attempt, [((inputs, targets), right, f"wrong where {where}")], rtol=1e-7)


_CLOSED_ERRORS = {
    "Tensors must have same number": "the ones need two dimensions, (n, 1)",
    "Sizes of tensors must match": "the ones are a column: shape (n, 1), joined along dim=1",
    "same dtype": "the ones must have the inputs' dtype; see Hint 1",
    "square matrices": "`solve` wants a square table: X.T @ X on the left, X.T @ y on the right",
}
