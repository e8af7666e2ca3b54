"""Lesson 22's table over several seeds: its own cells, run again with other random numbers.

    python -m tests.benchmarks.generative [SEEDS [SPLITS]]

For each seed (5) all cells of the lesson run, with every random number drawn anew, the judge's
included; with SPLITS (1), also on other splits of the digits. Printed are, for each model, means
and standard deviations of the four measures, and the processor's seconds of each seed. The lesson's
own claims are asserted on the way. A seed takes about 20 processor seconds.
"""

import contextlib
import io
import itertools
import sys
import time
from typing import Any

import matplotlib
import torch

from helpers.device import set_seed
from helpers.paths import NOTEBOOKS
from helpers.pictures import load_images
from tools.notebooks import read, tags

LESSON = NOTEBOOKS / "22_generative.ipynb"


def run_lesson(seed: int, split: int = 0) -> dict[str, Any]:
    """Run the lesson's cells, exercises apart, with other seeds; give what they defined."""
    cells = [cell for cell in read(LESSON).cells if cell.cell_type == "code"]
    cells = [c.source for c in cells if "exercise" not in tags(c) and "progress." not in c.source]
    space: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(cells[0].replace("short_tracebacks()", ""), space)
        space["set_seed"] = lambda number: set_seed(1000 * seed + number)
        space["digits"] = load_images("digits", seed=split)
        for source in cells[1:]:
            exec(source, space)
            space["plt"].close("all")
    return space


def main() -> None:
    """Print the table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    splits = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    matplotlib.use("agg")
    tables = []
    for split, seed in itertools.product(range(splits), range(seeds)):
        began = time.process_time()
        space = run_lesson(seed, split)
        tables.append(space["table"])
        numbers = "  ".join(f"{number:.1f}" for number in space["table"][:, 1])
        print(f"seed {seed}, split {split}: Fréchet {numbers}", end="  ")
        print(f"({time.process_time() - began:.0f} s)", flush=True)
    every = torch.stack(tables)  # (runs, models, measures)
    names = [*space["everyone"], "thief", "real"]
    print(" " * 10, "  ".join(f"{name:>13}" for name in space["columns"]))
    for name, means, spreads in zip(names, every.mean(dim=0), every.std(dim=0), strict=True):
        pairs = zip(means.tolist(), spreads.tolist(), strict=True)
        print(f"{name:10}", "  ".join(f"{mean:6.2f} ± {spread:4.2f}" for mean, spread in pairs))


if __name__ == "__main__":
    main()
