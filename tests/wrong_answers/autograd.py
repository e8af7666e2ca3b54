"""Known wrong answers to the exercises of lesson 02."""

import torch

from tests.wrong_answers import wrong


@wrong("slopes", says="heights, not its slopes")
def slopes_that_are_heights(curve, points):
    return curve(points)


@wrong("slopes", says="divided by their number")
def slopes_of_the_mean(curve, points):
    x = points.clone().requires_grad_()
    curve(x).mean().backward()
    return x.grad


@wrong("slopes", says="one for each point")
def slopes_added_up(curve, points):
    x = points.clone().requires_grad_()
    curve(x).sum().backward()
    return x.grad.sum()


@wrong("slopes", says="without clearing")
def slopes_accumulated(curve, points):
    x = points.clone().requires_grad_()
    for _ in points:
        curve(x).sum().backward()
    return x.grad


@wrong("slopes", says="nudged the points")
def slopes_by_nudging(curve, points):
    return (curve(points + 1e-3) - curve(points)) / 1e-3


@wrong("slopes", says="nudged the points")
def slopes_by_careful_nudging(curve, points):
    x = points.double() if points.device.type != "mps" else points
    return ((curve(x + 1e-6) - curve(x - 1e-6)) / 2e-6).to(points.dtype)


@wrong("slopes", says="mark a copy of the input")
def slopes_of_unmarked_points(curve, points):
    curve(points).sum().backward()
    return points.grad


@wrong("slopes", says="backward() starts from one number")
def slopes_without_a_sum(curve, points):
    x = points.clone().requires_grad_()
    curve(x).backward()
    return x.grad


@wrong("slopes", says="expected dtype torch.float64")
def slopes_in_float32_only(curve, points):
    x = torch.tensor(points.tolist(), requires_grad=True, device=points.device)
    curve(x).sum().backward()
    return x.grad


@wrong("slopes", says="did you forget `return`?")
def slopes_not_returned(curve, points):
    x = points.clone().requires_grad_()
    curve(x).sum().backward()


def height_and_slope(curve, x):
    x = x.clone().requires_grad_()
    height = curve(x)
    height.backward()
    return height.detach(), x.grad


@wrong("newton_step", says="mind the sign")
def newton_away_from_the_root(curve, x):
    height, slope = height_and_slope(curve, x)
    return x + height / slope


@wrong("newton_step", says="the other way round")
def newton_upside_down(curve, x):
    height, slope = height_and_slope(curve, x)
    return x - slope / height


@wrong("newton_step", says="subtracted the slope alone")
def newton_by_the_slope(curve, x):
    return x - height_and_slope(curve, x)[1]


@wrong("newton_step", says="subtracted the height alone")
def newton_by_the_height(curve, x):
    return x - curve(x)


@wrong("newton_step", says="still carries its graph")
def newton_with_its_graph(curve, x):
    x = x.clone().requires_grad_()
    height = curve(x)
    height.backward()
    return x - height / x.grad


@wrong("newton_step", says="changed its input")
def newton_in_place(curve, x):
    height, slope = height_and_slope(curve, x)
    x -= height / slope
    return x


@wrong("newton_step", says="got float")
def newton_as_a_float(curve, x):
    height, slope = height_and_slope(curve, x)
    return (x - height / slope).item()


@wrong("newton_step", says="ran more than once")
def newton_with_added_up_gradients(curve, x):
    x = x.clone().requires_grad_()
    curve(x).backward()
    height = curve(x)
    height.backward()
    return (x - height / x.grad).detach()


@wrong("weighted_error", says="the factors pass a gradient on")
def weighted_with_recorded_weights(guesses, truths):
    error = guesses - truths
    return (error.abs() * error**2).sum()


@wrong("weighted_error", says="cut the factor alone")
def weighted_with_detached_squares(guesses, truths):
    error = guesses - truths
    return (error.abs() * (error**2).detach()).sum()


@wrong("weighted_error", says="every path to it is cut")
def weighted_with_detached_error(guesses, truths):
    error = (guesses - truths).detach()
    return (error.abs() * error**2).sum()


@wrong("weighted_error", says="every path to it is cut")
def weighted_from_a_new_leaf(guesses, truths):
    guesses = guesses.detach().clone().requires_grad_()
    error = guesses - truths
    return (error.abs().detach() * error**2).sum()


