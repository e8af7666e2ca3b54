"""Checks for the exercises of lesson 08, softmax and cross-entropy."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.clues import only, with_clues
from helpers.checks.compare import ANYTHING
from helpers.checks.judge import Case, Watch, alike, judge, probe


@exercise
def stable_log_softmax(attempt: Attempt) -> None:
    """Return the log-softmax over the classes, (batch, classes), finite for logits of ±1000."""
    cases = []
    for shape, scale, dtype in (
        ((4, 3), 2, torch.float32),
        ((3, 3), 2, torch.float32),
        ((1, 5), 1, _wide(attempt)),
        ((6, 2), 300, torch.float32),
    ):
        logits = scale * attempt.randn(*shape, dtype=dtype)
        if scale == 300:  # rows and classes far apart
            logits[0] += 1000
            logits[1] -= 1000
            logits[2, 1] = logits[2, 0] + 1000
            gap = logits[:, 1] - logits[:, 0]  # so large that float32 rounds the loss of 0 to 0
            logits[:, 1] += 40 * torch.where(gap < 0, -1, 1)
        expected, whole = functional.log_softmax(logits, dim=1), logits - logits.max()
        shifted = logits - logits.max(dim=1, keepdim=True).values
        mistakes = [
            (functional.log_softmax(logits, dim=0), _OVER_EXAMPLES),
            (whole - whole.exp().sum(1, keepdim=True).log(), _ONE_MAXIMUM),
            (
                shifted.exp() / shifted.exp().sum(1, keepdim=True),
                "that is the softmax; its logarithm is asked for",
            ),
            (-expected, "the sign is wrong: a probability's logarithm is never above 0"),
            (shifted, "you subtracted the maximum only; the log of the sum is missing"),
            (shifted - logits.exp().sum(1, keepdim=True).log(), _TWO_SHIFTS),
            (logits - shifted.exp().sum(1, keepdim=True).log(), _TWO_SHIFTS),
        ]
        cases.append(((logits,), expected, mistakes))

    def simpler(got: object, inputs: Sequence) -> None:
        (logits,) = inputs
        if alike(got, logits):
            attempt.require(got.isfinite().all(), _NOT_FINITE)
            one, say = torch.zeros_like(logits[:1, :2]), "already wrong for the one row"
            probe(
                attempt,
                [
                    ((one,), one - math.log(2), f"{say} [0, 0]: both are -log 2"),
                    ((one - 3,), one - math.log(2), f"{say} [-3, -3]: both are -log 2"),
                    (
                        (one.repeat(3, 1),),
                        one.repeat(3, 1) - math.log(2),
                        "right for a row alone, but not for three rows [0, 0]",
                    ),
                ],
            )
            by_hand()

    def by_hand() -> None:
        parts = "softmax", "logsumexp", "logaddexp", "cross_entropy"
        own = {name for name in watch.called if any(part in name for part in parts)}
        say = "write it with maximum, exponential, sum and logarithm, without torch's "
        attempt.require(not own, say + " and ".join(sorted(own)))

    with Watch() as watch:
        judge(attempt, cases, errors=_NO_ROOM, otherwise=simpler)
    by_hand()


_OVER_EXAMPLES = "the examples compete with each other; the classes of one row should"
_ONE_MAXIMUM = "you took one maximum for the whole batch; each row needs its own"
_TWO_SHIFTS = "you shifted in one place and not in the other"
_NOT_FINITE = "right for small logits; for ±1000 an exponential overflows, or a 0 meets a logarithm"
_NO_ROOM = {
    "Dimension out of range": "logits have the dimensions 0, the examples, and 1, the classes",
    "must match the size of tensor": "keep a place for the classes: keepdim=True",
}


@exercise
def loss_and_given(attempt: Attempt) -> None:
    """Return the mean loss, shape (), and the right class's probabilities, (batch,)."""
    cases = []
    for (batch, classes), dtype in (
        ((5, 3), torch.float32),
        ((4, 4), torch.float32),
        ((1, 3), _wide(attempt)),
        ((6, 2), torch.float32),
    ):
        logits = 2 * attempt.randn(batch, classes, dtype=dtype)
        if batch == 6:  # rows far apart, and far from 0, and one that is sure
            logits[0] += 1000
            logits[1] -= 1000
            logits[2] = torch.tensor([1000.0, -1000.0]).to(logits)
        targets = attempt.randint(0, classes, (batch,))
        targets[0] = logits[0].argmin()  # the truth is not always what the model says
        targets[2:3] = logits[2:3].argmin(dim=1)
        loss = functional.cross_entropy(logits, targets)
        p, crossed = torch.softmax(logits, dim=1), torch.softmax(logits, dim=0)
        right, every = p.gather(1, targets.unsqueeze(1)).squeeze(1), p[:, targets]
        losses = functional.cross_entropy(logits, targets, reduction="none")
        first = [
            (functional.cross_entropy(p, targets), _TWICE),
            (functional.cross_entropy(crossed, targets), _TWICE),
            (losses, "the loss should be one number, the batch's mean"),
            (losses.sum(), "you summed the losses; the mean is asked for"),
            (functional.nll_loss(p, targets), "`NLLLoss` wants log-probabilities, not these"),
            (-loss, "the sign of the loss is wrong"),
        ]
        second = [
            (p.max(dim=1).values, _WINNER),
            (crossed.gather(1, targets.unsqueeze(1)).squeeze(1), _OVER_EXAMPLES),
            (crossed.max(dim=1).values, _OVER_EXAMPLES),
            (every, "`p[:, targets]` takes every target for every example; pick one a row"),
            (right.unsqueeze(1), "the shape should be (batch,); `squeeze` what gather kept"),
            (right.log(), "those are log-probabilities; probabilities are asked for"),
            (p, "those are all classes' probabilities; pick the right one of each row"),
            (logits, "those are the logits; probabilities are asked for"),
            (targets, "those are the class numbers; their probabilities are asked for"),
            (right.mean(), "return one probability an example, not their mean"),
        ]
        mistakes = [((wrong, ANYTHING), say) for wrong, say in first]
        mistakes += [((ANYTHING, wrong), say) for wrong, say in second]
        mistakes.append(((right, loss), "the loss comes first, then the probabilities"))
        cases.append(((logits, targets), (loss, right), mistakes))
    pair = "return two values: the mean loss and the probabilities of the right class"
    _judge_pair(attempt, cases, pair, "the loss", "the probabilities of the right class", _REFUSED)


