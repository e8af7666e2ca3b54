"""Checks for the exercises of lesson 16, debugging: each trains by what was repaired."""

import copy
import math
from collections.abc import Callable

import torch
from torch import nn, optim
from torch.nn import functional as F

from helpers.checks import broken
from helpers.checks.attempt import Attempt, exercise

Pairs = tuple[torch.Tensor, torch.Tensor]


def _clusters(attempt: Attempt, n: int, classes: int, features: int) -> Pairs:
    """Make a problem: class c lies around +3 and -3 on axis c, so no straight border divides it."""
    targets = torch.arange(n) % classes
    targets = targets[torch.randperm(n, generator=attempt.generator)].to(attempt.device)
    side = 2.0 * attempt.randint(0, 2, (n, 1)) - 1
    centres = 3 * F.one_hot(targets, features) * side
    return centres + 0.5 * attempt.randn(n, features), targets


def _blobs(attempt: Attempt, n: int, classes: int, features: int) -> Pairs:
    """Make an easier problem: class c lies around 3 on axis c."""
    inputs, targets = _clusters(attempt, n, classes, features)
    return torch.where(F.one_hot(targets, features) > 0, inputs.abs(), inputs), targets


def _train(
    model: nn.Module,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    steps: int = 150,
    optimizer: optim.Optimizer | None = None,
    loss_fn: Callable = F.cross_entropy,
) -> float:
    """Train on all examples at once; return the last loss."""
    optimizer = optimizer or optim.Adam(model.parameters(), lr=0.03)
    for _ in range(steps):
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def _share(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    with torch.no_grad():
        return (model(inputs).argmax(dim=1) == targets).float().mean().item()


def _is_number(attempt: Attempt, got: object, what: str) -> None:
    kind = "a tensor; .item() gives its number" if isinstance(got, torch.Tensor) else ""
    kind = kind or type(got).__name__
    attempt.require(type(got) in (float, int), f"return {what} as a Python float, not {kind}")


@exercise(given=broken.shuffle_pairs)
def shuffle_pairs(attempt: Attempt) -> None:
    """The same pairs, in a new order each time."""
    for n, classes, features in [(90, 3, 4), (160, 5, 5)]:
        inputs, targets = _blobs(attempt, n, classes, features)
        got = attempt(inputs, targets)
        pair = isinstance(got, tuple | list) and len(got) == 2
        pair = pair and all(isinstance(part, torch.Tensor) for part in got)
        attempt.require(pair, "return two tensors, the inputs and the targets")
        shapes = [part.shape for part in got] == [inputs.shape, targets.shape]
        attempt.require(shapes, "return as many inputs and targets as came in, of the same shapes")
        new_inputs, new_targets = got
        origin = (new_inputs.unsqueeze(1) == inputs).all(dim=2)  # (new, old)
        attempt.require(
            (origin.sum(dim=0) == 1).all() and (origin.sum(dim=1) == 1).all(),
            "each input must come back once; some are lost, repeated or changed",
        )
        order = origin.int().argmax(dim=1)
        right = int((targets[order] == new_targets).sum())
        model = nn.Linear(features, classes).to(attempt.device)
        if right < n:
            loss = _train(model, new_inputs, new_targets, steps=60)
            attempt.require(
                False,
                f"only {right} of {n} inputs still have their own label, and a training on your "
                f"pairs stays at loss {loss:.2f}; one order must serve both tensors",
            )
        still = (order == torch.arange(n, device=order.device)).float().mean().item()
        attempt.require(still < 0.5, "the pairs come back in the order in which they came")
        steps = (order.diff() % n == 1).float().mean().item()  # as in a list that is only turned
        say = "most pairs still follow the pair that they followed before; draw a random order"
        attempt.require(steps < 0.5, say)
        again = attempt(inputs, targets)[0]
        attempt.require(not torch.equal(again, new_inputs), "each call must draw a new order")
        _train(model, new_inputs, new_targets, steps=60)
        attempt.require(_share(model, inputs, targets) > 0.9, "a model cannot learn your pairs")


@exercise(given=broken.make_classifier)
def make_classifier(attempt: Attempt) -> None:
    """A model with one hidden layer that gives logits."""
    for classes, features in [(4, 6), (3, 5)]:
        inputs, targets = _clusters(attempt, 150, classes, features)
        model = attempt(features, classes)
        attempt.require(isinstance(model, nn.Module), "return the model, an nn.Module")
        model = model.to(attempt.device)
        outputs = model(inputs)
        say = f"for {len(inputs)} inputs expected outputs of shape ({len(inputs)}, {classes})"
        attempt.require(outputs.shape == (len(inputs), classes), say)
        loss = _train(model, inputs, targets)
        outputs = model(inputs)
        floor = math.log(1 + (classes - 1) / math.e)
        if outputs.min() >= 0 and outputs.sum(dim=1).sub(1).abs().max() < 1e-3:
            attempt.require(
                False,
                f"after training the loss is still {loss:.2f}: the outputs are probabilities, and "
                f"softmax of those never gets below a loss of {floor:.2f} for {classes} classes",
            )
        attempt.require(
            loss < 0.25,
            f"after 150 steps the loss is still {loss:.2f}; outputs for nn.CrossEntropyLoss are "
            "logits, any numbers, from two linear layers with a ReLU between them",
        )


@exercise(given=broken.even_out)
def even_out(attempt: Attempt) -> None:
    """Every image on its own, with mean 0."""
    for n, pixels in [(120, 8), (9, 9), (1, 6)]:
        inputs, targets = _blobs(attempt, n, min(4, n), pixels)
        images = inputs + 3 * attempt.randn(n, 1)
        got = attempt(images, errors=_EVEN_ERRORS)
        shape = isinstance(got, torch.Tensor) and got.shape == images.shape
        attempt.require(shape, f"return a tensor of the images' shape, {tuple(images.shape)}")
        mean = images.mean(dim=1, keepdim=True)
        if n == 9:  # as many images as pixels: the wrong shape fits as well
            say = "the means of the images lie along the wrong dimension; keepdim=True keeps it"
            attempt.recognise(got, images - mean, [(images - mean.squeeze(1), say)])
        if n > 1 and not torch.allclose(attempt(images[:1]), got[:1], atol=1e-3):
            model = nn.Linear(pixels, 4).to(attempt.device)
            _train(model, got, targets, steps=60)
            alone = torch.cat([attempt.run(image) for image in images.split(1)])
            together, single = _share(model, got, targets), _share(model, alone, targets)
            attempt.require(
                False,
                "an image alone comes out otherwise than among others: a model trained on your "
                f"images reads {together:.0%} of them together and {single:.0%} one by one; take "
                "the mean over each image's own pixels",
            )
        mistakes = [
            (mean.expand_as(images), "that is the mean itself; subtract it from the images"),
            (mean - images, "subtract the mean from the image, not the image from the mean"),
            (images + mean, "the mean is to be subtracted"),
            ((images - mean) / images.std(dim=1, keepdim=True), "only the mean is to change"),
        ]
        attempt.expect(got, images - mean, mistakes)


_EVEN_ERRORS = {
    "must match the size of tensor b": "one mean an image has shape (images,); with keepdim=True "
    "it is (images, 1), which fits",
}


@exercise(given=broken.squared_loss)
def squared_loss(attempt: Attempt) -> None:
    """The mean over n squares, not n times n."""
    for n in (40, 7, 1):
        inputs = attempt.randn(n, 2)
        targets = 3 * inputs[:, 0] - 2 * inputs[:, 1] + 1 + 0.1 * attempt.randn(n)
        model = nn.Linear(2, 1).to(attempt.device)
        predictions = model(inputs).detach()
        right = F.mse_loss(predictions.squeeze(1), targets)
        got = attempt(predictions, targets)
        crossed = ((predictions - targets) ** 2).mean()
        say = "(n, 1) minus (n,) is (n, n), so every prediction meets every target"
        if n > 2 and isinstance(got, torch.Tensor) and got.shape == () and got.isclose(crossed):
            optimizer = optim.SGD(model.parameters(), lr=0.1)
            _train(model, inputs, targets, optimizer=optimizer, loss_fn=attempt.run)
            spread = model(inputs).std().item()
            attempt.require(
                False,
                f"{say}: after training the predictions are all alike (they spread by "
                f"{spread:.2f}, the targets by {targets.std().item():.2f})",
            )
        flipped = F.mse_loss(predictions.squeeze(1), targets.flip(0))
        mistakes = [
            (right * n, "that is the sum of the squares; take their mean"),
            (right.sqrt(), "no root: return the mean of the squares"),
            (right.item(), "return a tensor, so that backward() can start from it"),
            (right.reshape(1), "return shape (): one number without a dimension"),
            ((predictions.squeeze(1) - targets) ** 2, "take the mean of the squares"),
            (flipped, "the targets are in another order than the predictions"),
        ]
        attempt.expect(got, right, mistakes)
        if n == 40:
            optimizer = optim.SGD(model.parameters(), lr=0.1)
            loss = _train(model, inputs, targets, optimizer=optimizer, loss_fn=attempt.run)
            attempt.require(loss < 0.1, f"after training by your loss it is still {loss:.2f}")


def _tilted(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Give a loss in which outputs and targets cannot change places."""
    return F.mse_loss(outputs, targets) + 0.1 * outputs.mean()


@exercise(given=broken.run_steps)
def run_steps(attempt: Attempt) -> None:
    """One plain step a batch, each by the gradient of its own batch."""
    for features, count, lr in [(3, 16, 0.2), (5, 11, 0.15)]:
        inputs = attempt.randn(20 * count, features)
        targets = 4 + (3 * inputs).sum(dim=1, keepdim=True) + 0.3 * attempt.randn(20 * count, 1)
        batches = list(zip(inputs.split(20), targets.split(20), strict=True))
        model = nn.Linear(features, 1).to(attempt.device)

        def steps(
            zero: bool,
            step: bool = True,
            after: bool = False,
            batches: list = batches,
            start: nn.Module = model,
            lr: float = lr,
        ) -> tuple[list[float], nn.Module]:
            twin = copy.deepcopy(start)
            optimizer = optim.SGD(twin.parameters(), lr=lr)
            losses = []
            for some_inputs, some_targets in batches:
                loss = _tilted(twin(some_inputs), some_targets)
                losses.append(loss.item())
                if zero:
                    optimizer.zero_grad()
                loss.backward()
                if step:
                    optimizer.step()
                if after:
                    losses[-1] = _tilted(twin(some_inputs), some_targets).item()
            return losses, twin

        right, reference = steps(zero=True)
        twin = copy.deepcopy(model)
        optimizer = optim.SGD(twin.parameters(), lr=lr)
        got = attempt.run(twin, _tilted, optimizer, batches, errors=_STEP_ERRORS)
        attempt.require(isinstance(got, list), f"return a list, not a {type(got).__name__}")
        grown = (
            f"after {count} steps the gradients of all batches still add up: your loss climbed "
            "to {:.1f}, where fresh gradients end at {:.1f}; clear them before each backward()"
        )
        sick = steps(zero=False)[0]
        mistakes = [
            (sick, grown.format(max(sick[count // 2 :]), right[-1])),
            (steps(zero=True, step=False)[0], "the loss does not fall: no step is taken"),
            (steps(zero=True, after=True)[0], "take each loss before its step, not after"),
            (right[:-1], "one loss is missing: return one for each batch"),
            (right[::-1], "return the losses in the order of the batches"),
        ]
        attempt.expect(got, right, mistakes, rtol=1e-3)
        same = all(map(torch.allclose, twin.parameters(), reference.parameters()))
        attempt.require(same, "the weights after the last step are not those of plain steps")


_STEP_ERRORS = {
    "backward through the graph a second time": "each batch needs its own forward pass",
    "does not require grad": "backward() needs the loss itself, not its number",
}


@exercise(given=broken.prepare_head)
def prepare_head(attempt: Attempt) -> None:
    """The head trains; everything before it stays, bit for bit."""
    for classes, features, wide in [(4, 6, 40), (3, 3, 30)]:
        inputs, targets = _clusters(attempt, 150, classes, features)
        middle = [nn.Linear(wide, wide)] if wide == 40 else []
        parts = [nn.Linear(features, wide), nn.ReLU(), *middle, nn.Linear(wide, classes)]
        model = nn.Sequential(*parts).to(attempt.device)
        before = [parameter.detach().clone() for parameter in model.parameters()]
        twin = copy.deepcopy(model)
        ideal = optim.SGD(twin[-1].parameters(), lr=0.1)
        reached = _train(twin, inputs, targets, 60, ideal)
        optimizer = attempt.run(model, 0.1)
        attempt.require(isinstance(optimizer, optim.Optimizer), "return the optimizer")
        attempt.require(
            any(each.requires_grad for each in model.parameters()),
            "every parameter is frozen; the last layer must train",
        )
        loss = _train(model, inputs, targets, 60, optimizer)
        moved = [
            not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)
        ]
        numbers = f"the loss ends at {loss:.2f} and could reach {reached:.2f}"
        attempt.require(
            any(moved[-2:]),
            "after training, the last layer is bit for bit what it was, and the layers before it "
            f"{'moved' if any(moved) else 'too'}: the wrong part is frozen",
        )
        attempt.require(all(moved[-2:]), "only a part of the last layer trains; it has two tensors")
        attempt.require(
            not any(moved[:-2]),
            f"{sum(moved[:-2])} of the {len(moved) - 2} tensors before the last layer moved in "
            "training; they should have stayed, bit for bit",
        )
        marks = [each.requires_grad for each in list(model.parameters())[:-2]]
        attempt.require(
            not any(marks),
            "the layers before the last stay, but still get gradients: freeze each parameter with "
            "requires_grad_(False)",
        )
        attempt.require(
            abs(loss - reached) < 0.02 * (1 + reached),
            f"{numbers} at this learning rate; the optimizer is plain SGD with the `lr` given",
        )


class _Scaled(nn.Module):
    """Multiplies its inputs by `scale`, then applies a layer that does not train."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(features, classes).requires_grad_(False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs * self.scale)


@exercise(given=broken.add_scale)
def add_scale(attempt: Attempt) -> None:
    """A tensor on the model's list, that moves in training."""
    for features, classes in [(4, 3), (1, 2), (6, 4)]:
        model = _Scaled(features, classes)
        got = attempt.run(model, features)
        attempt.require(got is model, "return the model that came in")
        attempt.require(isinstance(getattr(model, "scale", None), torch.Tensor), "no model.scale")
        start = model.scale.detach().clone()
        attempt.expect(start.cpu(), torch.ones(features))
        optimizer = optim.SGD([*model.parameters()], lr=0.1)
        model = model.to(attempt.device)
        if "scale" not in dict(model.named_parameters()):
            buffer = "scale" in dict(model.named_buffers())
            kind = "a buffer" if buffer else "a plain tensor"
            attempt.require(
                False,
                "after training, scale is still all ones: it is not among model.parameters(), so "
                f"no optimizer knows it. It is {kind}; make it an nn.Parameter",
            )
        attempt.require(
            model.scale.requires_grad, "scale is a parameter, but frozen, so it stays all ones"
        )
        inputs, targets = attempt.randn(30, features), attempt.randint(0, classes, (30,))
        _train(model, inputs, targets, steps=5, optimizer=optimizer)
        attempt.require("scale" in model.state_dict(), "scale is not saved in the state_dict")
        attempt.require(
            not torch.equal(model.scale.detach().cpu(), start.cpu()), "scale is still all ones"
        )


@exercise(given=broken.careful_step)
def careful_step(attempt: Attempt) -> None:
    """Backward, clip, step, in this order."""
    for features, size in [(5, 255.0), (3, 0.01), (7, 50.0)]:
        inputs, targets = size * attempt.randn(40, features).abs(), attempt.randn(40, 1)
        model, lr = nn.Linear(features, 1).to(attempt.device), 0.05
        optimizer = optim.SGD(model.parameters(), lr=lr)
        for _ in range(4):
            before = copy.deepcopy(model)
            twins = {}
            for name in ("clipped", "by value", "unclipped", "unit"):
                twins[name], norm = _stepped(before, inputs, targets, lr, name)
            loss = F.mse_loss(model(inputs), targets)
            got = attempt.run(model, optimizer, loss)
            weights = _flat(model)
            far = (weights - _flat(before)).norm().item()
            attempt.require(far > 0, "the weights did not move: no step was taken")
            if not torch.allclose(weights, twins["clipped"], rtol=1e-4, atol=1e-6):
                small = norm < 1
                if torch.allclose(weights, twins["by value"], rtol=1e-4, atol=1e-6) and not small:
                    say = "you clipped each number of the gradient; clip its norm"
                elif torch.allclose(weights, twins["unit"], rtol=1e-4, atol=1e-6) and small:
                    say = (
                        f"a gradient of norm {norm:.2g} became longer; only one above 1 is clipped"
                    )
                elif far > 1.02 * lr:
                    say = (
                        f"a step moved the weights by {far:.3g}; with a gradient of norm 1 at most "
                        f"and a learning rate of {lr} it is {lr} at most: clip the gradient when "
                        "it is there and before the step uses it"
                    )
                else:
                    say = (
                        f"a step moved the weights by {far:.3g}, where {min(norm, 1) * lr:.3g} was "
                        "expected: one fresh gradient, clipped to norm 1, one step"
                    )
                attempt.require(False, say)
            _is_number(attempt, got, "the norm")
            mistakes = [
                (min(norm, 1.0), "that is the norm after clipping; return the one before"),
                (0.0, "the norm that you return is 0, taken before there was a gradient"),
                (loss.item(), "that is the loss; return the norm of the gradient"),
            ]
            attempt.expect(float(got), norm, mistakes, rtol=1e-3)


def _flat(model: nn.Module) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in model.parameters()])


