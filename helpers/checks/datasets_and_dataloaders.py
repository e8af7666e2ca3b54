"""Checks for lesson 06. Their inputs stay on the CPU, where loaders and their workers are."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from helpers.checks.attempt import Attempt, exercise


@exercise
def batch_sizes(attempt: Attempt) -> None:
    """Return the sizes of an epoch's batches, in order, as a list."""
    size = attempt.pick(3, 60)
    for full, rest in (
        (attempt.pick(2, 9), 0),
        (attempt.pick(2, 9), attempt.pick(1, size)),
        (0, 2),
    ):
        for drop_last in (False, True):
            got = attempt(full * size + rest, size, drop_last)
            kept, dropped = [size] * full + [rest] * (rest > 0), [size] * full
            mistakes = [
                (len(dropped if drop_last else kept), "that is their number; return their sizes"),
                ([size] * full + [rest] * (not drop_last), "you list a batch of 0 examples"),
                (kept, "drop_last=True leaves the smaller last batch out"),
                (dropped, "the smaller last batch is missing; only drop_last=True leaves it out"),
                ([size] * len(kept), "the last batch is smaller: it takes what is left"),
            ]
            attempt.expect(got, dropped if drop_last else kept, mistakes)


@exercise
def fair_weights(attempt: Attempt) -> None:
    """Return a weight for each of `labels`, (examples,); those of each class add up to 1."""
    for classes in ([0, 1], [0, 2, 5], [1, 4]):
        sizes = [attempt.pick(2, 6) + 5 * i for i in range(len(classes))]
        labels = torch.cat([torch.full((n,), k) for k, n in zip(classes, sizes, strict=True)])
        # The last class comes first, so that the labels are never sorted.
        order = torch.randperm(len(labels) - 1, generator=attempt.generator)
        labels = torch.cat([labels[-1:], labels[:-1][order]])
        counts = labels.bincount()
        right = 1 / counts[labels]
        present = counts[counts > 0]
        mistakes = [
            (counts[labels].float(), "these grow with the class; the rare should weigh more"),
            (counts[labels] / len(labels), "these grow with the class; the rare should weigh more"),
            (1 / counts, "that is a weight for each class; return one for each example"),
            (1 / present, "that is a weight for each class; return one for each example"),
            (right / len(classes), "all weights add up to 1; those of each class should"),
            (torch.full_like(right, 1 / len(labels)), "all examples weigh the same"),
            ((1 / present).repeat_interleave(present), "these stand in the order of sorted labels"),
        ]
        attempt.expect(attempt(labels, errors=_WEIGHTS_ERRORS), right, mistakes)


_WEIGHTS_ERRORS = {
    "out of bounds": "a class number does not occur, so place k of your counts is not class k"
}


@exercise
def window_dataset(attempt: Attempt) -> None:
    """Return a Dataset of pairs: `width` values of `series`, (steps,), and the value after them."""
    for width in (attempt.pick(2, 6), 1):
        count = attempt.pick(3, 12)
        series = torch.randn(width + count, generator=attempt.generator)
        dataset = attempt(series, width)
        say = "return a dataset: an object of a class that is made from Dataset"
        attempt.require(isinstance(dataset, Dataset), say)
        mistakes = [
            (count + 1, "one example too many: the last window has no value after it"),
            (count - 1, "one example too few: the last value of the series is a target too"),
            (count + width, "that is the number of values; not every one begins a window"),
            (count // width, "windows overlap: the next one begins one value later"),
            ((width + count) // width, "windows overlap: the next begins one value later"),
            ((width + count - 1) // width, "windows overlap: the next begins one value later"),
        ]
        attempt.expect(_ask(attempt, "len(dataset)", len, dataset), count, mistakes)
        for i in (0, count - 1, attempt.pick(0, count)):
            window, target = series[i : i + width], series[i + width]
            mistakes = [
                ((window, series[i + width - 1]), "the target is the window's own last value"),
                ((window, series[i + width : i + width + 1]), "the target should have shape ()"),
                ((series[i : i + width + 1], target), "the window holds its target, the answer"),
            ]
            got = _ask(attempt, f"dataset[{i}]", dataset.__getitem__, i)
            attempt.expect(got, (window, target), mistakes)


@exercise
def collate_words(attempt: Attempt) -> None:
    """Return padded words (words, longest), their mask, and the labels (words,)."""
    for count in (attempt.pick(2, 6), 1):
        lengths = [attempt.pick(1, 4) + 3 * i for i in range(count)][::-1]
        words = [torch.randint(0, 5, (n,), generator=attempt.generator) for n in lengths]
        words[0][0] = 0  # the code 0 does occur
        labels = [attempt.pick(0, 9) for _ in words]
        padded = pad_sequence(words, batch_first=True)
        mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
        right = torch.tensor(labels)
        got = attempt(list(zip(words, labels, strict=True)), errors=_COLLATE_ERRORS)
        say = "return three values: padded words, mask, labels"
        attempt.require(isinstance(got, tuple | list) and len(got) == 3, say)
        mistakes = [
            ((padded, padded != 0, right), "a letter may have the code 0: take the lengths"),
            ((padded, ~mask, right), "your mask is True where no letter is"),
            ((padded.T, mask.T, right), "words should be rows; see batch_first"),
            ((padded.T, mask, right), "words should be rows; see batch_first"),
            ((padded, mask, labels), "the labels are still a list; make a tensor of them"),
            ((padded, mask.sum(dim=1), right), "a mask has an answer for each place, not lengths"),
        ]
        attempt.expect(got, (padded, mask, right), mistakes)


_COLLATE_ERRORS = {
    "stack expects each": "stack needs words of one length; fill the shorter ones up first",
    "too many values to unpack": "batch is a list of pairs; separate words and labels first",
}


@exercise
def worker_share(attempt: Attempt) -> None:
    """Return the numbers from `start` up to `stop` that this of the workers serves, as a list."""
    for workers, rest in ((2, 1), (3, 2), (1, 0), (5, 3)):
        start = attempt.pick(2, 9)
        count = workers * attempt.pick(0 if rest == 3 else 3, 6) + rest
        whole = list(range(start, start + count))
        answers = [attempt(start, start + count, worker, workers) for worker in range(workers)]
        shares = [_ask(attempt, "list(your answer)", list, answer) for answer in answers]
        served = [number for share in shares for number in share]
        say = "return plain Python ints in a list"
        attempt.require(all(type(number) is int for number in served), say)
        asked = f"with {workers} workers for {start} up to {start + count}"
        for number in served:
            attempt.require(number in whole, f"{asked}, {number} is not in the range")
        for number in whole:
            attempt.require(number in served, f"{asked}, nobody serves {number}")
        everything = workers > 1 and all(share == whole for share in shares)
        say = "every worker serves everything; `worker` should pick its own numbers"
        attempt.require(not everything, say)
        attempt.require(len(served) == count, f"{asked}, some numbers are served twice")
        sizes = [len(share) for share in shares]
        say = f"{asked}, the shares are not fair: {sizes} numbers"
        attempt.require(max(sizes) - min(sizes) <= 1, say)


def _ask(attempt: Attempt, asked: str, question: Callable, *inputs: Any) -> Any:
    """Call `question`; an error becomes a wrong answer that says what was `asked`."""
    problem = answer = None
    try:
        answer = question(*inputs)
    except Exception as error:
        problem = f"{asked} raised {type(error).__name__}: {error}"
    attempt.require(problem is None, str(problem))
    return answer
