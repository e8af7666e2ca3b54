"""How much `import helpers.X` adds to importing torch and matplotlib (aim: under 5%).

    python tests/benchmarks/imports.py [REPEATS]

Each process imports torch and matplotlib.pyplot, then the module, and times both; medians.
"""

import statistics
import subprocess
import sys

from helpers.paths import ROOT

PROBE = """
import time
began = time.perf_counter()
import torch, matplotlib.pyplot
between = time.perf_counter()
import {module}
print(between - began, time.perf_counter() - between)
"""


def time_import(module: str, repeats: int) -> tuple[float, float]:
    """Give the median seconds of importing torch and matplotlib, and then `module`."""
    pairs = []
    for _ in range(repeats):
        command = [sys.executable, "-c", PROBE.format(module=module)]
        out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        pairs.append([float(part) for part in out.split()])
    base, added = zip(*pairs, strict=True)
    return statistics.median(base), statistics.median(added)


def main() -> None:
    """Print a line a module."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        base, added = time_import(module, repeats)
        print(f"{module:40} {added * 1000:6.1f} ms on {base:.2f} s: {added / base:.1%}")


if __name__ == "__main__":
    main()
