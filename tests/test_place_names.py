"""The names that lesson 19 reads are those of CLDR, and the lesson splits them honestly."""

import csv
import gzip
import importlib
import io

import pytest

from helpers.paths import NOTEBOOKS, ROOT, DataError, data_file
from tools import place_names
from tools.notebooks import read

STEM = "19_sequences_lstm"


@pytest.fixture(scope="module")
def packed():
    return place_names.FILE.read_bytes()


@pytest.fixture(scope="module")
def table(packed):
    return list(csv.reader(io.StringIO(gzip.decompress(packed).decode("utf-8"), newline="")))


@pytest.fixture
def babel():
    """Skip where babel is missing, or holds another CLDR than the file was made of."""
    pytest.importorskip("babel")
    if place_names.cldr_version() != place_names.CLDR:
        pytest.skip(f"babel holds CLDR {place_names.cldr_version()}, not {place_names.CLDR}")


def test_the_file_is_what_the_script_writes(table, babel):
    assert place_names.read_names() == table


def test_packing_twice_gives_the_same_bytes(table, packed):
    again = place_names.pack(table)
    assert again == place_names.pack(table)
    assert gzip.decompress(again) == gzip.decompress(packed)
    assert packed[4:8] == again[4:8] == bytes(4)  # no time in the header


def test_the_file_is_small_and_its_readme_counts_it_right(table, packed):
    assert len(packed) < 200_000
    header, *rows = table
    assert header == ["kind", "code", *place_names.LANGUAGES]
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"{len(rows)} rows" in readme and f"version {place_names.CLDR}" in readme
    for kind in ("territory", "language", "city"):
        assert f"{sum(row[0] == kind for row in rows)} " in readme


def test_every_thing_stands_once_and_has_a_name(table):
    _, *rows = table
    assert len({(kind, code) for kind, code, *_ in rows}) == len(rows)
    assert all(any(names) for _, _, *names in rows)
    assert all(name == name.strip() for row in rows for name in row)


def test_the_lesson_says_that_the_file_is_missing_and_what_to_do(tmp_path, monkeypatch):
    cells = [c.source for c in read(NOTEBOOKS / f"{STEM}.ipynb").cells if c.cell_type == "code"]
    (reads,) = (source for source in cells if "gzip.open(" in source)
    monkeypatch.setenv("LADDER_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"no file .*place_names\.csv\.gz; run `python -m helpers"):
        exec(reads, {"csv": csv, "gzip": gzip, "data_file": data_file})


def test_the_script_writes_where_it_is_told(tmp_path, monkeypatch, capsys, babel):
    monkeypatch.setattr("sys.argv", ["place_names", str(tmp_path / "names.csv.gz")])
    place_names.main()
    assert (tmp_path / "names.csv.gz").read_bytes() == place_names.pack(place_names.read_names())
    assert "1229 rows of CLDR 47" in capsys.readouterr().out


def test_without_babel_the_script_says_what_to_install(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(SystemExit, match=r"not installed here; run: pip install babel=="):
        place_names.read_names()
