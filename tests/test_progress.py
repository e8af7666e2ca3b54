"""What is done is noted where a learner works, once, by whichever kernel; and nowhere else."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import IPython
import nbformat
import pytest
import torch
from nbclient import NotebookClient

from helpers import progress
from helpers.checks import tensors as check
from helpers.checks.attempt import WrongAnswer
from helpers.paths import ROOT, progress_dir
from tests.support import book, cell, needs_make, run_python
from tools.lesson import load_lessons, stub_names
from tools.notebooks import code_cells, execute

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00"
NOTHING = ["to do  scale_columns", "to do  crop_channels_first", "to do  label_scores"]
NOTHING += ["to do  squared_distances", "0 of 4 exercises done"]
RIGHT = "def squared_distances(a, b):\n    return ((a.unsqueeze(1) - b) ** 2).sum(2)"
SHOW = "from helpers import progress\n\nprogress.show('tensors')"


def squared_distances(a, b):
    return ((a.unsqueeze(1) - b) ** 2).sum(2)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Keep the records in a folder that is not there yet, with nothing in mind from other tests."""
    folder = tmp_path / "folders" / "progress"
    monkeypatch.setenv("LADDER_PROGRESS", str(folder))
    monkeypatch.setattr(progress, "_in_this_kernel", {})
    return folder


@pytest.fixture
def kernel(monkeypatch):
    """Make this process look like a notebook's kernel."""
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=True))


def shown(capsys, lesson="tensors"):
    capsys.readouterr()
    progress.show(lesson)
    return capsys.readouterr().out.splitlines()


def test_a_right_answer_is_noted_with_its_time(place, kernel, capsys):
    check.squared_distances(squared_distances)
    (record,) = place.iterdir()
    assert record.name == "tensors.squared_distances"
    assert re.fullmatch(TIME, record.read_text(encoding="utf-8"))
    assert shown(capsys)[3:] == ["done   squared_distances", "1 of 4 exercises done"]


def test_a_later_kernel_still_knows_and_the_first_time_stays(place, kernel, capsys, monkeypatch):
    check.squared_distances(squared_distances)
    (record,) = place.iterdir()
    record.write_text("2001-01-01 00:00:00+00:00", encoding="utf-8")
    monkeypatch.setattr(progress, "_in_this_kernel", {})
    check.squared_distances(squared_distances)
    assert record.read_text(encoding="utf-8").startswith("2001")
    assert progress.done() == {record.name: "2001-01-01 00:00:00+00:00"}


def test_a_stub_and_a_wrong_answer_are_not_noted(place, kernel, capsys):
    def stub(a, b): ...

    check.squared_distances(stub)
    with pytest.raises(WrongAnswer):
        check.squared_distances(lambda a, b: torch.zeros(len(a), len(b)))
    assert not place.exists()
    assert shown(capsys) == NOTHING


def test_outside_a_notebook_nothing_is_noted(place, capsys):
    check.squared_distances(squared_distances)
    assert "✓ squared_distances: right" in capsys.readouterr().out
    assert not place.exists()
    assert shown(capsys) == NOTHING


def test_running_the_solutions_notes_nothing(place, kernel, capsys, tmp_path, monkeypatch):
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path / "solutions")
    check.squared_distances(squared_distances)
    assert not place.exists()
    assert shown(capsys) == NOTHING


def test_checks_of_other_packages_are_not_noted(place, kernel):
    progress.record("tests.test_checks", "centre")
    assert not place.exists()


def unwritable(kind, tmp_path, monkeypatch):
    """Spoil the place of the records."""
    if kind == "a file where the folder should be":
        (tmp_path / "folders").touch()
    elif kind == "a folder where the record should be":
        (tmp_path / "folders" / "progress" / "tensors.squared_distances").mkdir(parents=True)
    elif kind == "no folder for runs":
        monkeypatch.delenv("LADDER_PROGRESS")
        monkeypatch.setenv("LADDER_RUNS", str(tmp_path / "nowhere"))
    elif kind == "off":
        monkeypatch.setenv("LADDER_PROGRESS", "off")
    elif kind == "no working folder":
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()


KINDS = {
    "a file where the folder should be": "nothing can be recorded: ",
    "no folder for runs": "nothing can be recorded: no folder ",
    "off": "nothing is recorded: LADDER_PROGRESS is off",
    "a folder where the record should be": "",
}


