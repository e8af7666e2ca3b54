"""Count faults that lessons were put to, and mutants given to checks; say it after the tests."""

from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager

import pytest


@pytest.fixture
def bears(record_property) -> Callable:
    """Give the context in which a lesson has to bear faults, whose names it takes."""

    @contextmanager
    def note(*faults: str):
        for fault in faults:
            record_property("tried", fault)
        yield
        for fault in faults:
            record_property("survived", fault)

    return note


def pytest_terminal_summary(terminalreporter) -> None:
    """Print how often each fault was tried and survived, and the score of the mutants."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    noted = [pair for report in reports for pair in report.user_properties]
    tried, survived = (
        Counter(fault for what, fault in noted if what == kind) for kind in ("tried", "survived")
    )
    if tried:
        terminalreporter.section("faults")
        for fault, times in tried.items():
            terminalreporter.line(f"{fault}: {times} lessons tried, {survived[fault]} survived")
        total = f"{tried.total()} tried, {survived.total()} survived"
        terminalreporter.line(f"lessons × faults: {total}")
    score = Counter()
    for what, counts in noted:
        if what == "mutants":
            score.update(counts)
    if score:
        terminalreporter.section("mutants")
        terminalreporter.line(f"{score['mutants']} mutants, {score['right']} of them right")
        share = score["in words of their own"] / score["refusals"]
        terminalreporter.line(f"refused in words about the mistake: {share:.1%} of the times")
