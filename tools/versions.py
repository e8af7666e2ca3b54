"""Run every notebook by strict nbval with this Python and torch; note the result in the README.

    python -m tools.versions

Run it once in each environment that the table is to name. A row is replaced by its next run, so
that a combination that no longer passes does not go on to say so.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import torch
import torchvision

from helpers.device import get_device
from helpers.paths import ROOT
from tools.notebooks import replace_file, split_at

README = ROOT / "README.md"
HEAD = "| Python | torch | torchvision | system | cells | passed | run |\n"
BEGIN, END = "<!-- written by tools/versions.py -->\n", "<!-- end of the table -->\n"


def run_strictly(
    *options: str, python: str = sys.executable, root: Path = ROOT
) -> list[ElementTree.Element]:
    """Run notebooks by strict nbval with two workers; return the test cases of the JUnit report.

    Args:
        options: More of pytest's, last of all the notebooks, or folders of them.
        python: The Python of the environment, which needs the packages, not the project itself.
        root: A repository, which has its own pyproject.toml.

    Raises:
        RuntimeError: pytest ended without a report.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "results.xml")
        command = [python, "-m", "pytest", "-q", "-n", "2", f"--junitxml={file}"]
        status = subprocess.call(
            [*command, "-p", "no:cacheprovider", *options],
            cwd=root,
            env=kept | {"PYTHONPATH": str(ROOT)},
        )
        if not file.is_file():
            raise RuntimeError(f"pytest ended with status {status} and without a report; see above")
        return list(ElementTree.parse(file).iter("testcase"))


def failed(case: ElementTree.Element) -> bool:
    """Tell whether a test case did not pass."""
    return any(part.tag in ("failure", "error", "skipped") for part in case)


def add_row(text: str, row: list[str]) -> str:
    """Put a row into the README's table, in place of the one of the same four first columns.

    Raises:
        ValueError: The text has no such table.
    """
    before, table, after = split_at(text, BEGIN, END)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    rows = sorted([old for old in rows if old[:4] != row[:4]] + [row])
    lines = [f"| {' | '.join(cells)} |\n" for cells in rows]
    return before + HEAD + "|---" * 7 + "|\n" + "".join(lines) + after


def main() -> None:
    """Run, and write the row."""
    device = get_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    cases = run_strictly("notebooks")
    cells, passed = len(cases), sum(not failed(case) for case in cases)
    versions = [platform.python_version(), torch.__version__, torchvision.__version__]
    row = [*(version.partition("+")[0] for version in versions), f"{platform.system()}, {name}"]
    row += [str(cells), "all" if passed == cells else str(passed), time.strftime("%Y-%m-%d")]
    replace_file(README, add_row(README.read_text(encoding="utf-8"), row))
    print(" | ".join(row))
    sys.exit(passed != cells)


if __name__ == "__main__":
    main()
