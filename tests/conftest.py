"""What several test modules need."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.tools.notebooks import ROOT


def cell(source: str, *tags: str) -> NotebookNode:
    """Make a code cell."""
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def prose(source: str) -> NotebookNode:
    """Make a markdown cell."""
    return nbformat.v4.new_markdown_cell(source)


def book(*cells: NotebookNode) -> NotebookNode:
    """Make a notebook."""
    return nbformat.v4.new_notebook(cells=list(cells))


# In a network namespace of its own: switches loopback on, then becomes the command that follows.
LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    up_and_running = struct.pack("16sh", b"lo", 0x1 | 0x40)
    fcntl.ioctl(any_socket, 0x8914, up_and_running)  # SIOCSIFFLAGS
os.execv(sys.argv[1], sys.argv[1:])
"""
LOOPBACK_ONLY = ["unshare", "-rn", sys.executable, "-c", LOOPBACK]


def can_cut_the_network() -> bool:
    """Whether this machine lets us start a process without any network but loopback."""
    command, silent = [*LOOPBACK_ONLY, sys.executable, "-c", ""], subprocess.DEVNULL
    found = shutil.which("unshare") is not None
    return found and not subprocess.call(command, stdout=silent, stderr=silent)


def run_python(
    *arguments: str | Path, cwd: Path = ROOT, offline: bool = False, **variables: str | None
):
    """Run this Python in a process of its own; a variable given as None is unset."""
    prefix = LOOPBACK_ONLY if offline else []
    environment = {**os.environ, **{k: v for k, v in variables.items() if v is not None}}
    for name in [name for name, value in variables.items() if value is None]:
        environment.pop(name, None)
    for name in [name for name in environment if name.startswith(("PYTEST_", "COV_"))]:
        environment.pop(name)  # a pytest inside a pytest is not one of its workers
    return subprocess.run(
        [*prefix, sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=900,
        check=False,
    )


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def copy_repository(target: Path) -> Path:
    """Copy what the notebooks need into another place."""
    for name in ("notebooks", "helpers", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("data", "runs"):
        (target / name).mkdir()
        for path in (ROOT / name).glob("*.*"):
            if path.suffix in {".md", ".csv", ".pt"}:
                shutil.copy(path, target / name)
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


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
