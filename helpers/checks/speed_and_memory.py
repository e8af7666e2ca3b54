"""Checks for the exercises of lesson 17, speed and memory."""

from typing import Any

import numpy as np
import torch
from torch import nn

from helpers.checks.attempt import Attempt, exercise


@exercise
def worker_share(attempt: Attempt) -> None:
    """Return the numbers from `start` up to `stop` that this of the workers serves, as a list."""
    cases = []
    for workers, each, rest in ((2, 4, 1), (3, 3, 2), (1, 5, 0), (5, 0, 3), (4, 3, 1), (5, 2, 3)):
        count = workers * (each + attempt.pick(0, 3) * (each > 0)) + rest
        cases.append((attempt.pick(2, 9), count, workers))
    few = [(workers, count) for workers in range(1, 6) for count in range(3 * workers)]
    cases += [(attempt.pick(-4, 3), count, workers) for workers, count in few]
    cases += [(0, 7, 3), (attempt.pick(90, 200), attempt.pick(100, 200), 11)]
    for start, count, workers in cases:
        whole = list(range(start, start + count))
        shares = [attempt(start, start + count, worker, workers) for worker in range(workers)]
        for share in shares:
            say = f"return a list, not a {type(share).__name__}; list() makes one"
            attempt.require(isinstance(share, list), say)
        served = [number for share in shares for number in share]
        say = "return plain Python ints in a list"
        ints = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in served)
        attempt.require(ints, say)
        asked = f"with {workers} workers for {start} up to {start + count}"
        for number in served:
            attempt.require(number in whole, f"{asked}, {number} is not in the range")
        for number in whole:
            attempt.require(number in served, f"{asked}, nobody serves {number}")
        everything = workers > 1 and count and all(share == whole for share in shares)
        say = "every worker serves everything; `worker` should pick its own numbers"
        attempt.require(not everything, say)
        attempt.require(len(served) == count, f"{asked}, some numbers are served twice")
        sizes = [len(share) for share in shares]
        block = -(-count // workers)
        rounded = [len(whole[block * i : block * (i + 1)]) for i in range(workers)]
        unfair = max(sizes) - min(sizes) > 1
        say = f"{asked}, blocks of the size rounded up leave too little for the last: {sizes}"
        attempt.require(not unfair or sizes != rounded, say)
        say = f"{asked}, the shares are not fair: {sizes} numbers"
        attempt.require(not unfair, say)


@exercise
def whole_speedup(attempt: Attempt) -> None:
    """Return how many times as fast a step is of which one part is `factor` times as fast."""
    names = ["loader", "forward", "backward", "optimizer", "logging", "saving", "plotting"]
    cases = [(4, 2), (3, 5.0), (5, float("inf")), (2, 0.5), (3, 3), (1, 6.0), (7, 700), (4, 0.1)]
    for count, factor in cases:
        unit = 0.02 if factor == 700 else 40 if factor == 0.1 else 1
        parts = {
            name: unit * (attempt.pick(2, 9) / 8 + 0.01 * i) for i, name in enumerate(names[:count])
        }
        name = names[attempt.pick(0, count)]
        total, part = sum(parts.values()), parts[name]
        left = total - part + part / factor
        share = part / total
        if count == 1:  # where nothing else takes time, mistakes look alike
            attempt.expect(attempt(parts, name, factor), total / left, rtol=1e-6)
            continue
        mistakes = [
            (left / total, "that is how long the new step takes of the old; turn it over"),
            (float(factor), "only one part becomes faster; the others take as long as before"),
            (total / (total - part), "the part does not vanish; it still takes part / factor"),
            (left, "those are the seconds of the new step; divide the old ones by them"),
            (share, "that is the part's share of the step; how long is the step afterwards?"),
            (1 + share * (factor - 1), "add up seconds, not speeds: the part takes part / factor"),
            (total / (total - part + part * factor), "a faster part takes less: divide by factor"),
            (factor * total / part, "divide the old step's seconds by the new step's"),
            (factor * share, "divide the old step's seconds by the new step's"),
            (total / (total + part / factor), "the old seconds of the part are still in your sum"),
            (total - left, "those are the seconds saved; divide the old step by the new one"),
        ]
        mistakes = [(wrong, say) for wrong, say in mistakes if _finite(wrong)]
        attempt.expect(attempt(parts, name, factor), total / left, mistakes, rtol=1e-6)


def _finite(number: float) -> bool:
    return -float("inf") < number < float("inf")


class _Watched(nn.Module):
    """A model that notes the size of each batch, and which gradients were there before it.

    Attributes:
        sizes: Of the batches with gradients.
        seen: Of all batches.
        filled: The gradients that were there before each batch of `sizes`.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.sizes, self.seen, self.filled = model, [], [], []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(inputs))
        if torch.is_grad_enabled():
            self.sizes.append(len(inputs))
            self.filled.append(_gradient(self.model))
        return self.model(inputs)


def _gradient(model: nn.Module) -> torch.Tensor | None:
    """Join a model's gradients into one vector; None if it has none."""
    gradients = [p.grad for p in model.parameters()]
    if any(gradient is None for gradient in gradients):
        return None
    return torch.cat([gradient.flatten() for gradient in gradients]).clone()


@exercise
def accumulate(attempt: Attempt) -> None:
    """Leave the gradient of the whole batch's mean loss in `.grad`, computed in parts."""
    plain, smooth = nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.3)
    cases = [(11, 4, plain), (8, 4, plain), (3, 5, smooth), (7, 3, smooth), (6, 1, plain)]
    cases += [(9, 4, plain), (1, 3, plain), (70, 32, lambda *given: 500 * plain(*given))]
    for examples, size, loss_fn in cases:
        features, classes = attempt.pick(3, 7), attempt.pick(3, 6)
        model = nn.Sequential(nn.Linear(features, 5), nn.Tanh(), nn.Linear(5, classes))
        watched = _Watched(model.to(attempt.device))
        inputs = 3 * attempt.randn(examples, features)
        targets = attempt.randint(0, classes, (examples,))
        targets[-1] = (targets[0] + 1) % classes  # the parts have different losses
        parts = list(zip(inputs.split(size), targets.split(size), strict=True))
        each, losses = [], []
        for part, answers in parts:
            model.zero_grad()
            loss = loss_fn(model(part), answers)
            loss.backward()
            each.append(_gradient(model))
            losses.append(loss.item())
        model.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        whole = _gradient(model)
        _fill(model, attempt)  # what an earlier step has left
        old = _gradient(model)
        given = inputs.clone(), targets.clone()
        weights = [p.detach().clone() for p in model.parameters()]
        got = attempt.run(watched, loss_fn, *given, size, errors=_ACCUMULATE_ERRORS)
        same = torch.equal(given[0], inputs) and torch.equal(given[1], targets)
        attempt.require(same and not given[0].requires_grad, "your function changed its input")
        mode = all(module.training for module in watched.modules())
        attempt.require(mode, "the model was in train mode; leave it so, and train in it")
        marked = all(p.requires_grad for p in model.parameters())
        attempt.require(marked, "parameters lost their requires_grad; only .grad should change")
        moved = not all(map(torch.equal, weights, model.parameters()))
        attempt.require(not moved, "the parameters changed; leave the step to the caller")
        found = _gradient(model)
        say = "the gradients are None: nothing called backward() after they were cleared"
        attempt.require(found is not None, say)
        _judge_gradient(attempt, found, whole, each, old, [len(part) for part, _ in parts])
        _judge_parts(attempt, watched, size, examples)
        _judge_loss(attempt, got, loss.item(), losses)


