"""Checks for the exercises of lesson 01, tensors."""

import torch

from helpers.checks.attempt import Attempt, exercise


@exercise
def scale_columns(attempt: Attempt) -> None:
    """Each column minus its mean, divided by its standard deviation, for floats and integers."""
    for rows, columns, whole in [(6, 3, False), (4, 4, False), (7, 2, True), (5, 5, True)]:
        table = 3 * attempt.randn(rows, columns) + 5
        if whole:  # the steps keep each column from being constant
            steps = torch.arange(rows, device=attempt.device).unsqueeze(1)
            table = attempt.randint(0, 40, (rows, columns)) + 7 * steps
        got = attempt(
            table,
            errors={
                "must match the size of tensor b": "your means do not fit the table: is it the "
                "rows or the columns that `dim=` should make disappear?",
                "could not infer output dtype": "whole numbers have no mean; cast the table first",
                "only support floating point": "whole numbers have no std; cast the table first",
            },
        )
        t = table.float()
        mean, std = t.mean(dim=0), t.std(dim=0)
        by_row = (t - t.mean(dim=1, keepdim=True)) / t.std(dim=1, keepdim=True)
        mistakes = [
            ((t - t.mean()) / t.std(), "you used one mean for the whole table; take one a column"),
            ((t - mean) / t.std(), "you divided by the std of the whole table; take one a column"),
            (by_row, "you scaled the rows; `dim=` names the dimension that disappears"),
            (t - mean, "the columns are centred, but not divided by their std"),
            (t / std, "you divided by the std, but did not take the mean away first"),
            (t - mean / std, "you divided only the mean; put brackets around the difference"),
            ((t - mean) / std**2, "you divided by the variance; its square root is the std"),
            ((t - mean) / t.std(dim=0, correction=0), "this std divides by n; use plain `std`"),
            (((t - mean) / std).to(table.dtype), "cast the table to float32 and leave it so"),
        ]
        if rows == columns:
            crossed = (t - t.mean(dim=1)) / t.std(dim=1)
            mistakes.append((crossed, "you took the rows' means away from the columns"))
        right = (t - mean) / std
        attempt.recognise(got, right, mistakes)
        if isinstance(got, torch.Tensor) and got.dtype == right.dtype:
            shape = tuple(got.shape)
            say = f"the table keeps its shape, {tuple(right.shape)}; yours has {shape}"
            attempt.require(got.shape == right.shape, say)
            means, spreads = got.mean(dim=0), got.std(dim=0)
            say = "each column has a mean of 0 then; your first has {:.4g}: subtract its own"
            centred = torch.allclose(means, torch.zeros_like(means), atol=1e-3)
            attempt.require(centred, say.format(means[0].item()))
            say = "each column has a standard deviation of 1 then; your first has {:.4g}"
            even = torch.allclose(spreads, torch.ones_like(spreads), atol=1e-3)
            attempt.require(even, say.format(spreads[0].item()))
            attempt.require(not torch.allclose(got, -right, atol=1e-4), "the sign is turned")
        attempt.expect(got, right)


@exercise
def crop_channels_first(attempt: Attempt) -> None:
    """The square at (top, left) of each image, with the channels moved to dimension 1."""
    for count, rows, columns, channels in [(2, 9, 13, 3), (3, 11, 11, 4), (1, 12, 11, 1)]:
        images = attempt.randint(0, 256, (count, rows, columns, channels)).to(torch.uint8)
        if channels == 4:
            images = attempt.randn(count, rows, columns, channels)
        top, left, size = attempt.pick(1, 3), attempt.pick(3, 5), attempt.pick(5, 7)
        squares = images[:, top : top + size, left : left + size]
        right = squares.permute(0, 3, 1, 2)
        stop = images[:, top:size, left:size]
        wider = images[:, top : top + size + 1, left : left + size + 1]
        swapped = images[:, left : left + size, top : top + size]
        misread = "`permute` lists which old dimension comes first, second, and so on"
        anywhere = images.permute(0, 3, 1, 2)
        got = attempt(
            images,
            top,
            left,
            size,
            errors={
                "length of the desired ordering": "`permute` needs all four dimensions, "
                "because `images` has one more than a photograph",
            },
        )
        attempt.recognise(
            got,
            right,
            mistakes=[
                (squares.reshape(right.shape), "`reshape` mixes rows and channels; move them"),
                (right.transpose(2, 3), "rows and columns are swapped; keep them in order"),
                (squares, "the channels are still last"),
                (squares.permute(0, 2, 3, 1), misread),
                (
                    images[top : top + size, left : left + size].permute(0, 3, 1, 2),
                    "your first slice cut the photographs; leave dimension 0 whole with `:`",
                ),
                (swapped.permute(0, 3, 1, 2), "`top` counts rows and `left` columns"),
                (stop, "a slice ends at a position, not after a length: start plus `size`"),
                (stop.permute(0, 3, 1, 2), "a slice ends at a position, not after a length"),
                (
                    wider.permute(0, 3, 1, 2),
                    "a slice stops before its end; one row and column are too much",
                ),
                (images[:, :size, :size].permute(0, 3, 1, 2), "your square begins at (0, 0)"),
                (anywhere, "the channels moved, but nothing is cropped"),
                (right.float(), "keep the dtype of the images"),
                (right.squeeze(), "`squeeze()` removed dimensions that only happened to be 1"),
            ],
        )
        if isinstance(got, torch.Tensor):
            _look_at_squares(attempt, got, images, top, left, size)
        attempt.expect(got, right)


