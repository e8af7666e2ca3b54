"""JupyterLab as `make lab` starts it, in a real browser, for tests of how a lesson runs there.

Screenshots of each lesson's first screen are kept in the folder that `LADDER_SCREENSHOTS` names, if
it is set. The tests need Chromium or Chrome on the PATH, and are skipped, with a reason, without.
"""

import contextlib
import os
import re
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.paths import ROOT
from tests.support import make_lab
from tools.elsewhere import copy_repository
from tools.notebooks import code_cells, read, tags

CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH")

OPEN = """async (path) => {
    const panel = await window.jupyterapp.commands.execute("docmanager:open", {path});
    window.jupyterapp.shell.activateById(panel.id);
}"""
CLOSE = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.sessionContext.shutdown();
    panel.context.model.dirty = false;
    await window.jupyterapp.commands.execute("application:close");
}"""
READY = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    return panel?.context?.isReady && panel.sessionContext.session?.kernel?.status === "idle";
}"""
RAN = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.content.model.toJSON().cells.filter(
        (cell) => cell.cell_type === "code" && [cell.source].flat().join("").trim());
    return panel.sessionContext.session?.kernel?.status === "idle"
        && (window.ran !== undefined) && cells.every((cell) => cell.execution_count);
}"""
RUN_ALL = """() => {
    window.ran = undefined;
    const commands = window.jupyterapp.commands;
    const session = window.jupyterapp.shell.currentWidget.sessionContext;
    session.restartKernel().then(() => commands.execute("notebook:run-all-cells"))
        .then((good) => { window.ran = good; });
}"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
# The markdown cells that have mathematics, and how many formulas each of them shows.
FORMULAS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(
    (cell) => cell.node.querySelectorAll("mjx-container").length)"""


# JupyterLab's debugger asks a kernel that is just then restarted; nothing of ours, and harmless.
RESTARTED = "Could not restore the debugger state: Canceled future"


def wait(page, condition: str, seconds: float) -> None:
    """Wait until a condition holds; look rarely, for the kernel needs the processor too."""
    page.wait_for_function(condition, polling=250, timeout=1000 * seconds)


class Lab:
    """A running JupyterLab, in a page of a browser; what that said in errors, and asked for."""

    def __init__(self, address: str, token: str, browser, root: Path) -> None:
        self.address, self.token, self.root = address, token, root
        self.page = page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.said, page.asked = [], []
        page.on("console", lambda m: page.said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(f"{address}/lab?reset&token={token}")
        wait(page, "() => window.jupyterapp", 90)
        page.evaluate("() => window.jupyterapp.restored")

    @contextlib.contextmanager
    def open(self, notebook: str):
        """Open a notebook; afterwards end its kernel and close it."""
        page = self.page
        page.evaluate(OPEN, notebook)
        try:
            wait(page, READY, 90)
            yield page
        finally:
            page.evaluate(CLOSE)

    def api(self, method: str, path: str) -> bytes:
        """Ask the server's REST API."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/{path}", None, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


def launch(playwright):
    """Start Chromium, which asks for nothing by itself."""
    quiet = ["no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync"]
    quiet += ["no-first-run", "disable-component-update"]
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=[f"--{name}" for name in quiet]
    )


@contextlib.contextmanager
def start(top: Path) -> Iterator[Lab]:
    """Start `make lab` in a copy of the repository in the folder `top`, and Chromium; end both."""
    from playwright.sync_api import sync_playwright

    root = copy_repository(top / "repository")
    shutil.copy(ROOT / "Makefile", root)
    settings = top / "settings" / "@jupyterlab"
    for name, text in {
        "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
        # every cell is in the page, not only those in sight
        "notebook-extension/tracker": '{"windowingMode": "none"}',
    }.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (top / "CONFIG").mkdir()
    (top / "CONFIG" / "jupyter_lab_config.json").write_text(
        '{"LabApp": {"expose_app_in_browser": true}, "ServerApp": {"port_retries": 0}}'
    )
    private = {
        "JUPYTERLAB_SETTINGS_DIR": str(top / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(top / "workspaces"),
    }
    variables = {**private, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    with make_lab(root, top, **variables) as (address, token), sync_playwright() as playwright:
        browser = launch(playwright)
        it = Lab(address, token, browser, root)
        yield it
        browser.close()
        for line in re.findall(rb'"id": ?"([\w-]+)", ?"path"', it.api("GET", "sessions")):
            it.api("DELETE", f"sessions/{line.decode()}")


def text_of(cell: dict) -> str:
    """Give a cell's source; JupyterLab has it as a string or as lines."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def outputs_of(cell: dict) -> str:
    """Give all text that a cell put out."""
    return "".join("".join(o.get("text", "")) for o in cell["outputs"])


def formulas_in(source: str) -> int:
    """Count the formulas of a markdown cell, outside code and folded answers."""
    source = re.sub(r"(?s)```.*?```|`[^`]*`|<details>.*?</details>", "", source)
    return len(re.findall(r"(?s)\$\$.+?\$\$|(?<![\\$])\$[^$\n]+\$", source))


def run_lesson(path: Path, lab: Lab) -> None:
    """Restart a lesson and run all of it; assert that a learner sees what is stored.

    No error but those announced, every picture and formula, nothing in the browser's console, and
    no request that leaves the machine.
    """
    stored = read(path)
    with lab.open(path.name) as page:
        if folder := os.environ.get("LADDER_SCREENSHOTS"):
            page.wait_for_timeout(2000)
            page.screenshot(path=Path(folder, f"{path.stem}.png"))
        page.evaluate(RUN_ALL)
        wait(page, RAN, 240)
        cells = page.evaluate(CELLS)
        shown = page.evaluate(FORMULAS)
    said, asked = page.said.copy(), page.asked.copy()  # since the start, or the last one
    page.said.clear()
    page.asked.clear()
    ran = [cell for cell in cells if cell["cell_type"] == "code"]
    for before, cell in zip(code_cells(stored), ran, strict=True):
        kinds = [output["output_type"] for output in cell["outputs"]]
        assert ("error" in kinds) == ("raises-exception" in tags(before)), text_of(cell)
        pictures = [
            sum("image/png" in o.get("data", {}) for o in c["outputs"]) for c in (before, cell)
        ]
        assert pictures[0] == pictures[1], text_of(cell)
        if "exercise" in tags(before):
            assert "not attempted yet" in outputs_of(cell), text_of(cell)
    for cell, count in zip(cells, shown, strict=True):
        if cell["cell_type"] == "markdown":
            assert count >= formulas_in(text_of(cell)), text_of(cell)
    assert [text for text in said if not text.startswith(RESTARTED)] == []
    assert [url for url in asked if not url.startswith((lab.address, "data:", "blob:"))] == []


FILL = """([index, source]) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = index;
    notebook.model.cells.get(index).sharedModel.setSource(source);
}"""
RUN_ONE = """async () => { await window.jupyterapp.commands.execute("notebook:run-cell"); }"""


def run_cell(page, index: int, source: str | None = None) -> str:
    """Fill in a cell as a learner does, run it, and give what it shows."""
    cells = page.evaluate(CELLS)
    page.evaluate(FILL, [index, text_of(cells[index]) if source is None else source])
    page.evaluate(RUN_ONE)
    wait(page, READY, 60)
    node = page.locator(".jp-Notebook .jp-Cell").nth(index)
    return node.locator(".jp-OutputArea").first.inner_text()
