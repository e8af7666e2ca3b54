"""What says which version this is, says the same."""

import datetime
import re
import tomllib

import yaml

from helpers.paths import ROOT
from tests.support import run_python

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
RELEASES = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.M)


def test_version_and_date_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version, date = RELEASES[0]
    assert project["version"] == CITATION["version"] == version
    assert CITATION["date-released"] == datetime.date.fromisoformat(date)


def test_the_changelog_names_every_release_newest_first():
    headings = re.findall(r"^## .*$", CHANGELOG, re.M)
    assert len(headings) == len(RELEASES) + headings.count("## [Unreleased]")
    numbers = [tuple(map(int, version.split("."))) for version, _ in RELEASES]
    dates = [datetime.date.fromisoformat(date) for _, date in RELEASES]
    assert numbers == sorted(set(numbers), reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_the_changelog_names_commands_that_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"`make (\w+)", CHANGELOG)) <= set(targets)


def test_the_authors_are_those_of_the_licence():
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert re.search(r"Copyright \(c\) \d{4} (.+)", licence)[1] == CITATION["authors"][0]["name"]
    assert licence.startswith(f"{CITATION['license']} License")


def test_the_citation_file_keeps_its_schema():
    schema = ["--builtin-schema", "vendor.citation-file-format"]
    result = run_python("-m", "check_jsonschema", *schema, ROOT / "CITATION.cff")
    assert result.returncode == 0, result.stdout + result.stderr
