"""Lessons whose loaders use workers run as on Windows and macOS, where workers import the data."""

import copy

import pytest

from tests.support import book, cell
from tools.notebooks import Failed, code_cells, equivalent, execute, lessons, read, tags

# As where spawning is the only way: also code that asks for no start method gets it.
SPAWN = 'import torch\n\ntorch.multiprocessing.set_start_method("spawn", force=True)'

WITH_WORKERS = [
    path for path in lessons() if any("num_workers" in c.source for c in code_cells(read(path)))
]

DATASET = """
class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return index
"""
LOAD = "list(torch.utils.data.DataLoader({}, num_workers=1))"


@pytest.mark.parametrize("path", WITH_WORKERS, ids=lambda path: path.stem)
def test_a_lesson_with_workers_gives_the_same_outputs_with_spawned_ones(path):
    stored = read(path)
    fresh = copy.deepcopy(stored)
    for each in code_cells(fresh):
        each.outputs, each.execution_count = [], None
    fresh.cells.insert(0, cell(SPAWN))
    fresh.cells.append(cell("torch.multiprocessing.get_start_method()"))
    execute(fresh, path.parent)  # raises at the first error that no tag announces
    _, *ran, last = code_cells(fresh)
    assert last.outputs[0].data["text/plain"] == "'spawn'"
    for before, after in zip(code_cells(stored), ran, strict=True):
        loose = "nbval-ignore-output" in tags(before)
        same = equivalent(before.outputs, after.outputs, "approx-output" in tags(before))
        assert loose or same, f"{before.source}\n\ngave: {after.outputs}"


def test_speed_and_memory_is_among_the_lessons_with_workers():
    assert "17_speed_and_memory" in [path.stem for path in WITH_WORKERS]


def test_a_dataset_that_workers_cannot_import_would_be_noticed():
    execute(book(cell(SPAWN), cell(LOAD.format("range(2)"))))
    with pytest.raises(Failed, match=r"cell 2: (?s:.*)exited unexpectedly"):
        execute(book(cell(SPAWN), cell(DATASET), cell(LOAD.format("Numbers()"))))
