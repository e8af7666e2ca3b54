"""What is done is noted where a learner works, once, by whichever kernel; and nowhere else."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import IPython
import nbformat
import pytest
import torch

from helpers import progress
from helpers.checks import tensors as check
from helpers.checks.attempt import WrongAnswer
from helpers.paths import ROOT, progress_dir
from tests.support import book, cell, needs_make, prose, run_python
from tools.lesson import load_lessons, stub_names
from tools.notebooks import code_cells, execute, make_client

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


def test_done_again_on_a_later_day_it_keeps_both_times(place, kernel):
    check.squared_distances(squared_distances)
    (record,) = place.iterdir()
    record.write_text("2001-01-01 00:00:00+00:00", encoding="utf-8")
    for _ in range(3):
        check.squared_distances(squared_distances)
    assert re.fullmatch(rf"2001-01-01 00:00:00\+00:00\n{TIME}", record.read_text(encoding="utf-8"))


def test_done_again_on_the_same_day_it_stays_as_it_is(place, kernel):
    check.squared_distances(squared_distances)
    (record,) = place.iterdir()
    first = record.read_text(encoding="utf-8")
    check.squared_distances(squared_distances)
    assert record.read_text(encoding="utf-8") == first


def test_a_record_that_another_kernel_is_about_to_write_is_left_to_it(place, kernel):
    place.mkdir(parents=True)
    (place / "tensors.squared_distances").touch()
    check.squared_distances(squared_distances)
    assert (place / "tensors.squared_distances").read_bytes() == b""


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
    said = capsys.readouterr().out
    assert not re.search("next|review|left", said)


NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def keep(place, **texts):
    """Keep records of lesson 01, of which each may hold any text."""
    place.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (place / f"tensors.{name}").write_text(text, encoding="utf-8")


def test_three_exercises_done_longest_ago_are_to_be_reviewed(place):
    keep(place, scale_columns="2026-11-09 12:00:00+00:00", label_scores="2026-10-30 12:00:00+00:00")
    keep(place, crop_channels_first="2026-11-09 11:00:00+00:00")
    (place / "setup.double").write_text("2026-11-01 13:00:00+00:00")
    (place / "tensors.no_such_exercise").write_text("2026-01-01 13:00:00+00:00")
    assert progress.review(NOW) == [
        (30, "label_scores", "01_tensors"),
        (27, "double", "00_setup"),
        (20, "scale_columns", "01_tensors"),
    ]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-11-22 12:00:00+00:00", 7),
        ("2026-11-22 12:00:01+00:00", None),  # not yet a week
        ("2026-11-22 13:00:00+01:00", 7),
        ("2026-11-22 12:00:00", 7),
        ("2026-11-20", 9),
        ("2026-11-20 12:00:00+00:00\n2026-11-21 12:00:00+00:00", 8),
        ("2026-11-20 12:00:00+00:00\n2026-11-28 12:00:00+00:00", None),  # done again
        ("2026-11-20 12:00:00+00:00\n2026-11-", 9),  # a torn line
        ("2026-11-20 12:00:00+00:00\n2099-01-01 12:00:00+00:00", 9),
        ("2099-01-01 12:00:00+00:00", None),
        ("2026-11-29 12:00:01+00:00", None),
        ("1970-01-01 00:00:00+00:00", None),  # a clock without a battery
        ("0001-01-01 00:00:00+14:00", None),
        ("9999-12-31 23:59:59-14:00", None),
        ("", None),
        ("\n\n", None),
        ("yesterday", None),
        ("2026-13-45 99:00", None),
    ],
)
def test_only_a_time_to_be_believed_a_week_ago_or_more_calls_for_a_review(place, text, days):
    keep(place, scale_columns=text)
    expected = [] if days is None else [(days, "scale_columns", "01_tensors")]
    assert progress.review(NOW) == expected


def test_the_command_says_what_to_review(place, capsys):
    keep(place, scale_columns=str(datetime.now(UTC) - timedelta(days=20, hours=1)))
    progress.main()
    lines = capsys.readouterr().out.splitlines()
    assert "review: scale_columns in notebooks/01_tensors.ipynb, done 20 days ago" in lines


def test_the_minutes_of_each_lesson_and_exercise_are_the_ones_that_it_states():
    stated = {}
    for lesson in load_lessons():
        said = "\n".join(cell.source for cell in lesson.prose)
        (whole,) = re.findall(r"^\*Runs in .* allow (\d+) minutes", lesson.cells[0].source, re.M)
        each = re.findall(r"^[●○]{3} · about (\d+) minutes$", said, re.M)
        names = stub_names(lesson)
        stated[lesson.path.stem] = int(whole), dict(zip(names, map(int, each), strict=True))
    assert progress.minutes() == stated


@pytest.fixture
def two_lessons(tmp_path, monkeypatch):
    """Put two lessons in place of all, of 60 and of 100 minutes."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for stem, whole in {"00_setup": 60, "01_tensors": 100}.items():
        cells = [prose(f"# {stem}\n\n*Runs in about 5 seconds · allow {whole} minutes.*")]
        for number, name in enumerate(progress.exercises()[stem], start=1):
            cells.append(prose(f"### Exercise {number} · X\n\n●○○ · about {number} minutes\n"))
            cells.append(prose("This takes about 50 minutes"))
            cells.append(cell(f"def {name}(): ...\n\n\ncheck.{name}({name})"))
        nbformat.write(book(*cells), folder / f"{stem}.ipynb")
    progress.exercises.cache_clear()
    progress.minutes.cache_clear()
    monkeypatch.setattr(progress, "NOTEBOOKS", folder)
    yield folder
    progress.exercises.cache_clear()
    progress.minutes.cache_clear()


