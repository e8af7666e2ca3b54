"""Known wrong answers to the exercises of lesson 24."""

import torch

from tests.wrong_answers import wrong


def split_share(share, fits):
    parts = 1
    while share % parts or share // parts > fits:
        parts += 1
    return parts, share // parts


@wrong("plan_step", says="parts are not equal")
def plan_step_rounded_up(total, world, fits):
    share = total // world
    parts = -(-share // fits)
    return parts, share // parts


@wrong("plan_step", says="a process takes only its share")
def plan_step_of_everything(total, world, fits):
    return split_share(total, fits)


@wrong("plan_step", says="the number of parts comes first")
def plan_step_size_first(total, world, fits):
    return split_share(total // world, fits)[::-1]


@wrong("plan_step", says="parts are more than needed")
def plan_step_one_by_one(total, world, fits):
    return total // world, 1


@wrong("plan_step", says="does not fit")
def plan_step_in_one(total, world, fits):
    return 1, total // world


@wrong("plan_step", says="// divides without a fraction")
def plan_step_as_floats(total, world, fits):
    parts, size = split_share(total // world, fits)
    return parts, size / 1


@wrong("plan_step", says="return two whole numbers")
def plan_step_parts_only(total, world, fits):
    return split_share(total // world, fits)[0]


@wrong("plan_step", says="parts are more than needed")
def plan_step_with_room_to_spare(total, world, fits):
    return split_share(total // world, max(1, fits - 1))


@wrong("deal", says="the padding is missing")
def deal_without_padding(count, world, rank):
    return list(range(rank, count, world))


@wrong("deal", says="the rest is left out")
def deal_and_drop_the_rest(count, world, rank):
    return list(range(rank, count // world * world, world))


@wrong("deal", says="that is a block of neighbours")
def deal_in_blocks(count, world, rank):
    each = -(-count // world)
    return [i % count for i in range(rank * each, (rank + 1) * each)]


@wrong("deal", says="pad from the beginning")
def deal_with_the_last_again(count, world, rank):
    each = -(-count // world)
    return [min(i, count - 1) for i in range(rank, each * world, world)]


@wrong("deal", says="a number that no example has")
def deal_past_the_end(count, world, rank):
    return list(range(rank, -(-count // world) * world, world))


@wrong("deal", says="return a list")
def deal_a_range(count, world, rank):
    return range(rank, count, world)


@wrong("deal", says="ranks are counted from 0")
def deal_from_one(count, world, rank):
    each = -(-count // world)
    return [(i - 1) % count for i in range(rank, each * world, world)]


@wrong("deal", says="no example has the number")
def deal_padded_once_only(count, world, rank):
    each = -(-count // world)
    return [i if i < count else i - count for i in range(rank, each * world, world)]


def pack(hits):
    return torch.stack(hits, dim=1).flatten()


@wrong("true_accuracy", says="the padding is counted as well")
def accuracy_with_padding(hits, count):
    return torch.stack(hits).float().mean().item()


@wrong("true_accuracy", says="not rank by rank")
def accuracy_rank_by_rank(hits, count):
    return torch.cat(hits)[:count].float().mean().item()


@wrong("true_accuracy", says="a mean of accuracies")
def accuracy_as_a_mean_of_means(hits, count):
    world = len(hits)
    lengths = [len(range(rank, count, world)) for rank in range(world)]
    means = [h[:n].float().mean().item() for h, n in zip(hits, lengths, strict=True) if n]
    return sum(means) / len(means)


@wrong("true_accuracy", says="the padding's hits are in your sum")
def accuracy_of_all_hits(hits, count):
    return sum(int(hit.sum()) for hit in hits) / count


@wrong("true_accuracy", says="without the padding")
def accuracy_by_padded_count(hits, count):
    return pack(hits)[:count].sum().item() / len(pack(hits))


@wrong("true_accuracy", says="the last, incomplete round is missing")
def accuracy_of_full_rounds(hits, count):
    world = len(hits)
    return pack(hits)[: count // world * world].float().mean().item()


@wrong("true_accuracy", says="return a float")
def accuracy_as_a_tensor(hits, count):
    return pack(hits)[:count].float().mean()


@wrong("true_accuracy", says="that is how many are right")
def accuracy_as_a_count(hits, count):
    return float(pack(hits)[:count].sum())


def rows_up(length, world, rank):
    rows = -(-length // world)
    return min(rows, max(0, length - rank * rows))


def hold(shapes, world, share):
    return [
        sum(share(shape[0], world, rank) * torch.Size(shape[1:]).numel() for shape in shapes)
        for rank in range(world)
    ]


@wrong("held_numbers", says="you deal the rest evenly")
def hold_dealt_evenly(shapes, world):
    return hold(shapes, world, lambda n, w, r: n // w + (r < n % w))


@wrong("held_numbers", says="each keeps only its shard")
def hold_everything(shapes, world):
    return [sum(torch.Size(shape).numel() for shape in shapes)] * world


@wrong("held_numbers", says="the rest is lost")
def hold_rounded_down(shapes, world):
    return hold(shapes, world, lambda n, w, r: n // w)


@wrong("held_numbers", says="the last processes may get fewer rows")
def hold_full_shards_everywhere(shapes, world):
    return hold(shapes, world, lambda n, w, r: -(-n // w))


@wrong("held_numbers", says="those are rows")
def hold_rows(shapes, world):
    return [sum(rows_up(shape[0], world, rank) for shape in shapes) for rank in range(world)]


@wrong("held_numbers", says="a parameter of one dimension is held too")
def hold_matrices_only(shapes, world):
    return hold([shape for shape in shapes if len(shape) > 1], world, rows_up)


@wrong("held_numbers", says="not as one long row")
def hold_of_flat_parameters(shapes, world):
    sizes = [torch.Size(shape).numel() for shape in shapes]
    return [sum(rows_up(size, world, rank) for size in sizes) for rank in range(world)]


@wrong("held_numbers", says="where rows have run out it holds 0")
def hold_less_than_nothing(shapes, world):
    def left(n, w, r):
        return min(-(-n // w), n - r * -(-n // w))

    return hold(shapes, world, left)


@wrong("held_numbers", says="return a list")
def hold_of_one_rank(shapes, world):
    return hold(shapes, world, rows_up)[0]
