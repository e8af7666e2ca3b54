"""What the page for a learner's own data tells to copy and write learns, whatever the seed."""

import pytest

from tests.own_data import program, run, sections
from tests.test_own_data import WRITERS

SEEDS = range(3)
# Of the test rows, pictures or texts that must be right, or the precision of the boxes (mAP50).
LEAST = {"A table": 0.7, "A folder of pictures": 0.8, "Detection labels": 0.7, "Text": 0.8}


@pytest.mark.parametrize("name", WRITERS)
def test_a_section_learns_as_it_stands(name, tmp_path):
    text, jobs = "\n".join(program(sections()[name])), []
    assert text.count("set_seed(0)") == 1
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        WRITERS[name](folder, seed)
        jobs.append((folder, text.replace("set_seed(0)", f"set_seed({seed})")))
    for error, shares in run(jobs):
        assert error == ""
        assert shares and min(shares.values()) > LEAST[name], shares
