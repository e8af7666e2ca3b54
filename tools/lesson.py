"""A lesson's notebook, taken apart: its cells, sections, code, names and terms."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from nbformat import NotebookNode
from torch.utils.data import DataLoader, Dataset

from tools.notebooks import lessons, read, tags

PACKAGES = ("torch", "torchvision", "helpers")
SHORT = {"nn": "torch.nn", "F": "torch.nn.functional", "optim": "torch.optim"}
SHORT |= {"v2": "torchvision.transforms.v2", "init": "torch.nn.init"}
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
    def title(self) -> str:
        """Its number and name: "08 · Softmax and cross-entropy"."""
        return self.cells[0].source.splitlines()[0].removeprefix("# ")

    @property
    def cells(self) -> list[NotebookNode]:
        """The cells that are not empty."""
        return [cell for cell in self.notebook.cells if cell.source.strip()]

    @property
    def code(self) -> list[NotebookNode]:
        """The cells that hold code."""
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> list[NotebookNode]:
        """The cells that hold markdown."""
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def trees(self) -> list[ast.Module | None]:
        """For each cell its syntax tree; None for prose and for a syntax error made on purpose."""
        return [_tree(cell) for cell in self.cells]

    @cached_property
    def places(self) -> list[str]:
        """For each cell the `## heading` that it stands under; "" before the first."""
        found, heading = [], ""
        for cell in self.cells:
            if cell.cell_type == "markdown" and cell.source.startswith("## "):
                heading = cell.source.splitlines()[0].removeprefix("## ")
            found.append(heading)
        return found

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
    def listed_names(self) -> list[str]:
        """The names that its recap lists as new, as it spells them."""
        return re.findall(r"`([^`]+)`", self._listed("New names"))

    @cached_property
    def new_names(self) -> list[str]:
        """The names that its recap lists as new, in full."""
        return [_full(name) for name in self.listed_names]

    @cached_property
    def reference_names(self) -> list[str]:
        """The names in the first columns of its reference tables, in full: met, and not drilled."""
        tables = [cell.source for cell in self.prose if cell.source.startswith("### Reference")]
        firsts = [
            line.split("|")[1] for table in tables for line in table.splitlines() if line[:1] == "|"
        ]
        return [_full(name) for first in firsts for name in re.findall(r"`([^`(]+)[^`]*`", first)]

    @cached_property
    def new_terms(self) -> list[str]:
        """The terms that its recap lists as new."""
        return [t.strip() for t in self._listed("New terms").strip(" .\n").split(",") if t.strip()]

    def _listed(self, label: str) -> str:
        every = "\n\n".join(cell.source for cell in self.prose)
        found = re.search(rf"^\*\*{label}:\*\*(.*?)(?:\n\n|\Z)", every, re.M | re.S)
        return found[1] if found else ""

    def section(self, heading: str) -> str:
        """The prose under one `## heading`."""
        text = "\n\n".join(cell.source for cell in self.prose)
        found = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.M | re.S)
        return found[1] if found else ""


def load_lessons() -> list[Lesson]:
    """Read every lesson; each knows those before it."""
    found: list[Lesson] = []
    for path in lessons():
        found.append(Lesson(path, read(path), list(found)))
    return found


def term_pattern(term: str) -> str:
    """Give the pattern of a term in the text, in the singular or plural."""
    return rf"(?<![\w-]){re.escape(term)}(?:s|es)?(?![\w-])"


def plain_prose(cell: NotebookNode) -> str:
    """Give a markdown cell without headings, code, links, mathematics and the recap's lists."""
    if cell.cell_type != "markdown":
        return ""
    text = re.sub(r"^\*\*New \w+:\*\*(?s:.*?)(?:\n\n|\Z)", "", cell.source, flags=re.M)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    return re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)|\$[^$]*\$", " ", text)


def bold_cells(lesson: Lesson, term: str) -> list[int]:
    """Number the cells whose prose has a term in bold: where it is defined."""
    bold = rf"\*\*{term_pattern(term)}\*\*"
    texts = enumerate(map(plain_prose, lesson.cells))
    return [index for index, text in texts for _ in re.findall(bold, text, re.I)]


def local_links(text: str) -> Iterator[str]:
    """Yield the targets of the links in markdown `text` that lead to a file, without #parts."""
    for target in re.findall(r"\]\(([^)\s]+)\)|<(?:img|a)[^>]*(?:src|href)=['\"]([^'\"]+)", text):
        path = (target[0] or target[1]).partition("#")[0]
        if path and "://" not in path:
            yield path


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


def stub_names(lesson: Lesson, tag: str = "exercise") -> list[str]:
    """Name the function that each cell with this tag defines and hands to its check, in order."""
    names = []
    for cell in lesson.cells:
        if tag in tags(cell):
            checked = re.findall(r"^check\.(\w+)\((\w+)\)$", cell.source, re.M)
            defined = re.findall(r"^(?:def|class) (\w+)", cell.source, re.M)
            named = [a for a, b in checked if a == b and a in defined]
            names.append(named[0] if len(named) == 1 else f"? {first_line(cell)}")
    return names


def given_names(lesson: Lesson) -> list[str]:
    """Name the exercises that give a function to repair: its body is more than a docstring."""
    names = []
    for cell, tree in zip(lesson.cells, lesson.trees, strict=True):
        for node in tree.body if tree and "exercise" in tags(cell) else ():
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and ast.unparse(body) not in ("...", "pass"):
                    names.append(node.name)
    return names


def definition(tree: ast.AST | None, name: str) -> str | None:
    """Return the syntax of a function or class without docstrings and annotations."""
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return ast.dump(_Bare().visit(node))
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


def first_line(cell: NotebookNode) -> str:
    """Return the first line of a cell, cut short, to name the cell by."""
    return cell.source.strip().splitlines()[0][:60]
