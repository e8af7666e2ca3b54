"""Checks for the exercises of lesson 09, activations."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.compare import ANYTHING
from helpers.checks.judge import Case, Watch, alike, judge, probe


@exercise
def collapse(attempt: Attempt) -> None:
    """Return weight and bias of the one layer that equals two linear layers."""
    wide = torch.float32 if attempt.device.type == "mps" else torch.float64
    cases = []
    for n_in, hidden, n_out, dtype in (
        (3, 5, 2, torch.float32),
        (4, 4, 4, wide),
        (1, 3, 6, torch.float32),
    ):
        w1, w2 = attempt.randn(hidden, n_in, dtype=dtype), attempt.randn(n_out, hidden, dtype=dtype)
        b1, b2 = attempt.randn(hidden, dtype=dtype), attempt.randn(n_out, dtype=dtype)
        weight, bias = w2 @ w1, w2 @ b1 + b2
        turned = (weight.T, bias)
        mistakes = [
            (turned, "the weight lies on its side; as in nn.Linear it is (out, in)"),
            ((weight, b2), "the first bias is missing; it passes through the second layer too"),
            ((weight, w2 @ b1), "the second bias is missing"),
            ((weight, bias.unsqueeze(1)), "the bias is a column; as in nn.Linear it is (out,)"),
            (weight, "return two things: the weight and the bias"),
            ((bias, weight), "the weight comes first, then the bias"),
        ]
        if n_in == hidden == n_out:
            say = "the order is wrong: layer 1 acts first, so it stands on the right"
            mistakes += [((w1 @ w2, part), say) for part in (bias, b2, w1 @ b2 + b1)]
            say = "the first bias has to pass through the second layer's weight"
            mistakes += [((weight, b1 + b2), say), ((weight, w1 @ b1 + b2), say)]
            say = "`*` multiplies number by number; layers multiply as matrices, with `@`"
            mistakes += [((w2 * w1, part), say) for part in (bias, b2)]
        mistakes += [
            (
                (weight, ANYTHING),
                "the weight is right, but not the bias: it is what 0 is mapped to",
            ),
            ((ANYTHING, bias), "the bias is right, but not the weight, (out, in)"),
        ]
        cases.append(((w1, b1, w2, b2), (weight, bias), mistakes))
    judge(attempt, cases, errors=_SHAPES)


_SHAPES = {
    "mat1 and mat2": "these shapes do not meet; layer 1 acts first, so it stands on the right",
    "size mismatch": "these shapes do not meet; the first bias goes through `w2`",
    "must match the size of tensor": "these shapes do not meet: the biases have different lengths, "
    "and layers multiply as matrices, with `@`",
}


@exercise
def swish_slope(attempt: Attempt) -> None:
    """Return the derivative of x * sigmoid(beta * x), in any shape, also for large numbers."""
    wide = torch.float32 if attempt.device.type == "mps" else torch.float64
    ends = torch.tensor([-200.0, -30.0, 0.0, 30.0, 200.0], device=attempt.device)
    cases = []
    for x, beta in (
        (0.5 + attempt.randn(9).abs(), 1.5),
        (-0.5 - attempt.randn(2, 4, dtype=wide).abs(), 0.5),
        (ends[[0, 1, 3, 4]] / 4, -0.1),
        (torch.cat([ends, 0.5 + attempt.randn(3).abs()]), 2.0),
    ):
        s = (beta * x).sigmoid()
        plain = x.sigmoid()
        mistakes = [
            (
                s + x * s * (1 - s),
                "the chain rule adds a factor: what stands inside the sigmoid is beta * x",
            ),
            (plain * (1 + x * (1 - plain)), "`beta` is missing; that is SiLU's derivative"),
            (beta * s * (1 - s), "that is the derivative of the sigmoid; it is one part of two"),
            (s * (1 - s), "that is the derivative of the sigmoid; it is one part of two"),
            (beta * x * s * (1 - s), "one part of the product rule is missing: x has slope 1"),
            (s, "one part of the product rule is missing: the sigmoid has a derivative too"),
            (x * s, "that is swish itself, not its derivative"),
            (s + beta * x * s, "the sigmoid's own derivative is s * (1 - s)"),
            (s + beta * x * (1 - s), "a factor is missing: sigmoid's derivative is s * (1 - s)"),
        ]
        cases.append(((x, beta), s * (1 + beta * x * (1 - s)), mistakes))

    def simpler(got: object, inputs: Sequence) -> None:
        if not alike(got, inputs[0]):
            return
        say = "there are `nan`s: exp overflows for large numbers; torch.sigmoid copes"
        attempt.require(not got.isnan().any(), say)
        zero = torch.zeros(1, device=attempt.device)
        slope = torch.sigmoid(zero + 1) * (1 + torch.sigmoid(zero - 1))
        say = "already wrong for"
        probe(
            attempt,
            [
                ((zero, 3.0), zero + 0.5, f"{say} x = 0, where it is a half for every `beta`"),
                ((zero + 1, 0.0), zero + 0.5, f"{say} `beta` = 0, where swish is x / 2"),
                ((zero + 1, 1.0), slope, f"{say} x = 1 and `beta` = 1: {slope.item():.4f}"),
            ],
        )

    with Watch() as watch:
        judge(attempt, cases, errors=_NO_GRADIENT, otherwise=simpler)
    own = {"backward", "grad", "_make_dual"} & watch.called
    attempt.require(not own, "write the derivative's formula out, without autograd")


_NO_GRADIENT = {"does not require grad": "write the formula out; x does not require gradients"}


@exercise
def dead_by_layer(attempt: Attempt) -> None:
    """Return for each nn.ReLU how many of its units give 0 for every input, a list of ints."""
    cases = []
    for sizes, kinds in (
        ((3, 9), (nn.ReLU,)),
        ((4, 12, 10, 11), (nn.ReLU, nn.ReLU, nn.ReLU)),
        ((3, 10, 9, 8), (nn.ReLU, nn.Tanh, nn.ReLU)),
        ((5, 7, 12), (nn.LeakyReLU, nn.ReLU)),
        ((4, 14, 13, 12), (nn.ReLU, None, nn.ReLU)),  # None: the module before, once more
    ):
        layers = []
        for number, kind in enumerate(kinds):
            dead = 0 if len(sizes) == 4 and number == 1 else attempt.pick(2, 4) + number
            layer = _layer(attempt, sizes[number], sizes[number + 1], dead)
            layers += [layer, kind() if kind else layers[-1]]
        layers.append(nn.Linear(sizes[-1], 1).to(attempt.device))
        if len(sizes) == 3:  # so that an nn.ReLU stands at an even place, too
            layers.insert(0, nn.Flatten())
        model, inputs = nn.Sequential(*layers), attempt.randn(60, sizes[0])
        inputs[-1] = 5
        _wake_by_the_last(next(layer for layer in layers if isinstance(layer, nn.Linear)), inputs)
        cases.append(_counts(attempt, model, inputs))

    def length(got: object, inputs: Sequence) -> None:
        places = sum(isinstance(module, nn.ReLU) for module in inputs[0])
        if isinstance(got, list):
            say = (
                f"your list holds {len(got)} numbers, but the model has nn.ReLU in {places} places"
            )
            attempt.require(len(got) == places, say)

    errors = {
        "cannot be converted to Scalar": "item() takes one number: sum over the units first",
        "Dimension out of range": "after a ReLU x has the dimensions 0, inputs, and 1, units",
    }
    judge(attempt, cases, errors=errors, otherwise=length)


def _layer(attempt: Attempt, n_in: int, n_out: int, dead: int) -> nn.Linear:
    """Make a layer of which `dead` units are off for every input, one of them at exactly 0."""
    layer = nn.Linear(n_in, n_out).to(attempt.device)
    with torch.no_grad():
        # Scaled so that a unit whose bias is near 0 is on for some inputs and off for others.
        layer.weight.copy_(functional.normalize(attempt.randn(n_out, n_in)))
        layer.bias.copy_(0.1 * attempt.randn(n_out))
        layer.bias += 0 if dead else 1e3  # then all are on for every input
        layer.bias[:dead] = -1e4
        layer.bias[-1] = 30.0  # on for every input, so that no input finds all units off
        layer.weight[-1] = 0.0
        if dead:
            layer.weight[0] = layer.bias[0] = 0.0
    return layer


def _wake_by_the_last(layer: nn.Linear, inputs: torch.Tensor) -> None:
    """Let one unit be on for the last of the inputs alone, and hardly."""
    with torch.no_grad():
        layer.weight[-2] = 1.0
        sums = inputs.sum(dim=1)
        layer.bias[-2] = -torch.maximum(sums[-1] - 0.01, sums[:-1].max())


def _counts(attempt: Attempt, model: nn.Sequential, inputs: torch.Tensor) -> Case:
    """Give inputs, the right counts and mistaken ones; look at kind and mode of the answer."""
    x, counts, below, everywhere, seldom, zeros, live = inputs, [], [], [], [], [], []
    with torch.no_grad():
        for module in model:
            before, x = x, module(x)
            if module is not model[-1] and not isinstance(module, nn.Linear):
                everywhere.append(int((x <= 0).all(dim=0).sum()))
            if isinstance(module, nn.ReLU):
                off = x == 0
                counts.append(int(off.all(dim=0).sum()))
                below.append(int((before < 0).all(dim=0).sum()))
                seldom.append(int(off.any(dim=0).sum()))
                zeros.append(int(off.sum()))
                live.append(off.shape[1] - counts[-1])
    same = len(set(model)) < len(model)
    mode = model.training
    got = attempt(model, inputs)
    attempt.require(model.training == mode, "your function changed the model's mode")
    say = "your function left gradients in the model's parameters, or took their marks off"
    as_before = all(p.requires_grad and p.grad is None for p in model.parameters())
    attempt.require(as_before, say)
    attempt.require(not isinstance(got, tuple), "return a list, not a tuple")
    if isinstance(got, list) and got and isinstance(got[0], torch.Tensor):
        attempt.require(
            any(value.ndim for value in got), "the list holds tensors; `item` makes Python ints"
        )
    mistakes = [
        (below, "a unit that stops at exactly 0 counts as well"),
        (seldom, "a unit is dead if it gives 0 for every input; you counted those that ever do"),
        (
            [0] * len(counts),
            "every count is 0: a ReLU's output is never below 0, so compare with == 0, and go over "
            "the inputs, dimension 0",
        ),
        (zeros, "you counted every single 0; count units that give nothing else"),
        (live, "you counted the living"),
        (everywhere, "only the nn.ReLUs are asked for, not other activations"),
        (
            [counts[0], *[ANYTHING] * (len(counts) - 1)],
            "the first count is right, but not all: does x pass through every module?",
        ),
        (sum(counts), "return a list, one number for each nn.ReLU"),
        (counts[:1], "only the first nn.ReLU is counted; go on through the model"),
        (counts[-1:], "only the last nn.ReLU is counted; keep a list"),
        ([n for n in counts if n], "a layer without dead units counts too, as 0"),
        (counts[:1] + counts[2:] if same else counts, _TWICE),
        (counts[1:] if same else counts, _TWICE),
    ]
    return (model, inputs), counts, mistakes


_TWICE = "the same nn.ReLU may stand in two places, and each counts"


@exercise
def weight_std(attempt: Attempt) -> None:
    """Return the weights' standard deviation that keeps the mean square, within 1%."""
    z = torch.linspace(-9, 9, 20_001)
    bell = (-z * z / 2).exp() / math.sqrt(2 * math.pi)
    functions = [torch.relu, torch.tanh, torch.sigmoid, functional.gelu, nn.SiLU()]
    functions += [torch.square] * 8  # the one that needs the most draws
    answers = []
    for function in functions:
        few, f = function is torch.relu, function(z)  # a few inputs, or many
        n = attempt.pick(2, 7) if few else attempt.pick(20, 900)
        mean = torch.trapezoid(f * bell, z).item()
        square = torch.trapezoid(f * f * bell, z).item()
        expected = 1 / math.sqrt(n * square)
        mistakes = [
            (1 / (n * square), "that is the variance; return the standard deviation"),
            (1 / math.sqrt(n), "the activation is missing: divide by its mean square too"),
            (math.sqrt(2 / n), "the 2 belongs to ReLU alone; measure the activation's mean square"),
            (math.sqrt(square / n), "divide by the mean square, do not multiply with it"),
            (1 / math.sqrt(square), "the number of inputs is missing"),
            *((1 / math.sqrt(near_n * square), _N_INPUTS) for near_n in (n - 1, n + 1)),
            (
                1 / math.sqrt(n * (square - mean**2)),
                "you took the variance of the outputs; the mean square keeps their mean too",
            ),
            (1 / (math.sqrt(n) * square), "you took the root of n only; the mean square needs it"),
            (math.sqrt(n * square), "upside down: more inputs need smaller weights"),
            (n * square, "upside down: more inputs need smaller weights"),
        ]
        if mean > 0.01:
            say = "square first, then take the mean"
            mistakes += [(1 / (math.sqrt(n) * mean), say), (1 / math.sqrt(n * mean), say)]
        got = attempt(function, n, errors=_ONE_NUMBER)
        attempt.require(not isinstance(got, torch.Tensor), "got a tensor; `item` makes it a float")
        attempt.require(isinstance(got, float), f"return a float, not {type(got).__name__}")
        answers.append((got, expected, mistakes, function, n))
    _judge_within_a_percent(attempt, answers)


