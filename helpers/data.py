"""Where data lives, the data sets that come with the series, and how to split them.

Everything that a lesson uses by default is real and needs no network: scikit-learn ships the
diabetes, breast cancer and digits tables and two photographs; `data/wine.csv` is ours, with its
source in `data/README.md`. `load_images` can also download three larger sets of pictures.
"""

import csv
import functools
import gzip
import http.client
import math
import os
import shutil
import socket
import string
import tempfile
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional

LATIN = string.ascii_letters
GREEK = "αβγδεζηθικλμνξοπρστυφχψω"


class DataError(ValueError):
    """Data is missing or malformed; the message names the file, the line and the cure."""


class Table(NamedTuple):
    """A data set: what goes into a model, what should come out, and what the numbers mean.

    Attributes:
        inputs: float32, (examples, features) for tables, (examples, channels, height, width) in
            0 to 1 for pictures.
        targets: (examples,), int64 class numbers, or float32 for regression.
        feature_names: One a feature; empty for pictures.
        class_names: One a class number; empty for regression.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    feature_names: list[str]
    class_names: list[str]


class Images(NamedTuple):
    """Pictures for training, validation and test, never overlapping.

    Attributes:
        name: Of the set: "digits", "mnist", "fashion_mnist" or "cifar10".
        train: To train on.
        valid: To choose by.
        test: To look at once, at the end.
    """

    name: str
    train: Table
    valid: Table
    test: Table


def data_dir() -> Path:
    """Name the folder of the data: the variable `LADDER_DATA`, or the repository's `data/`.

    Raises:
        DataError: The folder that the variable names is not there.
    """
    folder = Path(os.environ.get("LADDER_DATA") or Path(__file__).resolve().parents[1] / "data")
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; make it, or unset LADDER_DATA")
    return folder


def runs_dir() -> Path:
    """Name the folder of logs and checkpoints: `LADDER_RUNS`, or the repository's `runs/`.

    A relative path in the variable counts from the repository, as `make board` counts it.

    Raises:
        DataError: The folder is not there, or cannot be written in.
    """
    folder = Path(__file__).resolve().parents[1] / (os.environ.get("LADDER_RUNS") or "runs")
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; make it, or unset LADDER_RUNS")
    if not os.access(folder, os.W_OK):
        raise DataError(f"cannot write in {folder}; set LADDER_RUNS to a folder of yours")
    return folder


def load_table(name: str) -> Table:
    """Load a table that comes with the series.

    Args:
        name: "wine" (178 x 13, 3 classes), "breast_cancer" (569 x 30, 2 classes), "diabetes"
            (442 x 10, in the units of the source, regression) or "digits" (1797 pictures of
            1 x 8 x 8, 10 classes).

    Raises:
        DataError: There is no such table, or `data/wine.csv` is missing or malformed.
    """
    if name == "wine":
        return read_csv(data_dir() / "wine.csv", target="class")
    from sklearn import datasets  # takes half a second, so only where it is needed

    options = {"diabetes": {"scaled": False}, "breast_cancer": {}, "digits": {}}
    if name not in options:
        raise DataError(f"no table {name!r}; choose one of {sorted([*options, 'wine'])}")
    raw = getattr(datasets, f"load_{name}")(**options[name])
    inputs, targets = torch.from_numpy(raw.data).float(), torch.from_numpy(raw.target)
    if name == "diabetes":
        return Table(inputs, targets.float(), list(raw.feature_names), [])
    classes = [str(label) for label in raw.target_names]
    if name == "digits":
        return Table(inputs.reshape(-1, 1, 8, 8) / 16, targets, [], classes)
    return Table(inputs, targets, [str(n) for n in raw.feature_names], classes)


def load_images(name: str | None = None, seed: int = 0) -> Images:
    """Load a set of pictures of ten classes, downloading it into `data_dir()` if need be.

    Args:
        name: "digits" (1797 pictures of 1 x 8 x 8, which need no network), "mnist" or
            "fashion_mnist" (70 000 of 1 x 28 x 28, 12 or 31 MB to download), or "cifar10" (60 000
            of 3 x 32 x 32, 170 MB). None for the variable `LADDER_IMAGES`, or else "digits".
        seed: Of the split. A fifth of the digits is the test set, a tenth the validation set; the
            other sets come with a test set, and a tenth of the rest is for validation.

    Raises:
        DataError: There is no such set; or it is not in the folder, and cannot be downloaded.
    """
    name = name or os.environ.get("LADDER_IMAGES") or "digits"
    loaders = {"mnist": _read_mnist, "fashion_mnist": _read_mnist, "cifar10": _read_cifar}
    if name == "digits":
        table = load_table("digits")
        train, valid, test = split(table.targets, (0.7, 0.1, 0.2), seed)
        return Images(name, *(_rows(table, rows) for rows in (train, valid, test)))
    if name not in loaders:
        raise DataError(f"no set of pictures {name!r}; choose one of {['digits', *loaders]}")
    rest, test = loaders[name](name)
    train, valid = split(rest.targets, (0.9, 0.1), seed)
    return Images(name, _rows(rest, train), _rows(rest, valid), test)


def _rows(table: Table, rows: torch.Tensor) -> Table:
    return table._replace(inputs=table.inputs[rows], targets=table.targets[rows])


def _read_mnist(name: str) -> tuple[Table, Table]:
    """Read MNIST or Fashion-MNIST from its four archives, whose MD5s torchvision knows."""
    from torchvision import datasets  # takes a second, so only where it is needed

    source = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[name]
    folder = data_dir() / source.__name__ / "raw"
    mirrors = [[f"{mirror}{file}" for mirror in source.mirrors] for file, _ in source.resources]
    files = [(urls, md5) for urls, (_, md5) in zip(mirrors, source.resources, strict=True)]
    paths = {path.name.split("-idx")[0]: path for path in _download(name, folder, files)}
    tables = []
    for part in ("train", "t10k"):
        pixels = gzip.decompress(paths[f"{part}-images"].read_bytes())
        labels = gzip.decompress(paths[f"{part}-labels"].read_bytes())
        # The format: 4 bytes that name it, 4 a dimension, then a byte a number.
        targets = torch.frombuffer(bytearray(labels), dtype=torch.uint8, offset=8).long()
        inputs = torch.frombuffer(bytearray(pixels), dtype=torch.uint8, offset=16)
        inputs = inputs.reshape(len(targets), 1, 28, 28) / 255
        tables.append(Table(inputs, targets, [], [c.split(" - ")[0] for c in source.classes]))
    return tables[0], tables[1]


def _read_cifar(name: str) -> tuple[Table, Table]:
    """Read CIFAR-10; torchvision unpacks its archive, and checks the MD5 of each file in it."""
    from torchvision import datasets

    source = datasets.CIFAR10
    _download(name, data_dir(), [([source.url], source.tgz_md5)])
    tables = []
    for train in (True, False):
        try:
            raw = source(data_dir(), train=train, download=True)
        except OSError as error:
            say = f"cannot unpack {source.filename} in {data_dir()}: {error}"
            raise DataError(f"{say}; free space or set LADDER_DATA") from None
        inputs = torch.from_numpy(raw.data).permute(0, 3, 1, 2) / 255
        tables.append(Table(inputs.contiguous(), torch.tensor(raw.targets), [], raw.classes))
    return tables[0], tables[1]


def _download(name: str, folder: Path, files: list[tuple[list[str], str]]) -> list[Path]:
    """Make sure that files are in a folder, each with its MD5; one that lacks appears whole."""
    from torchvision.datasets.utils import check_integrity, download_url

    paths = [folder / urls[0].rsplit("/", 1)[1] for urls, _ in files]
    for path, (urls, md5) in zip(paths, files, strict=True):
        if check_integrity(path, md5):
            continue
        errors, timeout, staging = [], socket.getdefaulttimeout(), None
        try:
            socket.setdefaulttimeout(30)  # seconds; a network that swallows packets never answers
            folder.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(dir=folder, prefix=f".{path.name}."))
            for url in urls:
                try:
                    print(f"downloading {url}")
                    download_url(url, staging, path.name, md5)
                    (staging / path.name).replace(path)
                    break
                except (OSError, RuntimeError, http.client.HTTPException) as error:
                    errors.append(f"{url}: {error}")
            else:
                names = ", ".join(p.name for p in paths)
                there = "damaged in" if path.exists() else "not in"
                raise DataError(
                    f"{name}: {path.name} is {there} {folder}, and cannot be downloaded "
                    f"({'; '.join(errors)}). Connect to a network and run this again; or put "
                    f"{names} into that folder by hand; or use load_images('digits') (or "
                    "LADDER_IMAGES=digits), which needs no network"
                )
        except OSError as error:
            raise DataError(
                f"{name}: cannot write in {folder}: {error}; free space or set LADDER_DATA"
            ) from None
        finally:
            socket.setdefaulttimeout(timeout)
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
    return paths


def render_glyphs(
    letters: str, per_class: int, generator: torch.Generator, size: int = 16
) -> Table:
    """Draw letters in the fonts that matplotlib ships, each a little different from every other.

    A picture shows one letter in one of twelve faces of DejaVu and STIX, turned by up to 15
    degrees, sheared by up to 0.2, scaled by 0.8 to 1.15, shifted by up to a twelfth of the picture,
    with grey noise. White on black.

    Args:
        letters: One class each, such as `LATIN` or `GREEK`.
        per_class: Pictures of each class.
        generator: On the CPU; all that is random comes from it.
        size: Pixels, across and down.

    Returns:
        Pictures, (classes x per_class, 1, size, size) in 0 to 1, in random order; their classes,
        numbered in the order of `letters`, whose names are the letters.

    Raises:
        DataError: A letter stands twice, or the fonts lack it.
    """
    if len(set(letters)) < len(letters) or not letters:
        raise DataError(f"expected letters that differ from one another, got {letters!r}")
    masters = _glyph_masters(letters)  # (letters, faces, 64, 64)
    targets = torch.arange(len(letters)).repeat_interleave(per_class)
    targets = targets[torch.randperm(len(targets), generator=generator)]

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(len(targets), *shape, generator=generator)

    faces = torch.randint(masters.shape[1], (len(targets),), generator=generator)
    angle, shear, scale = draw(-0.26, 0.26), draw(-0.2, 0.2), draw(0.8, 1.15, 1)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1)
    slant = torch.stack([torch.ones_like(shear), shear, 0 * shear, torch.ones_like(shear)], dim=1)
    matrix = turn.reshape(-1, 2, 2) @ slant.reshape(-1, 2, 2) / scale.unsqueeze(2)
    affine = torch.cat([matrix, draw(-1 / 6, 1 / 6, 2, 1)], dim=2)
    pictures, noise = [], draw(0, 0.12, 1, 1, 1)
    for rows in torch.arange(len(targets)).split(2000):  # a little memory at a time
        grid = functional.affine_grid(affine[rows], [len(rows), 1, 2 * size, 2 * size], False)
        master = masters[targets[rows], faces[rows]].unsqueeze(1)
        sampled = functional.grid_sample(master, grid, align_corners=False)
        pictures.append(functional.avg_pool2d(sampled, 2))
    inputs = torch.cat(pictures)
    inputs += noise * torch.randn(inputs.shape, generator=generator)
    return Table(inputs.clamp(0, 1), targets, [], list(letters))


@functools.cache
def _glyph_masters(letters: str) -> torch.Tensor:
    """Draw each letter large in each face, on one baseline: (letters, faces, 64, 64)."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    faces = [f"DejaVu{kind}.ttf" for kind in ("Sans", "Sans-Bold", "Sans-Oblique")]
    faces += [f"DejaVu{kind}.ttf" for kind in ("Serif", "Serif-Bold", "Serif-Italic")]
    faces += [f"DejaVu{kind}.ttf" for kind in ("SansMono", "SansMono-Bold")]
    faces += [f"STIXGeneral{kind}.ttf" for kind in ("", "Bol", "Italic", "BolIta")]
    masters = torch.zeros(len(letters), len(faces), 64, 64)
    for j, face in enumerate(faces):
        font = ImageFont.truetype(folder / face, 52, layout_engine=ImageFont.Layout.BASIC)
        nothing = bytes(font.getmask("\uffff"))  # what a face shows for a letter it lacks
        for i, letter in enumerate(letters):
            if bytes(font.getmask(letter)) in (nothing, b""):
                raise DataError(f"{face} has no letter {letter!r}; choose another")
            canvas = Image.new("L", (64, 64))
            ImageDraw.Draw(canvas).text((32, 47), letter, fill=255, font=font, anchor="ms")
            pixels = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8)
            masters[i, j] = pixels.reshape(64, 64) / 255
    return masters


