"""The rules that every lesson keeps. Each takes a `Lesson` and yields what is wrong with it.

`tests/test_rules.py` applies them to the lessons, and to notebooks that break them on purpose.
"""

import ast
import re
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

from helpers.paths import NOTEBOOKS, ROOT
from tests.support import broken_links
from tools.lesson import (
    Lesson,
    bold_cells,
    definition,
    first_line,
    given_names,
    plain_prose,
    stub_names,
    term_pattern,
)
from tools.notebooks import read, tags

SKELETON = ["You will be able to", "Setup", "Putting it together", "Recap", "Check yourself"]
SKELETON += ["Exercises", "Next"]
TAGS = r"approx-output|nbval-ignore-output|raises-exception|exercise|solution|earns-\w+"
LONGEST_CODE, USUAL_CODE, LONGEST_PROSE = 20, 12, 120  # lines, lines for nine of ten cells, words
# Plotting, data and the doctor's own helpers say at their first use what they do. Those of
# checkpoint, and what it needs, are the hardened twins of plain functions that lessons 14 and 15
# write out and then compare.
EXEMPT = "checkpoint examine order plotting tables pictures glyphs paths checks doctor".split()
EXEMPT += ["notebook", "documentation"]
# Lesson 16 writes out `diagnose`, and says in which file its steps stand.
UNSHOWN = ["helpers.diagnosis.find_all", "helpers.diagnosis.take_batch"]
# Lesson 20 writes out tokenizer, layer and model, and says what these four do.
UNSHOWN += [
    f"helpers.bert.{name}" for name in "Embeddings RealBert caught_queries encode_text".split()
]


RULES: list[Callable[[Lesson], Iterator[str]]] = []


def rule(function: Callable[[Lesson], Iterator[str]]) -> Callable[[Lesson], Iterator[str]]:
    """Register a rule."""
    RULES.append(function)
    return function


def _lines(cell: NotebookNode, imports: bool = True) -> int:
    lines = [line for line in cell.source.splitlines() if line.strip()]
    return sum(imports or not re.match(r"import |from ", line) for line in lines)


@rule
def follows_the_skeleton(lesson: Lesson) -> Iterator[str]:
    """Title, promise, then the headings that every lesson has, in order."""
    first = lesson.cells[0].source
    if not re.match(rf"# {lesson.number} · \S", first):
        yield f"the first cell does not begin with '# {lesson.number} · Title'"
    if not re.search(r"^\*Runs in about \d+ seconds · allow \d+ minutes", first, re.M):
        yield "the first cell does not say how long it takes: '*Runs in about S seconds · allow M …"
    headings = re.findall(r"^## (.+)$", "\n".join(c.source for c in lesson.prose), re.M)
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
    for cell in lesson.code:
        if _lines(cell) > LONGEST_CODE:
            yield f"a code cell of {_lines(cell)} lines: {first_line(cell)}"
    # a list of imports is long without being packed
    long = [cell for cell in lesson.code if _lines(cell, imports=False) > USUAL_CODE]
    if len(long) > len(lesson.code) / 10:
        yield f"{len(long)} of {len(lesson.code)} code cells are over {USUAL_CODE} lines"
    for cell in lesson.prose:
        text = re.sub(r"!\[[^\]]*\]\([^)]*\)|<[^>]+>|\$\$.*?\$\$", " ", cell.source, flags=re.S)
        text = re.sub(r"^\|.*\|$", "", text, flags=re.M)  # a table is looked up, not read
        if len(text.split()) > LONGEST_PROSE:
            yield f"a markdown cell of {len(text.split())} words: {first_line(cell)}"
    kinds = "".join(cell.cell_type[0] for cell in lesson.cells)
    if "ccc" in kinds:
        yield f"three code cells in a row: {first_line(lesson.cells[kinds.index('ccc')])}"