def _judge_pair(
    attempt: Attempt,
    cases: Sequence[Case],
    pair: str,
    first: str,
    second: str,
    errors: dict[str, str],
    otherwise: Callable[[Any, Sequence[Any]], None] | None = None,
) -> None:
    """Judge two answers; of the last case, whose logits are large, say whether it alone is wrong.

    Args:
        attempt: The learner's function.
        cases: As `judge` takes them, the right answer a pair of a loss and a tensor.
        pair: What to tell who does not return two values.
        first: What the first answer is.
        second: What the second answer is.
        errors: As `judge` takes them.
        otherwise: As `judge` takes it.
    """
    large = cases[-1][0][0]

    def two(_: Sequence, got: Any, __: Any) -> bool:
        return not (isinstance(got, tuple | list) and len(got) == 2)

    def infinite(inputs: Sequence, got: Any, right: Any) -> bool:
        if inputs[0] is not large or two(inputs, got, right):
            return False
        return any(isinstance(part, torch.Tensor) and not part.isfinite().all() for part in got)

    def cut(inputs: Sequence, got: Any, right: Any) -> bool:
        return inputs[0] is large and alike(got, right)

    clues = [
        (two, pair),
        (infinite, _NOT_FINITE),
        (cut, f"right for small logits; for ±1000 {first} or {second} are cut off"),
        (
            lambda inputs, got, right: alike(got, right) and only(1)(inputs, got, right),
            f"{first} is right, but not {second}",
        ),
        (
            lambda inputs, got, right: alike(got, right) and only(0)(inputs, got, right),
            f"{first} is not right; the second answer is",
        ),
    ]
    judge(attempt, with_clues(attempt, cases, clues, errors), errors, otherwise=otherwise)