def load_photo(name: str = "china") -> torch.Tensor:
    """Load one of scikit-learn's two photographs, "china" or "flower": uint8, (3, 427, 640).

    Raises:
        DataError: There is no such photograph.
    """
    from sklearn.datasets import load_sample_image

    if name not in ("china", "flower"):
        raise DataError(f"no photograph {name!r}; choose 'china' or 'flower'")
    photo = torch.tensor(load_sample_image(f"{name}.jpg"))  # (height, width, channels)
    return photo.permute(2, 0, 1).contiguous()


def read_csv(path: str | Path, target: str) -> Table:
    """Read a table of numbers with a header line and one column of class names.

    A byte-order mark, either kind of line end and gzip (by the name's `.gz`) are understood.

    Args:
        path: The file.
        target: The column that holds the class; every other column is a feature.

    Returns:
        The table; classes are numbered in the alphabetical order of their names.

    Raises:
        DataError: The file is missing, unreadable, cut short or malformed.
    """
    path = Path(path)
    rows = _read_rows(path)
    if len(rows) < 2:
        raise DataError(f"{path} has no rows of data; copy it anew")
    line, header = rows.pop(0)
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise DataError(f"{path}, line {line}: column {doubled[0]!r} stands twice; rename one")
    if target not in header or len(header) < 2:
        say = f"expected a column {target!r} and one number column or more, got {header}"
        raise DataError(f"{path}, line {line}: {say}; mend the header")
    at = header.index(target)
    names = header[:at] + header[at + 1 :]
    values, labels = [], []
    for line, row in rows:
        if len(row) != len(header):
            say = f"expected {len(header)} values, got {len(row)}"
            raise DataError(f"{path}, line {line}: {say}; mend the line")
        labels.append(row.pop(at))
        if not labels[-1]:
            say = "expected a class, got an empty cell"
            raise DataError(f"{path}, line {line}, column {target}: {say}; mend or drop the line")
        where = [f"{path}, line {line}, column {name}" for name in names]
        values.append(list(map(_number, row, where)))
    classes = sorted(set(labels))
    if len(classes) < 2:
        say = f"every row is of class {classes[0]!r}; expected two classes or more"
        raise DataError(f"{path}: {say}; add rows of another class")
    targets = torch.tensor([classes.index(label) for label in labels])
    return Table(torch.tensor(values), targets, names, classes)


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Give each row's line number and cells; blank lines are passed over."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the file in it")
    rows, line = [], 0
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                line = reader.line_num
                if row:
                    rows.append((line, row))
    except FileNotFoundError:
        raise DataError(f"no file {path}; put it there, or set LADDER_DATA to its folder") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is cut short or no gzip file ({error}); copy it anew") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from None
    except csv.Error as error:
        say = f"a quotation mark is unpaired, or a cell too long ({error})"
        raise DataError(f"{path}, line {line + 1}: {say}; mend the line") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}; free it or copy it anew") from None
    return rows


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= torch.finfo(torch.float32).max:
        say = f"expected a finite number, got {text!r}"
        raise DataError(f"{where}: {say}; mend it or drop the line")
    return value


