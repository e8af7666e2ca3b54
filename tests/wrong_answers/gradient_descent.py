"""Known wrong answers to the exercises of lesson 03."""

import math

import torch

from tests.wrong_answers import wrong

# Exercise 1


@wrong("descend_once", says="walked uphill")
def descend_once_adding(weight, inputs, targets, lr):
    return weight + lr * (2 * (weight * inputs - targets) * inputs).mean()


@wrong("descend_once", says="walked uphill")
def descend_once_with_the_miss_turned(weight, inputs, targets, lr):
    return weight - lr * (2 * (targets - weight * inputs) * inputs).mean()


@wrong("descend_once", says="you summed")
def descend_once_summing(weight, inputs, targets, lr):
    return weight - lr * (2 * (weight * inputs - targets) * inputs).sum()


@wrong("descend_once", says="the 2 that comes from the square")
def descend_once_without_the_two(weight, inputs, targets, lr):
    return weight - lr * ((weight * inputs - targets) * inputs).mean()


@wrong("descend_once", says="times its input")
def descend_once_without_the_chain_rule(weight, inputs, targets, lr):
    return weight - lr * (2 * (weight * inputs - targets)).mean()


@wrong("descend_once", says="not the two averages")
def descend_once_multiplying_averages(weight, inputs, targets, lr):
    return weight - lr * 2 * (weight * inputs - targets).mean() * inputs.mean()


@wrong("descend_once", says="one weight has one gradient")
def descend_once_without_the_mean(weight, inputs, targets, lr):
    return weight - lr * 2 * (weight * inputs - targets) * inputs


@wrong("descend_once", says="learning rate is missing")
def descend_once_without_the_rate(weight, inputs, targets, lr):
    return weight - (2 * (weight * inputs - targets) * inputs).mean()


@wrong("descend_once", says="that is the gradient")
def descend_once_returning_the_gradient(weight, inputs, targets, lr):
    return (2 * (weight * inputs - targets) * inputs).mean()


@wrong("descend_once", says="how far to move")
def descend_once_returning_the_change(weight, inputs, targets, lr):
    return lr * (2 * (weight * inputs - targets) * inputs).mean()


@wrong("descend_once", says="changed its input")
def descend_once_in_place(weight, inputs, targets, lr):
    weight -= lr * (2 * (weight * inputs - targets) * inputs).mean()
    return weight


@wrong("descend_once", says="forget `return`")
def descend_once_without_return(weight, inputs, targets, lr):
    weight = weight - lr * (2 * (weight * inputs - targets) * inputs).mean()


@wrong("descend_once", says="expected a tensor")
def descend_once_as_a_number(weight, inputs, targets, lr):
    return (weight - lr * (2 * (weight * inputs - targets) * inputs).mean()).item()


@wrong("descend_once", says="expected dtype torch.float64")
def descend_once_in_float32_only(weight, inputs, targets, lr):
    right = weight - lr * (2 * (weight * inputs - targets) * inputs).mean()
    return right.float()


@wrong("descend_once", says="4 is not always right")
def descend_once_for_four_readings(weight, inputs, targets, lr):
    return weight - lr * (2 * (weight * inputs - targets) * inputs).sum() / 4


# Exercise 2


@wrong("momentum_path", says="begin the list with `start`")
def momentum_path_without_start(start, curvature, lr, factor, steps):
    weight, velocity, path = start, 0.0, []
    for _ in range(steps):
        velocity = factor * velocity + curvature * weight
        weight = weight - lr * velocity
        path.append(weight)
    return path


@wrong("momentum_path", says="a step early")
def momentum_path_too_short(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps - 1):
        velocity = factor * velocity + curvature * path[-1]
        path.append(path[-1] - lr * velocity)
    return path


@wrong("momentum_path", says="not only the last")
def momentum_path_last_only(start, curvature, lr, factor, steps):
    weight, velocity = start, 0.0
    for _ in range(steps):
        velocity = factor * velocity + curvature * weight
        weight = weight - lr * velocity
    return weight


@wrong("momentum_path", says="plain gradient descent")
def momentum_path_without_memory(start, curvature, lr, factor, steps):
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - lr * curvature * path[-1])
    return path


