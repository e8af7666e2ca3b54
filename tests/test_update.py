"""An update tries new versions elsewhere and says what changes; unasked it changes nothing."""

import shutil
import sys
from collections import namedtuple
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

from helpers.paths import ROOT
from tests.canaries import edited, executed
from tests.support import cell, needs_make
from tools import update
from tools.changes import difference
from tools.update import PIN, Trouble, change_of, install, look_into, main, plain, ranges, repin

PINS = """# What CI runs.
numpy==1.0  # for a reason
Jinja2==3.0
not-here==9.9
torch==2.14.0
"""
FOUND = {"numpy": "2.0", "jinja2": "3.1", "torch": "2.15.0", "brand-new": "1.0", "pip": "99"}


def test_new_versions_take_the_place_of_old_ones_and_nothing_else_moves():
    text, changes = repin(PINS, FOUND)
    for old, new in (("y==1.0", "y==2.0"), ("Jinja2==3.0", "Jinja2==3.1"), ("2.14.0", "2.15.0")):
        assert old in PINS and old not in text
        text = text.replace(new, old)
    assert text == PINS
    assert changes["Jinja2"] == ("3.0", "3.1") and list(changes) == ["numpy", "Jinja2", "torch"]


def test_the_same_versions_give_the_same_file():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = {plain(found[1]): found[2] for line in text.splitlines() if (found := PIN.match(line))}
    assert len(pins) > 100
    assert repin(text, pins) == (text, {})


def test_versions_are_listed_with_what_is_pinned_or_installed_alone():
    shown = update.show_versions(repin(PINS, FOUND)[1], PINS, FOUND, "3.14.0")
    assert shown.splitlines()[0] == "Python 3.14.0; versions that differ from constraints.txt: 3"
    assert "numpy                        1.0 -> 2.0\n" in shown
    assert "Pinned, but not installed there: not-here\n" in shown
    assert shown.endswith("Installed there, but not pinned: brand-new==1.0")


def test_an_environment_is_read_with_its_packages():
    python, versions = look_into(sys.executable)
    assert python == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "pytest-xdist", "faster-coco-eval"} <= set(versions)
    assert "+" not in versions["torch"]


def test_what_is_no_environment_is_said_clearly(tmp_path, monkeypatch):
    with pytest.raises(Trouble, match="is no Python that runs"):
        look_into(str(tmp_path))
    monkeypatch.setattr(update, "PROBE", """print('["3.11.7", {"torch": "2.0", "numpy": "9"}]')""")
    with pytest.raises(Trouble, match=r"lacks torchvision, matplotlib, .*-m pip install -e \."):
        look_into(sys.executable)


@pytest.fixture
def asked(monkeypatch):
    """Let nothing be installed: note what is asked of Python instead; the rest is enough disk."""
    commands = []
    monkeypatch.setattr(update, "DISK", 0)
    monkeypatch.setattr(update.subprocess, "call", lambda line, env=None: commands.append(line))
    return commands


def test_the_newest_of_every_range_is_installed(asked, tmp_path):
    python = install(tmp_path)
    venv, pip = asked
    assert venv[1:] == ["-m", "venv", str(tmp_path / "environment")]
    assert pip[:5] == [python, "-m", "pip", "install", "--quiet"]
    assert pip[5:] == ranges(extras=True)
    assert {line for line in ranges(extras=True) if line.startswith(("torch>", "sphinx>"))} <= {
        *pip[5:]
    }