@rule
def tags_are_known(lesson: Lesson) -> Iterator[str]:
    """Nbval passes over an unknown tag without a word, and a comment would win over a tag."""
    for cell in lesson.cells:
        for tag in tags(cell):
            if not re.fullmatch(TAGS, tag):
                yield f"unknown tag {tag!r}: {first_line(cell)}"
        if re.search(r"NBVAL_|PYTEST_VALIDATE", cell.source):
            yield f"a comment steers nbval: {first_line(cell)}"


@rule
def opt_outs_are_few(lesson: Lesson) -> Iterator[str]:
    """Few cells escape strict comparison, and one that is ignored asserts what it claims."""
    loose = [c for c in lesson.code if {"approx-output", "nbval-ignore-output"} & set(tags(c))]
    if len(loose) > len(lesson.code) / 4:
        yield f"{len(loose)} of {len(lesson.code)} code cells opt out of exact comparison"
    for cell in loose:
        claims = re.search(r"^\s*assert |assert_close\(", cell.source, re.M)
        if "nbval-ignore-output" in tags(cell) and not claims:
            yield f"output ignored, and nothing asserted: {first_line(cell)}"


@rule
def errors_are_meant(lesson: Lesson) -> Iterator[str]:
    """A cell raises if and only if it is tagged so."""
    for cell in lesson.code:
        raised = any(output.output_type == "error" for output in cell.outputs)
        if raised != ("raises-exception" in tags(cell)):
            what = "an untagged error" if raised else "tagged, but raised nothing"
            yield f"{what}: {first_line(cell)}"


@rule
def figures_are_described(lesson: Lesson) -> Iterator[str]:
    """Who cannot see a figure reads about it in the cell that follows; pictures have alt text."""
    for cell, after in zip(lesson.cells, [*lesson.cells[1:], None], strict=True):
        if cell.cell_type == "code" and _draws(cell):
            words = "" if after is None or after.cell_type == "code" else after.source
            if len(re.sub(r"^#.*$", "", words, flags=re.M).split()) < 10:
                yield f"no description follows the figure of: {first_line(cell)}"
        if re.search(r"!\[\s*\]\(|<img(?![^>]*alt=['\"]\w)", cell.source):
            yield f"an image without alt text: {first_line(cell)}"


