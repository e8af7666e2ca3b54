"""The rules that every lesson keeps. Each takes a `Lesson` and yields what is wrong with it.

`tests/test_rules.py` applies them to the lessons, and to notebooks that break them on purpose.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from nbformat import NotebookNode
from torch.utils.data import DataLoader, Dataset

from helpers.paths import NOTEBOOKS, ROOT
from tools.notebooks import lessons, read, tags

SKELETON = ["You will be able to", "Setup", "Putting it together", "Recap", "Check yourself"]
SKELETON += ["Exercises", "Next"]
TAGS = r"approx-output|nbval-ignore-output|raises-exception|exercise|solution|earns-\w+"
LONGEST_CODE, USUAL_CODE, LONGEST_PROSE = 20, 12, 120  # lines, lines for nine of ten cells, words
PACKAGES = ("torch", "torchvision", "helpers")
SHORT = {"nn": "torch.nn", "F": "torch.nn.functional", "optim": "torch.optim"}
SHORT |= {"v2": "torchvision.transforms.v2", "init": "torch.nn.init"}
# Plotting, data and the doctor's own helpers say at their first use what they do.
EXEMPT_HELPERS = (
    "plotting",
    "tables",
    "pictures",
    "glyphs",
    "paths",
    "checks",
    "doctor",
    "notebook",
)
EXEMPT_HELPERS = tuple(f"helpers.{name}" for name in EXEMPT_HELPERS)
KINDS = (torch.Tensor, torch.nn.Module, torch.optim.Optimizer, DataLoader, Dataset)
KINDS += (torch.optim.lr_scheduler.LRScheduler, torch.Generator, torch.autograd.Function)
METHODS = {name for kind in KINDS for name in dir(kind) if not name.startswith("_")}
METHODS -= {name for kind in (str, list, dict, set, tuple, float) for name in dir(kind)}
NOT_TORCH = {"ax", "axes", "axis", "fig", "figure", "plt", "np", "check"}


@dataclass
class Lesson:
    """A lesson's notebook, taken apart.

    Attributes:
        path: Where it is; its number comes from the name.
        notebook: As read.
        before: The lessons that come before it, in order.
    """

    path: Path
    notebook: NotebookNode = field(repr=False)
    # without repr=False a failing rule of lesson 14 would write out 2 to the 14 lessons
    before: list["Lesson"] = field(default_factory=list, repr=False)

    @property
    def number(self) -> str:
        """The two digits that its name begins with."""
        return self.path.name[:2]

    @property
    def cells(self) -> list[NotebookNode]:
        """The cells that are not empty."""
        return [cell for cell in self.notebook.cells if cell.source.strip()]

    @cached_property
    def trees(self) -> list[ast.Module | None]:
        """For each cell its syntax tree; None for prose and for a syntax error made on purpose."""
        return [_tree(cell) for cell in self.cells]

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each imported name stands for: nn -> torch.nn."""
        found = {}
        for tree in filter(None, self.trees):
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    for name in node.names:
                        short = name.name.partition(".")[0]
                        found[name.asname or short] = name.name if name.asname else short
                elif isinstance(node, ast.ImportFrom):
                    for name in node.names:
                        found[name.asname or name.name] = f"{node.module}.{name.name}"
        return found

    @cached_property
    def uses(self) -> dict[str, int]:
        """Which torch and helpers names the code uses, and the first cell that does."""
        found = {}
        for index, tree in enumerate(self.trees):
            for name in _names(tree, self.aliases) if tree else ():
                found.setdefault(name, index)
        return found

    @cached_property
    def new_names(self) -> list[str]:
        """The names that its recap lists as new, in full."""
        return [_full(name) for name in re.findall(r"`([^`]+)`", self._listed("New names"))]

    @cached_property
    def new_terms(self) -> list[str]:
        """The terms that its recap lists as new."""
        return [t.strip() for t in self._listed("New terms").strip(" .\n").split(",") if t.strip()]

    def _listed(self, label: str) -> str:
        every = "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        found = re.search(rf"^\*\*{label}:\*\*(.*?)(?:\n\n|\Z)", every, re.M | re.S)
        return found[1] if found else ""

    def section(self, heading: str) -> str:
        """The prose under one `## heading`."""
        text = "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        found = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.M | re.S)
        return found[1] if found else ""


def load_lessons() -> list[Lesson]:
    """Read every lesson; each knows those before it."""
    found: list[Lesson] = []
    for path in lessons():
        found.append(Lesson(path, read(path), list(found)))
    return found