@wrong("weighted_error", says="the gradient at guesses is not")
def weighted_with_a_gradient_of_zero(guesses, truths):
    error = (guesses - truths).detach()
    return (error.abs() * error**2).sum() + 0 * guesses.sum()


@wrong("weighted_error", says="cut the factor alone")
def weighted_with_half_the_square_detached(guesses, truths):
    error = guesses - truths
    factor = error.abs().detach()
    return (factor * error * error.detach()).sum()


@wrong("weighted_error", says="never negative")
def weighted_without_abs(guesses, truths):
    error = guesses - truths
    return (error.detach() * error**2).sum()


@wrong("weighted_error", says="that is the mean")
def weighted_mean(guesses, truths):
    error = guesses - truths
    return (error.abs().detach() * error**2).mean()


@wrong("weighted_error", says="times factor, once more error.abs()")
def weighted_without_weights(guesses, truths):
    return ((guesses - truths) ** 2).sum()


@wrong("weighted_error", says="one number")
def weighted_not_summed(guesses, truths):
    error = guesses - truths
    return error.abs().detach() * error**2


def gradients(inputs, w1, w2, grad_output, local=lambda z, hidden: 1 - hidden**2):
    z = inputs @ w1
    hidden = z.tanh()
    grad_hidden = grad_output @ w2.T
    return inputs.T @ (grad_hidden * local(z, hidden)), hidden.T @ grad_output


@wrong("two_layer_backward", says="the gradient passes tanh")
def two_layers_without_tanh(inputs, w1, w2, grad_output):
    return gradients(inputs, w1, w2, grad_output, lambda z, hidden: torch.ones_like(hidden))


@wrong("two_layer_backward", says="1 minus the square of its output")
def two_layers_with_tanh_twice(inputs, w1, w2, grad_output):
    return gradients(inputs, w1, w2, grad_output, lambda z, hidden: 1 - hidden.tanh() ** 2)


@wrong("two_layer_backward", says="1 minus the square of its output")
def two_layers_with_the_square_of_the_input(inputs, w1, w2, grad_output):
    return gradients(inputs, w1, w2, grad_output, lambda z, hidden: 1 - z**2)


@wrong("two_layer_backward", says="left grad_output out")
def two_layers_without_grad_output(inputs, w1, w2, grad_output):
    return gradients(inputs, w1, w2, torch.ones_like(grad_output))


@wrong("two_layer_backward", says="left grad_output out")
def two_layers_with_grad_output_in_one(inputs, w1, w2, grad_output):
    first, _ = gradients(inputs, w1, w2, grad_output)
    return first, gradients(inputs, w1, w2, torch.ones_like(grad_output))[1]


@wrong("two_layer_backward", says="wrong order")
def two_layers_swapped(inputs, w1, w2, grad_output):
    first, second = gradients(inputs, w1, w2, grad_output)
    return second, first


@wrong("two_layer_backward", says="transposed")
def two_layers_transposed(inputs, w1, w2, grad_output):
    first, second = gradients(inputs, w1, w2, grad_output)
    return first.T, second.T


@wrong("two_layer_backward", says="the shapes do not fit")
def two_layers_without_a_transpose(inputs, w1, w2, grad_output):
    hidden = (inputs @ w1).tanh()
    grad_hidden = grad_output @ w2
    return inputs.T @ (grad_hidden * (1 - hidden**2)), hidden.T @ grad_output


@wrong("two_layer_backward", says="without autograd")
def two_layers_by_autograd(inputs, w1, w2, grad_output):
    w1, w2 = w1.clone().requires_grad_(), w2.clone().requires_grad_()
    ((inputs @ w1).tanh() @ w2).backward(grad_output)
    return w1.grad, w2.grad


@wrong("two_layer_backward", says="after tanh")
def two_layers_with_w2_before_tanh(inputs, w1, w2, grad_output):
    first, _ = gradients(inputs, w1, w2, grad_output)
    return first, (inputs @ w1).T @ grad_output


@wrong("two_layer_backward", says="return two tensors")
def two_layers_with_one_gradient(inputs, w1, w2, grad_output):
    return gradients(inputs, w1, w2, grad_output)[0]


