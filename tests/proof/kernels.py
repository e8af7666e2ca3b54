"""Run a notebook's cells in a kernel that has it hard, and see what it leaves behind."""

import contextlib
import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.plugin import coalesce_streams

from tools.notebooks import CELL_TIMEOUT, equivalent, tags, talk_by_files

MARK = "LADDER_PROOF_MARK"  # a variable that every process of a kernel inherits
PATIENCE = 20  # seconds that a process may take to notice that its kernel is gone
# What a cell says of an interruption; one that loads data hears of its workers' end first.
INTERRUPTED = re.compile("^KeyboardInterrupt|DataLoader worker .* exited unexpectedly")
IMPORTS = re.compile(r"^\s*(?:import|from) ", re.MULTILINE)
LAUNCH = Path(__file__).with_name("launch.py")
# Prints whether the last error came out of an import: out of a module's body, or of Python's own
# machinery. What such an import leaves half done is told by no message in particular.
IMPORTING = """
def _cut_short(error):
    walk = __import__("traceback").walk_tb
    while error:
        for frame, _ in walk(error.__traceback__):
            own = frame.f_globals.get("__name__") == "__main__"
            name, file = frame.f_code.co_name, frame.f_code.co_filename
            if name == "<module>" and not own or file.startswith("<frozen importlib"):
                return True
        error = error.__context__
    return False

print(_cut_short(getattr(__import__("sys"), "last_value", None)))
del _cut_short
"""


class Broken(Exception):
    """A lesson did not bear a fault; the message says where."""


class Raised(Exception):
    """A cell raised an error that no tag announces: `name`, and `text`, its message."""

    def __init__(self, cell: NotebookNode, name: str, text: str):
        super().__init__(f"cell {cell.id} raised {name}: {text}\n\n{cell.source}")
        self.cell, self.name, self.text = cell, name, text


def can_mount() -> bool:
    """Whether this machine lets us mount in a namespace of our own."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return shutil.which("unshare") is not None and not subprocess.call(command, **silent)


class Kernel:
    """A kernel in a repository's `notebooks/`; temporary files go into the `tmp` beside it.

    Used by `with`; at the end it is shut down as JupyterLab does it. `Broken` is raised if it
    leaves a process, or something half-written in `data/` or `runs/`.
    """

    def __init__(self, root: Path, settings: dict | None = None, **env: str | None):
        """Take note of what to start: settings are those of `launch.py`; None unsets a variable."""
        self.root, self.mark, self.settings = root, uuid.uuid4().hex, settings or {}
        self.half_imported = False  # an interruption cut an import short
        (root.parent / "tmp").mkdir(exist_ok=True)
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "LADDER_"))
        }
        variables = {
            **inherited,
            "PYTHONPATH": str(root),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(root.parent / "tmp"),
            "LADDER_PROGRESS": "off",  # as wherever a lesson's stored outputs are compared
            MARK: self.mark,
            **env,
        }
        self.env = {name: value for name, value in variables.items() if value is not None}

    def __enter__(self) -> "Kernel":
        self.client = NotebookClient(
            nbformat.v4.new_notebook(),
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(self.root / "notebooks")}},
        )
        km = self.client.create_kernel_manager()
        talk_by_files(km, self.root.parent)
        prefix = ["unshare", "-rm"] if self.settings.keys() & {"read_only", "small"} else []
        prefix += [sys.executable, str(LAUNCH), json.dumps(self.settings)]
        spec = km.kernel_spec
        spec.argv = [*prefix, sys.executable, *spec.argv[1:]]
        self.started = self.client.setup_kernel(env=self.env)
        self.started.__enter__()
        self.pid = km.provisioner.pid
        return self

    def __exit__(self, kind, error, traceback) -> None:
        left = self.half_written()  # before its mounts end with it
        self.started.__exit__(None, None, None)
        left += orphans(self.mark)
        if left and error is None:
            raise Broken(f"the kernel left behind: {', '.join(left)}")
        if left:
            error.add_note(f"and the kernel left behind: {', '.join(left)}")

    def sees(self, name: str) -> Path:
        """Give the repository's `data/` or `runs/` as the kernel sees it, by its own mounts."""
        own = Path(f"/proc/{self.pid}/root{self.root / name}")
        return own if own.exists() else self.root / name

    def half_written(self) -> list[str]:
        """Name what looks as if somebody had not finished writing it."""
        ends = (".tmp", ".part", ".partial", "~")
        return [
            f"half-written {name}/{path.relative_to(self.sees(name))}"
            for name in ("data", "runs")
            for path in self.sees(name).rglob("*")
            if path.name.startswith(".") or path.name.endswith(ends)
        ]

    def run(self, cells: list[NotebookNode], before: Callable = lambda: None) -> list[NotebookNode]:
        """Run copies of cells; return them with their outputs. `before` is called before each.

        Raises:
            Raised: A cell raised an error that no tag announces.
            Broken: A cell hung, or the kernel died.
        """
        ran = []
        for cell in copy.deepcopy(cells):
            cell.outputs, cell.execution_count = [], None
            self.client.nb.cells = [cell]
            before()
            try:
                self.client.execute_cell(cell, 0)
            except CellExecutionError as error:
                raise Raised(cell, error.ename, error.evalue) from None
            except (CellTimeoutError, DeadKernelError) as error:
                raise Broken(f"cell {cell.id}: {error!r}\n\n{cell.source}") from error
            cell.outputs = coalesce_streams(cell.outputs)  # a slow loop prints in several pieces
            ran.append(cell)
        return ran

    def do(self, source: str) -> str:
        """Run a line that is in no notebook; return what it prints."""
        (ran,) = self.run([nbformat.v4.new_code_cell(source)])
        return "".join(output.get("text", "") for output in ran.outputs)

    def interrupt(self, cell: NotebookNode, delay: float) -> bool:
        """Run a cell, interrupt it if it runs for so many seconds; tell whether that ended it."""
        timer = threading.Timer(delay, os.killpg, (self.pid, signal.SIGINT))
        patient, self.client.timeout = self.client.timeout, PATIENCE
        timer.start()
        try:
            self.run([cell])
        except Raised as error:
            if not INTERRUPTED.search(f"{error.name}: {error.text}"):
                raise
            self.half_imported |= self.do(IMPORTING) == "True\n"
            return True
        except Broken:
            self.do("1")  # it answers: the signal hit ipykernel, and who knows how far the cell ran
            self.half_imported |= bool(IMPORTS.search(cell.source))
            return True
        finally:
            timer.cancel()
            self.client.timeout = patient
        return False


