"""How Sphinx makes the book out of what `tools/book.py` writes."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

project = "PyTorch Ladder"
html_title = project
language = "en"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # the stored outputs
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 2  # a page links to a section of another as on GitHub
myst_update_mathjax = False
suppress_warnings = ["misc.highlighting_failure"]  # a traceback that quotes text

html_theme = "sphinx_book_theme"
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    "footer_content_items": [],
}
html_static_path = ["static"]
html_css_files = ["book.css"]
html_context = {"default_mode": "auto"}  # light or dark, as the system is set
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # a browser fetches no summary from file://
html_use_index = False
html_math_renderer = "mathml"


def show_inline(translator: nodes.NodeVisitor, node: nodes.math) -> None:
    """Write a formula in MathML, which browsers draw without a script or a font of ours."""
    translator.body.append(to_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def show_block(translator: nodes.NodeVisitor, node: nodes.math_block) -> None:
    """Write a formula that stands alone, which scrolls where it is wider than the screen."""
    translator.body.append(f'<div class="math">{to_mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def to_mathml(formula: str, block: bool) -> str:
    r"""Translate LaTeX; docutils knows \bigl and \bigr, but no \big alone."""
    formula = re.sub(r"\\(big+|Big+)(?=[(\[])", r"\\\1l", formula)
    formula = re.sub(r"\\(big+|Big+)(?=[)\]])", r"\\\1r", formula)
    return tex2mathml(formula, as_block=block)


def add_page_files(app: Sphinx, pagename: str, *_: object) -> None:
    """Give the three pages that need it their own style or script."""
    if pagename == "cheat_sheet":
        app.add_css_file("sheet.css")
    if pagename == "errors":
        app.add_js_file("errors.js")
    if pagename == "search":
        app.add_js_file("search.js", loading_method="defer")  # after Sphinx's own


def setup(app: Sphinx) -> None:
    """Register the above."""
    app.add_html_math_renderer("mathml", (show_inline, None), (show_block, None))
    app.connect("html-page-context", add_page_files)
