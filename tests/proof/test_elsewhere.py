"""All lessons pass on a machine that is set up quite differently."""

from tools.elsewhere import run_elsewhere
from tools.notebooks import lessons


def test_all_lessons_pass_elsewhere(tmp_path):
    result = run_elsewhere(tmp_path, lessons())
    assert result.returncode == 0, result.stdout[-4000:]
