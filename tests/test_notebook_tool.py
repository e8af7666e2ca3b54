"""The notebook tool: run, normalise, keep what holds, find what is stale, never half-write."""

import base64
import copy
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from jupyter_client import KernelManager
from PIL import Image

from helpers.device import describe_device
from tests.support import book, cell, prose, run_python
from tools import notebooks as tool
from tools.notebooks import (
    RULES,
    Failed,
    code_cells,
    equivalent,
    every_notebook,
    normalise,
    problems,
    read,
    run,
    sanitize,
    serialise,
    small_png,
    snap,
    talk_by_files,
)

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, {}])\nplt.show()"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Name a notebook in an empty folder that has the series' look."""
    (tmp_path / "matplotlibrc").write_text("figure.dpi: 50\n")
    monkeypatch.setattr(tool, "NOTEBOOKS", tmp_path)
    return tmp_path / "01_trial.ipynb"


def save(path, *cells):
    """Write a notebook as an editor would."""
    nbformat.write(book(*cells), path)
    return path


def test_a_run_stores_outputs_counts_and_a_stamp(path):
    run(save(path, prose("# Trial"), cell("1 + 1"), cell("print('so')")))
    first, second = code_cells(read(path))
    assert (first.execution_count, second.execution_count) == (1, 2)
    assert first.outputs[0].data["text/plain"] == "2"
    assert second.outputs[0].text == "so\n"
    assert problems(path) == []


def test_a_second_run_changes_nothing(path):
    run(
        save(
            path, cell("import time; print(object(), f'running on cpu ({time.time_ns()} threads)')")
        )
    )
    before = path.read_bytes()
    run(path)
    assert path.read_bytes() == before


def test_close_numbers_are_kept_only_in_cells_that_say_so(path):
    source = "import random; print(f'loss {0.5 + random.random() / 100:.9f}')"
    run(save(path, cell(source, "approx-output"), cell(source)))
    first = [c.outputs for c in code_cells(read(path))]
    run(path)
    second = [c.outputs for c in code_cells(read(path))]
    assert second[0] == first[0]
    assert second[1] != first[1]


def test_a_plot_is_drawn_anew_when_its_code_changes(path):
    run(save(path, cell(PLOT.format(2))))
    notebook = read(path)
    old = notebook.cells[0].outputs
    notebook.cells[0].source = PLOT.format(-2)
    path.write_text(serialise(notebook), encoding="utf-8")
    assert problems(path) == [
        "it is stale: its code, or a helper that it imports, changed since it was run"
    ]
    run(path)
    assert read(path).cells[0].outputs[0].data["image/png"] != old[0].data["image/png"]
    assert problems(path) == []


def test_a_notebook_is_stale_when_a_helper_that_it_names_changes(path, monkeypatch, tmp_path):
    helper = tmp_path / "helpers" / "plotting.py"
    helper.parent.mkdir()
    helper.write_text("SIZE = 1\ndef draw():\n    return SIZE\ndef other():\n    return 1\n")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    notebook = book(cell("from helpers.plotting import draw"))
    before = tool.stamp(notebook)
    helper.write_text("SIZE = 1\ndef draw():\n    return SIZE\ndef other():\n    return 2\n")
    assert tool.stamp(notebook) == before
    helper.write_text("SIZE = 2\ndef draw():\n    return SIZE\ndef other():\n    return 2\n")
    assert tool.stamp(notebook) != before


def test_cells_not_run_in_order_are_found(path):
    run(save(path, cell("1"), cell("2")))
    notebook = read(path)
    notebook.cells[0].execution_count, notebook.cells[1].execution_count = 2, 1
    path.write_text(serialise(notebook), encoding="utf-8")
    assert "its cells were not run in order from a fresh kernel" in problems(path)


def test_what_an_editor_adds_is_found_and_removed(path):
    run(save(path, cell("1")))
    clean = path.read_text(encoding="utf-8")
    notebook = read(path)
    notebook.cells[0].metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    notebook.metadata["language_info"]["version"] = "3.11.7"
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    assert problems(path) == ["it is not normalised"]
    run(path)
    assert path.read_text(encoding="utf-8") == clean


def test_ids_are_kept_and_missing_or_double_ones_are_made_the_same_each_time():
    notebook = book(cell("1"), cell("2"), cell("2"))
    notebook.cells[0].id = "kept"
    notebook.cells[1].id = notebook.cells[2].id = "kept"
    ids = [c.id for c in normalise(notebook).cells]
    assert ids[0] == "kept"
    assert len(set(ids)) == 3
    assert ids == [c.id for c in normalise(copy.deepcopy(notebook)).cells]
    assert ids == [c.id for c in normalise(normalise(notebook)).cells]


def test_colours_and_widgets_are_stripped(path):
    widget = (
        "display({'application/vnd.jupyter.widget-view+json': {}, 'text/plain': 'w'}, raw=True)"
    )
    run(save(path, cell("print('\\x1b[32mgreen\\x1b[0m')"), cell(widget)))
    text = path.read_text(encoding="utf-8")
    assert "u001b" not in text
    assert "widget" not in text.replace("display({'application/vnd.jupyter.widget", "")
    assert read(path).cells[0].outputs[0].text == "green\n"


