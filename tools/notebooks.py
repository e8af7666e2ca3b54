"""The notebook tool: run, normalise and check the notebooks, so that git holds them executed.

    python -m tools.notebooks run [NOTEBOOK ...]      execute in order, normalise, write
    python -m tools.notebooks check [NOTEBOOK ...]    name those that are stale or untidy

Without arguments it takes every notebook. What `run` calls equivalent, and therefore leaves as it
stands, is what strict nbval accepts: `notebooks/conftest.py` uses the same `sanitize` and `snap`.
"""

import argparse
import ast
import base64
import copy
import hashlib
import io
import math
import os
import re
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from pathlib import Path

import nbformat
import psutil
from jupyter_client import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image

from helpers.paths import NOTEBOOKS, ROOT

CELL_TIMEOUT = 900  # seconds: only a cell that hangs takes as long, however slow the machine

# Text that moves from one machine or run to the next although nothing is wrong.
RULES = [
    # an object's place in memory: <AddBackward0 object at 0x7f…>
    (r"\b0x[0-9a-f]{6,}\b", "0xADDRESS"),
    # helpers.device.describe_device: any device, in the words that it is said in today
    (
        r"running on (?:cpu \((?:1 thread|(?!1 )\d+ threads)\)|cuda(?::\d+)? \(.+\)"
        r"|\w+(?::\d+)? \(accelerator\))",
        "running on DEVICE",
    ),
    # torch says where a tensor lives unless that is the CPU, and wraps the line for it
    (r",\s+device='(?:cuda|mps)(?::\d+)?'", ""),
    (r",\n\s+(?=(?:grad_fn|dtype|requires_grad)=)", ", "),
    # the colours of an exercise's check
    (r"\x1b\[[\d;]*m", ""),
    # torch 2.14 and 2.15 word two errors differently
    (r"^NotImplementedError$", "RuntimeError"),
    (r"\baddmm: (?=mat1)", ""),
]

# Never compared: pictures (bytes differ between font libraries), tracebacks (paths) and counts.
NOT_COMPARED = {"metadata", "traceback", "output_type", "name", "execution_count", "transient"}
PICTURES = {"image/png", "image/jpeg"}
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*(?:e[-+]?\d+)?|\.\d+|\d+e[-+]?\d+|nan|inf)(?!\w)")


def lessons() -> list[Path]:
    """List the lessons' notebooks in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def every_notebook() -> list[Path]:
    """List every notebook of ours, the solutions after the lessons; a learner's own begin my_."""
    found = [path for path in NOTEBOOKS.rglob("*.ipynb") if not path.name.startswith("my_")]
    return sorted((p for p in found if ".ipynb_checkpoints" not in p.parts), key=_place)


def _place(path: Path) -> tuple[int, Path]:
    return len(path.parts), path


def read(path: Path) -> NotebookNode:
    """Read a notebook.

    Raises:
        ValueError: The file is no notebook of format 4.
    """
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise ValueError(f"{path} is not a Jupyter notebook: {error}") from error


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all: killed halfway, the old file is untouched."""
    replace_file(path, serialise(notebook))


def replace_file(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def split_at(text: str, begin: str, end: str) -> tuple[str, str, str]:
    """Part a text at two markers.

    Returns:
        What stands up to the first, between them, and from the second on.

    Raises:
        ValueError: The text has no such markers.
    """
    before, found, rest = text.partition(begin)
    between, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"expected {begin.strip()!r} and then {end.strip()!r} in the text")
    return before + found, between, ended + after


def serialise(notebook: NotebookNode) -> str:
    """Give the text of a notebook's file."""
    return nbformat.writes(notebook) + "\n"


def tags(cell: NotebookNode) -> list[str]:
    """Give a cell's tags."""
    return list(cell.metadata.get("tags", []))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Give the cells of a notebook that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# Comparing outputs


def sanitize(text: str) -> str:
    """Replace what may differ between two good runs by a fixed word."""
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return text


