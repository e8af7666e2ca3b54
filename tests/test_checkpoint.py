"""A training that was stopped goes on as if never stopped; a checkpoint is whole or refused."""

import copy
import itertools
import math
import os
import pickle
import random
import shutil
import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn, optim

from helpers import checkpoint
from helpers.checkpoint import (
    CheckpointError,
    compare_weights,
    fit_resumable,
    load_checkpoint,
    load_weights,
    newest_checkpoint,
    save_checkpoint,
    unpack,
)
from helpers.order import random_state, require_repeatable, set_random_state, take_order
from tests.resuming import (
    EPOCHS,
    LOADERS,
    OPTIMIZERS,
    REFUSED,
    SCHEDULERS,
    STEPS,
    WORKING,
    Stop,
    make,
    outcome,
    same,
    train,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def run(folder, optimizer="SGD", stop=None, every=1, loader="shuffled by a generator"):
    """Train with a generator of the loader's own, or another loader."""
    return train(folder, make(loader, optimizer), stop, every=every)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, one_thread):
    """Train without interruption."""
    return run(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("every", [1, 3, 100])
def test_a_training_stopped_at_any_step_ends_bit_for_bit_the_same(every, undisturbed, tmp_path):
    for stop in range(EPOCHS * STEPS):
        folder = tmp_path / str(stop)
        with pytest.raises(Stop):
            run(folder, stop=stop, every=every)
        assert same(run(folder, every=every), undisturbed), f"stopped at {stop}"


@pytest.mark.parametrize("moment", ["write", "rename"])
def test_a_training_killed_in_any_saving_ends_the_same_and_leaves_the_same_files(
    moment, undisturbed, tmp_path
):
    run(tmp_path / "whole", every=2)
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    for stop in itertools.count():
        folder = tmp_path / str(stop)
        try:
            train(folder, make(), stop, moment)
            break
        except Stop:
            assert any(path.suffix == ".tmp" for path in folder.iterdir())
        assert same(train(folder, make()), undisturbed), f"stopped at {stop}"
        assert {path.name for path in folder.iterdir()} == names, f"stopped at {stop}"
    assert stop >= EPOCHS * 3


def test_a_training_stopped_at_every_step_gets_there_all_the_same(undisturbed, tmp_path):
    stops = 0
    while True:
        try:
            result = run(tmp_path, stop=1)  # each life makes one step
            break
        except Stop:
            stops += 1
    assert stops >= EPOCHS * STEPS - 1
    assert same(result, undisturbed)


# A part of the matrix in tests/proof/test_resume.py: each way once.
KINDS = [
    *((loader, "SGD", "StepLR") for loader in LOADERS | WORKING),
    *(("the series' own", optimizer, "none") for optimizer in OPTIMIZERS),
    *(("the series' own", "AdamW", scheduler) for scheduler in SCHEDULERS),
]


@pytest.mark.parametrize("kinds", KINDS, ids=", ".join)
def test_any_loader_optimizer_and_scheduler_goes_on_bit_for_bit(kinds, tmp_path):
    assert outcome(tmp_path, kinds, stop=6) == "identical"


@pytest.mark.parametrize("kind", REFUSED)
def test_a_loader_whose_order_cannot_be_saved_is_refused_before_the_first_step(kind, tmp_path):
    said = outcome(tmp_path, (kind, "SGD", "StepLR"), stop=6)
    assert said.startswith("refused: the order of the loader's examples cannot be saved: ")
    assert REFUSED[kind][1] in said
    assert list(tmp_path.iterdir()) == []


def test_looking_whether_a_loader_repeats_changes_no_random_state():
    _, loader, _ = make("its sampler has another generator")
    order = take_order(loader)
    require_repeatable(loader)
    assert same(take_order(loader), order)


@pytest.mark.parametrize("kind", ["a hidden generator", "a dataset's chance", "lasting workers"])
def test_so_is_one_to_validate_with(kind, tmp_path):
    parts, loader, _ = make()
    with pytest.raises(ValueError, match=REFUSED[kind][1]):
        train(tmp_path, (parts, loader, REFUSED[kind][0]()))
    assert list(tmp_path.iterdir()) == []


def test_batches_in_a_list_and_a_stream_will_do_to_validate_with(tmp_path):
    for number, kind in enumerate(("a list", "a stream")):
        parts, loader, _ = make()
        train(tmp_path / str(number), (parts, loader, REFUSED[kind][0]()))


def test_a_loader_that_deals_other_batches_than_the_checkpoints_is_refused(tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop=6)
    for loader in ("in order", "the last batch dropped", "its sampler has another generator"):
        made = make(loader)
        before = made[0]["model"][0].weight.clone()
        with pytest.raises(ValueError, match="deals other batches than when the checkpoint was"):
            train(tmp_path, made)
        assert torch.equal(made[0]["model"][0].weight, before)


@pytest.mark.parametrize("part", ["random", "order", "optimizer", "scheduler", "run"])
def test_each_part_of_the_state_is_needed(part, undisturbed, tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop=6)
    path = newest_checkpoint(tmp_path)
    state, (parts, *loaders) = load_checkpoint(path), make()
    fresh = checkpoint.pack(parts, order=take_order(*loaders))
    fresh["run"] = {**state["run"], "step": 0}
    save_checkpoint(path, {**state, part: fresh[part]})
    assert not same(run(tmp_path), undisturbed)


def test_a_finished_training_is_not_trained_further(undisturbed, tmp_path):
    run(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert same(run(tmp_path), undisturbed)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_the_best_and_the_newest_epochs_are_kept(tmp_path):
    losses = run(tmp_path)["history"]["valid_losses"]
    assert len(losses) == EPOCHS
    assert {path.name for path in tmp_path.iterdir()} == {
        *("last.pt", "best.pt", "epoch_0002.pt", "epoch_0003.pt")
    }
    assert min(losses) == load_checkpoint(tmp_path / "best.pt")["run"]["valid_losses"][-1]


def test_only_a_lower_loss_is_better_than_the_best_and_nan_never_is(tmp_path):
    losses, best = [], []
    for loss in (math.nan, 0.5, 0.7, 0.5, math.nan, 0.4, math.inf):
        losses.append(loss)
        checkpoint.save_epoch(tmp_path, {"run": {"valid_losses": losses}})
        saved = tmp_path / "best.pt"
        best.append(len(load_checkpoint(saved)["run"]["valid_losses"]) if saved.exists() else 0)
    assert best == [0, 2, 2, 2, 2, 6, 6]


def test_of_ten_thousand_epochs_the_newest_stay_and_other_files_too(tmp_path):
    for name in ("epoch_9998.pt", "epoch_9999.pt", "epoch_10002.pt", "epoch_best.pt"):
        (tmp_path / name).write_text("damaged")
    checkpoint.save_epoch(tmp_path, {"run": {"valid_losses": [math.nan] * 10_000}})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"epoch_9999.pt", "epoch_10000.pt", "epoch_10002.pt", "epoch_best.pt"}


def test_a_training_goes_on_past_links_to_nothing_and_names_newer_weights(undisturbed, tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop=6)
    (tmp_path / "latest.pt").symlink_to("gone.pt")
    save_checkpoint(tmp_path / "weights.pt", make()[0]["model"].state_dict())
    save_checkpoint(tmp_path / "tensor.pt", torch.zeros(3))
    for name in ("weights.pt", "tensor.pt"):
        os.utime(tmp_path / name, (2**33, 2**33))
    with pytest.raises(
        CheckpointError, match=r"latest\.pt is a link to .* not there; .*weights\.pt"
    ):
        load_checkpoint(tmp_path / "latest.pt")
    with pytest.warns(UserWarning, match=r"going on from .*last\.pt: .*weights\.pt is no full"):
        assert same(run(tmp_path, every=2), undisturbed)


def test_a_training_whose_only_checkpoint_is_damaged_does_not_begin_again_unasked(tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop=1)
    write_bad("cut short", tmp_path / "last.pt", tmp_path / "executed")
    with pytest.raises(
        CheckpointError, match=r"no checkpoint to go on from.*\n.*last\.pt is cut short"
    ):
        run(tmp_path)


def test_what_cannot_be_saved_shows_before_the_first_step(tmp_path):
    parts, *loaders = make()
    parts["scheduler"].warmth = np.float64(0.5)
    with pytest.raises(
        CheckpointError, match=r"state\['scheduler'\]\['warmth'\] is a numpy.float64"
    ):
        train(tmp_path, (parts, *loaders), stop=0)


def test_the_random_state_comes_back_in_all_three_generators():
    def draw():
        return [*torch.rand(3).tolist(), *np.random.rand(3), random.random(), np.random.randn()]

    np.random.randn()  # leaves half a pair behind in NumPy's generator
    state = random_state()
    drawn = draw()
    set_random_state(state)
    assert draw() == drawn


def test_a_state_from_a_machine_with_other_accelerators_is_accepted():
    state = random_state()
    set_random_state({**state, "cuda": [torch.zeros(16, dtype=torch.uint8)] * 9})


def small_state(number=1):
    return {"weights": torch.full((50,), float(number)), "number": number}


@pytest.mark.parametrize("moment", ["save", "fsync", "replace", "mkdir"])
@pytest.mark.parametrize("before", [True, False])
def test_a_write_that_fails_leaves_the_old_one_whole(moment, before, tmp_path, monkeypatch):
    path = tmp_path / "runs" / "last.pt"
    if before:
        save_checkpoint(path, small_state(1))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    where = {"save": "torch.save", "fsync": "os.fsync"}.get(moment, f"pathlib.Path.{moment}")
    monkeypatch.setattr(where, full)
    says = "the one before is unharmed" if before else "nothing was written"
    with pytest.raises(CheckpointError, match=rf"cannot write .*last\.pt: .*No space left.*{says}"):
        save_checkpoint(path, small_state(2))
    monkeypatch.undo()
    if before:
        assert load_checkpoint(path)["number"] == 1
    assert [p.name for p in tmp_path.glob("runs/*")] == (["last.pt"] if before else [])


def test_a_really_full_disk_loses_nothing(tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    script = (
        "import sys, torch; from helpers.checkpoint import *\n"
        "path = sys.argv[1] + '/last.pt'\n"
        "save_checkpoint(path, {'number': 1})\n"
        "try:\n    save_checkpoint(path, {'big': torch.rand(2_000_000)})\n"
        "except CheckpointError as error: print(error)\n"
        "print(load_checkpoint(path))\n"
    )
    mount = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$0" "$1"'
    command = ["unshare", "-rm", "sh", "-c", mount, script, str(tmp_path), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    assert "the one before is unharmed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.endswith("{'number': 1}\n")


def test_a_folder_that_is_removed_is_made_again(tmp_path):
    path = tmp_path / "runs" / "last.pt"
    save_checkpoint(path, small_state(1))
    shutil.rmtree(path.parent)
    save_checkpoint(path, small_state(2))
    assert load_checkpoint(path)["number"] == 2


def test_a_file_in_the_folders_place_is_named(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(CheckpointError, match=r"cannot write .*runs.*nothing was written"):
        save_checkpoint(tmp_path / "runs" / "last.pt", small_state())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CheckpointError, match="Permission denied"):
        save_checkpoint(tmp_path / "last.pt", small_state())
    tmp_path.chmod(0o700)


BAD_STATES = {
    "a module": (
        {"model": nn.Linear(2, 2)},
        r"state\['model'\] is a torch\.nn.*; save its state_dict",
    ),
    "a function": (
        {"a": [1, len]},
        r"state\['a'\]\[1\] is a builtins.*; save numbers, strings, tensors",
    ),
    "a lambda": ({"f": lambda x: x}, r"state\['f'\] is a builtins.function"),
    "an array": ({"array": np.zeros(3)}, r"state\['array'\] is a numpy.ndarray; .*\.tolist\(\)"),
    "a NumPy number": (
        {"r": {"l": [np.float64(2)]}},
        r"state\['r'\]\['l'\]\[0\] is a numpy.float64",
    ),
    "a NumPy key": ({np.int64(3): 1}, r"the key .*3.* of state is a numpy.int64; .*\.tolist\(\)"),
}


@pytest.mark.parametrize("kind", BAD_STATES)
def test_what_could_not_be_read_back_safely_is_not_written_and_named(kind, tmp_path):
    path, (bad, says) = tmp_path / "last.pt", BAD_STATES[kind]
    save_checkpoint(path, small_state(1))
    with pytest.raises(
        CheckpointError, match=rf"cannot write .*: {says}.*; the one before is unha"
    ):
        save_checkpoint(path, bad)
    assert load_checkpoint(path)["number"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


class Malicious:
    """Unpickling this makes a file: a harmless stand-in for what a real one would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def write_bad(kind, path, mark):
    """Write a checkpoint that is bad in a certain way."""
    save_checkpoint(path, small_state())
    whole = path.read_bytes()
    if kind == "cut short":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "its end missing":
        path.write_bytes(whole[:-1])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not a checkpoint")
    elif kind == "a picture folder's zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("cat.png", b"\x89PNG")
    elif kind == "a bit flipped":
        at = whole.index(b"\x00\x00\x80\x3f" * 8) + 5
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
    elif kind == "malicious":
        torch.save({"model": Malicious(mark)}, path)
    elif kind == "malicious, of the old format":
        torch.save({"model": Malicious(mark)}, path, _use_new_zipfile_serialization=False)
    elif kind == "NumPy's numbers":
        torch.save({"losses": [np.float64(0.5)], "array": np.zeros(3)}, path)
    elif kind == "of before torch 1.6":
        torch.save(small_state(), path, _use_new_zipfile_serialization=False)
    elif kind == "a bare pickle":
        path.write_bytes(pickle.dumps(Malicious(mark)))
    elif kind == "a folder":
        path.unlink()
        path.mkdir()
    elif kind == "missing":
        path.unlink()


BAD = {
    "cut short": "cut short, damaged or no checkpoint",
    "its end missing": "cut short, damaged or no checkpoint",
    "empty": "cut short, damaged or no checkpoint",
    "text": "cut short, damaged or no checkpoint",
    "a picture folder's zip": "cut short, damaged or no checkpoint",
    "a bit flipped": "the checksum of .* is wrong",
    "malicious": "holds more than data and might run code; nothing of it was run",
    "malicious, of the old format": "format before torch 1.6, .*weights_only=True",
    "of before torch 1.6": "format before torch 1.6, .* and save it again",
    "NumPy's numbers": r"holds NumPy's numbers or arrays, which are not read; .*x.tolist\(\)",
    "a bare pickle": "cut short, damaged or no checkpoint",
    "a folder": "cut short, damaged or no checkpoint",
    "missing": "is not there",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_checkpoint_is_refused_and_the_newest_whole_one_offered(kind, tmp_path):
    mark, path = tmp_path / "executed", tmp_path / "last.pt"
    write_bad(kind, path, mark)
    with pytest.raises(CheckpointError, match=BAD[kind]) as caught:
        load_checkpoint(path)
    assert "is whole" not in str(caught.value)
    save_checkpoint(tmp_path / "epoch_0001.pt", small_state(1))
    save_checkpoint(tmp_path / "epoch_0002.pt", small_state(2))
    for second, number in enumerate((1, 2)):
        os.utime(tmp_path / f"epoch_000{number}.pt", (second, second))
    with pytest.raises(CheckpointError, match=r"epoch_0002\.pt is whole$"):
        load_checkpoint(path)
    assert newest_checkpoint(tmp_path) == tmp_path / "epoch_0002.pt"
    assert not mark.exists()


def test_the_malicious_file_would_run_if_it_were_trusted(tmp_path):
    torch.save(Malicious(tmp_path / "executed"), tmp_path / "m.pt")
    torch.load(tmp_path / "m.pt", weights_only=False)
    assert (tmp_path / "executed").exists()


def test_no_flipped_bit_gives_other_numbers_than_were_saved(tmp_path):
    path, bits, seen = tmp_path / "last.pt", random.Random(0), Counter()
    save_checkpoint(path, {**small_state(), "random": random_state()})
    whole, original = path.read_bytes(), load_checkpoint(path)
    for _ in range(300):
        at = bits.randrange(len(whole))
        flipped = bytes([whole[at] ^ 1 << bits.randrange(8)])
        path.write_bytes(whole[:at] + flipped + whole[at + 1 :])
        try:
            assert same(load_checkpoint(path), original)  # a bit of padding, say
            seen["harmless"] += 1
        except CheckpointError:
            seen["refused"] += 1
    assert seen["refused"] > 250


@pytest.mark.parametrize("kind", ["cut short", "a bit flipped", "malicious", "empty"])
def test_a_training_goes_on_from_the_checkpoint_before_a_bad_one(kind, undisturbed, tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop=2 * STEPS + 1)
    write_bad(kind, tmp_path / "last.pt", tmp_path / "executed")
    with pytest.warns(UserWarning, match=r"going on from .*epoch_0002\.pt: .*last\.pt "):
        assert same(run(tmp_path), undisturbed)
    assert not (tmp_path / "executed").exists()


def test_weights_that_fit_are_loaded_and_those_that_do_not_are_listed():
    model, other = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), nn.Linear(3, 4)
    weights = {f"0.{k}": v for k, v in other.state_dict().items()}
    weights |= {"1.weight": torch.zeros(5, 4), "1.bias": torch.zeros(2, dtype=torch.float64)}
    weights["head.bias"] = torch.zeros(7)
    lines = [
        "another dtype: 1.bias is torch.float64, the model's torch.float32",
        "another shape: 1.weight is torch.Size([5, 4]), the model's torch.Size([2, 4])",
        "unknown to the model: head.bias",
    ]
    assert compare_weights(model, weights) == lines
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, weights)
    assert all(line in str(caught.value) for line in lines)
    assert same(dict(model.state_dict()), before)
    assert load_weights(model, weights, partial=True) == lines
    assert torch.equal(model[0].weight, other.weight)
    assert torch.equal(model[1].weight, before["1.weight"])


def test_weights_that_are_missing_are_listed():
    assert compare_weights(nn.Linear(3, 4), {}) == ["missing: bias (4,)", "missing: weight (4, 3)"]


def test_weights_of_which_none_fits_are_refused_even_in_part():
    with pytest.raises(CheckpointError, match="do not fit"):
        load_weights(nn.Linear(3, 4), {"fc.weight": torch.zeros(2)}, partial=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a device that is not there")
def test_a_device_that_is_not_there_is_no_damage(tmp_path):
    save_checkpoint(tmp_path / "last.pt", small_state())
    with pytest.raises(CheckpointError, match=r'cannot be put on cuda .*map_location="cpu"'):
        load_checkpoint(tmp_path / "last.pt", map_location="cuda")
    assert load_checkpoint(tmp_path / "last.pt", map_location="meta")["weights"].is_meta


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_a_prefix_that_a_wrapper_left_is_named(prefix):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    weights = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"without '{prefix}' before them the names"):
        load_weights(model, weights)
    wrapped = nn.ModuleDict({"module": model})
    with pytest.raises(CheckpointError, match=r"the model's names begin with 'module\.'"):
        load_weights(wrapped, model.state_dict())


def test_other_names_are_not_taken_for_a_prefix():
    weights = {"encoder.0.weight": torch.zeros(4, 3), "head.bias": torch.zeros(4)}
    assert not any("prefix" in line for line in compare_weights(nn.Linear(3, 4), weights))


def test_weights_of_which_only_counters_fit_are_refused_even_in_part():
    model, other = (nn.Sequential(nn.Linear(3, n), nn.BatchNorm1d(n)) for n in (4, 5))
    with pytest.raises(CheckpointError, match="the weights do not fit the model"):
        load_weights(model, other.state_dict(), partial=True)


def cosine(epochs):
    return lambda optimizer: optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)


def parts_of(optimizer, scheduler):
    """Make parts that were trained for a step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    parts = {"model": model, "optimizer": optimizer(model.parameters())}
    parts["scheduler"] = scheduler(parts["optimizer"])
    model(torch.randn(5, 3)).sum().backward()
    parts["optimizer"].step()
    parts["scheduler"].step()
    return parts


def sgd(parameters):
    return optim.SGD(parameters, 0.1, momentum=0.9)


def in_two_groups(parameters):
    first, *others = parameters
    return sgd([{"params": [first]}, {"params": others}])


OTHER_PARTS = {
    "another optimizer": (
        optim.AdamW,
        cosine(4),
        "another kind of optimizer's: it lacks amsgrad, betas",
    ),
    "other groups": (in_two_groups, cosine(4), "1 groups of parameters, this optimizer 2"),
    "fewer parameters": (lambda p: sgd([*p][:2]), cosine(4), "4 parameters, this optimizer's 2"),
    "another flag": (
        lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        cosine(4),
        "nesterov is False, here True",
    ),
    "another scheduler": (sgd, lambda o: optim.lr_scheduler.StepLR(o, 4), "not that of a StepLR"),
    "a longer cosine": (sgd, cosine(8), "T_max is 4, here 8"),
    "another rate to begin with": (
        lambda p: optim.SGD(p, 0.2, momentum=0.9),
        cosine(4),
        r"base_lrs is \[0.1\], here \[0.2\]",
    ),
}


@pytest.mark.parametrize("kind", OTHER_PARTS)
def test_the_state_of_other_parts_is_refused_and_nothing_changed(kind):
    saved = copy.deepcopy(checkpoint.pack(parts_of(sgd, cosine(4))))
    optimizer, scheduler, says = OTHER_PARTS[kind]
    parts = parts_of(optimizer, scheduler)
    parts["model"][0].weight.data += 1
    before = copy.deepcopy({name: part.state_dict() for name, part in parts.items()})
    with pytest.raises(CheckpointError, match=rf"(?s)the state of the \w+ does not fit.*{says}"):
        unpack(saved, parts)
    assert same({name: part.state_dict() for name, part in parts.items()}, before)


def test_a_state_that_fails_only_while_it_is_loaded_changes_nothing():
    class Stubborn:
        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            if state:
                raise KeyError("never")

    saved = copy.deepcopy({**checkpoint.pack(parts_of(sgd, cosine(4))), "last": {"a": 1}})
    parts = {**parts_of(sgd, cosine(4)), "last": Stubborn()}
    parts["model"][0].weight.data += 1
    before = copy.deepcopy({name: part.state_dict() for name, part in parts.items()})
    with pytest.raises(
        CheckpointError, match=r"cannot be loaded, nothing changed: KeyError..never"
    ):
        unpack(saved, parts)
    assert same({name: part.state_dict() for name, part in parts.items()}, before)


def test_parts_that_were_trained_take_back_an_earlier_state():
    parts = parts_of(sgd, cosine(4))
    saved = copy.deepcopy(checkpoint.pack(parts))
    parts["optimizer"].step()
    parts["scheduler"].step()
    unpack(saved, parts)
    assert all(same(part.state_dict(), saved[name]) for name, part in parts.items())


def test_a_checkpoint_of_another_network_changes_no_part(tmp_path):
    run(tmp_path)
    parts, train, valid = make()
    parts["model"] = nn.Linear(6, 3)
    before = parts["model"].weight.clone()
    with pytest.raises(CheckpointError, match="the state of the model does not fit"):
        fit_resumable(parts, train, valid, nn.CrossEntropyLoss(), EPOCHS, tmp_path)
    assert torch.equal(parts["model"].weight, before)


def test_bare_weights_are_not_a_full_checkpoint(tmp_path):
    save_checkpoint(tmp_path / "last.pt", make()[0]["model"].state_dict())
    parts, train, valid = make()
    with pytest.raises(
        CheckpointError, match=r"no checkpoint to go on from.*\n.*last\.pt is no full"
    ):
        fit_resumable(parts, train, valid, nn.CrossEntropyLoss(), EPOCHS, tmp_path)


def test_a_checkpoint_of_a_training_with_other_parts_is_refused(tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop=6)
    parts, *loaders = make(scheduler="none")
    with pytest.raises(CheckpointError, match="of a training with other parts: scheduler"):
        train(tmp_path, (parts, *loaders))


def test_an_optimizer_that_holds_the_parameters_in_another_order_is_refused(tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop=6)
    parts, *loaders = make(scheduler="none")
    first, *others = parts["model"].parameters()
    parts["optimizer"] = optim.SGD([*others, first], 0.1, momentum=0.9)
    parts["scheduler"] = SCHEDULERS["StepLR"](parts["optimizer"])
    before = copy.deepcopy(parts["model"].state_dict())
    with pytest.raises(CheckpointError, match="holds the parameters in another order"):
        train(tmp_path, (parts, *loaders))
    assert same(parts["model"].state_dict(), before)
