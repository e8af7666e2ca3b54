"""Checks for lesson 07."""

from collections.abc import Sequence

import torch

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import ANYTHING
from helpers.checks.judge import alike, judge, probe


@exercise
def channel_statistics(attempt: Attempt) -> None:
    """Return each channel's mean and std over all `images`, bytes read as 0 to 1, both (C,)."""
    cases = []
    for count, channels, height, width in ((4, 3, 5, 6), (2, 1, 7, 3), (5, 3, 4, 9)):
        shape = (count, channels, height, width)
        dark = torch.linspace(20, 255, count, device=attempt.device).reshape(-1, 1, 1, 1)
        tint = torch.linspace(1, 0.4, channels, device=attempt.device).reshape(-1, 1, 1)
        images = (attempt.randint(20, 256, shape) / 255 * dark * tint).to(torch.uint8)
        scaled, every = images.float() / 255, (0, 2, 3)
        mean, std = scaled.mean(every), scaled.std(every)
        own_std = scaled.std(dim=(2, 3)).mean(dim=0)
        mistakes = [
            ((255 * mean, 255 * std), "these are right for 0 to 255; divide the bytes by 255"),
            ((mean, own_std), "you averaged the pictures' own stds, which misses how they differ"),
            ((scaled.mean(), scaled.std()), "one number for all; keep the channels apart"),
            (
                (scaled.mean((1, 2, 3)), scaled.std((1, 2, 3))),
                "one number a picture, not a channel",
            ),
            ((scaled.mean(0), scaled.std(0)), "one number a pixel: only the pictures disappeared"),
            ((std, mean), "the mean comes first, then the std"),
            ((mean, std**2), "that is the variance; the std is its root"),
            ((scaled.mean(every, keepdim=True), scaled.std(every, keepdim=True)), "drop keepdim"),
            ((mean, scaled.std(every, correction=0)), "use std as it comes, with its correction"),
            (
                (mean * 255 / 256, std * 255 / 256),
                "the largest byte, 255, becomes 1: divide by 255",
            ),
            ((mean, ANYTHING), f"the means are right, but not the stds: {_EACH}"),
            ((ANYTHING, std), f"the stds are right, but not the means: {_EACH}"),
        ]
        cases.append(((images,), (mean, std), mistakes))
    judge(attempt, cases, errors=_NO_MEAN)


_EACH = "one for each channel, over pictures, rows and columns"
_NO_MEAN = {
    "appears multiple times": "each dimension may stand there once",
    "Dimension out of range": "(count, channels, height, width) are the dimensions 0 to 3",
    "could not infer output dtype": "bytes have no mean; make floats of them first",
    "std and var": "bytes have no std; make floats of them first",
}


@exercise
def undo_normalise(attempt: Attempt) -> None:
    """Return the pictures that `Normalize(mean, std)` made `images` of; (count, C, H, W)."""
    cases = []
    # The last two meet (3,) and (4, 1) silently.
    for shape in ((2, 3, 4, 5), (3, 1, 6, 6), (2, 3, 5, 3), (2, 4, 4, 6)):
        images, channels = attempt.randn(*shape), shape[1]
        mean = attempt.randn(channels).abs() + 0.2
        std = attempt.randn(channels).abs() + 1.2
        m, s = mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)
        mistakes = [
            ((images - m) / s, "you normalised once more"),
            ((images + m) * s, "first multiply by the std, then add the mean"),
            (images / s + m, "it was divided by the std, so multiply"),
            (images * s - m, "the mean was subtracted, so add it"),
            (images * m + s, "you mixed up mean and std"),
            ((images * s + m).clamp(0, 1), "do not cut anything off: return the exact inverse"),
        ]
        if shape[3] == channels:
            mistakes.append((images * std + mean, _CHANNELS_LAST["must match the size"]))
        if shape[2] == channels:
            rows = images * std.unsqueeze(1) + mean.unsqueeze(1)
            mistakes.append((rows, "mean met the rows; it belongs to the channels"))
        cases.append(((images, mean, std), images * s + m, mistakes))

    def simpler(got: object, inputs: Sequence[torch.Tensor]) -> None:
        images, mean, std = inputs
        if alike(got, images):
            m, s, zeros = mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1), torch.zeros_like(images)
            say = "already wrong for normalised pictures of"
            probe(
                attempt,
                [
                    ((zeros, mean, std), zeros + m, f"{say} 0: they were the mean"),
                    (
                        (zeros + 1, 0 * mean, std),
                        zeros + s,
                        f"{say} 1 and mean 0: they were the std",
                    ),
                ],
            )

    judge(attempt, cases, errors=_CHANNELS_LAST, otherwise=simpler)


