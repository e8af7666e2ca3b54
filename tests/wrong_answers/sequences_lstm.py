"""Wrong answers to the exercises of lesson 19, sequences."""

import math

import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


def _rows(states):
    return torch.arange(len(states), device=states.device)


@wrong("last_states", says="behind the padding")
def last_place(states, lengths):
    return states[:, -1]


@wrong("last_states", says="letter number `length` stands at place")
def last_one_too_far(states, lengths):
    return states[_rows(states), lengths]


@wrong("last_states", says="every place for every name")
def last_of_all_pairs(states, lengths):
    return states[:, lengths - 1]


@wrong("last_states", says="take the last state only")
def last_mean(states, lengths):
    return states.mean(dim=1)


@wrong("last_states", says="without a dimension for the letters")
def last_with_a_dimension(states, lengths):
    return states[_rows(states), lengths - 1].unsqueeze(1)


@wrong("last_states", says="after the first letter")
def last_first(states, lengths):
    return states[:, 0]


def _costs(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")


@wrong("bits_per_letter", says="units of the natural logarithm")
def bits_in_nats(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=0)


@wrong("bits_per_letter", says="padding counts as a letter")
def bits_with_padding(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()) / math.log(2)


@wrong("bits_per_letter", says="not of all places")
def bits_by_places(logits, targets):
    costs = _costs(logits, targets) * (targets.flatten() > 0)
    return costs.mean() / math.log(2)


@wrong("bits_per_letter", says="averaged the names' means")
def bits_of_means(logits, targets):
    real = targets > 0
    costs = _costs(logits, targets).reshape(targets.shape) * real
    return (costs.sum(dim=1) / real.sum(dim=1)).mean() / math.log(2)


@wrong("bits_per_letter", says="that is the perplexity")
def bits_perplexity(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=0).exp()


@wrong("bits_per_letter", says="wants the choices in dimension 1")
def bits_unflattened(logits, targets):
    return F.cross_entropy(logits, targets, ignore_index=0) / math.log(2)


@wrong("bits_per_letter", says="large logits make your bits infinite")
def bits_of_softmax(logits, targets):
    chances = logits.softmax(dim=2).gather(2, targets.unsqueeze(2)).squeeze(2)
    return -chances[targets > 0].log2().mean()


@wrong("reverse_padded", says="the padding came to the front")
def reverse_all(numbers, lengths):
    return numbers.flip(1)


@wrong("reverse_padded", says="order of the names")
def reverse_names(numbers, lengths):
    return numbers.flip(0)


@wrong("reverse_padded", says="its first letter again")
def reverse_clamped(numbers, lengths):
    places = torch.arange(numbers.shape[1], device=numbers.device)
    return numbers.gather(1, (lengths.unsqueeze(1) - 1 - places).clamp(min=0))


@wrong("reverse_padded", says="behind the name, the place stays t")
def reverse_below_zero(numbers, lengths):
    places = torch.arange(numbers.shape[1], device=numbers.device)
    return numbers.gather(1, lengths.unsqueeze(1) - 1 - places)


@wrong("reverse_padded", says="one place off")
def reverse_one_off(numbers, lengths):
    places = torch.arange(numbers.shape[1], device=numbers.device)
    ends = lengths.unsqueeze(1)
    moved = numbers.gather(1, (ends - places).clamp(min=0, max=numbers.shape[1] - 1))
    return moved * (places < ends)
