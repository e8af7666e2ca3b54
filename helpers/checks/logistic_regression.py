"""Checks for the exercises of lesson 05, logistic regression."""

import functools
import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import ANYTHING, difference
from helpers.checks.judge import Case, Watch, alike, judge, probe


@exercise
def precision_and_recall(attempt: Attempt) -> None:
    """Return precision and recall at a threshold as floats, 0.0 where nobody is counted."""
    cases = []
    for threshold in (0.5, 0.25, 0.75):
        cut = math.log(threshold / (1 - threshold))  # the logit of the threshold
        sizes = attempt.pick(9, 14), attempt.pick(3, 5), attempt.pick(6, 8), attempt.pick(15, 20)
        found, alarms, missed, _ = sizes
        # All so near the cut that no other cut gives the same counts, and one right on it.
        near = 0.05 + 0.3 * attempt.randn(sum(sizes)).sigmoid()
        side = torch.ones_like(near)
        side[found + alarms :] = -1
        near[0] = near[-1] = 0.01  # no rounding brings one over the cut
        logits = cut + side * near
        logits[0] = threshold / 2  # a half and a threshold meant for logits part here
        logits[2] = 0.0 if threshold == 0.5 else logits[2]  # a probability of exactly 0.5
        targets = torch.zeros_like(near)
        targets[:found] = targets[found + alarms : found + alarms + missed] = 1
        order = torch.randperm(sum(sizes), generator=attempt.generator).to(attempt.device)
        cases.append(_rates_case(logits[order], targets[order], threshold))
    logits, targets = 1 + attempt.randn(9).sigmoid(), torch.zeros(9, device=attempt.device)
    few, one = targets.clone(), targets.clone()
    few[:3] = one[:1] = 1  # of three one is found: no rounding is right, no divisor but 1 and 3
    for flagged, ill in ((one, few), (few, one), (one, one)):
        cases.append(_rates_case(torch.where(flagged == 1, logits, -logits), ill, 0.5))
    targets[: attempt.pick(3, 6)] = 1
    for scores, truth in ((-logits, targets), (logits, 0 * targets), (-logits, 0 * targets)):
        cases.append(_rates_case(scores, truth, 0.5))
    judge(attempt, cases, errors=_RATES_ERRORS)


def _rates_case(logits: torch.Tensor, targets: torch.Tensor, threshold: float) -> Case:
    ill = targets == 1

    def rates(flagged: torch.Tensor, nothing: float = 0.0) -> tuple[float, float]:
        found = (flagged & ill).sum().item()
        counts = flagged.sum().item(), ill.sum().item()
        precision, recall = (found / count if count else nothing for count in counts)
        return precision, recall

    probabilities = logits.sigmoid()
    flagged = probabilities >= threshold
    expected, undefined = rates(flagged), rates(flagged, math.nan)
    found = int((flagged & ill).sum())
    by_two = found / max(int(flagged.sum()), 2), found / max(int(ill.sum()), 2)
    say_nan = "0 divided by 0 is nan; where nobody is counted, return 0.0"
    say_logits = "you held the logits against the threshold; it is meant for probabilities"
    say_below = "you flagged those below the threshold"
    say_healthy = "the ill ones are those whose targets are 1"
    say_two = "where one patient is counted, divide by 1, not by 2"
    healthy, flagged_healthy = (targets == 0), int((flagged & (targets == 0)).sum())
    turned = (
        flagged_healthy / max(int(flagged.sum()), 1),
        flagged_healthy / max(int(healthy.sum()), 1),
    )
    mistakes = [
        (expected[::-1], "precision comes first, then recall"),
        (rates(logits >= threshold), say_logits),
        (rates(logits > threshold), say_logits),
        (rates(logits >= 0), "you flagged from a half; take the threshold that is given"),
        (rates(probabilities > threshold), "a probability equal to the threshold is flagged too"),
        (rates(probabilities < threshold), say_below),
        (rates(probabilities <= threshold), say_below),
        (turned, say_healthy),
        (undefined, say_nan),
        (undefined[::-1], say_nan),
        (rates(flagged, 1.0), "where nobody is counted, return 0.0, not 1.0"),
        *((two, say_two) for two in (by_two, (by_two[0], expected[1]), (expected[0], by_two[1]))),
        (tuple(100 * rate for rate in expected), "return shares from 0 to 1, not in percent"),
        *(
            (tuple(round(rate, digits) for rate in expected), "do not round the shares")
            for digits in (1, 2, 3, 4)
        ),
        (
            ((flagged == ill).float().mean().item(), expected[1]),
            "the first number is the accuracy; precision looks at the flagged alone",
        ),
        (
            (expected[0], ANYTHING),
            "the first is right, but recall is not: of the ill, the share that is flagged",
        ),
        (
            (ANYTHING, expected[1]),
            "recall is right, but precision is not: of the flagged, the share that is ill",
        ),
    ]
    return (logits, targets, threshold), expected, mistakes