def _look_at_squares(
    attempt: Attempt, got: torch.Tensor, images: torch.Tensor, top: int, left: int, size: int
) -> None:
    """Say which dimension of the squares is wrong."""
    count, _, _, channels = images.shape
    say = "the result has four dimensions, (images, channels, rows, columns); yours has {}"
    attempt.require(got.ndim == 4, say.format(got.ndim))
    wanted = (count, channels, size, size)
    for dim, what in enumerate(("images", "channels", "rows", "columns")):
        attempt.require(
            got.shape[dim] == wanted[dim],
            f"dimension {dim} is that of the {what}, and has {wanted[dim]}; in yours it has "
            f"{got.shape[dim]}",
        )
    squares = images[:, top : top + size, left : left + size].permute(0, 3, 1, 2)
    if got.dtype != squares.dtype or torch.equal(got, squares):
        return
    whole = images.permute(0, 3, 1, 2)
    for place in range(min(images.shape[1:3]) - size + 1):
        rows = whole[:, :, place : place + size, left : left + size]
        say = f"the square begins at row top, {top}; yours begins at row {place}"
        attempt.require(not torch.equal(got, rows), say)
        columns = whole[:, :, top : top + size, place : place + size]
        say = f"the square begins at column left, {left}; yours begins at column {place}"
        attempt.require(not torch.equal(got, columns), say)


@exercise
def label_scores(attempt: Attempt) -> None:
    """From each row of scores the one in the column that its label names."""
    for rows, classes in [(6, 4), (5, 5), (1, 3)]:
        scores = attempt.randn(rows, classes)
        labels = attempt.randint(0, classes, (rows,))
        labels[-1] = (scores[-1].argmax() + 1) % classes  # so that the best score is not the answer
        column = labels.unsqueeze(1)
        right = scores.gather(1, column).squeeze(1)
        got = attempt(
            scores,
            labels,
            errors={
                "same number of dimensions": "`gather` needs an index with two dimensions; "
                "give the labels a second one",
                "Size does not match": "you gathered down the columns; each row is to give a "
                "number, so gather along dimension 1",
                "Dimension out of range": "`labels` has one dimension only, so insert at 0 or 1",
            },
        )
        mistakes = [
            (scores[:, labels], "you took every label's column from every row; pair them up"),
            (
                scores.gather(1, column),
                "the shape is (examples, 1); remove that last dimension, with `squeeze(1)`",
            ),
            (right.squeeze(), "a bare `squeeze()` also removes the examples where there is one"),
            (scores.max(dim=1).values, "you took each row's highest score, not its label's"),
            (scores.argmax(dim=1), "you returned positions; the scores are wanted"),
            (scores[:1, labels], "the index has shape (1, examples), so it reads row 0 only"),
            (scores[0, labels], "you read row 0 only; the index should be (examples, 1)"),
        ]
        if classes <= rows:
            mistakes += [
                (scores.gather(0, column).squeeze(1), "you gathered rows: columns are dimension 1"),
                (scores[labels], "labels picked whole rows; they name columns"),
            ]
        attempt.recognise(got, right, mistakes)
        if isinstance(got, torch.Tensor):
            shape = tuple(got.shape)
            say = f"one score for each example, shape {tuple(right.shape)}; yours has {shape}"
            attempt.require(got.shape == right.shape, say)
        attempt.expect(got, right)


@exercise
def squared_distances(attempt: Attempt) -> None:
    """All squared distances between the rows of two matrices."""
    for n, m, d in [(4, 3, 2), (3, 3, 3), (1, 5, 4), (6, 1, 1)]:
        a, b = attempt.randn(n, d), attempt.randn(m, d)
        difference = a.unsqueeze(1) - b.unsqueeze(0)
        squares = difference**2
        right = squares.sum(dim=2)
        got = attempt(
            a,
            b,
            errors={
                "must match the size of tensor b": "the two do not broadcast; "
                "give them shapes that lead to (n, m, d)"
            },
        )
        mistakes = [
            (right.sqrt(), "these are distances; leave out the root"),
            (right.T, "the rows belong to `b` and the columns to `a`; it should be (n, m)"),
            (squares.mean(dim=2), "you averaged over the coordinates; add them up"),
            (difference.sum(dim=2), "you did not square; differences cancel each other"),
            (difference.sum(dim=2) ** 2, "square first, then add up"),
            (difference.abs().sum(dim=2), "these are absolute differences; square them"),
            (squares, "every square is there; add them up over the coordinates"),
            (squares.sum(dim=1), "you added up over the points of `b`, not the coordinates"),
            (squares.sum(dim=0), "you added up over the points of `a`, not the coordinates"),
            (squares.sum(), "you added up everything; which dimension should disappear?"),
            (a @ b.T, "this is the matrix product; begin with differences"),
        ]
        if n == m:
            pairs = ((a - b) ** 2).sum(dim=1)
            mistakes.append((pairs, "you paired the points; every one of `a` meets all of `b`"))
        mistakes.append(
            (
                ((a.unsqueeze(1) + b.unsqueeze(0)) ** 2).sum(dim=2),
                "you added the coordinates; a distance begins with their difference",
            )
        )
        attempt.recognise(got, right, mistakes)
        if isinstance(got, torch.Tensor):
            say = f"one row for each of {n} points of `a`, one column for each of {m} of `b`: "
            say += f"shape {(n, m)}; yours has {tuple(got.shape)}"
            attempt.require(got.shape == right.shape, say)
            if got.dtype == right.dtype:
                attempt.require((got >= 0).all(), "a square is never negative; some of yours are")
                first, wanted = got[0, 0].item(), right[0, 0].item()
                attempt.require(
                    abs(first - wanted) <= 1e-3 * wanted + 1e-5,
                    f"the first points differ by {difference[0, 0].tolist()}, whose squares add up "
                    f"to {wanted:.4g}; yours is {first:.4g}",
                )
        attempt.expect(got, right)
