"""Lesson 21: its algorithms equal torchvision's and torchmetrics'; its scenes; its folders."""

import ast
import math
import os
import sys
from itertools import chain

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn, optim
from torchmetrics.detection import MeanAveragePrecision
from torchvision import ops

from helpers.paths import NOTEBOOKS, DataError
from helpers.pictures import load_images
from helpers.training import collect_outputs, make_batches
from tools.notebooks import read

STEM = "21_object_detection"
CASES = 1000
TOGETHER = 10  # cases that torchmetrics judges in one call
KINDS = 3  # classes in a random case
CONSTANTS = {"ticks", "LEVELS", "RECALLS"}


@pytest.fixture(scope="module", autouse=True)
def beside_the_notebook():
    """Let Python import the files beside the lesson, as its kernel does."""
    sys.path.insert(0, str(NOTEBOOKS))
    yield
    sys.path.remove(str(NOTEBOOKS))


@pytest.fixture(scope="module")
def lesson(beside_the_notebook):
    """Execute the lesson's functions and constants; nothing else of it runs."""
    from scenes import keep_above, make_scenes, split_by_scene
    from yolo_folder import load_scenes, read_folder, write_folder

    space = {"torch": torch, "nn": nn, "F": F, "optim": optim, "ops": ops, "math": math}
    space |= {"device": torch.device("cpu"), "STRIDE": 4, "GRID": 16}
    space |= {"make_batches": make_batches, "collect_outputs": collect_outputs}
    space |= {"keep_above": keep_above, "make_scenes": make_scenes, "load_scenes": load_scenes}
    space |= {"split_by_scene": split_by_scene, "read_folder": read_folder}
    space |= {"write_folder": write_folder}
    for cell in read(NOTEBOOKS / f"{STEM}.ipynb").cells:
        if cell.cell_type != "code" or "exercise" in cell.metadata.get("tags", []):
            continue
        kept = [part for part in ast.parse(cell.source).body if defines(part)]
        exec(compile(ast.Module(kept, []), STEM, "exec"), space)
    return space


def defines(part):
    """Say whether a statement defines a function or a constant."""
    if isinstance(part, ast.Assign):
        return getattr(part.targets[0], "id", "") in CONSTANTS
    return isinstance(part, ast.FunctionDef)


def some(generator, low, high):
    return int(torch.randint(low, high, (1,), generator=generator))


def draw_boxes(generator, most, whole):
    """Draw up to `most` boxes, none at times; whole numbers bring ties."""
    count = some(generator, 0, most + 1)
    low = 12 * torch.rand(count, 2, generator=generator)
    boxes = torch.cat([low, low + 3 + 6 * torch.rand(count, 2, generator=generator)], dim=1)
    return boxes.round() if whole else boxes


def draw_scores(generator, count, whole):
    scores = torch.rand(count, generator=generator)
    return (5 * scores).ceil() / 5 if whole else scores


def random_cases(start=0, count=CASES):
    for case in range(start, start + count):
        yield torch.Generator().manual_seed(case), case % 2 == 0


def test_iou_and_generalised_iou_are_torchvisions(lesson):
    for generator, whole in random_cases():
        a, b = (draw_boxes(generator, 8, whole) for _ in range(2))
        assert torch.equal(lesson["iou"](a[:, None], b), ops.box_iou(a, b))
        got, wanted = lesson["giou"](a[:, None], b), ops.generalized_box_iou(a, b)
        torch.testing.assert_close(got, wanted)


def test_suppression_is_torchvisions(lesson):
    for generator, whole in random_cases():
        boxes = draw_boxes(generator, 20, whole)
        scores = draw_scores(generator, len(boxes), whole)
        labels = torch.randint(0, KINDS, (len(boxes),), generator=generator)
        # limits that are the same in 32 and 64 bits, so that ties with them are ties in both
        limit = [0.0, 0.25, 0.375, 0.5, 0.75, 1.0][some(generator, 0, 6)]
        wanted = ops.nms(boxes, scores, limit)
        assert torch.equal(lesson["nms"](boxes, scores, limit), wanted)
        got = lesson["nms_by_class"](boxes, scores, labels, limit)
        boxes = boxes if whole else boxes + 1000 * labels[:, None] - 1000 * labels[:, None]
        assert torch.equal(got, ops.batched_nms(boxes, scores, labels, limit))


