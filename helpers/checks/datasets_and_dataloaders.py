"""Checks for lesson 06. Their inputs stay on the CPU, where loaders are."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import ANYTHING, difference, show
from helpers.checks.judge import alike, judge, name_mistake


@exercise
def batch_sizes(attempt: Attempt) -> None:
    """Return the sizes of an epoch's batches, in order, as a list."""
    some, cases = attempt.pick(5, 60), []
    for full, rest, size in (
        (attempt.pick(3, 9), 0, some),
        (attempt.pick(3, 9), attempt.pick(2, some), some),
        (1, 0, some),
        (0, 2, some),
        (2, 1, some),
        (2, some - 1, some),
        (3, 0, 1),
        (0, 0, some),
    ):
        for drop_last in (False, True):
            kept, dropped = [size] * full + [rest] * (rest > 0), [size] * full
            right = dropped if drop_last else kept
            mistakes = [
                (len(dropped if drop_last else kept), "that is their number; return their sizes"),
                ([size] * full + [rest] * (not drop_last), "you list a batch of 0 examples"),
                (kept, "drop_last=True leaves the smaller last batch out"),
                (dropped, "the smaller last batch is missing; only drop_last=True leaves it out"),
                ([size] * len(right), "the last batch is smaller: it takes what is left"),
                ([rest] * (rest > 0 and not drop_last) + dropped, "the smaller batch comes last"),
            ]
            cases.append(((full * size + rest, size, drop_last), right, mistakes))

    def total(got: Any, inputs: Sequence[int]) -> None:
        attempt.require(isinstance(got, list), f"return a list of sizes, not {show(got)}")
        attempt.require(inputs[0] or not got, "of 0 examples there is no batch: the list is empty")
        if all(isinstance(number, int | np.integer) for number in got):
            examples, size, drop_last = inputs
            some = examples - examples % size if drop_last else examples
            say = f"your batches hold {sum(got)} examples, not {some}, with {inputs}: {show(got)}"
            attempt.require(sum(got) == some, say)

    answer = attempt(*cases[0][0])
    attempt.require(not isinstance(answer, tuple), f"return a list of sizes, not {show(answer)}")
    judge(
        attempt,
        cases,
        otherwise=total,
        errors={"by zero": "how many batches are full? divide by the batch size"},
    )


