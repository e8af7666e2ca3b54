"""The book, opened from its files in a real browser, as on a desktop, a phone and paper."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from helpers.paths import runs_dir
from tests.browser import launch, needs_browser
from tools import book
from tools.lesson import load_lessons

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
KEPT = ["index", "notebooks/08_softmax_and_cross_entropy", "glossary", "names", "errors"]
KEPT += ["cheat_sheet", "where_to_begin", "notebooks/solutions/08_softmax_and_cross_entropy"]
TOO_WIDE = "() => document.documentElement.scrollWidth > window.innerWidth"
BAD_FIGURES = """() => [...document.querySelectorAll("article img")].filter(
    (image) => !image.alt.trim() || !image.naturalWidth).map((image) => image.src)"""
BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the book; a warning, such as a link that leads nowhere, is an error."""
    if not book.find_spec("sphinx"):
        pytest.fail(f"Sphinx is not installed. Install it: {book.INSTALL}")
    folder = tmp_path_factory.mktemp("book")
    assert book.build(folder) == 0
    return folder / "html"


@pytest.fixture(scope="module")
def browser():
    """Start Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


def pages(site: Path) -> list[Path]:
    """List the pages of the book."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


def screenshots() -> Path:
    """Give the folder that keeps them."""
    folder = Path(os.environ.get("LADDER_SCREENSHOTS") or runs_dir() / "proof" / "book")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_page(browser, size: str = "desktop", scheme: str = "light"):
    """Open an empty page that notes what it says and asks for."""
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.said, page.asked = [], []
    page.on("console", lambda m: page.said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page


class Links(HTMLParser):
    """What a page links to, what it loads, and the places that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.loads, self.places = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        """Note a tag's places and links."""
        found = dict(attributes)
        self.places |= {found.get("id"), found.get("name")}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag != "a":
            self.loads += [found[key] for key in ("src", "href") if found.get(key)]


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    read = {path: Links(path) for path in pages(site)}
    assert len(read) > 2 * len(load_lessons())
    wrong = []
    for path, page in read.items():
        wrong += [(path.name, url) for url in page.loads if re.match(r"(?:\w+:)?//", url)]
        for link in page.links + page.loads:
            if re.match(r"\w+:|//", link):
                continue
            name, _, place = link.partition("#")
            target = (path.parent / unquote(name.partition("?")[0])).resolve() if name else path
            there = target in read and (not place or unquote(place) in read[target].places)
            if not there and (target in read or not target.is_file()):
                wrong.append((path.name, link))
    assert wrong == []


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_whole_and_asks_for_nothing(site, browser, size, scheme):
    page, grounds = open_page(browser, size, scheme), set()
    for path in pages(site):
        page.goto(path.as_uri())
        assert not page.evaluate(TOO_WIDE), path
        assert page.evaluate(BAD_FIGURES) == [], path
        grounds.add(page.evaluate(BACKGROUND))
        name = path.relative_to(site).with_suffix("").as_posix()
        if name in KEPT:
            shot = screenshots() / f"{name.replace('/', '-')}-{size}-{scheme}.png"
            page.screenshot(path=shot)
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    (ground,) = grounds
    dark = all(int(part) < 60 for part in re.findall(r"\d+", ground)[:3])
    assert dark == (scheme == "dark")


@needs_browser
def test_formulas_are_drawn(site, browser):
    page = open_page(browser)
    page.goto((site / "notebooks" / "08_softmax_and_cross_entropy.html").as_uri())
    formula = page.locator("div.math math").first
    assert formula.locator("mfrac").count() == 1
    assert formula.bounding_box()["height"] > 30


@needs_browser
@pytest.mark.parametrize(
    ("message", "lesson"),
    [
        ("mat1 and mat2 shapes cannot be multiplied", "11_cnn"),
        ("The size of tensor a (3) must match the size of tensor b (2)", "01_tensors"),
        ("stack expects each tensor to be equal size", "06_datasets_and_dataloaders"),
    ],
)
def test_the_search_finds_lesson_and_cure_by_a_message(site, browser, message, lesson):
    page = open_page(browser)
    found = search(page, site, message)
    assert any(lesson in link for link in found), found
    assert any("errors.html" in link for link in found), found
    assert not page.locator("#left-out").count()
    page.locator(f"#search-results li a[href*='{lesson}']").first.click()
    assert lesson in page.url
    assert page.said == []


def search(page, site: Path, words: str) -> list[str]:
    """Search the book for words; return the links that it finds."""
    page.goto(f"{(site / 'search.html').as_uri()}?q={quote(words)}")
    page.wait_for_function(
        "() => /finished|did not match/.test(document.querySelector('#search-results').innerText)"
    )
    return page.locator("#search-results li a").evaluate_all("all => all.map((a) => a.href)")


@needs_browser
def test_the_search_finds_every_message_with_other_numbers_and_names(site, browser):
    page = open_page(browser)
    page.goto((site / "errors.html").as_uri())
    errors = page.locator("article section > section").evaluate_all(
        """all => all.map((one) => [one.querySelector("h2").firstChild.textContent,
                                    [...one.querySelectorAll("a")].map((a) => a.href).join()])"""
    )
    assert len(errors) > 30
    for message, links in errors:
        own = re.sub(r"\d+", lambda number: str(int(number[0]) + 71), message)
        own = re.sub(r"'\w+'", "'my_own_name'", own)
        lessons = set(re.findall(r"notebooks/\d\w+", links))
        for asked in (message, own):
            found = " ".join(search(page, site, asked))
            assert "errors.html" in found and any(lesson in found for lesson in lessons), asked
    assert page.said == []


@needs_browser
@pytest.mark.parametrize(
    ("message", "lesson", "left_out"),
    [
        (
            "mat1 and mat2 shapes cannot be multiplied (64x784 and 100x10)",
            "11_cnn",
            "64x784, 100x10",
        ),
        ("NameError: name 'total_loss' is not defined", "00_setup", "total_loss"),
        ("NameError: name 'Xyz9' is not defined: Xyz9", "00_setup", "Xyz9"),
        ("ModuleNotFoundError: No module named 'sklearn'", "14_saving_and_loading", "sklearn"),
        # two errors, which only the page of errors has both
        ("NameError: name 'shipping', sampler option is mutually", "00_setup", "sampler, mutually"),
    ],
)
def test_the_search_says_which_words_of_a_message_it_left_out(
    site, browser, message, lesson, left_out
):
    page = open_page(browser)
    found = search(page, site, message)
    assert any(lesson in link for link in found), found
    assert page.locator("#left-out").inner_text().endswith(f"Left out: {left_out}.")


@needs_browser
def test_the_search_leaves_words_that_a_page_has_as_they_are(site, browser):
    page = open_page(browser)
    assert any("maintaining.html" in link for link in search(page, site, "release checklist"))
    assert not page.locator("#left-out").count()
    assert any("softmax" in link for link in search(page, site, "cross sigmoi"))  # half typed
    assert not page.locator("#left-out").count()
    assert search(page, site, "xyzzyq") == []
    assert not page.locator("#left-out").count()


@needs_browser
def test_a_pasted_message_with_other_numbers_leaves_its_error(site, browser):
    page = open_page(browser)
    page.goto((site / "errors.html").as_uri())
    every = page.locator("article section > section").count()
    page.fill("#filter", "The size of tensor a (77) must match the size of tensor b (9)")
    left = page.locator("article section > section:visible")
    assert 1 <= left.count() < every / 4
    assert "The size of tensor a" in left.first.inner_text()
    page.fill("#filter", "KeyError: 'labels'")
    assert left.count() and all("KeyError" in text for text in left.all_inner_texts())
    assert not page.locator("#none").is_visible()
    page.fill("#filter", "no lesson provokes such a thing")
    assert left.count() == 0 and page.locator("#none").is_visible()
    page.fill("#filter", "")
    assert left.count() == every and not page.locator("#none").is_visible()
    page.fill("#filter", "pin_memory & prefetch_factor")
    page.locator("#none a").click()
    page.wait_for_selector("#search-results li a[href*='17_speed_and_memory']")
    assert page.locator("input[name=q]").last.input_value() == "pin_memory & prefetch_factor"


@needs_browser
def test_a_solution_shows_after_a_click(site, browser):
    page = open_page(browser, "phone")
    page.goto((site / "notebooks" / "08_softmax_and_cross_entropy.html").as_uri())
    page.get_by_role("link", name="Solution", exact=True).first.click()
    answer = page.locator("article details pre").first
    assert not answer.is_visible()
    page.locator("article details summary").first.click()
    assert "stable_log_softmax" in answer.inner_text()


@needs_browser
def test_the_cheat_sheet_is_one_sheet_of_paper(site, browser):
    page = open_page(browser)
    page.goto((site / "cheat_sheet.html").as_uri())
    paper = page.pdf(path=screenshots() / "cheat_sheet.pdf", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
