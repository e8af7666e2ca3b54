"""The viewer of lesson 13, as the lesson starts it, in a real browser."""

import contextlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from nbformat import NotebookNode
from PIL import Image

from helpers.paths import NOTEBOOKS, ROOT
from tests.support import book, cell, free_port, listening, needs_make
from tools.notebooks import execute, read

LESSON = NOTEBOOKS / "13_tensorboard.ipynb"


PICTURES = NOTEBOOKS / "images"


LARGEST = 60_000  # bytes of a picture


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


RUNS = ("lr_0.001", "lr_0.01", "lr_0.1")


# What TensorBoard 2.21 says in any browser, and what drawing without a graphics card adds.
HARMLESS = r"instances of Three\.js|GPU stall|GL Driver|is deprecated|cannot process domain type"


needs_proc = pytest.mark.skipif(sys.platform == "win32", reason="no variables of other processes")


def variables(home: Path) -> dict[str, str]:
    """Make a private home's folders; give the variables that lead there."""
    found = {"LADDER_RUNS": home / "runs", "TMPDIR": home / "tmp"}
    for folder in found.values():
        folder.mkdir(exist_ok=True)
    return {name: str(folder) for name, folder in found.items()}


def execute_at(home: Path, notebook: NotebookNode) -> None:
    """Execute a notebook in the folder of the lessons, at a private home."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(home).items():
            patch.setenv(name, value)
        execute(notebook)


def processes_of(home: Path) -> list[psutil.Process]:
    """Find the processes that were started for a private home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("LADDER_RUNS") == str(home / "runs"):
                found.append(process)
    return found


def left_behind(home: Path, seconds: float = 10) -> list[psutil.Process]:
    """Give the processes that are still there after some seconds."""
    end = time.monotonic() + seconds
    while (found := processes_of(home)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


class Viewer:
    """A TensorBoard on this machine.

    Attributes:
        port: Where it listens.
        process: It, or the make that started it.
    """

    def __init__(self, home: Path, folder: Path, command: list[str] | None = None):
        options = ["--logdir", folder.name, "--host", "127.0.0.1", "--port", "0"]
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "tensorboard.main", *options],
            cwd=folder.parent,  # it shows the log directory as given, so give no private path
            env=os.environ | variables(home),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Ctrl-C reaches it also where the tests themselves run in the background
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        said, found = [], None
        for line in self.process.stderr:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                break
        if not found:
            self.stop()
            pytest.fail("TensorBoard did not start: " + "".join(said))
        self.port = int(found[1])
        # What else it says must not fill the pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def ask(self, path: str) -> dict:
        """Ask its HTTP interface."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", f"/data/{path}")
        return json.load(connection.getresponse())

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it, by what a terminal or a service manager would send to it and its children."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        self.process.wait(30)


def is_free(port: int) -> bool:
    """Tell whether nothing listens at a port of this machine."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


class Logs(NamedTuple):
    """What the lesson left behind.

    Attributes:
        home: Its private home.
        folder: Its log directory.
        notebook: As executed.
    """

    home: Path
    folder: Path
    notebook: NotebookNode


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    """Execute the lesson once."""
    home = tmp_path_factory.mktemp("home")
    notebook = read(LESSON)
    try:
        execute_at(home, notebook)
        yield Logs(home, home / "runs" / "tensorboard" / "lesson_001", notebook)
        assert left_behind(home) == []
    finally:
        for process in processes_of(home):
            process.kill()


@needs_proc
def test_the_lesson_leaves_no_process_and_no_note_of_one(logs):
    assert left_behind(logs.home) == []
    assert list((logs.home / "tmp").glob(".tensorboard-info/*")) == []


def test_the_lesson_writes_a_fresh_folder_and_nothing_beside_it(logs):
    assert [path.name for path in logs.folder.parent.iterdir()] == ["lesson_001"]
    assert [path.name for path in (logs.home / "runs").iterdir()] == ["tensorboard"]


@needs_proc
def test_the_magic_starts_one_viewer_and_the_recipe_beside_it_stops_it(logs):
    (text,) = (c.source for c in logs.notebook.cells if "%load_ext tensorboard" in c.source)
    start, stop = re.findall(r"```python\n(.*?)```", text, re.S)
    count = "from tensorboard import manager\nlen(manager.get_all())"
    wait = "\nimport time\nwhile manager.get_all():\n    time.sleep(0.1)"
    notebook = book(
        cell(f"from pathlib import Path\nlogs = Path({str(logs.folder)!r})"),
        *map(cell, [start, count, start, count, stop + wait, count]),
    )
    execute_at(logs.home, notebook)
    outputs = [json.dumps(c.outputs) for c in notebook.cells]
    assert "ERROR" not in "".join(outputs)
    assert "iframe" in outputs[1]
    assert "Reusing TensorBoard" in outputs[3]
    assert [notebook.cells[i].outputs[0].data["text/plain"] for i in (2, 4, 6)] == ["1", "1", "0"]
    assert left_behind(logs.home) == []


