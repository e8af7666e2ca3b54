"""Tables of numbers: those that come with the series, your own CSV files, and how to split either.

Everything here is real and needs no network: scikit-learn ships the diabetes, breast cancer and
digits tables; `data/wine.csv` is ours, with its source in `data/README.md`.
"""

import csv
import gzip
import io
import math
import numbers
import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch

from helpers.paths import DataError, data_dir


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


# How files begin that people take for tables, what they are, and what to do.
SHEET = ("a workbook or an archive", "save its sheet as 'CSV UTF-8', or unpack it")
NOT_TEXT = {
    b"PK\x03\x04": SHEET,  # .xlsx, .ods, .zip
    b"\xd0\xcf\x11\xe0": SHEET,  # .xls
    b"\x1f\x8b": ("packed by gzip", "let its name end in .gz"),
}
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "upright bars", " ": "blanks"}
NAMELESS = re.compile(r"(Unnamed: \d+)?")  # as pandas calls what has no name


def read_csv(path: str | Path, target: str) -> Table:
    """Read a table of numbers with a header line and one column of class names.

    A byte-order mark, either kind of line end and gzip (by the name's `.gz`) are understood. Blanks
    around a name, of a column or a class, do not belong to it.

    Args:
        path: The file.
        target: The column that holds the class; every other column is a feature.

    Returns:
        The table; classes are numbered in the alphabetical order of their names.

    Raises:
        DataError: The file is missing, unreadable, cut short or malformed, its separator is no
            comma, or a column has no name.
    """
    path = Path(path)
    text = _read_text(path)
    _refuse_separator(text, target, path)
    rows = _read_rows(text, path)
    if len(rows) < 2:
        raise DataError(f"{path} has no rows of data; copy it anew")
    line, header = rows.pop(0)
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise DataError(f"{path}, line {line}: column {doubled[0]!r} stands twice; rename one")
    if target not in header or len(header) < 2:
        say = f"expected a column {target!r} and one number column or more, got {header}"
        raise DataError(f"{path}, line {line}: {say}; mend the header")
    _refuse_nameless(header, rows, f"{path}, line {line}")
    at = header.index(target)
    names = header[:at] + header[at + 1 :]
    values, labels = [], []
    for line, row in rows:
        if len(row) != len(header):
            say = f"expected {len(header)} values, got {len(row)}"
            ends = len(row) == len(header) + 1 and not row[-1]
            cure = "it ends in a comma; delete that" if ends else "mend the line"
            raise DataError(f"{path}, line {line}: {say}; {cure}")
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


def _read_text(path: Path) -> str:
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the file in it")
    try:
        opener = gzip.open if path.suffix.lower() == ".gz" else open
        with opener(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise DataError(f"no file {path}; put it there, or set LADDER_DATA to its folder") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is cut short or no gzip file ({error}); copy it anew") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}; free it or copy it anew") from None
    for start, (kind, cure) in NOT_TEXT.items():
        if content.startswith(start):
            raise DataError(f"{path} is {kind}, expected text; {cure}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from None


def _refuse_separator(text: str, target: str, path: Path) -> None:
    """Refuse a table whose columns are parted by something else than a comma, which is named."""
    header = next(filter(str.strip, text.splitlines()), "")

    def cells(separator: str) -> list[str]:
        return [cell.strip(' "') for cell in header.split(separator)]

    if target in cells(","):
        return
    for separator, name in SEPARATORS.items():
        parted = separator in header
        if parted and (("," not in header) or (separator != " " and target in cells(separator))):
            say = f"the columns are parted by {name}, expected commas"
            cure = f"pandas.read_csv(path, sep={separator!r}).to_csv(path, index=False)"
            raise DataError(f"{path}: {say}; save it with commas, such as by {cure}")


def _refuse_nameless(header: list[str], rows: list[tuple[int, list[str]]], where: str) -> None:
    """Refuse a column without a name: an empty one by a comma too many, or an index."""
    nameless = [at for at, name in enumerate(header) if NAMELESS.fullmatch(name)]
    if not nameless:
        return
    at = nameless[0]
    say = f"{where}: column {at + 1} of {len(header)} has no name"
    if at == len(header) - 1 and not any(row[at] for _, row in rows if len(row) > at):
        raise DataError(f"{say} and is empty; delete the comma at each line's end")
    cure = "drop it if it numbers the rows, for that can give the class away; else name it"
    raise DataError(f"{say}; {cure}")


def _read_rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Give each row's line number and cells; blank lines are passed over."""
    rows, line = [], 0
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        for row in reader:
            line = reader.line_num
            cells = [cell.strip() for cell in row]
            if cells not in ([], [""]):
                rows.append((line, cells))
    except csv.Error as error:
        say = f"a quotation mark is unpaired, or a cell too long ({error})"
        raise DataError(f"{path}, line {line + 1}: {say}; mend the line") from None
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
    targets: torch.Tensor | Sequence[int] | int,
    shares: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int = 0,
) -> tuple[torch.Tensor, ...]:
    """Split examples at random into parts that never overlap and leave none out.

    Args:
        targets: int64 class numbers, (examples,), or a list of them, for a stratified split, in
            which every part has each class in its share, to within one example; or just how many
            examples there are.
        shares: The parts' shares, such as (0.6, 0.2, 0.2) for train, validation and test.
        seed: Of the shuffle; torch's global random state is neither used nor changed.

    Returns:
        For each part the examples' numbers, int64, ascending.

    Raises:
        DataError: The targets are no class numbers, the shares do not add up to 1, a part would be
            empty, or a class has fewer examples than there are parts.
    """
    stratified = not isinstance(targets, numbers.Integral)
    if stratified:
        targets = _class_numbers(targets)
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


def _class_numbers(targets: torch.Tensor | Sequence[int]) -> torch.Tensor:
    try:
        return torch.as_tensor(targets)
    except (TypeError, ValueError, RuntimeError) as error:
        say = f"expected class numbers or how many examples there are, got {type(targets).__name__}"
        raise DataError(f"{say} ({error}); number the classes from 0") from None
