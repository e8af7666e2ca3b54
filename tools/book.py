"""Build the book: one offline site from the notebooks as they stand.

    python -m tools.book        writes docs/_build/html; begin with index.html

Glossary, index of names, cheat sheet and classic errors are made from what the lessons say: each
sentence is the lesson's own. Sphinx gets its pages from `docs/_build/source`, which this program
writes anew. Nothing is run: outputs are the stored ones.
"""

import copy
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.paths import NOTEBOOKS, ROOT
from tools import begin
from tools.lesson import Lesson, load_lessons, local_links
from tools.lookup import Entry, errors, last_part, names, paragraphs, sentences, terms
from tools.notebooks import read, tags

DOCS = ROOT / "docs"
BUILD = DOCS / "_build"
INSTALL = "make book, or pip install -c constraints.txt -e '.[book]'"
INSTRUCTORS = NOTEBOOKS / "INSTRUCTORS.md"
# Pages that stand in the repository, and where the book has them.
PAGES = {ROOT / "README.md": "index.md", INSTRUCTORS: "notebooks/INSTRUCTORS.md"}
PAGES |= {ROOT / "data" / "README.md": "data/README.md"}
PAGES |= {path: path.name for path in sorted(DOCS.glob("*.md"))}
LOOKED_UP = ("own_data",)  # of those in docs/, what stands beside the glossary


def label(lesson: Lesson, heading: str) -> str:
    """Name the place of a section, to be linked to: lesson-08-4, lesson-08-recap."""
    slug = re.match(r"\d+(?= · )", heading) or re.match(r".*", heading)
    return f"lesson-{lesson.number}-{slug[0]}".lower().replace(" ", "-").strip("-")


def where(entry: Entry) -> str:
    """Link an entry's lesson and section."""
    link = f"[{entry.lesson.title}](/notebooks/{entry.lesson.path.name})"
    if not entry.heading:
        return link
    return f"{link}, [{entry.heading}](#{label(entry.lesson, entry.heading)})"


def glossary(lessons: list[Lesson]) -> str:
    """Write the page of terms."""
    lines = ["# Glossary", "Each term in the words of the lesson that introduces it.\n"]
    for letter, group in groupby(terms(lessons), lambda entry: entry.name[0].upper()):
        lines += [f"## {letter}\n", ":::::{glossary}"]
        for entry in group:
            text = f"{rooted(entry.text, NOTEBOOKS)}\n\n{where(entry)}"
            lines += [entry.name, *(f"  {line}".rstrip() for line in text.splitlines()), ""]
        lines += [":::::\n"]
    return "\n".join(lines)


def index_of_names(lessons: list[Lesson]) -> str:
    """Write the page of names."""
    lines = ["# Index of names", "Which lesson introduces a name, sorted by its last part.\n"]
    for letter, group in groupby(names(lessons), lambda entry: last_part(entry.name)[0].upper()):
        lines.append(f"## {letter}\n")
        for entry in group:
            full = f" (`{entry.text}`)" if entry.text != entry.name.removesuffix("()") else ""
            lines.append(f"- `{entry.name}`{full}: {where(entry)}")
        lines.append("")
    return "\n".join(lines)


def cheat_sheet(lessons: list[Lesson]) -> str:
    """Write the page of all recaps, which prints on one sheet."""
    lines = ["# Cheat sheet", '<div class="sheet">\n']
    for lesson in lessons:
        points = re.findall(r"^[-*] .*(?:\n  .*)*", lesson.section("Recap"), re.M)
        lines.append(f"**[{lesson.title}](/notebooks/{lesson.path.name})**\n")
        lines += [*(rooted(point, NOTEBOOKS) for point in points), ""]
    return "\n".join([*lines, "</div>\n"])


def classic_errors(lessons: list[Lesson]) -> str:
    """Write the page of errors, each under its message."""
    lines = ["# Classic errors"]
    lines.append("Every error that a lesson makes on purpose: its message, the code, the cure.\n")
    for entry in errors(lessons):
        head = entry.name.splitlines()[0].replace("`", "'")
        lines.append(f"## `{head if len(head) <= 150 else head[:149] + '…'}`\n")
        if len(head) > 150 or "\n" in entry.name:
            lines.append(f"```text\n{entry.name}\n```\n")
        lines += [where(entry), "", f"```python\n{entry.code}\n```\n"]
        lines += [rooted(entry.text, NOTEBOOKS), ""]
    return "\n".join(lines)


def where_to_begin(lessons: list[Lesson]) -> str:
    """Write the README's section as a page, its table open, with links to the answers."""

    def link(lesson: Lesson) -> str:
        answers = f"[answers](#{label(lesson, 'Check yourself')})"
        return f"[{lesson.title}](/notebooks/{lesson.path.name}) ({answers})"

    text = begin.section((ROOT / "README.md").read_text(encoding="utf-8"))
    return f"# {begin.HEADING}\n{begin.put(text, begin.table(lessons, link))}"


def contents(lessons: list[Lesson]) -> str:
    """Write the table of contents, by the courses of the instructors' page."""
    page = INSTRUCTORS.read_text(encoding="utf-8")
    parts = {"Begin": ["where_to_begin"]}
    for name, first, last in re.findall(r"^\| ([^|:]+): [^|]*\| (\d\d) to (\d\d) \|", page, re.M):
        chosen = [lesson for lesson in lessons if first <= lesson.number <= last]
        parts[name] = [f"notebooks/{lesson.path.stem}" for lesson in chosen]
    own = [path.stem for path in PAGES if path.parent == DOCS]
    parts["To look up"] = ["glossary", "names", "cheat_sheet", "errors"]
    parts["To look up"] += [name for name in own if name in LOOKED_UP]
    parts["More"] = ["notebooks/solutions/index", "notebooks/INSTRUCTORS", "data/README"]
    parts["More"] += [name for name in own if name not in LOOKED_UP]
    head = "```{toctree}\n:hidden:\n:titlesonly:\n:caption:"
    lines = ["\n".join([f"{head} {name}\n", *pages, "```\n"]) for name, pages in parts.items()]
    return "\n".join(lines)


