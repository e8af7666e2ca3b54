"""Known wrong answers to the exercises of lesson 17."""

import torch
from torch import nn

from tests.wrong_answers import wrong


@wrong("worker_share", says="every worker serves everything")
def worker_share_of_everything(start, stop, worker, workers):
    return list(range(start, stop))


@wrong("worker_share", says="nobody serves")
def worker_share_in_floored_blocks(start, stop, worker, workers):
    size = (stop - start) // workers
    return list(range(start + worker * size, start + (worker + 1) * size))


@wrong("worker_share", says="is not in the range")
def worker_share_from_zero(start, stop, worker, workers):
    return list(range(worker, stop, workers))


@wrong("worker_share", says="nobody serves")
def worker_share_without_the_last(start, stop, worker, workers):
    return list(range(start + worker, stop - 1, workers))


@wrong("worker_share", says="the shares are not fair")
def worker_share_the_last_takes_the_rest(start, stop, worker, workers):
    size = (stop - start) // workers
    end = stop if worker == workers - 1 else start + (worker + 1) * size
    return list(range(start + worker * size, end))


@wrong("worker_share", says="served twice")
def worker_share_in_overlapping_blocks(start, stop, worker, workers):
    size = (stop - start) // workers + 1
    return list(range(start + worker * size, min(stop, start + (worker + 1) * size + 1)))