@pytest.mark.parametrize("kind", [*KINDS, "no working folder"])
def test_a_check_is_the_same_where_nothing_can_be_written(
    kind, place, kernel, capfd, tmp_path, monkeypatch
):
    if kind == "no working folder" and os.name == "nt":
        pytest.skip("Windows removes no folder that is in use")
    unwritable(kind, tmp_path, monkeypatch)
    check.squared_distances(squared_distances)
    assert capfd.readouterr() == ("\x1b[32m✓ squared_distances: right\x1b[0m\n", "")


@pytest.mark.parametrize("kind", list(KINDS)[:3])
def test_this_kernel_knows_what_it_has_done_even_so(
    kind, place, kernel, capsys, tmp_path, monkeypatch
):
    unwritable(kind, tmp_path, monkeypatch)
    check.squared_distances(squared_distances)
    assert shown(capsys)[-1] == "1 of 4 exercises done"


@pytest.mark.parametrize("kind", list(KINDS)[:3])
def test_the_command_says_that_nothing_can_be_written(kind, place, capsys, tmp_path, monkeypatch):
    unwritable(kind, tmp_path, monkeypatch)
    progress.main()
    assert capsys.readouterr().out.splitlines()[-1].startswith(KINDS[kind])


def test_records_without_a_time_or_of_unknown_exercises_do_no_harm(place, capsys):
    place.mkdir(parents=True)
    (place / "tensors.label_scores").touch()
    (place / "tensors.squared_distances").write_bytes(b"\xff\x00\xff")
    (place / "tensors.no_such_exercise").write_text("x" * 10_000)
    (place / ".DS_Store").touch()
    assert shown(capsys)[-1] == "2 of 4 exercises done"
    progress.main()
    assert max(map(len, capsys.readouterr().out.splitlines())) < 100


def test_a_relative_place_counts_from_the_repository(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LADDER_PROGRESS", "runs/ann")
    assert progress_dir() == ROOT / "runs" / "ann"
    monkeypatch.setenv("LADDER_PROGRESS", str(tmp_path))
    assert progress_dir() == tmp_path
    monkeypatch.delenv("LADDER_PROGRESS")
    monkeypatch.delenv("LADDER_RUNS", raising=False)
    assert progress_dir() == ROOT / "runs" / "progress"


def test_every_exercise_of_every_lesson_is_known_in_order():
    assert progress.exercises() == {
        lesson.path.stem: stub_names(lesson) for lesson in load_lessons()
    }


def test_an_unknown_lesson_is_said(place):
    with pytest.raises(ValueError, match="no lesson '01_tensors'; choose one of"):
        progress.show("01_tensors")


def test_the_command_counts_and_names_the_next(place, kernel, capsys):
    for name in progress.exercises()["00_setup"]:
        progress.record("helpers.checks.setup", name)
    progress.record("helpers.checks.tensors", "label_scores")
    progress.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["4 of 4 exercises done in setup", "1 of 4 exercises done in tensors"]
    total = sum(map(len, progress.exercises().values()))
    assert f"5 of {total} exercises done" in lines
    assert "next: scale_columns in notebooks/01_tensors.ipynb" in lines


def test_when_all_is_done_nothing_is_next(place, kernel, capsys):
    for stem, names in progress.exercises().items():
        for name in names:
            progress.record(f"helpers.checks.{stem[3:]}", name)
    progress.main()
    assert "next" not in capsys.readouterr().out


def run_notebook(place, *cells, folder=ROOT / "notebooks"):
    """Run cells in a real kernel that keeps its records in `place`; give what each printed."""
    notebook = book(*map(cell, cells))
    client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "LADDER_PROGRESS": str(place)})
    return ["".join(out.get("text", "") for out in each.outputs) for each in code_cells(notebook)]


def test_two_kernels_at_once_note_each_exercise_once(place, tmp_path):
    importing = "import torch, time\nfrom helpers import progress\n"
    importing += "from helpers.checks import tensors as check"
    ready = "import pathlib, os\npathlib.Path({!r}, str(os.getpid())).touch()\n"
    ready += "while len(os.listdir({!r})) < 2:\n    time.sleep(0.01)"
    every = "for stem, names in progress.exercises().items():\n    for name in names:\n"
    every += "        progress.record(f'helpers.checks.{stem[3:]}', name)"
    (tmp_path / "ready").mkdir()
    meet = ready.format(str(tmp_path / "ready"), str(tmp_path / "ready"))
    cells = [importing, RIGHT, meet, every, "check.squared_distances(squared_distances)", SHOW]
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_notebook, place, *cells) for _ in range(2)]
        printed = [run.result() for run in runs]
    assert printed[0] == printed[1]
    assert "✓ squared_distances: right" in printed[0][-2]
    assert printed[0][-1].splitlines()[-1] == "4 of 4 exercises done"
    wanted = {f"{stem[3:]}.{n}" for stem, names in progress.exercises().items() for n in names}
    assert {path.name for path in place.iterdir()} == wanted
    assert all(re.fullmatch(TIME, path.read_text(encoding="utf-8")) for path in place.iterdir())