def snap(reference: str, text: str, rtol: float = 0.05, atol: float = 0.02) -> str:
    """Replace each decimal number of `text` by that of `reference` if the two are close.

    Equal words around equal-enough numbers thus give an equal text; anything else stays different.
    A tolerance of 5% plus 0.02 is what training results need between one thread and many, and
    between processors. Whole numbers are exact. NaN and infinity are close to nothing.
    """
    wanted, found = NUMBER.findall(reference), NUMBER.findall(text)
    if NUMBER.sub("#", reference).split() != NUMBER.sub("#", text).split():
        return text
    pairs = iter(zip(wanted, found, strict=True))

    def choose(match: re.Match) -> str:
        old, new = next(pairs)
        finite = math.isfinite(float(old)) and math.isfinite(float(new))
        close = finite and abs(float(new) - float(old)) <= atol + rtol * abs(float(old))
        return old if close else f"{new} (not {old})"

    snapped = NUMBER.sub(choose, text)
    # a number that became shorter may have moved the spaces beside it
    return reference if snapped.split() == reference.split() else snapped


def snap_outputs(stored: list[NotebookNode], fresh: list[NotebookNode]) -> list[NotebookNode]:
    """Return a copy of `fresh` in which every number close to its stored twin is that twin."""
    stored, fresh = copy.deepcopy(stored), copy.deepcopy(fresh)
    for old, new in zip(stored, fresh, strict=False):
        for old_part, new_part in ((old, new), (old.get("data", {}), new.get("data", {}))):
            for key in new_part.keys() & old_part.keys() - NOT_COMPARED - PICTURES:
                if isinstance(new_part[key], str) and isinstance(old_part[key], str):
                    new_part[key] = snap(sanitize(old_part[key]), sanitize(new_part[key]))
    return fresh


def comparable(outputs: list[NotebookNode]) -> dict[str, list]:
    """Flatten outputs the way nbval compares them: for each kind, the values in order."""
    values = defaultdict(list)
    for output in outputs:
        if output.output_type == "stream":  # the pieces of one stream belong together
            values[output.name] = [sanitize("".join([*values[output.name], output.text]))]
            continue
        for key in output.keys() - NOT_COMPARED - {"data"}:
            values[key].append(sanitize(output[key]))
        for key, value in output.get("data", {}).items():
            if key in PICTURES:
                values["pictures"].append("")  # that there is one counts
            else:
                values[key].append(sanitize(value) if isinstance(value, str) else value)
    return values


def equivalent(old: list[NotebookNode], new: list[NotebookNode], approx: bool) -> bool:
    """Tell whether strict nbval, which sees `old` stored, accepts `new`."""
    return comparable(old) == comparable(snap_outputs(old, new) if approx else new)


def uncompared(outputs: list[NotebookNode]) -> list:
    """Give what nbval does not compare but a reader sees: the PNGs and tracebacks."""
    seen = [
        (out.get("data", {}).get("image/png", "").strip(), out.get("traceback")) for out in outputs
    ]
    return [pair for pair in seen if any(pair)]


# Normalising


def small_png(encoded: str) -> str:
    """Reduce a base64 PNG to at most 256 colours, which thirds its size and blurs nothing."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        if image.mode == "P":
            return encoded.strip()
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    target = io.BytesIO()
    reduced.save(target, format="PNG", optimize=True)
    return base64.b64encode(target.getvalue()).decode()


def stamp(notebook: NotebookNode) -> str:
    """Hash what a notebook's outputs depend on: its code, the helpers it names, the plots' look.

    A stored picture that no longer fits its code is found by this alone, for nbval compares none.
    """
    digest = hashlib.sha256((NOTEBOOKS / "matplotlibrc").read_bytes())
    for cell in code_cells(notebook):
        digest.update(cell.source.encode())
        for module, names in _helpers_named(cell.source):
            for source in _definitions(module, names):
                digest.update(source.encode())
    return digest.hexdigest()[:16]


def _helpers_named(source: str) -> list[tuple[Path, set[str]]]:
    """Find what a cell imports from `helpers`, checks aside: nbval compares what they print."""
    found = []
    for node in ast.walk(_parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers."):
            module = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
            if module.is_file():
                found.append((module, {alias.name for alias in node.names}))
    return found


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:  # a magic or a mistake made on purpose
        return ast.Module([], [])


def _definitions(module: Path, names: set[str]) -> list[str]:
    """Give the source of `names` in `module` and of whatever else there they use, in order."""
    text = module.read_text(encoding="utf-8")
    parts = {}
    for node in ast.parse(text).body:
        targets = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts[node.name] = (ast.get_source_segment(text, node), set(targets))
        elif isinstance(node, ast.Assign):
            parts[targets[0]] = (ast.get_source_segment(text, node), set(targets))
    todo, done = set(names), set()
    while todo:
        name = todo.pop()
        if name in parts and name not in done:
            done.add(name)
            todo |= parts[name][1]
    return [source for name, (source, _) in parts.items() if name in done]


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without anything that changes from run to run or from editor to editor."""
    from nbval.plugin import coalesce_streams  # here, for tools.devices runs where it is not

    notebook = copy.deepcopy(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        ladder={"stamp": notebook.metadata.get("ladder", {}).get("stamp", "")},
        language_info={"name": "python"},
    )
    seen = set()
    for cell in notebook.cells:
        cell.metadata = NotebookNode(tags=sorted(tags(cell))) if tags(cell) else NotebookNode()
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").split("\n"))
        cell.id = _stable_id(cell, seen)
        seen.add(cell.id)
        cell.pop("attachments", None) if not cell.get("attachments") else None
        for output in cell.get("outputs", []):
            _normalise_output(output, cell.execution_count)
        if "outputs" in cell:
            cell.outputs = coalesce_streams(cell.outputs)
    return notebook