@needs_make
@needs_proc
def test_board_shows_the_runs_and_ctrl_c_ends_it(logs):
    port = free_port()
    command = ["make", "board", "-o", ".venv/.ready", f"BIN={Path(sys.executable).parent}"]
    with Viewer(logs.home, ROOT / "runs", [*command, f"PORT={port}"]) as viewer:
        assert viewer.port == port
        started = psutil.Process(viewer.process.pid)
        places = listening([started, *started.children(recursive=True)])
        assert {address for address, _ in places} == {"127.0.0.1"}
        end = time.monotonic() + 60
        while "tensorboard/lesson_001/digits/lr_0.1" not in (runs := viewer.ask("runs")):
            assert time.monotonic() < end, runs
            time.sleep(0.1)
        viewer.stop(signal.SIGINT)
    assert is_free(port)
    assert left_behind(logs.home) == []


@pytest.fixture(scope="module")
def browser(logs: Logs) -> Iterator:
    """Start a headless Chromium that draws without a graphics card."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium here")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader"]
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


def serve(logs: Logs, folder: str) -> Iterator[Viewer]:
    """Serve a part of the logs; afterwards see that no process and no port is left."""
    with Viewer(logs.home, logs.folder / folder) as viewer:
        yield viewer
        children = psutil.Process(viewer.process.pid).children(recursive=True)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert is_free(viewer.port)


@pytest.fixture(scope="module")
def digits(logs: Logs) -> Iterator[Viewer]:
    """Show the three runs of the lesson's sections on watching, comparing and looking inside."""
    yield from serve(logs, "digits")


@pytest.fixture(scope="module")
def detailed(logs: Logs) -> Iterator[Viewer]:
    """Show the two runs with histograms and precision-recall curves."""
    yield from serve(logs, "detailed")


@pytest.fixture
def empty(logs: Logs) -> Iterator[Viewer]:
    """Show a folder that is not there."""
    yield from serve(logs, "digit")


# For scripts in a page: all that a selector finds, shadow roots and frames of this origin included.
ALL = """
const all = (selector, root = document) => [
    ...root.querySelectorAll(selector),
    ...[...root.querySelectorAll("*")].flatMap((element) =>
        element.shadowRoot ? all(selector, element.shadowRoot)
        : element.contentDocument ? all(selector, element.contentDocument) : []),
];
const texts = (selector) => all(selector).map((element) => element.textContent.trim());
const long = (selector) => all(selector).filter((path) => path.getTotalLength() > 100).length;
"""


