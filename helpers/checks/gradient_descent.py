"""Checks for the exercises of lesson 03, gradient descent."""

import math
from collections.abc import Callable, Sequence

import torch

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.judge import judge, probe


@exercise
def descend_once(attempt: Attempt) -> None:
    """Return the weight after one step of gradient descent on the mean squared error."""
    dtypes = [torch.float32] if attempt.device.type == "mps" else [torch.float32, torch.float64]
    cases = []
    for n in (2 * attempt.pick(3, 15) + 1, 1, 4):  # odd: a quarter of it is nobody's factor
        for dtype in dtypes:
            # so near to 0 that the weight is always below its best value
            inputs, noise = (attempt.randn(n, dtype=dtype).clamp(-1.5, 1.5) for _ in range(2))
            inputs = inputs + 2
            weight = attempt.randn(1, dtype=dtype)[0].clamp(max=1) - 3
            lr = attempt.pick(1, 9) / 97
            targets = 2 * inputs + noise
            misses = weight * inputs - targets
            gradient = (2 * misses * inputs).mean()
            mistakes = [
                (weight + lr * gradient, "you walked uphill: subtract the gradient"),
                (lr * gradient, "that is how far to move, not where you are then"),
                (-lr * gradient, "that is how far to move, not where you are then"),
                (gradient, "that is the gradient; move the weight against it, lr times as far"),
                (weight - gradient, "the learning rate is missing: the step is lr * gradient"),
                (weight - lr * gradient / 2, "the 2 that comes from the square is missing"),
                (weight - lr * gradient * n, "you summed; mean squared error averages"),
                (
                    weight - lr * gradient * n / 4,
                    "divide by how many readings there are; 4 is not always right",
                ),
                (
                    weight - lr * (2 * misses).mean(),
                    "by the chain rule each miss counts times its input",
                ),
                (
                    weight - lr * (2 * misses).mean() * inputs.mean(),
                    "multiply each miss by its own input, then average; not the two averages",
                ),
                (
                    weight - lr * 2 * misses * inputs,
                    "one weight has one gradient: average over the readings",
                ),
            ]
            mistakes += [
                (
                    weight - lr * (misses**2).mean(),
                    "that is the error itself times lr, no gradient",
                ),
                (weight - lr * lr * gradient, "the learning rate counts once: lr * gradient"),
                (weight, "the weight has not moved"),
                (
                    weight - lr * (2 * (weight * inputs + targets) * inputs).mean(),
                    "a miss is weight * input - target",
                ),
            ]
            right = weight - lr * gradient
            cases.append(((weight, inputs, targets, lr), right, mistakes))

    def by_step(got: object, inputs: Sequence) -> None:
        if isinstance(got, torch.Tensor) and got.dtype == inputs[0].dtype:
            say = f"one weight has shape (); yours has shape {tuple(got.shape)}"
            attempt.require(got.ndim == 0, say)
            step, wanted = (got - inputs[0]).item(), (_descended(*inputs) - inputs[0]).item()
            attempt.require(
                math.isclose(step, wanted, rel_tol=0.01, abs_tol=1e-4),
                f"the weight moves by -lr * gradient, {wanted:.4g}, and yours by {step:.4g}; "
                "the gradient is the average of 2 * (weight * input - target) * input",
            )

    judge(attempt, cases, otherwise=by_step)
    for size, what in [(5, "an input or a target is below 0"), (60, "n is 60")]:
        far, x, y = attempt.randn(1)[0].abs() + 3, attempt.randn(size), attempt.randn(size)
        for weight, inputs, targets, lr, where in [
            (-far, x, y, 0.05, what),
            (far, x, y, 0.05, "the weight is above its best value"),
            (far, -x.abs(), y, 0.05, "the inputs are below 0"),
            (far, x, y, 0.75, "`lr` is large"),
            (50 * far, 20 * x, 50 * y, 0.0001, "the numbers are large"),
        ]:
            right = _descended(weight, inputs, targets, lr)
            probe(attempt, [((weight, inputs, targets, lr), right, f"wrong where {where}")])
    say = "a new tensor is wanted, also where `lr` is 0"
    attempt.require(attempt.run(weight, inputs, targets, 0.0) is not weight, say)
    if len(dtypes) > 1:
        say = "nearly right, but not as exact as float64: compute in the dtype that comes in"
        third = (weight.double() / weight / 3, 0 * inputs.double(), targets.double())
        parts = [tuple(part.double() / n for part in (weight, inputs, targets)) for n in (3, 7, 11)]
        cases = [((*given, 0.003), _descended(*given, 0.003), say) for given in (third, *parts)]
        probe(attempt, cases, rtol=1e-9)


