"""The page `docs/own_data.md`, taken apart and run as a learner would: its cells, its code."""

import ast
import csv
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from helpers.paths import NOTEBOOKS, ROOT
from tools.lesson import Lesson
from tools.notebooks import lessons, read
from tools.offline import LOOPBACK_ONLY, can_cut_the_network

PAGE = ROOT / "docs" / "own_data.md"
COPIED = re.compile(r"^- \[Lesson (\d\d)\]\([^)]*\), (.+)$")
REPLACED = re.compile(r"in `(\w+)` write `([^`]+)` in place of `([^`]+)`")
# Runs programs in folders of their own; says of each how it ended, and what shares it found.
RUNNER = """
import contextlib, json, os, sys

import torch

torch.set_num_threads(1)
for line in sys.stdin:
    folder, source = json.loads(line)
    os.chdir(folder)
    space, error = {}, ""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            exec(source, space)
        except Exception as caught:
            error = f"{type(caught).__name__}: {caught}"
    shares = space.get("shares", {})
    if "share" in space:
        shares["test"] = space["share"]
    if "history" in space:
        shares["validation"] = space["history"]["valid_accuracy"][-1]
    print(json.dumps([error, shares]))
"""


def sections() -> dict[str, str]:
    """Give the page's sections by their headings."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def program(section: str) -> list[str]:
    """Put a section's program together: what it copies from lessons, and its own code.

    Returns:
        One part for each item of its lists and each block of its code, in its order.

    Raises:
        LookupError: A lesson has no such cell, or a replacement does not fit.
    """
    parts, replacements = [], REPLACED.findall(section)
    for item, code in re.findall(r"(?:^(- [^\n]+)$|^```python\n(.*?)^```$)", section, re.M | re.S):
        if code:
            parts.append(code)
            continue
        number, rest = COPIED.match(item).groups()
        copied = copy(number, rest)
        for name, new, old in replacements:
            if f"class {name}(" in copied or f"def {name}(" in copied:
                if copied.count(old) != 1:
                    raise LookupError(f"{name} has {old} {copied.count(old)} times, expected once")
                copied = copied.replace(old, new)
        parts.append(copied)
    return parts


@functools.cache
def take_apart(number: str) -> Lesson:
    """Read a lesson."""
    path = next(path for path in lessons() if path.name.startswith(number))
    return Lesson(path, read(path))


def copy(number: str, rest: str) -> str:
    """Copy what an item names: "Setup", or "3 · A heading: `name` and `name`, which …"."""
    lesson = take_apart(number)
    heading = next((place for place in lesson.places if place and rest.startswith(place)), None)
    if heading is None:
        raise LookupError(f"lesson {number} has no section at the beginning of {rest!r}")
    here = zip(lesson.cells, lesson.trees, lesson.places, strict=True)
    cells = [(cell, tree) for cell, tree, place in here if place == heading and tree]
    if heading == "Setup":
        return cells[0][0].source
    names = re.findall(r"`(\w+)`", rest.removeprefix(heading))
    found = []
    for cell, tree in cells:
        imports = [part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)]
        wanted = [(defined(part) & set(names), part) for part in tree.body]
        wanted = [(which, part) for which, part in wanted if which]
        for which, _ in wanted:
            names = [name for name in names if name not in which]
        texts = [*imports, *(part for _, part in wanted)] if wanted else []
        found += [ast.get_source_segment(cell.source, part) for part in texts]
    if names:
        raise LookupError(f"lesson {number}, {heading}, does not define {names}")
    return "\n\n".join(found)


def defined(part: ast.stmt) -> set[str]:
    """Name what a statement defines."""
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return {part.name}
    if isinstance(part, ast.Assign):
        return {node.id for node in ast.walk(part.targets[0]) if isinstance(node, ast.Name)}
    return set()


def messages(section: str) -> list[str]:
    """Give the messages of a section's table, as patterns: "…" stands for anything."""
    quoted = re.findall(r"^\| `(.+?)` \|", section, re.M)
    return [".*".join(map(re.escape, message.split("…"))) for message in quoted]