def _tree(cell: NotebookNode) -> ast.Module | None:
    if cell.cell_type != "code":
        return None
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return None


def _full(name: str) -> str:
    """Spell a listed name in full: nn.Linear -> torch.nn.Linear, .item() -> .item."""
    name = name.strip().removesuffix("()")
    first, dot, rest = name.partition(".")
    return f"{SHORT[first]}{dot}{rest}" if first in SHORT else name


def _names(tree: ast.AST, aliases: dict[str, str]) -> Iterator[str]:
    """Yield the torch and helpers names, and the tensor and module attributes, that code uses."""
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) or node in inside:
            continue
        if isinstance(node, ast.Name) and aliases.get(node.id, "").startswith(PACKAGES):
            if not _is_module(aliases[node.id]):
                yield aliases[node.id]
        elif isinstance(node, ast.Attribute):
            chain, root = [], node
            while isinstance(root, ast.Attribute):
                chain.insert(0, root.attr)
                root = root.value
                inside.add(root)
            while isinstance(root, ast.Subscript | ast.Call | ast.Attribute):
                root = root.func if isinstance(root, ast.Call) else root.value
            name = root.id if isinstance(root, ast.Name) else ""
            yield from _chain(chain, name, aliases, node)


def _chain(chain: list[str], root: str, aliases: dict[str, str], node: ast.AST) -> Iterator[str]:
    direct = isinstance(_innermost(node), ast.Name)
    if direct and aliases.get(root, "").startswith(PACKAGES):
        path, rest = aliases[root], list(chain)
        while rest and _is_module(path):
            path = f"{path}.{rest.pop(0)}"
        if not _is_module(path):
            yield path
        chain = rest
    elif root in NOT_TORCH or (root in aliases and not aliases[root].startswith(PACKAGES)):
        return
    yield from (f".{name}" for name in chain if name in METHODS)


def _innermost(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _is_module(path: str) -> bool:
    parent, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(parent), name, None) if parent else None
        return inspect.ismodule(found or importlib.import_module(path))
    except ImportError:
        return False


RULES: list[Callable[[Lesson], Iterator[str]]] = []


def rule(function: Callable[[Lesson], Iterator[str]]) -> Callable[[Lesson], Iterator[str]]:
    """Register a rule."""
    RULES.append(function)
    return function


def _code(lesson: Lesson) -> list[NotebookNode]:
    return [cell for cell in lesson.cells if cell.cell_type == "code"]


def _prose(lesson: Lesson) -> list[NotebookNode]:
    return [cell for cell in lesson.cells if cell.cell_type == "markdown"]


def _lines(cell: NotebookNode, imports: bool = True) -> int:
    lines = [line for line in cell.source.splitlines() if line.strip()]
    return sum(imports or not re.match(r"import |from ", line) for line in lines)


def _first_line(cell: NotebookNode) -> str:
    return cell.source.strip().splitlines()[0][:60]


@rule
def follows_the_skeleton(lesson: Lesson) -> Iterator[str]:
    """Title, promise, then the headings that every lesson has, in order."""
    first = lesson.cells[0].source
    if not re.match(rf"# {lesson.number} · \S", first):
        yield f"the first cell does not begin with '# {lesson.number} · Title'"
    if not re.search(r"^\*Runs in about \d+ seconds · allow \d+ minutes", first, re.M):
        yield "the first cell does not say how long it takes: '*Runs in about S seconds · allow M …"
    headings = re.findall(r"^## (.+)$", "\n".join(c.source for c in _prose(lesson)), re.M)
    numbered = [h for h in headings if re.match(r"\d+ · ", h)]
    wanted = [*SKELETON[:2], *numbered, *SKELETON[2:]]
    if headings != wanted:
        yield f"its headings are {headings}, not {wanted}"
    if [int(h.split()[0]) for h in numbered] != list(range(1, len(numbered) + 1)):
        yield f"its sections are not numbered 1 to n: {numbered}"
    if not 3 <= len(re.findall(r"^[-*] ", lesson.section("You will be able to"), re.M)) <= 5:
        yield "'You will be able to' has not 3 to 5 points"
    if len(re.findall(r"^[-*] ", lesson.section("Recap"), re.M)) > 6:
        yield "its recap has over six points"
    questions = len(re.findall("<details>", lesson.section("Check yourself")))
    if not 5 <= questions <= 8:
        yield f"'Check yourself' has {questions} folded answers, not 5 to 8"