@wrong("worker_share", says="blocks of the size rounded up")
def blocks_of_the_rounded_up_size(start, stop, worker, workers):
    size = -((start - stop) // workers)
    return list(range(start, stop))[size * worker : size * (worker + 1)]


@wrong("worker_share", says="return a list, not a range")
def a_range_of_the_share(start, stop, worker, workers):
    return range(start + worker, stop, workers)


@wrong("worker_share", says="return a list")
def worker_share_as_a_generator(start, stop, worker, workers):
    yield from range(start + worker, stop, workers)


@wrong("whole_speedup", says="only one part becomes faster")
def the_factor_itself(parts, name, factor):
    return float(factor)


@wrong("whole_speedup", says="turn it over")
def new_over_old(parts, name, factor):
    before = sum(parts.values())
    return (before - parts[name] + parts[name] / factor) / before


@wrong("whole_speedup", says="still takes part / factor")
def without_the_part(parts, name, factor):
    before = sum(parts.values())
    return before / (before - parts[name])


@wrong("whole_speedup", says="divide the old ones by them")
def seconds_left(parts, name, factor):
    return sum(parts.values()) - parts[name] + parts[name] / factor


@wrong("whole_speedup", says="add up seconds, not speeds")
def weighted_mean_of_speeds(parts, name, factor):
    share = parts[name] / sum(parts.values())
    return 1 - share + share * factor


@wrong("whole_speedup", says="divide by factor")
def slower_by_the_factor(parts, name, factor):
    before = sum(parts.values())
    return before / (before - parts[name] + parts[name] * factor)


@wrong("whole_speedup", says="the old seconds of the part are still in your sum")
def part_twice(parts, name, factor):
    before = sum(parts.values())
    return before / (before + parts[name] / factor)


def in_parts(model, loss_fn, inputs, targets, size, weigh=True):
    """The right answer, to be spoilt."""
    count, mean = len(inputs.split(size)), 0.0
    for part, answers in zip(inputs.split(size), targets.split(size), strict=True):
        share = len(part) / len(inputs) if weigh else 1 / count
        loss = loss_fn(model(part), answers) * share
        loss.backward()
        mean += loss.item()
    return mean


@wrong("accumulate", says="the last part is smaller")
def every_part_counts_the_same(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    return in_parts(model, loss_fn, inputs, targets, size, weigh=False)


@wrong("accumulate", says="clear the old gradients first")
def old_gradients_stay(model, loss_fn, inputs, targets, size):
    return in_parts(model, loss_fn, inputs, targets, size)


@wrong("accumulate", says="only the last part's gradient is left")
def cleared_in_the_loop(model, loss_fn, inputs, targets, size):
    mean = 0.0
    for part, answers in zip(inputs.split(size), targets.split(size), strict=True):
        model.zero_grad()
        loss = loss_fn(model(part), answers) * len(part) / len(inputs)
        loss.backward()
        mean += loss.item()
    return mean


@wrong("accumulate", says="so the gradient is too large")
def means_added_up(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    mean = 0.0
    for part, answers in zip(inputs.split(size), targets.split(size), strict=True):
        loss = loss_fn(model(part), answers)
        loss.backward()
        mean += loss.item() * len(part) / len(inputs)
    return mean


@wrong("accumulate", says="at most 4 fit")
def the_whole_batch(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    loss = loss_fn(model(inputs), targets)
    loss.backward()
    return loss.item()


@wrong("accumulate", says="otherwise the graphs of all parts stay in memory")
def one_backward_at_the_end(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    loss = 0
    for part, answers in zip(inputs.split(size), targets.split(size), strict=True):
        loss = loss + loss_fn(model(part), answers) * len(part) / len(inputs)
    loss.backward()
    return loss.item()


@wrong("accumulate", says="smaller parts than needed")
def one_by_one(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    return in_parts(model, loss_fn, inputs, targets, 1)


@wrong("accumulate", says="you returned the last part's loss")
def loss_of_the_last_part(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    in_parts(model, loss_fn, inputs, targets, size)
    part, answers = inputs.split(size)[-1], targets.split(size)[-1]
    return loss_fn(model.model(part), answers).item()


@wrong("accumulate", says="return the loss as a Python float")
def a_tensor(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    mean = 0.0
    for part, answers in zip(inputs.split(size), targets.split(size), strict=True):
        loss = loss_fn(model(part), answers) * len(part) / len(inputs)
        loss.backward()
        mean = mean + loss
    return mean


@wrong("accumulate", says="did you forget `return`?")
def nothing_returned(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    in_parts(model, loss_fn, inputs, targets, size)


def _share(start, stop, worker, workers):
    return list(range(start + worker, stop, workers))


@wrong("worker_share", says="serve")
def share_of_a_stream_from_0(start, stop, worker, workers):
    return _share(start, stop, worker, workers) if start else list(range(stop))


@wrong("worker_share", says="nobody serves")
def share_from_0_up(start, stop, worker, workers):
    return [number for number in _share(start, stop, worker, workers) if number >= 0]


@wrong("worker_share", says="")
def share_of_an_empty_stream(start, stop, worker, workers):
    return _share(start, stop, worker, workers) or [start]


@wrong("worker_share", says="nobody serves")
def share_of_a_hundred(start, stop, worker, workers):
    return _share(start, min(stop, 100), worker, workers)


@wrong("worker_share", says="blocks of the size rounded up")
def share_in_blocks_of_few(start, stop, worker, workers):
    if stop - start >= 2 * workers:
        return _share(start, stop, worker, workers)
    size = -(-(stop - start) // workers)
    return list(range(start + worker * size, min(stop, start + (worker + 1) * size)))


def _speedup(parts, name, factor):
    return sum(parts.values()) / (sum(parts.values()) - parts[name] + parts[name] / factor)


@wrong("whole_speedup", says="changed its input")
def speedup_dividing_the_part_in_place(parts, name, factor):
    total = sum(parts.values())
    parts[name] /= factor
    return total / sum(parts.values())


@wrong("whole_speedup", says="expected")
def speedup_of_several_parts(parts, name, factor):
    return _speedup(parts, name, factor) if len(parts) > 1 else 1.0


@wrong("whole_speedup", says="expected")
def speedup_up_to_10(parts, name, factor):
    return _speedup(parts, name, factor if factor == float("inf") else min(factor, 10))


@wrong("whole_speedup", says="expected")
def speedup_from_a_half_up(parts, name, factor):
    return _speedup(parts, name, max(factor, 0.5))


@wrong("whole_speedup", says="expected")
def speedup_by_a_thousand(parts, name, factor):
    return _speedup(parts, name, min(factor, 1000))


@wrong("whole_speedup", says="expected")
def speedup_of_long_parts(parts, name, factor):
    return _speedup({name: max(seconds, 0.1) for name, seconds in parts.items()}, name, factor)


@wrong("whole_speedup", says="expected")
def speedup_of_short_parts(parts, name, factor):
    return _speedup({name: min(seconds, 2) for name, seconds in parts.items()}, name, factor)


def _accumulate(model, loss_fn, inputs, targets, size):
    model.zero_grad()
    total = 0.0
    for part, answers in zip(inputs.split(size), targets.split(size), strict=True):
        loss = loss_fn(model(part), answers) * len(part) / len(inputs)
        loss.backward()
        total += loss.item()
    return total


@wrong("accumulate", says="train mode")
def accumulate_in_eval_mode(model, *rest):
    model.eval()
    return _accumulate(model, *rest)


@wrong("accumulate", says="lost their requires_grad")
def accumulate_and_freeze(model, *rest):
    loss = _accumulate(model, *rest)
    model.requires_grad_(False)
    return loss


@wrong("accumulate", says="leave the step to the caller")
def accumulate_and_step(model, *rest):
    loss = _accumulate(model, *rest)
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    return loss


@wrong("accumulate", says="changed its input")
def accumulate_into_the_inputs(model, loss_fn, inputs, targets, size):
    return _accumulate(model, loss_fn, inputs.requires_grad_(), targets, size)


@wrong("accumulate", says="")
def accumulate_by_a_loss_of_its_own(model, loss_fn, *rest):
    return _accumulate(model, nn.CrossEntropyLoss(), *rest)


@wrong("accumulate", says="")
def accumulate_and_clip(model, *rest):
    loss = _accumulate(model, *rest)
    nn.utils.clip_grad_norm_(model.parameters(), 20.0)
    return loss


@wrong("accumulate", says="the model got a batch of")
def accumulate_and_look_at_all(model, loss_fn, inputs, targets, size):
    _accumulate(model, loss_fn, inputs, targets, size)
    with torch.no_grad():
        return loss_fn(model(inputs), targets).item()


@wrong("accumulate", says="smaller parts than needed")
def accumulate_in_equal_parts(model, loss_fn, inputs, targets, size):
    parts = -(-len(inputs) // size)
    return _accumulate(model, loss_fn, inputs, targets, -(-len(inputs) // parts))


@wrong("accumulate", says="expected")
def accumulate_a_rounded_loss(*given):
    return round(_accumulate(*given), 3)


@wrong("accumulate", says="")
def accumulate_eleven_examples(model, loss_fn, inputs, targets, size):
    return _accumulate(model, loss_fn, inputs[:11], targets[:11], size)


@wrong("accumulate", says="None")
def accumulate_several_examples(model, loss_fn, inputs, targets, size):
    if len(inputs) > 1:
        return _accumulate(model, loss_fn, inputs, targets, size)
    model.zero_grad()
    return 0.0