def test_tracebacks_name_no_place_of_this_machine(path):
    run(save(path, cell("import json; json.loads('{')", "raises-exception")))
    trace = "".join(read(path).cells[0].outputs[0].traceback)
    assert "File .../json/decoder.py" in trace
    assert "lib/python" not in trace


def test_an_untagged_error_stops_the_run_and_leaves_the_file(path):
    save(path, cell("1"), cell("1 / 0"))
    before = path.read_bytes()
    with pytest.raises(Failed, match=r"cell 1: (.|\n)*ZeroDivisionError"):
        run(path)
    assert path.read_bytes() == before


def test_a_tagged_error_is_stored(path):
    run(save(path, cell("1 / 0", "raises-exception"), cell("2")))
    assert read(path).cells[0].outputs[0].ename == "ZeroDivisionError"
    assert read(path).cells[1].execution_count == 2


def test_a_dead_kernel_is_an_error(path):
    with pytest.raises(Failed, match="cell 0"):
        run(save(path, cell("import os; os._exit(1)")))


@pytest.mark.parametrize("text", ["", "{", "[]", "print(1)"])
def test_a_file_that_is_no_notebook_is_named_and_left(path, text, capsys):
    path.write_text(text)
    assert tool.main(["run", str(path)]) == 1
    assert "is not a Jupyter notebook" in capsys.readouterr().err
    assert path.read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("delay", [0.5, 2.0, 4.0])
def test_killed_halfway_the_old_notebook_is_whole(path, delay):
    save(path, cell("import time; time.sleep(2)"), cell("print('new')"))
    before = path.read_bytes()
    command = [sys.executable, "-m", "tools.notebooks", "run", str(path)]
    process = subprocess.Popen(command, cwd=tool.ROOT, start_new_session=True)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    after = path.read_bytes()
    assert after == before or read(path).cells[1].outputs[0].text == "new\n"


def test_a_failing_write_leaves_the_old_notebook_and_nothing_else(path, monkeypatch):
    save(path, cell("1"))
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["01_trial.ipynb", "matplotlibrc"]


def test_the_command_line_checks_and_says_the_cure(path, capsys):
    save(path, cell("1"))
    assert tool.main(["check", str(path)]) == 1
    assert "cure: make notebooks" in capsys.readouterr().out
    assert tool.main(["run", str(path)]) == 0
    assert "written" in capsys.readouterr().out
    assert tool.main(["check", str(path)]) == 0


def test_help_names_both_commands():
    assert "run [NOTEBOOK" in run_python("-m", "tools.notebooks", "--help").stdout


def test_every_notebook_comes_by_glob_with_the_solutions_last():
    names = [p.relative_to(tool.NOTEBOOKS).as_posix() for p in every_notebook()]
    lessons = [n for n in names if "/" not in n]
    assert names == lessons + [f"solutions/{n}" for n in lessons]
    assert lessons == sorted(lessons)


# Comparing


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("<AddBackward0 object at 0x7f00aa11bb22>", "<AddBackward0 object at 0x55d0aa11bb33>"),
        ("running on cpu (2 threads)\n", "running on cuda (NVIDIA H200)\n"),
        ("running on cpu (1 thread)\n", "running on cpu (16 threads)\n"),
        ("running on cuda:1 (Tesla T4)\n", "running on mps (accelerator)\n"),
        ("tensor([1., 2.])", "tensor([1., 2.], device='cuda:0')"),
        ("tensor([1.], grad_fn=<A>)", "tensor([1.], device='cuda:0', grad_fn=<A>)"),
        (
            "tensor([1.], dtype=torch.half)",
            "tensor([1.], device='mps:0',\n       dtype=torch.half)",
        ),
        ("✓ double: right", "\x1b[32m✓ double: right\x1b[0m"),
        ("RuntimeError", "NotImplementedError"),
        ("mat1 and mat2 shapes", "addmm: mat1 and mat2 shapes"),
    ],
)
def test_what_moves_between_machines_is_not_compared(text, other):
    assert sanitize(text) == sanitize(other)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("tensor([1., 2.])", "tensor([1., 3.], device='cuda:0')"),
        ("running on cpu\nloss 1", "running on cpu\nloss 2"),
        ("running on cpu (1 threads)\n", "running on cpu (1 thread)\n"),
        ("running on cpu (2 thread)\n", "running on cpu (2 threads)\n"),
        ("running on cpu with 2 threads\n", "running on cpu (2 threads)\n"),
        ("running on cpu (2 threads), loss 1\n", "running on cpu (2 threads), loss 2\n"),
        ("0xff", "0xfe"),
        ("RuntimeError: no", "NotImplementedError: no"),
        ("addmm: sizes", "sizes"),
        ("tensor([1.])", "tensor([1.], dtype=torch.float64)"),
        ("tensor([[1.],\n        [2.]])", "tensor([[1.], [2.]])"),
    ],
)
def test_sanitising_hides_nothing_else(text, other):
    assert sanitize(text) != sanitize(other)


