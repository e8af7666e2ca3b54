"""A plugin of pytest: print where the processor time goes. pyproject.toml loads it.

Seconds of the processor, user and system, of the tests and of all processes that they start and
wait for: a busy machine changes them far less than seconds on the clock. Of a notebook the kernel
counts at its last cell, after which it ends.
"""

import os
from collections import Counter

import pytest

SLOWEST = 20


def spent() -> float:
    """Return the seconds that this process and those it has waited for have computed."""
    return sum(os.times()[:4])


class Timing:
    """Measures each test, setup and teardown included, and prints the costliest."""

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):
        """Note what stood on the clock before the test."""
        self.before = spent()
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo):
        """Hand the seconds of each phase to whoever prints, over xdist's channel as well."""
        report = (yield).get_result()
        now = spent()
        report.user_properties = [*report.user_properties, ("processor", now - self.before)]
        self.before = now

    def pytest_terminal_summary(self, terminalreporter) -> None:
        """Print the twenty costliest tests, and the sum of each file."""
        tests, files = Counter(), Counter()
        for reports in terminalreporter.stats.values():
            for report in reports:
                properties = dict(getattr(report, "user_properties", ()))
                if "processor" in properties:
                    name = report.nodeid.partition("::")
                    notebook = name[0].endswith(".ipynb")
                    tests[name[0] if notebook else report.nodeid] += properties["processor"]
                    files[name[0]] += properties["processor"]
        if files.total() > 60:  # of a short run nobody asks
            terminalreporter.section("processor time in seconds")
            for name, seconds in tests.most_common(SLOWEST):
                terminalreporter.line(f"{seconds:7.1f}  {name}")
            terminalreporter.line("by file:")
            for name, seconds in files.most_common(SLOWEST):
                terminalreporter.line(f"{seconds:7.1f}  {name}")
            terminalreporter.line(f"{files.total():7.1f}  together, in the tests themselves")


def pytest_configure(config: pytest.Config) -> None:
    """Measure."""
    config.pluginmanager.register(Timing(), "timing")