def run(programs: list[tuple[Path, str]]) -> list[tuple[str, dict[str, float]]]:
    """Run programs, one after the other, in one fresh process with one thread.

    Args:
        programs: Of each the folder that it runs in, and its text.

    Returns:
        Of each the error that ended it, or "", and the shares that it found.
    """
    variables = {name: value for name, value in os.environ.items() if "LADDER" not in name}
    variables |= {"PYTHONPATH": f"{NOTEBOOKS}{os.pathsep}{ROOT}", "MPLBACKEND": "agg"}
    variables |= {"OMP_NUM_THREADS": "1", "LADDER_DEVICE": "cpu", "LADDER_PROGRESS": "off"}
    jobs = "".join(json.dumps([str(folder), text]) + "\n" for folder, text in programs)
    offline = LOOPBACK_ONLY if can_cut_the_network() else []
    result = subprocess.run(
        [*offline, sys.executable, "-c", RUNNER],
        input=jobs,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    lines = result.stdout.splitlines()
    assert len(lines) == len(programs), result.stderr[-2000:]
    return [tuple(json.loads(line)) for line in lines]


# Data that a learner might have, in the form that the page asks for, under the names in its code.


def write_flowers(folder: Path, seed: int = 0) -> None:
    """Write scikit-learn's 150 irises, shuffled, and 40 flats with their rents."""
    from sklearn.datasets import load_iris

    iris, random = load_iris(), np.random.default_rng(seed)
    lines = ["sepal length,sepal width,petal length,petal width,species"]
    for row in random.permutation(len(iris.data)):
        lines.append(",".join(map(str, iris.data[row])) + f",{iris.target_names[iris.target[row]]}")
    write(folder / "flowers.csv", "\n".join(lines) + "\n")
    flats = random.uniform(20, 120, (40, 3))
    rows = [",".join(f"{value:.1f}" for value in [*flat, flat.sum()]) for flat in flats]
    write(folder / "rents.csv", "\n".join(["size,age,distance,rent", *rows]) + "\n")


def draw(kind: str, random: np.random.Generator, width: int, height: int) -> tuple:
    """Draw a bee (a bright disc) or a wasp (a dark bar) somewhere on a noisy ground.

    Returns:
        The picture, and the four edges of what it shows, in pixels.
    """
    noise = random.normal(128, 12, (height, width, 3)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(noise)
    size = random.uniform(0.25, 0.4) * height
    across = size if kind == "bee" else 1.6 * size
    down = size if kind == "bee" else 0.6 * size
    left, top = random.uniform(1, width - across - 1), random.uniform(1, height - down - 1)
    edges = [left, top, left + across, top + down]
    if kind == "bee":
        ImageDraw.Draw(picture).ellipse(edges, fill=(235, 200, 40))
    else:
        ImageDraw.Draw(picture).rectangle(edges, fill=(60, 40, 20))
    return picture, edges


def write_garden(folder: Path, seed: int = 0) -> None:
    """Draw 48 pictures to train on and 24 to choose by, of several sizes and formats."""
    random = np.random.default_rng(seed)
    for part, count in (("train", 24), ("val", 12)):
        for kind in ("bee", "wasp"):
            (folder / "garden" / part / kind).mkdir(parents=True)
            for number in range(count):
                picture, _ = draw(kind, random, 48 + number % 3 * 9, 40 + number % 5 * 4)
                end = "png" if number % 2 else "jpg"
                picture.save(folder / "garden" / part / kind / f"{number}.{end}")


def write_yard(folder: Path, seed: int = 0) -> None:
    """Draw 60 pictures of one animal each, with its box."""
    random = np.random.default_rng(seed)
    for name in ("images", "labels"):
        (folder / "yard" / name).mkdir(parents=True)
    write(folder / "yard" / "classes.txt", "bee\nwasp\n")
    for number in range(60):
        width, height = 80, 64
        picture, (left, top, right, bottom) = draw(["bee", "wasp"][number % 2], random, 80, 64)
        picture.save(folder / "yard" / "images" / f"{number:04}.png")
        box = [(left + right) / 2 / width, (top + bottom) / 2 / height]
        box += [(right - left) / width, (bottom - top) / height]
        line = " ".join([str(number % 2), *(f"{share:.4f}" for share in box)])
        write(folder / "yard" / "labels" / f"{number:04}.txt", line + "\n")


PRAISE = "friendly quick helpful careful clean cheap patient honest".split()
BLAME = "rude slow useless careless dirty dear impatient dishonest".split()
THINGS = "waiter shop doctor teacher driver hotel service kitchen clerk plumber".split()


def write_notes(folder: Path, seed: int = 0) -> None:
    """Write 160 short texts that praise or blame, some with commas and line breaks."""
    random = np.random.default_rng(seed)
    with (folder / "notes.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for number in range(160):
            words = (PRAISE, BLAME)[number % 2]
            first, second = random.choice(words, 2, replace=False)
            form = random.choice(["The {} was {}, and {}.", "A {} so {}!\nAlso {}.", "{}: {}, {}"])
            text = form.format(random.choice(THINGS), first, second)
            table.writerow([text, ("praise", "blame")[number % 2]])


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