def _descended(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor, lr: float
) -> torch.Tensor:
    return weight - lr * (2 * (weight * inputs - targets) * inputs).mean()


@exercise
def momentum_path(attempt: Attempt) -> None:
    """Return the weights that momentum visits on the loss curvature / 2 * weight**2."""
    for steps in (attempt.pick(4, 9), 1, 0):
        # no tenths and no 1, so that no two mistakes walk the same path
        start = attempt.pick(3, 9) / 2 * (-1) ** attempt.pick(0, 2)
        curvature, lr = attempt.pick(3, 9) / 3 + 0.1, attempt.pick(11, 50) / 101
        factor = attempt.pick(55, 86) / 97
        given = (start, curvature, lr, factor, steps)
        path = _momentum(*given)
        mistakes = [
            (path[1:], "begin the list with `start`, before any step"),
            (path[:-1], "the list stops a step early: it holds steps + 1 weights"),
            (path[-1], "return every weight visited, not only the last"),
            (
                _momentum(start, curvature, lr, 0.0, steps),
                "this is plain gradient descent: the old velocity must carry on, times `factor`",
            ),
            (
                _momentum(start, curvature, lr, 1.0, steps),
                "the velocity never fades: multiply the old one by `factor`",
            ),
            (
                _momentum(start, curvature, lr, factor, steps, share=1 - factor),
                "momentum adds the whole gradient to the velocity, not (1 - factor) of it",
            ),
            (
                _momentum(start, curvature, lr, factor, steps, share=factor),
                "only the old velocity fades by itself; the new gradient counts whole",
            ),
            (
                _momentum(start, curvature, -lr, factor, steps),
                "you walked uphill: subtract lr * velocity",
            ),
            (
                _momentum(start, curvature, lr, factor, steps, late=True),
                "update the velocity before you move; you moved with the old one",
            ),
            (
                _momentum(*given, moved=True),
                "the first step moves nothing: update the velocity before the weight",
            ),
            (
                _momentum(start, curvature, lr, 0.9, steps),
                "your factor is always 0.9; take the one that comes in",
            ),
            (
                _momentum(start, curvature, 0.1, factor, steps),
                "your learning rate is always 0.1; take the one that comes in",
            ),
            (_momentum(start, 1.0, lr, factor, steps), "the slope is curvature * weight"),
            (
                _momentum(start, curvature / 2, lr, factor, steps),
                "the slope of c / 2 * w**2 is c * w: no half",
            ),
        ]
        mistakes += [
            (
                _momentum(start, curvature * lr, lr, factor, steps),
                "the learning rate counts twice; it belongs to the step, not to the velocity",
            ),
            (
                _momentum(start, curvature / lr, lr, factor, steps),
                "the learning rate is missing: the weight moves by lr * velocity",
            ),
            (_momentum(start, -curvature, lr, factor, steps), "the slope is curvature * weight"),
        ]
        got = attempt(*given)
        attempt.recognise(got, path, mistakes)
        if isinstance(got, list) and all(isinstance(weight, float) for weight in got):
            say = f"{steps} steps visit {steps + 1} weights; your list holds {len(got)}"
            attempt.require(len(got) == len(path), say)
            for place, (own, known) in enumerate(zip(got, path, strict=True)):
                if place < 2:
                    first = f"first step leads to start - lr * curvature * start, {known:.4g}"
                    say = ("the path begins at start", f"the {first}; yours to {own:.4g}")[place]
                else:
                    say = (
                        f"the first {place} weights are right, but not the next: the velocity "
                        "becomes factor * velocity + curvature * weight, with the weight as it is"
                    )
                attempt.require(math.isclose(own, known, rel_tol=1e-4, abs_tol=1e-5), say)
        attempt.expect(got, path)
        attempt.require(isinstance(got, list), f"return a list, not a {type(got).__name__}")
    a, b, c = attempt.pick(3, 9) / 7, attempt.pick(3, 9) / 11, attempt.pick(3, 9) / 13
    cases = [
        ((-a, 2.1, 0.2, b, 5), "start is below 0"),
        ((a, 2.1, 0.2, 0.0, 5), "factor is 0"),
        ((a, 2.1, 0.2, 0.97, 5), "factor is nearly 1"),
        ((a, 0.0, 0.2, b, 5), "curvature is 0"),
        ((0.0, 2.1, 0.2, b, 5), "start is 0"),
        ((a, -2.1, 0.2, b, 5), "curvature is below 0"),
        ((a, 2.1, 0.0, b, 5), "lr is 0"),
        ((a, 2.1, 1.3, b, 5), "lr is large"),
        ((9 + a, 7.1, 0.02, b, 5), "start and curvature are large"),
        ((a, 2.1, 0.2, b, 40), "there are many steps and the weights come close to 0"),
        ((a, 9.0, 0.9, c, 9), "the path diverges"),
    ]
    for given, where in cases:
        probe(attempt, [(given, _momentum(*given), f"wrong where {where}")], rtol=1e-5)
    kept = attempt(*cases[0][0])
    before = list(kept)
    attempt(*cases[1][0])
    say = "make a new list at each call; yours holds the path of another call"
    attempt.require(kept == before, say)


