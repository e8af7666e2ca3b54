"""Checks for the exercises of lesson 24, scaling out."""

from typing import Any

import torch

from helpers.checks.attempt import Attempt, exercise


def _whole_numbers(attempt: Attempt, values: Any, say: str) -> None:
    ints = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    attempt.require(ints, say)


@exercise
def plan_step(attempt: Attempt) -> None:
    """Return how many equal parts a process takes its share in, and how large a part is."""
    cases = [(256, 4, 24), (96, 2, 48), (96, 2, 47), (35, 5, 3), (12, 12, 1), (14, 2, 1)]
    for _ in range(8):
        size, parts, world = attempt.pick(2, 7), attempt.pick(2, 6), attempt.pick(2, 5)
        cases.append((size * parts * world, world, size + attempt.pick(0, 2)))
    cases += [(4 * 13, 4, 12), (3 * 30, 3, 100), (2 * 64, 2, 33), (8 * 97, 8, 96), (60, 1, 7)]
    for total, world, fits in cases:
        share = total // world
        parts = next(n for n in range(1, share + 1) if share % n == 0 and share // n <= fits)
        got = attempt(total, world, fits)
        say = "return two whole numbers: parts and size"
        attempt.require(isinstance(got, tuple | list) and len(got) == 2, say)
        _whole_numbers(attempt, got, f"{say}, as ints; // divides without a fraction")
        _judge_plan(attempt, tuple(got), (parts, share // parts), (total, world, fits))


def _judge_plan(attempt: Attempt, got: tuple, right: tuple, asked: tuple) -> None:
    total, world, fits = asked
    if got == right:
        return
    share, (parts, size) = total // world, got
    words = f"{total} examples, {world} processes, {fits} fit: "
    attempt.require(got != right[::-1], "the number of parts comes first, then the size")
    uneven = parts == -(-share // fits) and share % parts
    say = f"{words}{parts} parts are not equal; a share has {share}"
    attempt.require(not uneven, say)
    forgot = world > 1 and parts * size == total
    say = f"{words}{parts} parts of {size} are all {total}; a process takes only its share"
    attempt.require(not forgot, say)
    say = f"{words}{parts} parts of {size} make {parts * size}; a share has {share}"
    attempt.require(parts * size == share, say)
    attempt.require(size <= fits, f"{words}a part of {size} does not fit")
    say = f"{words}{parts} parts are more than needed; take as few as possible"
    attempt.require(False, say)


@exercise
def deal(attempt: Attempt) -> None:
    """Return the examples that `DistributedSampler` gives to a process, without shuffling."""
    cases = [(10, 4), (2, 5), (1, 3), (12, 4), (7, 1), (3, 8), (1, 1)]
    cases += [(attempt.pick(1, 40), attempt.pick(2, 7)) for _ in range(12)]
    for count, world in cases:
        each = -(-count // world)
        pack = [i % count for i in range(each * world)]
        for rank in range(world):
            right = pack[rank::world]
            got = attempt(count, world, rank)
            say = f"return a list, not a {type(got).__name__}; list() makes one"
            attempt.require(isinstance(got, list), say)
            _whole_numbers(attempt, got, "return plain Python ints in a list")
            if got != right:
                _judge_deal(attempt, got, right, count, world, rank)


def _judge_deal(attempt: Attempt, got: list, right: list, count: int, world: int, rank: int):
    each, words = len(right), f"{count} examples, {world} processes, rank {rank}: "
    whole = list(range(count))
    mistakes = {
        "the padding is missing; all processes read equally many": whole[rank::world],
        "the rest is left out; pad instead": whole[: count // world * world][rank::world],
        "that is a block of neighbours; deal like cards": [
            i % count for i in range(rank * each, (rank + 1) * each)
        ],
        "pad from the beginning, not with the last example": [
            min(i, count - 1) for i in range(rank, each * world, world)
        ],
        "the padding is a number that no example has": list(range(rank, each * world, world)),
        "ranks are counted from 0": [(i - 1) % count for i in range(rank, each * world, world)],
    }
    for say, wrong in mistakes.items():
        attempt.require(got != wrong or wrong == right, words + say)
    strange = [number for number in got if number not in whole]
    attempt.require(not strange, f"{words}no example has the number {strange[:1]}")
    say = f"{words}{len(got)} examples instead of {each}; all processes read equally many"
    attempt.require(len(got) == each, say)
    attempt.require(False, f"{words}expected {right}, got {got}")


@exercise
def true_accuracy(attempt: Attempt) -> None:
    """Return the accuracy over all examples, each counted once, of padded shares."""
    telling = [(22, 4), (31, 3), (17, 5)]
    cases = [(3, 2), (10, 4), (9, 4), (8, 4), (5, 1), (2, 5), (1, 3)]
    cases += [(attempt.pick(5, 40), attempt.pick(2, 7)) for _ in range(12)]
    for count, world in [*telling, *cases]:
        for _ in range(1000):
            right = attempt.randint(0, 2, (count,)).bool()
            hits = _padded(right, world)
            expected, mistakes = right.float().mean().item(), _accuracy_mistakes(hits, count)
            values = {round(value, 4) for value, _ in mistakes} | {round(expected, 4)}
            # each mistake gives another number, so that its message does not hang on the draw
            if (count, world) not in telling or len(values) == len(mistakes) + 1:
                break
        got = attempt(hits, count, errors=_ACCURACY_ERRORS)
        say = "return a float; item() makes one of a tensor"
        attempt.require(not isinstance(got, torch.Tensor), say)
        attempt.expect(got, expected, mistakes, rtol=1e-6)


def _padded(right: torch.Tensor, world: int) -> list[torch.Tensor]:
    """Deal answers to ranks, as `DistributedSampler` deals examples."""
    count = len(right)
    numbers = torch.arange(-(-count // world) * world) % count
    return [right[numbers[rank::world].to(right.device)] for rank in range(world)]


def _accuracy_mistakes(hits: list[torch.Tensor], count: int) -> list[tuple[float, str]]:
    world, every = len(hits), torch.stack(hits, dim=1).flatten().float()
    lengths = [len(range(rank, count, world)) for rank in range(world)]
    means = [hit[:n].float().mean().item() for hit, n in zip(hits, lengths, strict=True) if n]
    total = every[:count].sum().item()
    by_rank = torch.cat(hits)[:count].float().mean().item()
    full_rounds = every[: count // world * world or 1]
    return [
        (every.mean().item(), "the padding is counted as well; each example counts once"),
        (by_rank, "first the first answers of all ranks, then the second ones; not rank by rank"),
        (sum(means) / len(means), "that is a mean of accuracies; the shares differ in size"),
        (every.sum().item() / count, "the padding's hits are in your sum; cut it off first"),
        (total / len(every), "divide by the number of examples, without the padding"),
        (
            full_rounds.mean().item(),
            "the last, incomplete round is missing; cut only the padding off",
        ),
        (total, "that is how many are right; divide by the number of examples"),
        (1 - total / count, "that is the share of wrong answers"),
    ]


_ACCURACY_ERRORS = {"mean(): could not infer output dtype": "turn bools into numbers: float()"}


@exercise
def held_numbers(attempt: Attempt) -> None:
    """Return how many numbers each rank holds of parameters that `fully_shard` has cut."""
    cases = [
        ([(5, 3), (7,)], 4),
        ([(5, 2), (5,)], 4),
        ([(8, 3)], 2),
        ([(1,)], 3),
        ([(6, 2, 2), (2,)], 3),
        ([(7,)], 1),
    ]
    for _ in range(10):
        shapes = [
            tuple(attempt.pick(1, 9) for _ in range(attempt.pick(1, 4)))
            for _ in range(attempt.pick(1, 5))
        ]
        cases.append(([*shapes, (attempt.pick(10, 30), 3)], attempt.pick(2, 7)))
    for shapes, world in cases:
        got = attempt(shapes, world)
        say = f"return a list, not a {type(got).__name__}"
        attempt.require(isinstance(got, list), say)
        _whole_numbers(attempt, got, "return plain Python ints in a list")
        right = _held(shapes, world, _rounded_up)
        if got != right:
            _judge_held(attempt, got, right, shapes, world)


def _rounded_up(length: int, world: int, rank: int) -> int:
    rows = -(-length // world)
    return min(rows, max(0, length - rank * rows))


def _held(shapes: list[tuple], world: int, share: Any) -> list[int]:
    sizes = [(shape[0], torch.Size(shape[1:]).numel()) for shape in shapes]
    return [sum(share(n, world, rank) * size for n, size in sizes) for rank in range(world)]


def _judge_held(attempt: Attempt, got: list, right: list, shapes: list, world: int) -> None:
    words = f"shapes {shapes}, {world} processes: "
    every = sum(torch.Size(shape).numel() for shape in shapes)
    dealt = _held(shapes, world, lambda n, w, r: n // w + (r < n % w))
    mistakes = {
        "rows are rounded up until they run out; you deal the rest evenly": dealt,
        "every process holds all of that; each keeps only its shard": [every] * world,
        "the rest is lost; round the rows up": _held(shapes, world, lambda n, w, r: n // w),
        "the last process gets what is left, and full shards are rounded up": _held(
            shapes, world, lambda n, w, r: n // w + (n % w if r == w - 1 else 0)
        ),
        "the last processes may get fewer rows": _held(shapes, world, lambda n, w, r: -(-n // w)),
        "those are rows; a row holds the product of the other dimensions": [
            sum(_rounded_up(shape[0], world, rank) for shape in shapes) for rank in range(world)
        ],
        "a parameter of one dimension is held too": _held(
            [shape for shape in shapes if len(shape) > 1], world, _rounded_up
        ),
        "a parameter is cut along its first dimension, not as one long row": [
            sum(_rounded_up(torch.Size(shape).numel(), world, rank) for shape in shapes)
            for rank in range(world)
        ],
    }
    for say, wrong in mistakes.items():
        attempt.require(got != wrong or wrong == right, words + say)
    attempt.require(len(got) == world, f"{words}return one number for each process")
    say = f"{words}a rank holds fewer than 0 numbers; where rows have run out it holds 0"
    attempt.require(min(got) >= 0, say)
    say = f"{words}together they hold {sum(got)} numbers instead of {every}"
    attempt.require(sum(got) == every, say)
    attempt.require(False, f"{words}expected {right}, got {got}")
