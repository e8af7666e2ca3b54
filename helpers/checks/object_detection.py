"""Checks for the exercises of lesson 21, object detection."""

from collections.abc import Callable

import torch

from helpers.checks.attempt import Attempt, exercise


@exercise
def read_label(attempt: Attempt) -> None:
    """Turn a line of YOLO's text format into a class and edges in pixels."""
    cases = []
    for case in range(8):
        shares = [attempt.pick(30, 70) / 100, attempt.pick(30, 70) / 100]
        shares += [attempt.pick(5, 25) / 100, attempt.pick(30, 55) / 100]
        if case > 5:  # beyond the edge
            shares = [0.05, 0.96, 0.4, 0.3]
        height, width = attempt.pick(100, 300), attempt.pick(310, 600)
        height, width = (width, height) if case % 2 else (height, width)
        space = "\t" if case == 4 else "  " if case == 5 else " "
        words = [str(attempt.pick(0, 100) if case else 12), *map(str, shares)]
        cases.append((space.join(words) + "\n" * (case == 3), height, width))
    cases.append(("0 0.5 5e-1 1 1.0", 7, 9))
    for line, height, width in cases:
        kind, (x, y, w, h) = int(line.split()[0]), map(float, line.split()[1:])
        edges = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        high, wide = [height, width] * 2, [width, height] * 2
        right = _scaled(edges, wide)
        corner = _scaled([x, y, x + w, y + h], wide)
        sizes = _scaled([x - w / 2, y - h / 2, w, h], wide)
        cut = _scaled([min(max(edge, 0), 1) for edge in edges], wide)
        mistakes = [
            ((kind, _scaled(edges, high)), "x and w are shares of the *width*, y and h of height"),
            ((kind, corner), "x and y are the middle of the box, not its corner"),
            ((kind, sizes), "that gives width and height; give the right and the bottom edge"),
            ((kind, _scaled([x, y, w, h], wide)), "that is the middle, the width and the height"),
            ((kind, _scaled([x - w, y - h, x + w, y + h], wide)), "half of w lies left of x"),
            ((kind, edges), "the edges are shares still; multiply them by width and height"),
            ((kind, [right[0], right[2], right[1], right[3]]), "the order is left, top, right"),
            ((kind, [right[1], right[0], right[3], right[2]]), "the order is left, top, right"),
            ((kind, cut), "nothing is cut at the picture's edge here"),
            ((kind, [float(round(edge)) for edge in right]), "nothing is rounded"),
            ((kind, [float(int(edge)) for edge in right]), "nothing is rounded"),
            ((str(kind), right), "the class is a string; `int` makes a number of it"),
            ((float(kind), right), "the class is an int"),
            ((int(str(kind)[0]), right), "a class may have two digits; split the line"),
            (right, "return the class as well, and then the edges"),
        ]
        attempt.expect(attempt(line, height, width), (kind, right), mistakes, rtol=1e-6)


def _scaled(shares: list[float], sizes: list[int]) -> list[float]:
    return [float(share * size) for share, size in zip(shares, sizes, strict=True)]