def _draws(cell: NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


@rule
def shows_pictures(lesson: Lesson) -> Iterator[str]:
    """At least 15% of the code cells draw something; the last, of progress, is in every lesson."""
    cells = [cell for cell in lesson.code if not cell.source.startswith("progress.show(")]
    share = sum(map(_draws, cells)) / len(cells)
    if share < 0.15:
        yield f"only {share:.0%} of its code cells draw a figure"


@rule
def runs_anywhere(lesson: Lesson) -> Iterator[str]:
    """No cell assumes a device, a shell or a star import, and no output holds a path."""
    for cell in lesson.code:
        assumed = r"^\s*(?:from \S+ import \*|[%!]\w+)|\.cuda\(\)|device=.cuda"
        found = re.search(assumed, cell.source, re.M)
        if found:
            yield f"{found[0].strip()!r} in: {first_line(cell)}"
        for output in cell.outputs:
            said = "".join(output.get("text", "")) + str(output.get("data", {}).get("text/plain"))
            said += "\n".join(output.get("traceback", []))
            if re.search(r"/(home|root|Users|tmp|work|usr|opt)/|[A-Z]:\\", said):
                yield f"a path of one machine in the output of: {first_line(cell)}"


@rule
def numbers_come_from_cells(lesson: Lesson) -> Iterator[str]:
    """A decimal or a percentage in prose stands in a code cell or an output as well."""
    shown = [cell.source for cell in lesson.code]
    for output in (output for cell in lesson.code for output in cell.outputs):
        shown += ["".join(output.get("text", "")), output.get("evalue", "")]
        shown.append("".join(output.get("data", {}).get("text/plain", "")))
    known = set(re.findall(r"\d+\.\d+|\d+(?:\.\d+)?\s?%|\.\d+", "\n".join(shown)))
    known = {re.sub(r"\s", "", number) for number in known}
    for cell in lesson.prose:
        text = re.sub(r"\]\([^)]*\)|<[^>]+>|https?://\S+", " ", cell.source)
        percent, decimal = r"\d+(?:\.\d+)?\s?\\?%", r"\d+\.\d+(?!\w|\.\d)"
        for number in re.findall(rf"(?<![\w.])(?:{percent}|{decimal})", text):
            number = re.sub(r"[\s\\]", "", number)
            if number not in known and not _as_share(number) & known:
                yield f"{number} comes from no cell: {first_line(cell)}"


def _as_share(number: str) -> set[str]:
    """Spell a percentage as code would: 95% -> 0.95; and 0.50 as 0.5."""
    value = float(number.rstrip("%")) / (100 if number.endswith("%") else 1)
    return {f"{value:g}", f"{value:.2f}", f"{value:.3f}"}


@rule
def links_resolve(lesson: Lesson) -> Iterator[str]:
    """A link inside the repository leads to a file that is there."""
    for cell in lesson.prose:
        yield from broken_links(cell.source, lesson.path.parent)


@rule
def names_are_introduced(lesson: Lesson) -> Iterator[str]:
    """No torch or helpers name stands in code before its lesson has introduced it."""
    known = {name for each in (*lesson.before, lesson) for name in each.new_names}
    known |= {name for each in (*lesson.before, lesson) for name in each.reference_names}
    for name, index in lesson.uses.items():
        if name not in known and not name.startswith("helpers.checks"):
            where = first_line(lesson.cells[index])
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
            yield f"{name} is used before prose says `{short}`: {first_line(lesson.cells[first])}"


@rule
def terms_are_defined(lesson: Lesson) -> Iterator[str]:
    """A term is bold exactly once, where it is defined, and no earlier prose uses it."""
    if not lesson.new_terms:
        yield "its recap lists no new terms"
    for term in lesson.new_terms:
        pattern, bold = term_pattern(term), bold_cells(lesson, term)
        if len(bold) != 1:
            yield f"the term {term!r} is bold {len(bold)} times, not once"
            continue
        for other in lesson.before:
            if any(re.search(pattern, plain_prose(cell), re.I) for cell in other.cells):
                yield f"the term {term!r} is used in lesson {other.number} already"
        promise = next(i for i, c in enumerate(lesson.cells) if c.source.startswith("## Setup"))
        for cell in lesson.cells[promise : bold[0]]:
            if re.search(pattern, plain_prose(cell), re.I):
                yield f"the term {term!r} is used before it is defined: {first_line(cell)}"


@rule
def helpers_are_earned(lesson: Lesson) -> Iterator[str]:
    """A helper is written out in a lesson, exactly as it stands in `helpers`, then imported."""
    for index, (cell, tree) in enumerate(zip(lesson.cells, lesson.trees, strict=True)):
        for name in (tag.removeprefix("earns-") for tag in tags(cell) if tag.startswith("earns-")):
            if definition(tree, name) != _helper(name):
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
        to_earn = module.startswith("helpers.") and module.split(".")[1] not in EXEMPT
        if to_earn and short not in earned and name not in UNSHOWN:
            yield f"{name} is imported, but no lesson so far earns it"


def _helper(name: str) -> str | None:
    for path in sorted((ROOT / "helpers").glob("*.py")):
        found = definition(ast.parse(path.read_text(encoding="utf-8")), name)
        if found:
            return found
    return None


@rule
def exercises_are_complete(lesson: Lesson) -> Iterator[str]:
    """Each exercise has a task, hints in steps, a stub with its check, and a solution."""
    tasks = re.findall(r"^### Exercise (\d+) · .+$", lesson.section("Exercises"), re.M)
    names = stub_names(lesson)
    # to repair a function takes a few minutes only, so there may be more of those
    most = 5 + len(given_names(lesson))
    if not 3 <= len(tasks) <= most or tasks != [str(i + 1) for i in range(len(tasks))]:
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