def _stable_id(cell: NotebookNode, taken: set[str]) -> str:
    """Keep a cell's id; give one made from its source where it has none, or another cell's."""
    name, salt = cell.get("id", ""), 0
    while not re.fullmatch(r"[\w-]{1,64}", name) or name in taken:
        name = hashlib.sha256(f"{salt}{cell.source}".encode()).hexdigest()[:8]
        salt += 1
    return name


def _normalise_output(output: NotebookNode, count: int | None) -> None:
    colour = re.compile(r"\x1b\[[\d;]*m")
    if "metadata" in output:
        output.metadata = NotebookNode()
    if output.output_type == "execute_result":
        output.execution_count = count
    if output.output_type == "stream":
        output.text = colour.sub("", output.text)
    if output.output_type == "error":
        output.evalue = colour.sub("", output.evalue)
        output.traceback = [_without_paths(colour.sub("", line)) for line in output.traceback]
    data = output.get("data", {})
    for kind in [kind for kind in data if kind.startswith("application/vnd.jupyter.widget")]:
        del data[kind]
    if "image/png" in data:
        data["image/png"] = small_png(data["image/png"])


def _without_paths(text: str) -> str:
    """Cut a traceback's paths down to what is the same on every machine."""
    text = re.sub(r"[^\s'\"]*[/\\](?:site-packages|python3\.\d+)[/\\]", ".../", text)
    return text.replace(f"{ROOT}{os.sep}", "")


# Running

# What a lesson may take on two cores: seconds in all, seconds a cell, MiB of memory. Seconds depend
# on the machine, so no test holds them: `python -m tests.benchmarks.lessons` reports them.
LESSON_SECONDS, CELL_SECONDS, KERNEL_MIB = 30, 10, 1536


def stated(notebook: NotebookNode) -> int:
    """Give the seconds that a lesson's first cell says it runs, or the most that one may."""
    said = re.search(r"Runs in about (\d+) seconds", notebook.cells[0].source)
    return int(said[1]) if said else LESSON_SECONDS


def over_budget(peak: float, stated: int) -> list[str]:
    """Say what went over the budget.

    Args:
        peak: Memory of the kernel in MiB.
        stated: The seconds that the lesson says it runs.
    """
    found = []
    if stated > LESSON_SECONDS:
        found.append(f"it says that it runs {stated} s; a lesson may run {LESSON_SECONDS} s")
    if peak > KERNEL_MIB:
        found.append(f"its kernel took {peak:.0f} MiB; one may take {KERNEL_MIB} MiB")
    return found