_CHANNELS_LAST = {
    "is invalid for input of size": "mean and std need the shape (channels, 1, 1)",
    "only one dimension can be inferred": "mean and std need the shape (channels, 1, 1)",
    "invalid shape dimension": "mean and std need the shape (channels, 1, 1)",
    "must match the size": "mean met the rows or the columns; it belongs to the channels",
}


@exercise
def shift_picture(attempt: Attempt) -> None:
    """Move `image`, (C, H, W), `down` rows and `right` columns; what comes in is 0."""
    cases = []
    offsets = (2, 1), (0, 3), (-1, 2), (1, -3), (-2, 0), (0, 0), (-1, -2), (7, -10), (-7, 10)
    for case, (down, right) in enumerate(offsets):
        height, width = attempt.pick(5, 8), attempt.pick(8, 11)
        if down in (7, -7):  # all but a corner leaves
            height, width = 8, 11
        image = attempt.randint(1, 256, (1 + case % 3, height, width))
        image = image.to(torch.uint8) if case % 2 else image / 255
        moved = _shifted(image, down, right)
        mistakes = [
            (image.roll((down, right), (1, 2)), "what leaves on one side comes back on the other"),
            (_shifted(image, right, down), "rows and columns are swapped"),
            (_shifted(image, -down, -right), "it moved the other way"),
            (_shifted(image, -down, right), "it moved up where it should move down"),
            (_shifted(image, down, -right), "it moved left where it should move right"),
            (moved.float(), "keep the dtype of the picture; zeros_like does"),
            (moved[:, max(down, 0) :, max(right, 0) :], "the picture shrank; keep its size"),
            (image, "the picture did not move"),
            (torch.where(moved == 0, image, moved), "what comes in is 0; begin with zeros_like"),
        ]
        cases.append(((image, down, right), moved, mistakes))

    def what(got: object, inputs: Sequence) -> None:
        image, down, right = inputs
        if alike(got, image):
            inside = _shifted(torch.ones_like(image), down, right) == 1
            asked = f"moved by down = {down} and right = {right}:"
            right = torch.equal(got[inside], _shifted(*inputs)[inside])
            attempt.require(
                right, f"{asked} a pixel that stays in the picture is not where it lands"
            )
            attempt.require(False, f"{asked} what comes in is not 0")

    judge(attempt, cases, errors=_SLICES, otherwise=what)


_SLICES = {
    part: "the two slices differ in size; do yours hold for offsets that are 0 or negative?"
    for part in ("expanded size", "must match the size", "could not be broadcast")
}


