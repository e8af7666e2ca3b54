"""Canaries: notebooks broken on purpose. A run over them must turn red, each for its reason."""

import copy
import re
from pathlib import Path
from xml.etree import ElementTree

import nbformat

from helpers.paths import ROOT
from tests.support import book, cell, run_python
from tools.notebooks import execute, normalise

HOG = "hog = b'x' * (1600 * 2**20)"
SPOKEN = "from ipykernel.kernelapp import IPKernelApp\nprint(IPKernelApp.instance().transport)"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


def executed(*cells):
    """Make a notebook and run it."""
    notebook = book(*cells)
    execute(notebook, ROOT / "notebooks")
    return normalise(notebook)


def edited(notebook, index, **changes):
    """Change fields of one cell."""
    notebook = copy.deepcopy(notebook)
    notebook.cells[index].update(changes)
    return notebook


def canaries():
    """Make notebooks: name -> (notebook, what the failure must say, or None where it must pass)."""
    words = executed(cell("print('two words')"), cell("1 + 1"))
    number = executed(cell("print('loss', 0.5, 'after', 10, 'steps')", "approx-output"))
    raises = executed(cell("1 / 0", "raises-exception"))
    plot = executed(cell(PLOT))

    def says(source):
        return edited(number, 0, source=source)

    unraised = edited(raises, 0, source="1 / 1")
    never_raised = executed(cell("1 / 1", "raises-exception"))
    return {
        "good_words": (words, None),
        "good_number": (says("print('loss', 0.53, 'after', 10, 'steps')"), None),
        "good_error": (raises, None),
        "good_plot": (plot, None),
        "good_transport": (executed(cell(SPOKEN)), None),  # both by files, where there are such
        "wrong_text": (edited(words, 0, source="print('two wards')"), "outputs differ"),
        "wrong_result": (edited(words, 1, source="1 + 2"), "outputs differ"),
        "missing_output": (edited(words, 0, outputs=[]), "outputs differ"),
        "vanished_output": (edited(words, 1, source="x = 1 + 1"), "outputs differ"),
        "number_too_far": (says("print('loss', 0.56, 'after', 10, 'steps')"), "outputs differ"),
        "number_is_nan": (says("print('loss', float('nan'), 'after', 10, 'steps')"), "differ"),
        "whole_number": (says("print('loss', 0.5, 'after', 11, 'steps')"), "outputs differ"),
        "words_beside_number": (says("print('error', 0.5, 'after', 10, 'steps')"), "differ"),
        "missing_plot": (edited(plot, 0, source=PLOT.replace("plt.plot", "len")), "differ"),
        "warning": (edited(words, 1, source="import warnings; warnings.warn('w'); 2"), "differ"),
        "not_executed": (edited(words, 0, execution_count=None, outputs=[]), "never executed"),
        "untagged_error": (edited(words, 0, source="1 / 0"), "caused an exception"),
        "tagged_now_silent": (unraised, "outputs differ"),
        "tagged_never_raised": (never_raised, "raised nothing"),
        "other_error": (edited(raises, 0, source="int('x')"), "outputs differ"),
        "too_much_memory": (edited(words, 1, source=f"{HOG}; 2"), "may take 1536 MiB"),
    }


def slow_canaries():
    """Make those that nbval must wait for."""
    words = executed(cell("print('two words')"), cell("1 + 1"))
    return {
        "kernel_dies": (edited(words, 0, source="import os; os._exit(1)"), ""),
        "hangs": (edited(words, 0, source="import time; time.sleep(60)"), "Timeout"),
    }


def verdicts(root: Path, *options: str) -> dict[str, tuple[str, str]]:
    """Test the notebooks under `root`: name -> (passed or failed, why)."""
    report = root / "report.xml"
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    run_python(*command, *options, cwd=root, PYTHONPATH=str(ROOT))
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = re.search(r"(\w+)(\.ipynb|$)", case.get("classname"))[1]
        wrong = [part for kind in ("failure", "error") for part in case.iter(kind)]
        if wrong:
            why = found.get(name, ("", ""))[1] + (wrong[0].text or "")
            found[name] = ("failed", why)
        else:
            found.setdefault(name, ("passed", ""))
    return found


def release(made: dict, root: Path):
    """Write canaries: where, and for each what must be said of it."""
    for name, (notebook, _) in made.items():
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    return root, {name: says for name, (_, says) in made.items()}


def compare(found: dict, expected: dict) -> None:
    """Every canary has its verdict, and each that fails says why."""
    assert {name: verdict for name, (verdict, _) in found.items()} == {
        name: "passed" if says is None else "failed" for name, says in expected.items()
    }
    for name, says in expected.items():
        assert (says or "") in found[name][1], name