def _momentum(
    start: float,
    curvature: float,
    lr: float,
    factor: float,
    steps: int,
    share: float = 1.0,
    late: bool = False,
    moved: bool = False,
) -> list[float]:
    """Walk with momentum; `share` of each gradient counts.

    `late` moves by the old velocity; `moved` too, and takes the slope where it has moved to.
    """
    weight, velocity, path = start, 0.0, [start]
    for _ in range(steps):
        weight -= lr * velocity if moved else 0
        old, velocity = velocity, factor * velocity + share * curvature * weight
        weight -= 0 if moved else lr * (old if late else velocity)
        path.append(weight)
    return path


@exercise
def warmup_cosine(attempt: Attempt) -> None:
    """Return the learning rate of a step: an even rise to the peak, then half a cosine to 0."""
    for _ in range(3):
        warmup, peak = attempt.pick(2, 7), attempt.pick(1, 40) / 10 + 0.05
        total = warmup + attempt.pick(4, 20)
        got = [attempt(step, warmup, total, peak) for step in range(total + 1)]

        def rates(
            fall: Callable[[float], float] = lambda share: (1 + math.cos(math.pi * share)) / 2,
            rise: Callable[[int], float] = lambda step, warmup=warmup: (step + 1) / warmup,
            begin: int = warmup,
            end: int = total,
            turn: int = warmup,
            steps: int = total + 1,
            peak: float = peak,
        ) -> list[float]:
            shares = [(step - begin) / (end - begin) for step in range(steps)]
            return [peak * (rise(s) if s < turn else fall(shares[s])) for s in range(steps)]

        zero_first = "the first step has rate 0 and is wasted; it should be peak / warmup_steps"
        no_peak = "at step warmup_steps the rate is still the peak: the share done is 0 there"
        mistakes = [
            (rates(rise=lambda step, warmup=warmup: step / warmup), zero_first),
            (rates(begin=0), "the cosine begins after the warm-up: count its share from there"),
            (rates(begin=warmup - 1, end=total - 1), no_peak),
            (rates(begin=warmup - 1), no_peak),
            (rates(end=total - 1), "the rate is 0 at step total_steps, not before"),
            (rates(turn=warmup + 1), "at step warmup_steps the warm-up is over: use <, not <="),
            (rates(fall=lambda share: 1 + math.cos(math.pi * share)), "1 + cos starts at 2"),
            (rates(fall=lambda share: math.cos(math.pi * share)), "the cosine falls to -1, not 0"),
            (
                rates(fall=lambda share: math.cos(math.pi * share / 2)),
                "that is a quarter of a cosine; half of one is steepest in the middle",
            ),
            (
                rates(fall=lambda share: (1 + math.cos(2 * math.pi * share)) / 2),
                "half a cosine is wanted, from 0 to pi; yours runs on to 2 pi and rises again",
            ),
            (
                rates(fall=lambda share: (1 + math.cos(180 * share)) / 2),
                "the rate jumps about: np.cos takes radians, so half a turn is np.pi, not 180",
            ),
            (
                rates(fall=lambda share: (1 + math.cos(share)) / 2),
                "the rate hardly falls: np.cos takes radians, so half a turn is np.pi",
            ),
            (
                rates(end=warmup + total),
                "the cosine lasts total_steps - warmup_steps steps; divide by that",
            ),
            (
                rates(fall=lambda share, peak=peak: (1 + math.cos(math.pi * share)) / 2 / peak),
                "after the warm-up your rate is not multiplied by `peak`",
            ),
            (rates(fall=lambda share: 1 - share), "your rate falls along a line, not a cosine"),
        ]
        attempt.recognise(got, rates(), mistakes)
        _look_at_rates(attempt, got, rates(), warmup, peak)
        order = torch.randperm(total + 1, generator=attempt.generator).tolist()
        say = "a step's rate must not depend on which step you were asked for before"
        for step in order:
            got = attempt(step, warmup, total, peak)
            wrong = isinstance(got, float) and not math.isclose(
                got, rates()[step], rel_tol=1e-4, abs_tol=1e-5
            )
            attempt.require(not wrong, say)
            attempt.expect(got, rates()[step])
    for warmup, total, peak, where in [
        (1, 6, 0.3, "warmup_steps is 1"),
        (5, 6, 0.3, "the fall takes one step"),
        (100, 900, 0.3, "there are many steps"),
        (4, 9, 3.0, "peak is a whole number"),
        (4, 9, 40.5, "peak is large"),
        (4, 9, 0.0007, "peak is small, such as 0.0007"),
    ]:
        for step in {0, 1, warmup - 1, warmup, warmup + 1, (warmup + total) // 2, total}:
            share = (step - warmup) / (total - warmup)
            rise = step < warmup
            right = peak * ((step + 1) / warmup if rise else (1 + math.cos(math.pi * share)) / 2)
            rtol = 1e-4 if peak > 1 else 1e-6
            say = f"wrong at step {step} of {total} where {where}"
            probe(attempt, [((step, warmup, total, peak), right, say)], rtol)


def _look_at_rates(
    attempt: Attempt, got: list, right: list[float], warmup: int, peak: float
) -> None:
    """Say whether the rise or the fall is wrong, and where."""
    if not all(isinstance(rate, int | float) for rate in got):
        return
    total = len(right) - 1
    wrong = [
        step
        for step, (own, known) in enumerate(zip(got, right, strict=True))
        if not math.isclose(own, known, rel_tol=1e-4, abs_tol=1e-5)
    ]
    sizes = f"with warmup_steps {warmup}, total_steps {total} and peak {peak:.4g}"
    rise = "the rate is peak * (step + 1) / warmup_steps"
    if wrong and wrong[-1] < warmup:
        say = f"after the warm-up all is right, but not at step {wrong[0]}, {sizes}: there {rise}"
        attempt.require(False, say)
    if wrong and wrong[0] < warmup:
        say = f"warm-up and fall are wrong; begin with the warm-up, {sizes}: there {rise}"
        attempt.require(False, say)
    for step, what in ((warmup, "begins at peak"), (total, "ends at 0")):
        attempt.require(
            step not in wrong,
            f"the warm-up is right, but the fall {what}, at step {step} {sizes}; yours has "
            f"{got[step]:.4g} there",
        )
    attempt.require(
        not wrong,
        "the fall begins and ends rightly, but is wrong between: half a cosine is peak * "
        "(1 + cos(pi * share)) / 2, with share (step - warmup_steps) / (total_steps - "
        "warmup_steps)",
    )


@exercise
def adam_changes(attempt: Attempt) -> None:
    """Return what Adam subtracts at each step, given the gradients, one row a step."""
    errors = {
        "must be Tensor, not": "torch.stack takes the list of changes, one tensor a step",
        "expected a non-empty list": "no change was noted: append one for each step",
        "has no attribute 'sqrt'": "the average of squares has a gradient in it: it is a tensor",
        "division by zero": "step 1 comes first: 1 - 0.9**0 is 0",
    }
    for steps, parameters in ((attempt.pick(3, 8), 3), (1, 2), (5, 1), (4, 4)):
        scale = 10.0 ** torch.tensor([-8.0, 0.0, 2.0, -1.0])[:parameters].to(attempt.device)
        gradients = (attempt.randn(steps, parameters) + 0.5) * scale
        lr = attempt.pick(1, 50) / 100
        right = _adam(gradients, lr)
        mistakes = [
            (-right, "the sign is turned: return what is subtracted"),
            (
                _adam(gradients, lr, correct=(False, False)),
                "the averages start at 0 and are too small early: correct both",
            ),
            (
                _adam(gradients, lr, correct=(True, False)),
                "the average of squares needs its correction as well",
            ),
            (
                _adam(gradients, lr, correct=(False, True)),
                "the average of gradients needs its correction as well",
            ),
            (_adam(gradients, lr, root=False), "divide by the root of the averaged squares"),
            (_adam(gradients, lr, inside=True), "eps is added after the root, not under it"),
            (
                _adam(gradients, lr, keep=True),
                "the corrected averages went into the next step; go on with the raw ones",
            ),
            (
                _adam(gradients, lr, fixed=True),
                "the correction changes with the step: 1 - beta ** step",
            ),
            (_adam(gradients, lr, betas=(0.999, 0.9)), "you swapped beta1 and beta2"),
            (_adam(gradients, lr, betas=(0.9, 0.9)), "squares are averaged with beta2 = 0.999"),
            (
                _adam(gradients, lr, betas=(0.9, 0.99)),
                "beta2 is 0.999; 0.99 is the decay of RMSprop",
            ),
            (_adam(gradients, lr, whole=True), "a new gradient counts (1 - beta), not whole"),
            (_adam(gradients, lr, eps=0.0), "eps is missing; a tiny gradient shows it"),
            (_adam(gradients, lr, first=0), "the first row is step 1: 1 - beta ** 0 is 0"),
            (right / lr, "the learning rate is missing"),
            (
                lr * gradients.sign(),
                "only the sign of each gradient: true for the first step alone",
            ),
            (right[-1], "return the change of every step, not only of the last"),
            (-right.cumsum(0), "that is where the parameters are; return each step's change"),
        ]
        got = attempt(gradients, lr, errors=errors)
        attempt.recognise(got, right, mistakes)
        if isinstance(got, torch.Tensor) and got.dtype == right.dtype:
            shape = tuple(got.shape)
            say = f"one row a step, one column a parameter: {tuple(right.shape)}; yours is {shape}"
            attempt.require(got.shape == right.shape, say)
            same = torch.isclose(got, right, rtol=1e-4, atol=1e-5)
            say = "only where gradients are tiny it is wrong: eps, 1e-8, is added to the root"
            attempt.require(same.all() or not (same[:, 1:].all() and parameters > 1), say)
            say = (
                "the first step is wrong: there both corrected averages are the gradient and its "
                "square, so that the change is lr * gradient / (|gradient| + eps)"
            )
            attempt.require(same[0].all(), say)
            attempt.require(
                same.all(),
                "the first step is right, but not all after it: mean becomes 0.9 * mean + 0.1 * "
                "gradient, square 0.999 * square + 0.001 * gradient**2, and step n divides by "
                "1 - 0.9**n and 1 - 0.999**n",
            )
        attempt.expect(got, right)
    late = attempt.randn(200, 2)
    late[:120] = 0
    spike = attempt.randn(300, 2) / 10
    spike[4] = 20
    lost = attempt.randn(7, 3)
    lost[3:6] = 0
    cases = [
        (lost, 0.1, "some gradients are 0: the averages carry on"),
        (attempt.randn(6, 8), 0.1, "there are eight parameters"),
        (attempt.randn(6, 2), 1.7, "lr is large"),
        (5000 * attempt.randn(6, 2), 0.1, "gradients are large"),
        (attempt.randn(40, 2), 0.1, "there are many steps"),
        (spike, 0.1, "there are many steps and one large gradient, which fades in the averages"),
        (late, 0.1, "a parameter gets its first gradient late: the change may be above lr"),
    ]
    probe(attempt, [((g, lr), _adam(g, lr), f"wrong where {where}") for g, lr, where in cases])


def _adam(
    gradients: torch.Tensor,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    correct: tuple[bool, bool] = (True, True),
    root: bool = True,
    inside: bool = False,
    keep: bool = False,
    fixed: bool = False,
    first: int = 1,
    whole: bool = False,
    eps: float = 1e-8,
) -> torch.Tensor:
    """Adam's changes, shape (steps, parameters), or those of one of its misreadings."""
    average, square = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0])
    changes, shares = [], [1.0, 1.0] if whole else [1 - beta for beta in betas]
    for step, gradient in enumerate(gradients, start=first):
        power = 1 if fixed else step
        average = betas[0] * average + shares[0] * gradient
        square = betas[1] * square + shares[1] * gradient**2
        top = average / (1 - betas[0] ** power if correct[0] else 1)
        below = square / (1 - betas[1] ** power if correct[1] else 1)
        if keep:
            average, square = top, below
        size = (below + eps).sqrt() if inside else below.sqrt() + eps if root else below + eps
        changes.append(lr * top / size)
    return torch.stack(changes)


