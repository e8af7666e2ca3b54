"""Run every notebook by strict nbval with this Python and torch; note the result in the README.

    python -m tools.versions

Run it once in each environment that the table is to name. A row is replaced by its next run, so
that a combination that no longer passes does not go on to say so.
"""

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

README = ROOT / "README.md"
HEAD = "| Python | torch | torchvision | system | cells | passed | run |\n"
BEGIN, END = "<!-- written by tools/versions.py -->\n", "<!-- end of the table -->\n"


def run_notebooks() -> tuple[int, int]:
    """Run all notebooks with two workers; give how many cells ran and how many passed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "results.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={file}"]
        subprocess.run(
            [*command, "-p", "no:cacheprovider", "notebooks"],
            cwd=ROOT,
            check=False,
        )
        suite = ElementTree.parse(file).find("testsuite")
    lost = sum(int(suite.get(name)) for name in ("failures", "errors", "skipped"))
    return int(suite.get("tests")), int(suite.get("tests")) - lost


def add_row(text: str, row: list[str]) -> str:
    """Put a row into the README's table, in place of the one of the same four first columns.

    Raises:
        ValueError: The text has no such table.
    """
    before, begin, rest = text.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected {BEGIN.strip()!r} and {END.strip()!r} around the table")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    rows = sorted([old for old in rows if old[:4] != row[:4]] + [row])
    lines = [f"| {' | '.join(cells)} |\n" for cells in rows]
    return before + begin + HEAD + "|---" * 7 + "|\n" + "".join(lines) + end + after


def main() -> None:
    """Run, and write the row."""
    device = get_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    cells, passed = run_notebooks()
    versions = [platform.python_version(), torch.__version__, torchvision.__version__]
    row = [*(version.partition("+")[0] for version in versions), f"{platform.system()}, {name}"]
    row += [str(cells), "all" if passed == cells else str(passed), time.strftime("%Y-%m-%d")]
    README.write_text(add_row(README.read_text(encoding="utf-8"), row), encoding="utf-8")
    print(" | ".join(row))
    sys.exit(passed != cells)


if __name__ == "__main__":
    main()
