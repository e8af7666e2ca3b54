"""The README says of each lesson what the lesson says of itself."""

import re

import pytest

from helpers.paths import ROOT
from tests.support import broken_links
from tools import begin
from tools.lesson import load_lessons
from tools.proof import PARTS
from tools.versions import BEGIN, END, HEAD, add_row

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "data/README.md", "runs/README.md"]
PAGES += [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md"))]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("lesson", load_lessons(), ids=lambda lesson: lesson.path.stem)
def test_a_lesson_stands_in_the_map_with_its_own_times(lesson):
    first = lesson.cells[0].source
    title = re.match(r"# \d\d · (.+)", first)[1]
    seconds, minutes = re.search(r"Runs in about (\d+) .* allow (\d+) minutes", first).groups()
    row = re.search(rf"^\| {lesson.number} \| .*notebooks/{lesson.path.name}.*", README, re.M)[0]
    assert row.startswith(f"| {lesson.number} | [{title}]")
    assert row.endswith(f"| {seconds} s | {minutes} min |")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    path = ROOT / name
    assert list(broken_links(path.read_text(encoding="utf-8"), path.parent)) == []


def test_every_part_of_the_proof_stands_in_its_table():
    assert re.findall(r"^\| `(\w+)` \|", README, re.M) == list(PARTS)


def test_make_targets_named_in_the_readme_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    text = begin.put(README, "")  # a lesson's question may "make the optimizer"
    assert set(re.findall(r"\bmake ([a-z]+)\b", text)) - {"alone", "lets"} <= set(targets)


def test_every_variable_that_helpers_and_lessons_read_stands_in_a_readme():
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "helpers").glob("*.py")]
    code += [cell.source for lesson in load_lessons() for cell in lesson.cells]
    found = set(re.findall(r"\bLADDER_[A-Z_]+[A-Z]\b", "\n".join(code)))
    assert {"LADDER_DEVICE", "LADDER_IMAGE_FOLDER", "LADDER_DETECTION"} <= found
    for name in found:
        assert name in README + (ROOT / "data" / "README.md").read_text(encoding="utf-8"), name


def test_the_table_of_versions_keeps_one_row_a_combination():
    old, new, other = (
        ["3.11.7", "2.15.0", "0.29.2", "Linux, CPU", "1000", passed, day]
        for passed, day in (("999", "2026-01-01"), ("all", "2026-02-02"), ("all", "2026-03-03"))
    )
    other[0] = "3.13.0"
    text = f"before\n{BEGIN}{HEAD}{'|---' * 7}|\n{END}after\n"
    for row in (old, other, new):
        text = add_row(text, row)
    lines = text.splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert [line for line in lines if line[:4] == "| 3."] == [
        f"| {' | '.join(row)} |" for row in (new, other)
    ]
    with pytest.raises(ValueError, match=r"written by tools/versions\.py"):
        add_row("no table", new)


def test_the_table_of_versions_names_the_pinned_torch_and_nothing_that_failed():
    rows = [
        line.split(" | ") for line in README.partition(BEGIN)[2].splitlines()[2:] if "|" in line
    ]
    pinned = re.findall(r"^torch(?:vision)?==(\S+)", CONSTRAINTS, re.M)
    assert any(row[1:3] == pinned for row in rows)
    assert all(row[5] == "all" for row in rows)
