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