@wrong("slopes", says="marked its input itself")
def slopes_on_the_callers_own_tensor(curve, points):
    points.requires_grad_()
    curve(points).sum().backward()
    return points.grad


@wrong("newton_step", says="one step only")
def newton_until_it_arrives(curve, x):
    for _ in range(60):
        leaf = x.clone().requires_grad_()
        height = curve(leaf)
        height.backward()
        x = (leaf - height / leaf.grad).detach()
    return x


@wrong("slopes", says="never called `curve`")
def slopes_of_nothing(curve, points):
    return torch.ones_like(points)


@wrong("slopes", says="heights, not its slopes")
def slopes_that_are_detached_heights(curve, points):
    return curve(points).detach()


@wrong("slopes", says="left a gradient in its input's .grad")
def slopes_with_a_mark_taken_off_again(curve, points):
    points.requires_grad_()
    curve(points).sum().backward()
    points.requires_grad_(False)
    return points.grad.clone()


@wrong("slopes", says="as .grad is before backward() fills it")
def slopes_without_backward(curve, points):
    x = points.clone().requires_grad_()
    curve(x).sum()
    return x.grad


@wrong("newton_step", says="left a gradient in its input's .grad")
def newton_with_a_mark_taken_off_again(curve, x):
    x.requires_grad_()
    height = curve(x)
    height.backward()
    x.requires_grad_(False)
    return x - height.detach() / x.grad


@wrong("newton_step", says="a curve that falls has a slope below 0")
def newton_by_the_size_of_the_slope(curve, x):
    height, slope = height_and_slope(curve, x)
    return x - height / slope.abs()


@wrong("newton_step", says="a height below 0 stays below 0")
def newton_by_the_size_of_the_height(curve, x):
    height, slope = height_and_slope(curve, x)
    return x - height.abs() / slope


@wrong("newton_step", says="never called `curve`")
def newton_without_the_curve(curve, x):
    return x / 2


@wrong("weighted_error", says="leave backward() to the caller")
def weighted_and_walked_back(guesses, truths):
    error = guesses - truths
    total = (error.abs().detach() * error**2).sum()
    total.backward()
    return total


@wrong("weighted_error", says="its graph is used up; leave backward() to the caller")
def weighted_walked_back_and_cleared(guesses, truths):
    total = weighted_and_walked_back(guesses, truths)
    guesses.grad = None
    return total


@wrong("weighted_error", says="use a `with` block")
def weighted_with_gradients_off_for_good(guesses, truths):
    error = guesses - truths
    torch.set_grad_enabled(False)
    return (error.abs() * error**2).sum()


@wrong("newton_step", says="you multiplied height and slope")
def newton_step_that_multiplies(curve, x):
    marked = x.clone().requires_grad_()
    height = curve(marked)
    height.backward()
    return (marked - height * marked.grad).detach()


@wrong("newton_step", says="x moves by -height / slope")
def newton_step_that_goes_too_far(curve, x):
    marked = x.clone().requires_grad_()
    height = curve(marked)
    height.backward()
    return (marked - 3 * height / marked.grad).detach()


@wrong("weighted_error", says="times factor, once more error.abs()")
def weighted_error_of_the_size(guesses, truths):
    error = guesses - truths
    return (error.abs().detach() * error.abs()).sum()


@wrong("two_layer_backward", says="square it first")
def two_layer_backward_squaring_too_late(inputs, w1, w2, grad_output):
    hidden = (inputs @ w1).tanh()
    return inputs.T @ ((grad_output @ w2.T) * (1 - hidden) ** 2), hidden.T @ grad_output


@wrong("two_layer_backward", says="w1's gradient is right, but not w2's")
def two_layer_backward_halving_the_second(inputs, w1, w2, grad_output):
    hidden = (inputs @ w1).tanh()
    first = inputs.T @ ((grad_output @ w2.T) * (1 - hidden**2))
    return first, hidden.T @ grad_output / 2


def slopes_at(curve, points):
    x = points.detach().clone().requires_grad_()
    return torch.autograd.grad(curve(x).sum(), x)[0]


@wrong("slopes", says="wrong for one point")
def slopes_without_a_dimension_of_one(curve, points):
    return slopes_at(curve, points).squeeze()


