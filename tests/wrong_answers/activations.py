"""Known wrong answers to the exercises of lesson 09."""

import math

import torch
from torch import nn

from tests.wrong_answers import wrong


@wrong("collapse", says="layer 1 acts first")
def collapse_in_reading_order(w1, b1, w2, b2):
    return w1 @ w2, w1 @ b2 + b1


@wrong("collapse", says="the first bias is missing")
def collapse_without_the_first_bias(w1, b1, w2, b2):
    return w2 @ w1, b2


@wrong("collapse", says="the second bias is missing")
def collapse_without_the_second_bias(w1, b1, w2, b2):
    return w2 @ w1, w2 @ b1


@wrong("collapse", says="the bias is a column")
def collapse_with_a_column(w1, b1, w2, b2):
    return w2 @ w1, w2 @ b1.unsqueeze(1) + b2.unsqueeze(1)


@wrong("collapse", says="do not meet")
def collapse_adding_the_biases(w1, b1, w2, b2):
    return w2 @ w1, b1 + b2


@wrong("collapse", says="lies on its side")
def collapse_transposed(w1, b1, w2, b2):
    return (w2 @ w1).T, w2 @ b1 + b2


@wrong("collapse", says="return two things")
def collapse_weight_only(w1, b1, w2, b2):
    return w2 @ w1


@wrong("collapse", says="do not meet")
def collapse_elementwise(w1, b1, w2, b2):
    return w2 * w1, w2 @ b1 + b2


@wrong("collapse", says="expected dtype")
def collapse_in_float32(w1, b1, w2, b2):
    w1, b1, w2, b2 = (part.float() for part in (w1, b1, w2, b2))
    return w2 @ w1, w2 @ b1 + b2


@wrong("collapse", says="changed its input")
def collapse_into_the_bias(w1, b1, w2, b2):
    b2 += w2 @ b1
    return w2 @ w1, b2


@wrong("swish_slope", says="chain rule adds a factor")
def swish_slope_without_the_inner_slope(x, beta):
    s = torch.sigmoid(beta * x)
    return s + x * s * (1 - s)


@wrong("swish_slope", says="that is SiLU's derivative")
def swish_slope_without_beta(x, beta):
    s = torch.sigmoid(x)
    return s + x * s * (1 - s)


@wrong("swish_slope", says="one part of two")
def swish_slope_of_the_sigmoid(x, beta):
    s = torch.sigmoid(beta * x)
    return beta * s * (1 - s)


@wrong("swish_slope", says="one part of the product rule is missing: x")
def swish_slope_half_a_product_rule(x, beta):
    s = torch.sigmoid(beta * x)
    return x * beta * s * (1 - s)


@wrong("swish_slope", says="swish itself")
def swish_slope_is_swish(x, beta):
    return x * torch.sigmoid(beta * x)


@wrong("swish_slope", says="`nan`s")
def swish_slope_by_exponentials(x, beta):
    grown = (beta * x).exp()
    return grown * (1 + grown + beta * x) / (1 + grown) ** 2


@wrong("swish_slope", says="x does not require gradients")
def swish_slope_by_autograd(x, beta):
    return torch.autograd.grad((x * torch.sigmoid(beta * x)).sum(), x)[0]


@wrong("swish_slope", says="expected dtype")
def swish_slope_in_float32(x, beta):
    s = torch.sigmoid(beta * x.float())
    return s + x.float() * beta * s * (1 - s)


@wrong("dead_by_layer", says="ever do")
def dead_for_any_input(model, inputs):
    x, counts = inputs, []
    for module in model:
        x = module(x)
        if isinstance(module, nn.ReLU):
            counts.append((x == 0).any(dim=0).sum().item())
    return counts


@wrong("dead_by_layer", says="go over the inputs, dimension 0")
def dead_inputs(model, inputs):
    x, counts = inputs, []
    for module in model:
        x = module(x)
        if isinstance(module, nn.ReLU):
            counts.append((x == 0).all(dim=1).sum().item())
    return counts


@wrong("dead_by_layer", says="every single 0")
def dead_zeros(model, inputs):
    x, counts = inputs, []
    for module in model:
        x = module(x)
        if isinstance(module, nn.ReLU):
            counts.append((x == 0).sum().item())
    return counts


@wrong("dead_by_layer", says="exactly 0 counts")
def dead_below_zero(model, inputs):
    x, counts = inputs, []
    for module in model:
        if isinstance(module, nn.ReLU):
            counts.append((x < 0).all(dim=0).sum().item())
        x = module(x)
    return counts


@wrong("dead_by_layer", says="not other activations")
def dead_after_every_activation(model, inputs):
    x, counts = inputs, []
    for module in model[:-1]:
        x = module(x)
        if not isinstance(module, nn.Linear):
            counts.append((x <= 0).all(dim=0).sum().item())
    return counts


@wrong("dead_by_layer", says="only the first")
def dead_in_the_first(model, inputs):
    x, counts = inputs, []
    for module in model:
        x = module(x)
        if isinstance(module, nn.ReLU):
            counts.append((x == 0).all(dim=0).sum().item())
    return counts[:1]


@wrong("dead_by_layer", says="return a list")
def dead_in_all(model, inputs):
    x, count = inputs, 0
    for module in model:
        x = module(x)
        if isinstance(module, nn.ReLU):
            count += (x == 0).all(dim=0).sum().item()
    return count


