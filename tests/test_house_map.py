"""The map shows the imports as they are; they lead downwards, and never in a circle."""

import re
from graphlib import CycleError, TopologicalSorter
from xml.etree import ElementTree

import nbformat
import pytest

from tests.support import book, cell
from tools.house_map import (
    BEGIN,
    BOXES,
    END,
    PAGE,
    PICTURE,
    draw,
    is_notebook,
    listing,
    read_house,
    upward,
    words,
)

HOUSE = read_house()
ANEW = "run: python -m tools.house_map"


def test_the_picture_shows_the_imports_as_they_are():
    assert PICTURE.read_text(encoding="utf-8") == draw(HOUSE), ANEW


def test_the_list_says_what_the_modules_say():
    page = PAGE.read_text(encoding="utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0] == listing(), ANEW


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter(HOUSE).prepare()


def test_every_import_leads_downwards_so_helpers_know_neither_tools_nor_tests():
    assert upward(HOUSE) == []
    assert list(BOXES)[:3] == ["tests", "notebooks", "tools"]


def test_a_lesson_imports_no_tool():
    assert sum(map(is_notebook, HOUSE)) >= 50
    for name in filter(is_notebook, HOUSE):
        assert not any(other.startswith("tools.") for other in HOUSE[name]), name


@pytest.fixture
def small(tmp_path):
    """Make a house of few modules, which import in every way."""
    files = {
        "helpers/__init__.py": "",
        "helpers/low.py": "import os\nimport torch",
        "helpers/high.py": "from helpers import low\nfrom helpers.low import name",
        "helpers/checks/first.py": "def check():\n    import helpers.high as h",
        "helpers/checks/engine.py": "",
        "tools/run.py": "from helpers.checks import first, engine",
        "notebooks/beside.py": "import unknown",
        "tests/test_one.py": "from tools import run\nimport tests.support",
        "tests/support.py": "",
        "tests/proof/test_two.py": "from notebooks.beside import name",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    cells = [
        cell("%matplotlib inline\nfrom helpers.low import name"),
        cell("from helpers import ("),
    ]
    cells += [cell("%%writefile x.py\nimport helpers.high"), cell("from beside import name")]
    nbformat.write(book(*cells), tmp_path / "notebooks" / "01_first.ipynb")
    return tmp_path


def test_an_import_is_seen_wherever_and_however_it_is_written(small):
    house = {name: sorted(others) for name, others in read_house(small).items()}
    assert house == {
        "helpers.__init__": [],
        "helpers.low": [],
        "helpers.high": ["helpers.low"],
        "helpers.checks.first": ["helpers.high"],
        "helpers.checks.engine": [],
        "tools.run": ["helpers.checks.engine", "helpers.checks.first"],
        "notebooks.beside": [],
        "notebooks.01_first": ["helpers.high", "helpers.low", "notebooks.beside"],
        "tests.test_one": ["tests.support", "tools.run"],
        "tests.support": [],
        "tests.proof.test_two": ["notebooks.beside"],
    }


def test_the_picture_names_modules_and_counts_imports(small):
    house = read_house(small)
    assert words(house, "helpers") == [["high 1"], ["low 1"]]
    assert words(house, "helpers.checks") == [["1 that serve one lesson each"], ["engine"]]
    assert words(house, "notebooks") == [["1 lessons", "1 modules"]]
    assert words(house, "tests") == [["1 proof", "1 shared", "1 tests"]]
    picture = draw(house)
    counts = re.findall(r'class="count">(\d+)<', picture)
    # tests: tools, notebooks; notebooks: helpers; tools: checks; checks: helpers
    assert counts == ["1", "1", "2", "2", "1"]
    ElementTree.fromstring(picture)


def test_an_import_that_leads_upwards_is_named(small):
    (small / "helpers" / "low.py").write_text("import tools.run")
    house = read_house(small)
    assert upward(house) == ["helpers.low imports tools.run: helpers imports nothing from tools"]
    with pytest.raises(ValueError, match=r"helpers\.low imports tools\.run"):
        draw(house)


def test_a_circle_is_an_error(small):
    (small / "helpers" / "low.py").write_text("def late():\n    import helpers.high")
    with pytest.raises(CycleError, match=r"helpers\.low"):
        draw(read_house(small))


def test_the_picture_is_small_and_asks_for_nothing():
    picture = PICTURE.read_text(encoding="utf-8")
    assert len(picture) < 150_000
    assert set(re.findall(r"https?://[^\"]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"href|<script|<image", picture)
