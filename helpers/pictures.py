"""Pictures: photographs, the sets of ten classes that lessons 10 and later read, folders of files.

The photographs and the digits need no network: scikit-learn ships them. `load_images` can also
download three larger sets.
"""

import contextlib
import gzip
import http.client
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.utils.data import Dataset

from helpers.paths import DataError, data_dir
from helpers.tables import Table, load_table, split

# What is read as a picture. Pillow may lack a reader for the last; that says so, file by file.
PICTURE_ENDS = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
PICTURE_ENDS += (".pbm", ".pgm", ".ppm", ".avif", ".heic", ".heif")


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
    """Read CIFAR-10 from the files in its archive, whose MD5s torchvision knows as well."""
    from torchvision import datasets
    from torchvision.datasets.utils import check_integrity, extract_archive

    source = datasets.CIFAR10
    folder = data_dir() / source.base_folder
    files = [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]
    if not all(check_integrity(folder / file, md5) for file, md5 in files):
        (archive,) = _download(name, data_dir(), [([source.url], source.tgz_md5)])
        try:
            extract_archive(archive, data_dir())
        except OSError as error:
            say = f"cannot unpack {source.filename} in {data_dir()}: {error}"
            raise DataError(f"{say}; free space or set LADDER_DATA") from None
    tables = []
    for train in (True, False):
        raw = source(data_dir(), train=train)
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


class ImageFiles(Dataset):
    """Pictures in a folder for each class, read in RGB by `open_picture` when they are asked for.

    Passed over is what systems leave behind: names that begin with a dot, `__MACOSX`, `@eaDir`, and
    files that are no pictures, such as Thumbs.db.

    Attributes:
        classes: Their names, in alphabetical order.
        paths: Of the pictures, class by class, folders in a class's folder included.
        targets: The class number of each.
        transform: Called with each PIL image, if it is not None.
    """

    def __init__(
        self,
        folder: str | Path,
        transform: Callable[[Image.Image], Any] | None = None,
        classes: list[str] | None = None,
    ):
        """List the pictures.

        Args:
            folder: Holds a folder for each class.
            transform: Makes of a PIL image what is wanted.
            classes: By which to number, those of the training set; None for the folder's own.

        Raises:
            DataError: The folder is not there, has less than two classes, one that is not among
                `classes`, or one without a picture.
        """
        place = Path(folder).expanduser().absolute()
        if not place.is_dir():
            raise DataError(f"no folder {place}; expected one with a folder for each class")
        found = sorted(path.name for path in place.iterdir() if path.is_dir() and _shown(path.name))
        self.classes = found if classes is None else list(classes)
        if not found or len(self.classes) < 2:
            say = f"{place} holds the classes {found}, expected two or more"
            raise DataError(f"{say}; put the pictures of each class into a folder of its own there")
        if unknown := [name for name in found if name not in self.classes]:
            say = f"{place} has the classes {unknown}, which the training set {self.classes} lacks"
            raise DataError(f"{say}; name both folders' classes alike")
        self.paths, self.targets, self.transform = [], [], transform
        for name in found:
            paths = _picture_files(place / name)
            if not paths:
                say = f"{place / name} holds no picture ({', '.join(PICTURE_ENDS)})"
                raise DataError(f"{say}; put some there, or delete the folder")
            self.paths += paths
            self.targets += [self.classes.index(name)] * len(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = open_picture(self.paths[index])
        return image if self.transform is None else self.transform(image), self.targets[index]


def _shown(name: str) -> bool:
    return not name.startswith(".") and name not in ("__MACOSX", "@eaDir")


def _picture_files(folder: Path) -> list[Path]:
    found = []
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place).resolve()
        # A link to a folder above would lead down without end.
        up = {name for name in folders if here.is_relative_to(Path(place, name).resolve())}
        folders[:] = (name for name in folders if _shown(name) and name not in up)
        ends = (name for name in files if name.lower().endswith(PICTURE_ENDS))
        found += [Path(place, name) for name in ends if _shown(name)]
    return sorted(found)


