"""Checks for the exercises of lesson 05, logistic regression."""

import math

import torch
from torch.nn import functional

from helpers.checks.attempt import Attempt, exercise


@exercise
def precision_and_recall(attempt: Attempt) -> None:
    """Return precision and recall at a threshold as floats, 0.0 where nobody is counted."""
    for threshold in (0.5, 0.25, 0.75):
        cut = math.log(threshold / (1 - threshold))  # the logit of the threshold
        sizes = attempt.pick(9, 14), attempt.pick(3, 5), attempt.pick(6, 8), attempt.pick(15, 20)
        found, alarms, missed, _ = sizes
        # All so near the cut that no other cut gives the same counts, and one right on it.
        near = 0.05 + 0.3 * attempt.randn(sum(sizes)).sigmoid()
        side = torch.ones_like(near)
        side[found + alarms :] = -1
        logits = cut + side * near
        logits[0] = threshold / 2  # a half and a threshold meant for logits part here
        logits[2] = 0.0 if threshold == 0.5 else logits[2]  # a probability of exactly 0.5
        targets = torch.zeros_like(near)
        targets[:found] = targets[found + alarms : found + alarms + missed] = 1
        order = torch.randperm(sum(sizes), generator=attempt.generator).to(attempt.device)
        _expect_rates(attempt, logits[order], targets[order], threshold)
    logits, targets = 1 + attempt.randn(9).sigmoid(), torch.zeros(9, device=attempt.device)
    targets[: attempt.pick(3, 6)] = 1
    for scores, truth in ((-logits, targets), (logits, 0 * targets), (-logits, 0 * targets)):
        _expect_rates(attempt, scores, truth, 0.5)


def _expect_rates(
    attempt: Attempt, logits: torch.Tensor, targets: torch.Tensor, threshold: float
) -> None:
    ill = targets == 1

    def rates(flagged: torch.Tensor, nothing: float = 0.0) -> tuple[float, float]:
        found = (flagged & ill).sum().item()
        counts = flagged.sum().item(), ill.sum().item()
        precision, recall = (found / count if count else nothing for count in counts)
        return precision, recall

    probabilities = logits.sigmoid()
    flagged = probabilities >= threshold
    expected, undefined = rates(flagged), rates(flagged, math.nan)
    mistakes = [
        (expected[::-1], "precision comes first, then recall"),
        (
            rates(logits >= threshold),
            "you held the logits against the threshold; it is meant for probabilities",
        ),
        (
            rates(logits > threshold),
            "you held the logits against the threshold; it is meant for probabilities",
        ),
        (rates(logits >= 0), "you flagged from a half; take the threshold that is given"),
        (rates(probabilities > threshold), "a probability equal to the threshold is flagged too"),
        (undefined, "0 divided by 0 is nan; where nobody is counted, return 0.0"),
        (undefined[::-1], "0 divided by 0 is nan; where nobody is counted, return 0.0"),
        (rates(flagged, 1.0), "where nobody is counted, return 0.0, not 1.0"),
        (
            ((flagged == ill).float().mean().item(), expected[1]),
            "the first number is the accuracy; precision looks at the flagged alone",
        ),
    ]
    attempt.expect(attempt(logits, targets, threshold, errors=_BY_ZERO), expected, mistakes)


_BY_ZERO = {"division by zero": "somebody has to be counted before you divide; else return 0.0"}