_TWICE = "your loss is that of probabilities taken for logits: a softmax too many"
_WINNER = "that is the winner's probability; the right class need not win"
_REFUSED = {
    "expected target dtype": "a class index is a position: leave the targets whole",
    "same number of dimensions": "gather takes a position a row: targets of shape (batch, 1)",
    "Dimension out of range": "logits have the dimensions 0 and 1, targets only 0",
    "Expected dtype int": "positions are whole numbers: pick by the targets",
    "argument 'index'": "gather takes the dimension first, then a tensor of positions",
    "argument 'dim'": "gather takes the dimension first, then a tensor of positions",
    "Expected floating point type for target": "the loss takes logits, (batch, classes), first",
    "index out of range": "pick along the classes, dim=1",
    "out of bounds": "pick along the classes, dim=1",
}


@exercise
def temperature_for(attempt: Attempt) -> None:
    """Return the temperature, 0.01 to 100, at which the largest probability is confidence."""
    cases = ((2, 2.5), (3, 0.07), (5, 1.0), (4, 30.0), (10, 0.4), (3, 0.0102), (6, 99.7))
    for classes, wanted in cases:
        share = 0.2 + 0.6 * attempt.randn(classes).sigmoid()
        order = torch.randperm(classes, generator=attempt.generator).to(attempt.device)
        steps = torch.arange(classes, device=attempt.device) + 0.3 * share
        extreme = wanted in (99.7, 0.0102)  # near the ends of what may be asked for
        temperature = wanted * (1 if extreme else 1.1 + 0.3 * float(share[0]))
        logits = temperature * 0.8 * steps[order] + attempt.pick(-5, 6) * min(temperature, 1)
        if wanted < 0.05:  # far from 0 for their temperature
            logits = logits - logits.max() + attempt.pick(12, 20)
        if classes == 4:
            logits = logits - logits.max() - 5  # all negative
        confidence = _winner(logits, temperature)
        got = attempt(logits, confidence, errors=_NOT_ONE)
        say = "return a Python float; `.item()` makes one of a tensor"
        attempt.require(not isinstance(got, torch.Tensor), say)
        attempt.require(
            isinstance(got, float | int) and got > 0, "a temperature is a number above 0"
        )
        reached = _winner(logits, got)
        if abs(reached - confidence) <= 0.001:
            continue
        top = logits.topk(2).values
        odds = math.log(confidence / (1 - confidence))
        two = float(top[0] - top[1]) / odds if odds else math.inf
        inverse = not extreme and abs(got * temperature - 1) <= 0.01
        attempt.require(not inverse, "that is 1/T: the logits are *divided* by the temperature")
        say = "right for two classes only; here every class counts"
        attempt.require(classes == 2 or abs(got / two - 1) > 1e-4, say)
        say = "right so far, but not near 0.01: does an exponential overflow, or is it not tried?"
        attempt.require(wanted > 0.05, say)
        say = "right so far, but not near 100, which the temperature may be as well"
        attempt.require(wanted < 50, say)
        close = abs(reached - confidence) <= 0.05
        more = "warmer" if reached > confidence else "colder"
        what = "close, but not to within 0.001; search on" if close else f"it has to be {more}"
        attempt.require(
            False,
            f"at your T = {got:.4g} the winner has {reached:.4f}, not {confidence:.4f}: {what}",
        )


_NOT_ONE = {
    "only one element": "compare one number, the largest probability",
    "Boolean value of Tensor": "compare one number, the largest probability",
}


def _winner(logits: torch.Tensor, temperature: float) -> float:
    """Give the largest probability at this temperature."""
    return float(torch.softmax(logits.double().cpu() / temperature, dim=0).max())