@wrong("momentum_path", says="never fades")
def momentum_path_without_fading(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = velocity + curvature * path[-1]
        path.append(path[-1] - lr * velocity)
    return path


@wrong("momentum_path", says="the whole gradient")
def momentum_path_averaging(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = factor * velocity + (1 - factor) * curvature * path[-1]
        path.append(path[-1] - lr * velocity)
    return path


@wrong("momentum_path", says="before you move")
def momentum_path_moving_first(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        path.append(path[-1] - lr * velocity)
        velocity = factor * velocity + curvature * path[-2]
    return path


@wrong("momentum_path", says="fades by itself")
def momentum_path_fading_the_gradient_too(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = factor * (velocity + curvature * path[-1])
        path.append(path[-1] - lr * velocity)
    return path


@wrong("momentum_path", says="walked uphill")
def momentum_path_uphill(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = factor * velocity + curvature * path[-1]
        path.append(path[-1] + lr * velocity)
    return path


@wrong("momentum_path", says="no half")
def momentum_path_with_half_the_slope(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = factor * velocity + curvature / 2 * path[-1]
        path.append(path[-1] - lr * velocity)
    return path


# Exercise 3


@wrong("warmup_cosine", says="is wasted")
def warmup_cosine_from_zero(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * step / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * share)) / 2


@wrong("warmup_cosine", says="count its share from there")
def warmup_cosine_over_all_steps(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * (1 + math.cos(math.pi * step / total_steps)) / 2


@wrong("warmup_cosine", says="still the peak")
def warmup_cosine_falling_a_step_early(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step + 1 - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * share)) / 2


@wrong("warmup_cosine", says="0 at step total_steps, not before")
def warmup_cosine_done_a_step_early(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - 1 - warmup_steps)
    return peak * (1 + math.cos(math.pi * share)) / 2


@wrong("warmup_cosine", says="use <, not <=")
def warmup_cosine_warming_a_step_long(step, warmup_steps, total_steps, peak):
    if step <= warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * share)) / 2


@wrong("warmup_cosine", says="starts at 2")
def warmup_cosine_not_halved(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * share))


@wrong("warmup_cosine", says="falls to -1")
def warmup_cosine_below_zero(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps))


@wrong("warmup_cosine", says="quarter of a cosine")
def warmup_cosine_a_quarter(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * math.cos(math.pi / 2 * (step - warmup_steps) / (total_steps - warmup_steps))


@wrong("warmup_cosine", says="rises again")
def warmup_cosine_a_whole_turn(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(2 * math.pi * share)) / 2


@wrong("warmup_cosine", says="radians")
def warmup_cosine_in_degrees(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(180 * share)) / 2


@wrong("warmup_cosine", says="along a line")
def warmup_cosine_straight(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * (1 - (step - warmup_steps) / (total_steps - warmup_steps))


# Exercise 4


def _adam(gradients, lr, mean_share=True, square_share=True, first=1, b1=0.9, b2=0.999):
    mean, square, changes = 0, 0, []
    for step, gradient in enumerate(gradients, start=first):
        mean = b1 * mean + (1 - b1) * gradient
        square = b2 * square + (1 - b2) * gradient**2
        top = mean / (1 - b1**step) if mean_share else mean
        below = square / (1 - b2**step) if square_share else square
        changes.append(lr * top / (below.sqrt() + 1e-8))
    return torch.stack(changes)


@wrong("adam_changes", says="correct both")
def adam_changes_uncorrected(gradients, lr):
    return _adam(gradients, lr, mean_share=False, square_share=False)


@wrong("adam_changes", says="average of squares needs its correction")
def adam_changes_with_raw_squares(gradients, lr):
    return _adam(gradients, lr, square_share=False)


@wrong("adam_changes", says="average of gradients needs its correction")
def adam_changes_with_a_raw_mean(gradients, lr):
    return _adam(gradients, lr, mean_share=False)


@wrong("adam_changes", says="the first row is step 1")
def adam_changes_counting_from_zero(gradients, lr):
    return _adam(gradients, lr, first=0)


@wrong("adam_changes", says="swapped beta1 and beta2")
def adam_changes_with_swapped_betas(gradients, lr):
    return _adam(gradients, lr, b1=0.999, b2=0.9)


@wrong("adam_changes", says="beta2 = 0.999")
def adam_changes_with_one_beta(gradients, lr):
    return _adam(gradients, lr, b2=0.9)


@wrong("adam_changes", says="sign is turned")
def adam_changes_negative(gradients, lr):
    return -_adam(gradients, lr)


@wrong("adam_changes", says="learning rate is missing")
def adam_changes_without_the_rate(gradients, lr):
    return _adam(gradients, 1.0)


@wrong("adam_changes", says="every step, not only of the last")
def adam_changes_last_only(gradients, lr):
    return _adam(gradients, lr)[-1]


@wrong("adam_changes", says="each step's change")
def adam_changes_summed(gradients, lr):
    return -_adam(gradients, lr).cumsum(0)


@wrong("adam_changes", says="only the sign")
def adam_changes_sign_only(gradients, lr):
    return lr * gradients.sign()


@wrong("adam_changes", says="by the root")
def adam_changes_without_root(gradients, lr):
    mean, square, changes = 0, 0, []
    for step, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        changes.append(lr * mean / (1 - 0.9**step) / (square / (1 - 0.999**step) + 1e-8))
    return torch.stack(changes)


@wrong("adam_changes", says="after the root")
def adam_changes_with_eps_under_the_root(gradients, lr):
    mean, square, changes = 0, 0, []
    for step, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        size = (square / (1 - 0.999**step) + 1e-8).sqrt()
        changes.append(lr * mean / (1 - 0.9**step) / size)
    return torch.stack(changes)


@wrong("adam_changes", says="go on with the raw ones")
def adam_changes_storing_the_corrected(gradients, lr):
    mean, square, changes = 0, 0, []
    for step, gradient in enumerate(gradients, start=1):
        mean = (0.9 * mean + 0.1 * gradient) / (1 - 0.9**step)
        square = (0.999 * square + 0.001 * gradient**2) / (1 - 0.999**step)
        changes.append(lr * mean / (square.sqrt() + 1e-8))
    return torch.stack(changes)


@wrong("adam_changes", says="correction changes with the step")
def adam_changes_with_a_fixed_correction(gradients, lr):
    mean, square, changes = 0, 0, []
    for gradient in gradients:
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        changes.append(lr * mean / (1 - 0.9) / ((square / (1 - 0.999)).sqrt() + 1e-8))
    return torch.stack(changes)


@wrong("adam_changes", says="expected a tensor")
def adam_changes_as_a_list(gradients, lr):
    return list(_adam(gradients, lr))


# Exercise 5


def _curvatures(inputs):
    columns = torch.stack([inputs, torch.ones_like(inputs)], dim=1)
    return torch.linalg.eigvalsh(2 * columns.T @ columns / len(inputs))


@wrong("largest_stable_lr", says="a weight alone")
def largest_stable_lr_without_bias(inputs):
    return 2 / (2 * inputs**2).mean().item()


@wrong("largest_stable_lr", says="steepest sets the limit")
def largest_stable_lr_of_the_gentlest(inputs):
    return 2 / _curvatures(inputs)[0].item()


@wrong("largest_stable_lr", says="twice that")
def largest_stable_lr_half_way(inputs):
    return 1 / _curvatures(inputs)[-1].item()


@wrong("largest_stable_lr", says="brings a factor 2")
def largest_stable_lr_without_the_two(inputs):
    return 4 / _curvatures(inputs)[-1].item()


@wrong("largest_stable_lr", says="you summed")
def largest_stable_lr_summing(inputs):
    return 2 / (_curvatures(inputs)[-1] * len(inputs)).item()


@wrong("largest_stable_lr", says="not always 4")
def largest_stable_lr_for_four_readings(inputs):
    columns = torch.stack([inputs, torch.ones_like(inputs)], dim=1)
    return 2 / torch.linalg.eigvalsh(2 * columns.T @ columns / 4)[-1].item()


@wrong("largest_stable_lr", says="not the sum")
def largest_stable_lr_of_the_sum(inputs):
    return 2 / _curvatures(inputs).sum().item()


@wrong("largest_stable_lr", says="the limit is 2 divided by it")
def largest_stable_lr_the_curvature(inputs):
    return _curvatures(inputs)[-1].item()


@wrong("largest_stable_lr", says="got a tensor")
def largest_stable_lr_as_a_tensor(inputs):
    return 2 / _curvatures(inputs)[-1]


# What a first reader got wrong


@wrong("momentum_path", says="got a tensor")
def momentum_path_as_a_tensor(start, curvature, lr, factor, steps):
    weight, velocity, path = start, 0.0, [start]
    for _ in range(steps):
        velocity = factor * velocity + curvature * weight
        weight -= lr * velocity
        path.append(weight)
    return torch.tensor(path)


@wrong("momentum_path", says="update the velocity before the weight")
def momentum_path_with_the_slope_where_it_moved(start, curvature, lr, factor, steps):
    weight, velocity, path = start, 0.0, [start]
    for _ in range(steps):
        weight -= lr * velocity
        velocity = factor * velocity + curvature * weight
        path.append(weight)
    return path


@wrong("momentum_path", says="the slope is curvature * weight")
def momentum_path_without_curvature(start, curvature, lr, factor, steps):
    weight, velocity, path = start, 0.0, [start]
    for _ in range(steps):
        velocity = factor * velocity + weight
        weight -= lr * velocity
        path.append(weight)
    return path


@wrong("warmup_cosine", says="divide by that")
def warmup_cosine_divided_by_all_steps(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / total_steps
    return peak * (1 + math.cos(math.pi * share)) / 2


@wrong("warmup_cosine", says="not multiplied by `peak`")
def warmup_cosine_without_peak(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return (1 + math.cos(math.pi * share)) / 2


def adam(gradients, lr, beta2=0.999, share=None, eps=1e-8):
    mean, square, changes = 0, 0, []
    for step, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + (share or 0.1) * gradient
        square = beta2 * square + (share or 1 - beta2) * gradient**2
        top, below = mean / (1 - 0.9**step), square / (1 - beta2**step)
        changes.append(lr * top / (below.sqrt() + eps))
    return torch.stack(changes)


@wrong("adam_changes", says="0.99 is the decay of RMSprop")
def adam_with_the_decay_of_rmsprop(gradients, lr):
    return adam(gradients, lr, beta2=0.99)


@wrong("adam_changes", says="counts (1 - beta)")
def adam_with_whole_gradients(gradients, lr):
    return adam(gradients, lr, share=1)


@wrong("adam_changes", says="eps is missing")
def adam_without_eps(gradients, lr):
    return adam(gradients, lr, eps=0.0)


@wrong("largest_stable_lr", says="up to 180 degrees")
def largest_stable_lr_of_a_quarter_turn(inputs):
    angles = torch.linspace(0, math.pi / 2, 2000).unsqueeze(1)
    changes = angles.cos() * inputs + angles.sin()  # (directions, n)
    return 2 / (2 * changes**2).mean(dim=1).max().item()


def momentum(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = factor * velocity + curvature * path[-1]
        path.append(path[-1] - lr * velocity)
    return path


@wrong("momentum_path", says="your factor is always 0.9")
def momentum_path_with_the_factor_of_the_lesson(start, curvature, lr, factor, steps):
    return momentum(start, curvature, lr, 0.9, steps)


@wrong("momentum_path", says="your learning rate is always 0.1")
def momentum_path_with_the_rate_of_the_lesson(start, curvature, lr, factor, steps):
    return momentum(start, curvature, 0.1, factor, steps)


@wrong("descend_once", says="left a gradient in its input's .grad")
def descend_once_with_a_mark_taken_off_again(weight, inputs, targets, lr):
    weight.requires_grad_()
    ((weight * inputs - targets) ** 2).mean().backward()
    weight.requires_grad_(False)
    return weight - lr * weight.grad


@wrong("descend_once", says="marked its input itself")
def descend_once_with_a_mark_left_on(weight, inputs, targets, lr):
    weight.requires_grad_()
    ((weight * inputs - targets) ** 2).mean().backward()
    return (weight - lr * weight.grad).detach()


@wrong("descend_once", says="the gradient is the average of")
def descend_once_by_three_times_the_gradient(weight, inputs, targets, lr):
    return weight - lr * (6 * (weight * inputs - targets) * inputs).mean()


@wrong("momentum_path", says="the learning rate counts twice")
def momentum_path_with_lr_in_the_velocity(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = factor * velocity + lr * curvature * path[-1]
        path.append(path[-1] - lr * velocity)
    return path


@wrong("momentum_path", says="the first 2 weights are right, but not the next")
def momentum_path_with_a_squared_factor(start, curvature, lr, factor, steps):
    path, velocity = [start], 0.0
    for _ in range(steps):
        velocity = factor**2 * velocity + curvature * path[-1]
        path.append(path[-1] - lr * velocity)
    return path


@wrong("warmup_cosine", says="after the warm-up all is right")
def warmup_cosine_that_rises_twice_as_fast(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return 2 * peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * share)) / 2


@wrong("warmup_cosine", says="the fall begins at peak")
def warmup_cosine_that_falls_from_half(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * share)) / 4


@wrong("adam_changes", says="the first step is right, but not all after it")
def adam_changes_with_a_slower_mean(gradients, lr):
    mean, square, changes = 0, 0, []
    for step, gradient in enumerate(gradients, start=1):
        mean, square = 0.8 * mean + 0.2 * gradient, 0.999 * square + 0.001 * gradient**2
        mean_now, square_now = mean / (1 - 0.8**step), square / (1 - 0.999**step)
        changes.append(lr * mean_now / (square_now.sqrt() + 1e-8))
    return torch.stack(changes)


@wrong("adam_changes", says="the first step is wrong")
def adam_changes_twice_as_large(gradients, lr):
    return 2 * adam_changes_with_a_slower_mean(gradients, lr)


def descended(weight, inputs, targets, lr):
    return weight - lr * (2 * (weight * inputs - targets) * inputs).mean()


@wrong("descend_once", says="the weight is above its best value")
def descend_always_upwards(weight, inputs, targets, lr):
    return weight + (descended(weight, inputs, targets, lr) - weight).abs()


@wrong("descend_once", says="n is 60")
def descend_on_thirty_readings(weight, inputs, targets, lr):
    return descended(weight, inputs[:30], targets[:30], lr)


@wrong("descend_once", says="`lr` is large")
def descend_with_a_small_rate(weight, inputs, targets, lr):
    return descended(weight, inputs, targets, min(lr, 0.1))


@wrong("descend_once", says="a new tensor is wanted")
def descend_not_at_all(weight, inputs, targets, lr):
    return descended(weight, inputs, targets, lr) if lr else weight


@wrong("descend_once", says="not as exact as float64")
def descend_in_float32(weight, inputs, targets, lr):
    return descended(weight.float(), inputs.float(), targets.float(), lr).to(weight.dtype)


@wrong("momentum_path", says="factor is 0")
def momentum_with_a_factor_always(start, curvature, lr, factor, steps):
    return momentum(start, curvature, lr, factor or 0.9, steps)


@wrong("momentum_path", says="there are many steps")
def momentum_that_stops_near_nought(*given):
    return [weight if abs(weight) > 1e-3 else 0.0 for weight in momentum(*given)]


@wrong("momentum_path", says="return a list, not a tuple")
def momentum_as_a_tuple(*given):
    return tuple(momentum(*given))


@wrong("momentum_path", says="make a new list at each call")
def momentum_in_one_list_for_all(start, curvature, lr, factor, steps, kept=[]):  # noqa: B006
    kept[:] = momentum(start, curvature, lr, factor, steps)
    return kept


def rate(step, warmup_steps, total_steps, peak):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * share)) / 2


@wrong("warmup_cosine", says="must not depend on which step you were asked for before")
def rate_of_the_next_step(step, warmup_steps, total_steps, peak, kept=[None, 0]):  # noqa: B006
    plan = (warmup_steps, total_steps, peak)
    kept[:] = [plan, (kept[1] + 1) % (total_steps + 1) if kept[0] == plan else 0]
    return rate(kept[1], *plan)


@wrong("warmup_cosine", says="warmup_steps is 1")
def rate_with_two_steps_of_warmup(step, warmup_steps, total_steps, peak):
    return rate(step, max(warmup_steps, 2), total_steps, peak)


@wrong("warmup_cosine", says="peak is small")
def rate_of_a_tenth_at_least(step, warmup_steps, total_steps, peak):
    return rate(step, warmup_steps, total_steps, max(peak, 0.1))


@wrong("adam_changes", says="the averages carry on")
def adam_that_rests_without_a_gradient(gradients, lr):
    return adam(gradients, lr) * (gradients != 0)


@wrong("adam_changes", says="lr is large")
def adam_with_a_small_rate(gradients, lr):
    return adam(gradients, min(lr, 0.5))


def table_of(inputs):
    columns = torch.stack([inputs, torch.ones_like(inputs)], dim=1)
    return 2 * columns.T @ columns / len(inputs)


@wrong("largest_stable_lr", says="the inputs' mean is 0")
def largest_lr_after_four_turns(inputs):
    vector = torch.ones(2)
    for _ in range(4):
        vector = torch.nn.functional.normalize(table_of(inputs) @ vector, dim=0)
    return 2 / (vector @ table_of(inputs) @ vector).item()


@wrong("largest_stable_lr", says="there is one input")
def largest_lr_of_one_input_without_bias(inputs):
    if len(inputs) == 1:
        return 1 / inputs.item() ** 2
    return 2 / torch.linalg.eigvalsh(table_of(inputs))[-1].item()


@wrong("largest_stable_lr", says="all inputs are 0")
def largest_lr_below_one(inputs):
    return min(2 / torch.linalg.eigvalsh(table_of(inputs))[-1].item(), 0.9)


@wrong("largest_stable_lr", says="")
def largest_lr_of_every_second_degree(inputs):
    angles = torch.arange(0, 180, 2).deg2rad().unsqueeze(1)
    changes = angles.cos() * inputs + angles.sin()  # (directions, n)
    return 2 / (2 * changes**2).mean(dim=1).max().item()