def peak_memory(pid: int) -> float:
    """Give the most memory that a process has used, in MiB (off Linux: what it uses)."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 2**10
    return psutil.Process(pid).memory_info().rss / 2**20


class Failed(Exception):
    """A notebook did not run to its end; the message names the cell."""


def talk_by_files(manager: KernelManager, folder: Path | None = None) -> None:
    """Let a kernel, not yet started, be spoken to by files, where the system has sockets in files.

    By ports a kernel may die as it starts: Jupyter picks five that are free, and the kernel takes
    them half a second later. Another kernel or service may have been faster.

    Args:
        manager: Starts the kernel.
        folder: Where the files shall be; without one, in the folder for temporary files.
    """
    place = Path(folder or tempfile.gettempdir(), f"kernel-{uuid.uuid4().hex[:8]}")
    if os.name == "posix" and len(os.fsencode(place)) < 100:  # a socket's name holds 104 bytes
        manager.transport, manager.ip = "ipc", str(place)


def make_client(
    notebook: NotebookNode, folder: Path, timeout: float = CELL_TIMEOUT, **options: bool
) -> NotebookClient:
    """Give what runs a notebook's cells in a kernel whose working directory is `folder`.

    Args:
        notebook: Gets the outputs.
        folder: Where it runs.
        timeout: Seconds that a cell may take.
        options: More of nbclient's.
    """
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
        **options,
    )
    talk_by_files(client.create_kernel_manager())
    return client


def execute(notebook: NotebookNode, folder: Path = NOTEBOOKS) -> dict[str, float]:
    """Run every cell in order in a fresh kernel, storing the outputs in `notebook`.

    Args:
        notebook: Changed in place.
        folder: The kernel's working directory.

    Returns:
        "total" and "slowest" cell in seconds, "processor", the kernel's own seconds, and "memory",
        its peak in MiB.

    Raises:
        Failed: A cell raised without the tag `raises-exception`, hung, or its kernel died.
    """
    client = make_client(notebook, folder)
    seconds, index = [], 0
    began = time.perf_counter()
    try:
        # no records of progress, neither read nor written: the last cell prints the same everywhere
        with client.setup_kernel(env={**os.environ, "LADDER_PROGRESS": "off"}):
            for index, cell in enumerate(notebook.cells):
                start = time.perf_counter()
                client.execute_cell(cell, index)
                seconds.append(time.perf_counter() - start)
            memory = peak_memory(client.km.provisioner.pid)
            processor = sum(psutil.Process(client.km.provisioner.pid).cpu_times()[:4])
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise Failed(f"cell {index}: {error}") from error
    total = time.perf_counter() - began
    slowest = max(seconds, default=0.0)
    return {"total": total, "slowest": slowest, "processor": processor, "memory": memory}


def run(path: Path) -> dict[str, float]:
    """Execute and normalise the notebook at `path`, keeping each output that still holds.

    Returns:
        What `execute` measured, and "changed": 1.0 if the file was written, else 0.0.

    Raises:
        Failed: It did not run to its end; the file stays as it was.
        ValueError: The file is no notebook.
    """
    old = read(path)
    new = normalise(old)
    for cell in code_cells(new):
        cell.outputs, cell.execution_count = [], None
    measured = execute(new, path.parent)
    new.metadata["ladder"] = {"stamp": stamp(new)}
    new = normalise(new)
    same_code = old.metadata.get("ladder", {}).get("stamp") == new.metadata["ladder"]["stamp"]
    stored = {cell.get("id"): cell for cell in code_cells(normalise(old))}
    for cell in code_cells(new):
        before = stored.get(cell.id)
        if before is None or before.source != cell.source or before.execution_count is None:
            continue
        same_look = uncompared(before.outputs) == uncompared(cell.outputs)
        approx = "approx-output" in tags(cell)
        ignored = "nbval-ignore-output" in tags(cell) and before.outputs
        same_words = equivalent(before.outputs, cell.outputs, approx)
        if (same_code and ignored) or ((same_code or same_look) and same_words):
            cell.outputs = before.outputs
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
    changed = serialise(new) != path.read_text(encoding="utf-8")
    if changed:
        write(new, path)
    return measured | {"changed": float(changed)}


def problems(path: Path) -> list[str]:
    """Say what keeps the notebook at `path` from being committed; nothing, if all is well."""
    notebook = read(path)
    found = []
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        found.append("its cells were not run in order from a fresh kernel")
    if notebook.metadata.get("ladder", {}).get("stamp") != stamp(notebook):
        found.append("it is stale: its code, or a helper that it imports, changed since it was run")
    if path.read_text(encoding="utf-8") != serialise(normalise(notebook)):
        found.append("it is not normalised")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=["run", "check"])
    parser.add_argument("notebooks", nargs="*", type=Path)
    chosen = parser.parse_args(arguments)
    failed = 0
    for path in [p.resolve() for p in chosen.notebooks] or every_notebook():
        try:
            if chosen.command == "check":
                found = problems(path)
                failed += bool(found)
                for problem in found:
                    print(f"{path.name}: {problem}; cure: make notebooks")
                continue
            got = run(path)
        except (Failed, ValueError, OSError) as error:
            failed += 1
            print(f"{path.name}: {error}", file=sys.stderr)
        else:
            print(
                f"{path.name}: {got['total']:.1f} s, slowest cell {got['slowest']:.1f} s, "
                f"peak {got['memory']:.0f} MiB, {'written' if got['changed'] else 'unchanged'}"
            )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