def _shifted(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    rows, columns = image.shape[1:]
    moved = torch.zeros_like(image)
    if abs(down) >= rows or abs(right) >= columns:  # as where the two are swapped
        return moved
    to_row, to_column = max(down, 0), max(right, 0)
    from_row, from_column = max(-down, 0), max(-right, 0)
    part = image[:, from_row : rows - to_row, from_column : columns - to_column]
    moved[:, to_row : rows - from_row, to_column : columns - from_column] = part
    return moved


@exercise
def mix_pair(attempt: Attempt) -> None:
    """Blend two `images`, `lam` of the first, and their labels as soft targets, (classes,)."""
    cases = []
    for case, shape in enumerate(((3, 4, 5), (1, 6, 3), (1, 2, 7), (2, 3, 3))):
        classes = attempt.pick(3, 7)
        first = attempt.pick(0, classes - 1)
        labels = torch.tensor([first, first if case == 1 else first + 1], device=attempt.device)
        labels = labels.flip(0) if case == 3 else labels
        images = attempt.randn(2, *shape)
        lam = attempt.pick(5, 45) / 100 + 0.5 * attempt.pick(0, 2)
        kinds = torch.eye(classes, device=attempt.device)[labels]
        mixed, target = (lam * pair[0] + (1 - lam) * pair[1] for pair in (images, kinds))
        swapped, other = ((1 - lam) * pair[0] + lam * pair[1] for pair in (images, kinds))
        overwritten = kinds[0] * lam
        overwritten[labels[1]] = 1 - lam
        low, high = torch.eye(classes, device=attempt.device)[labels.sort().values]
        average = (lam * labels[0] + (1 - lam) * labels[1]).float()
        hard = kinds[0] if lam > 0.5 else kinds[1]
        mistakes = [
            ((swapped, other), "lam is the share of the first; you gave it to the second"),
            ((mixed, other), "pictures and target disagree on whose share lam is"),
            ((swapped, target), "pictures and target disagree on whose share lam is"),
            ((mixed, overwritten), "both labels are the same: add the shares up"),
            (
                (mixed, average),
                "a class number between two classes is no class; blend the one-hots",
            ),
            ((mixed, kinds[0]), "the target is still the first one's alone; mix it too"),
            ((mixed, hard), "the larger share took all; keep both shares"),
            ((mixed, kinds[0] + kinds[1]), "the target's shares must add up to 1"),
            ((mixed, target.flip(0)), "the target is turned round: place k is class k"),
            ((mixed, target[: labels.max() + 1]), "the target has one place for each of `classes`"),
            ((mixed, lam * low + (1 - lam) * high), _SORTED),
            (mixed, "return the picture and the target"),
        ]
        mistakes = [
            *mistakes,
            ((target, mixed), "the picture comes first, then the target"),
            ((mixed, ANYTHING), "the picture is right, but not the target: (classes,), float32"),
            (
                (ANYTHING, target),
                "the target is right, but not the picture: share lam of the first",
            ),
        ]
        cases.append(((images, labels, lam, classes), (mixed, target), mistakes))
    errors = {
        "Class values must be smaller": "the labels lie below `classes`; did you swap the two?"
    }
    judge(attempt, cases, errors=errors)


_SORTED = "the first label may be the larger: its share goes with it"


@exercise
def flip_with_boxes(attempt: Attempt) -> None:
    """Mirror `image`, (C, H, W), left to right, and its `boxes`, (boxes, 4) XYXY, with it."""
    cases = []
    for count, height, width in ((3, 20, 31), (1, 40, 25), (5, 16, 18), (0, 9, 12)):
        image = attempt.randn(3, height, width)
        left, top = attempt.randint(0, width // 2, (count,)), attempt.randint(0, 6, (count,))
        right = left + attempt.randint(2, width // 2, (count,))
        bottom = top + attempt.randint(1, height - 6, (count,))
        boxes = torch.stack([left, top, right, bottom], dim=1)
        if count == 3:  # the first touches both sides
            boxes[0, 0], boxes[0, 2] = 0, width
        boxes = boxes / 4 if count == 5 else boxes
        left, top, right, bottom = boxes.unbind(1)

        def join(*edges: torch.Tensor) -> torch.Tensor:
            return torch.stack(edges, dim=1)

        mirrored = image.flip(2)
        mistakes = [
            (join(width - left, top, width - right, bottom), "left is now greater than right"),
            (join(width - 1 - right, top, width - 1 - left, bottom), "one pixel too far left"),
            (join(height - right, top, height - left, bottom), "that is the height; use the width"),
            (join(width - right, bottom, width - left, top), "only left and right change places"),
            (join(left, height - bottom, right, height - top), "the boxes went upside down"),
            (join(right, top, left, bottom), "the edges swapped places without moving"),
            (boxes, "the boxes stayed where they were"),
        ]
        expected = join(width - right, top, width - left, bottom)
        pairs = [((mirrored, wrong), say) for wrong, say in mistakes]
        pairs += [
            ((image, expected), "the boxes are right, but the picture was not flipped"),
            ((image.flip(1), expected), "the picture stands on its head; flip its columns"),
            ((image.flip(1), mistakes[4][0]), "this is upside down; mirror left to right"),
            (mirrored, "return the picture and the boxes"),
            ((expected, mirrored), "the picture comes first, then the boxes"),
            ((mirrored, expected.float()), "keep the dtype of the boxes"),
            ((mirrored, expected.T), "a box is a row: (boxes, 4)"),
            (
                (mirrored, ANYTHING),
                "the picture is right, but not the boxes: an x lands at width - x",
            ),
            (
                (ANYTHING, expected),
                "the boxes are right, but not the picture: mirror left to right",
            ),
        ]
        cases.append(((image, boxes), (mirrored, expected), pairs))
    judge(attempt, cases, errors=_BOXES)


_BOXES = {
    "Dimension out of range": "an image has the dimensions 0 to 2, boxes 0 and 1",
    "values to unpack": "boxes has a box a row; its columns are the rows of boxes.T",
    "expected Tensor as element": "stack takes tensors only, four columns of one length",
    "stack expects each": "stack takes tensors only, four columns of one length",
}
