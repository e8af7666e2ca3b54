"""Wrong answers to the exercises of lesson 07, transforms."""

import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong

EVERY = (0, 2, 3)


@wrong("channel_statistics", says="divide the bytes by 255")
def statistics_of_bytes(images):
    return images.float().mean(EVERY), images.float().std(EVERY)


@wrong("channel_statistics", says="averaged the pictures' own stds")
def statistics_averaged(images):
    images = images / 255
    return images.mean(EVERY), images.std((2, 3)).mean(0)


@wrong("channel_statistics", says="keep the channels apart")
def statistics_of_everything(images):
    return (images / 255).mean(), (images / 255).std()


@wrong("channel_statistics", says="one number a picture")
def statistics_of_pictures(images):
    return (images / 255).mean((1, 2, 3)), (images / 255).std((1, 2, 3))


@wrong("channel_statistics", says="one number a pixel")
def statistics_of_pixels(images):
    return (images / 255).mean(0), (images / 255).std(0)


@wrong("channel_statistics", says="the mean comes first")
def statistics_swapped(images):
    return (images / 255).std(EVERY), (images / 255).mean(EVERY)


@wrong("channel_statistics", says="the std is its root")
def statistics_variance(images):
    return (images / 255).mean(EVERY), (images / 255).var(EVERY)


@wrong("channel_statistics", says="drop keepdim")
def statistics_kept(images):
    return (images / 255).mean(EVERY, keepdim=True), (images / 255).std(EVERY, keepdim=True)


@wrong("channel_statistics", says="bytes have no mean")
def statistics_without_cast(images):
    return images.mean(EVERY), images.std(EVERY)


@wrong("channel_statistics", says="bytes have no std")
def statistics_std_without_cast(images):
    return (images / 255).mean(EVERY), images.std(EVERY) / 255


@wrong("channel_statistics", says="values differ")
def statistics_of_the_first_picture(images):
    return (images[:1] / 255).mean(EVERY), (images[:1] / 255).std(EVERY)


@wrong("channel_statistics", says="divide by 255")
def statistics_of_256_steps(images):
    return (images / 256).mean(EVERY), (images / 256).std(EVERY)


@wrong("channel_statistics", says="2 values")
def statistics_mean_only(images):
    return (images / 255).mean(EVERY).tolist()[:1]


def _up(values):
    return values.reshape(-1, 1, 1)


@wrong("undo_normalise", says="normalised once more")
def undo_by_doing(images, mean, std):
    return (images - _up(mean)) / _up(std)


@wrong("undo_normalise", says="first multiply by the std")
def undo_in_the_wrong_order(images, mean, std):
    return (images + _up(mean)) * _up(std)


@wrong("undo_normalise", says="so multiply")
def undo_dividing(images, mean, std):
    return images / _up(std) + _up(mean)


@wrong("undo_normalise", says="so add it")
def undo_subtracting(images, mean, std):
    return images * _up(std) - _up(mean)


@wrong("undo_normalise", says="mixed up")
def undo_swapped(images, mean, std):
    return images * _up(mean) + _up(std)


@wrong("undo_normalise", says="do not cut")
def undo_clamped(images, mean, std):
    return (images * _up(std) + _up(mean)).clamp(0, 1)


@wrong("undo_normalise", says="it belongs to the channels")
def undo_from_the_right(images, mean, std):
    return images * std + mean


@wrong("undo_normalise", says="it belongs to the channels")
def undo_from_the_right_where_that_fits(images, mean, std):
    if images.shape[3] == len(mean):
        return images * std + mean
    return images * _up(std) + _up(mean)


@wrong("undo_normalise", says="changed its input")
def undo_in_place(images, mean, std):
    return images.mul_(_up(std)).add_(_up(mean))


@wrong("shift_picture", says="comes back on the other")
def shift_rolling(image, down, right):
    return image.roll((down, right), (1, 2))


@wrong("shift_picture", says="rows and columns are swapped")
def shift_swapped(image, down, right):
    return _shift(image, right, down)


@wrong("shift_picture", says="moved the other way")
def shift_back(image, down, right):
    return _shift(image, -down, -right)


@wrong("shift_picture", says="moved up where")
def shift_up(image, down, right):
    return _shift(image, -down, right)


@wrong("shift_picture", says="moved left where")
def shift_left(image, down, right):
    return _shift(image, down, -right)


@wrong("shift_picture", says="hold for offsets that are 0 or negative")
def shift_for_positive_only(image, down, right):
    moved = torch.zeros_like(image)
    moved[:, down:, right:] = image[:, :-down, :-right]
    return moved


