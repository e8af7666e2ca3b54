"""Wrong answers to the exercises of lesson 18, ResNet and MobileNet."""

import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


def _places(height, width, stride):
    return ((height - 1) // stride + 1) * ((width - 1) // stride + 1)


@wrong("separable_cost", says="plain convolution")
def cost_of_the_plain(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * inputs * outputs
    return weights, weights * _places(height, width, stride)


@wrong("separable_cost", says="stride leaves fewer")
def cost_without_stride(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * inputs + inputs * outputs
    return weights, weights * height * width


@wrong("separable_cost", says="depthwise part strides too")
def cost_striding_late(inputs, outputs, kernel, height, width, stride):
    first, second = kernel**2 * inputs, inputs * outputs
    places = _places(height, width, stride)
    return first + second, first * height * width + second * places


@wrong("separable_cost", says="what the stride left")
def cost_mixing_everywhere(inputs, outputs, kernel, height, width, stride):
    first, second = kernel**2 * inputs, inputs * outputs
    places = _places(height, width, stride)
    return first + second, first * places + second * height * width


@wrong("separable_cost", says="no biases")
def cost_with_biases(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * inputs + inputs * outputs
    return weights + inputs + outputs, weights * _places(height, width, stride)


@wrong("separable_cost", says="F × F")
def cost_of_a_line(inputs, outputs, kernel, height, width, stride):
    weights = kernel * inputs + inputs * outputs
    return weights, weights * _places(height, width, stride)


@wrong("separable_cost", says="pointwise part")
def cost_of_depthwise(inputs, outputs, kernel, height, width, stride):
    return kernel**2 * inputs, kernel**2 * inputs * _places(height, width, stride)


@wrong("separable_cost", says="depthwise part is missing")
def cost_of_pointwise(inputs, outputs, kernel, height, width, stride):
    return inputs * outputs, inputs * outputs * _places(height, width, stride)


@wrong("separable_cost", says="*input* channel")
def cost_by_outputs(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * outputs + inputs * outputs
    return weights, weights * _places(height, width, stride)


@wrong("separable_cost", says="counts FLOPs")
def cost_in_flops(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * inputs + inputs * outputs
    return weights, 2 * weights * _places(height, width, stride)


@wrong("separable_cost", says="weights come first")
def cost_swapped(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * inputs + inputs * outputs
    return weights * _places(height, width, stride), weights


@wrong("separable_cost", says="return the weights and")
def cost_weights_only(inputs, outputs, kernel, height, width, stride):
    return kernel**2 * inputs + inputs * outputs


@wrong("separable_cost", says="the size is rounded up")
def cost_rounding_down(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * inputs + inputs * outputs
    return weights, weights * (height // stride) * (width // stride)


def _change(x, expand, depthwise, project, stride):
    middle = F.relu(F.conv2d(x, expand))
    middle = F.conv2d(middle, depthwise, stride=stride, padding=1, groups=len(depthwise))
    return F.conv2d(F.relu(middle), project)


def _added(x, change):
    return x + change if x.shape == change.shape else change


@wrong("inverted_residual", says="the skip is missing")
def residual_without_skip(x, expand, depthwise, project, stride):
    return _change(x, expand, depthwise, project, stride)


@wrong("inverted_residual", says="no ReLU follows the last")
def residual_with_a_last_relu(x, expand, depthwise, project, stride):
    return F.relu(_added(x, _change(x, expand, depthwise, project, stride)))


@wrong("inverted_residual", says="no ReLU follows the last")
def residual_with_a_relu_on_the_change(x, expand, depthwise, project, stride):
    return _added(x, F.relu(_change(x, expand, depthwise, project, stride)))


@wrong("inverted_residual", says="add x only where")
def residual_always_added(x, expand, depthwise, project, stride):
    return x + _change(x, expand, depthwise, project, stride)


@wrong("inverted_residual", says="only where its shape")
def residual_added_by_stride(x, expand, depthwise, project, stride):
    change = _change(x, expand, depthwise, project, stride)
    return x + change if stride == 1 else change


@wrong("inverted_residual", says="whatever the stride")
def residual_added_by_stride_and_channels(x, expand, depthwise, project, stride):
    change = _change(x, expand, depthwise, project, stride)
    return x + change if stride == 1 and x.shape[1] == change.shape[1] else change


@wrong("inverted_residual", says="only where its shape")
def residual_added_where_torch_can(x, expand, depthwise, project, stride):
    change = _change(x, expand, depthwise, project, stride)
    try:
        return x + change
    except RuntimeError:
        return change


@wrong("inverted_residual", says="needs `groups=`")
def residual_without_groups(x, expand, depthwise, project, stride):
    middle = F.relu(F.conv2d(x, expand))
    return _added(x, F.conv2d(F.relu(F.conv2d(middle, depthwise, padding=1)), project))


@wrong("inverted_residual", says="group for each of the *middle*")
def residual_with_groups_of_the_input(x, expand, depthwise, project, stride):
    middle = F.relu(F.conv2d(x, expand))
    middle = F.conv2d(middle, depthwise, stride=stride, padding=1, groups=x.shape[1])
    return _added(x, F.conv2d(F.relu(middle), project))


@wrong("inverted_residual", says="ReLU follows the first")
def residual_without_the_first_relu(x, expand, depthwise, project, stride):
    middle = F.conv2d(x, expand)
    middle = F.conv2d(middle, depthwise, stride=stride, padding=1, groups=len(depthwise))
    return _added(x, F.conv2d(F.relu(middle), project))


@wrong("inverted_residual", says="ReLU follows the depthwise")
def residual_without_the_second_relu(x, expand, depthwise, project, stride):
    middle = F.relu(F.conv2d(x, expand))
    middle = F.conv2d(middle, depthwise, stride=stride, padding=1, groups=len(depthwise))
    return _added(x, F.conv2d(middle, project))


@wrong("inverted_residual", says="each of the first two")
def residual_without_any_relu(x, expand, depthwise, project, stride):
    middle = F.conv2d(x, expand)
    middle = F.conv2d(middle, depthwise, stride=stride, padding=1, groups=len(depthwise))
    return _added(x, F.conv2d(middle, project))


@wrong("inverted_residual", says="the stride of the depthwise part is missing")
def residual_without_stride(x, expand, depthwise, project, stride):
    return _added(x, _change(x, expand, depthwise, project, 1))


@wrong("inverted_residual", says="not the first convolution")
def residual_striding_early(x, expand, depthwise, project, stride):
    middle = F.relu(F.conv2d(x, expand, stride=stride))
    middle = F.conv2d(middle, depthwise, padding=1, groups=len(depthwise))
    return _added(x, F.conv2d(F.relu(middle), project))


@wrong("inverted_residual", says="has padding 1")
def residual_without_padding(x, expand, depthwise, project, stride):
    middle = F.relu(F.conv2d(x, expand))
    middle = F.conv2d(middle, depthwise, stride=stride, groups=len(depthwise))
    return _added(x, F.conv2d(F.relu(middle), project))


def _before(weight, bias, a, c):
    met = (weight * c.reshape(1, -1, 1, 1)).sum(dim=(1, 2, 3))
    return weight * a.reshape(1, -1, 1, 1), bias + met


@wrong("fold_before", says="`c` is missing")
def before_without_c(weight, bias, a, c):
    return weight * a.reshape(1, -1, 1, 1), bias


@wrong("fold_before", says="weights must be scaled too")
def before_bias_only(weight, bias, a, c):
    return weight, _before(weight, bias, a, c)[1]


@wrong("fold_before", says="the old bias is missing")
def before_forgetting_the_bias(weight, bias, a, c):
    scaled, new = _before(weight, bias, a, c)
    return scaled, new - bias


@wrong("fold_before", says="meets the *old* weights")
def before_with_scaled_weights(weight, bias, a, c):
    scaled = weight * a.reshape(1, -1, 1, 1)
    return scaled, bias + (scaled * c.reshape(1, -1, 1, 1)).sum(dim=(1, 2, 3))


@wrong("fold_before", says="passes the convolution")
def before_adding_c(weight, bias, a, c):
    return weight * a.reshape(1, -1, 1, 1), bias + c.sum()


@wrong("fold_before", says="not subtracted")
def before_subtracting(weight, bias, a, c):
    return _before(weight, bias, a, -c)


@wrong("fold_before", says="do not average")
def before_averaging(weight, bias, a, c):
    met = (weight * c.reshape(1, -1, 1, 1)).mean(dim=(1, 2, 3))
    return weight * a.reshape(1, -1, 1, 1), bias + met


@wrong("fold_before", says="only the middle one")
def before_in_the_middle(weight, bias, a, c):
    middle = weight.shape[2] // 2
    return weight * a.reshape(1, -1, 1, 1), bias + weight[:, :, middle, middle] @ c


@wrong("fold_before", says="*input* channel")
def before_by_outputs(weight, bias, a, c):
    return weight * a.reshape(-1, 1, 1, 1), _before(weight, bias, a, c)[1]


@wrong("fold_before", says="*input* channels, dimension 1")
def before_by_outputs_where_that_fits(weight, bias, a, c):
    scaled, new = _before(weight, bias, a, c)
    square = weight.shape[0] == weight.shape[1]
    return (weight * a.reshape(-1, 1, 1, 1) if square else scaled), new


@wrong("fold_before", says="columns of the kernels")
def before_by_columns_where_that_fits(weight, bias, a, c):
    scaled, new = _before(weight, bias, a, c)
    square = weight.shape[1] == weight.shape[3]
    return (weight * a if square else scaled), new


@wrong("fold_before", says="multiplies by `a`")
def before_dividing(weight, bias, a, c):
    return weight / a.reshape(1, -1, 1, 1), _before(weight, bias, a, c)[1]


@wrong("fold_before", says="return the weight and the bias")
def before_weight_only(weight, bias, a, c):
    return _before(weight, bias, a, c)[0]


@wrong("fold_before", says="the weight comes first")
def before_swapped(weight, bias, a, c):
    return _before(weight, bias, a, c)[::-1]


@wrong("fold_before", says="shape (out,)")
def before_wide_bias(weight, bias, a, c):
    scaled, new = _before(weight, bias, a, c)
    return scaled, new.reshape(-1, 1, 1, 1)


@wrong("fold_before", says="changed its input")
def before_in_place(weight, bias, a, c):
    new = _before(weight, bias, a, c)[1]
    weight *= a.reshape(1, -1, 1, 1)
    return weight, new


@wrong("fold_before", says="keep the dtype")
def before_in_float(weight, bias, a, c):
    return tuple(torch.Tensor.float(part) for part in _before(weight, bias, a, c))


def _cost(inputs, outputs, kernel, height, width, stride):
    weights = kernel**2 * inputs + inputs * outputs
    return weights, weights * -(-height // stride) * -(-width // stride)


@wrong("separable_cost", says="expected")
def cost_of_small_strides(inputs, outputs, kernel, height, width, stride):
    return _cost(inputs, outputs, kernel, height, width, min(stride, 3))


@wrong("separable_cost", says="expected")
def cost_of_small_kernels(inputs, outputs, kernel, height, width, stride):
    return _cost(inputs, outputs, min(kernel, 9), height, width, stride)


@wrong("separable_cost", says="expected")
def cost_of_wide_kernels(inputs, outputs, kernel, height, width, stride):
    return _cost(inputs, outputs, max(kernel, 3), height, width, stride)


@wrong("separable_cost", says="expected")
def cost_with_more_outputs_than_inputs(inputs, outputs, kernel, height, width, stride):
    channels = sorted((inputs, outputs))
    return _cost(*channels, kernel, height, width, stride)


@wrong("separable_cost", says="expected")
def cost_in_float32(*sizes):
    weights, steps = _cost(*sizes)
    return weights, int(torch.tensor(float(steps)))


@wrong("separable_cost", says="expected")
def cost_in_int32(*sizes):
    weights, steps = _cost(*sizes)
    return weights, steps % 2**31


def _changed(x, expand, depthwise, project, stride):
    hidden = F.relu(F.conv2d(x, expand))
    how = {"stride": stride, "padding": 1, "groups": len(depthwise)}
    return F.conv2d(F.relu(F.conv2d(hidden, depthwise, **how)), project)


def _block(x, *rest):
    change = _changed(x, *rest)
    return x + change if change.shape == x.shape else change


@wrong("inverted_residual", says="")
def block_adding_as_many_numbers(x, *rest):
    change = _changed(x, *rest)
    return x.reshape(change.shape) + change if change.numel() == x.numel() else change


@wrong("inverted_residual", says="")
def block_adding_by_broadcasting(x, *rest):
    change = _changed(x, *rest)
    fits = change.shape[2:] == x.shape[2:] and x.shape[1] in (1, change.shape[1])
    return x + change if fits else change


@wrong("inverted_residual", says="add x only where")
def block_comparing_channels_and_height(x, *rest):
    change = _changed(x, *rest)
    return x + change if change.shape[:3] == x.shape[:3] else change


@wrong("inverted_residual", says="")
def block_with_small_strides(x, expand, depthwise, project, stride):
    return _block(x, expand, depthwise, project, min(stride, 2))


@wrong("inverted_residual", says="computed in float32")
def block_in_float32(x, expand, depthwise, project, stride):
    single = [tensor.float() for tensor in (x, expand, depthwise, project)]
    return _block(*single, stride).to(x.dtype)


@wrong("inverted_residual", says="")
def block_that_must_expand(x, expand, *rest):
    return x if len(expand) == x.shape[1] else _block(x, expand, *rest)


def _fold(weight, bias, a, c):
    return weight * a.reshape(1, -1, 1, 1), bias + weight.sum(dim=(2, 3)) @ c


@wrong("fold_before", says="")
def fold_with_a_positive_factor(weight, bias, a, c):
    return _fold(weight, bias, a.abs(), c)


@wrong("fold_before", says="")
def fold_with_a_positive_shift(weight, bias, a, c):
    return _fold(weight, bias, a, c.abs())


@wrong("fold_before", says="")
def fold_with_a_bias_below_3(weight, bias, a, c):
    return _fold(weight, bias.clamp(max=3), a, c)


@wrong("fold_before", says="")
def fold_dividing_by_a_factor_of_0(weight, bias, a, c):
    scaled = weight * a.reshape(1, -1, 1, 1)
    return scaled, bias + scaled.sum(dim=(2, 3)) @ (c / a)


@wrong("fold_before", says="")
def fold_squeezing_one_output(weight, bias, a, c):
    weight, bias = _fold(weight, bias, a, c)
    return weight, bias.squeeze()


@wrong("fold_before", says="computed in float32")
def fold_in_float32(weight, bias, a, c):
    folded = _fold(*(tensor.float() for tensor in (weight, bias, a, c)))
    return tuple(part.to(weight.dtype) for part in folded)
