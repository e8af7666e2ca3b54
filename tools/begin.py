"""Where to begin: three questions a lesson, for somebody who knows something already.

    python -m tools.begin        writes the table of README.md anew

The questions are the lesson's own, from its *Check yourself*. What a lesson builds on stands in its
first cell. The book shows the same table as a page.
"""

import re
from collections.abc import Callable

from helpers.paths import ROOT
from tools.lesson import Lesson, load_lessons
from tools.notebooks import replace_file, split_at

README = ROOT / "README.md"
HEADING = "Where to begin"
BEGIN, END = "<!-- written by tools/begin.py -->\n", "<!-- end of the questions -->\n"

# Which questions of each lesson, by their numbers there: those that tell best whether somebody can
# pass over the lesson, and that can be understood without it. Read them again after a change.
CHOSEN = {
    "00": (1, 2, 3),
    "01": (1, 3, 4),
    "02": (1, 2, 4),
    "03": (2, 3, 5),
    "04": (1, 2, 4),
    "05": (1, 2, 5),
    "06": (1, 3, 4),
    "07": (1, 2, 5),
    "08": (1, 2, 3),
    "09": (1, 3, 4),
    "10": (2, 4, 5),
    "11": (1, 2, 4),
    "12": (1, 3, 4),
    "13": (1, 2, 5),
    "14": (2, 5, 6),
    "15": (1, 3, 4),
    "16": (1, 3, 5),
    "17": (1, 4, 5),
    "18": (1, 2, 3),
    "19": (3, 4, 5),
    "20": (1, 2, 4),
    "21": (2, 4, 5),
    "22": (1, 3, 5),
    "23": (1, 2, 4),
    "24": (1, 2, 4),
}


def questions(lesson: Lesson) -> dict[int, str]:
    """Give the questions of a lesson's *Check yourself*, without their answers, by number."""
    text = re.sub(r"(?s)<details>.*?</details>", "\n\n", lesson.section("Check yourself"))
    found = re.findall(r"^(\d+)\. (.+?)(?=\n\s*\n|\Z)", text, re.M | re.S)
    return {int(number): " ".join(words.split()) for number, words in found}


def chosen(lesson: Lesson) -> list[str]:
    """Give the questions of a lesson that tell whether somebody can pass over it.

    Raises:
        ValueError: `CHOSEN` lacks the lesson, or names a question that the lesson lacks.
    """
    every, numbers = questions(lesson), CHOSEN.get(lesson.number, ())
    if not numbers or not set(numbers) <= set(every):
        name, wanted = lesson.path.name, f"expected some of {list(every)}"
        raise ValueError(f"{name}: CHOSEN has {numbers}, {wanted}; choose in tools/begin.py")
    return [every[number] for number in numbers]


def builds_on(lesson: Lesson) -> list[str]:
    """Give the numbers of the lessons that the first cell says a lesson builds on."""
    said = re.search(r"\bbuilds on\b.*", lesson.cells[0].source, re.I)
    return re.findall(r"\]\((\d\d)_\w+\.ipynb\)", said[0]) if said else []


def table(lessons: list[Lesson], link: Callable[[Lesson], str]) -> str:
    """Write the table: a row a lesson, in which `link` gives the markdown that leads there."""
    lines = ["| can you answer all three? | if not, begin with |", "|---|---|"]
    for lesson in lessons:
        asked = "<br>".join(f"• {question}".replace("|", r"\|") for question in chosen(lesson))
        base = ", ".join(builds_on(lesson)) or "no other"
        lines.append(f"| {asked} | {link(lesson)}, which builds on {base} |")
    return "\n".join([*lines, ""])


def fold(lessons: list[Lesson]) -> str:
    """Write the table as the README has it: behind a click, with links to the notebooks."""
    rows = table(lessons, lambda lesson: f"[{lesson.title}](notebooks/{lesson.path.name})")
    return f"<details><summary>The questions</summary>\n\n{rows}\n</details>\n"


def put(text: str, between: str) -> str:
    """Put something between the README's two markers.

    Raises:
        ValueError: The text has no such markers.
    """
    before, _, after = split_at(text, BEGIN, END)
    return before + between + after


def section(text: str) -> str:
    """Give the README's section, without its heading."""
    return re.search(rf"^## {HEADING}\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]


def main() -> None:
    """Write the README's table."""
    replace_file(README, put(README.read_text(encoding="utf-8"), fold(load_lessons())))


if __name__ == "__main__":
    main()
