"""Make nbval as strict as this series wants it. For the tests; learners need not read it."""

import os
import tempfile
from collections.abc import Iterator

import nbval.kernel
import pytest
from jupyter_client import KernelManager
from nbval.plugin import IPyNbCell, IPyNbFile

from tools.notebooks import (
    RULES,
    over_budget,
    peak_memory,
    snap_outputs,
    stated,
    tags,
    talk_by_files,
)

# Several workers that each use every core slow each other down several times over; so do threads
# that spin while they wait for a core that another process has.
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if workers > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What a learner has done neither shows in a lesson's last cell here, nor is added to.
os.environ["LADDER_PROGRESS"] = "off"
# Nor do test runs pile up in a learner's runs/.
_runs = tempfile.TemporaryDirectory(prefix="runs-")
os.environ["LADDER_RUNS"] = _runs.name

compare_exactly = IPyNbCell.compare_outputs
run_cell = IPyNbCell.runtest
collect_cells = IPyNbFile.collect


def pytest_configure(config: pytest.Config) -> None:
    """Refuse nbval's lax mode, which would win over the strict one without a word."""
    if config.option.nbval_lax:
        raise pytest.UsageError("--nbval-lax compares no output; leave it out")
    if not config.option.nbval:
        raise pytest.UsageError("the notebooks are tested with --nbval; see pyproject.toml")


def make_manager(**options: object) -> KernelManager:
    """Make what starts a notebook's kernel; nbval tells it no other way how to talk to that."""
    manager = KernelManager(**options)
    talk_by_files(manager)
    return manager


def use_our_rules(file: IPyNbFile) -> None:
    """Sanitise by the notebook tool's rules instead of a file, which nbval reads leniently."""
    file.sanitize_patterns.update(RULES)


def compare_outputs(cell: IPyNbCell, test: list, ref: list, skip_compare: tuple | None = None):
    """Compare as nbval does, but with a tolerance for numbers in a cell tagged approx-output."""
    if "approx-output" in tags(cell.cell):
        test = snap_outputs(ref, test)
    return compare_exactly(cell, test, ref, skip_compare)


def runtest(cell: IPyNbCell) -> None:
    """Run a cell as nbval does; fail where nbval would pass without having compared anything."""
    if cell.cell.execution_count is None:
        cell.raise_cell_error("This cell was never executed; run: make notebooks")
    run_cell(cell)
    raised = any(output["output_type"] == "error" for output in cell.test_outputs)
    if "raises-exception" in tags(cell.cell) and not raised:
        cell.raise_cell_error("This cell is tagged raises-exception, but raised nothing")


class Budget(pytest.Item):
    """The memory that a notebook took in this run, against what a lesson may take."""

    def runtest(self) -> None:
        """Compare the kernel's peak memory, and what the lesson says of its time, with them."""
        manager = getattr(self.parent.kernel, "km", None)  # gone once nbval has stopped the kernel
        peak = peak_memory(manager.provisioner.pid) if manager and manager.is_alive() else 0
        found = over_budget(peak, stated(self.parent.nb))
        if found:
            pytest.fail("; ".join(found), pytrace=False)

    def reportinfo(self) -> tuple:
        """Say where this is, for pytest's report."""
        return self.path, 0, f"{self.path.name}::budget"


def collect(file: IPyNbFile) -> Iterator[pytest.Item]:
    """Collect the cells, and after them the budget."""
    yield from collect_cells(file)
    yield Budget.from_parent(file, name="budget")


nbval.kernel.KernelManager = make_manager
IPyNbFile.collect = collect
IPyNbFile.setup_sanitize_files = use_our_rules
IPyNbCell.compare_outputs = compare_outputs
IPyNbCell.runtest = runtest