def draw_answers(generator, whole):
    """Draw what was found and what is true in 1 to 3 pictures."""
    found, true = [], []
    for _ in range(some(generator, 1, 4)):
        boxes = draw_boxes(generator, 7, whole)
        scores = draw_scores(generator, len(boxes), whole)
        labels = torch.randint(0, KINDS, (len(boxes),), generator=generator)
        order = scores.argsort(descending=True, stable=True)
        parts = zip(("boxes", "scores", "labels"), (boxes, scores, labels), strict=True)
        found.append({key: part[order] for key, part in parts})
        boxes = draw_boxes(generator, 7, whole)
        if some(generator, 0, 2):  # near the found ones, so that strict levels are reached
            boxes = found[-1]["boxes"] + (0 if whole else 0.3)
        labels = torch.randint(0, KINDS, (len(boxes),), generator=generator)
        true.append({"boxes": boxes, "labels": labels})
    return found, true


def with_own_classes(answers, case):
    return [{**each, "labels": each["labels"] + KINDS * case} for each in answers]


def judge(cases):
    """Let torchmetrics judge cases: the precision, (levels, classes), the classes, and means."""
    levels = [level / 100 for level in range(50, 100, 5)]
    how = {"iou_thresholds": levels, "rec_thresholds": [step / 100 for step in range(101)]}
    reference = MeanAveragePrecision(backend="faster_coco_eval", extended_summary=True, **how)
    for found, true in cases:
        reference.update(found, true)
    wanted = reference.compute()
    precision = wanted["precision"][..., 0, -1].mean(dim=1)  # of boxes of any size, and all of them
    return precision, wanted["classes"], [wanted[key].item() for key in ("map", "map_50", "map_75")]