@exercise
def auc_by_pairs(attempt: Attempt) -> None:
    """Return the share of (ill, healthy) pairs in the right order, a tie counting a half."""
    for ill, healthy in ((12, 9), (7, 7), (1, 5), (6, 1)):
        above, below = attempt.randint(-2, 5, (ill,)), attempt.randint(-4, 3, (healthy,))
        below[0] = above[0]  # at least one tie
        if ill == healthy:  # here patient by patient is 9/14, every pair 69/98
            above = torch.tensor([4, 1, 0, 2, -1, 3, 5], device=attempt.device)
            below = torch.tensor([0, 1, 2, -2, 3, 1, -3], device=attempt.device)
        targets = (torch.arange(ill + healthy, device=attempt.device) < ill).float()
        order = torch.randperm(ill + healthy, generator=attempt.generator).to(attempt.device)
        targets, scores = targets[order], torch.zeros_like(targets)
        scores[targets == 1], scores[targets == 0] = above / 2, below / 2
        wins = (above.unsqueeze(1) > below).float()  # (ill, healthy)
        ties = (above.unsqueeze(1) == below).float()
        area, count = (wins + ties / 2).mean().item(), ill + healthy
        high, low = scores[targets == 1], scores[targets == 0]
        mistakes = [
            (wins.mean().item(), "a tie counts a half; you counted it as 0"),
            ((wins + ties).mean().item(), "a tie counts a half; you counted it as 1"),
            (1 - area, "the ill one is to have the higher score; you turned the pairs round"),
            ((wins + ties / 2).sum().item(), "divide by the number of pairs"),
            (
                (wins + ties / 2).sum().item() / count**2,
                "only pairs of one ill and one healthy patient count, not all pairs",
            ),
            (
                (high.unsqueeze(1) > scores).float().mean().item(),
                "you compared the ill with everybody; compare them with the healthy",
            ),
        ]
        if ill == healthy:
            half = (high > low).float() + (high == low).float() / 2
            say = "you paired each ill patient with one healthy patient only, not with every one"
            mistakes.append((half.mean().item(), say))
        attempt.expect(attempt(scores, targets, errors=_UNPAIRED), area, mistakes)


_UNPAIRED = {
    "must match the size of tensor": "each ill patient meets every healthy one; which shapes make "
    "that?",
}


@exercise
def cheapest_threshold(attempt: Attempt) -> None:
    """Return the lowest of the cheapest thresholds among the probabilities and 2.0."""
    # Who is ill, from the least suspected to the most, and the two costs.
    cases = [
        ("hhihhhihihiii", 10, 1),
        ("hhihhhihihihii", 1, 3),  # in random order
        ("hhhihhiii", 2, 1),  # two thresholds cost the same
        ("hihhihh", 1, 20),  # cheapest is to flag nobody
        ("hi", 1, 1),
        ("ih", 7, 1),
        ("hhhhh", 5, 1),  # nobody is ill
    ]
    for pattern, miss_cost, alarm_cost in cases:
        gaps = 0.2 + attempt.randn(len(pattern) + 1).sigmoid()
        ascending = gaps.cumsum(0)[:-1] / gaps.sum()
        probabilities = ascending.flip(0)  # descending, so that the first is not the lowest
        targets = torch.tensor([float(who == "i") for who in pattern[::-1]]).to(attempt.device)
        if len(pattern) == 14:
            order = torch.randperm(len(pattern), generator=attempt.generator).to(attempt.device)
            probabilities, targets = probabilities[order], targets[order]
        given = (probabilities, targets, miss_cost, alarm_cost)
        options, costs = _options(*given)
        best = options[costs == costs.min()].min().item()
        low = costs[:-1].min()
        swapped = _options(probabilities, targets, alarm_cost, miss_cost)[1]
        even = _options(probabilities, targets, 1, 1)[1]
        above = _options(*given, strictly=True)[1]
        say_tie = "several cost the same; of these return the lowest"
        say_swap = "you swapped the two costs: clearing an ill patient costs `miss_cost`"
        mistakes = [
            (options[costs.argmin()].item(), say_tie),
            (options[costs == costs.min()].max().item(), say_tie),
            (options[swapped == swapped.min()].min().item(), say_swap),
            (options[swapped.argmin()].item(), say_swap),
            (float(costs.min()), "that is the lowest cost; return the threshold that has it"),
            (costs.min().item() / len(pattern), "that is the lowest cost; return its threshold"),
            (float(costs.argmin()), "that is a position; return the threshold that stands there"),
            (options[costs.argmax()].item(), "that is the dearest threshold"),
            (
                options[:-1][costs[:-1] == low].min().item(),
                "to flag nobody is cheaper here; try 2.0 as well",
            ),
            (
                options[above == above.min()].min().item(),
                "flag from the threshold on: a probability equal to it is flagged too",
            ),
            (
                options[even == even.min()].min().item(),
                "you counted the errors; weigh them by their costs",
            ),
        ]
        attempt.expect(attempt(*given), best, mistakes)