@exercise
def crop_boxes(attempt: Attempt) -> None:
    """Move, cut and drop boxes as their picture is cropped."""
    # (left, top, size, boxes, dtype); the third box is half visible, the fifth a little less
    edge = [[10, 4, 14, 9], [0, 0, 3, 3], [4, 10, 12, 18], [20, 20, 31, 31], [3, 12, 12, 16]]
    edge.append([4, 20, 14, 26])  # its middle is inside, two fifths are visible
    cases = [(13, 22, 30, _random_boxes(attempt, 80), torch.float32)]
    cases += [(8, 0, 24, torch.tensor(edge), torch.float32)]
    cases += [(17, 5, 40, _random_boxes(attempt, 12), _wide(attempt))]
    cases += [(0, 0, 64, _random_boxes(attempt, 5), torch.float32)]
    cases += [(2, 40, 9, torch.tensor([[30, 2, 40, 12]]), torch.float32)]
    cases += [(3, 4, 9, torch.zeros(0, 4), torch.float32)]
    cases += [(5, 0, 20, torch.tensor([[0, 0, 10, 10]]), torch.float32)]
    # half a pixel counts as well
    cases += [(30, 21, 17, _random_boxes(attempt, 30) / 2 + 20, _wide(attempt))]
    for left, top, size, boxes, dtype in cases:
        boxes = boxes.to(attempt.device, dtype)
        labels = attempt.randint(0, 10, (len(boxes),))
        corner = torch.tensor([left, top, left, top]).to(boxes)
        moved = boxes - corner
        cut = moved.clamp(0, size)
        visible, whole = _area(cut), _area(boxes)
        keep = 2 * visible >= whole
        inside = (moved == cut).all(dim=1)
        middle = (moved[:, :2] + moved[:, 2:]) / 2
        early = boxes.clamp(0, size) - corner
        turned = (boxes - corner[[1, 0, 1, 0]]).clamp(0, size)
        kept = 2 * _area(turned) >= whole
        open_low, open_high = moved.clamp(max=size), moved.clamp(min=0)
        mistakes = [
            ((cut, labels), "a box that the crop hides must go"),
            ((cut[keep], labels), "a label goes with its box"),
            ((boxes[keep], labels[keep]), "measure from the corner of the new picture"),
            ((moved[keep], labels[keep]), "cut the boxes at the edges of the new picture"),
            ((_pick(cut, labels, visible > 0)), "keep a box only if at least *half*"),
            ((_pick(cut, labels, 2 * visible > whole)), "a box that is exactly half visible stays"),
            ((_pick(cut, labels, inside)), "a box that is cut may stay, if half of it is visible"),
            ((_pick(cut, labels, ~keep)), "you keep those that must go"),
            (
                (_pick(cut, labels, ((middle >= 0) & (middle <= size)).all(dim=1))),
                "it is the visible *area* that counts, not the middle, nor each side",
            ),
            ((turned[kept], labels[kept]), "`left` belongs to x, the columns 0 and 2"),
            ((early[keep], labels[keep]), "subtract the corner first, then cut"),
            ((_pick(moved.clamp(0, size - 1), labels, keep)), "the new edge lies at `size`"),
            (
                (_pick(boxes.clamp(min=corner, max=corner + size), labels, keep)),
                "measure from the corner of the new picture",
            ),
            ((_pick(open_high, labels, keep)), "cut at the right and the bottom as well"),
            (
                (_pick(open_high, labels, 2 * _area(open_high) >= whole)),
                "cut at the right and the bottom as well",
            ),
            ((_pick(open_low, labels, keep)), "cut at the left and the top as well"),
            (
                (_pick(open_low, labels, 2 * _area(open_low) >= whole)),
                "cut at the left and the top as well",
            ),
            ((cut[keep].float(), labels[keep]), "keep the dtype of `boxes`"),
            (cut[keep], "return the boxes and the labels"),
            ((labels[keep], cut[keep]), "the boxes come first"),
        ]
        got = attempt(boxes, labels, left, top, size)
        attempt.expect(got, (cut[keep], labels[keep]), mistakes)


def _wide(attempt: Attempt) -> torch.dtype:
    """Give float64, which Apple's chips do not have."""
    return torch.float32 if attempt.device.type == "mps" else torch.float64


def _random_boxes(attempt: Attempt, count: int) -> torch.Tensor:
    low = torch.randint(0, 50, (count, 2), generator=attempt.generator)
    sides = torch.randint(4, 14, (count, 2), generator=attempt.generator)
    return torch.cat([low, low + sides], dim=1).float()


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)


