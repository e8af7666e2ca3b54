"""Checks of lesson 00: a warm-up, counting parameters, the order of the workflow, a baseline."""

import math
from itertools import pairwise

import torch

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.clues import with_clues
from helpers.checks.judge import judge, probe

STEPS = ["data", "model", "loss", "optimizer", "train", "evaluate", "save"]


def _shuffled(attempt: Attempt, values: list) -> list:
    order = torch.randperm(len(values), generator=attempt.generator)
    return [values[place] for place in order]


@exercise
def double(attempt: Attempt) -> None:
    """Return twice the number, whole or not, positive or negative."""
    for number in (attempt.pick(3, 1000), -(2 * attempt.pick(12, 500) + 1) / 8):
        mistakes = [
            (number + 2, "you added 2; twice a number is the number times 2"),
            (number**2, "you squared the number; ** is a power, * is times"),
            (abs(number) * 2, "a negative number stays negative when it is doubled"),
            (int(number) * 2, "you cut off what comes after the decimal point"),
            (str(number) * 2, "you doubled a text; keep the number a number"),
            (number, "that is the number itself; double it"),
            (-2 * number, "the sign is turned; twice a number has the number's sign"),
        ]
        got = attempt(number)
        attempt.recognise(got, number * 2, mistakes)
        if isinstance(got, int | float) and got != number * 2:
            say = f"twice {number} is {number * 2}, and yours is {got}"
            attempt.require(False, say)
        attempt.expect(got, number * 2)
    for number in (0, 1, -attempt.pick(3, 90), 0.1, 2.6, -0.0004, 10**17 + 1):
        got = attempt(number)
        say = f"twice {number} is {number * 2}, and yours is {got}"
        attempt.require(not isinstance(got, int | float) or got == number * 2, say)
        attempt.expect(got, number * 2)


@exercise
def count_parameters(attempt: Attempt) -> None:
    """Return how many parameters a network with layers of these sizes has."""
    cases = []
    for layers in (3, 4, 2, 5):
        while True:
            sizes = [4 + size for size in _shuffled(attempt, list(range(2 * layers)))[:layers]]
            right, mistakes, says = _count(sizes), _miscounts(sizes), {}
            # with more than one pair of layers, each mistake gives a number of its own
            apart = all(says.setdefault(wrong, say) == say for wrong, say in mistakes)
            if apart or layers == 2:
                break
        cases.append(((sizes,), right, mistakes))
    clues = [
        (
            lambda _, got, right: type(got) is float and got == right,
            "return a whole number, an int",
        ),
        (
            lambda _, got, __: isinstance(got, int | float),
            "each circle after the input has a line from each circle before it, and a number of "
            "its own; your numbers are others",
        ),
    ]
    judge(attempt, with_clues(attempt, cases, clues))
    several = "wrong where layers have the same size: take each pair of neighbours by its place"
    a, b = attempt.pick(3, 9), attempt.pick(10, 20)
    sizes_and_says = [
        ([1, 1], "wrong where a layer has one circle, which has lines and a number like others"),
        ([a, a], several),
        ([a, b, a, b, a], several),
        ([a, b] * 5, "wrong for ten layers; there may be any number of them"),
        ([784, 1000, 10], "wrong for large layers, such as [784, 1000, 10]"),
        ([20_001, 30_001], "wrong for large layers, such as [20001, 30001]"),
    ]
    probe(attempt, [((sizes,), _count(sizes), say) for sizes, say in sizes_and_says])


def _count(sizes: list[int]) -> int:
    return sum((before + 1) * size for before, size in pairwise(sizes))


def _miscounts(sizes: list[int]) -> list[tuple[int, str]]:
    """Give what each mistake counts, and what to say of it."""
    lines = [before * size for before, size in pairwise(sizes)]
    one_pair = "you counted one pair of neighbours; add up all pairs, from input to output"
    return [
        (sum(lines), "you counted the lines; each circle after the input has one more number"),
        (sum(lines) + sum(sizes), "the circles of the input layer have no number of their own"),
        (sum(lines) + sum(sizes[:-1]), "the input's circles have no number, the output's have"),
        (lines[0] + sizes[1], one_pair),
        (lines[-1] + sizes[-1], one_pair),
        (sum(lines) + sum(sizes[1:-1]), "the output's circles have a number of their own too"),
        (sum(lines) + len(lines), "one number for each circle, not for each layer"),
        (
            _count([sizes[-1], *sizes]),
            "your loop began at place 0, where sizes[-1] is the last layer; begin at 1",
        ),
        (_count(sizes[:3]), "that is right for three layers only; use a loop"),
        (math.prod(sizes), "lines run between neighbours only; add the products up"),
        (sum(sizes), "you counted the circles; count the lines between them as well"),
    ]


