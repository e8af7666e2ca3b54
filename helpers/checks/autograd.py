"""Checks for lesson 02."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import difference
from helpers.checks.judge import probe

_NO_GRAPH = {
    "does not require grad": "nothing that you compute from requires a gradient, so torch recorded "
    "no graph; mark a copy of the input first",
    "only for scalar outputs": "backward() starts from one number, and you gave it several",
}


@dataclass
class _Curve:
    """A curve that shows its formula in messages and remembers whether autograd watched it."""

    text: str
    formula: Callable[[torch.Tensor], torch.Tensor]
    called: bool = False
    watched: bool = False

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.called = True
        # backwards, by a graph, or forwards, as torch.func.jvp goes
        self.watched |= x.requires_grad or forward_ad.unpack_dual(x).tangent is not None
        return self.formula(x)

    def __repr__(self) -> str:
        return f"lambda x: {self.text}"

    def root(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(50):
            x = x - self.formula(x) / self.slope(x)
        return x

    def slope(self, x: torch.Tensor) -> torch.Tensor:
        x = x.detach().clone().requires_grad_()
        return torch.autograd.grad(self.formula(x).sum(), x)[0]


def _dtypes(attempt: Attempt) -> list[torch.dtype]:
    """Give the dtypes to try: Apple's accelerator has no float64."""
    return [torch.float32, torch.float32 if attempt.device.type == "mps" else torch.float64]


def _rtol(dtype: torch.dtype) -> float:
    return 1e-4 if dtype == torch.float32 else 1e-9


_PRECISE = "nearly right, but not as exact as float64: compute in the dtype that comes in"


def _look_at_precision(attempt: Attempt, got: Any, right: Any, dtype: torch.dtype) -> None:
    near = difference(got, right, rtol=1e-3) is None
    attempt.require(not near or difference(got, right, _rtol(dtype)) is None, _PRECISE)


@exercise
def slopes(attempt: Attempt) -> None:
    """Return the slope of `curve` at each of `points`, shape (points,)."""
    curves = [
        _Curve("x.exp() + x**2", lambda x: x.exp() + x**2),
        _Curve("x**3 - x.tanh()", lambda x: x**3 - x.tanh()),
    ]
    for curve, dtype in zip(curves, _dtypes(attempt), strict=True):
        points = attempt.randn(attempt.pick(3, 9), dtype=dtype)
        got = attempt(curve, points, errors=_NO_GRAPH)
        right = curve.slope(points)
        mistakes = [
            (curve.formula(points), "these are the curve's heights, not its slopes"),
            (right / len(points), "these are the slopes divided by their number; sum, not mean"),
            (right.sum(), "you added the slopes up; return one for each point"),
        ]
        mistakes += [
            (times * right, "gradients add up: backward() ran more than once without clearing")
            for times in (2, len(points))
        ]
        unused = "your function never called `curve`, so its slopes cannot be the curve's"
        attempt.require(curve.called, unused)
        nudged = "you nudged the points, which is only nearly right; mark a copy, use backward()"
        near = difference(got, right, rtol=0.05) is None
        attempt.require(curve.watched or not near, nudged)
        if dtype == torch.float64:
            attempt.recognise(got, right, mistakes)
            _look_at_precision(attempt, got, right, dtype)
        attempt.expect(got, right, mistakes)
        say = "the slopes are right, but autograd never watched the curve; use backward()"
        attempt.require(curve.watched, say)
    falling = _Curve("-x.exp() - x", lambda x: -x.exp() - x)
    # whoever nudges sees both parts move
    halved = _Curve("x**2 + x.detach() ** 2", lambda x: x**2 + x.detach() ** 2)
    for curve, points, say in [
        (falling, attempt.randn(1), "wrong for one point, whose slope has shape (1,)"),
        (falling, attempt.randn(5), "wrong where the curve falls: its slopes are below 0"),
        (falling, attempt.randn(30), "wrong for 30 points"),
        (falling, attempt.randn(4) + 6, "wrong where the curve is steep"),
        (halved, attempt.randn(4), nudged),
    ]:
        probe(attempt, [((curve, points), curve.slope(points), say)])


