"""Checks for lesson 07."""

import torch

from helpers.checks.attempt import Attempt, exercise


@exercise
def channel_statistics(attempt: Attempt) -> None:
    """Return each channel's mean and std over all `images`, bytes read as 0 to 1, both (C,)."""
    for count, channels, height, width in ((4, 3, 5, 6), (2, 1, 7, 3), (5, 3, 4, 9)):
        shape = (count, channels, height, width)
        dark = torch.linspace(20, 255, count, device=attempt.device).reshape(-1, 1, 1, 1)
        tint = torch.linspace(1, 0.4, channels, device=attempt.device).reshape(-1, 1, 1)
        images = (attempt.randint(20, 256, shape) / 255 * dark * tint).to(torch.uint8)
        got = attempt(images, errors=_NO_MEAN)
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
        ]
        attempt.expect(got, (mean, std), mistakes)


_NO_MEAN = {
    "could not infer output dtype": "bytes have no mean; make floats of them first",
    "std and var": "bytes have no std; make floats of them first",
}


@exercise
def undo_normalise(attempt: Attempt) -> None:
    """Return the pictures that `Normalize(mean, std)` made `images` of; (count, C, H, W)."""
    for shape in ((2, 3, 4, 5), (3, 1, 6, 6), (2, 3, 5, 3)):  # the last meets (3,) silently
        images, channels = attempt.randn(*shape), shape[1]
        mean = attempt.randn(channels).abs() + 0.2
        std = attempt.randn(channels).abs() + 1.2
        got = attempt(images, mean, std, errors=_CHANNELS_LAST)
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
        attempt.expect(got, images * s + m, mistakes)


_CHANNELS_LAST = {
    "must match the size": "mean met the rows or the columns; it belongs to the channels",
}


@exercise
def shift_picture(attempt: Attempt) -> None:
    """Move `image`, (C, H, W), `down` rows and `right` columns; what comes in is 0."""
    for case, (down, right) in enumerate(((2, 1), (0, 3), (-1, 2), (1, -3), (-2, 0))):
        height, width = attempt.pick(5, 8), attempt.pick(8, 11)
        image = attempt.randint(1, 256, (1 + case % 3, height, width))
        image = image.to(torch.uint8) if case % 2 else image / 255
        got = attempt(image, down, right, errors=_SLICES)
        moved = _shifted(image, down, right)
        mistakes = [
            (image.roll((down, right), (1, 2)), "what leaves on one side comes back on the other"),
            (_shifted(image, right, down), "rows and columns are swapped"),
            (_shifted(image, -down, -right), "it moved the other way"),
            (_shifted(image, -down, right), "it moved up where it should move down"),
            (moved.float(), "keep the dtype of the picture; zeros_like does"),
            (moved[:, max(down, 0) :, max(right, 0) :], "the picture shrank; keep its size"),
            (image, "the picture did not move"),
            (torch.where(moved == 0, image, moved), "what comes in is 0; begin with zeros_like"),
        ]
        attempt.expect(got, moved, mistakes)


_SLICES = {
    part: "the two slices differ in size; do yours hold for offsets that are 0 or negative?"
    for part in ("expanded size", "must match the size", "could not be broadcast")
}


def _shifted(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    rows, columns = image.shape[1:]
    moved = torch.zeros_like(image)
    to_row, to_column = max(down, 0), max(right, 0)
    from_row, from_column = max(-down, 0), max(-right, 0)
    part = image[:, from_row : rows - to_row, from_column : columns - to_column]
    moved[:, to_row : rows - from_row, to_column : columns - from_column] = part
    return moved


@exercise
def mix_pair(attempt: Attempt) -> None:
    """Blend two `images`, `lam` of the first, and their labels as soft targets, (classes,)."""
    for case, shape in enumerate(((3, 4, 5), (1, 6, 3), (1, 2, 7))):
        classes = attempt.pick(3, 7)
        first = attempt.pick(0, classes - 1)
        labels = torch.tensor([first, first if case == 1 else first + 1], device=attempt.device)
        images = attempt.randn(2, *shape)
        lam = attempt.pick(5, 45) / 100 + 0.5 * attempt.pick(0, 2)
        got = attempt(images, labels, lam, classes)
        kinds = torch.eye(classes, device=attempt.device)[labels]
        mixed, target = (lam * pair[0] + (1 - lam) * pair[1] for pair in (images, kinds))
        swapped, other = ((1 - lam) * pair[0] + lam * pair[1] for pair in (images, kinds))
        overwritten = kinds[0] * lam
        overwritten[labels[1]] = 1 - lam
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
            (mixed, "return the picture and the target"),
        ]
        attempt.expect(got, (mixed, target), mistakes)


@exercise
def flip_with_boxes(attempt: Attempt) -> None:
    """Mirror `image`, (C, H, W), left to right, and its `boxes`, (boxes, 4) XYXY, with it."""
    for count, height, width in ((3, 20, 31), (1, 40, 25), (5, 16, 18)):
        image = attempt.randn(3, height, width)
        left, top = attempt.randint(0, width // 2, (count,)), attempt.randint(0, 6, (count,))
        right = left + attempt.randint(2, width // 2, (count,))
        bottom = top + attempt.randint(1, height - 6, (count,))
        boxes = torch.stack([left, top, right, bottom], dim=1)
        boxes = boxes / 1 if count == 5 else boxes
        got = attempt(image, boxes)
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
        ]
        attempt.expect(got, (mirrored, expected), pairs)
