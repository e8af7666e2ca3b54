"""Checks for the exercises of lesson 11, convolutional neural network."""

import torch
import torch.nn.functional as F

from helpers.checks.attempt import Attempt, exercise


@exercise
def conv_size(attempt: Attempt) -> None:
    """Give the size of a convolution's output, or 0 where the kernel does not fit."""
    cases = [(12, 3, 3, 1, 3), (10, 4, 0, 4, 1), (5, 3, 0, 1, 3), (6, 5, 0, 2, 2), (4, 7, 1, 3, 1)]
    for _ in range(20):
        size, kernel = attempt.pick(9, 40), attempt.pick(1, 8)
        cases.append((size, kernel, attempt.pick(0, 4), attempt.pick(1, 4), attempt.pick(1, 4)))
    for size, kernel, padding, stride, dilation in cases:
        got = attempt(size, kernel, padding, stride, dilation)
        reach = dilation * (kernel - 1) + 1
        room = size + 2 * padding - reach
        expected = max(0, room // stride + 1)
        mistakes = [
            (float(expected), "a size is a whole number: use // instead of /"),
            (room / stride + 1, "a size is a whole number: use // instead of /"),
            ((size + 2 * padding - kernel) // stride + 1, "the dilation is missing"),
            (
                max(0, (size + 2 * padding - dilation * kernel) // stride + 1),
                "between F weights there are F - 1 gaps: how far does the kernel reach?",
            ),
            (max(0, (size + padding - reach) // stride + 1), "padding goes on both sides"),
            (max(0, room // stride), "the first place counts too: add 1"),
            (max(0, -(-room // stride) + 1), "a step that does not fit is no place: round down"),
        ]
        if room < 0:
            mistakes = [(got, "the kernel does not fit here, so the size is 0")]
        attempt.expect(got, expected, mistakes)


@exercise
def max_pool(attempt: Attempt) -> None:
    """Give the greatest value of each block of size × size; what is left over is dropped."""
    shapes = ((2, 3, 6, 8, 2), (1, 2, 7, 11, 3), (3, 1, 9, 5, 2), (2, 2, 5, 6, 4))
    for *shape, size in shapes:
        double = torch.float64 if shape[0] == 3 else torch.float32
        x = attempt.randn(*shape, dtype=double) - 3
        errors = {
            "is invalid for input": "the blocks must fit: cut off the rows and columns left over",
            "must match the size": "the blocks must fit: cut off the rows and columns left over",
        }
        got = attempt(x, size, errors=errors)
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
            (F.max_pool2d(x, (size, 1)), "you pooled the rows only"),
            (F.max_pool2d(x, (1, size)), "you pooled the columns only"),
            (F.max_pool2d(x, size).amax(dim=1, keepdim=True), "keep the channels apart"),
            (F.max_pool2d(x, size).amax(dim=1), "keep the channels apart"),
            *(
                (mixed, "the reshape mixed pixels of different blocks")
                for mixed in _mixed(whole, size)
            ),
        ]
        attempt.expect(got, F.max_pool2d(x, size), mistakes)


def _mixed(x: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Reshape as one should not, in two ways."""
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    swapped = x.reshape(batch, channels, size, rows, size, columns).amax(dim=(2, 4))
    return [x.reshape(batch, channels, rows, columns, size * size).amax(dim=4), swapped]


@exercise
def separable_cost(attempt: Attempt) -> None:
    """Count the weights and multiplications of a depthwise-separable block without biases."""
    for case in range(8):
        inputs, outputs = attempt.pick(2, 40), attempt.pick(41, 90)
        kernel, stride = 3 + 2 * attempt.pick(0, 3), 1 + case % 3
        outputs += outputs == kernel**2  # else both parts have as many weights
        height, width = 1 + 2 * attempt.pick(6, 10), attempt.pick(21, 30)
        got = attempt(inputs, outputs, kernel, height, width, stride)
        rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
        depthwise, pointwise = kernel**2 * inputs, inputs * outputs
        weights = depthwise + pointwise
        places, before = rows * columns, height * width
        right = (weights, weights * places)
        plain = kernel**2 * inputs * outputs
        mistakes = [
            ((plain, plain * places), "that is the plain convolution"),
            ((weights, plain * places), "that is the plain convolution's multiplications"),
            ((weights, depthwise * before + pointwise * places), "the depthwise part strides too"),
            (
                (weights, depthwise * places + pointwise * before),
                "the pointwise part reads what the stride left",
            ),
            (
                (weights, weights * (height // stride) * (width // stride)),
                "with this padding the size is rounded up",
            ),
            (
                (weights, weights * before),
                "each *output* number costs, and the stride leaves fewer",
            ),
            (
                (depthwise, depthwise * places),
                "the pointwise part, 1 × 1 from in to out, is missing",
            ),
            ((pointwise, pointwise * places), "the depthwise part is missing"),
            (
                (weights + inputs + outputs, (weights + inputs + outputs) * places),
                "the convolutions have no biases",
            ),
            ((weights + inputs + outputs, weights * places), "the convolutions have no biases"),
            (
                (kernel * inputs + pointwise, (kernel * inputs + pointwise) * places),
                "a kernel of size F has F × F weights",
            ),
            (
                (kernel**2 * outputs + pointwise, (kernel**2 * outputs + pointwise) * places),
                "the depthwise part has one kernel for each *input* channel",
            ),
            ((right[1], right[0]), "the weights come first, then the multiplications"),
            (weights, "return the weights and the multiplications"),
            (right[1], "return the weights and the multiplications"),
        ]
        attempt.expect(got, right, mistakes)


@exercise
def strided_convolution(attempt: Attempt) -> None:
    """Slide `kernel`, (f, g), over `picture`, (height, width), `stride` pixels at a time."""
    shapes = ((7, 9, 3, 3, 2), (8, 6, 2, 3, 1), (9, 10, 3, 1, 3), (6, 11, 4, 2, 2), (5, 5, 5, 5, 2))
    for height, width, tall, wide, stride in shapes:
        double = torch.float64 if height == 8 else torch.float32
        picture = attempt.randn(height, width, dtype=double)
        kernel = attempt.randn(tall, wide, dtype=double)
        errors = {
            "must match the size": "the kernel need not be square; no window reaches over the rim",
            "out of bounds": "count the places again; the kernel need not be square",
        }
        got = attempt(picture, kernel, stride, errors=errors)
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
            (
                _slide(F.pad(picture, (wide // 2,) * 2 + (tall // 2,) * 2), kernel, stride),
                "there is no padding here",
            ),
        ]
        attempt.expect(got, expected, mistakes)


def _slide(picture: torch.Tensor, kernel: torch.Tensor, stride: int) -> torch.Tensor:
    return F.conv2d(picture[None, None], kernel[None, None], stride=stride)[0, 0]


@exercise
def fold_batch_norm(attempt: Attempt) -> None:
    """Give weights and bias with which the convolution alone does what both layers did."""
    for out, inputs, size in ((4, 2, 3), (3, 3, 3), (5, 5, 1), (2, 6, 5)):
        weight = attempt.randn(out, inputs, size, size)
        mean, shift = attempt.randn(out) + 2, attempt.randn(out) - 1
        variance, scale = attempt.randn(out).abs() + 0.5, attempt.randn(out).abs() + 0.5
        eps = attempt.pick(2, 9) / 10
        errors = dict.fromkeys(
            ("must match the size", "could not be broadcast"),
            "a factor belongs to each *output* channel, the first of four dimensions of weight",
        )
        got = attempt(weight, mean, variance, scale, shift, eps, errors=errors)

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
            (expected[::-1], "the weights come first, then the bias"),
        ]
        if out == inputs:
            across = weight * factor.reshape(1, -1, 1, 1)
            mistakes.append(((across, expected[1]), "you scaled the *input* channels"))
        if out == size:
            columns = weight * factor
            say = "the factors met the columns of the kernels; they belong to the output channels"
            mistakes.append(((columns, expected[1]), say))
        attempt.expect(got, expected, mistakes)