@exercise
def newton_step(attempt: Attempt) -> None:
    """Return the next guess for the root of `curve`, shape (); x has shape ()."""
    # slopes over 1 and heights far from 0, so that no mistake comes out right by chance; the last
    # curve falls
    curves = [
        (2, _Curve("x.exp() + x", lambda x: x.exp() + x)),
        (-4, _Curve("x**3 + 2 * x", lambda x: x**3 + 2 * x)),
        (3, _Curve("9 - x**3 - 2 * x", lambda x: 9 - x**3 - 2 * x)),
    ]
    dtypes = _dtypes(attempt)
    for (start, curve), dtype in zip(curves, [*dtypes, dtypes[0]], strict=True):
        x = start + attempt.randn(1, dtype=dtype).tanh()[0] / 2
        got = attempt(curve, x, errors=_NO_GRAPH)
        height, slope = curve.formula(x), curve.slope(x)
        attempt.require(curve.called, "your function never called `curve`, whose root is wanted")
        mistakes = [
            (x - height / slope.abs(), "a curve that falls has a slope below 0; use no abs()"),
            (x - height.abs() / slope, "a height below 0 stays below 0; use no abs()"),
            (x + height / slope, "you stepped away from the root; mind the sign"),
            (x - slope / height, "you divided slope by height; it is the other way round"),
            (x - height, "you subtracted the height alone; divide it by the slope"),
            (x - slope, "you subtracted the slope alone; the height is divided by it"),
            (curve.root(x), "that is the root itself; one step only, the caller repeats it"),
            (height / slope, "that is the length of the step; the guess after it is wanted"),
            (x - height * slope, "you multiplied height and slope; divide the one by the other"),
            (height / slope - x, "the wrong way round: x minus the step"),
            (x, "that is x as it was; the step is missing"),
            (height, "that is the curve's height, not the next guess"),
            (slope, "that is the curve's slope, not the next guess"),
            (x - height / (2 * slope), "gradients add up: backward() ran more than once"),
        ]
        right = x - height / slope
        attempt.recognise(got, right, mistakes)
        if dtype == torch.float64:
            _look_at_precision(attempt, got, right, dtype)
        if isinstance(got, torch.Tensor) and got.shape == x.shape:
            step = got.detach() - x
            attempt.require(
                torch.isclose(got.detach(), right.to(got.dtype), rtol=1e-4, atol=1e-5),
                f"x moves by -height / slope, here -({height:.4g}) / ({slope:.4g}); "
                f"yours by {step:.4g}",
            )
        attempt.expect(got, right)
        say = "the number is right, but it still carries its graph; detach it before you return it"
        attempt.require(not got.requires_grad, say)
    flat = _Curve("x.exp() + x / 33 + 1", lambda x: x.exp() + x / 33 + 1)
    steep = _Curve("x**5 - 9", lambda x: x**5 - 9)
    for curve, start, what in [
        (flat, -5.0, "the slope is small and the step is long"),
        (flat, -30.0, "the slope is small and the height, too"),
        (steep, 4.0, "the slope is large"),
        (_Curve("1 - x.exp()", lambda x: 1 - x.exp()), 0.3, "the height is small"),
    ]:
        x = start + attempt.randn(1).tanh()[0] / 5
        right = x - curve.formula(x) / curve.slope(x)
        probe(attempt, [((curve, x), right, f"wrong where {what}")])