def _stepped(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, lr: float, how: str
) -> tuple[torch.Tensor, float]:
    """Give the weights after one step of SGD, and the norm of the gradient before clipping."""
    loss = F.mse_loss(model(inputs), targets)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    flat = torch.cat([each.flatten() for each in gradients])
    norm = flat.norm().item()
    moves = {"clipped": flat / max(norm, 1), "by value": flat.clamp(-1, 1), "unclipped": flat}
    moves["unit"] = flat / norm
    return _flat(model) - lr * moves[how], norm


@exercise(given=broken.mean_length)
def mean_length(attempt: Attempt) -> None:
    """Lengths whose gradient is finite also at zero."""
    for n, features in [(5, 3), (4, 4), (1, 2), (6, 1)]:
        rows = attempt.randn(n, features)
        if n > 1:
            rows[n // 2] = 0
        right = rows.norm(dim=1).mean()
        marked = rows.clone().requires_grad_()
        got = attempt.run(marked, errors=_LENGTH_ERRORS)
        ready = isinstance(got, torch.Tensor) and got.shape == () and got.requires_grad
        attempt.require(
            ready or not isinstance(got, torch.Tensor) or got.shape != (),
            "no gradient can flow back through what you return",
        )
        mistakes = [
            (rows.norm(dim=1), "take the mean of the lengths"),
            (rows.norm(dim=1).sum(), "that is the sum of the lengths; take their mean"),
            (rows.norm(), "that is the length of the whole table; take one for each row"),
            ((rows**2).sum(dim=1).mean(), "those are squared lengths; take the root"),
            (rows.abs().sum(dim=1).mean(), "a length is the root of the sum of squares"),
            (right.item(), "return a tensor, so that backward() can start from it"),
        ]
        if n > 1:
            others = rows[rows.norm(dim=1) > 0]
            say = "a row of zeros counts too, with length 0; do not leave it out of the mean"
            mistakes.append((others.norm(dim=1).mean(), say))
        attempt.recognise(got, right, mistakes)
        attempt.expect(got, right, rtol=2e-3)  # a tiny number under the root may be added
        got.backward()
        bad = int((~marked.grad.isfinite()).any(dim=1).sum())
        attempt.require(
            bad == 0,
            f"the value is right, but the gradient of {bad} row is still nan: the slope of the "
            "root is infinite at 0, and infinity times 0 is nan",
        )
        expected = torch.zeros_like(rows)
        there = rows.norm(dim=1) > 0
        expected[there] = rows[there] / rows[there].norm(dim=1, keepdim=True) / n
        say = "the gradient of a row of zeros is not 0"
        attempt.require(marked.grad[~there].abs().sum() < 1e-3, say)
        attempt.expect(marked.grad, expected, rtol=1e-2)
        weights = rows.clone().requires_grad_()
        optimizer = optim.SGD([weights], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            attempt.run(weights).backward()
            optimizer.step()
        attempt.require(weights.isfinite().all(), "after three steps the weights are nan")


_LENGTH_ERRORS = {"does not require grad": "keep the graph: no detach() or no_grad() here"}


class _Notes(list):
    """A list that a copied module shares, because a learner may measure on a copy."""

    def __deepcopy__(self, memo: dict) -> "_Notes":
        return self


class _Watch(nn.Module):
    """Notes in which mode it is called, and whether a graph is recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.modes = _Notes()
        self.graphs = _Notes()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        self.graphs.append(torch.is_grad_enabled())
        return inputs


@exercise(given=broken.measure_accuracy)
def measure_accuracy(attempt: Attempt) -> None:
    """The accuracy in eval mode; the model trains on as before."""
    for classes, features, n in [(4, 6, 83), (3, 4, 57)]:
        inputs, targets = _blobs(attempt, n, classes, features)
        inputs = inputs + 1.2 * attempt.randn(n, features)  # so that no model is perfect
        watch = _Watch()
        parts = [watch, nn.Linear(features, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(0.6)]
        model = nn.Sequential(*parts, nn.Linear(20, classes)).to(attempt.device)
        _train(model, inputs, targets, steps=15)
        right = _share(model.eval(), inputs, targets)
        statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}
        model.train()
        watch.modes.clear()
        watch.graphs.clear()
        got = attempt.run(model, inputs, targets)
        attempt.require(watch.modes, "the model was never asked")
        if any(watch.modes):
            noisy = [_share(model, inputs, targets) for _ in range(4)]
            attempt.require(
                False,
                "the model answers in train mode, where dropout still switches units off: four "
                f"measurements give {', '.join(f'{each:.2f}' for each in noisy)}, and in eval "
                f"mode it is {right:.2f}",
            )
        same = all(torch.equal(buffer, statistics[name]) for name, buffer in model.named_buffers())
        attempt.require(same, "measuring moved the running statistics of batch norm")
        attempt.require(not any(watch.graphs), "a graph is recorded; measure in no_grad()")
        attempt.require(
            all(module.training for module in model.modules()),
            "after measuring, the model is still in eval mode, and would train on without dropout",
        )
        _is_number(attempt, got, "the accuracy")
        mistakes = [
            (1 - right, "that is the share of wrong answers"),
            (right * n, "that is the number of right answers; divide by all"),
            (100 * right, "return a share from 0 to 1, not percent"),
        ]
        attempt.expect(float(got), right, mistakes)


@exercise(given=broken.report_loss)
def report_loss(attempt: Attempt) -> None:
    """One loss, whatever the batch size is."""
    for classes, features, n in [(3, 4, 31), (5, 5, 21)]:
        inputs, targets = _blobs(attempt, n, classes, features)
        inputs[-1] *= -3  # the last example is hard, and often alone in its batch
        model = nn.Linear(features, classes).to(attempt.device)
        _train(model, inputs[:-1], targets[:-1], steps=20)
        right = F.cross_entropy(model(inputs), targets).item()
        before = _flat(model)
        for size in (10, n, 4, 1):
            batches = list(zip(inputs.split(size), targets.split(size), strict=True))
            means = [F.cross_entropy(model(few), some).item() for few, some in batches]
            got = attempt.run(model, batches, F.cross_entropy)
            _is_number(attempt, got, "the loss")
            still = (
                f"{n} examples have the mean loss {right:.3f}; in batches of {size} you report "
                f"{float(got):.3f}, because the last batch counts as much as the others"
            )
            mistakes = [
                (sum(means) / len(means), still),
                (sum(means), "that is the sum of the batches' means"),
                (right * n, "that is the sum of all losses; divide by the number of examples"),
                (right * n / len(batches), "divide by the number of examples, not of batches"),
                (
                    right * n / (len(batches) * size),
                    "the last batch has fewer examples; count them",
                ),
                (means[-1], "that is the last batch alone"),
            ]
            attempt.expect(float(got), right, mistakes, rtol=1e-3)
        attempt.require(torch.equal(before, _flat(model)), "reporting a loss must not train")


@exercise(given=broken.choose_columns)
def choose_columns(attempt: Attempt) -> None:
    """Columns chosen by the training rows alone; coin tosses stay coin tosses."""
    honest, found = [], []
    for n, columns, known in [(70, 120, 30), (60, 200, 40), (50, 90, 25)]:
        inputs = attempt.randn(n, columns) + 0.5 * attempt.randn(columns)
        targets = attempt.randint(0, 2, (n,)).float()
        order = torch.randperm(n, generator=attempt.generator).to(attempt.device)
        train, valid = order[:known], order[known:]
        targets[valid] = (attempt.randn(n - known) > -0.5).float()  # other shares of ones
        right = _strongest(inputs, targets, train)
        got = attempt(inputs, targets, train, errors=_COLUMN_ERRORS)
        if isinstance(got, torch.Tensor) and got.shape == (10,) and got.dtype == torch.int64:
            usable = got.min() >= 0 and got.max() < columns
            attempt.require(usable, "return the numbers of columns, from 0 on")
            say = "you chose a column twice"
            attempt.require(len(set(got.tolist())) == 10, say)
            model = nn.Linear(10, 2).to(attempt.device)
            kept = inputs[:, got]
            _train(model, kept[train], targets[train].long(), steps=60)
            honest.append(_share(model, kept[valid], targets[valid].long()))
            found.append((got, right, inputs, targets, train, valid))
        else:
            attempt.expect(got, right)
    for got, right, inputs, targets, train, valid in found:
        every = torch.arange(len(inputs), device=inputs.device)
        wrong = [
            (_strongest(inputs, targets, every), "all rows"),
            (_strongest(inputs, targets, valid), "the validation rows"),
            (_strongest(inputs, targets, train, targets.mean()), "the mean of all targets"),
        ]
        chosen = set(got.tolist())
        if chosen != set(right.tolist()):
            for columns, which in wrong:
                if chosen == set(columns.tolist()):
                    attempt.require(
                        False,
                        f"the columns are still chosen by {which}: on coin tosses, where nothing "
                        f"can be learned, validation accuracy is {max(honest):.2f}. Rows that "
                        "judge the model must not choose its columns",
                    )
            attempt.expect(got.sort().values, right.sort().values)
        changed = inputs.clone()
        changed[valid] += attempt.randn(len(valid), inputs.shape[1])
        again = attempt(changed, targets, train)
        say = "other validation inputs lead to other columns: a statistic still leaks"
        attempt.require(set(again.tolist()) == chosen, say)


def _strongest(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    rows: torch.Tensor,
    mean: torch.Tensor | None = None,
) -> torch.Tensor:
    """Give the columns that follow the targets best in these rows."""
    targets = targets[rows]
    centred = targets - (targets.mean() if mean is None else mean)
    return (inputs[rows] * centred.unsqueeze(1)).sum(dim=0).abs().topk(10).indices


_COLUMN_ERRORS = {
    "must match the size of tensor b": "inputs and targets have not as many rows any more; take "
    "the training rows of both",
}


@exercise(given=broken.add_noise)
def add_noise(attempt: Attempt) -> None:
    """Noise on the device of the inputs."""
    elsewhere = torch.randn(6, 4, device="meta")  # a device that every machine has
    got = attempt.run(elsewhere, 0.5, errors=_NOISE_ERRORS)
    there = isinstance(got, torch.Tensor) and got.device == elsewhere.device
    attempt.require(there, "the outputs are on another device than the inputs")
    model = nn.Linear(4, 3, device="meta")
    loss = F.cross_entropy(model(got), torch.zeros(6, dtype=torch.int64, device="meta"))
    loss.backward()  # a step of a training on that device
    for shape, strength in [((80, 60), 0.5), ((10, 3, 20, 20), 2.0), ((5000,), 0.1)]:
        inputs = attempt.randn(*shape)
        got = attempt(inputs, strength)
        say = f"return a tensor of the inputs' shape, {shape}"
        attempt.require(isinstance(got, torch.Tensor) and got.shape == shape, say)
        attempt.require(got.device == inputs.device, "the outputs are on another device")
        attempt.require(got.dtype == inputs.dtype, "the outputs have another dtype")
        noise = got - inputs
        mean, std = noise.mean().item(), noise.std().item()
        attempt.require(
            abs(std / strength - 1) < 0.08,
            f"the noise has standard deviation {std:.2f}, not the strength {strength}",
        )
        attempt.require(abs(mean) < 0.1 * strength, f"the noise has mean {mean:.2f}, not 0")
        rare = (noise.abs() > 2 * std).float().mean().item()
        attempt.require(0.02 < rare < 0.08, "the noise is not normal: torch.randn makes that")
        again = attempt(inputs, strength)
        attempt.require(not torch.equal(got, again), "each call must draw new noise")
        alike = noise.flatten()[: len(noise)].std().item()
        attempt.require(alike > 0.2 * strength, "draw a number of its own for each input")


_NOISE_ERRORS = {
    "device meta": "on another device than the CPU the training still stops: the noise is made on "
    "the CPU, and the inputs are elsewhere",
    "meta tensors": "on another device than the CPU the training still stops: an operation asks "
    "for numbers on the CPU",
    "out of meta tensor": "on another device than the CPU the training still stops: leave the "
    "inputs where they are",
}
