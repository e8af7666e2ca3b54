"""Read and write pictures with boxes in YOLO's text format, for lesson 21.

A folder holds `images/`, `labels/` and `classes.txt`, which has the name of a class on each line.
The boxes of `images/yard/a.jpg` stand in `labels/yard/a.txt`: a line a box, `class x y w h`. The
class is a whole number, from 0; x and y are the box's centre, w and h its width and height, as
shares of the picture's width and height. A file without lines says that there is no object.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from scenes import Scenes
from torchvision.transforms import v2

from helpers.paths import DataError
from helpers.pictures import PICTURE_ENDS, open_picture


class Labelled(NamedTuple):
    """A picture's file with what is in it.

    Attributes:
        path: Of the picture.
        labels: (boxes,), class numbers, int64.
        boxes: (boxes, 4), left, top, right and bottom edge, as shares of the picture: 0 to 1.
    """

    path: Path
    labels: torch.Tensor
    boxes: torch.Tensor


def read_folder(folder: str | Path) -> tuple[list[Labelled], list[str]]:
    """Read the labels of a folder in YOLO's text format; the pictures stay unopened.

    Windows' line ends, a byte-order mark and blank lines are fine; names that begin with a dot are
    passed over. What a box has beyond the picture's edge is cut off.

    Args:
        folder: Holds `images/`, `labels/` and `classes.txt`, as the module says.

    Returns:
        The pictures, by name, and the names of the classes.

    Raises:
        DataError: Something is missing or malformed. The message names the file, and the line.
    """
    place = Path(folder).expanduser().absolute()
    for name in ("images", "labels"):
        if not (place / name).is_dir():
            raise DataError(f"{place} has no folder {name}/; expected images/ and labels/ there")
    classes = _read_classes(place)
    pictures = _by_stem(place / "images", PICTURE_ENDS)
    labels = _by_stem(place / "labels", (".txt",))
    for stem, path in pictures.items():
        if stem not in labels:
            say = f"{_short(path, place)} has no labels/{stem}.txt"
            raise DataError(f"{say}; label it, or make an empty file if it shows no object")
    for stem, path in labels.items():
        if stem not in pictures:
            say = f"{_short(path, place)} has no picture images/{stem} ({', '.join(PICTURE_ENDS)})"
            raise DataError(f"{say}; put it there, or delete the labels")
    if not pictures:
        raise DataError(f"{place / 'images'} holds no picture ({', '.join(PICTURE_ENDS)})")
    found = []
    for stem in sorted(pictures):
        name = _short(labels[stem], place)
        lines = _read_text(labels[stem], name).splitlines()
        rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        read = [read_line(line, classes, f"{name}, line {number}") for number, line in rows]
        numbers = torch.tensor([number for number, _ in read], dtype=torch.int64)
        boxes = torch.tensor([box for _, box in read]).reshape(-1, 4)
        found.append(Labelled(pictures[stem], numbers, boxes))
    return found, classes


def read_line(line: str, classes: Sequence[str], place: str) -> tuple[int, list[float]]:
    """Read a line `class x y w h`.

    Args:
        line: As it stands in the file.
        classes: The names; a line holds the number of one.
        place: Where the line stands, for the message.

    Returns:
        The class number, and the left, top, right and bottom edge as shares of the picture.

    Raises:
        DataError: The line is malformed.
    """
    words = line.split()
    if len(words) != 5:
        say = f"{place}: {len(words)} numbers, expected 5: class x y w h"
        raise DataError(f"{say} (found {line.strip()[:60]!r})")
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise DataError(f"{place}: {str(error).split(': ')[-1]} is not a number") from None
    number, x, y, w, h = values
    last = len(classes) - 1
    if number not in range(len(classes)):
        say = f"{place}: there is no class {words[0]}; classes.txt names 0 to {last}"
        raise DataError(f"{say} ({', '.join(classes)[:60]})")
    for name, value, word in zip("xywh", values[1:], words[1:], strict=True):
        if not (math.isfinite(value) and 0 <= value <= 1):
            say = f"{place}: {name} is {word}, expected a share from 0 to 1"
            raise DataError(f"{say}; divide pixels by the picture's width or height")
    edges = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    if left >= right or top >= bottom:
        raise DataError(f"{place}: the box is empty, w is {words[3]} and h is {words[4]}")
    return int(number), [left, top, right, bottom]


def load_scenes(folder: str | Path, size: int = 64) -> tuple[Scenes, Scenes, list[str]]:
    """Read a folder as scenes: its pictures in grey, each squeezed to a square.

    Args:
        folder: As `read_folder` takes it.
        size: Pixels along a side.

    Returns:
        Scenes to learn from, every fifth picture for validation, with boxes in pixels, and the
        names of the classes.

    Raises:
        DataError: As `read_folder`; or a file is no picture; or there are less than five.
    """
    labelled, classes = read_folder(folder)
    if len(labelled) < 5:
        say = f"{folder} holds {len(labelled)} pictures, expected 5 or more"
        raise DataError(f"{say}; every fifth is for validation")
    valid = labelled[4::5]
    train = [each for number, each in enumerate(labelled) if number % 5 != 4]
    return _open_all(train, size), _open_all(valid, size), classes


def _open_all(labelled: list[Labelled], size: int) -> Scenes:
    steps = [v2.Grayscale(), v2.Resize((size, size)), v2.ToImage()]
    shrink = v2.Compose([*steps, v2.ToDtype(torch.float32, scale=True)])
    pictures = torch.stack([shrink(open_picture(each.path)) for each in labelled])
    counts = torch.tensor([len(each.labels) for each in labelled])
    scene = torch.arange(len(labelled)).repeat_interleave(counts)
    boxes = size * torch.cat([each.boxes for each in labelled])
    return Scenes(pictures, boxes, torch.cat([each.labels for each in labelled]), scene)


def write_folder(
    folder: str | Path,
    pictures: torch.Tensor,
    boxes: Sequence[torch.Tensor],
    labels: Sequence[torch.Tensor],
    classes: Sequence[str],
) -> Path:
    """Write pictures and boxes as a folder that `read_folder` reads.

    Args:
        folder: Is made; what lies there already stays, files of these names aside.
        pictures: (pictures, 1, height, width), 0 to 1.
        boxes: For each picture (boxes, 4): left, top, right and bottom edge in pixels.
        labels: For each picture (boxes,), the class numbers.
        classes: Their names.

    Returns:
        The folder.
    """
    place = Path(folder)
    for name in ("images", "labels"):
        (place / name).mkdir(parents=True, exist_ok=True)
    (place / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    height, width = pictures.shape[2:]
    for number, (picture, edges, kinds) in enumerate(zip(pictures, boxes, labels, strict=True)):
        grey = (picture[0].cpu() * 255).round().byte().numpy()
        Image.fromarray(grey).save(place / "images" / f"{number:04}.png")
        low, high = edges[:, :2].cpu(), edges[:, 2:].cpu()
        shares = torch.cat([(low + high) / 2, high - low], dim=1)
        shares = shares / torch.tensor([width, height, width, height])
        lines = [
            " ".join([str(kind), *(f"{share:.6f}" for share in row)]) + "\n"
            for kind, row in zip(kinds.tolist(), shares.tolist(), strict=True)
        ]
        (place / "labels" / f"{number:04}.txt").write_text("".join(lines), encoding="utf-8")
    return place


def _read_classes(place: Path) -> list[str]:
    path = place / "classes.txt"
    if not path.is_file():
        raise DataError(f"{place} has no classes.txt; write the name of a class on each line")
    classes = [line.strip() for line in _read_text(path, "classes.txt").splitlines()]
    while classes and not classes[-1]:
        classes.pop()
    if not classes:
        raise DataError("classes.txt names no class; write the name of a class on each line")
    for number, name in enumerate(classes, 1):
        if not name:  # a blank line would shift the numbers of all that follow
            raise DataError(f"classes.txt, line {number}: blank, expected the name of a class")
        if name in classes[: number - 1]:
            raise DataError(f"classes.txt, line {number}: {name!r} is named twice")
    return classes


def _read_text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{name} is no text in UTF-8; save it as such") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}") from None


def _by_stem(folder: Path, ends: tuple[str, ...]) -> dict[str, Path]:
    """Find files by their path in the folder, without the ending."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        shown = not any(part.startswith(".") or part in ("__MACOSX", "@eaDir") for part in parts)
        if not (shown and path.name.lower().endswith(ends) and path.is_file()):
            continue
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem == "classes" and ends == (".txt",):
            continue  # some programs put a copy of classes.txt beside the labels
        if stem in found:
            say = f"{_short(found[stem], folder.parent)} and {_short(path, folder.parent)}"
            raise DataError(f"{say} would share their labels; rename one")
        found[stem] = path
    return found


def _short(path: Path, place: Path) -> str:
    return path.relative_to(place).as_posix()
