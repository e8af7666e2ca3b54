"""No lesson assumes that it runs on the CPU: each runs on an accelerator, a pretended one."""

import pytest

from helpers.paths import NOTEBOOKS, ROOT
from tests.support import book, cell
from tools import devices
from tools.notebooks import CELL_TIMEOUT, Failed, execute, lessons, read

FIRST = f"""
import sys
sys.path.append({str(ROOT)!r})
from tests.proof import accelerator
_library = accelerator.install()
import helpers.device
helpers.device.get_device = lambda *_: helpers.device.torch.device(accelerator.NAME)
"""
LAST = "assert device.type == accelerator.NAME"
# Lesson 00 has no tensors, and lesson 01 writes a get_device of its own.
LESSONS = [path for path in lessons() if path.stem[:2] not in ("00", "01")]
# add_graph traces the model by torch.jit, which sees nothing of a backend written in Python.
LEFT_OUT = "writer.add_graph(model, images"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_on_an_accelerator(path, monkeypatch, tmp_path, bears):
    monkeypatch.setenv("LADDER_RUNS", str(tmp_path))
    lesson = read(path)
    kept = [c for c in lesson.cells if LEFT_OUT not in c.source]
    assert len(lesson.cells) - len(kept) == (path.stem == "13_tensorboard")
    lesson.cells = [cell(FIRST), *kept, cell(LAST)]
    with bears("accelerator"):
        execute(lesson, NOTEBOOKS)


MAKE = "import torch\ndevice = helpers.device.get_device()\nx = torch.ones(2, device=device)\n"
FAULTS = {
    "x + torch.ones(2)": "same device",
    "torch.nn.Linear(2, 1)(x)": "same device",
    "torch.nn.functional.mse_loss(x, torch.ones(2))": "same device",
    "x.numpy()": "numpy",
    "x.double()": "float64",
    "torch.ones(2, dtype=torch.float64).to(device)": "float64",
    "torch.rand(2, device=device, generator=torch.Generator())": "generator",
}


@pytest.mark.parametrize(("fault", "says"), FAULTS.items())
def test_what_a_gpu_refuses_is_refused(fault, says):
    with pytest.raises(Failed, match=says):
        execute(book(cell(FIRST), cell(MAKE + fault)), NOTEBOOKS)


def test_the_tool_for_devices_runs_lessons_there(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(devices, "PREPARE", FIRST)
    found = {"device": "pretend:0", "says": "a pretended accelerator", "memory": 0, "card": None}
    monkeypatch.setattr(devices, "probe", lambda device: found)
    table = tmp_path / "table.md"
    limit = str(CELL_TIMEOUT)
    status = devices.main(["02", "12", "14", "--limit", limit, "--markdown", str(table)])
    said = capsys.readouterr().out
    assert status == 0, said
    lines = table.read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:5]] == [
        "| 02_autograd",
        "| 12_transfer_learning",
        "| 14_saving_and_loading",
    ]
