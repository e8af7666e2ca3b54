"""Run a notebook's cells in a kernel that has it hard, and see what it leaves behind."""

import contextlib
import copy
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.plugin import coalesce_streams

from tests.tools.notebooks import CELL_TIMEOUT, equivalent, tags

MARK = "LADDER_PROOF_MARK"  # a variable that every process of a kernel inherits
PATIENCE = 20  # seconds that a process may take to notice that its kernel is gone
LAUNCH = Path(__file__).with_name("launch.py")


class Broken(Exception):
    """A lesson did not bear a fault; the message says where."""


class Raised(Exception):
    """A cell raised an error that no tag announces.

    Attributes:
        cell: Which one.
        name: Of the error.
        text: Its message.
    """

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

    Attributes:
        views: Where `data/` and `runs/` are seen as the kernel sees them.
    """

    def __init__(self, root: Path, settings: dict | None = None, **env: str | None):
        """Take note of what to start.

        Args:
            root: A copy of the repository.
            settings: Of `launch.py`.
            env: Variables; None unsets one.
        """
        self.root, self.mark, self.settings = root, uuid.uuid4().hex, settings or {}
        (root.parent / "tmp").mkdir(exist_ok=True)
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "LADDER_"))},
            "PYTHONPATH": str(root),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(root.parent / "tmp"),
            "LADDER_PROGRESS": "off",  # as wherever a lesson's stored outputs are compared
            MARK: self.mark,
            **{k: v for k, v in env.items() if v is not None},
        }
        for name in [name for name, value in env.items() if value is None]:
            self.env.pop(name, None)

    def __enter__(self) -> "Kernel":
        with contextlib.ExitStack() as stack:
            self.client = NotebookClient(
                nbformat.v4.new_notebook(),
                timeout=5
                * CELL_TIMEOUT,  # two share a core here; how fast they are is tested elsewhere
                kernel_name="python3",
                extra_arguments=["--log-level=ERROR"],
                resources={"metadata": {"path": str(self.root / "notebooks")}},
            )
            self.client.create_kernel_manager()
            apart = self.settings.keys() & {"read_only", "small"}
            prefix = ["unshare", "-rm"] if apart else []
            prefix += [sys.executable, str(LAUNCH), json.dumps(self.settings)]
            spec = self.client.km.kernel_spec
            spec.argv = [*prefix, sys.executable, *spec.argv[1:]]
            self.views = {name: self.root / name for name in ("data", "runs")}
            handles = stack.enter_context(contextlib.ExitStack())
            stack.callback(self._end)
            stack.enter_context(self.client.setup_kernel(env=self.env))
            for name, path in self.views.items() if apart else ():
                # as the kernel sees it, also when the kernel is gone
                handle = os.open(f"/proc/{self.pid}/root{path}", os.O_RDONLY | os.O_DIRECTORY)
                handles.callback(os.close, handle)
                self.views[name] = Path(f"/proc/self/fd/{handle}")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, kind, error, traceback) -> None:
        try:
            self.stack.close()
        except Broken as left:
            if error is None:
                raise
            error.add_note(f"and {left}")

    @property
    def pid(self) -> int:
        """The kernel's process."""
        return self.client.km.provisioner.pid

    def _end(self) -> None:
        """Say what is left, now that the kernel is gone."""
        found = orphans(self.mark)
        for folder in self.views.values():
            found += half_written(folder)
        if found:
            raise Broken(f"the kernel left behind: {', '.join(found)}")

    # Running cells

    def run(self, cells: list[NotebookNode], before: Callable = lambda: None) -> list[NotebookNode]:
        """Run cells; return them with their outputs.

        Args:
            cells: They stay as they are.
            before: Called before each cell.

        Raises:
            Raised: A cell raised an error that no tag announces.
            Broken: A cell hung, or the kernel died.
        """
        ran = []
        for cell in cells:
            cell = fresh(cell)
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
        """Run a cell and interrupt it, if it still runs after so many seconds.

        Returns:
            Whether the cell ended by that.
        """
        return run_sync(self._interrupt)(cell, delay)

    async def _interrupt(self, cell: NotebookNode, delay: float) -> bool:
        kernel = self.client.kc
        asked = kernel.execute(cell.source, stop_on_error=False)
        await _message(kernel.get_iopub_msg, asked, "execute_input", CELL_TIMEOUT)
        reply = early = await _message(kernel.get_shell_msg, asked, "execute_reply", delay)
        if reply is None:
            await self.client.km.interrupt_kernel()
            reply = await _message(kernel.get_shell_msg, asked, "execute_reply", PATIENCE / 4)
        if reply is None:
            # ipykernel forgets to reply where the interruption hits code of its own
            try:
                await kernel.wait_for_ready(timeout=PATIENCE)
            except RuntimeError:
                say = f"cell {cell.id} goes on when interrupted\n\n{cell.source}"
                raise Broken(say) from None
            return False
        name = reply["content"].get("ename")
        if early and name:
            raise Raised(cell, name, reply["content"]["evalue"])
        return name == "KeyboardInterrupt"