@pytest.mark.parametrize("count", [1, 2, 100])
def test_a_device_is_hidden_in_the_words_of_today_alone(monkeypatch, count):
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200 (141 GB)")
    for name in ("cpu", "mps", "mps:0", "cuda", "cuda:1"):
        assert sanitize(describe_device(torch.device(name))) == "running on DEVICE"


@pytest.mark.parametrize("path", tool.lessons(), ids=lambda path: path.stem)
def test_a_lesson_stores_its_device_as_it_is_said_today(path):
    outputs = [output for each in code_cells(read(path)) for output in each.outputs]
    text = "\n".join(output.get("text", "") for output in outputs)
    said = [line for line in sanitize(text).splitlines() if line.startswith("running on")]
    assert set(said) <= {"running on DEVICE"}


def test_each_rule_is_needed_and_there_are_few():
    example = (
        "0x7f00aa11bb22 running on cpu (2 threads)\n \x1b[32m addmm: mat1 "
        "tensor(1., device='cuda:0') tensor(1.,\n       grad_fn=<A>)"
    )
    assert len(RULES) <= 7
    for rule in RULES:
        assert any(tool.re.search(rule[0], text) for text in (example, "NotImplementedError")), rule


@pytest.mark.parametrize(
    ("new", "accepted"),
    [
        ("loss 0.50, accuracy 0.97 in 10 steps", True),
        ("loss 0.54, accuracy 0.95 in 10 steps", True),
        ("loss 0.56, accuracy 0.97 in 10 steps", False),
        ("loss 0.50, accuracy 0.97 in 11 steps", False),
        ("loss 0.50, accuracy 0.97 in 10.0 steps", False),
        ("loss nan, accuracy 0.97 in 10 steps", False),
        ("loss inf, accuracy 0.97 in 10 steps", False),
        ("loss -0.50, accuracy 0.97 in 10 steps", False),
        ("loss 0.50, accuracy 0.97", False),
        ("cost 0.50, accuracy 0.97 in 10 steps", False),
    ],
)
def test_close_decimals_are_equal_and_nothing_else_is(new, accepted):
    old = "loss 0.50, accuracy 0.97 in 10 steps"
    assert (snap(old, new) == old) is accepted


@pytest.mark.parametrize("text", ["loss nan", "loss inf"])
def test_nan_never_passes_not_even_against_itself(text):
    assert snap(text, text) != text


def test_the_tolerance_is_five_percent_plus_two_hundredths():
    assert snap("x 100.0", "x 105.0") == "x 100.0"
    assert snap("x 100.0", "x 105.1") != "x 100.0"
    assert snap("x 0.0", "x 0.02") == "x 0.0"
    assert snap("x 0.0", "x 0.021") != "x 0.0"


def test_a_vanished_picture_is_no_equivalent():
    def shown(*kinds):
        return [nbformat.v4.new_output("display_data", data=dict.fromkeys(kinds, "x"))]

    assert equivalent(shown("image/png", "text/plain"), shown("image/png", "text/plain"), False)
    assert not equivalent(shown("image/png", "text/plain"), shown("text/plain"), True)


def test_pngs_shrink_and_keep_their_look():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 1), dtype=np.uint8)
    picture = np.concatenate([noise, 255 - noise, noise // 2, np.full_like(noise, 255)], axis=2)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    small = small_png(encoded)
    assert len(small) < 0.6 * len(encoded)
    assert small_png(small) == small
    with Image.open(io.BytesIO(base64.b64decode(small))) as image:
        after = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(after - picture[:, :, :3]).mean() < 3


class Robbed(KernelManager):
    """A manager whose ports somebody takes as soon as it has picked them."""

    def write_connection_file(self, **more):
        super().write_connection_file(**more)
        for port in self.ports if self.transport == "tcp" else []:
            taken = socket.create_server(("127.0.0.1", port))
            self.thieves.enter_context(taken)


@pytest.mark.skipif(os.name != "posix", reason="this system has no sockets in files")
@pytest.mark.parametrize("by_files", [False, True], ids=["ports", "files"])
def test_a_kernel_starts_though_others_take_ports_that_were_free(by_files):
    with ExitStack() as thieves:
        # not tmp_path, whose name may be too long for a socket, as it is on macOS
        folder = Path(thieves.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        manager = Robbed(kernel_name="python3")
        manager.thieves = thieves
        if by_files:
            talk_by_files(manager, folder)
        manager.start_kernel(stderr=subprocess.DEVNULL)
        client = manager.client()
        client.start_channels()
        try:
            if by_files:
                client.wait_for_ready(60)
                assert len(list(folder.iterdir())) == 5
            else:  # what the files are for
                with pytest.raises(RuntimeError, match="Kernel died before replying"):
                    client.wait_for_ready(60)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        assert list(folder.iterdir()) == []


def test_where_a_file_s_name_would_be_too_long_a_kernel_keeps_its_ports(tmp_path):
    manager = KernelManager()
    talk_by_files(manager, tmp_path / ("x" * 100))
    assert (manager.transport, manager.ip) == ("tcp", "127.0.0.1")
