"""The instructors' page says of each lesson what the lesson says of itself."""

import ast
import re

import pytest

from helpers.paths import NOTEBOOKS, ROOT
from helpers.progress import exercises
from tests.support import broken_links
from tools.lesson import Lesson, load_lessons

PATH = NOTEBOOKS / "INSTRUCTORS.md"
PAGE = PATH.read_text(encoding="utf-8")
LESSONS = {lesson.number: lesson for lesson in load_lessons()}
EXERCISES = exercises()
OTHER_PARTS = ["Putting it together", "Recap and Check yourself", "Exercises"]


def prose(lesson: Lesson) -> str:
    """Give a lesson's markdown."""
    return "\n\n".join(c.source for c in lesson.cells if c.cell_type == "markdown")


def minutes(lesson: Lesson) -> int:
    """Give what a lesson allows."""
    return int(re.search(r"allow (\d+) minutes", prose(lesson))[1])


def part(page: str, number: str) -> str:
    """Give the page's part on a lesson."""
    found = re.search(rf"^## \[{number} · .*?(?=^## |\Z)", page, re.M | re.S)
    return found[0] if found else ""


def said_by_checks(noun: str) -> list[str]:
    """List the texts in a lesson's checks, and in what all checks share, whole."""
    found = []
    for name in (noun, "attempt"):
        source = (ROOT / "helpers" / "checks" / f"{name}.py").read_text(encoding="utf-8")
        constants = (n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant))
        found += [value for value in constants if isinstance(value, str)]
    return found


def problems(page: str, lesson: Lesson) -> list[str]:
    """Say what is wrong with the page's part on a lesson."""
    text, found = part(page, lesson.number), []
    if not text:
        return [f"no part on lesson {lesson.number}"]
    title = re.match(r"# (\d\d · .+)", prose(lesson))[1]
    if not text.startswith(f"## [{title}]({lesson.path.name})\n"):
        found.append(f"its heading is not [{title}]({lesson.path.name})")
    rows = dict(re.findall(r"^\| ([^|*]+) \| (\d+) \|$", text, re.M))
    numbered = re.findall(r"^## (\d+ · .+)$", prose(lesson), re.M)
    if list(rows) != ["Setup", *numbered, *OTHER_PARTS]:
        found.append(f"its parts are {list(rows)}")
    together = sum(map(int, rows.values()))
    stated = re.search(r"^\| \*\*Together\*\* \| \*\*(\d+)\*\* \|$", text, re.M)
    if not stated or not together == int(stated[1]) == minutes(lesson):
        found.append(f"its minutes are {together}, not {minutes(lesson)}")
    if not re.search(r"^\*\*Goal\.\*\* \S.{40,}\.$", text, re.M):
        found.append("no goal")
    if len(re.findall(r"^\d\. .+\?\n   \*A good answer\* .{60,}\.$", text, re.M)) != 2:
        found.append("not two questions, each with a good answer")
    noun, named = lesson.path.stem[3:], EXERCISES[lesson.path.stem]
    quoted = re.findall(r"^- `(\w+)`: “(.+?)”\. \S.+\.$", text, re.M)
    if not 3 <= len(quoted) <= 5:
        found.append(f"{len(quoted)} misconceptions")
    for exercise, message in quoted:
        if exercise not in named:
            found.append(f"no exercise {exercise}")
        if not any(message in whole for whole in said_by_checks(noun)):
            found.append(f"no check says “{message}”")
    skip = re.search(r"^\*\*Short of time\.\*\* Skip ([\d, ]+) \((\d+) minutes\)\. \S", text, re.M)
    if not skip:
        return [*found, "nothing to skip"]
    lengths = {row.partition(" · ")[0]: int(length) for row, length in rows.items()}
    if sum(lengths.get(number, 0) for number in skip[1].split(", ")) != int(skip[2]):
        found.append("the minutes of what to skip do not add up")
    return found


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_has_its_part(number):
    assert problems(PAGE, LESSONS[number]) == []


def test_no_part_is_on_a_lesson_that_is_not_there():
    assert re.findall(r"^## \[(\d\d) ·", PAGE, re.M) == list(LESSONS)


def test_the_minutes_of_each_course_add_up():
    rows = re.findall(r"^\| .+ \| (\d\d) to (\d\d) \| (\d+) \|$", PAGE, re.M)
    assert [first for first, _, _ in rows] == ["00", "06", "12", "16"]
    for first, last, stated in rows:
        course = [lesson for number, lesson in LESSONS.items() if first <= number <= last]
        assert sum(map(minutes, course)) == int(stated), f"{first} to {last}"
    assert rows[-1][1] == max(LESSONS)


def test_its_links_lead_somewhere():
    assert list(broken_links(PAGE, PATH.parent)) == []


def test_the_make_targets_that_it_names_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"(?:`|^    )make ([a-z]+)", PAGE, re.M)) <= set(targets)


# A pattern; what to put in its place (None: the second group, one larger); what is said of it.
ROW = r"(\| \d · [^|]+ \| )(\d+)( \|\n)"
FAULTS = [
    (r"## \[01 · Tensors\]", "## [01 · Tensor]", "its heading is not"),
    (ROW, None, "its minutes are"),
    (r"(\| 4 · )\w+", r"\1Something else", "its parts are"),
    (r"(\| \*\*Together\*\* \| \*\*)(\d+)(\*\* \|)", None, "its minutes are"),
    (r"\| Exercises \| \d+ \|\n", "", "its parts are"),
    (r"\*\*Goal\.\*\* ", "", "no goal"),
    (r"\*A good answer\* ", "It ", "not two questions"),
    (r"(- `\w+`: “)", r"\1never ", "no check says “never"),
    (r"- `scale_columns`:", "- `scale_column`:", "no exercise scale_column"),
    (r"(Skip [\d, ]+ \()(\d+)( minutes\))", None, "the minutes of what to skip"),
    (r"\*\*Short of time\.\*\*", "Short of time.", "nothing to skip"),
]


@pytest.mark.parametrize(("pattern", "fault", "says"), FAULTS)
def test_a_fault_is_noticed(pattern, fault, says):
    before = part(PAGE, "01")
    larger = fault or (lambda found: f"{found[1]}{int(found[2]) + 1}{found[3]}")
    after, count = re.subn(pattern, larger if fault != "" else "", before, count=1)
    assert count == 1
    assert says in "\n".join(problems(PAGE.replace(before, after), LESSONS["01"]))


def test_a_missing_part_is_noticed():
    page = PAGE.replace(part(PAGE, "03"), "")
    assert problems(page, LESSONS["03"]) == ["no part on lesson 03"]
