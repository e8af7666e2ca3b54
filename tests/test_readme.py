"""The README says of each lesson what the lesson says of itself."""

import re

import pytest

from tests.rules import broken_links, load_lessons
from tests.tools.notebooks import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("lesson", load_lessons(), ids=lambda lesson: lesson.path.stem)
def test_a_lesson_stands_in_the_map_with_its_own_times(lesson):
    first = lesson.cells[0].source
    title = re.match(r"# \d\d · (.+)", first)[1]
    seconds, minutes = re.search(r"Runs in about (\d+) .* allow (\d+) minutes", first).groups()
    row = next(line for line in README.splitlines() if f"notebooks/{lesson.path.name}" in line)
    assert row.startswith(f"| {lesson.number} | [{title}]")
    assert row.endswith(f"| {seconds} s | {minutes} min |")


@pytest.mark.parametrize("name", ["README.md", "data/README.md", "runs/README.md"])
def test_links_lead_somewhere(name):
    path = ROOT / name
    assert list(broken_links(path.read_text(encoding="utf-8"), path.parent)) == []


def test_make_targets_named_in_the_readme_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) - {"alone"} <= set(targets)