async def _message(get: Callable, asked: str, kind: str, seconds: float) -> dict | None:
    """Wait for the message of a kind that answers a request; None if there is none in time."""
    end = time.monotonic() + seconds
    with contextlib.suppress(queue.Empty):
        while True:
            message = await get(timeout=max(0, end - time.monotonic()))
            if (message["parent_header"].get("msg_id"), message["msg_type"]) == (asked, kind):
                return message
    return None


def fresh(cell: NotebookNode) -> NotebookNode:
    """Copy a cell without its outputs."""
    cell = copy.deepcopy(cell)
    cell.outputs, cell.execution_count = [], None
    return cell


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
    """Compare outputs with those stored, but for the cells with some ids.

    Raises:
        Broken: Some differ.
    """
    different = [cell for cell in differing(stored, ran) if cell.id not in but]
    if different:
        told = [f"cell {c.id}:\n{c.source}\n\ngave: {c.outputs}" for c in different]
        raise Broken(f"{len(told)} outputs differ from those stored\n" + "\n\n".join(told)[:4000])


def orphans(mark: str) -> list[str]:
    """Name the processes that carry a mark and do not end; end them."""
    for _ in range(5 * PATIENCE):
        found = [p for p in psutil.process_iter() if _is_marked(p, mark)]
        if not found:
            return []
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


def half_written(folder: Path) -> list[str]:
    """Name what lies in a folder and looks as if somebody had not finished writing it."""
    names = [path for path in folder.rglob("*") if path.name.startswith(".") or _temporary(path)]
    return [f"half-written {path.relative_to(folder)}" for path in names]


def _temporary(path: Path) -> bool:
    return path.suffix in {".tmp", ".part", ".partial"} or path.name.endswith("~")


def contents(folder: Path, *besides: str) -> dict[str, tuple[int, int]]:
    """Map the files of a folder to their size and time, to see later what has changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and place.parts[0] not in besides and "__pycache__" not in place.parts:
            found[place.as_posix()] = (path.stat().st_size, path.stat().st_mtime_ns)
    return found


class MemoryWatch:
    """Look every so often how much memory a kernel and its children take together.

    Attributes:
        peak: The most of it so far, in bytes; pages that they share count once.
    """

    def __init__(self, kernel: Kernel, every: float = 0.5):
        """Take note of the kernel, and of the seconds between two looks."""
        self.kernel, self.every, self.peak = kernel, every, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(self.every):
            with contextlib.suppress(psutil.Error):
                first = psutil.Process(self.kernel.pid)
                family = [first, *first.children(recursive=True)]
                self.peak = max(self.peak, sum(map(_proportional, family)))


def _proportional(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.memory_full_info().pss
    return 0