@exercise
def largest_stable_lr(attempt: Attempt) -> None:
    """Return the learning rate beyond which a line with weight and bias diverges."""
    for n, sign in ((attempt.pick(9, 40), 1), (4, -1), (2, 1)):
        noise = attempt.randn(n) * attempt.pick(1, 4)
        # below a mean of 0 the steepest direction lies beyond 90 degrees
        inputs = (sign * (noise - noise.mean() + attempt.pick(1, 4))).cpu()
        columns = torch.stack([inputs, torch.ones(n)], dim=1).double()
        curvatures = torch.linalg.eigvalsh(2 * columns.T @ columns / n)
        gentle, steep = curvatures.tolist()
        square = (2 * inputs.double() ** 2).mean().item()
        mistakes = [
            (2 / square, "that is the limit for a weight alone; the bias counts as an input of 1"),
            (2 / gentle, "that is the gentlest curvature; the steepest sets the limit"),
            (1 / steep, "that is 1 / curvature; the cliff stands at twice that"),
            (4 / steep, "the slope of a square brings a factor 2"),
            (2 / steep / n, "you summed over the readings; mean squared error averages"),
            (2 / steep / n * 4, "divide by the number of readings, which is not always 4"),
            (2 / (gentle + steep), "not the sum of the curvatures: the largest sets the limit"),
            (steep, "that is the largest curvature; the limit is 2 divided by it"),
            (steep / 2, "the wrong way up: 2 divided by the largest curvature"),
        ]
        if sign < 0:
            half_turn = "try directions up to 180 degrees, not only up to 90"
            mistakes.insert(0, (2 / max(square, 2.0), half_turn))
        got = attempt(inputs)
        attempt.recognise(got, 2 / steep, mistakes)
        if isinstance(got, float):
            attempt.require(
                math.isclose(got, 2 / steep, rel_tol=1e-3),
                f"your limit is {got * steep / 2:.4g} times the right one, 2 / curvature; the "
                f"curvatures lie between {gentle:.4g} and {steep:.4g}",
            )
        attempt.expect(got, 2 / steep)
    far = attempt.randn(100)
    far[40:] *= 9
    for inputs, where in [
        (torch.tensor([attempt.pick(5, 20) / 4]), "there is one input"),
        (torch.zeros(5), "all inputs are 0; only the bias has a slope then"),
        (torch.full((4,), 1.5), "all inputs are the same"),
        (torch.ones(3), "all inputs are 1: the steepest direction is at 45 degrees"),
        (torch.tensor([-1.1, 1.1]), "the inputs' mean is 0"),
        (torch.tensor([-1.2, 1.1, 1.2, -0.9]), "both curvatures are nearly the same"),
        (far.cpu(), "there are a hundred inputs"),
        (60 * attempt.randn(7).cpu(), "inputs are large"),
    ]:
        columns = torch.stack([inputs, torch.ones_like(inputs)], dim=1).double()
        steep = torch.linalg.eigvalsh(2 * columns.T @ columns / len(inputs))[-1].item()
        probe(attempt, [((inputs,), 2 / steep, f"wrong where {where}")])