def open_picture(path: str | Path) -> Image.Image:
    """Read a picture whole, as 8-bit RGB, turned as the camera was held.

    What is transparent becomes white, grey of 16 bits is scaled down to 8.

    Raises:
        DataError: The file is missing, cut short, no picture, or has numbers of an unknown scale.
    """
    try:
        with Image.open(path) as file:
            file.load()
            image = file
            with contextlib.suppress(Exception):  # where the camera wrote nonsense, nothing turns
                image = ImageOps.exif_transpose(file)
            return _in_rgb(image, file.format)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and its own
        say = f"{path} cannot be read as a picture ({error})"
        raise DataError(f"{say}; copy it anew, save it as PNG, or delete it") from None


def _in_rgb(image: Image.Image, kind: str) -> Image.Image:
    if image.mode == "F" or (image.mode, kind) == ("I", "TIFF"):
        raise ValueError("its numbers have 32 bits and no known scale, expected 8 or 16 bits")
    if image.mode.startswith("I"):
        scaled = np.asarray(image).astype(np.float64) / 257  # 65535 becomes 255
        image = Image.fromarray(scaled.round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def write_image_folder(table: Table, folder: str | Path) -> Path:
    """Write pictures as PNG files, a folder a class: `folder/CLASS/00042.png`.

    The folder appears whole or not at all; if it is there already, nothing is written. Signs of a
    class's name that a folder's cannot hold become "_": T-shirt/top lies in T-shirt_top.

    Args:
        table: Pictures of one or three channels in 0 to 1, and their classes.
        folder: To be made.

    Returns:
        The folder.

    Raises:
        DataError: The table holds no such pictures, or the folder cannot be written.
    """
    folder = Path(folder)
    if folder.is_dir():
        return folder
    names, pixels = _folder_names(table.class_names), _pixels(table)
    staging = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        for name in names:
            (staging / name).mkdir()
        for i, (picture, target) in enumerate(zip(pixels, table.targets.tolist(), strict=True)):
            image = Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)
            image.save(staging / names[target] / f"{i:05}.png")
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


def _pixels(table: Table) -> np.ndarray:
    """Give pictures as bytes, channels last; refuse what is no pictures in 0 to 1 with classes."""
    inputs, targets, top = table.inputs, table.targets, len(table.class_names) - 1
    shape = tuple(inputs.shape)
    if inputs.ndim != 4 or shape[1] not in (1, 3) or not inputs.numel():
        say = f"expected pictures of shape (pictures, 1 or 3, height, width), got {shape}"
        raise DataError(f"{say}; put the channels first")
    if not inputs.is_floating_point():
        say = f"expected floats from 0 to 1, got {inputs.dtype}"
        raise DataError(f"{say}; divide bytes by 255")
    pixels = (inputs * 255).round()
    if not (pixels.min() >= 0 and pixels.max() <= 255):
        low, high = (f"{value.item():g}" for value in inputs.aminmax())
        say = f"expected values from 0 to 1, got {low} to {high}"
        raise DataError(f"{say}; divide those of bytes by 255, and undo a normalisation")
    if targets.is_floating_point() or tuple(targets.shape) != shape[:1]:
        say = f"expected a class number for each of {shape[0]} pictures"
        raise DataError(f"{say}, got {targets.dtype} of shape {tuple(targets.shape)}")
    low, high = (value.item() for value in targets.aminmax())
    if low < 0 or high > top:
        say = f"expected class numbers from 0 to {top}, got {low} to {high}"
        raise DataError(f"{say}; number the classes anew, or name the others")
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _folder_names(classes: list[str]) -> list[str]:
    """Spell the names of classes so that each can be that of a folder, on any system."""
    names, taken = [], {}
    for label in classes:
        name = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", label).strip().rstrip(". ")
        if not name or name.startswith("."):  # what is hidden is no class
            raise DataError(f"the class {label!r} is no name of a folder; rename it")
        if name.lower() in taken:  # a Mac and Windows know no difference of case
            pair = f"{taken[name.lower()]!r} and {label!r}"
            raise DataError(f"the classes {pair} would share a folder; rename one")
        taken[name.lower()] = label
        names.append(name)
    return names
