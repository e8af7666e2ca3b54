"""What each lesson takes, held against its budget: a report, never a verdict.

    python -m tests.benchmarks.lessons [NOTEBOOK ...]

Seconds on the clock depend on the machine and on what else it does. So each lesson's processor time
is also given as a multiple of a reference that runs just before and just after it: small
convolutions and Python loops, about a second on the machine where the budgets were set. A lesson
may take 30 such references on the clock, and a cell 10; both count two cores.
"""

import json
import subprocess
import sys
from pathlib import Path

from tools.notebooks import CELL_SECONDS, LESSON_SECONDS, execute, lessons, read, stated

REFERENCE = """
import json, resource, time, torch
torch.set_num_threads(1)
layer, pictures = torch.nn.Conv2d(8, 8, 3), torch.rand(64, 8, 32, 32)
def work():
    for _ in range(145):
        layer(pictures).sum().backward()
    return sum(number * number for number in range(11_000_000))
work()
before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
work()
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps([cpu, time.perf_counter() - began]))
"""


def reference() -> list[float]:
    """Return processor seconds and clock seconds of the reference."""
    command = [sys.executable, "-c", REFERENCE]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(paths: list[Path]) -> None:
    """Print a line for each lesson."""
    print(
        f"{'lesson':30} {'says':>5} {'ran':>6} {'slowest':>8} {'processor':>10} {'references':>11}"
    )
    for path in paths or lessons():
        notebook = read(path)
        before = reference()
        got = execute(notebook, path.parent)
        cpu, clock = (min(pair) for pair in zip(before, reference(), strict=True))
        over = [f"over {LESSON_SECONDS}"] * (got["total"] / clock > LESSON_SECONDS)
        over += [f"a cell over {CELL_SECONDS}"] * (got["slowest"] / clock > CELL_SECONDS)
        print(
            f"{path.stem:30} {stated(notebook):3} s {got['total']:4.1f} s {got['slowest']:6.1f} s "
            f"{got['processor']:8.1f} s {got['processor'] / cpu:11.1f}  {', '.join(over)}",
            flush=True,
        )


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