def differing(stored: list[NotebookNode], ran: list[NotebookNode]) -> list[NotebookNode]:
    """Give the cells of `ran` whose outputs the rules of the notebooks do not accept."""
    found = []
    for old, new in zip(stored, ran, strict=True):
        loose = "nbval-ignore-output" in tags(old)
        raised = any(output.output_type == "error" for output in new.outputs)
        missing = "raises-exception" in tags(old) and not raised
        same = equivalent(old.outputs, new.outputs, "approx-output" in tags(old))
        if missing or not (loose or same):
            found.append(new)
    return found


def expect_stored(stored: list[NotebookNode], ran: list[NotebookNode], *but: str) -> None:
    """Raise `Broken` where outputs are not those stored, but for the cells with some ids."""
    different = [cell for cell in differing(stored, ran) if cell.id not in but]
    if different:
        told = [f"cell {c.id}:\n{c.source}\n\ngave: {c.outputs}" for c in different]
        raise Broken(f"{len(told)} outputs differ from those stored\n" + "\n\n".join(told)[:4000])


def orphans(mark: str) -> list[str]:
    """Name the processes that carry a mark and do not end; end them."""
    end = time.monotonic() + PATIENCE
    while (found := [p for p in psutil.process_iter() if _is_marked(p, mark)]) and (
        time.monotonic() < end
    ):
        time.sleep(0.2)
    said = []
    for process in found:
        with contextlib.suppress(psutil.Error):
            said.append(f"process {process.pid} ({' '.join(process.cmdline())[:200]})")
            process.kill()
            process.wait(PATIENCE)
    return said


def _is_marked(process: psutil.Process, mark: str) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    return False


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Map the files of a folder to their size and time, to see later what has changed."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@contextlib.contextmanager
def memory_watch(kernel: Kernel) -> Iterator[list[int]]:
    """Look twice a second how many bytes a kernel and its children take, shared pages once."""
    taken, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            with contextlib.suppress(psutil.Error):
                first = psutil.Process(kernel.pid)
                family = [first, *first.children(recursive=True)]
                taken.append(sum(process.memory_full_info().pss for process in family))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join()
