"""Freeze Python's documentation texts into `data/python_docs.json.xz`, for lesson 20.

    python -m tools.python_docs [FILE]

Takes the reference's topics (`pydoc_data.topics`) and the docstrings of the standard library's
source files, of the Python that runs it, and keeps their prose. Nothing is imported or executed:
the sources are parsed. Another version of Python gives other texts; `data/README.md` names the
version of the shipped file.
"""

import ast
import inspect
import json
import lzma
import platform
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helpers.paths import ROOT

FILE = ROOT / "data" / "python_docs.json.xz"
SKIPPED = {"__phello__", "config-3", "distutils", "ensurepip", "idlelib", "lib2to3"}
SKIPPED |= {"pydoc_data", "site-packages", "test", "tests", "turtledemo"}
LEAST_WORDS = 5  # fewer are headings and labels
CODE = re.compile(r">>>|::=|^\s*(\$|#|\||\+-|=+\s|%)|\w\(.*\)\s*(:|->)\s*$")


def is_prose(paragraph: str) -> bool:
    """Say whether a paragraph reads like sentences: words, letters, no code, table or grammar."""
    words = re.findall(r"[A-Za-z]{2,}", paragraph)
    letters = sum(len(word) for word in words)
    return (
        len(words) >= LEAST_WORDS
        and letters > 0.66 * len(paragraph)
        and 3 * paragraph.count(",") < len(paragraph.split())
        and not CODE.search(paragraph)
        and paragraph.isascii()
    )


def prose(text: str) -> list[str]:
    """Return the prose paragraphs of a text, each on one line with single spaces."""
    blocks = re.split(r"\n\s*\n", text)
    return [" ".join(block.split()) for block in blocks if is_prose(" ".join(block.split()))]


def signature(node: ast.AST) -> str:
    """Return how a definition is called or made: `name(arguments)`, or its class's name."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
        names += [one.arg for one in node.args.kwonlyargs]
        return f"{node.name}({', '.join(name for name in names if name not in ('self', 'cls'))})"
    return getattr(node, "name", "")


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield signature and docstring of all definitions of a source file, in its order."""
    tree = ast.parse(path.read_bytes())
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)):
        text = ast.get_docstring(node, clean=False)
        if text:
            yield signature(node), inspect.cleandoc(text)


def sources(library: Path) -> list[Path]:
    """Return the library's source files, without tests and what is not the library's own."""
    found = [path.relative_to(library) for path in library.rglob("*.py")]
    kept = [
        path
        for path in found
        if not any(part.startswith(tuple(SKIPPED)) for part in path.parts)
        and not path.name.startswith("_sysconfigdata")
    ]
    return sorted(kept, key=lambda path: path.as_posix())


def topics(library: Path) -> dict[str, str]:
    """Return the language reference's topics, read from `pydoc_data/topics.py`."""
    tree = ast.parse((library / "pydoc_data" / "topics.py").read_bytes())
    (value,) = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return ast.literal_eval(value)


def collect() -> list[list[str]]:
    """Return `[file, signature, paragraph, paragraph, ...]` a definition; no paragraph twice."""
    library = Path(sysconfig.get_path("stdlib"))
    texts = [(f"reference/{name}", "", text) for name, text in sorted(topics(library).items())]
    for path in sources(library):
        name = path.with_suffix("").as_posix().removesuffix("/__init__")
        texts += [(name, call, text) for call, text in docstrings(library / path)]
    seen: set[str] = set()
    records = []
    for name, call, text in texts:
        fresh = []
        for paragraph in prose(text):
            if paragraph.lower() not in seen:
                seen.add(paragraph.lower())
                fresh.append(paragraph)
        if fresh:
            records.append([name, call, *fresh])
    return records


def pack(records: list[list[str]]) -> bytes:
    """Return the records as compressed JSON, the same bytes for the same records."""
    value: dict[str, Any] = {"python": platform.python_version(), "records": records}
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME)


def read_version(packed: bytes) -> str:
    """Return the version of Python whose texts a file holds."""
    return json.loads(lzma.decompress(packed))["python"]


def main() -> None:
    """Write the file."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    records = collect()
    path.write_bytes(pack(records))
    words = sum(len(text.split()) for record in records for text in record[2:])
    files = len({record[0] for record in records})
    print(f"{len(records)} records of {files} files, {words} words, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
