"""Checks for the exercises of lesson 18, ResNet and MobileNet."""

import torch
import torch.nn.functional as F

from helpers.checks.attempt import Attempt, exercise


@exercise
def separable_cost(attempt: Attempt) -> None:
    """Count the weights and multiply-adds of a depthwise-separable block without biases."""
    cases = []
    for case in range(8):
        inputs, outputs = attempt.pick(2, 40), attempt.pick(41, 90)
        kernel, stride = 3 + 2 * attempt.pick(0, 3), 1 + case % 3
        outputs += outputs == kernel**2  # else both parts have as many weights
        height, width = 1 + 2 * attempt.pick(6, 10), attempt.pick(21, 30)
        cases.append((inputs, outputs, kernel, height, width, stride))
    usual = len(cases)
    cases += [(7, 7, 3, 9, 9, 1), (1, 1, 1, 1, 1, 1), (attempt.pick(91, 99), 8, 3, 24, 9, 2)]
    cases += [(attempt.pick(2, 9), 50, 1, 16, 21, 4), (1, 60, 3, 7, 22, 2)]
    # more than float32 can hold, or int32
    cases.append((2 * attempt.pick(150, 200) + 1, 600, 13, 225, 227, 1))
    for stride in range(1, 7):
        height, width = attempt.pick(20, 40), attempt.pick(20, 40)
        cases.append((attempt.pick(2, 9), attempt.pick(2, 9), 5, height, width, stride))
    for case, (inputs, outputs, kernel, height, width, stride) in enumerate(cases):
        got = attempt(inputs, outputs, kernel, height, width, stride)
        rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
        depthwise, pointwise = kernel**2 * inputs, inputs * outputs
        weights = depthwise + pointwise
        places, before = rows * columns, height * width
        right = (weights, weights * places)
        plain = kernel**2 * inputs * outputs
        biased = weights + inputs + outputs
        line = kernel * inputs + pointwise
        other = kernel**2 * outputs + pointwise
        mistakes = [
            ((plain, plain * places), "that is the plain convolution"),
            ((weights, plain * places), "that is the plain convolution's multiply-adds"),
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
            ((biased, biased * places), "the convolutions have no biases"),
            ((biased, weights * places), "the convolutions have no biases"),
            ((line, line * places), "a kernel of size F has F × F weights"),
            (
                (other, other * places),
                "the depthwise part has one kernel for each *input* channel",
            ),
            (
                (weights, 2 * weights * places),
                "that counts FLOPs; a multiply-add is one multiplication with its addition",
            ),
            ((right[1], right[0]), "the weights come first, then the multiply-adds"),
            (weights, "return the weights and the multiply-adds"),
            (right[1], "return the weights and the multiply-adds"),
        ]
        attempt.expect(got, right, mistakes if case < usual else [])


@exercise
def inverted_residual(attempt: Attempt) -> None:
    """Expand, look at neighbours, project; add the input where the shapes agree."""
    # (batch, inputs, middle, outputs, height, width, stride); the fifth: stride 2 on one pixel
    cases = [(2, 3, 8, 3, 6, 5, 1), (2, 3, 6, 5, 6, 6, 1), (3, 4, 9, 4, 7, 6, 2)]
    cases += [(1, 2, 7, 4, 5, 8, 2), (2, 3, 8, 3, 1, 1, 2)]
    # as many numbers in another shape; shapes that broadcasting makes agree; a wide stride
    cases += [(2, 2, 6, 8, 4, 6, 2), (2, 1, 4, 3, 5, 4, 1), (2, 3, 5, 3, 1, 7, 2)]
    cases += [(5, 4, 4, 4, 8, 7, 1), (2, 3, 6, 3, 11, 13, 3)]
    for batch, inputs, middle, outputs, height, width, stride in cases:
        double = torch.float64 if batch in (1, 5) else torch.float32
        x = attempt.randn(batch, inputs, height, width, dtype=double)
        x = 30 * x if batch == 5 else x
        expand = attempt.randn(middle, inputs, 1, 1, dtype=double)
        depthwise = attempt.randn(middle, 1, 3, 3, dtype=double)
        project = attempt.randn(outputs, middle, 1, 1, dtype=double)
        weights = (expand, depthwise, project)
        got = attempt(x, *weights, stride, errors=_RESIDUAL_ERRORS)
        right = _residual(x, *weights, stride)
        change = _residual(x, *weights, stride, skip=False)
        missing = "the skip is missing: add x where the shapes agree"
        missing += ", whatever the stride" if stride > 1 else ""
        mistakes = [
            (change, missing),
            (F.relu(right), "no ReLU follows the last convolution"),
            (F.relu(change), "no ReLU follows the last convolution, and x is not added yet"),
            (_residual(x, *weights, stride, first=False), "a ReLU follows the first convolution"),
            (_residual(x, *weights, stride, second=False), "a ReLU follows the depthwise part"),
            (
                _residual(x, *weights, stride, first=False, second=False),
                "a ReLU follows each of the first two convolutions",
            ),
            (
                lambda x=x, w=weights, s=stride: _residual(x, *w, s, early=True),
                "the depthwise part strides, not the first convolution",
            ),
            (
                lambda x=x, w=weights, s=stride: _residual(x, *w, s, padding=int(x.shape[2] < 3)),
                "the depthwise part has padding 1",
            ),
            (
                lambda x=x, w=weights: _residual(x, *w, 1),
                "the stride of the depthwise part is missing",
            ),
            (
                lambda x=x, w=weights: _residual(x, *w, 1, skip=False),
                "the stride of the depthwise part is missing",
            ),
        ]
        if right.shape == x.shape:
            mistakes += [
                (x + F.relu(change), "no ReLU follows the last convolution"),
                (x * change, "add x; do not multiply"),
                (change - x, "add x; do not subtract it"),
                (x - change, "add the change; do not subtract it"),
            ]
        elif inputs == 1:
            mistakes.append((x + change, "add x only where its shape is that of the result"))
        attempt.expect(got, right, mistakes)
        exact = double is torch.float32 or torch.allclose(got, right, rtol=1e-9, atol=1e-9)
        attempt.require(exact, _FLOAT32)