@rule
def keeps_cells_short(lesson: Lesson) -> Iterator[str]:
    """No long cells, and words between the code."""
    for cell in _code(lesson):
        if _lines(cell) > LONGEST_CODE:
            yield f"a code cell of {_lines(cell)} lines: {_first_line(cell)}"
    # a list of imports is long without being packed
    long = [cell for cell in _code(lesson) if _lines(cell, imports=False) > USUAL_CODE]
    if len(long) > len(_code(lesson)) / 10:
        yield f"{len(long)} of {len(_code(lesson))} code cells are over {USUAL_CODE} lines"
    for cell in _prose(lesson):
        text = re.sub(r"!\[[^\]]*\]\([^)]*\)|<[^>]+>|\$\$.*?\$\$", " ", cell.source, flags=re.S)
        if len(text.split()) > LONGEST_PROSE:
            yield f"a markdown cell of {len(text.split())} words: {_first_line(cell)}"
    kinds = "".join(cell.cell_type[0] for cell in lesson.cells)
    if "ccc" in kinds:
        yield f"three code cells in a row: {_first_line(lesson.cells[kinds.index('ccc')])}"


@rule
def tags_are_known(lesson: Lesson) -> Iterator[str]:
    """Nbval passes over an unknown tag without a word, and a comment would win over a tag."""
    for cell in lesson.cells:
        for tag in tags(cell):
            if not re.fullmatch(TAGS, tag):
                yield f"unknown tag {tag!r}: {_first_line(cell)}"
        if re.search(r"NBVAL_|PYTEST_VALIDATE", cell.source):
            yield f"a comment steers nbval: {_first_line(cell)}"


@rule
def opt_outs_are_few(lesson: Lesson) -> Iterator[str]:
    """Few cells escape strict comparison, and one that is ignored asserts what it claims."""
    loose = [c for c in _code(lesson) if {"approx-output", "nbval-ignore-output"} & set(tags(c))]
    if len(loose) > len(_code(lesson)) / 4:
        yield f"{len(loose)} of {len(_code(lesson))} code cells opt out of exact comparison"
    for cell in loose:
        claims = re.search(r"^\s*assert |assert_close\(", cell.source, re.M)
        if "nbval-ignore-output" in tags(cell) and not claims:
            yield f"output ignored, and nothing asserted: {_first_line(cell)}"


@rule
def errors_are_meant(lesson: Lesson) -> Iterator[str]:
    """A cell raises if and only if it is tagged so."""
    for cell in _code(lesson):
        raised = any(output.output_type == "error" for output in cell.outputs)
        if raised != ("raises-exception" in tags(cell)):
            what = "an untagged error" if raised else "tagged, but raised nothing"
            yield f"{what}: {_first_line(cell)}"


@rule
def figures_are_described(lesson: Lesson) -> Iterator[str]:
    """Who cannot see a figure reads about it in the cell that follows; pictures have alt text."""
    for cell, after in zip(lesson.cells, [*lesson.cells[1:], None], strict=True):
        if cell.cell_type == "code" and _draws(cell):
            words = "" if after is None or after.cell_type == "code" else after.source
            if len(re.sub(r"^#.*$", "", words, flags=re.M).split()) < 10:
                yield f"no description follows the figure of: {_first_line(cell)}"
        if re.search(r"!\[\s*\]\(|<img(?![^>]*alt=['\"]\w)", cell.source):
            yield f"an image without alt text: {_first_line(cell)}"


