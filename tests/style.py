"""The rules of the easy style, for every lesson.

`tests/test_rules.py` applies them, like those of `tests/rules.py`. A limit is not a target.
"""

import ast
import inspect
import re
import statistics
from collections.abc import Callable, Iterator

from helpers import plotting
from helpers.paths import NOTEBOOKS
from tools.lesson import Lesson, first_line
from tools.notebooks import tags

MOST_CELLS, MEDIAN_LINES, USUAL_LINES, MEDIAN_WORDS = 72, 6, 12, 50
# Lessons that are longer, and by how much: cells, and the lines of a median code cell.
LONGER = {
    # thirteen functions to repair, two cells each, of which a docstring is half the code
    "16": (10, 2),
    # three cells by hand, two models that count, a classifier and a model that writes
    "19": (10, 2),
    # four classes that equal torch's, each written out whole
    "20": (1, 1),
}
MOST_FULL = 3  # cells of exactly USUAL_LINES lines: more would have been packed to the limit
WIDEST = 88  # letters of a line of code
MOST_PREDICTIONS, LONGEST_TRACEBACK = 12, 15
SEMICOLONS, PARENTHESES = 0.4, 1.5  # in 100 words
PLOT_SHARE = 0.1  # of the lines of code
HARD_WORDS = re.compile(
    r"\b(?:anew|mend(?:s|ed)?|lest|hush\w*|dear(?:est)?|whoever|in vain|likewise)\b"
    # "for" as a conjunction
    r"|[,;] for (?:it|the|a|an|they|we|its|each|in|no)\b",
    re.I,
)
PLOT = re.compile(r"^\s*(?:fig|ax|axes|plt)\b|\bax\.|plt\.|axes\[")
PREDICTION = re.compile(r"^\*\*Predict:\*\* .+\?$", re.M)
KINDS = re.compile(
    r"shape|\([^)]*\)|float|int|number|bool|string|list|tuple|function|tensor|class|module|name|path",
    re.I,
)

STYLE_RULES: list[Callable[[Lesson], Iterator[str]]] = []


def rule(function: Callable[[Lesson], Iterator[str]]) -> Callable[[Lesson], Iterator[str]]:
    """Register a rule."""
    STYLE_RULES.append(function)
    return function


def plain(source: str) -> str:
    """Give the prose of markdown, without headings, code, mathematics and the recap's lists."""
    source = re.sub(r"```.*?```|\$\$.*?\$\$|!\[[^\]]*\]\([^)]*\)", " ", source, flags=re.S)
    source = re.sub(r"^\*\*New \w+:\*\*.*?(?:\n\n|\Z)", " ", source, flags=re.M | re.S)
    source = re.sub(r"\]\([^)]*\)", "]", source)
    return re.sub(r"^#.*$|`[^`]*`|\$[^$]*\$|<[^>]+>", " ", source, flags=re.M)


def _prose(lesson: Lesson) -> str:
    return "\n".join(plain(cell.source) for cell in lesson.prose)


def _code_lines(lesson: Lesson) -> list[list[str]]:
    return [[line for line in c.source.splitlines() if line.strip()] for c in lesson.code]


@rule
def a_heading_is_first_in_its_cell(lesson: Lesson) -> Iterator[str]:
    """A reader finds a heading at the top of a cell, never below a paragraph."""
    for cell in lesson.prose:
        text = re.sub(r"```.*?```", "", cell.source, flags=re.S)
        for heading in re.findall(r"(?<=\n)#{1,6} .*", text):
            yield f"{heading!r} in the middle of: {first_line(cell)}"


@rule
def a_figure_has_a_title(lesson: Lesson) -> Iterator[str]:
    """Its title says what to see; it is set in the cell, or by the function that draws."""
    drawn = [c for c in lesson.code if any("image/png" in o.get("data", {}) for o in c.outputs)]
    for cell in drawn:
        names = re.findall(r"\b(draw_\w+)\(", cell.source)
        functions = [getattr(plotting, name) for name in names if hasattr(plotting, name)]
        titled = any("set_title(f" in inspect.getsource(each) for each in functions)
        if not titled and "title" not in cell.source:
            yield f"a figure without a title: {first_line(cell)}"


@rule
def tracebacks_are_short(lesson: Lesson) -> Iterator[str]:
    """Lesson 01 teaches a whole traceback; elsewhere it is cut to the learner's own lines."""
    for cell in lesson.code if lesson.number != "01" else ():
        for output in cell.outputs:
            lines = "\n".join(output.get("traceback", [])).splitlines()
            if len(lines) > LONGEST_TRACEBACK:
                yield f"a traceback of {len(lines)} lines: {first_line(cell)}"


