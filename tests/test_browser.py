"""One lesson in a real browser, as a learner runs it; `make proof` runs all of them."""

from helpers.paths import NOTEBOOKS
from tests.browser import CELLS, needs_browser, outputs_of, run_cell, run_lesson, text_of
from tools.notebooks import read, tags

pytestmark = needs_browser
NAME = "01_tensors.ipynb"


def test_a_lesson_runs_from_restart_to_end(lab):
    run_lesson(NOTEBOOKS / NAME, lab)


def test_a_learner_is_told_what_is_wrong_then_that_it_is_right_and_finds_it_again(lab):
    index, stub = next(
        (i, c.source) for i, c in enumerate(read(NOTEBOOKS / NAME).cells) if "exercise" in tags(c)
    )
    head, check = stub.split("    ...")
    setup = next(i for i, c in enumerate(read(NOTEBOOKS / NAME).cells) if c.cell_type == "code")
    solutions = read(NOTEBOOKS / "solutions" / NAME)
    answer = next(c.source for c in solutions.cells if "solution" in tags(c))
    with lab.open(NAME) as page:
        run_cell(page, setup)
        assert "not attempted yet" in run_cell(page, index)
        wrong = run_cell(page, index, f"{head}    answer = 0{check}")
        assert "✗" in wrong and "return" in wrong and "Traceback" not in wrong
        assert "✓" in run_cell(page, index, answer)
        page.evaluate(
            "async () => { await window.jupyterapp.commands.execute('docmanager:save'); }"
        )
    saved = read(lab.root / "notebooks" / NAME)
    assert saved.cells[index].source == answer
    with lab.open(NAME) as page:
        cells = page.evaluate(CELLS)
        assert text_of(cells[index]) == answer
        assert "✓" in outputs_of(cells[index])