@pytest.mark.parametrize(
    ("done", "left"),
    [
        ("", "about 2 hours 40 minutes left"),
        ("setup.order_steps", "about 1 hour 48 minutes left"),
        ("setup.double setup.order_steps tensors.label_scores", "about 14 minutes left"),
        ("tensors.scale_columns tensors.label_scores", "about 6 minutes left, without lessons 00"),
    ],
)
def test_left_are_lessons_not_begun_and_exercises_of_those_begun(
    two_lessons, place, capsys, done, left
):
    place.mkdir(parents=True)
    for name in done.split():
        (place / name).touch()
    progress.main()
    assert capsys.readouterr().out.splitlines()[-1] == left


def test_what_was_passed_over_comes_next_after_the_rest(two_lessons, place, capsys):
    keep(place, label_scores="")
    progress.main()
    assert "next: scale_columns in notebooks/01_tensors.ipynb" in capsys.readouterr().out
    keep(place, scale_columns="", crop_channels_first="", squared_distances="")
    progress.main()
    said = capsys.readouterr().out
    assert "next: double in notebooks/00_setup.ipynb" in said and "left" not in said


def spoil(path, kind):
    """Spoil a notebook."""
    text = path.read_text(encoding="utf-8")
    if kind == "empty":
        text = ""
    elif kind == "no minutes":
        text = text.replace("allow 100 minutes", "")
    elif kind == "an exercise without minutes":
        text = text.replace("about 1 minutes", "")
    elif kind == "no exercise":
        text = text.replace("check.label_scores(label_scores)", "")
    if kind == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_text(text, encoding="utf-16" if kind == "another encoding" else "utf-8")


@pytest.mark.parametrize(
    "kind",
    "empty,no minutes,an exercise without minutes,no exercise,a folder,another encoding".split(","),
)
def test_a_lesson_that_does_not_state_its_minutes_is_named(two_lessons, place, capsys, kind):
    spoil(two_lessons / "01_tensors.ipynb", kind)
    progress.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "about 1 hour left, without lessons 01"
    assert "0 of 4 exercises done in tensors" in lines


def test_a_lesson_whose_json_is_broken_or_letters_are_latin_still_counts(
    two_lessons, place, capsys
):
    path = two_lessons / "01_tensors.ipynb"
    path.write_bytes(path.read_text(encoding="utf-8").replace("●○○", "é").encode("latin-1")[:-2])
    progress.main()
    assert capsys.readouterr().out.splitlines()[-1] == "about 2 hours 40 minutes left"


def test_a_console_without_the_letters_of_a_record_still_shows_all(place):
    place.mkdir(parents=True)
    (place / "täst ✓").write_text("2026-01-01 10:00:00+00:00", encoding="utf-8")
    variables = {"LADDER_PROGRESS": str(place), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = run_python("-m", "helpers.progress", **variables)
    assert result.returncode == 0, result.stderr
    assert r"last: t\xe4st \u2713, 2026-01-01" in result.stdout
    assert "minutes left" in result.stdout


def run_notebook(place, *cells, folder=ROOT / "notebooks"):
    """Run cells in a real kernel that keeps its records in `place`; give what each printed."""
    notebook = book(*map(cell, cells))
    client = make_client(notebook, folder)
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