_ACCUMULATE_ERRORS = {
    "backward through the graph a second time": "each part needs a forward pass of its own",
    "does not require grad": "the loss has no graph; is it computed in no_grad or from item()?",
}


def _fill(model: nn.Module, attempt: Attempt) -> None:
    for parameter in model.parameters():
        parameter.grad = attempt.randn(*parameter.shape)


def _judge_gradient(attempt, found, whole, each, old, sizes) -> None:
    summed, count = torch.stack(each).sum(dim=0), len(each)
    cleared = "clear the old gradients first, or they are added to yours"
    equal = "the last part is smaller; weight each part's loss by its share of the examples"
    times = "you added up means, so the gradient is too large; a part counts by its share"
    mistakes = [
        (summed / count, equal),
        (summed, times),
        (each[-1], "only the last part's gradient is left; clear once, before the first part"),
        (each[-1] / count, "only the last part's gradient is left; clear once, at the start"),
        (
            each[-1] * sizes[-1] / sum(sizes),
            "only the last part's gradient is left; clear once, before the first part",
        ),
        (each[0], "only the first part's gradient is there; go on to the last"),
        (each[0] * sizes[0] / sum(sizes), "only the first part's gradient is there; go on"),
        (whole * sum(sizes), "that is the gradient of the sum of all losses; their mean is wanted"),
        (old, "the gradients are those from before; call backward() for each part"),
        (torch.zeros_like(old), "the gradients are 0: you cleared them after the last part"),
    ]
    mistakes += [(old + wrong, cleared) for wrong in (whole, summed, summed / count)]
    attempt.recognise(found, whole, mistakes, rtol=1e-3)
    say = "the gradients are not those of the mean loss over all examples"
    attempt.require(torch.allclose(found, whole, rtol=1e-3, atol=1e-5), say)


def _judge_parts(attempt: Attempt, watched: _Watched, size: int, examples: int) -> None:
    say = f"the model got a batch of {max(watched.seen)} examples; at most {size} fit"
    attempt.require(max(watched.seen) <= size, say)
    say = "you cut smaller parts than needed; only the last may be smaller than `size`"
    full = [size] * (examples // size)
    rest = [examples % size] if examples % size else []
    attempt.require(watched.sizes == full + rest, say)
    say = "call backward() for each part at once; otherwise the graphs of all parts stay in memory"
    for before, after in zip(watched.filled, watched.filled[1:], strict=False):
        moved = after is not None and (before is None or not torch.equal(before, after))
        attempt.require(moved, say)


def _judge_loss(attempt: Attempt, got: Any, right: float, losses: list[float]) -> None:
    mistakes = [
        (losses[-1], "you returned the last part's loss; return the mean over all examples"),
        (sum(losses), "you returned the sum of the parts' mean losses; weight them by share"),
        (sum(losses) / len(losses), "your loss averages the parts; the last part is smaller"),
    ]
    value = got.detach().cpu() if isinstance(got, torch.Tensor) else None
    say = "return the loss as a Python float; a tensor keeps its graph in memory: item()"
    attempt.require(value is None or value.numel() != 1, say)
    attempt.expect(got, right, mistakes, rtol=1e-5)