class Page:
    """A page of the viewer that notes whatever goes wrong in it.

    Attributes:
        page: Playwright's.
        problems: Console errors and warnings, exceptions, failed answers, requests off the machine.
    """

    def __init__(self, browser, viewer: Viewer, place: str):
        self.problems: list[str] = []
        self.page = browser.new_page(viewport={"width": 1280, "height": 720})
        self.page.set_default_timeout(60_000)
        self.address = f"http://127.0.0.1:{viewer.port}/"
        for kind in ("console", "pageerror", "request", "response"):
            self.page.on(kind, getattr(self, f"_{kind}"))
        self.page.goto(self.address + place)

    def _console(self, message) -> None:
        if message.type in ("error", "warning") and not re.search(HARMLESS, message.text):
            self.problems.append(f"{message.type}: {message.text}")

    def _pageerror(self, error) -> None:
        self.problems.append(f"exception: {error}")

    def _request(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.problems.append(f"request off this machine: {request.url}")

    def _response(self, response) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def see(self, *texts: str) -> None:
        """Wait until each text is visible."""
        for text in texts:
            self.page.get_by_text(text, exact=True).locator("visible=true").first.wait_for()

    def wait(self, condition: str) -> None:
        """Wait until a condition, which may use what `ALL` defines, is true."""
        self.page.wait_for_function(f"() => {{ {ALL} return {condition} }}")

    def shot(self, height: int = 720) -> Image.Image:
        """Take a picture of its upper part."""
        clip = {"x": 0, "y": 0, "width": 1280, "height": height}
        return Image.open(io.BytesIO(self.page.screenshot(clip=clip))).convert("RGB")


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    """Give a function that opens a dashboard; at the end nothing may have gone wrong in it."""
    pages = []

    def open_page(viewer: Viewer, place: str) -> Page:
        pages.append(Page(browser, viewer, place))
        return pages[-1]

    yield open_page
    problems = [problem for page in pages for problem in page.problems]
    for page in pages:
        page.page.close()
    assert problems == []


@pytest.fixture
def keep(tmp_path: Path) -> Callable:
    """Give a function that writes a small picture of a page, for the lesson if it is asked to."""

    def write(page: Page, name: str, height: int = 720) -> None:
        page.page.mouse.move(640, 5)
        page.page.wait_for_timeout(500)  # lines glide to their place
        image, path = page.shot(height), tmp_path / name
        for colours in (256, 128, 64, 32):
            image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
            if path.stat().st_size <= LARGEST:
                break
        if os.environ.get("LADDER_SCREENSHOTS"):
            PICTURES.mkdir(exist_ok=True)
            shutil.copy(path, PICTURES / name)

    return write


def test_time_series_draw_every_run(look, digits, keep):
    page = look(digits, "?tagFilter=loss%2F(train%7Cvalid)#timeseries")
    page.see("loss/train", "loss/valid", *RUNS)
    page.wait("all('line-chart canvas').length >= 2")
    page.page.get_by_role("button", name="Settings").last.click()  # closes a panel
    page.page.locator("settings-view").wait_for(state="hidden")
    page.see("Smoothed", "160")
    keep(page, "13_time_series.png", 600)


def test_scalars_draw_every_run(look, digits):
    page = look(digits, "#scalars")
    page.see("accuracy/valid", "final", *RUNS)
    page.wait("long('path.line') >= 3")


def test_images_come_up(look, digits, keep):
    page = look(digits, "#images&tagFilter=confusion%7Cdigits")
    page.see("confusion/valid", "digits/train")
    page.wait(
        "all('img').filter((image) => image.complete && image.naturalWidth >= 64).length >= 2"
    )
    keep(page, "13_images.png", 640)


def test_text_is_rendered_as_markdown(look, digits):
    page = look(digits, "#text")
    page.see("notes/text_summary")
    page.wait("texts('strong').includes('Adam')")


def test_the_graph_opens_box_by_box(look, digits, keep):
    page = look(digits, "#graphs")
    for node, box in (("g.node", "DigitCNN"), ("g.node g.node", "Sequential")):
        page.wait(f"texts('g.node text').some((text) => text.includes('{box}'))")
        page.page.wait_for_timeout(1000)  # boxes glide to their place
        found = page.page.locator(node, has_text=box)
        found.locator("rect.nodecolortarget").first.dblclick()
    for name in ("Conv2d[0]", "ReLU[1]", "Conv2d[3]", "Flatten[6]"):
        page.wait(f"texts('g.node text').some((text) => text.includes('{name}'))")
    page.page.get_by_text("Fit to screen").click()
    page.page.wait_for_timeout(1000)
    keep(page, "13_graph.png")


def ink(image: Image.Image) -> float:
    """Give the share of dark pixels in the middle of a picture."""
    middle = image.crop((440, 120, 920, 640)).convert("L").histogram()
    return sum(middle[:128]) / sum(middle)


def test_the_projector_hangs_the_digits_in_a_cloud(look, digits, keep):
    page = look(digits, "#projector")
    frame = page.page.frame_locator("iframe").frame_locator("iframe")
    frame.get_by_text("Points: 180").wait_for()
    end = time.monotonic() + 60
    while ink(page.shot()) < 0.05:  # what WebGL drew is not to be had otherwise
        assert time.monotonic() < end, "no cloud"
        page.page.wait_for_timeout(200)
    keep(page, "13_projector.png")


def test_hyper_parameters_come_as_a_table(look, digits, keep):
    page = look(digits, "#hparams")
    page.see("learning_rate", "optimizer", "final/loss", "final/accuracy")
    for run in RUNS:
        page.wait(f"texts('vaadin-grid-cell-content').includes('{run}')")
    keep(page, "13_hparams.png", 560)


def test_histograms_are_drawn_as_ridges(look, detailed, keep):
    page = look(detailed, "#histograms&tagFilter=features.3.weight")
    page.see("gradients/features.3.weight", "weights/features.3.weight")
    page.wait("all('g.histogram').length >= 4 * 5 && long('g.histogram path') >= 4 * 5")
    keep(page, "13_histograms.png")


def test_distributions_are_drawn_as_bands(look, detailed):
    page = look(detailed, "#distributions")
    page.see("gradients/classifier.bias")
    page.wait("long('path.area') >= 8")


def test_precision_recall_curves_are_drawn(look, detailed, keep):
    page = look(detailed, "#pr_curves")
    page.see("pr/digit 8")
    page.wait("long('path.line') >= 1")
    keep(page, "13_pr_curves.png", 680)


def test_an_empty_folder_shows_the_message_that_the_lesson_explains(look, empty):
    look(empty, "").see("No dashboards are active for the current data set.")
