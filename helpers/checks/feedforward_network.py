"""Checks for the exercises of lesson 10, feed-forward network."""

import math
from collections.abc import Iterator, Sequence
from numbers import Integral

import torch
from torch.nn import functional

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import ANYTHING, show
from helpers.checks.judge import Case, alike, judge, probe


@exercise
def widest_hidden(attempt: Attempt) -> None:
    """Return the largest hidden width with which a network has at most `budget` parameters."""
    for inputs, classes, width, rest in _widths(attempt):
        each = inputs + 1 + classes  # what one more hidden number brings
        budget = max(width * each + classes + rest, 1)
        got = attempt(inputs, classes, budget)
        whole = isinstance(got, Integral) and not isinstance(got, bool)
        attempt.require(whole, f"return an int, not {show(got)}; // divides without a fraction")
        if got != width:
            attempt.require(False, _width_missed(int(got), width, inputs, classes, budget))


def _widths(attempt: Attempt) -> Iterator[tuple[int, int, int, int]]:
    """Give inputs, classes, the right width, and what is left of the budget."""
    yield 3, 2, attempt.pick(20, 30), 0  # here each thing that is left out makes another width
    for _ in range(2):
        inputs, classes, width = attempt.pick(30, 60), attempt.pick(2, 6), attempt.pick(4, 9)
        each = inputs + 1 + classes
        yield inputs, classes, width, 1
        yield inputs, classes, width, each - classes - 1
        yield inputs, classes, width, each - 1
        yield inputs, classes, 0, each - 1
        yield inputs, classes, 0, -attempt.pick(1, classes)
        yield inputs, classes, width, attempt.pick(0, each)
    yield 8, 3, attempt.pick(1500, 2500), 0  # a search must not end at 1000