def test_the_last_cell_prints_the_same_in_the_tool_and_under_nbval(place, make_miniature, kernel):
    progress.record("helpers.checks.tensors", "label_scores")
    notebook = book(cell(SHOW))
    execute(notebook)
    assert notebook.cells[0].outputs[0].text.splitlines() == NOTHING
    root = make_miniature()
    nbformat.write(notebook, root / "notebooks" / "00_last.ipynb")
    command = ("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", "not budget")
    result = run_python(*command, cwd=root, PYTHONPATH=str(ROOT))  # LADDER_PROGRESS as above
    assert "1 passed" in result.stdout, result.stdout[-2000:]


@needs_make
def test_make_progress_runs_the_command(workshop):
    _, asked = workshop.make("progress")
    assert asked.splitlines()[-1].endswith("-m helpers.progress")


@needs_make
@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_make_clean_keeps_the_progress(tmp_path):
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for name in ("runs/progress/tensors.label_scores", "runs/logs/events", "data/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], cwd=tmp_path, check=True)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file() and ".git" not in str(path)]
    assert left == ["tensors.label_scores"]


# Learners have records by these names; a lesson may gain exercises, but not lose or rename one.
KEPT = """
setup: double order_steps count_parameters baseline_score
tensors: scale_columns crop_channels_first label_scores squared_distances
autograd: slopes newton_step weighted_error two_layer_backward
gradient_descent: descend_once momentum_path warmup_cosine adam_changes largest_stable_lr
linear_regression: average_loss standardise r_squared predict closed_form
logistic_regression: precision_and_recall auc_by_pairs cheapest_threshold weighted_bce
datasets_and_dataloaders: batch_sizes fair_weights window_dataset collate_words
transforms: channel_statistics undo_normalise shift_picture mix_pair flip_with_boxes
softmax_and_cross_entropy: stable_log_softmax loss_and_given temperature_for
softmax_and_cross_entropy: smoothed_loss_and_gradient
activations: collapse swish_slope dead_by_layer weight_std
feedforward_network: widest_hidden drop stopping_epoch worst_mistakes
cnn: conv_size max_pool strided_convolution fold_batch_norm
transfer_learning: freeze_all_but_head layer_rates replace_head some_of_each nearest_mean
tensorboard: log_losses read_repaired best_run smooth
saving_and_loading: changed_names transplant name_pictures
checkpointing: epochs_to_delete write_whole go_on batches_left
debugging: shuffle_pairs make_classifier even_out squared_loss run_steps prepare_head add_scale
debugging: careful_step mean_length measure_accuracy report_loss choose_columns add_noise
speed_and_memory: worker_share whole_speedup accumulate
resnet_and_mobilenet: separable_cost inverted_residual fold_before
generative: clean_from_noise kl_between suspicious_share
exporting_models: run_in_parts quantise_rows respond
scaling_out: plan_step deal true_accuracy held_numbers
attention_and_bert: join_pieces corrupt look_back
object_detection: read_label crop_boxes soften
sequences_lstm: last_states bits_per_letter reverse_padded
"""


def test_records_of_earlier_versions_still_count():
    every = {stem[3:]: names for stem, names in progress.exercises().items()}
    for line in KEPT.strip().splitlines():
        lesson, _, names = line.partition(": ")
        assert set(names.split()) <= set(every[lesson]), lesson


def test_a_record_from_before_an_exercise_moved_still_counts(place):
    every = {stem[3:]: names for stem, names in progress.exercises().items()}
    place.mkdir(parents=True, exist_ok=True)
    for old, new in progress.MOVED.items():
        lesson, name = new.split(".")
        assert name in every[lesson] and old not in progress.done()
        (place / old).write_text("2026-03-01 09:30:00+00:00")
        assert progress.done()[new] == "2026-03-01 09:30:00+00:00"