_N_INPUTS = "divide by n, the number of inputs, not by one more or less"
_ONE_NUMBER = {
    "cannot be converted to Scalar": "item() takes one number: take the mean over the draws first"
}


def _judge_within_a_percent(attempt: Attempt, answers: Sequence[tuple]) -> None:
    """Do what `judge` does, for answers that hang on chance."""

    def near(got: float, right: float, share: float = 0.01) -> bool:
        return got == right or abs(got / right - 1) <= share

    wrong = [answer for answer in answers if not near(*answer[:2])]
    if not wrong:
        return
    for say in dict.fromkeys(say for _, say in wrong[0][2]):
        explained = all(
            any(near(got, bad, 0.03) for bad in [b for b, why in mistakes if why == say] or [got])
            for got, _, mistakes, *_ in answers
        )
        attempt.require(not explained, say)
    got, expected, _, function, n = wrong[0]
    attempt.require(math.isfinite(got), f"a standard deviation is a finite number, not {got}")
    # A second draw of the same size tells whether chance is at work.
    spread = abs(attempt(function, n) / got - 1) if got else 0.0
    say = f"it changes by {spread:.1%} from call to call; draw more numbers"
    attempt.require(spread < 0.003, say)
    share = abs(got / expected - 1)
    attempt.require(share > 0.1, f"{share:.1%} off; within 1% is asked: draw more numbers")
    ratios = [got / expected for got, expected, *_ in answers]
    alike_all = max(ratios) - min(ratios) <= 0.02 * abs(ratios[0])
    say = f"it is {ratios[0]:.3g} times as large as it should be, for every activation and every n"
    attempt.require(not alike_all or not ratios[0], say)
    grows = attempt(function, 100) / attempt(function, 400) if got else 0.0
    say = f"four times the inputs need half the std; yours is divided by {grows:.3g}"
    attempt.require(abs(grows - 2) <= 0.05, say)
    name = getattr(function, "__name__", type(function).__name__)
    attempt.require(False, f"{name} with n = {n}: expected {expected:.4g}, got {got:.4g}")
