"""The data helpers: what they load, how they split, and what they say of data that is broken."""

import ast
import errno
import gzip
import math
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder

from helpers.paths import ROOT, DataError, data_dir
from helpers.pictures import ImageFiles, load_photo, open_picture, write_image_folder
from helpers.tables import Table, load_table, read_csv, split
from helpers.training import evaluate, train_epoch
from tests.support import run_python
from tools.lesson import load_lessons

# Tables


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("wine", (178, 13), 3),
        ("breast_cancer", (569, 30), 2),
        ("diabetes", (442, 10), 0),
        ("digits", (1797, 1, 8, 8), 10),
    ],
)
def test_a_table_has_the_size_that_is_documented(name, shape, classes):
    table = load_table(name)
    assert table.inputs.shape == shape and table.inputs.dtype == torch.float32
    assert table.targets.shape == shape[:1]
    assert table.targets.dtype == (torch.int64 if classes else torch.float32)
    assert len(table.feature_names) == (0 if len(shape) == 4 else shape[1])
    assert len(table.class_names) == classes
    assert all(type(label) is str for label in table.feature_names + table.class_names)
    assert not classes or table.targets.unique().tolist() == list(range(classes))
    assert table.inputs.isfinite().all() and table.inputs.std() > 0


def test_the_wine_table_equals_that_of_scikit_learn():
    ours, theirs = load_table("wine"), load_wine()
    assert torch.equal(ours.inputs, torch.from_numpy(theirs.data).float())
    assert ours.targets.tolist() == theirs.target.tolist()
    respelt = {"flavonoids": "flavanoids", "nonflavonoid_phenols": "nonflavanoid_phenols"}
    respelt |= {"colour_intensity": "color_intensity"}
    respelt |= {"od280_od315": "od280/od315_of_diluted_wines"}
    assert [respelt.get(name, name) for name in ours.feature_names] == theirs.feature_names
    assert ours.class_names == ["cultivar_1", "cultivar_2", "cultivar_3"]


def test_the_readme_of_the_data_names_every_column():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    table = load_table("wine")
    missing = [name for name in [*table.feature_names, *table.class_names] if name not in text]
    assert missing == []


def test_digits_are_pictures_from_0_to_1():
    inputs = load_table("digits").inputs
    assert inputs.min() == 0 and inputs.max() == 1


@pytest.mark.parametrize("name", ["china", "flower"])
def test_a_photograph_is_bytes_with_channels_first(name):
    photo = load_photo(name)
    assert photo.shape == (3, 427, 640) and photo.dtype == torch.uint8 and photo.is_contiguous()


def test_the_data_lie_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.delenv("LADDER_DATA", raising=False)
    assert data_dir() == ROOT / "data"
    monkeypatch.setenv("LADDER_DATA", str(tmp_path))
    assert data_dir() == tmp_path
    (tmp_path / "wine.csv").write_bytes((ROOT / "data" / "wine.csv").read_bytes())
    assert load_table("wine").inputs.shape == (178, 13)


# Spellings of one and the same table

PLAIN = "height,kind,width\n1.5,ä,2\n-3,b,4e1\n0,ä,.5\n"
QUOTED = PLAIN.replace("ä", '"ä"').replace("width", '"width"')


LINE_ENDS = {
    "Unix": PLAIN.encode(),
    "Unix, marked": PLAIN.encode("utf-8-sig"),
    "Windows": PLAIN.replace("\n", "\r\n").encode(),
    "Windows, marked": PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
    "old Macintosh": PLAIN.replace("\n", "\r").encode(),
    "no last line end": PLAIN.rstrip().encode(),
    "empty lines": PLAIN.replace("\n", "\n\n").encode() + b"\n\n",
    "lines of blanks": PLAIN.replace("\n", "\n  \n").encode(),
    "blanks round every cell": PLAIN.replace(",", " , ").replace("\n", "\t\n ").encode(),
    "blanks before quotes": QUOTED.replace(",", ", ").encode(),
    "quoted": QUOTED.encode(),
    "gzip": gzip.compress(PLAIN.encode()),
    "gzip, Windows, marked": gzip.compress(PLAIN.replace("\n", "\r\n").encode("utf-8-sig")),
}


@pytest.mark.parametrize("kind", LINE_ENDS)
def test_line_ends_marks_quotes_and_gzip_change_nothing(tmp_path, kind):
    data = LINE_ENDS[kind]
    path = tmp_path / ("ü.csv.gz" if data[:2] == b"\x1f\x8b" else "ü.csv")
    path.write_bytes(data)
    table = read_csv(str(path), target="kind")
    assert torch.equal(table.inputs, torch.tensor([[1.5, 2.0], [-3.0, 40.0], [0.0, 0.5]]))
    assert table.targets.tolist() == [1, 0, 1]
    assert table.feature_names == ["height", "width"]
    assert table.class_names == ["b", "ä"]


