"""The program of the proof runs what has not passed yet, and says what is true of it."""

import json

import pytest

from helpers.paths import NOTEBOOKS, ROOT
from tests.proof import test_faults
from tools import proof
from tools.notebooks import read
from tools.proof import PARTS, choose, state_of_files, table, verdict

GOOD = {"tests": 3, "passed": 3, "skipped": 0, "failed": [], "seconds": 60, "faults": {}}
BAD = {**GOOD, "passed": 2, "failed": ["tests.proof.test_faults::test_two"]}


def test_every_module_of_the_proof_belongs_to_one_part():
    named = [word for part in PARTS.values() for word in part.command if word.endswith(".py")]
    modules = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/proof/test_*.py")]
    assert sorted(named) == sorted(modules)


def test_a_run_begins_with_what_has_not_passed():
    first, second, *rest = PARTS
    results = {first: GOOD, second: BAD}
    assert choose([], None, results) == [second, *rest]
    assert choose([first], None, results) == [first]
    assert choose([], rest[-1], results) == [rest[-1]]


def test_the_cells_that_the_faults_make_exceptions_for_are_there():
    exceptions = [*test_faults.MOVES_ON.items(), *test_faults.ONE_CORE.items()]
    exceptions += [(name, [cell]) for name, (_, cell) in test_faults.WRITES.items()]
    for name, cells in exceptions:
        known = {cell.id for cell in read(NOTEBOOKS / f"{name}.ipynb").cells}
        assert set(cells) <= known, name


def results(**changed):
    """Give results of a whole run, some of them changed."""
    return {name: {**GOOD, "run": "now", **changed.get(name, {})} for name in PARTS}


def test_one_green_run_is_called_so_and_nothing_else_is():
    assert "in one run from end to end" in verdict(results(), "now")
    assert "in more than one run" in verdict(results(faults={"run": "before"}), "now")
    assert "Failed: faults" in verdict(results(faults={"failed": ["x"]}), "now")
    some = {name: got for name, got in results().items() if name != "faults"}
    assert "not run yet: faults" in verdict(some, "now")


def test_the_table_counts_tests_and_faults():
    faults = {"full disk": [15, 14], "accelerator": [13, 13]}
    text = table(results(faults={"faults": faults}, browser={"run": "before"}), "now")
    assert "   15    14  full disk\n" in text
    assert "   28    27  together\n" in text
    row = next(line for line in text.splitlines() if line.startswith("browser"))
    assert row.split()[1:6] == ["3", "3", "0", "0", "1.0"]
    assert row.endswith("(in an earlier run)")


def test_a_changed_file_is_another_state_and_a_downloaded_one_is_not(tmp_path):
    for name in ("helpers/a.py", "notebooks/b.ipynb", "data/c.csv", "tests/d.py", "tools/e.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1")
    for name in ("pyproject.toml", "constraints.txt", "Makefile"):
        (tmp_path / name).write_text("1")
    before = state_of_files(tmp_path)
    (tmp_path / "data" / "digits").mkdir()
    (tmp_path / "data" / "digits" / "1.png").write_text("1")
    assert state_of_files(tmp_path) == before
    for name in ("data/c.csv", "Makefile", "README.md"):
        (tmp_path / name).write_text("2")
        after = state_of_files(tmp_path)
        assert after != before, name
        before = after


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Make a proof of two parts, each one test; the second passes once there is a file."""
    for name, source in {
        "one": "def test_one(record_property):\n    record_property('tried', 'rain')\n"
        "    record_property('survived', 'rain')",
        "two": "import pathlib\n\ndef test_two():\n"
        f"    assert pathlib.Path({str(tmp_path / 'cure')!r}).exists()",
    }.items():
        (tmp_path / f"test_{name}.py").write_text(source)
    command = ["-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    parts = {n: proof.Part(n, [*command, str(tmp_path / f"test_{n}.py")]) for n in ("one", "two")}
    monkeypatch.setattr(proof, "PARTS", parts)
    monkeypatch.setattr(proof, "state_of_files", lambda: "files")
    monkeypatch.setenv("LADDER_RUNS", str(tmp_path))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # which take seconds
    return tmp_path


def test_a_run_goes_on_where_it_failed(small, capsys):
    assert proof.main([]) == 1
    assert "Failed: two" in capsys.readouterr().out
    (small / "cure").touch()
    assert proof.main([]) == 0
    said = capsys.readouterr().out
    assert "== one" not in said and "== two" in said
    assert "    1     1  rain" in said
    assert "in more than one run" in said
    assert proof.main([]) == 0
    assert "Every part has passed on these files." in capsys.readouterr().out
    assert proof.main(["one", "two"]) == 0
    assert "in one run from end to end" in capsys.readouterr().out


def test_other_files_begin_anew(small, monkeypatch, capsys):
    (small / "cure").touch()
    assert proof.main(["one"]) == 0
    monkeypatch.setattr(proof, "state_of_files", lambda: "others")
    assert proof.main([]) == 0
    said = capsys.readouterr().out
    assert "Files have changed" in said and "== one" in said
    assert json.loads((small / "proof" / "record.json").read_text())["files"] == "others"
