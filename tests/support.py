"""What several test modules need."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat import NotebookNode

from helpers.paths import ROOT
from tools.lesson import local_links
from tools.offline import LOOPBACK_ONLY


def cell(source: str, *tags: str) -> NotebookNode:
    """Make a code cell."""
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def prose(source: str) -> NotebookNode:
    """Make a markdown cell."""
    return nbformat.v4.new_markdown_cell(source)


def book(*cells: NotebookNode) -> NotebookNode:
    """Make a notebook."""
    return nbformat.v4.new_notebook(cells=list(cells))


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
        check=False,
    )


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Give the addresses and ports that processes listen at."""
    return {
        tuple(connection.laddr)
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


@contextlib.contextmanager
def running_lab(
    command: list[str], root: Path, private: Path, **variables: str
) -> Iterator[tuple[str, str]]:
    """Start JupyterLab by a command, without opening a browser; end it afterwards.

    Args:
        command: What starts it, such as ["make", "lab"].
        root: Where to run it: the repository, or a copy.
        private: A folder for Jupyter's settings, data and log, instead of the user's.
        variables: More of the environment.

    Yields:
        Its address, such as "http://127.0.0.1:8888", and its token.
    """
    folders = {f"JUPYTER_{kind}_DIR": str(private / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    (private / "CONFIG").mkdir(exist_ok=True)
    settings = private / "CONFIG" / "jupyter_server_config.json"
    settings.write_text('{"ServerApp": {"open_browser": false}}', encoding="utf-8")
    log = private / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, **folders, **variables},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        printed, until = None, time.monotonic() + 600  # only one that hangs takes as long
        while printed is None and server.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
            printed = re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", log.read_text())
        assert printed, log.read_text()
        yield printed[1], printed[2]
    finally:
        _end(server)


def _end(server: subprocess.Popen) -> None:
    """End a server with what it started."""
    if os.name == "nt":  # which has no signal that asks a process to end
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(server.pid).children(recursive=True):
                process.kill()
        server.kill()
        server.wait()
        return
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)


def make_lab(root: Path, private: Path, **variables: str):
    """Start the JupyterLab of `make lab` with this Python, on a machine without a screen.

    The arguments are those of `running_lab`; the root needs the Makefile.
    """
    command = ["make", "lab", "-o", ".venv/.ready", f"BIN={Path(sys.executable).parent}"]
    command += [f"PORT={free_port()}"]
    return running_lab(command, root, private, **variables, DISPLAY="", WAYLAND_DISPLAY="")


def broken_links(text: str, folder: Path) -> Iterator[str]:
    """Yield the relative links of markdown `text` that lead nowhere."""
    for path in local_links(text):
        if not (folder / path).exists():
            yield f"the link to {path} leads nowhere"


needs_make = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("make"), reason="make is not installed, or is not for sh"
)
TOOLS = "make sh bash sed expand uname id touch rm mkdir cp echo cat find xargs git diff cut"
FAKE = """#!/bin/sh
echo "$0 $*" >> "$LOG"
case "$*" in
    "-m venv .venv") {venv} ;;
    "-m helpers.paths runs") echo "${{LADDER_RUNS:-/the/runs}}" ;;
    -c*) exit {old} ;;
esac
"""


class Workshop:
    """A copy of the Makefile with a fake Python, and nothing on PATH but what the recipes use."""

    def __init__(self, folder: Path):
        self.folder = folder / "with space ü"
        self.tools = folder / "tools"
        self.folder.mkdir()
        self.tools.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder)
        for tool in TOOLS.split():
            (self.tools / tool).symlink_to(shutil.which(tool))
        self.python("python3")

    def python(self, name: str, old: int = 0, venv: str | None = None) -> None:
        """Put a fake Python there: too old if `old` is 1."""
        venv = venv or 'mkdir -p .venv/bin && rm -f .venv/bin/python && cp "$0" .venv/bin/python'
        (self.tools / name).write_text(FAKE.format(old=old, venv=venv))
        (self.tools / name).chmod(0o755)

    def make(self, *arguments: str, **variables: str):
        """Run make: its result, and what Python was asked."""
        return self.run("make", *arguments, **variables)

    def stand_in(self, name: str, source: str) -> None:
        """Put a shell script there in place of a program; what it is asked is noted, too."""
        (self.tools / name).unlink(missing_ok=True)
        (self.tools / name).write_text(f'#!/bin/sh\necho "$0 $*" >> "$LOG"\n{source}\n')
        (self.tools / name).chmod(0o755)

    def run(self, *command: str, **variables: str):
        """Run a command: its result, and what the stand-ins were asked."""
        log = self.folder / "log"
        log.write_text("")
        environment = {"PATH": str(self.tools), "LOG": str(log), "HOME": "/", **variables}
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return result, log.read_text()