_RATES_ERRORS = {
    "division by zero": "somebody has to be counted before you divide; else return 0.0",
    "cannot be converted to Scalar": "item() takes one number; count first, with sum()",
    "bitwise_and": "& joins masks: compare both with something first",
}


@exercise
def auc_by_pairs(attempt: Attempt) -> None:
    """Return the share of (ill, healthy) pairs in the right order, a tie counting a half."""
    cases = []
    for ill, healthy in ((12, 9), (7, 7), (1, 5), (6, 1), (8, 3)):
        above, below = attempt.randint(-2, 5, (ill,)), attempt.randint(-4, 3, (healthy,))
        below[0] = above[0]  # at least one tie
        if ill == healthy:  # here patient by patient is 9/14, every pair 69/98
            above = torch.tensor([4, 1, 0, 2, -1, 3, 5], device=attempt.device)
            below = torch.tensor([0, 1, 2, -2, 3, 1, -3], device=attempt.device)
        if ill == 8:  # worse than chance
            above[1:], below[1:] = -1, 3
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
            (100 * area, "return a share from 0 to 1, not in percent"),
            *((round(area, digits), "do not round the share") for digits in (1, 2, 3)),
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
        cases.append(((scores, targets), area, mistakes))

    def simpler(got: object, _: object) -> None:
        if not alike(got, 0.5):
            return
        attempt.require(got == got, "nan: the mean of no pairs at all")
        pair = torch.tensor([1.0, 0.0], device=attempt.device)
        one = "already wrong for one ill patient with the"
        probe(
            attempt,
            [
                ((pair + 2, pair), 1.0, f"{one} higher score and one healthy: that pair counts 1"),
                ((2 - pair, pair), 0.0, f"{one} lower score and one healthy: that pair counts 0"),
                ((0 * pair, pair), 0.5, f"{one} same score as one healthy: that pair counts 0.5"),
                ((0 * pair - 3, pair), 0.5, f"{one} same, negative score as one healthy"),
            ],
        )

    judge(attempt, cases, errors=_UNPAIRED, rtol=1e-5, otherwise=simpler)


_UNPAIRED = {
    "must match the size of tensor": "each ill patient meets every healthy one; which shapes make "
    "that?",
    "cannot be converted to Scalar": "item() takes one number; take the mean over the pairs first",
}


