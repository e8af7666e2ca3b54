"""Wrong answers to the exercises of lesson 21, object detection."""

import torch
from torchvision import ops

from tests.wrong_answers import wrong


def _parts(line):
    kind, *shares = line.split()
    return int(kind), [float(share) for share in shares]


def _edges(x, y, w, h, height, width):
    return [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]


@wrong("read_label", says="shares of the *width*")
def label_with_sizes_swapped(line, height, width):
    kind, shares = _parts(line)
    return kind, _edges(*shares, width, height)


@wrong("read_label", says="not its corner")
def label_from_the_corner(line, height, width):
    kind, (x, y, w, h) = _parts(line)
    return kind, [x * width, y * height, (x + w) * width, (y + h) * height]


@wrong("read_label", says="give the right and the bottom edge")
def label_with_width_and_height(line, height, width):
    kind, (x, y, w, h) = _parts(line)
    return kind, [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]


@wrong("read_label", says="half of w lies left of x")
def label_twice_as_large(line, height, width):
    kind, (x, y, w, h) = _parts(line)
    return kind, _edges(x, y, 2 * w, 2 * h, height, width)


@wrong("read_label", says="shares still")
def label_in_shares(line, height, width):
    kind, shares = _parts(line)
    return kind, _edges(*shares, 1, 1)


@wrong("read_label", says="the order is left, top, right")
def label_in_pairs(line, height, width):
    kind, shares = _parts(line)
    left, top, right, bottom = _edges(*shares, height, width)
    return kind, [left, right, top, bottom]


@wrong("read_label", says="nothing is cut")
def label_cut(line, height, width):
    kind, shares = _parts(line)
    edges = _edges(*shares, height, width)
    return kind, [
        float(min(max(e, 0), size)) for e, size in zip(edges, [width, height] * 2, strict=True)
    ]


@wrong("read_label", says="nothing is rounded")
def label_rounded(line, height, width):
    kind, shares = _parts(line)
    return kind, [float(round(edge)) for edge in _edges(*shares, height, width)]


@wrong("read_label", says="the class is a string")
def label_with_a_string(line, height, width):
    return line.split()[0], _edges(*_parts(line)[1], height, width)


@wrong("read_label", says="the class is an int")
def label_with_a_float(line, height, width):
    kind, shares = _parts(line)
    return float(kind), _edges(*shares, height, width)


@wrong("read_label", says="two digits")
def label_of_the_first_letter(line, height, width):
    return int(line[0]), _edges(*_parts(line)[1], height, width)


@wrong("read_label", says="return the class as well")
def label_edges_only(line, height, width):
    return _edges(*_parts(line)[1], height, width)


@wrong("read_label", says="")
def label_split_at_one_space(line, height, width):
    kind, *shares = line.split(" ")
    return int(kind), _edges(*map(float, shares), height, width)


@wrong("read_label", says="")
def label_in_float32(line, height, width):
    kind, shares = _parts(line)
    return kind, torch.tensor(_edges(*shares, height, width))


def _area(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)


def _crop(boxes, left, top, size):
    moved = boxes - torch.tensor([left, top, left, top]).to(boxes)
    cut = moved.clamp(0, size)
    return moved, cut, _area(cut) / _area(boxes)


@wrong("crop_boxes", says="that the crop hides must go")
def crop_keeping_all(boxes, labels, left, top, size):
    return _crop(boxes, left, top, size)[1], labels