def _pick(boxes: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> tuple:
    return boxes[rows], labels[rows]


@exercise
def soften(attempt: Attempt) -> None:
    """Lower the scores of overlapping boxes, one box after another."""
    cases = []
    for count, s, dtype in [(9, 0.5, torch.float32), (14, 0.3, _wide(attempt)), (1, 0.5, None)]:
        corner = 12 * torch.rand(count, 2, generator=attempt.generator)
        sides = 8 + 8 * torch.rand(count, 2, generator=attempt.generator)
        scores = 0.1 + 0.9 * torch.rand(count, generator=attempt.generator)
        boxes = torch.cat([corner, corner + sides], dim=1)
        cases.append((boxes.to(dtype or torch.float32), scores.to(dtype or torch.float32), s))
    # the second overlaps the first, is overtaken by the third, and lowers the third less for it
    row = torch.tensor([[0.0, 0, 10, 10], [2, 0, 12, 10], [9, 0, 19, 10], [40, 40, 50, 50]])
    cases.append((row, torch.tensor([0.9, 0.8, 0.6, 0.05]), 0.2))
    cases.append((row[[1, 0, 2]], torch.tensor([0.7, 0.7, 0.7]), 0.4))  # ties
    cases.append((torch.zeros(0, 4), torch.zeros(0), 0.5))
    for boxes, scores, s in cases:
        boxes, scores = boxes.to(attempt.device), scores.to(attempt.device)
        gauss = _gauss(s)
        right = _soften(boxes, scores, gauss)
        ways = {
            "the exponent needs a minus": lambda fit, s=s: (fit**2 / s).exp(),
            "square the IoU": lambda fit, s=s: (-fit / s).exp(),
            "divide by s, not by its square": lambda fit, s=s: (-((fit / s) ** 2)).exp(),
            "divide by s; you multiply": lambda fit, s=s: (-(fit**2) * s).exp(),
            "divide by s, not by 2 s": lambda fit, s=s: (-(fit**2) / (2 * s)).exp(),
            "that is the linear form": lambda fit: 1 - fit,
            "that is plain NMS": lambda fit, s=s: (fit <= s).to(fit),
        }
        mistakes = [(_soften(boxes, scores, way), say) for say, way in ways.items()]
        mistakes += [
            (_soften(boxes, scores, gauss, again=True), "a box that is taken keeps its score"),
            (
                _soften(boxes, scores, gauss, again=True, itself=True),
                "a box that is taken keeps its score",
            ),
            (_soften(boxes, scores, gauss, itself=True), "lower the *other* boxes, not the one"),
            (
                _soften(boxes, scores, gauss, fixed=True),
                "the lowered scores decide which box comes next",
            ),
            (_soften(boxes, scores, gauss, last=True), "of equal scores, take the first box"),
            (right.sort(descending=True).values, "in the order of `boxes`, not sorted"),
            (scores, "no score was lowered"),
            (right.float(), "keep the dtype of `scores`"),
        ]
        attempt.expect(attempt(boxes, scores, s), right, mistakes)


def _gauss(s: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Make the factor of soft NMS."""
    return lambda fit: (-(fit**2) / s).exp()


def _soften(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    factor: Callable[[torch.Tensor], torch.Tensor],
    again: bool = False,
    itself: bool = False,
    fixed: bool = False,
    last: bool = False,
) -> torch.Tensor:
    """Suppress softly: `again` lowers taken boxes too, `fixed` sorts once, the rest as named."""
    low = torch.maximum(boxes[:, None, :2], boxes[:, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[:, 2:])
    both = (high - low).clamp(min=0).prod(dim=-1)
    area = _area(boxes)
    fits = both / (area[:, None] + area - both)
    scores, left = scores.clone(), torch.ones(len(scores), dtype=torch.bool, device=scores.device)
    first = scores.argsort(descending=True, stable=True)
    for step in range(len(scores)):
        open_scores = torch.where(left, scores, -1)
        best = open_scores.argmax()
        if last:
            best = len(scores) - 1 - open_scores.flip(0).argmax()
        best = int(first[step] if fixed else best)
        left[best] = itself
        lowered = scores * factor(fits[best])
        if again and not itself:
            lowered[best] = scores[best]
        scores = torch.where(left, lowered, scores) if not again else lowered
        left[best] = False
    return scores