def _width_missed(got: int, width: int, inputs: int, classes: int, budget: int) -> str:
    """Say what is wrong with a width."""
    each, free = inputs + 1 + classes, budget - classes
    forgotten = {budget // each: "the output has a bias for each class; they need a part of it"}
    if width >= 20:
        forgotten |= {
            free // (each - 1): "each hidden number has a bias, too",
            budget // (each - 1): "each hidden number has a bias, too",
            free // (inputs + 1): "each hidden number also has a weight for each class",
            free // (classes + 1): "each hidden number has a weight for each input",
            budget: "that is the number of parameters; return the width",
        }
    asked = f"{inputs} inputs, {classes} classes, budget {budget}"
    if got < 0:
        return f"{asked}: a width is never below 0; if nothing fits, return 0"
    if got in forgotten and width > 0:
        return f"{asked}: {forgotten[got]}"
    shown = got if got > width else got + 1
    need = f"{asked}: width {shown} has {shown * each + classes} parameters"
    return f"{need}, which is too many" if got > width else f"{need}, which still fits"


@exercise
def drop(attempt: Attempt) -> None:
    """Return inputs after inverted dropout; unchanged outside training."""
    cases = [((7, 9), 0.25, torch.float32), ((3, 2, 4, 5), 0.5, torch.float64)]
    cases += [((40,), 0.8, torch.float32), ((6, 5), 0.0, torch.float32)]
    asked = []
    for shape, p, dtype in cases:
        inputs = attempt.randn(*shape, dtype=dtype)
        uniform = torch.rand(shape, generator=attempt.generator)
        flat = uniform.view(-1)
        flat[:4] = torch.tensor([0.1, 0.9, p, 0.3])  # something is dropped, and something is not
        noise = uniform.to(attempt.device, dtype)
        mask = (noise >= p).to(dtype)
        say_train = "while training, some inputs have to become 0"
        say_eval = "outside training return the inputs as they are: neither dropped nor scaled"
        own = torch.rand_like(inputs)  # only its shape matters: no answer equals it
        mistakes = [
            (inputs * mask, "the survivors have to make up for the rest: scale them"),
            (inputs * mask * (1 - p), "you scaled the survivors down; they have to grow"),
            (inputs * (1 - mask) / (1 - p), "you dropped the wrong ones: drop where noise < p"),
            (inputs * (1 - mask), "you dropped the wrong ones: drop where noise < p"),
            (inputs * (noise > p) / (1 - p), "noise equal to p survives: drop where noise < p"),
            (inputs, say_train),
            (own, "use the noise that is given"),
        ]
        mistakes.append((inputs * mask / p, "a share 1 - p survives; you divided by p"))
        asked.append(((inputs, noise, p, True), inputs * mask / (1 - p), mistakes))
        mistakes = [
            (inputs * mask / (1 - p), say_eval),
            (inputs * mask, say_eval),
            (inputs * (1 - p), say_eval),
            (inputs / (1 - p), say_eval),
            *((answer, say_train) for answer in (inputs, inputs * mask / (1 - p))),
        ]
        asked.append(((inputs, noise, p, False), inputs, mistakes))

    def what(got: object, given: Sequence) -> None:
        inputs, noise, p, training = given
        if alike(got, inputs):
            attempt.require(training, say_eval)
            off = noise < p
            attempt.require(
                (got[off] == 0).all(), f"with p = {p} an input of noise below p is not 0"
            )
            say = f"with p = {p} the right ones are 0, but the others not scaled as they should be"
            attempt.require(False, say)

    judge(attempt, asked, otherwise=what)


@exercise
def stopping_epoch(attempt: Attempt) -> None:
    """Return the best epoch and the last one of a run with early stopping, counted from 1."""
    # A low, a rise that outlasts the patience, a lower low that has never happened.
    cases = []
    for patience in (2, 1, 4):
        falling = [9.0 - i for i in range(attempt.pick(2, 6))]
        wait = [falling[-1] + 1 + 0.5 * (i % 2) for i in range(patience + 2)]
        cases.append(_stopping([*falling, *wait, 0.5, 0.25, 3.0], patience))
    # A new low within the patience, a tie, and a list that ends first.
    start = attempt.pick(5, 8)
    cases += [
        _stopping([start + 0.5, start - 1.0, start - 0.5, start - 2.0, start + 1.0], 3),
        _stopping([3.0, 1.0, 2.0, 1.0, 2.0, 2.0, 2.0, 0.1], 3),
        _stopping([3.0, 1.0, 2.0, 1.5, 1.25, 1.125, 1.25, 0.1], 4),
        _stopping([5.0, 6.0, 4.0, 4.5, 3.0, 3.5, 2.0], 2),
        _stopping([2.0, 1.5, 1.0], 2),
        _stopping([float(attempt.pick(1, 9))], 2),
        _stopping([3e9, 2e9, 2.5e9, 2.6e9, 1.0], 2),
        _stopping([-1.0, -1.00001, -0.5, -1.00002, -0.7, -0.6, -2.0], 2),
    ]
    got = attempt(*cases[0][0])
    pair = isinstance(got, tuple | list) and len(got) == 2
    attempt.require(pair, "return two numbers: the best epoch and the last")

    def simpler(got: object, _: object) -> None:
        if alike(got, (1, 1)):
            say = "already wrong for"
            probe(
                attempt,
                [
                    (
                        ([2.0, 1.0], 3),
                        (2, 2),
                        f"{say} losses [2, 1]: the second is the best and last",
                    ),
                    (
                        ([1.0, 2.0], 3),
                        (1, 2),
                        f"{say} losses [1, 2], patience 3: the list ends first",
                    ),
                    (([1.0, 2.0, 3.0], 1), (1, 2), f"{say} losses [1, 2, 3] with patience 1"),
                ],
            )

    judge(attempt, cases, otherwise=simpler)


def _stopping(losses: list[float], patience: int) -> Case:
    best, last = _stop(losses, patience)
    lowest = losses.index(min(losses)) + 1
    say_zero = "count the epochs from 1"
    say_future = "the lowest loss of the whole list comes after training has stopped"
    say_first = "the first loss is always a new best: begin with math.inf"
    say_early = "you stopped an epoch too early; `patience` epochs pass after the best"
    say_late = "you stopped an epoch too late; `patience` epochs pass after the best"
    mistakes = [
        ((best - 1, last - 1), say_zero),
        ((last, best), "the best epoch comes first, then the last"),
        (_rises(losses, patience), "count the epochs since the best, not the rises in a row"),
        (_never_anew(losses, patience), "start counting anew at each new best"),
        ((lowest, last), say_future),
        ((lowest, len(losses)), say_future),
        ((best, len(losses)), "training stops before the list ends"),
        (_stop(losses, patience, ties=True), "an equal loss is no new best"),
        (_stop(losses, patience - 1), say_early),
        *([((best, last), say_early)] if patience == 1 else []),  # a loop that looks later
        (_stop(losses, patience + 1), say_late),
        ((losses[best - 1], last), "return the best epoch's number, not its loss"),
        ((0, ANYTHING), say_first),
        ((best, last), say_first),  # only a high loss shows it
        ((best, ANYTHING), "the best epoch is right, but not the last one"),
        ((ANYTHING, last), "the last epoch is right, but not the best one"),
    ]
    return (losses, patience), (best, last), mistakes


def _never_anew(losses: list[float], patience: int) -> tuple[int, int]:
    """Stop at the `patience`-th epoch in all that was no new best."""
    best, bad = 1, -1  # the first epoch counts as one, being no better than itself
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        else:
            bad += 1
            if bad >= patience:
                return best, epoch
    return best, len(losses)


def _stop(losses: list[float], patience: int, ties: bool = False) -> tuple[int, int]:
    best, lowest = 0, math.inf  # 0 while there is no best, as where all losses are nan
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest or (ties and loss == lowest):
            best, lowest = epoch, loss
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)


def _rises(losses: list[float], patience: int) -> tuple[int, int]:
    """Stop after so many epochs in a row that are no better than the one before."""
    best, bad = 1, 0
    for epoch, loss in enumerate(losses, start=1):
        best = epoch if loss < losses[best - 1] else best
        bad = bad + 1 if epoch > 1 and loss >= losses[epoch - 2] else 0
        if bad >= patience:
            return best, epoch
    return best, len(losses)


