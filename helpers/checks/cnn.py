"""Checks for the exercises of lesson 11, convolutional neural network."""

import functools

import torch
import torch.nn.functional as F

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.clues import Strays, only, with_clues
from helpers.checks.judge import Watch, judge


@exercise
def conv_size(attempt: Attempt) -> None:
    """Give the size of a convolution's output, or 0 where the kernel does not fit."""
    all_inputs = [(12, 3, 3, 1, 3), (10, 4, 0, 4, 1), (5, 3, 0, 1, 3), (6, 5, 0, 2, 2)]
    all_inputs += [(4, 7, 1, 3, 1), (9, 4, 0, 1, 1), (11, 3, 2, 1, 1)]
    # one thing at a time, so that a clue tells which of them is wrong
    all_inputs += [(11, 3, 1, 1, 1), (9, 4, 3, 1, 1), (20, 4, 0, 1, 3), (13, 4, 0, 2, 1)]
    all_inputs += [(5, 5, 0, 1, 1), (7, 3, 0, 2, 3), (4, 6, 1, 3, 1)]  # the kernel fits just once
    for _ in range(20):
        size, kernel = attempt.pick(9, 40), attempt.pick(1, 8)
        all_inputs.append((size, kernel, *(attempt.pick(low, 4) for low in (0, 1, 1))))
    for _ in range(3):  # beyond what lessons use
        size, kernel = attempt.pick(200, 400), attempt.pick(11, 16)
        all_inputs.append((size, kernel, *(attempt.pick(5, 9) for _ in range(3))))
    cases = []
    for inputs in all_inputs:
        size, kernel, padding, stride, dilation = inputs
        reach = dilation * (kernel - 1) + 1
        room = size + 2 * padding - reach

        def count(room: int, stride: int = stride) -> int:
            return max(0, room // stride + 1)

        mistakes = [
            (float(count(room)), "a size is a whole number: use // instead of /"),
            (max(0, room / stride + 1), "a size is a whole number: use // instead of /"),
            (count(size + 2 * padding - kernel), "the dilation is missing"),
            (
                count(size + 2 * padding - dilation * kernel),
                "between F weights there are F - 1 gaps: how far does the kernel reach?",
            ),
            (count(size + padding - reach), "padding goes on both sides"),
            (max(0, room // stride), "the first place counts too: add 1"),
            (max(0, -(-room // stride) + 1), "a step that does not fit is no place: round down"),
            (max(0, room + 1), "the stride is missing: places are that far apart"),
        ]
        if room < 0:  # who sees this may be mistaken all the same
            mistakes += [(0, say) for _, say in mistakes]
        cases.append((inputs, count(room), mistakes))

    def room_of(inputs: tuple) -> int:
        size, kernel, padding, _, dilation = inputs
        return size + 2 * padding - dilation * (kernel - 1) - 1

    clues = [
        (
            lambda _, got, __: isinstance(got, float),
            "a size is a whole number: use // instead of /",
        ),
        (lambda i, _, __: room_of(i) < 0, "the kernel does not fit here, so the size is 0"),
        (lambda i, _, __: room_of(i) == 0, "where the kernel fits just once, the size is 1"),
        (
            lambda i, _, __: i[3] > 1,
            "with stride 1 all is right: how often does the stride fit into what is left?",
        ),
        (
            lambda i, _, __: i[4] > 1,
            "with dilation 1 all is right: how far does a dilated kernel reach?",
        ),
        (lambda i, _, __: i[2] > 0, "without padding all is right: how many pixels does it add?"),
        (
            lambda i, got, right: got == right + 1,
            "that is one place too many: 5 pixels and a kernel of 5 have one place",
        ),
        (
            lambda i, got, right: right > 0 and got == right - 1,
            "that is one place too few: 5 pixels and a kernel of 5 have one place",
        ),
        (
            lambda i, _, __: room_of(i) >= 0,
            "where the kernel does not fit all is right, but not where it does: subtract its reach "
            "from the padded size, and see how many steps there are",
        ),
    ]
    judge(attempt, with_clues(attempt, cases, clues))


@exercise
def max_pool(attempt: Attempt) -> None:
    """Give the greatest value of each block of size × size; what is left over is dropped."""
    called: set[str] = set()
    shapes = ((2, 3, 6, 8, 2), (1, 2, 7, 11, 3), (3, 1, 9, 5, 2), (2, 2, 5, 6, 4))
    shapes += ((2, 2, 3, 4, 1), (1, 3, 13, 12, 5), (2, 1, 10, 21, 2))
    for *shape, size in shapes:
        double = torch.float64 if shape[0] == 3 else torch.float32
        x = attempt.randn(*shape, dtype=double) - 3
        if shape[2] > 9:  # far above 0 and far below it
            signs = torch.arange(shape[0] * shape[1], device=attempt.device) % 2 * 2 - 1
            x = 10 * x + 30 + 60 * signs.reshape(*shape[:2], 1, 1)
        errors = {
            "is invalid for input": "the blocks must fit: cut off the rows and columns left over",
            "must match the size": "the blocks must fit: cut off the rows and columns left over",
        }
        with Watch() as watch, Strays() as strays:
            got = attempt(x, size, errors=errors)
        called |= watch.called
        height, width = (n // size * size for n in shape[2:])
        whole = x[:, :, :height, :width]
        mistakes = [
            (F.avg_pool2d(x, size), "that is the mean of each block"),
            (F.max_pool2d(x, size, ceil_mode=True), "drop the rows and columns left over"),
            (F.max_pool2d(x, size, stride=1), "the blocks must not overlap"),
            (F.max_pool2d(x, size).clamp(min=0), "all values may be negative; 0 is none of them"),
            (-F.max_pool2d(-x, size), "that is the smallest of each block"),
            (x[:, :, ::size, ::size], "that is one pixel of each block, not its greatest"),
            (whole[:, :, ::size, ::size], "that is one pixel of each block, not its greatest"),
            (
                F.max_pool2d(x[:, :, -height:, -width:], size),
                "drop the last rows and columns, not the first",
            ),
            (F.max_pool2d(x, (size, 1)), "you pooled the rows only"),
            (F.max_pool2d(x, (1, size)), "you pooled the columns only"),
            (F.max_pool2d(x, size).amax(dim=1, keepdim=True), "keep the channels apart"),
            (F.max_pool2d(x, size).amax(dim=1), "keep the channels apart"),
            *(
                (mixed, "the reshape mixed pixels of different blocks")
                for mixed in _mixed(whole, size)
            ),
        ]
        expected = F.max_pool2d(x, size)
        if isinstance(got, torch.Tensor):
            attempt.recognise(got, expected, mistakes)
            attempt.require(got.ndim == 4, _SHAPE.format(expected.ndim, got.ndim))
            attempt.require(got.shape[:2] == x.shape[:2], "batch and channels stay as they were")
            for dim, kind, what in ((2, "rows", "height"), (3, "columns", "width")):
                say = f"expected {expected.shape[dim]} {kind}, {what} // size; you have "
                attempt.require(
                    got.shape[dim] == expected.shape[dim],
                    f"the number of {kind} is wrong: {say}{got.shape[dim]}",
                )
            if got.dtype == x.dtype and not got.isnan().any():
                foreign = not torch.isin(got, x).all()
                attempt.require(not foreign, "there are values that are none of x's; take `amax`")
            attempt.require(
                not strays.hold(got),
                "on another device than the CPU the result would not be on that of x: "
                "give device=x.device",
            )
        attempt.expect(got, expected, mistakes)
    own = any("pool" in name for name in called)
    attempt.require(not own, "torch's own pooling does it for you; reshape and take `amax`")


_SHAPE = "the answer has {} dimensions, as x has; yours has {}: search over both `size` dimensions"


def _mixed(x: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Reshape as one should not, in two ways."""
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    swapped = x.reshape(batch, channels, size, rows, size, columns).amax(dim=(2, 4))
    return [x.reshape(batch, channels, rows, columns, size * size).amax(dim=4), swapped]


@exercise
def strided_convolution(attempt: Attempt) -> None:
    """Slide `kernel`, (f, g), over `picture`, (height, width), `stride` pixels at a time."""
    called: set[str] = set()
    shapes = ((7, 9, 3, 3, 2), (8, 6, 2, 3, 1), (9, 10, 3, 1, 3), (6, 11, 4, 2, 2), (5, 5, 5, 5, 2))
    shapes += ((14, 12, 2, 3, 1), (23, 30, 3, 2, 5), (4, 3, 1, 1, 1))
    for height, width, tall, wide, stride in shapes:
        double = torch.float64 if height == 8 else torch.float32
        picture = attempt.randn(height, width, dtype=double)
        kernel = attempt.randn(tall, wide, dtype=double)
        errors = {
            "must match the size": "the kernel need not be square; no window reaches over the rim",
            "out of bounds": "count the places again; the kernel need not be square",
            "'float' object cannot be": "a number of places is a whole number: use // instead of /",
            "zeros() takes 1 positional": "torch.zeros takes whole numbers: use // instead of /",
            "failed to unpack": "torch.zeros takes whole numbers: use // instead of /",
            "must be non-negative": "a number of places is negative: the picture is the larger one",
            "the number of sizes provided": "one place takes one number: add the products up",
        }
        with Watch() as watch, Strays() as strays:
            got = attempt(picture, kernel, stride, errors=errors)
        called |= watch.called
        expected = _slide(picture, kernel, stride)
        dense = _slide(picture, kernel, 1)
        size = expected.shape
        mistakes = [
            (
                _slide(picture, kernel.flip(0, 1), stride),
                "the kernel is turned by 180 degrees; slide it as it is",
            ),
            (dense, "the stride is missing: the window moves one pixel at a time"),
            (dense[: size[0], : size[1]], "the window itself must move by stride pixels"),
            (dense[::stride], "the stride holds for columns too"),
            (dense[:, ::stride], "the stride holds for rows too"),
            (expected / kernel.numel(), "add the products up; do not average them"),
            (expected.float(), "keep the dtype of picture"),
            (expected.reshape(1, 1, *size), "picture has two dimensions, and so has the result"),
            (expected.flatten(), "reshape the result to (rows, columns)"),
            (expected[:-1, :-1], "the last place is missing; do not forget the + 1"),
            (expected[:-1], "the last row is missing; do not forget the + 1"),
            (expected[:, :-1], "the last column is missing; do not forget the + 1"),
            (picture, "that is the picture as it was"),
            (kernel, "that is the kernel as it was"),
            (
                _slide(F.pad(picture, (wide // 2,) * 2 + (tall // 2,) * 2), kernel, stride),
                "there is no padding here",
            ),
        ]
        attempt.recognise(got, expected, mistakes)
        if isinstance(got, torch.Tensor):
            for dim, what in enumerate(("rows", "columns") if got.ndim == 2 else ()):
                own, side = got.shape[dim], ("height", "width")[dim]
                attempt.require(
                    own == size[dim],
                    f"there are {size[dim]} {what} of places where {side} is {picture.shape[dim]}, "
                    f"the kernel has {kernel.shape[dim]} {what} and stride is {stride}; "
                    f"your answer has {own}",
                )
            if got.shape == size:
                _look_at_places(attempt, got, expected, picture, kernel, stride)
            attempt.require(
                not strays.hold(got),
                "on another device than the CPU the result would not be on the picture's: "
                "give device=picture.device",
            )
            if double is torch.float64 and got.dtype == double:
                exact = torch.allclose(got, expected, rtol=1e-9, atol=1e-9)
                attempt.require(exact, "a float64 picture was computed in float32 on the way")
        attempt.expect(got, expected)
    own = any("conv" in name for name in called)
    attempt.require(not own, "torch's own convolution does it for you; slide the kernel")


def _look_at_places(
    attempt: Attempt,
    got: torch.Tensor,
    expected: torch.Tensor,
    picture: torch.Tensor,
    kernel: torch.Tensor,
    stride: int,
) -> None:
    """Say which places are wrong, if there is more to say than that."""
    right = torch.isclose(got, expected.to(got.dtype), rtol=1e-4, atol=1e-5)
    if right.all():
        return
    empty = ~right & (got == 0)
    attempt.require(right.any() or not empty.all(), "every place is still 0")
    say = "some places are still 0; give each row and each column of the result its number"
    attempt.require(not torch.equal(~right, empty), say)
    say = "only the first place is right; where does the next window begin?"
    attempt.require(right.sum() != 1 or not right[0, 0] or got.numel() < 3, say)
    for dim, what in enumerate(("row", "column")):
        first = right.select(dim, 0)
        if first.all() and right.sum() == first.numel() and got.shape[dim] > 1:
            attempt.require(False, f"only the first {what} is right; where does the next begin?")
    window = picture[: kernel.shape[0], : kernel.shape[1]]
    for value, say in (
        (window.sum() + kernel.sum(), "multiply window and kernel number by number; do not add"),
        ((window - kernel).sum(), "multiply window and kernel number by number"),
        ((window / kernel).sum(), "multiply window and kernel number by number; do not divide"),
        (window.sum(), "multiply the window by the kernel before you add up"),
        (window[0, 0] * kernel[0, 0], "that is one product; add up those of the whole window"),
    ):
        attempt.require(not torch.isclose(got[0, 0], value.to(got.dtype), rtol=1e-4), say)


def _slide(picture: torch.Tensor, kernel: torch.Tensor, stride: int) -> torch.Tensor:
    # on the CPU in 64 bits: an NVIDIA GPU rounds what it convolves to 10 bits of fraction (TF32)
    wide = [each.cpu().double()[None, None] for each in (picture, kernel)]
    return F.conv2d(*wide, stride=stride)[0, 0].to(picture)


@exercise
def fold_batch_norm(attempt: Attempt) -> None:
    """Give weights and bias with which the convolution alone does what both layers did."""
    cases = []
    for out, inputs, size in ((4, 2, 3), (3, 3, 3), (5, 5, 1), (2, 6, 5), (1, 3, 2)):
        double = torch.float64 if out == 2 else torch.float32
        draw = functools.partial(attempt.randn, out, dtype=double)
        weight = attempt.randn(out, inputs, size, size, dtype=double)
        mean, shift = draw() + 2, draw() - 1
        variance, scale = draw().abs() + 0.5, draw().abs() + 0.5
        eps = attempt.pick(2, 9) / 10
        if out > 2:  # a channel without spread, and numbers of either sign, some of them large
            variance[-1], eps = 0, 10.0 ** -attempt.pick(3, 6)
            scale[0], mean[0], shift[0] = -scale[0], -mean[0], shift[0].abs() + 20

        def times(factor: torch.Tensor, weight: torch.Tensor = weight) -> torch.Tensor:
            return weight * factor.reshape(-1, 1, 1, 1)

        factor = scale / (variance + eps).sqrt()
        expected = (times(factor), shift - mean * factor)
        mistakes = []
        for wrong, say in (
            (scale / variance.sqrt(), "eps is missing"),
            (scale / (variance.sqrt() + eps), "eps belongs inside the root"),
            (scale / (variance + eps), "divide by the standard deviation, the variance's root"),
            (1 / (variance + eps).sqrt(), "the learned scale is missing"),
            (scale, "divide by the standard deviation too"),
        ):
            mistakes.append(((times(wrong), shift - mean * wrong), say))
        mistakes += [
            ((times(factor), shift), "the mean must come off as well: it is part of the bias"),
            ((times(factor), shift - mean), "the mean too is divided and scaled"),
            ((times(factor), shift + mean * factor), "the mean is subtracted"),
            ((times(factor), -mean * factor), "the learned shift is missing"),
            ((times(factor), (shift - mean) * factor), "the shift comes last, and is not scaled"),
            ((weight, expected[1]), "the bias is right, but the weights must be scaled too"),
            (expected[0], "return the weights and the bias"),
            (tuple(part.float() for part in expected), "keep the dtype"),
            (expected[::-1], "the weights come first, then the bias"),
        ]
        if out == inputs:
            across = weight * factor.reshape(1, -1, 1, 1)
            mistakes.append(((across, expected[1]), "you scaled the *input* channels"))
        if out == size:
            columns = weight * factor
            say = "the factors met the columns of the kernels; they belong to the output channels"
            mistakes.append(((columns, expected[1]), say))
        cases.append(((weight, mean, variance, scale, shift, eps), expected, mistakes))
    errors = dict.fromkeys(
        ("must match the size", "could not be broadcast"),
        "a factor belongs to each *output* channel, the first of four dimensions of weight",
    )
    errors |= dict.fromkeys(
        ("is invalid for input", "invalid shape dimension", "only one dimension can be inferred"),
        "the factor is (out,); reshape(-1, 1, 1, 1) sets it at the first dimension of weight",
    )
    clues = [
        (
            lambda i, got, right: only(0)(i, got, right) and got[0].shape != right[0].shape,
            "the bias is right, but the weights must keep their shape, (out, in, F, F)",
        ),
        (only(0), "the bias is right, but not the weights: each is multiplied by its factor"),
        (
            lambda i, got, right: only(1)(i, got, right) and got[1].shape != right[1].shape,
            "the weights are right, but the bias is (out,), one number for each output channel",
        ),
        (
            only(1),
            "the weights are right, but not the bias: what is left of the formula without x?",
        ),
        (
            lambda i, got, right: isinstance(got, tuple) and len(got) == 2,
            "weights and bias are both wrong: the factor is scale / √(variance + eps)",
        ),
    ]
    judge(attempt, with_clues(attempt, cases, clues, errors), errors)
