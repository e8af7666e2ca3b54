"""Strict nbval turns red where it must; `make proof` shows it with every canary."""

import re
import tomllib

import pytest

from helpers.paths import ROOT
from tests.canaries import canaries, compare, release, verdicts
from tests.support import run_python
from tools.notebooks import every_notebook, over_budget, read

FEW = """good_words good_number good_transport wrong_text number_too_far not_executed
    tagged_never_raised""".split()


def test_a_few_canaries_get_their_verdict(miniature):
    every = canaries()
    root, expected = release({name: every[name] for name in FEW}, miniature)
    compare(verdicts(root, "-n0"), expected)


@pytest.mark.parametrize(
    ("peak", "stated", "says"),
    [
        (1500, 30, None),
        (1600, 30, "its kernel took 1600 MiB"),
        (100, 31, "a lesson may run 30 s"),
    ],
)
def test_the_budget_is_held(peak, stated, says):
    found = over_budget(peak, stated)
    assert found == [] if says is None else says in found[0]


def test_lax_is_refused(miniature):
    result = run_python("-m", "pytest", "--nbval-lax", cwd=miniature, PYTHONPATH=str(ROOT))
    assert result.returncode == 4
    assert "--nbval-lax compares no output" in result.stderr


def test_every_cell_of_every_notebook_is_collected():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "notebooks" in project["tool"]["pytest"]["ini_options"]["testpaths"]
    result = run_python("-m", "pytest", "--collect-only", "-q", "-n0", "notebooks")
    listed = re.findall(r"(\S+\.ipynb)::(Cell \d+)", result.stdout)
    for path in every_notebook():
        cells = sum(c.cell_type == "code" for c in read(path).cells)
        name = path.relative_to(ROOT).as_posix()
        assert [f"Cell {i}" for i in range(cells)] == [c for n, c in listed if n == name], name
