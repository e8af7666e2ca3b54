"""Draw the map of the house from the imports, and list its modules.

    python -m tools.house_map    writes docs/house_map.svg and the list in docs/maintaining.md

A box is a folder; it imports only from boxes below it. The picture is plain SVG, so that the same
imports give the same file on every machine.
"""

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

from helpers.paths import ROOT
from tools.notebooks import code_cells, read, replace_file, split_at

PICTURE, PAGE = ROOT / "docs" / "house_map.svg", ROOT / "docs" / "maintaining.md"
BEGIN, END = "<!-- written by tools/house_map.py -->\n", "<!-- end of the list -->\n"
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" \
height="{height}" role="img" aria-label="The map of the house">
<style>
text {{ font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #222 }}
.name {{ font-weight: bold; font-size: 14px }}
.purpose, .count {{ font-family: sans-serif; fill: #555 }}
text.purpose {{ text-anchor: end }}
.count {{ font-size: 11px }}
.box {{ fill: #f2f2f2; stroke: #777 }}
.rule {{ stroke: #ccc }}
.line {{ fill: none; stroke: #555; stroke-width: 1.5; marker-end: url(#tip) }}
circle {{ fill: #555 }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>
<rect width="{width}" height="{height}" fill="white"/>
"""
# From top to bottom, with what each is for.
BOXES = {
    "tests": "the proof; nothing imports it",
    "notebooks": "what learners read and run",
    "tools": "programs that people run",
    "helpers.checks": "the checks of the exercises",
    "helpers": "what lessons share",
}
WIDTH, BOX, MARGIN, GAP = 460, 330, 8, 16  # pixels, as are the next three
LINE, PORT, LANE = 18, 15, 26  # from row to row, from leaving line to line, from lane to lane
LETTERS = 42  # that a row of a box holds


def read_house(root: Path = ROOT) -> dict[str, set[str]]:
    """Return which modules and notebooks of the house import which: name -> names.

    A name is a place with dots: "helpers.paths", "notebooks.01_tensors". What counts is an `import`
    anywhere in the code; a name that is put together at run time is not seen.
    """
    sources = {}
    for folder in ("helpers", "tools", "tests", "notebooks"):
        for path in (root / folder).rglob("*.py"):
            sources[_name(path, root)] = [path.read_text(encoding="utf-8")]
    for path in (root / "notebooks").rglob("*.ipynb"):
        if ".ipynb_checkpoints" not in path.parts and not path.name.startswith("my_"):
            # a blanked magic leaves the module that `%%writefile` writes: the lesson's code, too
            cells = [
                re.sub(r"^\s*[%!].*", "", c.source, flags=re.M) for c in code_cells(read(path))
            ]
            sources[_name(path, root)] = cells
    return {
        name: set().union(*(_imports(text, name, sources.keys()) for text in texts)) - {name}
        for name, texts in sorted(sources.items())
    }


def _name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _imports(source: str, importer: str, known: set[str]) -> set[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # made on purpose, or a shell's script
        return set()
    found, here = set(), importer.rpartition(".")[0]
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            # a notebook's own folder comes first; what is no module is a name in one
            places = [f"{here}.{name}", name] if importer.startswith("notebooks.") else [name]
            places += [place.rpartition(".")[0] for place in places]
            found |= set([place for place in places if place in known][:1])
    return found


def box_of(name: str) -> str:
    """Name the box in which a module stands."""
    return "helpers.checks" if name.startswith("helpers.checks") else name.partition(".")[0]


def is_notebook(name: str) -> bool:
    """Tell a lesson or its solutions from a module."""
    return re.match(r"notebooks\.(solutions\.)?\d\d_", name) is not None


def upward(house: dict[str, set[str]]) -> list[str]:
    """Say which imports lead from a box to one above it."""
    height = {box: -at for at, box in enumerate(BOXES)}
    return [
        f"{name} imports {other}: {box_of(name)} imports nothing from {box_of(other)}"
        for name, others in house.items()
        for other in sorted(others)
        if height[box_of(other)] > height[box_of(name)]
    ]


def floors(house: dict[str, set[str]], box: str) -> list[list[str]]:
    """Sort a box's modules into lines, so that each imports only from the lines after its own.

    Raises:
        graphlib.CycleError: Some modules of the house import each other in a circle.
    """
    level = {}
    for name in TopologicalSorter(house).static_order():
        below = [level[other] for other in house[name] if box_of(other) == box]
        level[name] = max(below, default=-1) + 1
    inside = [name for name in house if box_of(name) == box and not name.endswith("__init__")]
    return [
        [name for name in inside if level[name] == at]
        for at in sorted({level[name] for name in inside}, reverse=True)
    ]


def kind(name: str) -> str:
    """Say what a notebook or a module of notebooks/ or tests/ is, in the plural."""
    box, folder, *inner = name.split(".")
    if box == "notebooks":
        return (folder if inner else "lessons") if is_notebook(name) else "modules"
    return folder.replace("_", " ") if inner else "tests" if folder[:5] == "test_" else "shared"


def words(house: dict[str, set[str]], box: str) -> list[list[str]]:
    """Give what stands in a box, line by line: its modules, or how many of which kind."""
    if box in ("notebooks", "tests"):
        kinds = Counter(kind(n) for n in house if box_of(n) == box and not n.endswith("__init__"))
        return [[f"{count} {name}" for name, count in kinds.most_common()]]
    lessons = {name.partition("_")[2] for name in house if is_notebook(name)}
    used = Counter(other for name in house if is_notebook(name) for other in house[name])
    lines, own = [], 0
    for floor in floors(house, box):
        short = {name.removeprefix(f"{box}."): used[name] for name in floor}
        shared = {word: n for word, n in short.items() if box == "helpers" or word not in lessons}
        lines += [[f"{word} {n or ''}".strip() for word, n in shared.items()]] * bool(shared)
        own += len(short) - len(shared)
    return [[f"{own} that serve one lesson each"]] * bool(own) + lines


def draw(house: dict[str, set[str]]) -> str:
    """Return the map as SVG, made to be read at a phone's width.

    Raises:
        ValueError: An import leads upwards.
        graphlib.CycleError: Some modules import each other in a circle.
    """
    if wrong := upward(house):
        raise ValueError("; ".join(wrong))
    pairs = Counter((box_of(a), box_of(b)) for a, others in house.items() for b in others)
    edge, top, shapes, tops = MARGIN + BOX, MARGIN, [], {}
    leaving = {}  # for each box those below it that it imports from, the farthest first
    for box in BOXES:
        tops[box] = top
        leaving[box] = [low for low in reversed(BOXES) if pairs[box, low] and low != box]
        rows, rules = [], []
        for line in words(house, box):
            rules.append(len(rows))
            rows += _fill(line)
        height = 36 + max(LINE * len(rows), PORT * len(leaving[box]) - 8)
        shapes += [
            f'<rect x="{MARGIN}" y="{top}" width="{BOX}" height="{height}" class="box"/>',
            f'<text x="{MARGIN + 10}" y="{top + 20}" class="name">{box}</text>',
            f'<text x="{edge - 10}" y="{top + 20}" class="purpose">{BOXES[box]}</text>',
        ]
        for at, row in enumerate(rows):
            y = top + 30 + LINE * at
            if at in rules:
                shapes.append(f'<path d="M{MARGIN + 10} {y}H{edge - 10}" class="rule"/>')
            numbered = re.sub(r" (\d+)(?=,|$)", r' <tspan class="purpose">\1</tspan>', row)
            shapes.append(f'<text x="{MARGIN + 10}" y="{y + 13}">{numbered}</text>')
        top += height + GAP
    lanes = {box: edge + 8 + LANE * at for at, box in enumerate(BOXES)}
    for box, lows in leaving.items():
        for at, low in enumerate(lows):
            y, x, arrive = tops[box] + 34 + PORT * at, lanes[low], tops[low] + 12
            shapes += [
                f'<path d="M{edge} {y}H{x}V{arrive}H{edge + 3}" class="line"/>',
                f'<circle cx="{x}" cy="{y}" r="2.5"/>',
                f'<text x="{edge + 4}" y="{y - 3}" class="count">{pairs[box, low]}</text>',
            ]
    return HEAD.format(width=WIDTH, height=top - GAP + MARGIN) + "\n".join(shapes) + "\n</svg>\n"


def _fill(line: list[str]) -> list[str]:
    """Break a list of words into rows that a box holds."""
    rows = [line[0]]
    for word in line[1:]:
        fits = len(f"{rows[-1]}, {word},") <= LETTERS
        rows = [*rows[:-1], f"{rows[-1]}, {word}"] if fits else [*rows[:-1], f"{rows[-1]},", word]
    return rows


def listing(root: Path = ROOT) -> str:
    """Return the modules with the first line of what each says of itself, in Markdown."""
    lessons = {path.stem.partition("_")[2] for path in (root / "notebooks").glob("*.ipynb")}
    parts = []
    for box in ("helpers", "helpers.checks", "tools", "tests"):
        lines = [f"| {box} | |\n|---|---|"]
        for path in sorted((root / box.replace(".", "/")).glob("*.py"), key=lambda path: path.stem):
            own = box == "helpers.checks" and path.stem in lessons
            if path.stem != "__init__" and not path.stem.startswith("test_") and not own:
                said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
                lines.append(f"| `{path.stem}` | {said.splitlines()[0]} |")
        parts.append("\n".join([*lines, ""]))
    return "\n".join(["", *parts, ""])


def main() -> None:
    """Write the picture and the list."""
    house = read_house()
    replace_file(PICTURE, draw(house))
    before, _, after = split_at(PAGE.read_text(encoding="utf-8"), BEGIN, END)
    replace_file(PAGE, before + listing() + after)


if __name__ == "__main__":
    main()
