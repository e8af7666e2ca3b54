"""Fixtures of several test modules; what they import stands in `tests/support.py`."""

import shutil
from pathlib import Path

import pytest

from helpers.paths import ROOT


@pytest.fixture(scope="session")
def make_miniature(tmp_path_factory: pytest.TempPathFactory):
    """Give a function that makes an empty repository which tests its notebooks by our rules."""

    def make() -> Path:
        root = tmp_path_factory.mktemp("miniature")
        (root / "notebooks").mkdir()
        shutil.copy(ROOT / "pyproject.toml", root)
        for name in ("conftest.py", "matplotlibrc"):
            shutil.copy(ROOT / "notebooks" / name, root / "notebooks")
        return root

    return make


@pytest.fixture(scope="session")
def miniature(make_miniature) -> Path:
    """Make one such repository."""
    return make_miniature()