@exercise
def smoothed_loss_and_gradient(attempt: Attempt) -> None:
    """Return the mean loss with smoothed labels, shape (), and its gradient, (batch, classes)."""
    cases = []
    for (batch, classes), smoothing, scale, dtype in (
        ((5, 4), 0.1, 2, torch.float32),
        ((3, 3), 0.3, 1, _wide(attempt)),
        ((7, 2), 0.2, 2, torch.float32),
        ((4, 5), 0.0, 2, torch.float32),
        ((3, 4), 0.1, 1000, torch.float32),
    ):
        logits = scale * attempt.randn(batch, classes, dtype=dtype)
        targets = attempt.randint(0, classes, (batch,))
        if batch == 5:  # the last class does not occur
            targets = targets.clamp(max=classes - 2)
            targets[1] = classes - 2
        # A right class above its row's mean, else smoothing might not change the loss.
        above = logits.mean(dim=1) + 0.5 + attempt.randn(batch, dtype=dtype).abs()
        logits = logits.scatter(1, targets.unsqueeze(1), above.unsqueeze(1))
        if scale == 1000:  # one sure and right, the others sure and wrong
            logits[0, targets[0]] = logits[0].max() + 1000
            targets[1:] = logits[1:].argmin(dim=1)
        one_hot = functional.one_hot(targets, classes).to(dtype)
        soft = (1 - smoothing) * one_hot + smoothing / classes
        others = (1 - smoothing) * one_hot + (1 - one_hot) * smoothing / (classes - 1)
        log_p, p = functional.log_softmax(logits, dim=1), torch.softmax(logits, dim=1)

        def answer(targets: torch.Tensor, log_p: torch.Tensor = log_p, p: torch.Tensor = p):
            return -(targets * log_p).sum(1).mean(), (p - targets) / len(p)

        loss, gradient = answer(soft)
        bare = (1 - smoothing) * one_hot
        heavy = one_hot + smoothing / classes
        first = [
            (answer(others)[0], _ALL_CLASSES),
            (answer(one_hot)[0], "the loss is that of one-hot targets; smooth them"),
            (answer(bare)[0], "you took the share away but gave it to nobody"),
            (answer(heavy)[0], "you gave the share to all but took it from nobody"),
            (loss * batch, "the loss is the sum over the batch; the mean is asked for"),
            (loss / classes, "sum over the classes; only the batch is averaged"),
            (-(soft * log_p).sum(1), "the loss should be one number, the batch's mean"),
            (-loss, "the sign of the loss is wrong"),
        ]
        second = [
            (answer(others)[1], _ALL_CLASSES),
            (answer(one_hot)[1], "the gradient is that of one-hot targets; smooth them here too"),
            (gradient * batch, "the loss is a mean, so its gradient is divided by the batch size"),
            (gradient * batch / classes, "divide by the examples, not by the classes"),
            (gradient / classes, "divide by the examples only, not by the classes too"),
            (-gradient, "the sign is wrong: that is the push, against the gradient"),
            (-gradient * batch, "the sign is wrong: that is the push, against the gradient"),
        ]
        mistakes = [((wrong, ANYTHING), say) for wrong, say in first]
        mistakes += [((ANYTHING, wrong), say) for wrong, say in second]
        mistakes.append(((gradient, loss), "the loss comes first, then its gradient"))
        cases.append(((logits, targets, smoothing), (loss, gradient), mistakes))

    def simpler(got: Any, inputs: Sequence) -> None:
        logits, targets, _ = inputs
        if alike(got, (logits.sum(), logits)):
            one = torch.zeros_like(logits[:1, :2])
            half = torch.tensor([[-0.5, 0.5]]).to(one)
            answer = (math.log(2) + one.sum(), half)
            say = "both are wrong, already for logits [[0, 0]], targets [0] and smoothing 0"
            probe(attempt, [((one, targets[:1] * 0, 0.0), answer, say)])

    pair = "return two values: the loss and its gradient"
    with Watch() as watch:
        _judge_pair(attempt, cases, pair, "the loss", "its gradient", _CLASSES, simpler)
    own = {"cross_entropy", "backward", "grad"} & watch.called
    attempt.require(not own, f"write both out by hand, without {' and '.join(sorted(own))}")


_ALL_CLASSES = "the share goes to *all* classes, the right one included"
_CLASSES = {
    "Dimension out of range": "logits have the dimensions 0, the examples, and 1, the classes",
    "must match the size of tensor": "a class may be missing in a batch: pass num_classes",
}


def _wide(attempt: Attempt) -> torch.dtype:
    """Give float64, which Apple's chips do not have."""
    return torch.float32 if attempt.device.type == "mps" else torch.float64
