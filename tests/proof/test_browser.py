"""Every lesson in a real browser, as a learner runs it."""

import pytest

from tests.browser import needs_browser, run_lesson
from tools.notebooks import lessons

pytestmark = needs_browser


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_a_lesson_runs_from_restart_to_end(path, lab):
    run_lesson(path, lab)