@wrong("dead_by_layer", says="Python ints")
def dead_as_tensors(model, inputs):
    x, counts = inputs, []
    for module in model:
        x = module(x)
        if isinstance(module, nn.ReLU):
            counts.append((x == 0).all(dim=0).sum())
    return counts


@wrong("weight_std", says="that is the variance")
def weight_variance(activation, n):
    return 1 / (n * activation(torch.randn(1_000_000)).pow(2).mean().item())


@wrong("weight_std", says="the 2 belongs to ReLU alone")
def weight_std_of_kaiming(activation, n):
    return (2 / n) ** 0.5


@wrong("weight_std", says="the activation is missing")
def weight_std_without_activation(activation, n):
    return (1 / n) ** 0.5


@wrong("weight_std", says="you took the variance of the outputs")
def weight_std_by_the_spread(activation, n):
    return 1 / (n**0.5 * activation(torch.randn(1_000_000)).std().item())


@wrong("weight_std", says="square first")
def weight_std_by_the_mean(activation, n):
    return 1 / (n**0.5 * activation(torch.randn(1_000_000)).mean().item())


@wrong("weight_std", says="number of inputs is missing")
def weight_std_without_n(activation, n):
    return 1 / activation(torch.randn(1_000_000)).pow(2).mean().item() ** 0.5


@wrong("weight_std", says="got a tensor")
def weight_std_as_tensor(activation, n):
    return 1 / (n * activation(torch.randn(1_000_000)).pow(2).mean()).sqrt()


@wrong("dead_by_layer", says="a ReLU's output is never below 0")
def dead_by_layer_below_zero(model, inputs):
    counts, x = [], inputs
    with torch.no_grad():
        for module in model:
            x = module(x)
            if isinstance(module, nn.ReLU):
                counts.append(int((x < 0).all(dim=0).sum()))
    return counts


@wrong("swish_slope", says="without autograd")
def slope_by_autograd(x, beta):
    leaf = x.clone().requires_grad_()
    with torch.enable_grad():
        (leaf * (beta * leaf).sigmoid()).sum().backward()
    return leaf.grad


@wrong("dead_by_layer", says="counts too, as 0")
def leaves_out_layers_without_dead_units(model, inputs):
    counts = []
    for module in model:
        inputs = module(inputs)
        if isinstance(module, nn.ReLU):
            counts.append(int((inputs == 0).all(dim=0).sum()))
    return [count for count in counts if count]


@wrong("dead_by_layer", says="may stand in two places")
def counts_a_repeated_module_once(model, inputs):
    counts = {}
    for module in model:
        inputs = module(inputs)
        if isinstance(module, nn.ReLU):
            counts[module] = int((inputs == 0).all(dim=0).sum())
    return list(counts.values())


def _exact_std(activation, n):
    z = torch.linspace(-9, 9, 20_001)
    bell = (-z * z / 2).exp() / math.sqrt(2 * math.pi)
    return 1 / math.sqrt(n * torch.trapezoid(activation(z) ** 2 * bell, z).item())


@wrong("weight_std", says="1.5% off; within 1% is asked")
def one_and_a_half_percent_off(activation, n):
    return 1.015 * _exact_std(activation, n)


@wrong("weight_std", says="from call to call; draw more numbers")
def too_few_draws(activation, n):
    too_few_draws.calls += 1
    return _exact_std(activation, n) * (1.04, 0.97, 1.02, 0.98)[too_few_draws.calls % 4]


too_few_draws.calls = 0


@wrong("swish_slope", says="without autograd")
def slope_forwards(x, beta):
    def swish(x):
        return x * torch.sigmoid(beta * x)

    return torch.func.jvp(swish, (x,), (torch.ones_like(x),))[1]


def _swish_slope(x, beta):
    s = torch.sigmoid(beta * x)
    return s + beta * x * s * (1 - s)


@wrong("swish_slope", says="values differ")
def slope_of_a_positive_beta(x, beta):
    return _swish_slope(x, abs(beta))


@wrong("swish_slope", says="values differ")
def flat_far_from_zero(x, beta):
    return torch.where(x.abs() > 10, (x > 0).to(x.dtype), _swish_slope(x, beta))


def _count(model, x, count):
    counts = []
    for place, module in enumerate(model):
        x = module(x)
        if isinstance(module, nn.ReLU):
            counts += count(place, x)
    return counts


@wrong("dead_by_layer", says="expected")
def dead_in_the_mean(model, inputs):
    return _count(model, inputs, lambda _, x: [(x.mean(dim=0) < 0.01).sum().item()])


@wrong("dead_by_layer", says="expected")
def dead_for_the_first_inputs(model, inputs):
    return _count(model, inputs[:-1], lambda _, x: [(x == 0).all(dim=0).sum().item()])


@wrong("dead_by_layer", says="numbers, but the model has nn.ReLU")
def each_second_module(model, inputs):
    return _count(model, inputs, lambda i, x: [(x == 0).all(dim=0).sum().item()] * (i % 2))


@wrong("dead_by_layer", says="left gradients")
def dead_and_frozen(model, inputs):
    model.requires_grad_(False)
    return _count(model, inputs, lambda _, x: [(x == 0).all(dim=0).sum().item()])


@wrong("dead_by_layer", says="return a list, not a tuple")
def dead_in_a_tuple(model, inputs):
    return tuple(_count(model, inputs, lambda _, x: [(x == 0).all(dim=0).sum().item()]))


@wrong("weight_std", says="not by one more or less")
def an_input_for_the_bias(activation, n):
    return 1 / ((n + 1) * activation(torch.randn(1_000_000)).square().mean().item()) ** 0.5
