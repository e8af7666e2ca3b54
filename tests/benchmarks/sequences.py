"""Lesson 19's contests over five seeds: names, order, and bits a letter.

    python -m tests.benchmarks.sequences [SEEDS]

Runs the lesson's own cells, taken from the notebook, on other seeds. The counting models draw no
random numbers, so they have one number each. Takes about two minutes on two cores.
"""

import ast
import functools
import sys
from typing import Any

from helpers.paths import NOTEBOOKS
from tools.notebooks import read, tags

LESSON = NOTEBOOKS / "19_sequences_lstm.ipynb"
DATA = ["rows", "languages", "uses", "parts", "letters", "number_of", "end", "size", "sequences"]
DATA += ["texts", "labels", "guess_by_ngrams", "test_texts", "test_labels", "test_numbers"]
DATA += ["examples", "known", "fresh", "test_order", "test_first", "pairs", "order_labels"]
DATA += ["order_examples", "bits", "followers"]


def lesson_space() -> dict[str, Any]:
    """Run the lesson's setup, its definitions and what makes its data, but no training."""
    cells = [cell for cell in read(LESSON).cells if cell.cell_type == "code"]
    space: dict[str, Any] = {}
    exec(cells[0].source, space)
    for cell in cells[1:]:
        if "exercise" in tags(cell):
            break
        tree = ast.parse(cell.source)
        tree.body = [node for node in tree.body if _wanted(node)]
        exec(compile(tree, str(LESSON), "exec"), space)
    return space


def _wanted(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        names = {n.id for target in node.targets for n in ast.walk(target) if hasattr(n, "id")}
        plain = not any(isinstance(target, ast.Subscript) for target in node.targets)
        return plain and bool(names) and names <= {*DATA}
    if isinstance(node, ast.With | ast.For):  # that fill a table of the data
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return bool(names & {"rows", "followers", "sequences"}) and "set_seed" not in names
    kept = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    return isinstance(node, kept) or "uses.pop" in ast.unparse(node)


def classify(space: dict[str, Any], seed: int) -> float:
    """Train the lesson's reader of names; give its share of right test names."""
    space["set_seed"](seed)
    train, reader = space["train_sequences"], space["NameReader"]()
    train(reader, space["examples"], space["name_loss"], epochs=7)
    guesses = space["guess_by_model"](reader, space["test_numbers"])
    return (guesses == space["torch"].tensor(space["test_labels"])).float().mean().item()


def find_order(space: dict[str, Any], seed: int, kind: str, opened: bool) -> float:
    """Train on the order of X and Y; give the share of right new texts."""
    space["set_seed"](seed)
    model = space["OrderReader"](getattr(space["nn"], kind))
    if opened:
        space["open_forget"](model.cells, 2.0)
    how = {"epochs": 1, "size": 64, "rate": 0.01}
    space["train_sequences"](model, space["order_examples"], space["name_loss"], **how)
    right = space["guess_by_model"](model, space["test_order"]) == space["test_first"]
    return right.float().mean().item()


def write(space: dict[str, Any], seed: int) -> float:
    """Train the lesson's language model; give its bits a letter on new names."""
    space["set_seed"](seed)
    loss = space["writer_loss"]
    writer = space["train_sequences"](space["Writer"](), space["known"], loss, epochs=4, size=64)
    with space["torch"].inference_mode():
        nats = loss(writer, space["fresh"].to(space["device"]), None).item()
    return nats / space["math"].log(2)


def main() -> None:
    """Print the tables."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    space = lesson_space()
    guesses = space["guess_by_ngrams"](space["test_texts"])
    right = guesses == space["torch"].tensor(space["test_labels"])
    print(f"n-grams {right.float().mean():.3f}, bits a letter", space["bits"])
    contests = {"names, LSTM": classify}
    for kind, opened in (("RNN", False), ("GRU", False), ("LSTM", False), ("LSTM", True)):
        label = f"order, {kind}{', opened' * opened}"
        contests[label] = functools.partial(find_order, kind=kind, opened=opened)
    contests["bits a letter, GRU"] = write
    for label, contest in contests.items():
        values = [contest(space, seed) for seed in seeds]
        mean = sum(values) / len(values)
        line = "  ".join(f"{value:.3f}" for value in values)
        print(f"{label:21} mean {mean:.3f}  {line}", flush=True)


if __name__ == "__main__":
    main()