@wrong("slopes", says="not as exact as float64")
def slopes_in_float32(curve, points):
    return slopes_at(curve, points.float()).to(points.dtype)


@wrong("slopes", says="you nudged the points")
def slopes_by_nudging_after_a_marked_call(curve, points):
    curve(points.detach().clone().requires_grad_())
    x = points.double()
    return ((curve(x + 1e-6) - curve(x - 1e-6)) / 2e-6).to(points.dtype)


@wrong("slopes", says="wrong where the curve is steep")
def slopes_with_a_limit(curve, points):
    return slopes_at(curve, points).clamp(-100, 100)


@wrong("slopes", says="wrong for 30 points")
def slopes_at_eight_points(curve, points):
    return slopes_at(curve, points[:8])


@wrong("newton_step", says="the slope is small")
def newton_with_a_slope_of_one_at_least(curve, x):
    slope = slopes_at(curve, x)
    return (x - curve(x) / (slope.sign() * slope.abs().clamp(min=1))).detach()


@wrong("newton_step", says="the slope is large")
def newton_with_a_slope_of_at_most_a_hundred(curve, x):
    return (x - curve(x) / slopes_at(curve, x).clamp(-100, 100)).detach()


@wrong("newton_step", says="not as exact as float64")
def newton_with_an_eps(curve, x):
    return (x - curve(x) / (slopes_at(curve, x) + 1e-4)).detach()


def weighted(guesses, truths):
    error = guesses - truths
    return (error.abs().detach() * error**2).sum()


@wrong("weighted_error", says="marked its input itself")
def error_that_marks_the_guesses(guesses, truths):
    return weighted(guesses.requires_grad_(), truths)


@wrong("weighted_error", says="takes the gradient away that its caller has")
def error_that_clears_the_gradient(guesses, truths):
    guesses.grad = None
    return weighted(guesses, truths)


@wrong("weighted_error", says="not as exact as float64")
def error_in_float32(guesses, truths):
    return weighted(guesses.float(), truths.float()).to(guesses.dtype)


@wrong("weighted_error", says="adds up to")
def error_of_eight_places(guesses, truths):
    return weighted(guesses[:8], truths[:8])


@wrong("weighted_error", says="adds up to")
def error_with_a_limit_of_the_factor(guesses, truths):
    error = guesses - truths
    return (error.abs().clamp(max=20).detach() * error**2).sum()


def both_gradients(inputs, w1, w2, grad_output):
    hidden = (inputs @ w1).tanh()
    return inputs.T @ ((grad_output @ w2.T) * (1 - hidden**2)), hidden.T @ grad_output


@wrong("two_layer_backward", says="do this one without autograd; your function uses it")
@torch.enable_grad()
def layers_by_a_graph(inputs, w1, w2, grad_output):
    w1, w2 = w1.clone().requires_grad_(), w2.clone().requires_grad_()
    return torch.autograd.grad((inputs @ w1).tanh() @ w2, (w1, w2), grad_output)


@wrong("two_layer_backward", says="do this one without autograd; your function uses it")
def layers_by_vjp(inputs, w1, w2, grad_output):
    return torch.func.vjp(lambda w1, w2: (inputs @ w1).tanh() @ w2, w1, w2)[1](grad_output)


@wrong("two_layer_backward", says="do this one without autograd; your function uses it")
def layers_forwards(inputs, w1, w2, grad_output):
    def total(w1, w2):
        return ((inputs @ w1).tanh() @ w2 * grad_output).sum()

    return torch.func.jacfwd(total, (0, 1))(w1, w2)


@wrong("two_layer_backward", says="not as exact as float64")
def layers_in_float32(inputs, w1, w2, grad_output):
    parts = (part.float() for part in (inputs, w1, w2, grad_output))
    return tuple(part.to(w1.dtype) for part in both_gradients(*parts))


@wrong("two_layer_backward", says="shape, (1, 1); yours has ()")
def layers_squeezed(inputs, w1, w2, grad_output):
    return tuple(part.squeeze() for part in both_gradients(inputs, w1, w2, grad_output))


@wrong("two_layer_backward", says="gradient")
def layers_of_six_rows(inputs, w1, w2, grad_output):
    return both_gradients(inputs[:6], w1, w2, grad_output[:6])