@exercise
def cheapest_threshold(attempt: Attempt) -> None:
    """Return the lowest of the cheapest thresholds among the probabilities and 2.0."""
    # Who is ill, from the least suspected to the most, and the two costs.
    cases = [
        ("hhihhhihihiii", 10, 1),
        ("hhihhhihihihii", 1, 3),  # in random order
        ("hhhihhiii", 2, 1),  # two thresholds cost the same
        ("hhhihhiii", 2, 1),  # in ascending order
        ("hihhihh", 1, 20),  # cheapest is to flag nobody
        ("hi", 1, 1),
        ("h", 1, 1),
        ("i", 1, 1),
        ("ih", 7, 1),
        ("hhhhh", 5, 1),  # nobody is ill
        ("hihhhiihhihihh", 3.5, 1.75),  # costs with decimals, and more healthy than ill
        ("hihihihiih", 3, 2),  # some probabilities are the same
        ("ihhhihhhii", 3, 2),  # and from the highest to the lowest
    ]
    asked = []
    for number, (pattern, miss_cost, alarm_cost) in enumerate(cases):
        gaps = 0.2 + attempt.randn(len(pattern) + 1).sigmoid()
        ascending = gaps.cumsum(0)[:-1] / gaps.sum()
        if len(pattern) == 10:
            ascending = ascending[torch.arange(10) // 3 * 3]
        probabilities = ascending.flip(0)  # descending, so that the first is not the lowest
        targets = torch.tensor([float(who == "i") for who in pattern[::-1]]).to(attempt.device)
        if number in (3, 11):
            probabilities, targets = probabilities.flip(0), targets.flip(0)
        if len(pattern) == 14:
            order = torch.randperm(len(pattern), generator=attempt.generator).to(attempt.device)
            probabilities, targets = probabilities[order], targets[order]
        given = (probabilities, targets, miss_cost, alarm_cost)
        options, costs = _options(*given)
        tied = options[costs == costs.min()]
        best = tied.min().item()
        low = costs[:-1].min()
        swapped = _options(probabilities, targets, alarm_cost, miss_cost)[1]
        even = _options(probabilities, targets, 1, 1)[1]
        above = _options(*given, strictly=True)[1]
        say_tie = "several cost the same; of these return the lowest"
        say_swap = "you swapped the two costs: clearing an ill patient costs `miss_cost`"
        mistakes = [
            (tied[0].item(), say_tie),
            (tied[-1].item(), say_tie),
            (tied.max().item(), say_tie),
            (options[swapped == swapped.min()].min().item(), say_swap),
            (options[swapped.argmin()].item(), say_swap),
            (float(costs.min()), "that is the lowest cost; return the threshold that has it"),
            (costs.min().item() / len(pattern), "that is the lowest cost; return its threshold"),
            (float(costs.argmin()), "that is a position; return the threshold that stands there"),
            (options[costs.argmax()].item(), "that is the most expensive threshold"),
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
        asked.append((given, best, mistakes))

    def dearer(got: object, inputs: Sequence) -> None:
        if isinstance(got, float):
            options, costs = _options(*inputs)
            place = (options - got).abs().argmin()
            listed = difference(got, options[place].item(), 1e-6) is None
            say = f"{got:.4g} is none of the probabilities, and not 2.0: try just these"
            attempt.require(listed, say)
            say = f"{got:.4g} costs {float(costs[place]):g}, but a cheaper one is there, "
            say += f"{float(costs.min()):g}: a miss costs {inputs[2]:g}, an alarm {inputs[3]:g}"
            attempt.require(False, say)

    judge(attempt, asked, errors=_MASKS, rtol=1e-6, otherwise=dearer)


_OVER_PATIENTS = "a mask of the thresholds has one place for each: sum the costs over the patients"
_MASKS = {
    "must match the size": "every patient meets every threshold; which shapes make that?",
    "The shape of the mask": _OVER_PATIENTS,
    "too many indices": _OVER_PATIENTS,
    "Expected reduction dim": "no threshold is left; which have a cost of costs.min()?",
    "cannot be converted to Scalar": "item() takes one number; several may cost the same",
    "bitwise_and": "& joins masks: compare both with something first",
    "operator.invert": "~ turns a mask round: compare with something first",
}


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
    cases = []
    for size, scale, dtype in ((9, 2, torch.float32), (1, 1, wide), (12, 200, torch.float32)):
        place = torch.arange(size, device=attempt.device)
        targets = (place % 3 == 0).to(dtype)
        logits = scale * (0.3 + attempt.randn(size, dtype=dtype).abs()) * (-1) ** place
        weight = attempt.pick(3, 12) + 0.5
        cases.append(_weighted_case(logits, targets, weight))
    with Watch() as watch:
        judge(attempt, cases, otherwise=functools.partial(_look_at_loss, attempt))
    own = "binary_cross_entropy_with_logits" in watch.called
    attempt.require(not own, "torch's own loss does it for you; write the formula out")
    logits = torch.cat([logits, torch.zeros_like(logits[:2])])  # one of either class at 0
    targets = torch.cat([targets, torch.tensor([0.0, 1.0]).to(targets)])
    leaf = logits.clone().requires_grad_()
    with torch.enable_grad():
        loss = attempt.run(leaf, targets, weight)
    attempt.require(loss.requires_grad, "your loss carries no gradient, so nobody can train on it")
    (gradient,) = torch.autograd.grad(loss, leaf)
    factor = torch.where(targets == 1, weight, 1.0)
    expected = factor * (logits.sigmoid() - targets) / len(logits)
    right = torch.isclose(gradient, expected, rtol=1e-3, atol=1e-5)
    attempt.require(right[-2:].all(), "the loss is right, but its slope at logit 0 is not")
    attempt.require(right.all(), "the loss is right, but its gradient is not, around ±200")


def _weighted_case(logits: torch.Tensor, targets: torch.Tensor, weight: float) -> Case:
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
    return (logits, targets, weight), expected, mistakes


def _look_at_loss(attempt: Attempt, got: object, inputs: Sequence) -> None:
    logits, _, weight = inputs
    attempt.require(
        not isinstance(got, float), "return a tensor, as gradients have to pass: no item()"
    )
    if not alike(got, logits.sum()):
        return
    if logits.abs().max() > 30:  # the small ones are right
        say = "a probability rounds to 0 or 1 there, or an exponential overflows"
        attempt.require(got.isfinite(), f"logits around ±200 give {got.item()}: {say}")
        say = "right for small logits; for large ones the loss is cut off instead of computed"
        attempt.require(False, say)
    one, benign = logits[:1] * 0 + 0.5, functional.softplus(logits[0] * 0 + 0.5)
    malignant, alone = functional.softplus(logits[0] * 0 - 0.5), "already wrong for one"
    probe(
        attempt,
        [
            (
                (one, one * 0, weight),
                benign,
                f"{alone} benign patient with logit 0.5: {_BENIGN}",
            ),
            ((one, one * 0 + 1, 1.0), malignant, f"{alone} malignant patient: {_MALIGNANT}"),
            (
                (one, one * 0 + 1, weight),
                weight * malignant,
                f"{alone} malignant patient with a `pos_weight`: {_MALIGNANT}",
            ),
            (
                (one.repeat(4), one.repeat(4) * 0, weight),
                benign,
                "right for one patient alone, but not for four that are alike: take the mean",
            ),
        ],
    )


_BENIGN = "that is -log(1 - sigmoid(logit))"
_MALIGNANT = "that is -log(sigmoid(logit)), `pos_weight` times"
