"""A plugin of pytest: note in the JUnit report what each failed cell gave instead. `tools.update`.

    python -m pytest -p tools.changes --junitxml=FILE notebooks

The note is the property "change" of a test case, in JSON: the "notebook", the "cell" by its id, the
"kind", which is "changed" or "failed", and the first lines that differ, "old" and "new".
"""

import json
from itertools import zip_longest

import pytest
from nbformat import NotebookNode

from tools.notebooks import comparable, snap_outputs, tags

LETTERS = 160  # that are shown of a line


def difference(cell: NotebookNode, fresh: list[NotebookNode]) -> tuple[str, str] | None:
    """Return the first lines in which strict nbval sees a cell's outputs differ, or None.

    Args:
        cell: With its stored outputs.
        fresh: What it gives now.
    """
    if "approx-output" in tags(cell):
        fresh = snap_outputs(cell.outputs, fresh)
    old, new = comparable(cell.outputs), comparable(fresh)
    for kind in {**old, **new}:
        texts = ["\n".join(map(str, each.get(kind, []))) or f"no {kind}" for each in (old, new)]
        if kind == "pictures" and old.get(kind) != new.get(kind):
            return tuple(f"{len(each.get(kind, []))} pictures" for each in (old, new))
        for pair in zip_longest(
            *(text.splitlines() for text in texts), fillvalue="(no more lines)"
        ):
            if pair[0] != pair[1]:
                return tuple(map(shorten, pair))
    return None


def shorten(line: str) -> str:
    """Cut a long line."""
    return line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…"


def describe(item: pytest.Item, error: BaseException) -> dict[str, str]:
    """Say what became of a cell, or of a notebook's budget, that failed by an error."""
    place = {"notebook": item.nodeid.partition("::")[0], "cell": item.name}
    said, cell = str(error), getattr(item, "cell", None)
    if cell is not None:
        place["cell"], fresh = cell.id, item.test_outputs or []
        raised = [out for out in fresh if out.output_type == "error"]
        if said == "Cell outputs differ" and (differ := difference(cell, fresh)):
            return {**place, "kind": "changed", "old": differ[0], "new": differ[1]}
        if raised and "raises-exception" not in tags(cell):
            said = f"{raised[0].ename}: {raised[0].evalue}"
    return {**place, "kind": "failed", "old": "", "new": shorten(said.strip().partition("\n")[0])}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Note it before the report is made, which copies the test's properties."""
    if call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
        item.user_properties.append(("change", json.dumps(describe(item, call.excinfo.value))))
    yield
