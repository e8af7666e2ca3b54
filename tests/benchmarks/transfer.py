"""Lesson 12's table at full size: from scratch, frozen and fine-tuned at 1, 3, 5, 10 a class.

    python -m tests.benchmarks.transfer [RUNS] [TEST_PER_CLASS]

Runs the lesson's own functions, taken from the notebook, on more draws of the examples (5) and more
test letters (200 a class) than the lesson has time for. Takes a few minutes on two cores.
"""

import ast
import sys
from typing import Any

from helpers.paths import NOTEBOOKS
from tools.notebooks import read, tags

LESSON = NOTEBOOKS / "12_transfer_learning.ipynb"


def lesson_functions() -> dict[str, Any]:
    """Run the lesson's setup, its imports and its functions, without the exercises."""
    cells = [cell for cell in read(LESSON).cells if cell.cell_type == "code"]
    space: dict[str, Any] = {}
    exec(cells[0].source, space)
    for cell in cells[1:]:
        if "exercise" not in tags(cell):
            tree = ast.parse(cell.source)
            kinds = ast.FunctionDef | ast.Import | ast.ImportFrom
            tree.body = [node for node in tree.body if isinstance(node, kinds)]
            exec(compile(tree, str(LESSON), "exec"), space)
    return space


def table(runs: int = 5, per_class: int = 200) -> dict[str, Any]:
    """Hold the contest; give for each way its accuracies, (sizes, runs)."""
    space = lesson_functions()
    torch, path = space["torch"], space["data_dir"]() / "latin.pt"
    space["saved"] = torch.load(path, weights_only=True, map_location=space["device"])
    space["greek"] = space["glyphs"](space["GREEK"], per_class, 1)
    space.update(sizes=(1, 3, 5, 10), runs=runs)
    contest, pretrained = space["contest"], space["make_pretrained"]
    return {
        "from scratch": contest(space["fresh_reader"], space["from_scratch"]),
        "frozen": contest(pretrained, space["fit_head"]),
        "fine-tuned": contest(pretrained, space["fine_tune"]),
    }


def main() -> None:
    """Print the table."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    for name, scores in table(*numbers).items():
        pairs = zip(scores.mean(dim=1).tolist(), scores.std(dim=1).tolist(), strict=True)
        print(f"{name:13}", "  ".join(f"{mean:.3f} ± {std:.3f}" for mean, std in pairs))


if __name__ == "__main__":
    main()