# Malformed data: each has an error of its own, which says where it is and what to do

ROW = "1,2,a\n"
MALFORMED = {
    "text in a number": ("x,y,kind\n1,2,a\n1,two,b\n", "line 3, column y", "'two'", "mend it"),
    "an empty cell": ("x,y,kind\n,2,a\n1,2,b\n", "line 2, column x", "''", "mend it"),
    "a decimal comma": ('x,y,kind\n1,"2,5",a\n1,2,b\n', "line 2, column y", "'2,5'", "mend it"),
    "NaN": ("x,y,kind\n1,2,a\n1,NaN,b\n", "line 3, column y", "'NaN'", "drop the line"),
    "infinity": ("x,y,kind\n1,2,a\n-inf,2,b\n", "line 3, column x", "'-inf'", "drop the line"),
    "over float32": ("x,y,kind\n1,2,a\n1e39,2,b\n", "line 3, column x", "'1e39'", "mend it"),
    "an empty class": ("x,y,kind\n1,2,a\n1,2,\n", "line 3, column kind", "empty cell", "mend"),
    "an empty file": ("", "t.csv", "no rows", "copy it anew"),
    "nothing but blank lines": ("\n\n\n", "t.csv", "no rows", "copy it anew"),
    "a header only": ("x,y,kind\n", "t.csv", "no rows", "copy it anew"),
    "too few fields": ("x,y,kind\n1,2,a\n1,b\n", "line 3", "expected 3 values, got 2", "mend"),
    "too many fields": ("x,y,kind\n1,2,a\n\n1,2,3,b\n", "line 4", "got 4", "mend the line"),
    "semicolons": ("x;y;kind\n1,5;2;a\n", "t.csv", "by semicolons", "sep=';').to_csv(path"),
    "tabs": ("x\ty\tkind\n1\t2\ta\n", "t.csv", "parted by tabs", "sep='\\t'"),
    "upright bars": ("x|y|kind\n1|2|a\n", "t.csv", "parted by upright bars", "sep='|'"),
    "blanks for commas": ("x y kind\n1 2 a\n", "t.csv", "parted by blanks", "sep=' '"),
    "an index without a name": (
        ",x,kind\n0,1,a\n1,2,b\n",
        "line 1: column 1 of 3 has no name",
        "drop it if it numbers the rows",
        "give the class away",
    ),
    "a later column without a name": ("x,,kind\n1,2,a\n1,3,b\n", "column 2 of 3", "else name it"),
    "what pandas names so": ("Unnamed: 0,kind\n0,a\n1,b\n", "column 1 of 2 has no name", "drop"),
    "a comma at each end": ("x,kind,\n1,a,\n2,b,\n", "column 3 of 3", "is empty; delete the comma"),
    "a comma at a row's end": (
        "x,kind\n1,a,\n2,b,\n",
        "line 2",
        "got 3",
        "ends in a comma; delete",
    ),
    "an unnamed last column": ("x,kind,\n1,a,\n2,b,7\n", "3 of 3 has no name;", "drop it if"),
    "no target column": ("x,y,class\n" + ROW, "line 1", "a column 'kind'", "mend the header"),
    "a target column only": ("kind\na\nb\n", "line 1", "one number column", "mend the header"),
    "a doubled column": ("x,x,kind\n" + ROW, "line 1", "column 'x' stands twice", "rename one"),
    "no header": ("1,2,a\n3,4,b\n", "line 1", "a column 'kind'", "mend the header"),
    "one class only": ("x,y,kind\n1,2,a\n3,4,a\n", "t.csv", "of class 'a'", "another class"),
    "an unpaired quote": ('x,y,kind\n1,2,a\n1,2,"b\n', "line 3", "quotation mark", "mend"),
    "a quote too many": ('x,y,kind\n1,2,a\n1,"2"3,b\n', "line 3", "quotation mark", "mend"),
    "a cell too long": (f"x,y,kind\n1,2,{'a' * 200_000}\n", "line 2", "too long", "mend"),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_table_is_refused_by_line_and_with_a_cure(tmp_path, fault):
    text, *says = MALFORMED[fault]
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    refused(lambda: read_csv(path, target="kind"), str(path), *says)


@pytest.mark.parametrize("text", ['"x, cm";"kind"\n1;"a"\n', "x;y\n1;2\n", "\ufeffx;kind\n1,5;a\n"])
def test_a_separator_is_named_also_beside_quotes_and_without_the_target(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    refused(lambda: read_csv(path, target="kind"), "parted by semicolons, expected commas")


def test_semicolons_and_blanks_inside_a_class_are_no_separators(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,kind\n1,a;b\n2, c d \n", encoding="utf-8")
    assert read_csv(path, target="kind").class_names == ["a;b", "c d"]


WHOLE = gzip.compress(PLAIN.encode() * 50)
UNREADABLE = {
    "cut short": ("t.csv.gz", WHOLE[:-20], "cut short", "copy it anew"),
    "damaged": ("t.csv.gz", WHOLE[:20] + b"\xff\xff\xff" + WHOLE[23:], "no gzip", "copy it anew"),
    "not gzip": ("t.csv.gz", PLAIN.encode(), "no gzip file", "copy it anew"),
    "gzip by another name": ("t.csv", WHOLE, "packed by gzip", "end in .gz"),
    "a workbook": ("t.xlsx", b"PK\x03\x04\x14\0", "a workbook", "save its sheet as 'CSV UTF-8'"),
    "a workbook by another name": ("t.csv", b"PK\x03\x04\x14\0", "workbook", "or unpack it"),
    "an old workbook": ("t.xls", b"\xd0\xcf\x11\xe0\xa1", "a workbook", "save its sheet as"),
    "Latin-1": ("t.csv", PLAIN.encode("latin-1"), "not UTF-8", "save it as UTF-8"),
    "UTF-16": ("t.csv", PLAIN.encode("utf-16"), "not UTF-8", "save it as UTF-8"),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_unreadable_file_is_refused_with_a_cure(tmp_path, fault):
    name, data, *says = UNREADABLE[fault]
    path = tmp_path / name
    path.write_bytes(data)
    refused(lambda: read_csv(path, target="kind"), str(path), *says)


def test_a_missing_file_a_folder_and_a_locked_file_are_refused(tmp_path, monkeypatch):
    refused(lambda: read_csv(tmp_path / "no.csv", "kind"), "no file", "no.csv", "LADDER_DATA")
    refused(lambda: read_csv(tmp_path, "kind"), str(tmp_path), "is a folder", "name the file")

    def locked(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", locked)
    refused(lambda: read_csv(tmp_path / "t.csv", "kind"), "t.csv", "Permission denied", "free it")


def test_a_wrong_folder_or_name_is_refused(tmp_path, monkeypatch):
    refused(lambda: load_table("iris"), "'iris'", "'breast_cancer', 'diabetes', 'digits', 'wine'")
    refused(lambda: load_photo("cat"), "'cat'", "'china' or 'flower'")
    monkeypatch.setenv("LADDER_DATA", str(tmp_path))
    refused(lambda: load_table("wine"), "no file", str(tmp_path / "wine.csv"), "LADDER_DATA")
    monkeypatch.setenv("LADDER_DATA", str(tmp_path / "gone"))
    refused(data_dir, "no folder", str(tmp_path / "gone"), "make it, or unset LADDER_DATA")


def refused(call, *says):
    """Require a one-line DataError that holds all of `says` and no chained traceback."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert [say for say in says if say not in message] == [], message
    assert "\n" not in message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__ is bool(
        caught.value.__context__
    )


def test_no_two_faults_share_a_message(tmp_path):
    said = []
    for i, (text, *_) in enumerate(MALFORMED.values()):
        path = tmp_path / f"{i:02}.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError) as caught:
            read_csv(path, target="kind")
        said.append(str(caught.value).replace(path.name, ""))
    empty = [message for message in said if "no rows of data" in message]
    assert len(MALFORMED) >= 20 and len(set(said)) == len(said) - len(empty) + 1


# Loaders that cannot work say so as well


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 0}, "batch_size should be a positive integer"),
        ({"batch_size": -1}, "batch_size should be a positive integer"),
        ({"num_workers": -1}, "num_workers option should be non-negative"),
    ],
)
def test_a_loader_refuses_impossible_options(options, says):
    with pytest.raises(ValueError, match=says):
        DataLoader(TensorDataset(torch.zeros(4, 1)), **options)


def test_a_loader_without_a_batch_is_refused_by_training_and_evaluation():
    data = TensorDataset(torch.zeros(4, 1), torch.zeros(4, 1))
    model, loss_fn = nn.Linear(1, 1), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for loader in ([], DataLoader(data, batch_size=5, drop_last=True)):
        with pytest.raises(ValueError, match="no batch; is its dataset smaller than one batch"):
            train_epoch(model, loader, loss_fn, optimizer)
        with pytest.raises(ValueError, match="no batch; is its dataset smaller than one batch"):
            evaluate(model, loader, loss_fn)


# Splits

shares_of = st.lists(st.integers(1, 20), min_size=1, max_size=5).map(
    lambda parts: tuple(part / sum(parts) for part in parts)
)
seeds = st.integers(0, 2**63 - 1)
thousand = settings(max_examples=1000, derandomize=True, deadline=None)


def disjoint_and_complete(parts, count):
    """Tell whether the parts hold each of the numbers 0 to count - 1 once, ascending."""
    ascending = all(torch.equal(part, part.sort().values) for part in parts)
    return ascending and torch.equal(torch.cat(parts).sort().values, torch.arange(count))


@thousand
@given(count=st.integers(1, 500), shares=shares_of, seed=seeds)
def test_a_split_is_disjoint_complete_and_in_its_shares(count, shares, seed):
    assume(min(shares) * count >= 1)
    parts = split(count, shares, seed)
    assert len(parts) == len(shares) and disjoint_and_complete(parts, count)
    for part, share in zip(parts, shares, strict=True):
        assert part.dtype == torch.int64 and abs(len(part) - share * count) < 1 + 1e-6
    assert all(map(torch.equal, parts, split(count, shares, seed)))


@thousand
@given(
    sizes=st.dictionaries(st.integers(-3, 40), st.integers(1, 80), min_size=1, max_size=12),
    shares=shares_of,
    seed=seeds,
)
def test_a_stratified_split_is_right_within_one_example_a_class(sizes, shares, seed):
    sizes = {label: size + len(shares) for label, size in sizes.items()}
    labels = torch.cat([torch.full((size,), label) for label, size in sizes.items()])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    assume(min(shares) * len(labels) >= 2)
    before = labels.clone()
    parts = split(labels, shares, seed)
    assert disjoint_and_complete(parts, len(labels)) and torch.equal(labels, before)
    for part, share in zip(parts, shares, strict=True):
        assert len(part) > 0 and abs(len(part) - share * len(labels)) < 2
        for label, size in sizes.items():
            assert abs((labels[part] == label).sum().item() - share * size) < 1 + 1e-6
    assert all(map(torch.equal, parts, split(labels, shares, seed)))


@pytest.mark.parametrize("targets", [1000, torch.arange(1000) % 3])
def test_another_seed_gives_another_split(targets):
    splits = [torch.cat(split(targets, seed=seed)).tolist() for seed in range(20)]
    assert len(set(map(tuple, splits))) == 20


def test_classes_of_other_whole_types_split_alike():
    labels = torch.arange(90) % 2
    for other in (labels.int(), labels.to(torch.uint8), labels.bool()):
        assert all(map(torch.equal, split(labels), split(other)))


def test_data_helpers_leave_the_global_random_state_alone(tmp_path):
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    split(100)
    split(torch.arange(99) % 3, seed=7)
    for name in ("wine", "digits"):
        load_table(name)
    write_image_folder(pictures(), tmp_path / "pictures")
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert states == after


def test_class_numbers_in_a_list_or_an_array_split_like_those_in_a_tensor():
    labels = torch.arange(90) % 3
    for other in (labels.tolist(), tuple(labels.tolist()), labels.numpy()):
        assert all(map(torch.equal, split(labels), split(other)))
    assert all(map(torch.equal, split(10), split(np.int64(10))))


@pytest.mark.parametrize(
    ("targets", "shares", "says"),
    [
        (["a", "b"] * 5, (0.5, 0.5), "got list (too many dimensions 'str'); number the classes"),
        ([0.0, 1.0] * 5, (0.5, 0.5), "class numbers of shape (examples,), got torch.float32"),
        (10.0, (0.5, 0.5), "class numbers of shape (examples,), got torch.float32 of shape ()"),
        (None, (0.5, 0.5), "or how many examples there are, got NoneType"),
        (10, (0.5, 0.4), "add up to 1, got (0.5, 0.4)"),
        (10, (0.5, 0.6), "add up to 1, got (0.5, 0.6)"),
        (10, (1.0, 0.0), "positive shares"),
        (10, (1.5, -0.5), "positive shares"),
        (10, (), "positive shares"),
        (10, (0.5, float("nan")), "positive shares"),
        (2, (0.6, 0.2, 0.2), "2 examples are too few for the shares (0.6, 0.2, 0.2); add some"),
        (0, (0.5, 0.5), "0 examples are too few"),
        (-5, (0.5, 0.5), "-5 examples are too few"),
        (
            torch.tensor([0, 0, 0, 4, 4]),
            (0.6, 0.2, 0.2),
            "class 4 has 2 examples, fewer than the 3",
        ),
        (torch.zeros(9), (0.5, 0.5), "class numbers of shape (examples,), got torch.float32"),
        (torch.zeros(9, 1).long(), (0.5, 0.5), "got torch.int64 of shape (9, 1)"),
        (torch.tensor(3), (0.5, 0.5), "got torch.int64 of shape ()"),
        (torch.arange(6) % 2, (0.9, 0.05, 0.05), "6 examples are too few"),
    ],
)
def test_an_impossible_split_is_refused(targets, shares, says):
    refused(lambda: split(targets, shares), says)


def test_a_part_that_rounding_would_leave_empty_is_refused_not_returned():
    # found by search: each class alone owes the second part less than one example
    with_gap = [
        (sizes, share)
        for sizes in ((5, 7), (6, 6, 5), (2, 2), (3, 4, 5, 6))
        for share in (0.02, 0.03, 0.04, 0.05, 0.06, 0.1)
    ]
    for sizes, share in with_gap:
        labels = torch.cat([torch.full((size,), i) for i, size in enumerate(sizes)])
        try:
            parts = split(labels, (1 - share, share))
        except DataError as error:
            assert "too few" in str(error)
        else:
            assert min(map(len, parts)) > 0


# Folders of pictures


def pictures(count=12, channels=1):
    """Make a table of random pictures of two classes."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(count, channels, 5, 4, generator=generator)
    return Table(inputs, torch.arange(count) % 2, [], ["ä", "b"])


def listing(folder):
    """Give each file of a folder and its bytes, hidden ones included."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("channels", [1, 3])
def test_written_pictures_come_back_to_the_byte(tmp_path, channels):
    table = pictures(channels=channels)
    folder = write_image_folder(table, tmp_path / "new" / "pictures")
    assert folder == tmp_path / "new" / "pictures"
    assert sorted(path.name for path in folder.iterdir()) == sorted(table.class_names)
    for i, (picture, target) in enumerate(zip(table.inputs, table.targets, strict=True)):
        expected = (picture * 255).round().to(torch.uint8).permute(1, 2, 0)
        with Image.open(folder / table.class_names[target] / f"{i:05}.png") as image:
            assert image.mode == {1: "L", 3: "RGB"}[channels]
            assert np.array_equal(np.asarray(image).reshape(5, 4, -1), expected.numpy())
    assert len(list(folder.glob("*/*"))) == len(table.targets)


def test_a_class_that_is_no_name_of_a_folder_is_written_with_lines(tmp_path):
    names = ["T-shirt/top", "up\\down.", 'a:b*c?"<>|', "tab\tbed"]
    table = Table(torch.rand(8, 1, 5, 4), torch.arange(8) % 4, [], names)
    folder = write_image_folder(table, tmp_path / "pictures")
    found = sorted(path.name for path in folder.iterdir())
    assert found == ["T-shirt_top", "a_b_c_____", "tab_bed", "up_down"]
    assert all(len(list((folder / name).iterdir())) == 2 for name in found)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


ONES = torch.ones(4, 1, 5, 4)
UNFIT = {
    "0 to 255": ({"inputs": 255 * ONES}, "expected values from 0 to 1, got 255 to 255", "by 255"),
    "bytes": ({"inputs": ONES.byte()}, "expected floats from 0 to 1, got torch.uint8", "by 255"),
    "centred": ({"inputs": ONES - 1.5}, "got -0.5 to -0.5"),
    "nan": ({"inputs": ONES * math.nan}, "got nan to nan"),
    "channels last": ({"inputs": torch.ones(4, 5, 4, 3)}, "got (4, 5, 4, 3)", "channels first"),
    "rows": ({"inputs": torch.ones(4, 13)}, "(pictures, 1 or 3, height, width), got (4, 13)"),
    "none": ({"inputs": ONES[:0], "targets": torch.zeros(0).long()}, "got (0, 1, 5, 4)"),
    "too few targets": (
        {"targets": torch.tensor([0, 1, 0])},
        "4 pictures, got torch.int64 of shape (3,)",
    ),
    "a target too high": ({"targets": torch.tensor([0, 1, 2, 0])}, "from 0 to 1, got 0 to 2"),
    "a negative target": ({"targets": torch.tensor([0, 1, -1, 0])}, "from 0 to 1, got -1 to 1"),
    "targets that are no numbers of classes": ({"targets": torch.zeros(4)}, "got torch.float32"),
    "names alike": ({"class_names": ["a/b", "a_b"]}, "'a/b' and 'a_b'", "rename one"),
    "names alike on a Mac": ({"class_names": ["Bee", "bee"]}, "'Bee' and 'bee'", "rename one"),
    "no name": ({"class_names": ["a", " "]}, "' ' is no name of a folder", "rename it"),
    "the folder above": ({"class_names": ["a", ".."]}, "'..' is no name of a folder", "rename it"),
    "a hidden name": ({"class_names": ["a", ".b"]}, "'.b' is no name of a folder", "rename it"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_a_table_that_is_no_pictures_is_refused_and_nothing_written(tmp_path, fault):
    change, *says = UNFIT[fault]
    table = Table(ONES, torch.arange(4) % 2, [], ["a", "b"])._replace(**change)
    refused(lambda: write_image_folder(table, tmp_path / "new" / "pictures"), *says)
    assert list(tmp_path.iterdir()) == []


def test_values_a_rounding_error_out_of_range_are_written(tmp_path):
    table = pictures()._replace(inputs=torch.tensor([-1e-6, 1 + 1e-6]).expand(12, 1, 5, 2))
    with Image.open(write_image_folder(table, tmp_path / "new") / "b" / "00001.png") as image:
        assert np.asarray(image)[0].tolist() == [0, 255]


def test_a_second_call_writes_nothing(tmp_path):
    folder = write_image_folder(pictures(), tmp_path / "pictures")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert write_image_folder(pictures(20, 3), folder) == folder
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_failing_write_leaves_nothing_and_the_next_one_works(tmp_path, monkeypatch):
    save, saved = Image.Image.save, []

    def until_full(image, path):
        if len(saved) == 7:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        saved.append(path)
        save(image, path)

    monkeypatch.setattr(Image.Image, "save", until_full)
    refused(
        lambda: write_image_folder(pictures(), tmp_path / "pictures"),
        str(tmp_path / "pictures"),
        "No space left",
        "free space or set LADDER_DATA",
    )
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    write_image_folder(pictures(), tmp_path / "pictures")
    assert len(listing(tmp_path)) == 12


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_really_full_disk_is_noticed(tmp_path):
    program = (
        "import resource, signal, sys\n"
        "import torch\n"
        "from helpers.paths import DataError\nfrom helpers.pictures import write_image_folder\n"
        "from helpers.tables import Table\n"
        "noise = torch.rand(2, 3, 100, 100)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    write_image_folder(Table(noise, torch.tensor([0, 1]), [], ['a', 'b']), sys.argv[1])\n"
        "except DataError as error:\n"
        "    print(error)\n"
    )
    said = run_python("-c", program, tmp_path / "pictures")
    assert "cannot write" in said.stdout and "File too large" in said.stdout, said
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(image, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image_folder(pictures(), tmp_path / "pictures")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_is_refused_and_kept(tmp_path):
    (tmp_path / "pictures").write_text("mine")
    refused(lambda: write_image_folder(pictures(), tmp_path / "pictures"), "cannot write")
    assert (tmp_path / "pictures").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    refused(lambda: write_image_folder(pictures(), tmp_path / "file" / "pictures"), "cannot write")


def test_two_processes_at_once_write_one_whole_folder(tmp_path):
    program = (
        "import sys, time, torch\n"
        "from pathlib import Path\n"
        "from helpers.pictures import write_image_folder\nfrom helpers.tables import Table\n"
        "table = Table(torch.zeros(400, 1, 5, 4), torch.arange(400) % 2, [], ['a', 'b'])\n"
        "folder = Path(sys.argv[1])\n"
        "Path(sys.argv[2]).touch()\n"
        "while len(list(folder.parent.glob('ready*'))) < 2:\n"
        "    time.sleep(0.001)\n"
        "assert write_image_folder(table, folder) == folder\n"
        "assert len(list(folder.glob('*/*'))) == 400\n"
    )
    folder = tmp_path / "pictures"
    commands = [
        [sys.executable, "-c", program, str(folder), str(tmp_path / f"ready{i}")] for i in "ab"
    ]
    options = {"cwd": ROOT, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **options) for command in commands]
    assert [(process.communicate(timeout=120)[1], process.returncode) for process in running] == [
        ("", 0),
        ("", 0),
    ]
    assert len(listing(folder)) == 400
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "readya", "readyb"}


def red_and_blue():
    """Make a picture, 40 wide and 20 high, red above and blue below."""
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 10, 40, 20))
    return image


def test_a_folder_is_listed_as_torchvision_lists_it(tmp_path):
    folder = write_image_folder(pictures(channels=3), tmp_path / "pictures")
    (folder / "b" / "deeper").mkdir()
    red_and_blue().save(folder / "b" / "deeper" / "last.JPG")
    ours, theirs = ImageFiles(folder), ImageFolder(folder)
    assert ours.classes == theirs.classes and len(ours) == len(theirs) == 13
    for (image, target), (their_image, their_target) in zip(ours, theirs, strict=True):
        assert image.mode == "RGB" and target == their_target
        assert np.array_equal(np.asarray(image), np.asarray(their_image))


def test_a_transform_is_applied_also_in_a_worker(tmp_path):
    folder = write_image_folder(pictures(), tmp_path / "pictures")
    data = ImageFiles(folder, transform=np.asarray)
    (images, targets), *_ = DataLoader(data, 12, num_workers=1)
    assert images.shape == (12, 5, 4, 3) and targets.tolist() == data.targets


@pytest.mark.parametrize(
    "left",
    [
        ".ipynb_checkpoints/1-checkpoint.png",
        "b/.ipynb_checkpoints/1-checkpoint.png",
        "b/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg",
        "@eaDir/1.png",
        "__MACOSX/b/._1.png",
        "__MACOSX/1.png",
        "b/._1.png",
        "b/.DS_Store",
        "b/Thumbs.db",
        "b/desktop.ini",
        "Thumbs.db",
        ".git/1.png",
    ],
)
def test_what_systems_leave_behind_is_neither_a_class_nor_a_picture(tmp_path, left):
    folder = write_image_folder(pictures(), tmp_path / "pictures")
    (folder / left).parent.mkdir(parents=True, exist_ok=True)
    (folder / left).write_bytes(b"no picture")
    data = ImageFiles(folder)
    assert data.classes == ["b", "ä"] and len(data) == 12
    assert all(image.mode == "RGB" for image, _ in data)


def test_validation_pictures_are_numbered_by_the_classes_of_the_training_set(tmp_path):
    folder = write_image_folder(pictures(), tmp_path / "valid")
    assert set(ImageFiles(folder, classes=["a", "b", "ä"]).targets) == {1, 2}
    refused(
        lambda: ImageFiles(folder, classes=["a", "b"]),
        f"{folder} has the classes ['ä'], which the training set ['a', 'b'] lacks",
        "name both folders' classes alike",
    )


def test_a_folder_without_classes_or_pictures_is_refused(tmp_path):
    refused(lambda: ImageFiles(tmp_path / "no"), f"no folder {tmp_path / 'no'}", "for each class")
    (tmp_path / ".hidden").mkdir()
    refused(lambda: ImageFiles(tmp_path), f"{tmp_path} holds the classes [], expected two")
    (tmp_path / "ants").mkdir()
    (tmp_path / "ants" / "notes.txt").touch()
    refused(lambda: ImageFiles(tmp_path), "the classes ['ants'], expected two", "of its own there")
    (tmp_path / "bees").mkdir()
    refused(lambda: ImageFiles(tmp_path), f"{tmp_path / 'ants'} holds no picture (.jpg", "delete")
    file = tmp_path / "ants" / "notes.txt"
    refused(lambda: ImageFiles(file), f"no folder {file}", "for each class")


@pytest.mark.parametrize(
    "end", [".JPG", ".Jpeg", ".jfif", ".PNG", ".gif", ".BMP", ".TIFF", ".webp"]
)
def test_an_ending_may_be_in_capitals(tmp_path, end):
    (tmp_path / "a").mkdir()
    red_and_blue().save(tmp_path / "a" / f"1{end}")
    ((image, target),) = ImageFiles(tmp_path, classes=["a", "b"])
    assert image.size == (40, 20) and target == 0


def test_a_link_is_followed_and_one_to_a_folder_above_is_not(tmp_path):
    folder = write_image_folder(pictures(), tmp_path / "pictures")
    names = [path.name for path in ImageFiles(folder).paths]
    (folder / "b").rename(tmp_path / "elsewhere")
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    (folder / "b" / "loop").symlink_to(tmp_path / "elsewhere")
    (folder / "ä" / "up").symlink_to(folder)
    assert [path.name for path in ImageFiles(folder).paths] == names


def test_a_link_to_nothing_is_named_when_it_is_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").symlink_to(tmp_path / "gone.png")
    refused(
        lambda: ImageFiles(tmp_path, classes=["a", "b"])[0],
        "1.png cannot be read as a picture",
        "delete it",
    )


def test_a_picture_without_a_reader_is_named_rather_than_passed_over(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    refused(
        lambda: ImageFiles(tmp_path, classes=["a", "b"])[0],
        "1.HEIC cannot be read as a picture",
        "save it as PNG",
    )


def test_a_damaged_picture_is_named_from_a_worker_too(tmp_path):
    folder = write_image_folder(pictures(), tmp_path / "pictures")
    path = ImageFiles(folder).paths[0]
    path.write_bytes(path.read_bytes()[:40])
    loader = DataLoader(ImageFiles(folder, transform=np.asarray), 4, num_workers=1)
    with pytest.raises(DataError, match=rf"{path} cannot be read as a picture \("):
        list(loader)


@pytest.mark.parametrize("end", ["png", "jpg", "bmp", "tif", "webp"])
@pytest.mark.parametrize("damage", ["half", "empty", "text"])
def test_a_damaged_picture_is_named(tmp_path, end, damage):
    path = tmp_path / f"bad.{end}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "text": b"<html>"}[damage])
    refused(lambda: open_picture(path), f"{path} cannot be read as a picture (", "copy it anew")
    refused(lambda: open_picture(tmp_path / "no.png"), "no.png cannot be read", "No such file")


def save_as(kind, path):
    """Save the red and blue picture in another mode."""
    image = red_and_blue()
    if kind == "palette":
        image.quantize(4).save(path / "a.png")
    elif kind == "palette, one colour transparent":
        image.quantize(4).save(path / "a.png", transparency=3)
    elif kind == "RGBA":
        image.convert("RGBA").save(path / "a.png")
    elif kind == "CMYK":
        image.convert("CMYK").save(path / "a.tif")
    else:
        image.convert("CMYK").save(path / "a.jpg", quality=100, subsampling=0)
    return next(path.iterdir())


@pytest.mark.parametrize(
    "kind", ["palette", "palette, one colour transparent", "RGBA", "CMYK", "CMYK as JPEG"]
)
def test_every_mode_comes_back_in_its_colours(tmp_path, kind):
    image = open_picture(save_as(kind, tmp_path))
    assert image.mode == "RGB"
    np.testing.assert_allclose(np.asarray(image, int), red_and_blue(), atol=3 * ("JPEG" in kind))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_white(tmp_path, mode):
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert(mode)
    image.save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").getcolors() == [(16, (255, 255, 255))]


@pytest.mark.parametrize("end", ["png", "tif", "pgm"])
def test_sixteen_bits_keep_their_scale(tmp_path, end):
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{end}")
    found = np.asarray(open_picture(tmp_path / f"a.{end}"))
    assert found[0, :, 0].tolist() == [0, 1, 128, 255]
    assert np.array_equal(found, found[:, :, :1].repeat(3, axis=2))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_numbers_of_an_unknown_scale_are_refused(tmp_path, dtype):
    Image.fromarray(np.array([[0, 1, 255]], dtype=dtype)).save(tmp_path / "a.tif")
    refused(lambda: open_picture(tmp_path / "a.tif"), "a.tif cannot", "expected 8 or 16 bits")


def test_a_picture_is_turned_as_the_camera_was_held(tmp_path):
    upright, turned = red_and_blue(), Image.Exif()
    turned[0x0112] = 6  # a quarter to the right, to be seen upright
    sideways = upright.transpose(Image.Transpose.ROTATE_90)
    sideways.save(tmp_path / "a.png", exif=turned)
    assert open_picture(tmp_path / "a.png").size == (40, 20)
    assert np.array_equal(np.asarray(open_picture(tmp_path / "a.png")), upright)


def test_a_picture_whose_exif_is_nonsense_is_read_all_the_same(tmp_path):
    red_and_blue().save(tmp_path / "a.png", exif=b"Exif\0\0nonsense")
    assert np.array_equal(np.asarray(open_picture(tmp_path / "a.png")), red_and_blue())


@pytest.fixture(scope="module")
def picture_folder():
    """Take `PictureFolder` out of lesson 06, with what it uses."""
    (lesson,) = (lesson for lesson in load_lessons() if lesson.number == "06")
    nodes = [node for tree in filter(None, lesson.trees) for node in tree.body]
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    named = [node for node in nodes if getattr(node, "name", "") in ("read_grey", "PictureFolder")]
    space = {}
    exec(compile(ast.Module([*imports, *named], []), str(lesson.path), "exec"), space)
    return space["PictureFolder"]


@pytest.mark.parametrize("left", [".ipynb_checkpoints/1.png", "__MACOSX/._1.png", "b/._1.png"])
def test_lesson_06_passes_over_hidden_files(tmp_path, picture_folder, left):
    folder = write_image_folder(pictures(), tmp_path / "pictures")
    (folder / left).parent.mkdir(exist_ok=True)
    (folder / left).write_bytes(b"no picture")
    data = picture_folder(folder)
    assert data.classes == ["b", "ä"] and [target for _, target in data] == [0] * 6 + [1] * 6


def test_lesson_06_makes_one_grey_channel_of_any_picture(tmp_path, picture_folder):
    for name, mode in enumerate(("1", "L", "LA", "P", "RGB", "RGBA", "I;16")):
        (tmp_path / str(name)).mkdir()
        white = 65535 if mode == "I;16" else "white"
        Image.new(mode, (4, 5), white).save(tmp_path / str(name) / "1.png")
    data = picture_folder(tmp_path)
    assert all(torch.equal(image, torch.full((1, 5, 4), 255).byte()) for image, _ in data)
    data.paths[3].write_bytes(data.paths[3].read_bytes()[:40])
    refused(lambda: data[3], f"{data.paths[3]} cannot be read as a picture (", "copy it anew")
