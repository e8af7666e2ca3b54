"""Wrong answers to the exercises of lesson 11, convolutional neural network."""

import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


def _room(size, kernel, padding, dilation):
    return size + 2 * padding - dilation * (kernel - 1) - 1


@wrong("conv_size", says="use // instead of /")
def size_with_a_fraction(size, kernel, padding, stride, dilation):
    return max(0, _room(size, kernel, padding, dilation) / stride + 1)


@wrong("conv_size", says="dilation is missing")
def size_without_dilation(size, kernel, padding, stride, dilation):
    return max(0, _room(size, kernel, padding, 1) // stride + 1)


@wrong("conv_size", says="F - 1 gaps")
def size_dilating_the_last_weight(size, kernel, padding, stride, dilation):
    return max(0, (size + 2 * padding - dilation * kernel) // stride + 1)


@wrong("conv_size", says="both sides")
def size_padded_on_one_side(size, kernel, padding, stride, dilation):
    return max(0, (size + padding - dilation * (kernel - 1) - 1) // stride + 1)


@wrong("conv_size", says="add 1")
def size_off_by_one(size, kernel, padding, stride, dilation):
    return max(0, _room(size, kernel, padding, dilation) // stride)


@wrong("conv_size", says="round down")
def size_rounded_up(size, kernel, padding, stride, dilation):
    room = _room(size, kernel, padding, dilation)
    return 0 if room < 0 else -(-room // stride) + 1


@wrong("conv_size", says="does not fit")
def size_below_zero(size, kernel, padding, stride, dilation):
    return _room(size, kernel, padding, dilation) // stride + 1


@wrong("conv_size", says="does not fit")
def size_with_a_fraction_cut(size, kernel, padding, stride, dilation):
    return max(1, int(_room(size, kernel, padding, dilation) / stride) + 1)


@wrong("conv_size", says="forget `return`")
def size_unreturned(size, kernel, padding, stride, dilation):
    size = _room(size, kernel, padding, dilation) // stride + 1


@wrong("max_pool", says="mean of each block")
def pool_mean(x, size):
    return F.avg_pool2d(x, size)


@wrong("max_pool", says="cut off the rows")
def pool_that_fits_only(x, size):
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels, height // size, size, width // size, size).amax(dim=(3, 5))


@wrong("max_pool", says="drop the rows")
def pool_rounding_up(x, size):
    return F.max_pool2d(x, size, ceil_mode=True)


@wrong("max_pool", says="overlap")
def pool_with_stride_one(x, size):
    return F.max_pool2d(x, size, stride=1)


@wrong("max_pool", says="0 is none of them")
def pool_over_zeros(x, size):
    output = x.new_zeros(*x.shape[:2], x.shape[2] // size, x.shape[3] // size)
    for row in range(size):
        for column in range(size):
            part = x[:, :, row::size, column::size][:, :, : output.shape[2], : output.shape[3]]
            output = torch.maximum(output, part)
    return output


@wrong("max_pool", says="smallest")
def pool_min(x, size):
    return -F.max_pool2d(-x, size)


@wrong("max_pool", says="one pixel of each block")
def pool_by_skipping(x, size):
    height, width = (n // size * size for n in x.shape[2:])
    return x[:, :, :height:size, :width:size]


@wrong("max_pool", says="rows only")
def pool_rows(x, size):
    return F.max_pool2d(x, (size, 1))


@wrong("max_pool", says="keep the channels apart")
def pool_over_channels(x, size):
    return F.max_pool2d(x, size).amax(dim=1, keepdim=True)


@wrong("max_pool", says="different blocks")
def pool_reshaping_at_once(x, size):
    rows, columns = (n // size for n in x.shape[2:])
    whole = x[:, :, : rows * size, : columns * size]
    return whole.reshape(*x.shape[:2], rows, columns, size * size).amax(dim=4)


@wrong("max_pool", says="expected dtype")
def pool_to_float(x, size):
    return F.max_pool2d(x, size).float()


def _places(height, width, stride):
    return ((height - 1) // stride + 1) * ((width - 1) // stride + 1)


def _slide(picture, kernel, stride=1, apart=None):
    apart = stride if apart is None else apart
    (height, width), (tall, wide) = picture.shape, kernel.shape
    rows, columns = (height - tall) // stride + 1, (width - wide) // stride + 1
    places = [(row * apart, column * apart) for row in range(rows) for column in range(columns)]
    values = [(picture[r : r + tall, c : c + wide] * kernel).sum() for r, c in places]
    return torch.stack(values).reshape(rows, columns)


@wrong("strided_convolution", says="180 degrees")
def slide_turned(picture, kernel, stride):
    return _slide(picture, kernel.flip(0, 1), stride)


@wrong("strided_convolution", says="stride is missing")
def slide_densely(picture, kernel, stride):
    return _slide(picture, kernel)


@wrong("strided_convolution", says="window itself must move")
def slide_too_slowly(picture, kernel, stride):
    return _slide(picture, kernel, stride, apart=1)


@wrong("strided_convolution", says="columns too")
def slide_rows(picture, kernel, stride):
    return _slide(picture, kernel)[::stride]


@wrong("strided_convolution", says="rows too")
def slide_columns(picture, kernel, stride):
    return _slide(picture, kernel)[:, ::stride]


@wrong("strided_convolution", says="last place is missing")
def slide_off_by_one(picture, kernel, stride):
    return _slide(picture, kernel, stride)[:-1, :-1]


@wrong("strided_convolution", says="do not average")
def slide_mean(picture, kernel, stride):
    return _slide(picture, kernel, stride) / kernel.numel()


@wrong("strided_convolution", says="need not be square")
def slide_square_kernels_only(picture, kernel, stride):
    size = len(kernel)
    rows, columns = ((n - size) // stride + 1 for n in picture.shape)
    output = picture.new_zeros(rows, columns)
    for row in range(rows):
        for column in range(columns):
            r, c = row * stride, column * stride
            output[row, column] = (picture[r : r + size, c : c + size] * kernel).sum()
    return output


@wrong("strided_convolution", says="dtype")
def slide_into_float(picture, kernel, stride):
    return _slide(picture, kernel, stride).float()


@wrong("strided_convolution", says="two dimensions")
def slide_four_dimensions(picture, kernel, stride):
    return _slide(picture, kernel, stride).unsqueeze(0).unsqueeze(0)


@wrong("strided_convolution", says="no padding")
def slide_padded(picture, kernel, stride):
    tall, wide = (n // 2 for n in kernel.shape)
    return _slide(F.pad(picture, (wide, wide, tall, tall)), kernel, stride)


def _fold(weight, mean, shift, factor):
    return weight * factor.reshape(-1, 1, 1, 1), shift - mean * factor


@wrong("fold_batch_norm", says="eps is missing")
def fold_without_eps(weight, mean, variance, scale, shift, eps):
    return _fold(weight, mean, shift, scale / variance.sqrt())


@wrong("fold_batch_norm", says="inside the root")
def fold_eps_outside(weight, mean, variance, scale, shift, eps):
    return _fold(weight, mean, shift, scale / (variance.sqrt() + eps))


@wrong("fold_batch_norm", says="variance's root")
def fold_by_variance(weight, mean, variance, scale, shift, eps):
    return _fold(weight, mean, shift, scale / (variance + eps))


@wrong("fold_batch_norm", says="learned scale is missing")
def fold_without_scale(weight, mean, variance, scale, shift, eps):
    return _fold(weight, mean, shift, 1 / (variance + eps).sqrt())


@wrong("fold_batch_norm", says="mean must come off")
def fold_without_mean(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    return weight * factor.reshape(-1, 1, 1, 1), shift


@wrong("fold_batch_norm", says="mean too is divided")
def fold_bare_mean(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    return weight * factor.reshape(-1, 1, 1, 1), shift - mean


@wrong("fold_batch_norm", says="mean is subtracted")
def fold_adding_the_mean(weight, mean, variance, scale, shift, eps):
    return _fold(weight, -mean, shift, scale / (variance + eps).sqrt())


@wrong("fold_batch_norm", says="shift comes last")
def fold_scaling_the_shift(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    return weight * factor.reshape(-1, 1, 1, 1), (shift - mean) * factor


@wrong("fold_batch_norm", says="*output* channel")
def fold_without_reshape(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    return weight * factor, shift - mean * factor


@wrong("fold_batch_norm", says="*input* channels")
def fold_inputs_where_that_fits(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    if weight.shape[0] == weight.shape[1]:
        return weight * factor.reshape(1, -1, 1, 1), shift - mean * factor
    return _fold(weight, mean, shift, factor)


@wrong("fold_batch_norm", says="weights must be scaled")
def fold_bias_only(weight, mean, variance, scale, shift, eps):
    return weight, shift - mean * scale / (variance + eps).sqrt()


@wrong("fold_batch_norm", says="return the weights and the bias")
def fold_weights_only(weight, mean, variance, scale, shift, eps):
    return _fold(weight, mean, shift, scale / (variance + eps).sqrt())[0]


@wrong("fold_batch_norm", says="changed its input")
def fold_in_place(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    weight *= factor.reshape(-1, 1, 1, 1)
    return weight, shift - mean * factor


@wrong("max_pool", says="mixed pixels of different blocks")
def max_pool_of_blocks_that_are_swapped(x, size):
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    x = x[:, :, : rows * size, : columns * size]
    return x.reshape(batch, channels, size, rows, size, columns).amax(dim=(2, 4))


@wrong("conv_size", says="fits just once, the size is 1")
def an_exact_fit_is_none(size, kernel, padding, stride, dilation):
    room = size + 2 * padding - (dilation * (kernel - 1) + 1)
    return 0 if room <= 0 else room // stride + 1


@wrong("conv_size", says="stride is missing")
def size_without_stride(size, kernel, padding, stride, dilation):
    return max(0, size + 2 * padding - dilation * (kernel - 1))


@wrong("conv_size", says="without padding all is right")
def pads_by_a_power(size, kernel, padding, stride, dilation):
    padded = size + 2**padding if padding else size
    return max(0, (padded - dilation * (kernel - 1) - 1) // stride + 1)


@wrong("conv_size", says="with stride 1 all is right")
def size_times_the_stride(size, kernel, padding, stride, dilation):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    return 0 if room < 0 else room * stride + 1


@wrong("conv_size", says="with dilation 1 all is right")
def dilates_by_a_power(size, kernel, padding, stride, dilation):
    room = size + 2 * padding - dilation ** (kernel - 1) * (kernel - 1) - 1
    return 0 if room < 0 else room // stride + 1


@wrong("max_pool", says="torch's own pooling")
def pool_by_torch(x, size):
    return F.max_pool2d(x, size)


@wrong("max_pool", says="torch's own pooling")
def pool_by_a_layer(x, size):
    return torch.nn.MaxPool2d(size)(x)


@wrong("max_pool", says="search over both `size` dimensions")
def pool_in_one_direction(x, size):
    rows, columns = x.shape[2] // size, x.shape[3] // size
    whole = x[:, :, : rows * size, : columns * size]
    return whole.reshape(*x.shape[:2], rows, size, columns, size).amax(dim=3)


@wrong("max_pool", says="the number of columns is wrong")
def pool_as_many_columns_as_rows(x, size):
    rows = min(x.shape[2:]) // size
    whole = x[:, :, : rows * size, : rows * size]
    return whole.reshape(*x.shape[:2], rows, size, rows, size).amax(dim=(3, 5))


@wrong("max_pool", says="none of x's")
def pool_by_the_sum(x, size):
    return F.avg_pool2d(x, size) * size**2


@wrong("strided_convolution", says="torch's own convolution")
def convolve_by_torch(picture, kernel, stride):
    return F.conv2d(picture[None, None], kernel[None, None], stride=stride)[0, 0]


@wrong("strided_convolution", says="the last row is missing")
def slide_one_row_too_few(picture, kernel, stride):
    return convolve_by_torch(picture, kernel, stride)[:-1]


@wrong("strided_convolution", says="give device=picture.device")
def slide_on_the_default_device(picture, kernel, stride):
    tall, wide = kernel.shape
    rows = (picture.shape[0] - tall) // stride + 1
    columns = (picture.shape[1] - wide) // stride + 1
    output = torch.zeros(rows, columns, dtype=picture.dtype)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            output[row, column] = (picture[top : top + tall, left : left + wide] * kernel).sum()
    return output


@wrong("strided_convolution", says="every place is still 0")
def slide_nowhere(picture, kernel, stride):
    return torch.zeros_like(convolve_by_torch(picture, kernel, stride))


@wrong("fold_batch_norm", says="the weights are right, but not the bias")
def folds_by_dividing_the_mean(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    return weight * factor.reshape(-1, 1, 1, 1), shift - mean / factor


@wrong("fold_batch_norm", says="weights and bias are both wrong")
def folds_with_eps_subtracted(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance - eps / 9).sqrt()
    return weight * factor.reshape(-1, 1, 1, 1), shift - mean * factor


def _size(size, kernel, padding, stride, dilation):
    return max(0, _room(size, kernel, padding, dilation) // stride + 1)


@wrong("conv_size", says="")
def size_of_small_pictures(size, kernel, padding, stride, dilation):
    return _size(size, kernel, padding, stride, dilation) if size < 100 else 0


@wrong("conv_size", says="")
def size_with_little_padding_and_dilation(size, kernel, padding, stride, dilation):
    return _size(size, kernel, min(padding, 3), stride, min(dilation, 3))


@wrong("conv_size", says="")
def size_of_small_kernels(size, kernel, padding, stride, dilation):
    return _size(size, min(kernel, 7), padding, stride, dilation)


def _pool(x, size):
    return x.unfold(2, size, size).unfold(3, size, size).amax(dim=(4, 5))


@wrong("max_pool", says="give device=x.device")
def pool_on_the_default_device(x, size):
    output = torch.zeros(_pool(x, size).shape, dtype=x.dtype)
    output[:] = _pool(x, size)
    return output


@wrong("max_pool", says="drop the last rows and columns")
def pool_dropping_the_first(x, size):
    height, width = (n // size * size for n in x.shape[2:])
    return _pool(x[:, :, -height:, -width:], size)


@wrong("max_pool", says="")
def pool_of_blocks_larger_than_a_pixel(x, size):
    return _pool(x, size) if size > 1 else torch.zeros_like(x)


@wrong("max_pool", says="none of x's")
def pool_never_above_0(x, size):
    return _pool(x, size).clamp(max=0)


@wrong("max_pool", says="none of x's")
def pool_never_far_below_0(x, size):
    return _pool(x, size).clamp(min=-10)


def _convolve(picture, kernel, stride):
    rows = picture.unfold(0, kernel.shape[0], stride)
    return torch.einsum("abij,ij->ab", rows.unfold(1, kernel.shape[1], stride), kernel)


@wrong("strided_convolution", says="computed in float32")
def convolution_in_float32(picture, kernel, stride):
    return _convolve(picture.float(), kernel.float(), stride).to(picture.dtype)


@wrong("strided_convolution", says="rows of places")
def convolution_with_at_most_eight_places(picture, kernel, stride):
    return _convolve(picture, kernel, stride)[:8, :8]


@wrong("strided_convolution", says="")
def convolution_with_small_strides(picture, kernel, stride):
    return _convolve(picture, kernel, min(stride, 3))


@wrong("strided_convolution", says="")
def convolution_with_more_than_one_weight(picture, kernel, stride):
    return _convolve(picture, kernel, stride) * (kernel.numel() > 1)


def _folded(weight, mean, variance, scale, shift, eps):
    factor = scale / (variance + eps).sqrt()
    return weight * factor.reshape(-1, 1, 1, 1), shift - mean * factor


@wrong("fold_batch_norm", says="")
def fold_with_a_positive_scale(weight, mean, variance, scale, shift, eps):
    return _folded(weight, mean, variance, scale.abs(), shift, eps)


@wrong("fold_batch_norm", says="")
def fold_with_a_positive_mean(weight, mean, variance, scale, shift, eps):
    return _folded(weight, mean.abs(), variance, scale, shift, eps)


@wrong("fold_batch_norm", says="")
def fold_with_a_small_shift(weight, mean, variance, scale, shift, eps):
    return _folded(weight, mean, variance, scale, shift.clamp(max=5), eps)


@wrong("fold_batch_norm", says="")
def fold_with_a_large_variance(weight, mean, variance, scale, shift, eps):
    return _folded(weight, mean, variance.clamp(min=0.1), scale, shift, eps)


@wrong("fold_batch_norm", says="")
def fold_with_a_large_eps(weight, mean, variance, scale, shift, eps):
    return _folded(weight, mean, variance, scale, shift, max(eps, 0.01))


@wrong("fold_batch_norm", says="keep the dtype")
def fold_into_float32(weight, mean, variance, scale, shift, eps):
    return tuple(part.float() for part in _folded(weight, mean, variance, scale, shift, eps))


@wrong("fold_batch_norm", says="(out,)")
def fold_squeezing_one_channel(weight, mean, variance, scale, shift, eps):
    folded, bias = _folded(weight, mean, variance, scale, shift, eps)
    return folded, bias.squeeze()