@wrong("shift_picture", says="hold for offsets that are 0 or negative")
def shift_not_for_negative(image, down, right):
    moved = torch.zeros_like(image)
    height, width = image.shape[1:]
    moved[:, down:, right:] = image[:, : height - down, : width - right]
    return moved


@wrong("shift_picture", says="keep the dtype")
def shift_to_float(image, down, right):
    return _shift(image.float(), down, right)


@wrong("shift_picture", says="the picture shrank")
def shift_by_cutting(image, down, right):
    return _shift(image, down, right)[:, max(down, 0) :, max(right, 0) :]


@wrong("shift_picture", says="did not move")
def shift_nothing(image, down, right):
    return image


@wrong("shift_picture", says="changed its input")
def shift_in_place(image, down, right):
    image[:] = _shift(image, down, right)
    return image


@wrong("shift_picture", says="is not where it lands")
def shift_not_up(image, down, right):
    return _shift(image, max(down, 0), right)


@wrong("shift_picture", says="is not where it lands")
def shift_without_columns(image, down, right):
    return _shift(image, down, 0)


def _shift(image, down, right):
    moved = image.roll((down, right), (1, 2))
    rows = torch.arange(image.shape[1], device=image.device) - down
    columns = torch.arange(image.shape[2], device=image.device) - right
    inside = ((rows >= 0) & (rows < image.shape[1])).unsqueeze(1)
    return moved * (inside & (columns >= 0) & (columns < image.shape[2]))


def _blend(pair, lam):
    return lam * pair[0] + (1 - lam) * pair[1]


@wrong("mix_pair", says="you gave it to the second")
def mix_backwards(images, labels, lam, classes):
    rows = F.one_hot(labels, classes).float()
    return _blend(images, 1 - lam), _blend(rows, 1 - lam)


@wrong("mix_pair", says="disagree")
def mix_targets_backwards(images, labels, lam, classes):
    return _blend(images, lam), _blend(F.one_hot(labels, classes).float(), 1 - lam)


@wrong("mix_pair", says="disagree")
def mix_pictures_backwards(images, labels, lam, classes):
    return _blend(images, 1 - lam), _blend(F.one_hot(labels, classes).float(), lam)


@wrong("mix_pair", says="add the shares up")
def mix_overwriting(images, labels, lam, classes):
    target = torch.zeros(classes, device=images.device)
    target[labels[0]] = lam
    target[labels[1]] = 1 - lam
    return _blend(images, lam), target


@wrong("mix_pair", says="one place for each of `classes`")
def mix_without_the_number_of_classes(images, labels, lam, classes):
    return _blend(images, lam), _blend(F.one_hot(labels).float(), lam)


@wrong("mix_pair", says="is no class")
def mix_class_numbers(images, labels, lam, classes):
    return _blend(images, lam), _blend(labels, lam)


@wrong("mix_pair", says="still the first one's alone")
def mix_only_pictures(images, labels, lam, classes):
    return _blend(images, lam), F.one_hot(labels[0], classes).float()


@wrong("mix_pair", says="must add up to 1")
def mix_without_shares(images, labels, lam, classes):
    return _blend(images, lam), F.one_hot(labels, classes).float().sum(0)


@wrong("mix_pair", says="return the picture and the target")
def mix_picture_alone(images, labels, lam, classes):
    return _blend(images, lam)


@wrong("mix_pair", says="but not the target")
def mix_guessing_the_classes(images, labels, lam, classes):
    return _blend(images, lam), _blend(F.one_hot(labels, 20).float(), lam)


def _flip(image, boxes, size=2):
    left, top, right, bottom = boxes.T
    width = image.shape[size]
    return image.flip(2), torch.stack([width - right, top, width - left, bottom], dim=1)


@wrong("flip_with_boxes", says="left is now greater than right")
def flip_without_swapping(image, boxes):
    left, top, right, bottom = boxes.T
    width = image.shape[2]
    return image.flip(2), torch.stack([width - left, top, width - right, bottom], dim=1)


@wrong("flip_with_boxes", says="one pixel too far left")
def flip_by_pixel_numbers(image, boxes):
    flipped, moved = _flip(image, boxes)
    return flipped, moved - torch.tensor([1, 0, 1, 0], device=boxes.device)


@wrong("flip_with_boxes", says="use the width")
def flip_by_height(image, boxes):
    return _flip(image, boxes, size=1)


@wrong("flip_with_boxes", says="boxes stayed")
def flip_only_the_picture(image, boxes):
    return image.flip(2), boxes


@wrong("flip_with_boxes", says="picture was not flipped")
def flip_only_the_boxes(image, boxes):
    return image, _flip(image, boxes)[1]


@wrong("flip_with_boxes", says="stands on its head")
def flip_rows(image, boxes):
    return image.flip(1), _flip(image, boxes)[1]


