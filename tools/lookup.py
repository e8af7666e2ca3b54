"""What the lessons introduce, to be looked up: terms, names and errors, in their own words."""

import ast
import re
from itertools import takewhile
from typing import NamedTuple

from nbformat import NotebookNode

from tools.lesson import Lesson, bold_cells, term_pattern
from tools.notebooks import tags

# A sentence that begins so points at the one before it.
POINTING = "This That These Those It Its They Their Such Both Here There So Then But Another Each"
POINTING = set(POINTING.split())
SHORT = 8  # a sentence of fewer words says too little alone


class Entry(NamedTuple):
    """Something that a lesson introduces.

    Attributes:
        name: The term, the name as its recap spells it, or the error's message.
        text: What the lesson says about it, in markdown.
        lesson: The lesson.
        heading: The section that it stands in; "" for the lesson as a whole.
        code: The cell that raised the error; else "".
    """

    name: str
    text: str
    lesson: Lesson
    heading: str
    code: str = ""


def paragraphs(cell: NotebookNode) -> list[str]:
    """Give the blocks of a markdown cell, without headings and predictions."""
    blocks = re.split(r"\n\s*\n", re.sub(r"^#+ .*$", "", cell.source, flags=re.M))
    return [b.strip() for b in blocks if b.strip() and not b.startswith("**Predict:**")]


def sentences(text: str) -> list[str]:
    """Split a paragraph into its sentences."""
    text = " ".join(text.split())
    return re.split(r"(?<!\bal\.)(?<=[.!?])\s+(?![a-z(])|(?<=[.!?][)”\"*])\s+(?![a-z(])", text)


def define(lesson: Lesson, term: str) -> Entry:
    """Find the sentence that has a term in bold.

    The sentence before comes along if this one points at it; else, if this one is short, the next
    or, if there is none, the one before. So does what follows a colon. In a table it is the row.

    Raises:
        ValueError: The lesson has no such sentence, or several.
    """
    found = bold_cells(lesson, term)
    if len(found) != 1:
        raise ValueError(f"{lesson.path.name}: {term!r} is bold {len(found)} times, expected once")
    blocks = paragraphs(lesson.cells[found[0]])
    bold = re.compile(rf"\*\*{term_pattern(term)}\*\*", re.I)
    place = next(i for i, block in enumerate(blocks) if bold.search(block))
    heading = lesson.places[found[0]]
    if blocks[place].startswith("|"):
        rows = blocks[place].splitlines()
        row = next(row for row in rows if bold.search(row))
        return Entry(term, "\n".join([*rows[:2], row]), lesson, heading)
    items = re.split(r"^(?:[-*]|\d+\.) ", blocks[place], flags=re.M)
    spoken = sentences(next(item for item in items if bold.search(item)))
    first = next(i for i, sentence in enumerate(spoken) if bold.search(sentence))
    words = spoken[first].split()
    short = len(words) < SHORT and words[0] not in POINTING
    last = min(first + short, len(spoken) - 1)
    if short and last == first:
        first = max(0, first - 1)
    while first and spoken[first].partition(" ")[0] in POINTING:
        first -= 1
    text = " ".join(spoken[first : last + 1])
    if text.endswith(":"):
        after = blocks[place + 1 :] or _code(lesson.cells[found[0] + 1 :])
        text += f"\n\n{after[0]}" if after else ""
    return Entry(term, text, lesson, heading)


def _code(cells: list[NotebookNode]) -> list[str]:
    ours = takewhile(lambda cell: cell.cell_type == "code", cells)
    return [f"```python\n{cell.source}\n```" for cell in ours]


def terms(lessons: list[Lesson]) -> list[Entry]:
    """Give every term that a recap lists, with its definition, in the order of the alphabet."""
    found = [define(lesson, term) for lesson in lessons for term in lesson.new_terms]
    return sorted(found, key=lambda entry: entry.name.lower())


def names(lessons: list[Lesson]) -> list[Entry]:
    """Give every name that a recap lists, its full spelling as text, by its last part."""
    found = []
    for lesson in lessons:
        for name, full in zip(lesson.listed_names, lesson.new_names, strict=True):
            heading = lesson.places[lesson.uses[full]] if full in lesson.uses else ""
            found.append(Entry(name, full, lesson, heading))
    return sorted(found, key=lambda entry: (last_part(entry.name), entry.name))


def last_part(name: str) -> str:
    """Give what a name is looked up by: nn.Linear -> linear, torch.__version__ -> version__."""
    return name.rpartition(".")[2].lower().lstrip("_") or name


def errors(lessons: list[Lesson]) -> list[Entry]:
    """Give every error that a lesson makes on purpose: message, what the prose says, the cell.

    Where a cell catches errors and prints them, the message is all that it prints.
    """
    found = []
    for lesson in lessons:
        for index, (cell, tree) in enumerate(zip(lesson.cells, lesson.trees, strict=True)):
            printed = prints_errors(tree)
            for output in cell.get("outputs", []):
                if output.output_type == "error" and "raises-exception" in tags(cell):
                    said = f"{output.ename}: {_tidy(output.evalue)}"
                elif output.output_type == "stream" and printed:
                    said = _tidy(output.text)
                else:
                    continue
                text = _cure(lesson, index)
                found.append(Entry(said, text, lesson, lesson.places[index], cell.source))
    return found


def prints_errors(tree: ast.Module | None) -> bool:
    """Tell whether code catches an error and does nothing but print it."""
    return any(
        isinstance(node, ast.ExceptHandler)
        and len(node.body) == 1
        and ast.unparse(node.body[0]).startswith("print(")
        and any(isinstance(n, ast.Name) and n.id == node.name for n in ast.walk(node.body[0]))
        for node in (ast.walk(tree) if tree else ())
    )


def _tidy(message: str) -> str:
    message = re.sub(r"(?s)^(['\"])(.*)\1$", r"\2", message)  # as a KeyError quotes its own
    lines = [line.rstrip().expandtabs(2) for line in message.splitlines()]
    return "\n".join(line for line in lines if line)


def _cure(lesson: Lesson, index: int) -> str:
    """Give the prose after an error; before it, where a new section follows."""
    after = lesson.cells[index + 1]
    around = after if not after.source.startswith("## ") else lesson.cells[index - 1]
    return "\n\n".join(paragraphs(around))