def test_mean_average_precision_is_that_of_torchmetrics(lesson):
    for start in range(0, CASES, TOGETHER):
        cases = [draw_answers(*each) for each in random_cases(start, TOGETHER)]
        # each case gets classes of its own, so that one call of the reference judges them all
        apart = [[with_own_classes(part, i) for part in case] for i, case in enumerate(cases)]
        precision, classes, means = judge(apart)
        for i, (found, true) in enumerate(cases):
            mine = (classes // KINDS == i) & (precision[0] > -1)  # -1: no true box
            assert mine.sum() == len({int(label) for each in true for label in each["labels"]})
            got, wanted = lesson["mean_precision"](found, true), precision[:, mine].mean(dim=1)
            torch.testing.assert_close(got, wanted.to(got), rtol=0, atol=1e-6, equal_nan=True)
        together = ([*chain.from_iterable(part)] for part in zip(*apart, strict=True))
        got = lesson["mean_precision"](*together)
        got = [got.mean().item(), got[0].item(), got[5].item()]
        assert got == pytest.approx(means, abs=1e-6)


def draw_scenes(generator, whole):
    """Draw the boxes of two scenes, small and large ones, and the scene of each.

    Edges are whole 64ths of a pixel, so 32 bits hold middles and areas without rounding.
    """
    boxes = 4 * draw_boxes(generator, 9, whole)
    if some(generator, 0, 2):
        boxes[:, 2:] = boxes[:, :2] + (boxes[:, 2:] - boxes[:, :2]) / 4
    where = torch.randint(0, 2, (len(boxes),), generator=generator).sort().values
    return (64 * boxes).round() / 64, where


def middles():
    """Give the middle of each cell: (16, 16, x and y)."""
    row, column = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    return 4 * torch.stack([column, row], dim=-1) + 2


def test_cells_are_given_to_boxes_as_the_lesson_says(lesson):
    x, y = middles().unbind(dim=-1)
    for case in random_cases():
        boxes, where = draw_scenes(*case)
        left, top, right, bottom = boxes.T[:, :, None, None]  # each (boxes, 1, 1)
        near = (2 * x - left - right).abs() <= (right - left).clamp(4, 12)
        near &= (2 * y - top - bottom).abs() <= (bottom - top).clamp(4, 12)
        wanted = torch.full((2, 16, 16), -1)
        for scene in where.unique().tolist():
            claims = near & (where == scene)[:, None, None]
            areas = torch.where(claims, ops.box_area(boxes)[:, None, None], torch.inf)
            smallest = len(boxes) - 1 - areas.flip(0).argmin(dim=0)  # of equal ones, the last
            wanted[scene] = torch.where(claims.any(dim=0), smallest, -1)
        assert torch.equal(lesson["assign"](boxes, where, 2), wanted)


def test_decoding_and_the_loss_are_torchvisions(lesson):
    for generator, whole in random_cases():
        boxes, where = draw_scenes(generator, whole)
        labels = torch.randint(0, KINDS, (len(boxes),), generator=generator)
        owners = lesson["assign"](boxes, where, 2)
        raw = torch.randn(2, 16, 16, 5 + KINDS, generator=generator)
        raw[..., 3:5] = (2 * raw[..., 3:5]).round() if whole else raw[..., 3:5]
        sides = 16 * raw[..., 3:5].clamp(max=3).exp()
        found = torch.cat([middles() + 4 * raw[..., 1:3], sides], dim=-1)
        found = ops.box_convert(found, "cxcywh", "xyxy")
        torch.testing.assert_close(lesson["decode"](raw[..., 1:5]), found)

        speaks = owners >= 0
        found, true, kinds = found[speaks], boxes[owners[speaks]], labels[owners[speaks]]
        promise = torch.zeros(2, 16, 16)
        promise[speaks] = ops.box_iou(found, true).diagonal()
        wanted = [
            F.binary_cross_entropy_with_logits(raw[..., 0], promise, reduction="sum"),
            2 * ops.generalized_box_iou_loss(found, true, reduction="sum"),
            F.cross_entropy(raw[..., 5:][speaks], kinds, reduction="sum"),
        ]
        got = lesson["loss_parts"](raw, owners, boxes, labels)
        torch.testing.assert_close(got, torch.stack(wanted) / max(int(speaks.sum()), 1))


def test_every_box_has_a_cell_however_small(lesson):
    corners = torch.rand(200, 2) * 60
    boxes = torch.cat([corners, corners + 0.5], dim=1)
    owners = lesson["assign"](boxes, torch.arange(200), 200)
    assert ((owners >= 0).sum(dim=(1, 2)) >= 1).all()


def test_the_loss_in_parts_is_the_sum_over_cells(lesson):
    generator = torch.Generator().manual_seed(0)
    boxes = torch.tensor([[10.0, 12, 20, 30], [30, 30, 44, 50], [8, 9, 14, 20]])
    labels, where = torch.tensor([1, 0, 2]), torch.tensor([0, 0, 1])
    owners = lesson["assign"](boxes, where, 3)  # the third scene is empty
    raw = torch.randn(3, 16, 16, 8, generator=generator)
    found = lesson["decode"](raw[..., 1:5])
    score = fit = kind = 0.0
    for place in torch.cartesian_prod(torch.arange(3), torch.arange(16), torch.arange(16)).tolist():
        scene, row, column = place
        cell, number = raw[scene, row, column], owners[scene, row, column]
        promise = torch.tensor(0.0)
        if number >= 0:
            mine, true = found[scene, row, column][None], boxes[number][None]
            promise = ops.box_iou(mine, true)[0, 0]
            fit += 2 * ops.generalized_box_iou_loss(mine, true).item()
            kind += F.cross_entropy(cell[5:], labels[number]).item()
        score += F.binary_cross_entropy_with_logits(cell[0], promise).item()
    count = int((owners >= 0).sum())
    parts = lesson["loss_parts"](raw, owners, boxes, labels)
    torch.testing.assert_close(parts, torch.tensor([score, fit, kind]) / count, rtol=1e-4, atol=0)
    empty = lesson["loss_parts"](raw[2:], owners[2:], boxes, labels)
    assert empty.isfinite().all() and empty[1:].tolist() == [0, 0]


def test_the_detector_is_small(lesson):
    assert sum(p.numel() for p in lesson["make_detector"](10).parameters()) < 100_000


@pytest.mark.parametrize(
    ("label", "box", "kind"),
    [
        (3, [10.0, 10, 20, 20], None),
        (4, [10.0, 10, 20, 20], "wrong class"),
        (3, [40.0, 40, 50, 50], "background"),
    ],
)
def test_failures_are_sorted_by_kind(label, box, kind, lesson):
    true = [{"boxes": torch.tensor([[10.0, 10, 20, 20]]), "labels": torch.tensor([3])}]
    found = [{"boxes": torch.tensor([box]), "labels": torch.tensor([label])}]
    failures = lesson["sort_failures"](found, true)
    assert failures["missed"] == ([0] if kind else [])
    assert {name: rows for name, rows in failures.items() if rows and name != "missed"} == (
        {kind: [0]} if kind else {}
    )
    twice = [{key: part.repeat_interleave(2, dim=0) for key, part in found[0].items()}]
    assert len(lesson["sort_failures"](twice, true)["doubled"]) == (kind is None)


# Scenes


def test_scenes_are_the_same_for_a_seed_and_their_boxes_are_tight():
    from scenes import INK, make_scenes

    digits = load_images("digits").valid
    scenes = make_scenes(digits, 30, seed=5, turn=0.15)
    again = make_scenes(digits, 30, seed=5, turn=0.15)
    assert all(torch.equal(a, b) for a, b in zip(scenes, again, strict=True))
    assert scenes.pictures.shape == (30, 1, 64, 64)
    assert scenes.pictures.min() >= 0 and scenes.pictures.max() <= 1
    assert (scenes.scene.diff() >= 0).all() and scenes.scene.unique().tolist() == [*range(30)]
    assert scenes.scene.bincount().max() <= 6
    dark = 0.6 * INK - 4 * 0.08  # the faintest ink, and noise
    for box, scene in zip(scenes.boxes.int().tolist(), scenes.scene.tolist(), strict=True):
        left, top, right, bottom = box
        inside = scenes.pictures[scene, 0, top:bottom, left:right]
        edges = [inside[0], inside[-1], inside[:, 0], inside[:, -1]]
        assert all(edge.max() > dark for edge in edges)
        assert inside.max() > 0.4
    assert 1 <= scenes.labels.unique().numel() <= 10


def test_scenes_of_a_part_do_not_depend_on_how_many_are_asked_for_in_all():
    from scenes import make_scenes

    digits = load_images("digits").valid
    assert len(make_scenes(digits, 401, seed=0).pictures) == 401
    few, many = (make_scenes(digits, count, seed=0) for count in (400, 800))
    assert torch.equal(few.pictures, many.pictures[:400])


# Folders in YOLO's text format


GOOD = "0 0.5 0.5 0.25 0.5\n1 0.1 0.2 0.1 0.2\n"


@pytest.fixture
def folder(tmp_path):
    """Write a folder of two pictures: one with two boxes, one with none."""
    for name in ("images/deep", "labels/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    for name, text in (("a", GOOD), ("deep/b", "")):
        Image.new("L", (40, 20), 128).save(tmp_path / "images" / f"{name}.png")
        (tmp_path / "labels" / f"{name}.txt").write_text(text)
    return tmp_path


def test_boxes_are_read_as_shares_and_an_empty_file_is_no_object(folder):
    from yolo_folder import load_scenes, read_folder

    (first, second), classes = read_folder(folder)
    assert classes == ["cat", "dog"]
    assert first.labels.tolist() == [0, 1]
    wanted = torch.tensor([[0.375, 0.25, 0.625, 0.75], [0.05, 0.1, 0.15, 0.3]])
    torch.testing.assert_close(first.boxes, wanted)
    assert second.path.name == "b.png"
    assert second.boxes.shape == (0, 4) and second.labels.shape == (0,)
    assert second.labels.dtype == torch.int64
    with pytest.raises(DataError, match="holds 2 pictures, expected 5 or more"):
        load_scenes(folder)


@pytest.mark.parametrize(
    "data",
    [
        GOOD.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.rstrip().encode(),
        GOOD.replace("\n", "\n\n  \n").encode(),
        GOOD.replace(" ", "\t").encode(),
        b"0.0 5e-1 .5 0.25 0.5\r\n1 0.1 0.2 0.1 0.2",
    ],
)
def test_line_ends_marks_and_blank_lines_do_not_matter(data, folder):
    from yolo_folder import read_folder

    wanted = read_folder(folder)[0][0]
    (folder / "labels" / "a.txt").write_bytes(data)
    (folder / "classes.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n\r\n")
    found, classes = read_folder(folder)
    assert classes == ["cat", "dog"]
    assert torch.equal(found[0].boxes, wanted.boxes)
    assert torch.equal(found[0].labels, wanted.labels)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 0.5 0.5 0.2", "4 numbers, expected 5: class x y w h"),
        ("0 0.5 0.5 0.2 0.2 0.9", "6 numbers, expected 5"),
        ("0,0.5,0.5,0.2,0.2", "1 numbers, expected 5"),
        ("0 0.5 half 0.2 0.2", "'half' is not a number"),
        ("0 0.5 0,5 0.2 0.2", "'0,5' is not a number"),
        ("cat 0.5 0.5 0.2 0.2", "'cat' is not a number"),
        ("2 0.5 0.5 0.2 0.2", "there is no class 2; classes.txt names 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "there is no class -1"),
        ("0.5 0.5 0.5 0.2 0.2", r"there is no class 0\.5"),
        ("nan 0.5 0.5 0.2 0.2", "there is no class nan"),
        ("0 1.5 0.5 0.2 0.2", r"x is 1\.5, expected a share from 0 to 1"),
        ("0 0.5 -0.1 0.2 0.2", r"y is -0\.1, expected a share"),
        ("0 0.5 0.5 20 0.2", "w is 20, expected a share.*divide pixels"),
        ("0 0.5 0.5 0.2 nan", "h is nan, expected a share"),
        ("0 0.5 0.5 0.2 inf", "h is inf, expected a share"),
        ("0 0.5 0.5 0 0.2", "the box is empty, w is 0 and h is 0.2"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(line, says, folder):
    from yolo_folder import read_folder

    (folder / "labels" / "a.txt").write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(DataError, match=rf"^labels/a\.txt, line 4: {says}"):
        read_folder(folder)


def test_a_box_beyond_the_edge_is_cut(folder):
    from yolo_folder import read_folder

    (folder / "labels" / "a.txt").write_text("1 0.05 0.9 0.2 0.4")
    torch.testing.assert_close(
        read_folder(folder)[0][0].boxes, torch.tensor([[0.0, 0.7, 0.15, 1.0]])
    )


def write(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda f: (f / "labels/a.txt").unlink(),
            r"images/a\.png has no labels/a\.txt; label it, or make an empty file",
        ),
        (
            lambda f: (f / "images/deep/b.png").unlink(),
            r"labels/deep/b\.txt has no picture images/deep/b",
        ),
        (
            lambda f: Image.new("L", (9, 9)).save(f / "images/a.jpg"),
            r"images/a\.jpg and images/a\.png would share",
        ),
        (lambda f: (f / "classes.txt").unlink(), r"has no classes\.txt"),
        (lambda f: write(f, "classes.txt", "\n"), r"classes\.txt names no class"),
        (lambda f: write(f, "classes.txt", "a\n\nb"), r"classes\.txt, line 2: blank"),
        (lambda f: write(f, "classes.txt", "a\na\n"), r"classes\.txt, line 2: 'a' is named twice"),
        (
            lambda f: (f / "labels/a.txt").write_bytes(b"\xff\xfe0\x00"),
            r"labels/a\.txt is no text in UTF-8",
        ),
        (lambda f: (f / "labels").rename(f / "label"), "has no folder labels/"),
        (lambda f: (f / "images").rename(f / "image"), "has no folder images/"),
    ],
)
def test_what_is_missing_is_named(change, says, folder):
    from yolo_folder import read_folder

    change(folder)
    with pytest.raises(DataError, match=says):
        read_folder(folder)


def test_a_folder_without_pictures_or_that_is_not_there_is_refused(tmp_path):
    from yolo_folder import read_folder

    with pytest.raises(DataError, match="has no folder images/"):
        read_folder(tmp_path / "nowhere")
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    (tmp_path / "classes.txt").write_text("cat")
    with pytest.raises(DataError, match="holds no picture"):
        read_folder(tmp_path)


def test_what_systems_leave_behind_is_passed_over(folder):
    from yolo_folder import read_folder

    for name in (
        "images/.DS_Store",
        "images/Thumbs.db",
        "labels/.hidden.txt",
        "labels/classes.txt",
    ):
        write(folder, name, "x")
    assert len(read_folder(folder)[0]) == 2


def test_the_switch_trains_on_a_folder(lesson, tmp_path, monkeypatch, capsys):
    scenes = lesson["make_scenes"](load_images("digits").valid, 10, seed=0)
    truth = lesson["split_by_scene"](scenes)
    columns = [[each[key] for each in truth] for key in ("boxes", "labels")]
    lesson["write_folder"](tmp_path, scenes.pictures, *columns, [*"0123456789"])
    learn, valid, classes = lesson["load_scenes"](tmp_path)
    for part, rows in ((learn, [0, 1, 2, 3, 5, 6, 7, 8]), (valid, [4, 9])):
        assert (part.pictures - scenes.pictures[rows]).abs().max() < 0.003
        for answer, row in zip(lesson["split_by_scene"](part), rows, strict=True):
            torch.testing.assert_close(answer["boxes"], truth[row]["boxes"], atol=1e-3, rtol=0)
            assert torch.equal(answer["labels"], truth[row]["labels"])
    assert classes == [*"0123456789"]
    monkeypatch.setenv("LADDER_DETECTION", str(tmp_path))
    (cell,) = [
        cell.source
        for cell in read(NOTEBOOKS / f"{STEM}.ipynb").cells
        if 'get("LADDER_DETECTION")' in cell.source
    ]

    exec(cell.replace("steps=700", "steps=2"), {**lesson, "os": os})
    said = capsys.readouterr().out.strip()
    assert said.startswith("LADDER_DETECTION: mAP50 ")
    assert 0 <= float(said.rsplit(" ", 1)[1]) <= 1
