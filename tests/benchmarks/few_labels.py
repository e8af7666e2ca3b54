"""Lesson 20's tables at full size: four ways with few labels, on two tasks, five draws each.

    python -m tests.benchmarks.few_labels [topics|swaps] [DRAWS]

Runs the lesson's own functions, taken from the notebook. A draw has labelled texts and seeds of its
own; the test texts, from files that BERT never saw, are the same. Beside the lesson's four ways
stands a count of words and pairs of neighbours. Takes about ten minutes on two cores.
"""

import ast
import sys
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from helpers.documentation import sample_swaps, sample_topics
from helpers.paths import NOTEBOOKS
from tools.notebooks import read, tags

STEM = "20_attention_and_bert"
SIZES = {"topics": (5, 10, 20, 50), "swaps": (50, 200, 800)}
STEPS = {"topics": 100, "swaps": 200}  # the lesson, which has less time, takes 150 for swaps


def lesson_functions() -> dict[str, Any]:
    """Run the lesson's setup, all its definitions, and what loads texts and weights."""
    if str(NOTEBOOKS) not in sys.path:
        sys.path.insert(0, str(NOTEBOOKS))
    cells = [cell for cell in read(NOTEBOOKS / f"{STEM}.ipynb").cells if cell.cell_type == "code"]
    space: dict[str, Any] = {}
    exec(cells[0].source, space)
    wanted = {"entries", "saved", "vocabulary", "ids", "bert", "known", "held", "packages"}
    for cell in cells[1:]:
        if "exercise" not in tags(cell):
            tree = ast.parse(cell.source)
            tree.body = [
                node
                for node in tree.body
                if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)
                or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in wanted)
            ]
            exec(compile(tree, STEM, "exec"), space)
    return space


def word_pairs(train: tuple, test: tuple) -> float:
    """Return the test accuracy of counted words and pairs of neighbours."""
    how = {"token_pattern": r"[a-z]+|\d|[^\sa-z\d]", "sublinear_tf": True}
    counter = TfidfVectorizer(ngram_range=(1, 2), **how)
    model = LogisticRegression(C=10, max_iter=500)
    model.fit(counter.fit_transform(train[0]), train[1].tolist())
    return model.score(counter.transform(test[0]), test[1].tolist())


def table(task: str, draws: int = 5, sizes: tuple = ()) -> dict[int, dict[str, list[float]]]:
    """Hold the contest; give for each number of labels and each way its accuracies."""
    space = lesson_functions()
    known, held = space["known"], space["held"]
    if task == "topics":
        test = sample_topics(held, space["packages"], 60, seed=99)
    else:
        test = sample_swaps(held, 200, seed=99)
    found: dict[int, dict[str, list[float]]] = {}
    for size in sizes or SIZES[task]:
        found[size] = {}
        for draw in range(draws):
            if task == "topics":
                train = sample_topics(known, space["packages"], size, seed=draw)
            else:
                train = sample_swaps(known, size, seed=draw)
            results = space["compare"](train, test, STEPS[task], seed=draw)
            for name, share in (results | {"words and pairs": word_pairs(train, test)}).items():
                found[size].setdefault(name, []).append(share)
    return found


def main() -> None:
    """Print the tables."""
    tasks = [name for name in SIZES if name in sys.argv] or list(SIZES)
    draws = next((int(argument) for argument in sys.argv[1:] if argument.isdigit()), 5)
    for task in tasks:
        for size, ways in table(task, draws).items():
            for name, shares in ways.items():
                mean = sum(shares) / len(shares)
                spread = (sum((x - mean) ** 2 for x in shares) / max(1, len(shares) - 1)) ** 0.5
                print(f"{task} {size:4} {name:16} {mean:.3f} ± {spread:.3f}", flush=True)


if __name__ == "__main__":
    main()