@exercise
def weighted_error(attempt: Attempt) -> None:
    """Return the sum of factor * error**2, shape (), with the factors held constant."""
    single, double = _dtypes(attempt)
    for dtype, size, scale in [
        (single, attempt.pick(4, 9), 1),
        (double, attempt.pick(4, 9), 1),
        (single, 1, 1),
        (single, 30, 1),
        (single, 6, 50),
    ]:
        guesses = scale * attempt.randn(size, dtype=dtype)
        misses = scale * (attempt.randn(size, dtype=dtype).abs() + 0.1)
        misses[::2] *= -1  # errors of both signs, or below 0
        if size == 6:
            misses[1] = 0
        truths = guesses - misses
        guesses.requires_grad_()
        got = attempt(guesses, truths)
        error = (guesses - truths).detach()
        value = (error.abs() * error**2).sum()
        mistakes = [
            ((error**2).sum(), "that is the sum of error**2: times factor, once more error.abs()"),
            (error.abs().sum(), "that is the sum of the factors; each is multiplied by error**2"),
            (error.sum(), "that is the sum of the errors; it takes factor * error**2"),
            ((error**4).sum(), "that is error**4: the factor is error.abs(), not error**2"),
            ((error.abs() + error**2).sum(), "multiply factor and error**2; you added them"),
            ((error.abs() - error**2).sum(), "multiply factor and error**2"),
            ((1 / error.abs()).sum(), "multiply factor and error**2; you divided"),
            ((2 * error.abs() * error).sum(), "that is the gradient's sum; return the error"),
            ((error**3).sum(), "a factor is the size of an error, never negative: use abs()"),
            (error.abs() * error**2, "return the sum over all places, one number"),
            (value / size, "that is the mean; the sum is wanted"),
        ]
        total = (guesses + truths).detach()
        mistakes.append(
            ((total.abs() * total**2).sum(), "an error is the difference, guesses - truths")
        )
        attempt.recognise(got, value, mistakes)
        if dtype == torch.float64:
            _look_at_precision(attempt, got, value, dtype)
        if isinstance(got, torch.Tensor):
            say = f"the sum is one number, shape (); yours has shape {tuple(got.shape)}"
            attempt.require(got.ndim == 0, say)
            if got.dtype == value.dtype:
                attempt.require(
                    torch.isclose(got.detach(), value, rtol=1e-4, atol=1e-5),
                    f"factor * error**2 adds up to {value:.4g}, and yours to {got.item():.4g}, "
                    f"where the errors are {error.tolist()[:2]} and so on",
                )
        attempt.expect(got, value)
        # the attempt above worked on a copy of guesses; this gradient is to arrive at ours
        again = attempt.run(guesses, truths)
        if again.requires_grad:
            try:
                again.backward()
            except RuntimeError:  # the graph is walked once only
                again = None
        say = "the value is right, but its graph is used up; leave backward() to the caller"
        attempt.require(again is not None, say)
        say = "the value is right, but no gradient arrives at guesses: every path to it is cut"
        attempt.require(guesses.grad is not None, say)
        mistakes = [
            (
                3 * error.abs() * error,
                "the value is right, but the factors pass a gradient on; hold them constant",
            ),
            (
                error.abs() * error,
                "the value is right, but the squares are detached too; cut the factor alone",
            ),
            (guesses.grad, "the value is right, but the gradient at guesses is not"),
        ]
        attempt.expect(guesses.grad, 2 * error.abs() * error, mistakes)
        attempt.run(guesses, truths)
        say = "your function takes the gradient away that its caller has in guesses.grad"
        attempt.require(guesses.grad is not None and guesses.grad.any(), say)
        unmarked = guesses.detach()
        attempt.expect(attempt(unmarked, truths), value)