@wrong("flip_with_boxes", says="upside down")
def flip_upside_down(image, boxes):
    left, top, right, bottom = boxes.T
    height = image.shape[1]
    return image.flip(1), torch.stack([left, height - bottom, right, height - top], dim=1)


@wrong("flip_with_boxes", says="only left and right")
def flip_all_edges(image, boxes):
    flipped, moved = _flip(image, boxes)
    return flipped, moved[:, [0, 3, 2, 1]]


@wrong("flip_with_boxes", says="without moving")
def flip_by_swapping(image, boxes):
    return image.flip(2), boxes[:, [2, 1, 0, 3]]


@wrong("flip_with_boxes", says="return the picture and the boxes")
def flip_and_forget_the_boxes(image, boxes):
    return image.flip(2)


@wrong("flip_with_boxes", says="keep the dtype of the boxes")
def flip_to_float(image, boxes):
    return image.flip(2), _flip(image, boxes)[1].float()


@wrong("flip_with_boxes", says="a box is a row")
def flip_stacked_wrongly(image, boxes):
    left, top, right, bottom = boxes.T
    width = image.shape[2]
    return image.flip(2), torch.stack([width - right, top, width - left, bottom])


@wrong("flip_with_boxes", says="changed its input")
def flip_in_place(image, boxes):
    boxes[:, [0, 2]] = image.shape[2] - boxes[:, [2, 0]]
    return image.flip(2), boxes


@wrong("shift_picture", says="begin with zeros_like")
def shift_over_the_old_picture(image, down, right):
    rows, columns = image.shape[1:]
    moved = image.clone()
    part = image[:, max(-down, 0) : rows - max(down, 0), max(-right, 0) : columns - max(right, 0)]
    moved[:, max(down, 0) : rows - max(-down, 0), max(right, 0) : columns - max(-right, 0)] = part
    return moved


@wrong("mix_pair", says="the first label may be the larger")
def mixes_sorted_labels(images, labels, lam, classes):
    low, high = labels.sort().values
    target = lam * F.one_hot(low, classes) + (1 - lam) * F.one_hot(high, classes)
    return lam * images[0] + (1 - lam) * images[1], target


@wrong("channel_statistics", says="with its correction")
def std_without_the_correction(images):
    scaled = images / 255
    return scaled.mean(dim=(0, 2, 3)), scaled.std(dim=(0, 2, 3), correction=0)


@wrong("undo_normalise", says="they were the mean")
def undo_by_twice_the_mean(images, mean, std):
    return images * std.reshape(-1, 1, 1) + 2 * mean.reshape(-1, 1, 1)


@wrong("mix_pair", says="but not the picture")
def adds_the_pictures(images, labels, lam, classes):
    target = lam * F.one_hot(labels[0], classes) + (1 - lam) * F.one_hot(labels[1], classes)
    return images[0] + images[1], target


@wrong("undo_normalise", says="mean met the rows")
def undo_along_the_rows_where_that_fits(images, mean, std):
    shape = (-1, 1) if images.shape[2] == images.shape[1] else (-1, 1, 1)
    return images * std.reshape(shape) + mean.reshape(shape)


@wrong("undo_normalise", says="they were the mean")
def three_channels_at_most(images, mean, std):
    mean, std = mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)
    undone = images[:, :3] * std[:3] + mean[:3]
    return torch.cat([undone, images[:, 3:]], dim=1)


@wrong("shift_picture", says="not where it lands")
def at_most_three_pixels(image, down, right):
    down, right = (max(-3, min(3, offset)) for offset in (down, right))
    return F.pad(image, (right, -right, down, -down))


@wrong("shift_picture", says="what comes in is not 0")
def comes_back_by_its_rim(image, down, right):
    padded = F.pad(image / 1, (max(right, 0), 0, max(down, 0), 0), "replicate")
    height, width = image.shape[1:]
    moved = padded[:, max(-down, 0) :, max(-right, 0) :][:, :height, :width]
    lacks = width - moved.shape[2], height - moved.shape[1]
    return F.pad(moved, (0, lacks[0], 0, lacks[1])).to(image.dtype)


@wrong("flip_with_boxes", says="the picture is right, but not the boxes")
def inside_the_picture_by_one(image, boxes):
    left, top, right, bottom = boxes.T
    width = image.shape[2]
    moved = torch.stack([width - right, top, width - left, bottom], dim=1)
    return image.flip(2), moved.clamp(min=1)


@wrong("flip_with_boxes", says="the picture is right, but not the boxes")
def boxes_of_whole_numbers(image, boxes):
    left, top, right, bottom = boxes.T
    width = image.shape[2]
    moved = torch.stack([width - right, top, width - left, bottom], dim=1)
    return image.flip(2), moved.round()
