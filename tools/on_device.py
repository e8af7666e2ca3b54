"""Run one notebook in a kernel for `tools.devices`, and compare its outputs with those stored.

A cell *fails* if it raises an error that no tag announces, raises none where one is announced, or
does not end. It *differs* if it runs, but says something else: other words, another whole number,
or a decimal number that is off by more than 5% plus 0.02, as in a cell tagged `approx-output`. An
accelerator adds in another order and draws other random numbers, so not every difference is wrong.
Names of devices count as equal. Not compared are figures, and cells tagged `nbval-ignore-output`.
"""

import contextlib
import copy
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tools.notebooks import equivalent, make_client, read, sanitize, tags

DEVICE = re.compile(r"\b(?:cuda|mps|cpu)(?::\d+)?\b")
NO_NUMBER = re.compile(r"\b(?:nan|inf)\b")  # equal to themselves here, and to nothing else
# Asked in the kernel after the last cell: bytes, or nothing where nobody counts them.
PEAK = """
import torch
if torch.device({device!r}).type == "cuda":
    print(torch.cuda.max_memory_allocated({device!r}))
elif torch.device({device!r}).type == "mps":
    print(torch.mps.driver_allocated_memory())
"""


class Mismatch(NamedTuple):
    """A cell that failed or differs: its name, the stored outputs, and those of this run."""

    cell: str
    stored: str
    here: str


class Outcome(NamedTuple):
    """What became of a notebook.

    Attributes:
        name: Of the notebook.
        cells: How many cells with code ran.
        differing: Those that ran, but differ.
        failed: Those that failed.
        seconds: From the start of the kernel to its end.
        peak: MiB of the accelerator's memory that torch held at most, or None. After
            `torch.cuda.reset_peak_memory_stats`, as in lesson 17, only from there on.
    """

    name: str
    cells: int
    differing: list[Mismatch]
    failed: list[Mismatch]
    seconds: float
    peak: float | None


class Kernels:
    """The kernels that run, so that all of them can be ended at once, from another thread."""

    def __init__(self) -> None:
        self.pids: set[int] = set()
        self.stopped = threading.Event()

    @contextlib.contextmanager
    def start(self, client: NotebookClient, env: dict[str, str]) -> Iterator[None]:
        """Start a client's kernel with this Python; at the end, it and its children are gone.

        Raises:
            DeadKernelError: `stop` was called.
        """
        manager = client.km
        # not what somebody may have installed as "python3"
        manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher"]
        manager.kernel_spec.argv += ["-f", "{connection_file}"]
        with client.setup_kernel(env=env):
            pid = manager.provisioner.pid
            self.pids.add(pid)
            children = []
            try:
                if self.stopped.is_set():
                    raise DeadKernelError("stopped")
                yield
                children = family(pid)[:-1]
            except BaseException:
                kill(family(pid))  # it may hang where it hears of nothing
                raise
            finally:
                self.pids.discard(pid)
        kill(children)  # such as did not end with it

    def stop(self) -> None:
        """End all kernels, now and later."""
        self.stopped.set()
        for pid in list(self.pids):
            kill(family(pid))


def family(pid: int) -> list[psutil.Process]:
    """List the descendants of a process, then itself; nothing, if it is gone."""
    try:
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []


def kill(processes: list[psutil.Process]) -> None:
    """Kill those that still run."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def run_lesson(
    path: Path, env: dict[str, str], limit: float, kernels: Kernels, prepare: str = ""
) -> Outcome:
    """Run all cells of a notebook, also after one that failed, and compare their outputs.

    Args:
        path: The notebook, which stays as it is; its folder is the kernel's working directory.
        env: The kernel's environment. `LADDER_DEVICE` names the device, `TMPDIR` a folder.
        limit: Seconds that a cell may take; the first that takes longer is the last that ran.
        kernels: Hold this one while it runs.
        prepare: Code that runs before the first cell.
    """
    began = time.monotonic()
    stored = read(path)
    notebook, differing, failed = copy.deepcopy(stored), [], []
    client = make_client(notebook, path.parent, limit, allow_errors=True)
    count, peak, name = 0, None, "its kernel"

    def run(source: str) -> list[NotebookNode]:
        notebook.cells.append(nbformat.v4.new_code_cell(source))
        client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
        return notebook.cells[-1].outputs

    try:
        with kernels.start(client, env):
            if prepare and (said := spell(run(prepare))):
                raise DeadKernelError(f"the preparation says: {said}")
            for index, (old, new) in enumerate(zip(stored.cells, notebook.cells, strict=False)):
                if new.cell_type != "code":
                    continue
                first = old.source.strip().partition("\n")[0]
                name = f"cell {index} ({old.id}): {first[:60]}"
                new.outputs = []
                client.execute_cell(new, index)
                count += 1
                if say := why_failed(old, new):
                    failed.append(Mismatch(name, spell(old.outputs), say))
                elif differs(old, new):
                    differing.append(Mismatch(name, spell(old.outputs), spell(new.outputs)))
            if env["LADDER_DEVICE"] != "cpu":
                peak = spell(run(PEAK.format(device=env["LADDER_DEVICE"])))
    except CellTimeoutError:
        say = f"did not end within {limit:g} seconds; its kernel was killed"
        failed.append(Mismatch(name, "", say))
    except (DeadKernelError, RuntimeError) as error:
        failed.append(Mismatch(name, "", f"the kernel died: {error}"))
    mib = int(peak) / 2**20 if peak and peak.strip().isdecimal() else None
    return Outcome(path.stem, count, differing, failed, time.monotonic() - began, mib)


def why_failed(old: NotebookNode, new: NotebookNode) -> str:
    """Say why a cell failed; "" if it did not."""
    errors = [output for output in new.outputs if output.output_type == "error"]
    if errors and "raises-exception" not in tags(old):
        return f"{errors[0].ename}: {errors[0].evalue}"
    if "raises-exception" in tags(old) and not errors:
        return f"expected an error, as its tag raises-exception says; got {spell(new.outputs)!r}"
    return ""


def differs(old: NotebookNode, new: NotebookNode) -> bool:
    """Tell whether what a cell says now is not what it said when it was stored."""
    if "nbval-ignore-output" in tags(old):
        return False
    return not equivalent(as_on_cpu(old.outputs), as_on_cpu(new.outputs), approx=True)


def as_on_cpu(value):
    """Put the CPU's name in the place of every device in all texts of outputs."""
    if isinstance(value, dict):
        return NotebookNode({key: as_on_cpu(each) for key, each in value.items()})
    if isinstance(value, list):
        return [as_on_cpu(each) for each in value]
    if isinstance(value, str):
        # first what the notebooks' own rules take out, which know a device by its name
        text = DEVICE.sub("cpu", sanitize(value))
        return NO_NUMBER.sub(lambda match: match[0].upper(), text)
    return value


def spell(outputs: list[NotebookNode]) -> str:
    """Write outputs as text, as far as they are text."""
    said = []
    for output in outputs:
        if output.output_type == "error":
            said.append(f"{output.ename}: {output.evalue}")
        else:
            said.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(part.rstrip("\n") for part in said)
