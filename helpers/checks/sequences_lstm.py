"""Checks for the exercises of lesson 19, sequences."""

import math

import torch

from helpers.checks.attempt import Attempt, exercise

# lengths of the names in a batch, and how many places there are; the last: nobody is padded
RAGGED = [((2, 5, 3), 5), ((7, 1, 4, 6), 7), ((3, 9), 9), ((1, 2, 1, 6, 4, 2), 8), ((4,), 6)]
FULL = [((5, 5, 5), 5), ((1,), 1)]


@exercise
def last_states(attempt: Attempt) -> None:
    """The state behind each name's last letter, however many places are padded."""
    for sizes, places in RAGGED + FULL:
        hidden = attempt.pick(2, 6)
        states = attempt.randn(len(sizes), places, hidden)
        lengths = torch.tensor(sizes, device=attempt.device)
        rows = torch.arange(len(sizes), device=attempt.device)
        right = states[rows, lengths - 1]
        mask = torch.arange(places, device=attempt.device) < lengths.unsqueeze(1)
        real = states * mask.unsqueeze(2)
        mistakes = [
            (states[:, -1], "that is the state at the last *place*, behind the padding"),
            (states[:, 0], "that is the state after the first letter"),
            (
                lambda s=states, r=rows, n=lengths: s[r, n.clamp(max=s.shape[1] - 1)],
                "letter number `length` stands at place `length - 1`",
            ),
            (states[rows, lengths - 2], "one too early: subtract 1, not 2"),
            (
                states[:, lengths - 1],
                "`states[:, places]` takes every place for every name; give the rows as well",
            ),
            (real.sum(dim=1), "that adds up all states; take the last one only"),
            (real.sum(dim=1) / lengths.unsqueeze(1), "that is the mean; take the last state only"),
            (states.mean(dim=1), "that is the mean; take the last state only"),
            (
                states.masked_fill(~mask.unsqueeze(2), -math.inf).amax(dim=1),
                "that is the largest along the name; take the last state",
            ),
            (
                lambda right=right: right.unsqueeze(1),
                "return shape (names, hidden), without a dimension for the letters",
            ),
        ]
        attempt.expect(attempt(states, lengths, errors=_LAST_ERRORS), right, mistakes)


_LAST_ERRORS = {
    "out of bounds": "letter number `length` stands at place `length - 1`",
    "Expected all tensors to be on the same device": "make `rows` on the device of `states`",
    "indices should be either on cpu": "make `rows` on the device of `states`",
}


@exercise
def bits_per_letter(attempt: Attempt) -> None:
    """The mean of -log2 of the true letters' probabilities, padding apart."""
    for case, (sizes, places) in enumerate(RAGGED + FULL):
        choices = attempt.pick(4, 9)
        choices += choices == places  # else names and choices could be mixed up unseen
        logits = 2 * attempt.randn(len(sizes), places, choices)
        if case == 2:
            logits = 80 * logits  # a softmax gives exact zeros
        lengths = torch.tensor(sizes, device=attempt.device).unsqueeze(1)
        mask = torch.arange(places, device=attempt.device) < lengths
        targets = attempt.randint(1, choices, (len(sizes), places)) * mask
        costs = -logits.log_softmax(dim=2).gather(2, targets.unsqueeze(2)).squeeze(2)  # in nats
        real = costs * mask
        count, log2 = mask.sum(), math.log(2)
        right = real.sum() / count / log2
        each = real.sum(dim=1, keepdim=True) / lengths
        shares = logits.softmax(dim=2).gather(2, targets.unsqueeze(2)).squeeze(2)
        padded = "padding counts as a letter; leave out the places where `targets` is 0"
        mistakes = [
            (right * log2, "that is in units of the natural logarithm; divide by log(2)"),
            (costs.mean() / log2, padded),
            (costs.mean(), f"{padded}. Then divide by log(2)"),
            (real.mean() / log2, "divide by the number of real letters, not of all places"),
            (each.mean() / log2, "you averaged the names' means; long names have more letters"),
            (each.mean(), "you averaged the names' means; long names have more letters"),
            (real.sum() / log2, "that is the sum; divide by the number of real letters"),
            (real.sum() / len(sizes) / log2, "that is per name; divide by the number of letters"),
            (2**right, "that is the perplexity; the bits are its exponent"),
            (right * log2 * log2, "divide by log(2); do not multiply"),
            (right * log2 / math.log(10), "that is the logarithm to base 10; take base 2"),
            (-right, "a price is positive: minus the logarithm"),
            (
                -(((shares * mask).sum() / count).log2()),
                "average the prices, not the probabilities",
            ),
            (lambda right=right: right.item(), "return a tensor of shape (), not a number"),
            (lambda right=right: right.reshape(1), "return shape (): one number"),
        ]
        got = attempt(logits, targets, errors=_BITS_ERRORS)
        lost = isinstance(got, torch.Tensor) and bool(got.isinf().any() or got.isnan().any())
        say = "large logits make your bits infinite; take `log_softmax` or `cross_entropy`, "
        attempt.require(not lost, f"{say}which never form a probability of 0")
        attempt.expect(got, right, mistakes)


_BITS_ERRORS = {
    "Expected target size": "`cross_entropy` wants the choices in dimension 1; flatten names and "
    "letters into one dimension first",
}


@exercise
def reverse_padded(attempt: Attempt) -> None:
    """Each name from its last letter to its first; the padding stays at the end."""
    for sizes, places in RAGGED + FULL:
        lengths = torch.tensor(sizes, device=attempt.device)
        order = torch.arange(places, device=attempt.device)
        ends = lengths.unsqueeze(1)
        letters = attempt.randint(1, 9, (len(sizes), places))
        letters[:, 0] = 10  # so that no name reads the same from both ends
        numbers = letters * (order < ends)
        right = numbers.gather(1, torch.where(order < ends, ends - 1 - order, order))
        mistakes = [
            (numbers.flip(1), "the padding came to the front; reverse the letters only"),
            (numbers, "nothing is reversed yet"),
            (numbers.flip(0), "you reversed the order of the names; reverse each name"),
            (
                numbers.gather(1, (ends - 1 - order).clamp(min=0)),
                "behind the name stands its first letter again; the padding is 0",
            ),
            (
                numbers.gather(1, (ends - order).clamp(min=0, max=places - 1)) * (order < ends),
                "one place off: at place t stands what was at `n - 1 - t`",
            ),
            (
                numbers.gather(1, (ends - 1 - order) % places),
                "that is right in the letters, and the padding holds letters; it is 0",
            ),
        ]
        attempt.expect(attempt(numbers, lengths, errors=_REVERSE_ERRORS), right, mistakes)


_REVERSE_ERRORS = {
    "out of bounds": "a place lies outside the batch; behind the name, the place stays t",
    "index -1 is out": "a place is below 0; behind the name, the place stays t",
}
