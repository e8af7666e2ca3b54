"""Python's documentation in `data/`: frozen by its script, read whole, split by file."""

import lzma
import platform
import shutil

import pytest

from helpers.documentation import FILE, load_documentation
from helpers.paths import ROOT, DataError, data_dir
from tools import python_docs

SHIPPED = ROOT / "data" / FILE
MADE_BY = python_docs.read_version(SHIPPED.read_bytes())


@pytest.mark.skipif(
    platform.python_version() != MADE_BY,
    reason=f"made by Python {MADE_BY}; another version has other texts",
)
def test_the_script_gives_the_shipped_texts():
    made = python_docs.pack(python_docs.collect())
    assert lzma.decompress(made) == lzma.decompress(SHIPPED.read_bytes())


def test_the_file_is_small_and_its_licence_lies_beside_it():
    assert SHIPPED.stat().st_size < 400_000
    licence = (ROOT / "data" / "python_docs_LICENSE.txt").read_text(encoding="utf-8")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licence
    assert f"Python {MADE_BY}" in (ROOT / "data" / "README.md").read_text(encoding="utf-8")


def test_the_same_records_give_the_same_bytes():
    records = [["json", "dumps(obj)", "Serialize an object."], ["re", "", "Regular expressions."]]
    assert python_docs.pack(records) == python_docs.pack(records)


def test_no_paragraph_stands_twice_and_all_are_prose():
    entries = load_documentation()
    paragraphs = [text.lower() for entry in entries for text in entry.paragraphs]
    assert len(paragraphs) == len(set(paragraphs)) > 10_000
    assert all(entry.paragraphs for entry in entries)
    assert all(map(python_docs.is_prose, paragraphs))


def test_about_a_fifth_is_held_out_by_whole_files():
    entries = load_documentation()
    files = {entry.file: entry.held_out for entry in entries}
    assert all(entry.held_out == files[entry.file] for entry in entries)
    assert 0.15 < sum(files.values()) / len(files) < 0.25
    assert 0.15 < sum(entry.held_out for entry in entries) / len(entries) < 0.25


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Return the number of items in a container.", True),
        ("Too few words.", False),
        (">>> add(1, 2) gives the sum of both numbers", False),
        ("assert_stmt ::= assert expression and more words here", False),
        ("name, path, mode, flags, owner, group, size, time", False),
        ("Ceci n'est pas écrit en ASCII, alors on le laisse", False),
    ],
)
def test_prose_is_told_from_code_tables_and_grammar(text, kept):
    assert python_docs.is_prose(text) == kept


def test_a_signature_names_the_arguments_but_not_self(tmp_path):
    path = tmp_path / "shapes.py"
    source = 'class Box:\n    "A box."\n\n    def grow(self, by, *, times=1):\n        "Grow."\n'
    path.write_text(source, encoding="utf-8")
    assert list(python_docs.docstrings(path)) == [("Box", "A box."), ("grow(by, times)", "Grow.")]


def test_a_missing_or_broken_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("LADDER_DATA", str(tmp_path))
    with pytest.raises(DataError, match=f"no {tmp_path / FILE}; get it back: git checkout"):
        load_documentation()
    (tmp_path / FILE).write_bytes(SHIPPED.read_bytes()[:1000])
    with pytest.raises(DataError, match="is broken"):
        load_documentation()
    shutil.copy(SHIPPED, data_dir())
    assert len(load_documentation()) > 6000
