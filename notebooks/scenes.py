"""The scenes of lesson 21: handwritten digits of several sizes among clutter, many at a time."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from helpers.tables import Table

SIZE, PATCH = 64, 24  # pixels along a side of a scene, and of the patch that holds one thing
MOST, TRIES, CLUTTER = 6, 12, 5  # digits in a scene, places tried for them, things that are none
SMALLEST = 12  # pixels along a digit's side
INK = 0.25  # from this brightness on, a pixel belongs to its digit
NOISE = 0.08  # standard deviation of what is added to each pixel
TOUCH = 0.15  # the share of the smaller box by which two digits may overlap


class Scenes(NamedTuple):
    """Scenes with what is in them.

    Attributes:
        pictures: (scenes, 1, 64, 64), 0 to 1.
        boxes: (digits, 4), the left, top, right and bottom edge in pixels.
        labels: (digits,), which digit it is.
        scene: (digits,), the number of its scene; it never falls.
    """

    pictures: torch.Tensor
    boxes: torch.Tensor
    labels: torch.Tensor
    scene: torch.Tensor


def make_scenes(digits: Table, count: int, seed: int, turn: float = 0.0) -> Scenes:
    """Compose scenes: 1 to 6 digits each, of 12 to 24 pixels, 2 to 5 pieces of clutter, and noise.

    Args:
        digits: Handwritten digits of 8 x 8 pixels, from which are drawn those in the scenes.
        count: Of scenes.
        seed: Of all that is drawn.
        turn: How far a digit is turned, slanted and stretched at most; 0 is not at all. Its box is
            measured afterwards, so it fits tightly.

    Returns:
        The scenes, on the CPU; the same for the same arguments.
    """
    generator = torch.Generator().manual_seed(seed)
    starts = range(0, count, 400)  # in parts, so that little memory is needed
    parts = [_compose(digits, min(400, count - start), generator, turn) for start in starts]
    where = [part.scene + start for part, start in zip(parts, starts, strict=True)]
    columns = [torch.cat(column) for column in list(zip(*parts, strict=True))[:3]]
    return Scenes(*columns, torch.cat(where))


def split_by_scene(scenes: Scenes) -> list[dict[str, torch.Tensor]]:
    """Return for each scene a dictionary of its "boxes" and "labels", as torchvision takes them."""
    rows = [scenes.scene == number for number in range(len(scenes.pictures))]
    return [{"boxes": scenes.boxes[mine], "labels": scenes.labels[mine]} for mine in rows]


def keep_above(
    answers: list[dict[str, torch.Tensor]], least: float
) -> list[dict[str, torch.Tensor]]:
    """Return only those boxes of each answer whose score is above `least`."""
    kept = [answer["scores"] > least for answer in answers]
    return [
        {key: part[rows] for key, part in answer.items()}
        for answer, rows in zip(answers, kept, strict=True)
    ]


def _compose(digits: Table, count: int, generator: torch.Generator, turn: float) -> Scenes:
    patches, labels = _draw_digits(digits, count * TRIES, generator, turn)
    corners = torch.randint(SIZE - PATCH + 1, (count * TRIES, 2), generator=generator)
    boxes = (_frame(patches) + corners.repeat(1, 2)).reshape(count, TRIES, 4)
    wanted = torch.randint(1, MOST + 1, (count,), generator=generator)
    kept = torch.zeros(count, TRIES, dtype=torch.bool)
    for place in range(TRIES):
        covers = _share(boxes[:, place, None], boxes[:, :place]) > TOUCH
        free = ~(covers & kept[:, :place]).any(dim=1)
        kept[:, place] = free & (kept.sum(dim=1) < wanted)
    scene = torch.arange(count)
    where, chosen = scene.repeat_interleave(TRIES)[kept.flatten()], kept.flatten()

    clutter = _draw_clutter(digits, count * CLUTTER, generator)
    places = torch.randint(SIZE - PATCH + 1, (count * CLUTTER, 2), generator=generator)
    few = torch.randint(2, CLUTTER + 1, (count, 1), generator=generator)
    used = (torch.arange(CLUTTER) < few).flatten()
    around = scene.repeat_interleave(CLUTTER)[used]

    things = torch.cat([patches[chosen], clutter[used]])
    things = things * (0.6 + 0.4 * torch.rand(len(things), 1, 1, generator=generator))
    corner = torch.cat([corners[chosen], places[used]])[:, :, None, None]
    line = torch.arange(PATCH)
    rows, columns = corner[:, 1] + line[:, None], corner[:, 0] + line
    pixels = (torch.cat([where, around])[:, None, None] * SIZE + rows) * SIZE + columns
    pictures = torch.zeros(count * SIZE * SIZE)
    pictures.scatter_reduce_(0, pixels.flatten(), things.flatten(), "amax")  # the brightest counts
    pictures = pictures.reshape(count, 1, SIZE, SIZE)
    pictures += NOISE * torch.randn(pictures.shape, generator=generator)
    return Scenes(pictures.clamp(0, 1), boxes[kept], labels[chosen], where)


def _draw_digits(
    digits: Table, count: int, generator: torch.Generator, turn: float, smallest: float = SMALLEST
) -> tuple[torch.Tensor, torch.Tensor]:
    """Enlarge random digits, each in the middle of a patch: (count, 24, 24), and their labels."""
    rows = torch.randint(len(digits.targets), (count,), generator=generator)
    sides = smallest + (PATCH - smallest) * torch.rand(count, generator=generator)
    angle, slant, stretch = (2 * torch.rand(3, count, generator=generator) - 1) * turn
    scale, zero = PATCH / sides, torch.zeros(count)
    across = torch.stack([angle.cos() * scale * (1 + stretch / 2), (angle.sin() + slant) * scale])
    down = torch.stack([-angle.sin() * scale, angle.cos() * scale])
    maps = torch.stack([torch.stack([*across, zero]), torch.stack([*down, zero])])
    grid = F.affine_grid(maps.permute(2, 0, 1), (count, 1, PATCH, PATCH), align_corners=False)
    patches = F.grid_sample(digits.inputs[rows], grid, align_corners=False)
    return patches[:, 0], digits.targets[rows]


def _draw_clutter(digits: Table, count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw things that are no digits, as many lines as crumbs on average: (count, 24, 24)."""
    line = torch.arange(PATCH)
    crumbs, _ = _draw_digits(digits, count, generator, turn=0.5, smallest=16)
    start = torch.randint(4, 14, (count, 2, 1), generator=generator)
    inside = (line >= start) & (line < start + 7)  # a piece of 7 x 7 pixels
    crumbs = crumbs * (inside[:, 1, :, None] & inside[:, 0, None, :])
    angle, long, thick = torch.rand(3, count, 1, 1, generator=generator)
    angle, long, thick = angle * torch.pi, 3 + 6 * long, 0.5 + thick
    x, y = line - 11.5, line[:, None] - 11.5
    along = x * angle.cos() + y * angle.sin()
    across = y * angle.cos() - x * angle.sin()
    lines = (thick + 0.5 - torch.hypot((along.abs() - long).clamp(min=0), across)).clamp(0, 1)
    return torch.where(torch.rand(count, 1, 1, generator=generator) < 0.5, crumbs, lines)


def _frame(patches: torch.Tensor) -> torch.Tensor:
    """Measure the box around the ink of each patch: (patches, 4)."""
    ink = patches > INK
    columns, rows = ink.any(dim=1).byte(), ink.any(dim=2).byte()
    first = [columns.argmax(dim=1), rows.argmax(dim=1)]
    last = [PATCH - columns.flip(1).argmax(dim=1), PATCH - rows.flip(1).argmax(dim=1)]
    return torch.stack([*first, *last], dim=1).float()


def _share(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Measure how much of the smaller of two boxes the other covers."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    smaller = torch.minimum(*((box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (a, b)))
    return (high - low).clamp(min=0).prod(dim=-1) / smaller
