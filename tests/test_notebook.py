"""Errors in a lesson are short, and say what a learner can act on."""

import os

import pytest

from helpers.notebook import quiet_stderr, short_tracebacks
from tests.support import book, cell
from tools.notebooks import execute

SETUP = "import torch\nfrom helpers.notebook import short_tracebacks\nshort_tracebacks()"
CHECK = "from helpers.checks import tensors as check\ndef scale_columns(table):\n    return 0\n"


@pytest.fixture(scope="module")
def raised():
    """Run cells that raise, after the setup cell; give their error outputs."""
    sources = [
        "torch.zeros(2) + torch.zeros(3)",
        "def deep(n):\n    return deep(n - 1) if n else torch.zeros(2) @ torch.ones(3)\n\ndeep(1)",
        f"{CHECK}check.scale_columns(scale_columns)",
        "raise KeyError('k') from ValueError('v')",
        "def broken(:\n    pass",
    ]
    notebook = book(cell(SETUP), *(cell(source, "raises-exception") for source in sources))
    execute(notebook)
    return [each.outputs[-1] for each in notebook.cells[1:]]


def test_an_error_inside_torch_shows_the_line_of_the_cell_and_the_message(raised):
    lines = "\n".join(raised[0].traceback).splitlines()
    assert lines[0].startswith("Cell In[2], line 1")
    assert lines[1] == "----> torch.zeros(2) + torch.zeros(3)"
    assert lines[-1].startswith("RuntimeError: The size of tensor a (2) must match")
    assert len(lines) == 4


def test_each_frame_of_a_cell_is_shown_and_no_other(raised):
    text = "\n".join(raised[1].traceback)
    assert text.count("---->") == 3 and text.count("Cell In[3]") == 3
    assert "site-packages" not in text


def test_name_and_message_are_what_they_are_without_it(raised):
    assert [error.ename for error in raised] == [
        *("RuntimeError", "RuntimeError", "WrongAnswer", "KeyError", "SyntaxError")
    ]
    assert raised[0].evalue.startswith("The size of tensor a (2)")


def test_a_check_keeps_its_one_line(raised):
    assert len(raised[2].traceback) == 1 and "✗ scale_columns" in raised[2].traceback[0]


def test_outside_of_a_notebook_nothing_happens():
    short_tracebacks()


def test_only_stderr_is_quiet_and_only_inside(capfd):
    with quiet_stderr():
        print("a result")
        os.write(2, b"a log line of C++")
    os.write(2, b"afterwards")
    assert capfd.readouterr() == ("a result\n", "afterwards")


def test_after_an_error_stderr_is_back_and_no_file_stays_open(capfd):
    before = os.dup(2)
    os.close(before)
    with pytest.raises(ZeroDivisionError), quiet_stderr():
        os.write(2, b"lost")
        _ = 1 / 0
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"
    after = os.dup(2)
    os.close(after)
    assert after == before