@exercise
def order_steps(attempt: Attempt) -> None:
    """Return these steps of the workflow, in the order in which they are taken."""
    optional = _shuffled(attempt, ["data", "optimizer", "save"])[: attempt.pick(1, 3)]
    some = [step for step in STEPS if step in {"model", "loss", "train", "evaluate", *optional}]
    for right in (some, STEPS):
        shuffled = right
        while shuffled[0] in right[:2] or shuffled in (right[::-1], sorted(right)):
            shuffled = _shuffled(attempt, right)
        mistakes = [
            (shuffled, "you gave the steps back in the order in which they came"),
            (sorted(right), "that is the order of the alphabet, not of the workflow"),
            (right[::-1], "that is the workflow backwards"),
            (STEPS, "you gave all seven steps; give back only those that came in"),
            (right[0], "you gave one step alone; give back a list of all that came in"),
        ]
        got = attempt(shuffled)
        attempt.require(not isinstance(got, set), "a set has no order; return a list")
        attempt.recognise(got, right, mistakes)
        attempt.require(isinstance(got, list), f"return a list, not {_a(got)}")
        say = "give back each step that came in, once, and no other"
        attempt.require(sorted(map(str, got)) == sorted(right), f"{say}; yours are {got}")
        first, second = next(
            ((a, b) for a, b in pairwise(got) if STEPS.index(a) > STEPS.index(b)), ("", "")
        )
        say = f"{first!r} stands before {second!r}, but comes after it in the workflow"
        attempt.require(not first, say)
        attempt.expect(got, right)
    few = "wrong for {}: any of the seven may be there or not"
    cases = [[], *([step] for step in STEPS), ["optimizer", "data"], ["save", "train", "loss"]]
    cases.append(["save", "evaluate", "optimizer", "data"])
    probe(attempt, [((some,), sorted(some, key=STEPS.index), few.format(some)) for some in cases])
    again = "a new list is wanted, and yours is one that was there before"
    first, kept = list(STEPS), attempt(STEPS[::-1])
    for given in (first, first[:1], []):
        attempt.require(attempt.run(given) is not given, again)
    attempt(["save"])
    attempt.require(kept == STEPS, again)


def _a(value: object) -> str:
    """Name the kind of a value, as in "an int"."""
    kind = type(value).__name__
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


@exercise
def baseline_score(attempt: Attempt) -> None:
    """Return the share of test labels that the most common training label gets right."""
    digits = sorted(_shuffled(attempt, list(range(10)))[:4])
    words = ["ant", "bee", "cat", "dog"]
    # the most common label stands second, last and first by its size or in the alphabet, and half
    # of the training labels it never is
    cases = [(words, 1), (digits, 3), (["maybe", "no", "perhaps", "yes"], 0), (digits, 2)]
    for labels, place, hits in [*((*case, 4) for case in cases), (words, 2, 0)]:
        common = labels[place]
        other = _shuffled(attempt, [label for label in labels[1:-1] if label != common])[0]
        rest = [label for label in labels if label not in (common, other)]
        rare, middle = _shuffled(attempt, rest)
        most = attempt.pick(13, 16)
        train = [common] * most + [other] * (most - 2) + [middle] * (most - 4) + [rare]
        train = [rare, *_shuffled(attempt, train), middle]
        # no two labels are as common in the test, and together with train another one wins
        counts = {other: attempt.pick(15, 19), common: hits, rare: 2, middle: 6}
        test = _shuffled(attempt, [label for label in labels for _ in range(counts[label])])
        right = hits / len(test)
        mistakes = [
            (
                right if hits else counts[other] / len(test),
                "the most common training label need not occur in the test at all; the share is 0",
            ),
            (
                counts[other] / len(test) if hits else right,
                "you looked for the most common label among the test labels, which you may not see",
            ),
            (train.count(common) / len(train), "you scored it on the training labels"),
            *(
                (counts[label] / len(test), "you took the first, last, largest or rarest label")
                for label in rest
            ),
            (common, "that is the label itself; return the share of test labels that equal it"),
            (hits, "that is how many are right; divide by how many there are"),
            (100 * right, "return a share between 0 and 1, not a percentage"),
            (1 / 4, "that is what guessing at random gives; count the most common label instead"),
            (0.0, "that is 0: use / and not //; and count with .count, == compares a whole list"),
            (1 - right, "that is the share of wrong answers"),
            (hits / len(train), "divide by the number of test labels"),
        ]
        got = attempt(train, test)
        attempt.recognise(got, right, mistakes)
        if isinstance(got, int | float):
            attempt.require(
                math.isclose(got, right, rel_tol=1e-4),
                f"{common!r} is the most common training label; {hits} of {len(test)} test labels "
                f"equal it: {right:.4g}, not {got:.4g}",
            )
        attempt.expect(got, right)
    rare = _shuffled(attempt, list(range(1, 9)))
    cases = [
        ((["a"] * 9, ["b", "a", "b", "b", "b", "b", "b"]), 1 / 7, "return the share unrounded"),
        (([rare[0]], [rare[0]]), 1.0, "wrong where there is one label only"),
        (([0, 0, *rare], [0, *rare[:6]]), 1 / 7, "wrong where the most common label is 0"),
        (([-3, -3, 3] * 3, [-3, 3, 3, 3, 9, 9, 9]), 1 / 7, "wrong where labels are below 0"),
        (([300, 44, 300], [44, 300, 44]), 1 / 3, "wrong where labels are large, such as 300"),
        (([12, 1, 12, 1, 12], [1, 1, 12]), 1 / 3, "wrong where labels have two digits"),
        ((["B", "b", "a", "B", "b", "B"], ["b", "a", "B"]), 1 / 3, "'B' and 'b' are two labels"),
        ((["b", "a", "a", "b", "b"], ["a", "a", "b"]), 1 / 3, "every training label counts"),
        (([5, 6, 5], [5, 5, 5, 6, 6, 5, 5]), 5 / 7, "wrong where there are more test labels"),
        (([*range(40), 39], [39, 2, 1]), 1 / 3, "wrong where there are 40 different labels"),
    ]
    probe(attempt, cases, rtol=1e-6)