@wrong("crop_boxes", says="a label goes with its box")
def crop_keeping_all_labels(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    return cut[share >= 0.5], labels


@wrong("crop_boxes", says="corner of the new picture")
def crop_in_the_old_picture(boxes, labels, left, top, size):
    keep = _crop(boxes, left, top, size)[2] >= 0.5
    return boxes[keep], labels[keep]


@wrong("crop_boxes", says="corner of the new picture")
def crop_cut_in_the_old_picture(boxes, labels, left, top, size):
    keep = _crop(boxes, left, top, size)[2] >= 0.5
    low = torch.tensor([left, top, left, top]).to(boxes)
    return boxes.clamp(min=low, max=low + size)[keep], labels[keep]


@wrong("crop_boxes", says="cut the boxes at the edges")
def crop_without_cutting(boxes, labels, left, top, size):
    moved, _, share = _crop(boxes, left, top, size)
    return moved[share >= 0.5], labels[share >= 0.5]


@wrong("crop_boxes", says="right and the bottom as well")
def crop_cutting_low_edges(boxes, labels, left, top, size):
    moved, _, share = _crop(boxes, left, top, size)
    return moved.clamp(min=0)[share >= 0.5], labels[share >= 0.5]


@wrong("crop_boxes", says="right and the bottom as well")
def crop_with_lowest_edges_only(boxes, labels, left, top, size):
    moved, _, _ = _crop(boxes, left, top, size)
    cut = moved.clamp(min=0)
    keep = 2 * _area(cut) >= _area(boxes)
    return cut[keep], labels[keep]


@wrong("crop_boxes", says="left and the top as well")
def crop_with_highest_edges_only(boxes, labels, left, top, size):
    moved, _, _ = _crop(boxes, left, top, size)
    cut = moved.clamp(max=size)
    keep = 2 * _area(cut) >= _area(boxes)
    return cut[keep], labels[keep]


@wrong("crop_boxes", says="left and the top as well")
def crop_cutting_high_edges(boxes, labels, left, top, size):
    moved, _, share = _crop(boxes, left, top, size)
    return moved.clamp(max=size)[share >= 0.5], labels[share >= 0.5]


@wrong("crop_boxes", says="nor each side")
def crop_by_half_of_each_side(boxes, labels, left, top, size):
    _, cut, _ = _crop(boxes, left, top, size)
    keep = (2 * (cut[:, 2:] - cut[:, :2]) >= boxes[:, 2:] - boxes[:, :2]).all(dim=1)
    return cut[keep], labels[keep]


@wrong("crop_boxes", says="at least *half*")
def crop_keeping_what_shows(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    return cut[share > 0], labels[share > 0]


@wrong("crop_boxes", says="exactly half")
def crop_wanting_more_than_half(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    return cut[share > 0.5], labels[share > 0.5]


@wrong("crop_boxes", says="may stay")
def crop_keeping_whole_ones(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    return cut[share == 1], labels[share == 1]


@wrong("crop_boxes", says="not the middle")
def crop_by_the_middle(boxes, labels, left, top, size):
    moved, cut, _ = _crop(boxes, left, top, size)
    middle = (moved[:, :2] + moved[:, 2:]) / 2
    keep = ((middle >= 0) & (middle <= size)).all(dim=1)
    return cut[keep], labels[keep]


@wrong("crop_boxes", says="`left` belongs to x")
def crop_with_left_and_top_swapped(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, top, left, size)
    return cut[share >= 0.5], labels[share >= 0.5]


@wrong("crop_boxes", says="lies at `size`")
def crop_one_pixel_short(boxes, labels, left, top, size):
    moved, _, share = _crop(boxes, left, top, size)
    return moved.clamp(0, size - 1)[share >= 0.5], labels[share >= 0.5]


@wrong("crop_boxes", says="return the boxes and the labels")
def crop_boxes_only(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    return cut[share >= 0.5]


@wrong("crop_boxes", says="the boxes come first")
def crop_labels_first(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    return labels[share >= 0.5], cut[share >= 0.5]


@wrong("crop_boxes", says="changed its input")
def crop_in_place(boxes, labels, left, top, size):
    areas = _area(boxes)
    boxes -= torch.tensor([left, top, left, top]).to(boxes)
    cut = boxes.clamp(0, size)
    keep = _area(cut) / areas >= 0.5
    return cut[keep], labels[keep]


@wrong("crop_boxes", says="keep the dtype of `boxes`")
def crop_in_float32(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    return torch.Tensor.float(cut[share >= 0.5]), labels[share >= 0.5]


@wrong("crop_boxes", says="")
def crop_flattening_nothing(boxes, labels, left, top, size):
    _, cut, share = _crop(boxes, left, top, size)
    kept = cut[share >= 0.5]
    return (kept if len(kept) else torch.zeros(0).to(boxes)), labels[share >= 0.5]


def _soft(boxes, scores, factor, itself=False, again=False, order=None):
    fits, scores = ops.box_iou(boxes, boxes), scores.clone()
    left = torch.ones(len(scores), dtype=torch.bool)
    for step in range(len(scores)):
        best = int(torch.where(left.to(scores.device), scores, -1).argmax())
        best = best if order is None else int(order[step])
        left[best] = False
        for other in range(len(scores)):
            if (other != best and (left[other] or again)) or (other == best and itself):
                scores[other] = scores[other] * factor(fits[best, other])
    return scores


@wrong("soften", says="needs a minus")
def soften_upwards(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (fit**2 / s).exp())


@wrong("soften", says="square the IoU")
def soften_without_square(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (-fit / s).exp())


@wrong("soften", says="not by its square")
def soften_by_the_square(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (-((fit / s) ** 2)).exp())


@wrong("soften", says="you multiply")
def soften_multiplying(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (-(fit**2) * s).exp())


@wrong("soften", says="not by 2 s")
def soften_like_a_bell(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (-(fit**2) / (2 * s)).exp())


@wrong("soften", says="linear form")
def soften_linearly(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: 1 - fit)


@wrong("soften", says="plain NMS")
def soften_hard(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (fit <= s).to(fit))


@wrong("soften", says="is taken keeps its score")
def soften_again_and_again(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (-(fit**2) / s).exp(), again=True)


@wrong("soften", says="is taken keeps its score")
def soften_all_each_time(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (-(fit**2) / s).exp(), again=True, itself=True)


@wrong("soften", says="of equal scores, take the first")
def soften_taking_the_last(boxes, scores, s):
    back = _soft(boxes.flip(0), scores.flip(0), lambda fit: (-(fit**2) / s).exp())
    return back.flip(0)


@wrong("soften", says="keep the dtype of `scores`")
def soften_in_float32(boxes, scores, s):
    return torch.Tensor.float(_soft(boxes, scores, lambda fit: (-(fit**2) / s).exp()))


@wrong("soften", says="the *other* boxes")
def soften_itself(boxes, scores, s):
    return _soft(boxes, scores, lambda fit: (-(fit**2) / s).exp(), itself=True)


@wrong("soften", says="decide which box comes next")
def soften_sorted_once(boxes, scores, s):
    order = scores.argsort(descending=True, stable=True)
    return _soft(boxes, scores, lambda fit: (-(fit**2) / s).exp(), order=order)


@wrong("soften", says="not sorted")
def soften_sorted(boxes, scores, s):
    soft = _soft(boxes, scores, lambda fit: (-(fit**2) / s).exp())
    return soft.sort(descending=True).values


@wrong("soften", says="no score was lowered")
def soften_nothing(boxes, scores, s):
    return scores.clone()


@wrong("soften", says="changed its input")
def soften_in_place(boxes, scores, s):
    scores *= 0.5
    return scores