# What Sphinx reads


def rooted(text: str, folder: Path) -> str:
    """Let the links of a text that stands in a folder count from the root of the book."""

    def move(found: re.Match) -> str:
        path, mark, part = found[1].partition("#")
        target = (folder / path).resolve()
        if not path or path.startswith("/") or not target.exists():
            return found[0]  # within the page, elsewhere, or code
        page = PAGES.get(target) or target.relative_to(ROOT).as_posix()
        return f"](/{page}{'/index.md' * target.is_dir()}{mark}{part})"

    return re.sub(r"\]\(([^)\s]+)\)", move, text)


def prepare_lesson(lesson: Lesson) -> NotebookNode:
    """Give a lesson as the book shows it.

    Its sections can be linked to, figures have alt text, exercises lead to their solutions.
    """
    book, exercises = copy.deepcopy(lesson.notebook), 0
    cells, book.cells = [copy.deepcopy(cell) for cell in lesson.cells], []
    for cell, after, heading in zip(cells, [*cells[1:], None], lesson.places, strict=True):
        book.cells.append(cell)
        if cell.cell_type == "markdown":
            target = f"({label(lesson, heading)})=\n" * cell.source.startswith("## ")
            cell.source = target + rooted(cell.source, NOTEBOOKS)
        elif any("image/png" in output.get("data", {}) for output in cell.outputs):
            cell.metadata["mystnb"] = {"image": {"alt": describe(after)}}
        if "exercise" in tags(cell):
            exercises += 1
            link = f"[Solution](#solution-{lesson.number}-{exercises})"
            book.cells.append(nbformat.v4.new_markdown_cell(link))
    return book


def describe(cell: NotebookNode) -> str:
    """Give the first sentences of the prose after a figure, twelve words or more, as plain text."""
    text = ""
    for sentence in sentences(" ".join(paragraphs(cell))):
        text += f" {sentence}" if len(text.split()) < 12 else ""
    return re.sub(r"[*`$\\]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)).strip()


def prepare_solutions(path: Path) -> NotebookNode:
    """Give the solutions of a lesson as the book shows them: each behind a click."""
    book, cells, exercises = read(path), [], 0
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = rooted(cell.source, path.parent)
            heading, _, rest = cell.source.partition("\n")
            if heading.startswith("## Exercise"):
                cells += [nbformat.v4.new_markdown_cell("</details>")] * (exercises > 0)
                exercises += 1
                cell.source = f"(solution-{path.name[:2]}-{exercises})=\n{heading}\n\n"
                cell.source += f"<details><summary>Show the solution</summary>\n{rest}"
        cells.append(cell)
    book.cells = [*cells, nbformat.v4.new_markdown_cell("</details>")]
    return book


def sources(lessons: list[Lesson]) -> dict[str, str]:
    """Write every page of the book: its text by its place."""
    pages = {PAGES[path]: rooted(path.read_text("utf-8"), path.parent) for path in PAGES}
    pages["index.md"] = begin.put(pages["index.md"], "[The questions](/where_to_begin.md)\n")
    pages["index.md"] += f"\n{contents(lessons)}"
    pages["where_to_begin.md"] = where_to_begin(lessons)
    pages |= {"glossary.md": glossary(lessons), "names.md": index_of_names(lessons)}
    pages |= {"cheat_sheet.md": cheat_sheet(lessons), "errors.md": classic_errors(lessons)}
    listed = [lesson.path.stem for lesson in lessons]
    head = "# Solutions\n\n```{toctree}\n:titlesonly:\n"
    pages["notebooks/solutions/index.md"] = "\n".join([head, *listed, "```\n"])
    for lesson in lessons:
        name = lesson.path.name
        pages[f"notebooks/{name}"] = nbformat.writes(prepare_lesson(lesson))
        book = prepare_solutions(NOTEBOOKS / "solutions" / name)
        pages[f"notebooks/solutions/{name}"] = nbformat.writes(book)
    return pages


def write_sources(folder: Path) -> None:
    """Write every page, and the pictures and programs that they link to, into a folder."""
    for place, text in sources(load_lessons()).items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for link in filter(lambda link: link.startswith("/"), local_links(text)):
            file, there = ROOT / link[1:], folder / link[1:]
            if file.is_file() and file.suffix not in (".md", ".ipynb"):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, there)


def build(folder: Path) -> int:
    """Build the site anew, in `html` in a folder; return Sphinx's exit status, 1 for a warning."""
    shutil.rmtree(folder, ignore_errors=True)
    write_sources(folder / "source")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    command += ["-c", DOCS, "-d", folder / "doctrees", folder / "source", folder / "html"]
    return subprocess.call(list(map(str, command)), cwd=ROOT)


def main() -> int:
    """Build the site; say where it is."""
    if missing := [name for name in ("sphinx", "myst_nb") if not find_spec(name)]:
        print(f"The book needs {missing[0]}, which is not installed: {INSTALL}", file=sys.stderr)
        return 2
    status = build(BUILD)
    print("The book has warnings." if status else f"{BUILD.relative_to(ROOT)}/html/index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