@exercise
def fair_weights(attempt: Attempt) -> None:
    """Return a weight for each of `labels`, (examples,); those of each class add up to 1."""
    cases = []
    for classes in ([0, 1], [0, 2, 5], [1, 4], [0, 40, 90], [3]):
        sizes = [attempt.pick(2, 6) + 5 * i for i in range(len(classes))]
        sizes[0] = 1 if len(classes) == 3 else sizes[0]
        labels = torch.cat([torch.full((n,), k) for k, n in zip(classes, sizes, strict=True)])
        # The last class comes first, so that the labels are never sorted.
        order = torch.randperm(len(labels) - 1, generator=attempt.generator)
        labels = torch.cat([labels[-1:], labels[:-1][order]])
        counts = labels.bincount()
        right = 1 / counts[labels]
        present = counts[counts > 0]
        mistakes = [
            (counts[labels], "these are counts; each example weighs 1 divided by its class's"),
            (1 // counts[labels], "these are whole numbers; the weights are fractions"),
            (counts[labels].float(), "these grow with the class; the rare should weigh more"),
            (counts[labels] / len(labels), "these grow with the class; the rare should weigh more"),
            (1 / counts, "that is a weight for each class; return one for each example"),
            (1 / present, "that is a weight for each class; return one for each example"),
            (right / len(classes), "all weights add up to 1; those of each class should"),
            (torch.full_like(right, 1 / len(labels)), "all examples weigh the same"),
            *((torch.where(labels < len(labels), right, other), _LARGE) for other in (0.0, 1.0)),
            ((1 / present).repeat_interleave(present), "these stand in the order of sorted labels"),
        ]
        cases.append(((labels,), right, mistakes))

    def sums(got: Any, inputs: Sequence[torch.Tensor]) -> None:
        if not alike(got, inputs[0] / 1):
            return
        for label in inputs[0].unique():
            total = float(got[inputs[0] == label].sum())
            right = abs(total - 1) < 1e-4
            attempt.require(right, f"the weights of class {label} add up to {total:.4g}, not to 1")
        attempt.require(False, "within a class all examples weigh the same")

    judge(attempt, cases, errors=_WEIGHTS_ERRORS, otherwise=sums)


_LARGE = "a class number may be larger than the number of examples"
_WEIGHTS_ERRORS = {
    "out of bounds": "a class number does not occur, so place k of your counts is not class k"
}


@exercise
def window_dataset(attempt: Attempt) -> None:
    """Return a Dataset of pairs: `width` values of `series`, (steps,), and the value after them."""
    asked, early = [], []
    for width, least in ((attempt.pick(2, 6), 3), (1, 8)):  # never as many examples
        count = attempt.pick(least, least + 5)
        series = torch.randn(width + count, generator=attempt.generator)
        dataset = attempt(series, width)
        say = "return a dataset: an object of a class that is made from Dataset"
        attempt.require(isinstance(dataset, Dataset), say)
        whole = _ask(attempt, "len(dataset)", len, dataset)
        early.append((whole, _ask(attempt, "dataset[0]", dataset.__getitem__, 0)))
        asked.append((dataset, series, width, count))
    for (dataset, *_), old in zip(asked, early, strict=True):
        now = len(dataset), _ask(attempt, "dataset[0]", dataset.__getitem__, 0)
        say = "a second dataset changes the first: each keeps its own series, as self.series does"
        attempt.require(difference(now, old, rtol=0) is None, say)
    answers = []  # of both datasets, so that a mistake is named only if it explains both
    for dataset, _, width, count in asked:
        mistakes = [
            (count + 1, "one example too many: the last window has no value after it"),
            (count - 1, "one example too few: the last value of the series is a target too"),
            (count + width, "that is the number of values; not every one begins a window"),
            (count // width, "windows overlap: the next one begins one value later"),
            ((width + count) // width, "windows overlap: the next one begins one value later"),
            ((width + count - 1) // width, "windows overlap: the next one begins one value later"),
        ]
        answers.append((_ask(attempt, "len(dataset)", len, dataset), count, mistakes))
    name_mistake(attempt, answers)
    for (got, count, _), (_, series, width, _) in zip(answers, asked, strict=True):
        say = f"len(dataset) is {got}, but {count} windows of width {width} fit into {len(series)} "
        attempt.require(got == count, f"{say}values and have one more behind them")
    answers = []
    for dataset, series, width, count in asked:
        for i in (0, count - 1, attempt.pick(0, count)):
            window, target = series[i : i + width], series[i + width]
            mistakes = [
                ((window, series[i + width - 1]), "the target is the window's own last value"),
                ((window, series[i + width : i + width + 1]), "the target should have shape ()"),
                ((window, target.item()), "the target is a Python float; return a tensor"),
                ((series[i : i + width + 1], target), "the window holds its target, the answer"),
                (
                    (window, ANYTHING),
                    "the windows are right, but not the targets: the value right after each",
                ),
                (
                    (ANYTHING, target),
                    "the targets are right, but not the windows: `width` values from i on",
                ),
            ]
            got = _ask(attempt, f"dataset[{i}]", dataset.__getitem__, i)
            answers.append((got, (window, target), mistakes))
    name_mistake(attempt, answers)
    for got, right, _ in answers:
        attempt.expect(got, right)


@exercise
def collate_words(attempt: Attempt) -> None:
    """Return padded words (words, longest), their mask, and the labels (words,)."""
    cases = []
    for count in (attempt.pick(3, 6), 2, 1):
        lengths = [attempt.pick(1, 4) + 3 * i if count > 1 else 1 for i in range(count)]
        lengths[1:] = lengths[:0:-1]  # the longest is neither the first nor, of three, the last
        words = [torch.randint(0, 5, (n,), generator=attempt.generator) for n in lengths]
        words[0][0] = words[lengths.index(max(lengths))][-1] = 0  # the code 0 does occur
        labels = [attempt.pick(0, 9) for _ in words]
        padded = pad_sequence(words, batch_first=True)
        mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
        right = torch.tensor(labels)
        first, last = lengths[0], lengths[-1]
        mistakes = [
            ((padded[:, :first], mask[:, :first], right), _NARROW),
            ((padded[:, :last], mask[:, :last], right), _NARROW),
            ((padded, padded != 0, right), "a letter may have the code 0: take the lengths"),
            ((padded, ~mask, right), "your mask is True where no letter is"),
            ((padded.T, mask.T, right), "words should be rows; see batch_first"),
            ((padded.T, mask, right), "words should be rows; see batch_first"),
            ((padded, mask, labels), "the labels are still a list; make a tensor of them"),
            ((padded, mask.sum(dim=1), right), "a mask has an answer for each place, not lengths"),
            *((order, _ORDER) for order in permutations((padded, mask, right))),
            ((ANYTHING, mask, right), f"mask and labels are right, but not {_WORDS}"),
            ((padded, ANYTHING, right), f"words and labels are right, but not {_MASK}"),
            ((padded, mask, ANYTHING), f"words and mask are right, but not {_LABELS}"),
            (padded, "return three values: padded words, mask, labels"),
            ((padded, mask), "return three values: padded words, mask, labels"),
        ]
        cases.append(((list(zip(words, labels, strict=True)),), (padded, mask, right), mistakes))
    judge(attempt, cases, errors=_COLLATE_ERRORS)


_ORDER = "the order is padded words, mask, labels"
_WORDS = "the words: (words, longest), filled up with zeros at the end"
_MASK = "the mask: (words, longest), True where a letter is"
_LABELS = "the labels: int64, (words,), in the batch's order"
_NARROW = "that is as wide as one word, but another one is longer"
_COLLATE_ERRORS = {
    "expanded size of the tensor": _NARROW,
    "negative dimension": _NARROW,
    "stack expects each": "stack needs words of one length; fill the shorter ones up first",
    "only integer tensors of a single element": "torch.tensor takes numbers, not tensors of them",
    "expected Tensor as element 0": "separate words and labels first; the words alone are padded",
    "must match the size": "which shapes make each word's length meet each place?",
    "too many values to unpack": "batch is a list of pairs; separate words and labels first",
}


def _ask(attempt: Attempt, asked: str, question: Callable, *inputs: Any) -> Any:
    """Call `question`; an error becomes a wrong answer that says what was `asked`."""
    problem = answer = None
    try:
        answer = question(*inputs)
    except Exception as error:
        problem = f"{asked} raised {type(error).__name__}: {error}"
    attempt.require(problem is None, str(problem))
    return answer