def split(
    targets: torch.Tensor | int, shares: Sequence[float] = (0.6, 0.2, 0.2), seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Split examples at random into parts that never overlap and leave none out.

    Args:
        targets: int64 class numbers, (examples,), for a stratified split, in which every part has
            each class in its share, to within one example; or just how many examples there are.
        shares: The parts' shares, such as (0.6, 0.2, 0.2) for train, validation and test.
        seed: Of the shuffle; torch's global random state is neither used nor changed.

    Returns:
        For each part the examples' numbers, int64, ascending.

    Raises:
        DataError: The shares do not add up to 1, a part would be empty, or a class has fewer
            examples than there are parts.
    """
    stratified = isinstance(targets, torch.Tensor)
    if stratified and (targets.ndim != 1 or targets.is_floating_point()):
        say = f"{targets.dtype} of shape {tuple(targets.shape)}"
        raise DataError(f"expected class numbers of shape (examples,), got {say}")
    count = len(targets) if stratified else targets
    if min(shares, default=0) <= 0 or not math.isclose(sum(shares), 1):
        raise DataError(f"expected positive shares that add up to 1, got {tuple(shares)}")
    ends = [round(count * sum(shares[: i + 1])) for i in range(len(shares))]
    too_few = DataError(f"{count} examples are too few for the shares {tuple(shares)}; add some")
    if min(b - a for a, b in pairwise([0, *ends])) < 1:
        raise too_few
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    if not stratified:
        return tuple(part.sort().values for part in order.tensor_split(ends[:-1]))
    labels, parts = targets.cpu()[order], [[] for _ in shares]
    owed = torch.zeros(len(shares), dtype=torch.float64)  # to each part, from the classes so far
    for label in labels.unique():
        members = order[labels == label]
        if len(members) < len(shares):
            say = f"class {int(label)} has {len(members)} examples"
            raise DataError(f"{say}, fewer than the {len(shares)} parts; use fewer parts")
        exact = (len(members) * torch.tensor(shares, dtype=torch.float64)).round(decimals=6)
        sizes = exact.floor()
        owed += exact - sizes
        # What rounding down leaves over goes, one each, to the parts that are owed most.
        claims = owed.where(exact > sizes, -math.inf).argsort(descending=True, stable=True)
        over = claims[: len(members) - int(sizes.sum())]
        sizes[over] += 1
        owed[over] -= 1
        for part, some in zip(parts, members.split(sizes.long().tolist()), strict=True):
            part.append(some)
    if not all(sum(map(len, part)) for part in parts):
        raise too_few
    return tuple(torch.cat(part).sort().values for part in parts)


def write_image_folder(table: Table, folder: str | Path) -> Path:
    """Write pictures as PNG files, a folder a class: `folder/CLASS/00042.png`.

    The folder appears whole or not at all; if it is there already, nothing is written.

    Args:
        table: Pictures of one or three channels in 0 to 1, and their classes.
        folder: To be made.

    Returns:
        The folder.

    Raises:
        DataError: The folder cannot be written.
    """
    folder = Path(folder)
    if folder.is_dir():
        return folder
    from PIL import Image

    staging = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        for name in table.class_names:
            (staging / name).mkdir()
        pixels = (table.inputs * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for i, (picture, target) in enumerate(zip(pixels, table.targets.tolist(), strict=True)):
            image = Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)
            image.save(staging / table.class_names[target] / f"{i:05}.png")
        staging.chmod(0o755)
        staging.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was quicker, and all is well
            raise DataError(
                f"cannot write {folder}: {error}; free space or set LADDER_DATA"
            ) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return folder