class _Graphs(TorchFunctionMode):
    """Within `with`, see whether autograd records what is computed, backwards or forwards."""

    seen = False

    def __torch_function__(
        self, function: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else [result]:
            if isinstance(part, torch.Tensor):
                wrapped = torch._C._functorch.is_functorch_wrapped_tensor(part)
                self.seen |= part.requires_grad or wrapped
                self.seen |= forward_ad.unpack_dual(part).tangent is not None
        return result


@exercise
def two_layer_backward(attempt: Attempt) -> None:
    """Return the gradients of w1 and w2, of inputs (rows, m), w1 (m, h), w2 (h, k)."""
    errors = {
        "does not require grad": "do this one without autograd; no graph is recorded here",
        "cannot be multiplied": "the shapes do not fit; a gradient has the shape of its tensor, "
        "and the task says which factor is transposed",
    }
    single, double = _dtypes(attempt)
    small = (2 + torch.randperm(5, generator=attempt.generator)[:4]).tolist()
    # where all sizes are the same, a wrong transpose fits
    for dtype, (rows, m, h, k), scale in [
        (single, small, 1),
        (double, 4 * small[:1], 1),
        (single, [1, 1, 1, 1], 1),
        (single, [9, 8, 10, 7], 1),
        (single, [4, 3, 2, 5], 100),
        (double, [4, 3, 2, 5], 40),
    ]:
        inputs, w1 = attempt.randn(rows, m, dtype=dtype), attempt.randn(m, h, dtype=dtype) / 2
        w2, grad_output = attempt.randn(h, k, dtype=dtype), attempt.randn(rows, k, dtype=dtype)
        if dtype == torch.float32:
            grad_output *= scale
        else:  # where tanh is nearly flat
            inputs *= scale
        with torch.no_grad(), _Graphs() as graphs:
            got = attempt(inputs, w1, w2, grad_output, errors=errors)
        attempt.require(not graphs.seen, "do this one without autograd; your function uses it")
        pair = isinstance(got, tuple | list) and len(got) == 2
        attempt.require(pair, "return two tensors, the gradients of w1 and of w2")

        hidden = (inputs @ w1).tanh()
        ones = torch.ones_like(grad_output)

        def first(arriving: torch.Tensor, local: torch.Tensor, x=inputs, w=w2) -> torch.Tensor:
            return x.T @ ((arriving @ w.T) * local)

        local = 1 - hidden**2
        right = first(grad_output, local), hidden.T @ grad_output
        forgot = "you left grad_output out; every gradient is multiplied by what arrives"
        tanh = "the local gradient of tanh is 1 minus the square of its output, hidden"
        mistakes = [
            (right[::-1], "the right gradients in the wrong order; w1's comes first"),
            ((right[0].T, right[1].T), "both gradients are transposed"),
            ((got[0], hidden.T @ ones), forgot),
            ((first(ones, local), got[1]), forgot),
            ((got[0], (inputs @ w1).T @ grad_output), "w2 is multiplied by hidden, after tanh"),
            (
                (first(grad_output, torch.ones_like(local)), got[1]),
                "on its way to w1 the gradient passes tanh; multiply by its local gradient",
            ),
            ((first(grad_output, hidden), got[1]), tanh),
            ((first(grad_output, (1 - hidden) ** 2), got[1]), f"{tanh}: square it first"),
            ((first(grad_output, 1 + hidden**2), got[1]), tanh),
            ((first(grad_output, hidden**2), got[1]), tanh),
            ((first(grad_output, hidden**2 - 1), got[1]), tanh),
            ((first(grad_output, 1 - hidden**3), got[1]), tanh),
            ((first(grad_output, 1 - hidden), got[1]), tanh),
            ((first(grad_output, 1 - hidden.tanh() ** 2), got[1]), tanh),
            ((first(grad_output, 1 - (inputs @ w1) ** 2), got[1]), tanh),
        ]
        attempt.recognise(got, right, mistakes)
        if dtype == torch.float64:
            _look_at_precision(attempt, got, right, dtype)
        tensors = [part for part in got if isinstance(part, torch.Tensor)]
        for own, known, name in zip(tensors, right, ("w1", "w2"), strict=False):
            say = f"{name}'s gradient has {name}'s shape, {tuple(known.shape)}; yours has "
            attempt.require(own.shape == known.shape, f"{say}{tuple(own.shape)}")
        if len(tensors) == 2:
            wrong = [difference(own, known, 1e-4) for own, known in zip(got, right, strict=True)]
            say = "w2's gradient is right, but not w1's: what arrives at hidden passes tanh, then "
            attempt.require(wrong[1] or not wrong[0], f"{say}inputs.T is multiplied by it")
            say = "w1's gradient is right, but not w2's: hidden.T times what arrives"
            attempt.require(wrong[0] or not wrong[1], say)
            say = "both gradients are wrong; begin with hidden = (inputs @ w1).tanh()"
            attempt.require(not all(wrong), say)
        attempt.expect(got, right)