def test_torch_comes_from_its_index_first_and_pre_releases_on_request(asked, tmp_path):
    install(tmp_path, "file:///wheels", pre=True)
    _, first, second = asked
    torch = [line for line in ranges() if line.startswith(("torch>", "torchvision>"))]
    assert first[4:] == ["--quiet", "--pre", "--index-url", "file:///wheels", *torch]
    assert len(torch) == 2
    assert second[4:] == ["--quiet", "--pre", *ranges(extras=True)]


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Let temporary folders be made here."""
    monkeypatch.setattr(update.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_full_disk_is_said_before_anything_is_done(asked, monkeypatch, places, capsys):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(update, "DISK", 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(9.5e9))
    assert main([]) == 2
    said = capsys.readouterr().err
    assert "has 9.5 GB free; the environment needs 10 GB" in said and "TMPDIR=" in said
    assert asked == [] and list(places.iterdir()) == []


@pytest.mark.parametrize(
    ("fails", "status", "says"),
    [
        ("venv", 2, "made no virtual environment"),
        ("pip", 2, "Without a network"),
        (None, 130, "No"),
    ],
)
def test_whatever_ends_the_install_leaves_no_half_environment(
    fails, status, says, monkeypatch, places, capsys
):
    def call(command, env=None):
        Path(command[-1] if "venv" in command else command[0]).mkdir(parents=True)
        if "pip" in command:
            assert len({env["TMPDIR"], env["TEMP"], env["TMP"]}) == 1
            Path(env["TMPDIR"], "pip-unpack").mkdir()
        if fails is None and "pip" in command:
            raise KeyboardInterrupt
        return int(fails in command)

    monkeypatch.setattr(update, "DISK", 0)
    monkeypatch.setattr(update.subprocess, "call", call)
    assert main([]) == status
    assert says in capsys.readouterr().err
    assert list(places.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--write", str(ROOT / "notebooks/01_tensors.ipynb")], "--write needs every notebook"),
        (["no_such.ipynb"], "no notebook"),
        (["--python", "x", "--pre"], "leave out --pre"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_done(asked, arguments, says, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err and asked == []


def test_a_python_that_is_not_there_is_named(capsys):
    assert main(["--python", "/no/such/python"]) == 2
    assert "no program /no/such/python" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stored", "fresh", "tags", "found"),
    [
        ("a\nb\nc", "a\nB\nc", [], ("b", "B")),
        ("a", "a\nb", [], ("(no more lines)", "b")),
        ("a", "a", [], None),
        ("loss 0.50", "loss 0.51", ["approx-output"], None),
        ("loss 0.50", "loss 0.51", [], ("loss 0.50", "loss 0.51")),
        ("loss 0.50", "loss 0.90", ["approx-output"], ("loss 0.50", "loss 0.90 (not 0.50)")),
        ("x" * 500, "y", [], ("x" * 159 + "…", "y")),
    ],
)
def test_the_first_line_that_differs_is_shown(stored, fresh, tags, found):
    old, new = ([nbformat.v4.new_output("stream", text=text)] for text in (stored, fresh))
    source = cell("print()", *tags)
    source.outputs = old
    assert difference(source, new) == found


def test_a_picture_that_is_gone_is_a_difference():
    source = cell("plot()")
    source.outputs = [nbformat.v4.new_output("display_data", {"image/png": "", "text/plain": "x"})]
    text = [nbformat.v4.new_output("display_data", {"text/plain": "x"})]
    assert difference(source, text) == ("1 pictures", "0 pictures")


@pytest.fixture
def root(make_miniature):
    """Make a repository with one notebook, some of whose cells no longer give what is stored."""
    cells = "print('one\\ntwo')", "1 + 1", "None", "1 / 0", "3"
    told = executed(
        *(cell(source, *["raises-exception"] * (source == "1 / 0")) for source in cells)
    )
    told = edited(told, 0, source="print('one\\n2')")
    told = edited(told, 2, source="raise ValueError('too new\\nby far')")
    folder = make_miniature()
    nbformat.write(told, folder / "notebooks" / "01_trial.ipynb")
    (folder / "constraints.txt").write_text(PINS)
    return folder, [each.id for each in told.cells]


def test_what_changed_and_what_failed_is_told_cell_by_cell(root, capfd):
    folder, ids = root
    assert main(["--python", sys.executable, str(folder / "notebooks/01_trial.ipynb")], folder) == 1
    said = capfd.readouterr().out
    cells = said.partition("notebooks/01_trial.ipynb\n")[2].partition("\n\n")[0]
    assert cells.splitlines() == [
        f"  changed  cell {ids[0]}",
        "      old  two",
        "      new  2",
        f"  failed  cell {ids[2]}",
        "      new  ValueError: too new",
    ]
    assert "\n6 cells: 4 as before, 1 changed, 1 failed\n" in said  # the sixth: its budget
    assert "Not green, so constraints.txt stays." in said
    assert "\nnumpy==" in said.partition("Not green")[2]


@pytest.fixture
def green(tmp_path, monkeypatch):
    """Make a repository with old pins, whose notebooks are as before."""
    case = ElementTree.Element("testcase")
    monkeypatch.setattr(update, "run_strictly", lambda *options, **choices: [case])
    (tmp_path / "constraints.txt").write_text(PINS)
    return tmp_path


def test_new_pins_are_printed_and_written_only_on_request(green, capsys):
    file = green / "constraints.txt"
    assert main(["--python", sys.executable], green) == 0
    said = capsys.readouterr().out
    assert "What --write would write into constraints.txt:\n\nnumpy==" in said
    assert file.read_text() == PINS
    assert main(["--python", sys.executable, "--write"], green) == 0
    assert file.read_text() == repin(PINS, look_into(sys.executable)[1])[0] != PINS
    assert "Next: make test" in capsys.readouterr().out
    assert main(["--python", sys.executable, "--write"], green) == 0
    assert "no version is new" in capsys.readouterr().out
    assert [path.name for path in green.iterdir()] == ["constraints.txt"]


def test_what_is_not_green_is_not_written(green, monkeypatch, capsys):
    text = '<testcase classname="x" name="y"><failure message="bad"/></testcase>'
    cases = [ElementTree.fromstring(text)]
    monkeypatch.setattr(update, "run_strictly", lambda *options, **choices: cases)
    assert main(["--python", sys.executable, "--write"], green) == 1
    assert "Not green, so constraints.txt stays." in capsys.readouterr().out
    assert (green / "constraints.txt").read_text() == PINS


def test_a_version_out_of_range_is_not_green(green, monkeypatch, capsys):
    monkeypatch.setattr(update, "ranges", lambda *arguments: ["torch>=99"])
    assert main(["--python", sys.executable, "--write"], green) == 1
    assert "Out of pyproject.toml's range: torch" in capsys.readouterr().out
    assert (green / "constraints.txt").read_text() == PINS


def test_no_cell_at_all_is_no_success(green, monkeypatch, capsys):
    monkeypatch.setattr(update, "run_strictly", lambda *options, **choices: [])
    assert main(["--python", sys.executable, "--write"], green) == 2
    assert "no cell found in notebooks" in capsys.readouterr().err


def test_a_notebook_that_cannot_be_read_is_told_as_well():
    text = '<testcase classname="" name="notebooks/01_x.ipynb"><error message="bad"/></testcase>'
    told = change_of(ElementTree.fromstring(text))
    assert (told["cell"], told["kind"], told["new"]) == ("notebooks/01_x.ipynb", "failed", "bad")


@needs_make
def test_make_hands_its_choices_on(workshop):
    _, asked = workshop.make("update", "TORCH_INDEX=file:///wheels", "UPDATE=--pre --write")
    assert asked.splitlines()[-1].endswith(
        "tools.update --torch-index file:///wheels --pre --write"
    )