def _draws(cell: NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


@rule
def shows_pictures(lesson: Lesson) -> Iterator[str]:
    """At least 15% of the code cells draw something; the last, of progress, is in every lesson."""
    cells = [cell for cell in _code(lesson) if not cell.source.startswith("progress.show(")]
    share = sum(map(_draws, cells)) / len(cells)
    if share < 0.15:
        yield f"only {share:.0%} of its code cells draw a figure"


@rule
def runs_anywhere(lesson: Lesson) -> Iterator[str]:
    """No cell assumes a device, a shell or a star import, and no output holds a path."""
    for cell in _code(lesson):
        assumed = r"^\s*(?:from \S+ import \*|[%!]\w+)|\.cuda\(\)|device=.cuda"
        found = re.search(assumed, cell.source, re.M)
        if found:
            yield f"{found[0].strip()!r} in: {_first_line(cell)}"
        for output in cell.outputs:
            said = "".join(output.get("text", "")) + str(output.get("data", {}).get("text/plain"))
            said += "\n".join(output.get("traceback", []))
            if re.search(r"/(home|root|Users|tmp|work|usr|opt)/|[A-Z]:\\", said):
                yield f"a path of one machine in the output of: {_first_line(cell)}"


@rule
def numbers_come_from_cells(lesson: Lesson) -> Iterator[str]:
    """A decimal or a percentage in prose stands in a code cell or an output as well."""
    shown = [cell.source for cell in _code(lesson)]
    for output in (output for cell in _code(lesson) for output in cell.outputs):
        shown += ["".join(output.get("text", "")), output.get("evalue", "")]
        shown.append("".join(output.get("data", {}).get("text/plain", "")))
    known = set(re.findall(r"\d+\.\d+|\d+(?:\.\d+)?\s?%|\.\d+", "\n".join(shown)))
    known = {re.sub(r"\s", "", number) for number in known}
    for cell in _prose(lesson):
        text = re.sub(r"\]\([^)]*\)|<[^>]+>|https?://\S+", " ", cell.source)
        percent, decimal = r"\d+(?:\.\d+)?\s?\\?%", r"\d+\.\d+(?!\w|\.\d)"
        for number in re.findall(rf"(?<![\w.])(?:{percent}|{decimal})", text):
            number = re.sub(r"[\s\\]", "", number)
            if number not in known and not _as_share(number) & known:
                yield f"{number} comes from no cell: {_first_line(cell)}"


def _as_share(number: str) -> set[str]:
    """Spell a percentage as code would: 95% -> 0.95; and 0.50 as 0.5."""
    value = float(number.rstrip("%")) / (100 if number.endswith("%") else 1)
    return {f"{value:g}", f"{value:.2f}", f"{value:.3f}"}


@rule
def links_resolve(lesson: Lesson) -> Iterator[str]:
    """A link inside the repository leads to a file that is there."""
    for cell in _prose(lesson):
        yield from broken_links(cell.source, lesson.path.parent)


def broken_links(text: str, folder: Path) -> Iterator[str]:
    """Yield the relative links of markdown `text` that lead nowhere."""
    for target in re.findall(r"\]\(([^)\s]+)\)|<(?:img|a)[^>]*(?:src|href)=['\"]([^'\"]+)", text):
        path = (target[0] or target[1]).partition("#")[0]
        if path and "://" not in path and not (folder / path).exists():
            yield f"the link to {path} leads nowhere"


@rule
def names_are_introduced(lesson: Lesson) -> Iterator[str]:
    """No torch or helpers name stands in code before its lesson has introduced it."""
    known = set(lesson.new_names).union(*(earlier.new_names for earlier in lesson.before))
    for name, index in lesson.uses.items():
        if name not in known and not name.startswith("helpers.checks"):
            where = _first_line(lesson.cells[index])
            yield f"{name} is used, but neither this recap nor an earlier one lists it: {where}"


@rule
def listed_names_are_taught(lesson: Lesson) -> Iterator[str]:
    """A name that the recap lists is used here, and explained no later than its first use."""
    for name in lesson.new_names:
        earlier = [other.number for other in lesson.before if name in other.new_names]
        if earlier:
            yield f"{name} is listed as new, but lesson {earlier[0]} introduced it"
        if not re.match(r"\.?[A-Za-z_]", name):
            continue  # an operator such as @
        first = lesson.uses.get(name)
        if first is None:
            yield f"{name} is listed as new, but no code uses it"
            continue
        kinds = [cell.cell_type for cell in lesson.cells]
        until = first + 1
        while until < len(kinds) and kinds[until] == "code":
            until += 1
        said = "\n".join(
            cell.source for cell in lesson.cells[: until + 1] if cell.cell_type == "markdown"
        )
        spans = " ".join(re.findall(r"`([^`]+)`", said))
        spans += " ".join(re.findall(r"#.*", lesson.cells[first].source))
        short = name.rpartition(".")[2]
        if not re.search(rf"(?<!\w){re.escape(short)}(?!\w)", spans):
            yield f"{name} is used before prose says `{short}`: {_first_line(lesson.cells[first])}"


@rule
def terms_are_defined(lesson: Lesson) -> Iterator[str]:
    """A term is bold exactly once, where it is defined, and no earlier prose uses it."""
    if not lesson.new_terms:
        yield "its recap lists no new terms"
    for term in lesson.new_terms:
        pattern = rf"(?<![\w-]){re.escape(term)}(?:s|es)?(?![\w-])"
        bold = [
            index
            for index, text in enumerate(map(_plain_prose, lesson.cells))
            for _ in re.findall(rf"\*\*{pattern}\*\*", text, re.I)
        ]
        if len(bold) != 1:
            yield f"the term {term!r} is bold {len(bold)} times, not once"
            continue
        for other in lesson.before:
            if any(re.search(pattern, _plain_prose(cell), re.I) for cell in other.cells):
                yield f"the term {term!r} is used in lesson {other.number} already"
        promise = next(i for i, c in enumerate(lesson.cells) if c.source.startswith("## Setup"))
        for cell in lesson.cells[promise : bold[0]]:
            if re.search(pattern, _plain_prose(cell), re.I):
                yield f"the term {term!r} is used before it is defined: {_first_line(cell)}"


def _plain_prose(cell: NotebookNode) -> str:
    """Give a markdown cell without headings, code, links, mathematics and the recap's lists."""
    if cell.cell_type != "markdown":
        return ""
    text = re.sub(r"^\*\*New \w+:\*\*(?s:.*?)(?:\n\n|\Z)", "", cell.source, flags=re.M)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    return re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)|\$[^$]*\$", " ", text)


