"""Count the faults that the lessons were put to, and say it after the tests."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def put_to(note: Callable[[str, str], None], *faults: str) -> Iterator[None]:
    """Note faults as tried, and, unless something is raised in the context, as survived."""
    for fault in faults:
        note("tried", fault)
    yield
    for fault in faults:
        note("survived", fault)


@pytest.fixture
def bears(record_property) -> Callable:
    """Give the context in which a lesson has to bear faults, whose names it takes."""
    return functools.partial(put_to, record_property)


def summary(properties: list[tuple[str, str]]) -> list[str]:
    """Say how often each fault was tried, and how often it was survived.

    Args:
        properties: ("tried", fault) and ("survived", fault), one for each lesson.
    """
    tried, survived = (
        Counter(fault for what, fault in properties if what == kind)
        for kind in ("tried", "survived")
    )
    lines = [f"{fault}: {survived[fault]} of {tried[fault]} lessons" for fault in tried]
    return [*lines, f"lessons x faults: {survived.total()} of {tried.total()} survived"]


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the count."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    properties = [pair for report in reports for pair in report.user_properties]
    if properties:
        terminalreporter.section("faults")
        for line in summary(properties):
            terminalreporter.line(line)