@exercise
def worst_mistakes(attempt: Attempt) -> None:
    """Return the positions of the wrong predictions with the highest loss, the worst first."""
    cases = []
    for pictures, classes, wrong, count in (
        (30, 5, 9, 4),
        (12, 3, 4, 7),
        (25, 10, 8, 8),
        (9, 4, 1, 3),
    ):
        logits, targets = _some_wrong(attempt, pictures, classes, wrong)
        losses = functional.cross_entropy(logits, targets, reduction="none")
        at = (logits.argmax(dim=1) != targets).nonzero().squeeze(1)
        order = losses[at].argsort(descending=True)
        above = logits.argmax(dim=1)[at] > targets[at]
        confidence = logits.softmax(dim=1).amax(dim=1)
        by_loss = losses.argsort(descending=True)
        mistakes = [
            (by_loss[:count], "among them is a right answer: rank the wrong ones only"),
            (by_loss[:wrong][:count], "among them is a right answer: rank the wrong ones only"),
            (order[:count], "these are places among the wrong ones; look up their positions"),
            (at[order.flip(0)][:count], "the highest loss comes first"),
            (at[order[-count:]], "these are the mildest mistakes; the highest loss comes first"),
            (at[:count], "sort the wrong ones by their loss"),
            *((at[order][side[order]][:count], _ONE_SIDE) for side in (above, ~above)),
            (at[order], "return at most `count` positions"),
            (losses[at][order[:count]], _LOSSES),
            (
                at[confidence[at].argsort(descending=True)][:count],
                "you ranked by the probability of what was predicted; take the loss",
            ),
            (
                at[logits.amax(dim=1)[at].argsort(descending=True)][:count],
                "you ranked by the largest logit; take the loss",
            ),
        ]
        cases.append(((logits, targets, count), at[order[:count]], mistakes))
    logits, targets = _some_wrong(attempt, 6, 4, 0)
    none = torch.empty(0, dtype=torch.int64, device=attempt.device)
    cases.append(((logits, targets, 3), none, [(none.float(), _LOSSES)]))

    def what(got: object, inputs: Sequence) -> None:
        logits, targets, count = inputs
        if isinstance(got, torch.Tensor) and got.dtype == torch.int64 and got.ndim == 1:
            wrong = logits.argmax(dim=1) != targets
            fits = bool(((got >= 0) & (got < len(targets))).all())
            attempt.require(fits, f"{show(got)} are no positions of {len(targets)} pictures")
            say = "among them is a right answer: rank the wrong ones only"
            attempt.require(wrong[got].all(), say)
            most = min(count, int(wrong.sum()))
            say = f"of {int(wrong.sum())} mistakes, with count = {count}, you return {len(got)}"
            attempt.require(len(got) == most, say)
            attempt.require(len(got.unique()) == most, "a position stands there twice")
            attempt.require(False, "these are mistakes, but not the costliest, the worst first")

    errors = {
        "selected index k out of range": "there may be fewer than `count` mistakes",
        "out of bounds": "places among the wrong ones are no positions among all",
    }
    judge(attempt, cases, errors=errors, otherwise=what)


_LOSSES = "return the positions, not the losses"
_ONE_SIDE = "a prediction is wrong below the target as well as above it"


def _some_wrong(
    attempt: Attempt, pictures: int, classes: int, wrong: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make logits and targets of pictures, of which so many are classified wrongly.

    Some of the wrong ones are taken for a lower class, and some for a higher one. Half of them are
    hardly wrong and cost less than the unsure right ones; of the others the costlier ones are less
    sure of what they predict.
    """
    targets = torch.randint(classes, (pictures,), generator=attempt.generator)
    logits = 0.01 * torch.rand(pictures, classes, generator=attempt.generator)
    gaps = torch.rand(pictures, generator=attempt.generator)
    targets[:wrong] = 1 + torch.randint(classes - 2, (wrong,), generator=attempt.generator)
    for row, target in enumerate(targets.tolist()):
        other = target + (1, -1)[row // 2 % 2 if row < wrong // 2 else row % 2]
        third = 2 * target - other
        if row >= wrong:
            unsure = row < wrong + 4
            logits[row, target] += 0.1 if unsure else 3 + gaps[row]
        elif row >= wrong // 2:
            logits[row, target] += 5
            logits[row, other] += 5.1 + gaps[row] / 4
        elif row % 2:
            logits[row, other] += 6.4 + gaps[row] / 8  # a wider margin, and yet a lower loss
        else:
            logits[row, [other, third]] += 6 + gaps[row] / 8
    logits += 2 * torch.randn(pictures, 1, generator=attempt.generator)  # moves no probability
    order = torch.randperm(pictures, generator=attempt.generator)
    return logits[order].to(attempt.device), targets[order].to(attempt.device)