@rule
def predictions_have_one_form(lesson: Lesson) -> Iterator[str]:
    """A line of its own, `**Predict:** …?`, and not too many; nothing else that is bold asks."""
    text = "\n".join(cell.source for cell in lesson.prose)
    count = len(PREDICTION.findall(text))
    if not 1 <= count <= MOST_PREDICTIONS:
        yield f"{count} predictions, not 1 to {MOST_PREDICTIONS}"
    rest = PREDICTION.sub("", text)
    for bold in re.findall(r"\*\*([^*\n]+)\*\*", rest):
        if bold.rstrip().endswith("?") or re.match(r"predict|guess", bold, re.I):
            yield f"{bold!r} asks in another form than '**Predict:** …?' on a line of its own"
    for cell, after in zip(lesson.cells, lesson.cells[1:], strict=False):
        if PREDICTION.search(cell.source) and after.cell_type != "code":
            yield f"no code follows the prediction of: {first_line(cell)}"


@rule
def a_lesson_is_not_overfull(lesson: Lesson) -> Iterator[str]:
    """Few cells; most of the code in short ones, and no crowd of cells packed to the limit."""
    more_cells, more_lines = LONGER.get(lesson.number, (0, 0))
    if len(lesson.cells) > MOST_CELLS + more_cells:
        yield f"{len(lesson.cells)} cells, over {MOST_CELLS + more_cells}"
    lengths, most = [len(lines) for lines in _code_lines(lesson)], MEDIAN_LINES + more_lines
    if statistics.median(lengths) > most:
        yield f"the median code cell has {statistics.median(lengths):g} lines, over {most}"
    if sum(length > USUAL_LINES for length in lengths) > len(lengths) / 10:
        yield f"more than one in ten code cells has over {USUAL_LINES} lines"
    if lengths.count(USUAL_LINES) > MOST_FULL:
        yield f"{lengths.count(USUAL_LINES)} code cells have exactly {USUAL_LINES} lines"
    words = statistics.median(len(cell.source.split()) for cell in lesson.prose)
    if words > MEDIAN_WORDS:
        yield f"the median markdown cell has {words:g} words, over {MEDIAN_WORDS}"
    wide = [line for lines in _code_lines(lesson) for line in lines if len(line) > WIDEST]
    for line in wide:
        yield f"a line of {len(line)} letters: {line.strip()[:60]}"


@rule
def code_is_the_idea_not_plumbing(lesson: Lesson) -> Iterator[str]:
    """At most a tenth of the code's lines speaks to matplotlib."""
    lines = [line for lines in _code_lines(lesson) for line in lines]
    share = sum(bool(PLOT.search(line)) for line in lines) / len(lines)
    if share > PLOT_SHARE:
        yield f"{share:.0%} of its code draws"


@rule
def sentences_are_plain(lesson: Lesson) -> Iterator[str]:
    """Full stops instead of semicolons, few asides in parentheses, common words."""
    text = _prose(lesson)
    hundreds = len(text.split()) / 100
    for mark, most in ((";", SEMICOLONS), ("(", PARENTHESES)):
        if text.count(mark) > most * hundreds:
            yield f"{text.count(mark) / hundreds:.1f} of {mark!r} in 100 words, over {most}"
    for cell in lesson.prose:
        for word in HARD_WORDS.findall(plain(cell.source)):
            yield f"the hard word {word!r}: {first_line(cell)}"


@rule
def exercises_say_how_hard_they_are(lesson: Lesson) -> Iterator[str]:
    """Under each heading stand difficulty and minutes, which add up to the instructors' page."""
    text = lesson.section("Exercises")
    headings = re.findall(r"^### Exercise \d+ · .+$", text, re.M)
    marked = re.findall(
        r"^### Exercise \d+ · .+\n\n(?:●○○|●●○|●●●) · about (\d+) minutes$", text, re.M
    )
    if len(marked) != len(headings):
        say = "exercises say '●●○ · about 8 minutes' below their title"
        yield f"{len(marked)} of {len(headings)} {say}"
    page = (NOTEBOOKS / "INSTRUCTORS.md").read_text(encoding="utf-8")
    part = re.search(rf"^## \[{lesson.number} · .*?(?=^## |\Z)", page, re.M | re.S)
    stated = part and re.search(r"^\| Exercises \| (\d+) \|$", part[0], re.M)
    total = sum(map(int, marked))
    if stated and int(stated[1]) != total:
        yield f"its exercises take {total} minutes, the instructors' page says {stated[1]}"


@rule
def stubs_say_what_comes_in_and_out(lesson: Lesson) -> Iterator[str]:
    """A stub's docstring tells of each argument what it is, and of what is returned."""
    for cell in lesson.code:
        if "exercise" not in tags(cell):
            continue
        functions = [node for node in ast.parse(cell.source).body if hasattr(node, "args")]
        for function in functions:
            said = ast.get_docstring(function) or ""
            if not re.search(r"\breturns?\b", said, re.I):
                yield f"the docstring of {function.name} does not say what it returns"
            for argument in (each.arg for each in function.args.args):
                lines = [line for line in said.splitlines() if re.search(rf"\b{argument}\b", line)]
                if not any(KINDS.search(line) for line in lines):
                    yield f"the docstring of {function.name} does not say what {argument} is"
