"""Checks for the exercises of lesson 01, tensors."""

import torch

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import difference
from helpers.checks.judge import probe


@exercise
def scale_columns(attempt: Attempt) -> None:
    """Each column minus its mean, divided by its standard deviation, for floats and integers."""
    tables = []
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
        attempt.expect(got, right, rtol=1e-2)  # what is nearly right goes wrong below
        tables.append(table)
    shapes = [(5, 1), (2, 3), (3, 8), (60, 2), (6, 3)]
    one, two, wide, long, plain = (attempt.randn(*shape) for shape in shapes)
    long[0] = 40  # more than three deviations from the mean
    bytes_ = attempt.randint(0, 100, (6, 3)) + 30 * torch.arange(6, device=attempt.device)[:, None]
    cases = [
        ((plain + 9) / 1000, "wrong where the numbers of a column lie close together"),
        (1000 * (plain + 9), "wrong where the numbers are large"),
        (plain - 9, "wrong where a mean is below 0"),
        (one, "wrong for one column; the table keeps its shape"),
        (two, "wrong for two rows; each column has its mean and `std` all the same"),
        (wide, "wrong for a table that is wider than high; the columns are scaled in any shape"),
        (long, "wrong for sixty rows, or for a number that is far from all others"),
        *(
            (bytes_.to(dtype), f"wrong for whole numbers in {dtype}; the result is float32")
            for dtype in (torch.uint8, torch.int16, torch.int32)
        ),
    ]
    probe(attempt, [((table,), _scaled(table), say) for table, say in cases])
    for table in tables:
        attempt.expect(attempt(table), _scaled(table))


def _scaled(table: torch.Tensor) -> torch.Tensor:
    table = table.float()
    return (table - table.mean(dim=0)) / table.std(dim=0)


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
    many = attempt.randint(-999, 999, (5, 16, 15, 5))
    border = "wrong for a square that reaches the border of the image"
    edges = [
        (many, 2, 3, 4, "wrong for five images with five channels of int64"),
        (many, 6, 2, 3, "wrong where the square lies further down than to the right"),
        (many, 2, 3, 5, "wrong where the square is as wide as there are channels"),
        (many, 9, 10, 4, "wrong where the square begins far from the first row and column"),
        (many, 11, 10, 5, border),
        (many[:, :12, :12], 0, 0, 12, "wrong for a square that is the whole image"),
        (many, 0, 3, 4, border),
        (many, 4, 0, 4, border),
        (many, 3, 2, 1, "wrong for `size` 1; the result has four dimensions all the same"),
        (many > 0, 1, 2, 4, "wrong for images of bool; the dtype is kept, whichever it is"),
        (many.short(), 1, 2, 4, "wrong for int16; the dtype is kept, whichever it is"),
        (many.half(), 1, 2, 4, "wrong for float16; the dtype is kept, whichever it is"),
    ]
    for images, top, left, size, say in edges:
        right = images[:, top : top + size, left : left + size].permute(0, 3, 1, 2)
        got = attempt(images, top, left, size)
        attempt.require(difference(got, right, rtol=0) is None, say)


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
    shapes = [(4, 9), (300, 200), (4, 1), (9, 2)]
    wide, large, narrow, two = (10 * attempt.randn(*shape) for shape in shapes)
    wide[0] = 0
    first = torch.zeros(4, dtype=torch.int64, device=attempt.device)
    cases = [
        (narrow / 10, first, "wrong where there is one class only"),
        (two, attempt.randint(0, 2, (9,)), "wrong where there are two classes"),
        (wide, first, "wrong where every label is 0; not every class need have a label"),
        (wide, first + 8, "wrong where every label is that of the last column"),
        (wide, wide.argmax(dim=1), "wrong where each label has the best score of its row"),
        (wide, attempt.randint(0, 9, (4,)), "wrong where there are more classes than examples"),
        (large, attempt.randint(0, 200, (300,)), "wrong for 300 examples of 200 classes"),
    ]
    right = [scores.gather(1, labels.unsqueeze(1)).squeeze(1) for scores, labels, _ in cases]
    probe(
        attempt,
        [((s, labels), r, say) for (s, labels, say), r in zip(cases, right, strict=True)],
        rtol=1e-6,
    )


@exercise
def squared_distances(attempt: Attempt) -> None:
    """All squared distances between the rows of two matrices."""
    for n, m, d in [(4, 3, 2), (3, 3, 3), (1, 5, 4), (6, 1, 1)]:
        a, b = attempt.randn(n, d), attempt.randn(m, d)
        apart = a.unsqueeze(1) - b.unsqueeze(0)
        squares = apart**2
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
            (apart.sum(dim=2), "you did not square; differences cancel each other"),
            (apart.sum(dim=2) ** 2, "square first, then add up"),
            (apart.abs().sum(dim=2), "these are absolute differences; square them"),
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
                off = ((got - right).abs() > 1e-3 * right + 1e-5).nonzero().tolist()
                for i, j in off[:1]:
                    say = f"row {i} of `a` and row {j} of `b` differ by {apart[i, j].tolist()}, "
                    say += f"whose squares add up to {right[i, j]:.4g}; yours is {got[i, j]:.4g}"
                    attempt.require(False, say)
        attempt.expect(got, right)
    a, b = attempt.randn(9, 7), attempt.randn(8, 7)
    cases = [
        (a, b, "wrong for 9 and 8 points of 7 coordinates"),
        (a[:1], b[:1], "wrong for one point and one point; the result has two dimensions"),
        (a, a, "wrong where both are the same points; each has the distance 0 from itself"),
        (30 * a, 30 * b, "wrong where points lie far apart"),
        (a / 30, b / 30, "wrong where points lie close together"),
    ]
    probe(attempt, [((a, b), ((a[:, None] - b) ** 2).sum(dim=2), say) for a, b, say in cases])