_FLOAT32 = "the inputs are float64, but you computed in float32 on the way"


def _residual(
    x: torch.Tensor,
    expand: torch.Tensor,
    depthwise: torch.Tensor,
    project: torch.Tensor,
    stride: int,
    *,
    skip: bool = True,
    first: bool = True,
    second: bool = True,
    early: bool = False,
    padding: int = 1,
) -> torch.Tensor:
    """Compute the block, with steps left out or a stride that stands elsewhere."""
    hidden = F.conv2d(x, expand, stride=stride if early else 1)
    hidden = F.relu(hidden) if first else hidden
    how = {"stride": 1 if early else stride, "padding": padding, "groups": len(depthwise)}
    hidden = F.conv2d(hidden, depthwise, **how)
    hidden = F.relu(hidden) if second else hidden
    change = F.conv2d(hidden, project)
    return x + change if skip and change.shape == x.shape else change


_RESIDUAL_ERRORS = {
    "Given groups=1": "the depthwise part needs `groups=`, one for each of the middle channels",
    "must match the size": "add x only where its shape is that of the result",
    "expected input": "the depthwise part has a group for each of the *middle* channels",
    "Kernel size can't be greater": "the depthwise part has padding 1",
    "divisible by": "the depthwise part has a group for each of the *middle* channels",
}


@exercise
def fold_before(attempt: Attempt) -> None:
    """Give weight and bias of a convolution that does what a batch norm before it did."""
    for out, inputs, size in ((4, 2, 3), (3, 3, 3), (5, 5, 1), (2, 6, 5), (3, 1, 2), (1, 2, 3)):
        double = torch.float64 if out == 2 else torch.float32
        weight = attempt.randn(out, inputs, size, size, dtype=double)
        bias = attempt.randn(out, dtype=double) - 2
        a = attempt.randn(inputs, dtype=double).abs() + 1.5
        c = attempt.randn(inputs, dtype=double) + 2
        if out > 2:
            a[0], c[0], bias[0] = -a[0], -c[0], bias[0].abs() + 4
        if inputs == 6:
            a[1] = 0  # a channel that batch norm has switched off
        got = attempt(weight, bias, a, c, errors=_BEFORE_ERRORS)
        scaled = weight * a.reshape(1, -1, 1, 1)
        met = (weight * c.reshape(1, -1, 1, 1)).sum(dim=(1, 2, 3))
        right = (scaled, bias + met)
        mistakes = [
            ((scaled, bias), "`c` is missing: it meets the weights and goes into the bias"),
            ((weight, right[1]), "the bias is right, but the weights must be scaled too"),
            ((scaled, met), "the old bias is missing"),
            (
                (scaled, bias + (scaled * c.reshape(1, -1, 1, 1)).sum(dim=(1, 2, 3))),
                "`c` is added after the factor, so it meets the *old* weights",
            ),
            ((scaled, bias + c.sum()), "`c` passes the convolution: it meets the weights"),
            ((scaled, bias - met), "`c` is added, not subtracted"),
            (
                (scaled, bias + (weight * c.reshape(1, -1, 1, 1)).mean(dim=(1, 2, 3))),
                "add up over the channels and the kernel; do not average",
            ),
            (
                (scaled, bias + weight[:, :, size // 2, size // 2] @ c),
                "`c` meets all weights of the kernel, not only the middle one",
            ),
            (
                (weight / a.reshape(1, -1, 1, 1), right[1]),
                "the batch norm multiplies by `a`: so does the weight",
            ),
            (scaled, "return the weight and the bias"),
            (right[::-1], "the weight comes first, then the bias"),
            (tuple(part.float() for part in right), "keep the dtype"),
            (
                (scaled, right[1].reshape(-1, 1, 1, 1)),
                "the bias has shape (out,)",
            ),
        ]
        if out == inputs:
            rows = weight * a.reshape(-1, 1, 1, 1)
            say = "`a` belongs to the *input* channels, dimension 1 of the weight"
            mistakes += [((rows, right[1]), say), ((rows, bias + met), say)]
            mistakes.append(((rows, bias + c), say))
        if inputs == size:
            say = "`a` met the columns of the kernels; it belongs to dimension 1 of the weight"
            mistakes.append(((weight * a, right[1]), say))
        attempt.expect(got, right, mistakes)
        exact = all(
            torch.allclose(g, r, rtol=1e-9, atol=1e-9) for g, r in zip(got, right, strict=True)
        )
        attempt.require(out != 2 or exact, _FLOAT32)


_BEFORE_ERRORS = dict.fromkeys(
    ("must match the size", "could not be broadcast", "is invalid for input"),
    "a factor belongs to each *input* channel: give it the shape (1, in, 1, 1)",
)
