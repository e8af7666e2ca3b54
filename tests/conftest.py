"""Fixtures of several test modules; what they import stands in `tests/support.py`."""

import shutil
import urllib.error
from pathlib import Path

import pytest
import torch

from helpers.paths import ROOT
from tests import browser
from tests.support import Workshop


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


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Give a copy of the Makefile with a Python that only notes what it is asked."""
    return Workshop(tmp_path)


@pytest.fixture(scope="module")
def one_thread():
    """Let torch use one thread: what is compared bit for bit must add up in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Give torch a cache of its own, and no network."""

    def no_network(*arguments, **options):
        raise urllib.error.URLError("no network here")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    cache = tmp_path / "home" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    return cache


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory):
    """Give JupyterLab in a browser, of a copy of the repository."""
    with browser.start(tmp_path_factory.mktemp("lab")) as running:
        yield running