def _options(
    probabilities: torch.Tensor,
    targets: torch.Tensor,
    miss_cost: float,
    alarm_cost: float,
    strictly: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give every threshold worth trying, (patients + 1,), and what each costs."""
    options = torch.cat([probabilities, torch.full_like(probabilities[:1], 2.0)])
    column = probabilities.unsqueeze(1)  # (patients, 1)
    flagged = column > options if strictly else column >= options
    ill = targets.unsqueeze(1) == 1
    return options, (miss_cost * (ill & ~flagged) + alarm_cost * (~ill & flagged)).sum(dim=0)


@exercise
def weighted_bce(attempt: Attempt) -> None:
    """Return the mean loss of logits, shape (), malignant patients counted pos_weight times."""
    wide = torch.float32 if attempt.device.type == "mps" else torch.float64
    for size, scale, dtype in ((9, 2, torch.float32), (1, 1, wide), (12, 200, torch.float32)):
        place = torch.arange(size, device=attempt.device)
        targets = (place % 3 == 0).to(dtype)
        logits = scale * (0.3 + attempt.randn(size, dtype=dtype).abs()) * (-1) ** place
        weight = attempt.pick(3, 12) + 0.5
        got = attempt(logits, targets, weight)
        _expect_loss(attempt, got, logits, targets, weight, large=scale > 10)
    logits = torch.cat([logits, torch.zeros_like(logits[:2])])  # one of either class at 0
    targets = torch.cat([targets, torch.tensor([0.0, 1.0]).to(targets)])
    leaf = logits.clone().requires_grad_()
    with torch.enable_grad():
        loss = attempt.function(leaf, targets, weight)
    attempt.require(loss.requires_grad, "your loss carries no gradient, so nobody can train on it")
    (gradient,) = torch.autograd.grad(loss, leaf)
    factor = torch.where(targets == 1, weight, 1.0)
    expected = factor * (logits.sigmoid() - targets) / len(logits)
    right = torch.isclose(gradient, expected, rtol=1e-3, atol=1e-5)
    attempt.require(right[-2:].all(), "the loss is right, but its slope at logit 0 is not")
    attempt.require(right.all(), "the loss is right, but its gradient is not, around ±200")


def _expect_loss(
    attempt: Attempt,
    got: object,
    logits: torch.Tensor,
    targets: torch.Tensor,
    weight: float,
    large: bool,
) -> None:
    for_ill, for_healthy = functional.softplus(-logits), functional.softplus(logits)
    losses = weight * targets * for_ill + (1 - targets) * for_healthy
    expected, plain = losses.mean(), targets * for_ill + (1 - targets) * for_healthy
    factors = weight * targets + (1 - targets)
    mistakes = [
        (losses, "return one number, the mean over the patients"),
        (losses.sum(), "you summed; take the mean over the patients"),
        (losses.sum() / factors.sum(), "divide by the number of patients, not by their weights"),
        (plain.mean(), "`pos_weight` is missing: it multiplies the loss of the malignant"),
        (weight * plain.mean(), "`pos_weight` is for the malignant alone; you weighed everybody"),
        (
            (targets * for_ill + weight * (1 - targets) * for_healthy).mean(),
            "you weighed the benign; `pos_weight` is for the positive class",
        ),
        (
            (weight * targets * for_healthy + (1 - targets) * for_ill).mean(),
            "you gave the malignant the loss of the benign, and the reverse",
        ),
        (-expected, "the sign is wrong: a loss is never negative"),
    ]
    if large and isinstance(got, torch.Tensor) and got.shape == ():
        finite = bool(got.isfinite())
        say = "a probability rounds to 0 or 1 there, or an exponential overflows"
        attempt.require(finite, f"logits around ±200 give {got.item()}: {say}")
        close = torch.allclose(got, expected, rtol=1e-3)
        say = "right for small logits; for large ones the loss is cut off instead of computed"
        attempt.require(close, say)
    attempt.expect(got, expected, mistakes)