@rule
def helpers_are_earned(lesson: Lesson) -> Iterator[str]:
    """A helper is written out in a lesson, exactly as it stands in `helpers`, then imported."""
    for index, (cell, tree) in enumerate(zip(lesson.cells, lesson.trees, strict=True)):
        for name in (tag.removeprefix("earns-") for tag in tags(cell) if tag.startswith("earns-")):
            if _definition(tree, name) != _helper(name):
                yield f"{name} differs from the one in helpers: cell {index}"
    earned = {
        tag.removeprefix("earns-")
        for other in (*lesson.before, lesson)
        for cell in other.cells
        for tag in tags(cell)
        if tag.startswith("earns-")
    }
    for name in lesson.aliases.values():
        module, _, short = name.rpartition(".")
        to_earn = module.startswith("helpers.") and not module.startswith(EXEMPT_HELPERS)
        if to_earn and short not in earned:
            yield f"{name} is imported, but no lesson so far earns it"


def _definition(tree: ast.AST | None, name: str) -> str | None:
    """Give the syntax of a function or class without docstrings and annotations."""
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return ast.dump(_Bare().visit(node))
    return None


def _helper(name: str) -> str | None:
    for path in sorted((ROOT / "helpers").glob("*.py")):
        found = _definition(ast.parse(path.read_text(encoding="utf-8")), name)
        if found:
            return found
    return None


class _Bare(ast.NodeTransformer):
    """Strip docstrings and annotations."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None and not isinstance(node, ast.AnnAssign):
                setattr(node, name, None)
        body = getattr(node, "body", None)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = body[1:] or [ast.Pass()]
        return node


@rule
def exercises_are_complete(lesson: Lesson) -> Iterator[str]:
    """Each exercise has a task, hints in steps, a stub with its check, and a solution."""
    tasks = re.findall(r"^### Exercise (\d+) · .+$", lesson.section("Exercises"), re.M)
    names = stub_names(lesson)
    if not 3 <= len(tasks) <= 5 or tasks != [str(i + 1) for i in range(len(tasks))]:
        yield f"its exercises are numbered {tasks}"
    if len(names) != len(tasks):
        yield f"{len(tasks)} exercises, but {len(names)} cells tagged exercise: {names}"
    for text in re.split(r"^### Exercise ", lesson.section("Exercises"), flags=re.M)[1:]:
        if text.count("<details>") < 2:
            yield f"fewer than two folded hints: Exercise {text.splitlines()[0]}"
    path = NOTEBOOKS / "solutions" / lesson.path.name
    if not path.exists():
        yield f"no {path.relative_to(ROOT)}"
        return
    solutions = Lesson(path, read(path))
    if stub_names(solutions, "solution") != names:
        yield f"its solutions are {stub_names(solutions, 'solution')}, its exercises {names}"


def stub_names(lesson: Lesson, tag: str = "exercise") -> list[str]:
    """Name the function that each cell with this tag defines and hands to its check, in order."""
    names = []
    for cell in lesson.cells:
        if tag in tags(cell):
            checked = re.findall(r"^check\.(\w+)\((\w+)\)$", cell.source, re.M)
            defined = re.findall(r"^(?:def|class) (\w+)", cell.source, re.M)
            named = [a for a, b in checked if a == b and a in defined]
            names.append(named[0] if len(named) == 1 else f"? {_first_line(cell)}")
    return names
