"""A training that was stopped goes on as if never stopped; a checkpoint is whole or refused."""

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
from torch.utils.data import (
    DataLoader,
    Dataset,
    RandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from helpers import checkpoint
from helpers.checkpoint import (
    CheckpointError,
    compare_weights,
    fit_resumable,
    load_checkpoint,
    load_weights,
    newest_checkpoint,
    random_state,
    save_checkpoint,
    set_random_state,
)

EPOCHS, STEPS = 3, 4  # batches an epoch


class Stop(Exception):
    """The power goes off."""


class Augmented(Dataset):
    """Adds noise from torch's, NumPy's and Python's global generators to each example."""

    def __init__(self, seed):
        generator = torch.Generator().manual_seed(seed)
        self.inputs = torch.randn(15, 6, generator=generator)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        noise = torch.randn(6) + np.random.rand() + random.random()
        return self.inputs[index] + 0.1 * noise, int(self.inputs[index, :3].argmax())


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
}


SCHEDULERS = {
    "SGD": lambda o: optim.lr_scheduler.StepLR(o, 1, gamma=0.5),
    "Adam": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, EPOCHS),
    "AdamW": lambda o: optim.lr_scheduler.OneCycleLR(o, 0.02, total_steps=EPOCHS + 1),
}


def make(kind="SGD", workers=0):
    """Make everything anew, by the same code: what a restarted process does."""
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3))
    optimizer = OPTIMIZERS[kind](model.parameters())
    parts = {"model": model, "optimizer": optimizer, "scheduler": SCHEDULERS[kind](optimizer)}
    order = torch.Generator().manual_seed(1)
    train = DataLoader(Augmented(0), 4, shuffle=True, generator=order, num_workers=workers)
    return parts, train, DataLoader(TensorDataset(*make_valid()), 5)


def make_valid():
    data = Augmented(1)
    return data.inputs, data.inputs[:, :3].argmax(dim=1)


def run(folder, kind="SGD", stop=None, every=1, workers=0):
    """Train, stopping before the given step's weights change; give everything that has a state."""
    return finish(*make(kind, workers), folder, stop, every)


def finish(parts, train, valid, folder, stop=None, every=1):
    calls = iter(range(1000))
    loss_fn = nn.CrossEntropyLoss()

    def stopping(outputs, targets):
        if outputs.requires_grad and next(calls) == stop:
            raise Stop
        return loss_fn(outputs, targets)

    history = fit_resumable(parts, train, valid, stopping, EPOCHS, folder, every)
    states = {name: part.state_dict() for name, part in parts.items()}
    return {"history": history, "random": random_state(), "next": torch.rand(3), **states}


def same(one, other):
    """Compare nested dicts and lists of tensors and numbers bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Train without interruption, once for each kind."""
    return {kind: run(tmp_path_factory.mktemp(kind), kind) for kind in OPTIMIZERS}


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_training_stopped_at_any_step_ends_bit_for_bit_the_same(
    kind, every, undisturbed, tmp_path
):
    for stop in range(EPOCHS * STEPS):
        folder = tmp_path / str(stop)
        with pytest.raises(Stop):
            run(folder, kind, stop, every)
        assert same(run(folder, kind, every=every), undisturbed[kind]), f"stopped at {stop}"


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_training_stopped_at_every_step_gets_there_all_the_same(kind, undisturbed, tmp_path):
    stops = 0
    while True:
        try:
            result = run(tmp_path, kind, stop=1)  # each life makes one step
            break
        except Stop:
            stops += 1
    assert stops >= EPOCHS * STEPS - 1
    assert same(result, undisturbed[kind])


def test_worker_processes_change_nothing_about_that(tmp_path):
    whole = run(tmp_path / "whole", workers=2)
    with pytest.raises(Stop):
        run(tmp_path / "cut", stop=6, workers=2)
    assert same(run(tmp_path / "cut", workers=2), whole)


@pytest.mark.parametrize("part", ["random", "order", "optimizer", "scheduler", "run"])
def test_each_part_of_the_state_is_needed(part, undisturbed, tmp_path, monkeypatch):
    with pytest.raises(Stop):
        run(tmp_path, "AdamW", stop=6)
    path = newest_checkpoint(tmp_path)
    state, (parts, train, _) = load_checkpoint(path), make("AdamW")
    fresh = checkpoint.pack(parts, order=train.generator.get_state())
    fresh["run"] = {**state["run"], "step": 0}
    save_checkpoint(path, {**state, part: fresh[part]})
    assert not same(run(tmp_path, "AdamW"), undisturbed["AdamW"])


def test_a_finished_training_is_not_trained_further(undisturbed, tmp_path):
    run(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert same(run(tmp_path), undisturbed["SGD"])
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


@pytest.mark.parametrize("kind", ["no generator", "the sampler's own", "lasting workers"])
def test_a_loader_whose_order_cannot_be_saved_is_refused(kind, tmp_path):
    parts, train, valid = make()
    own, other = torch.Generator(), torch.Generator()
    ways = {
        "no generator": {"shuffle": True},
        "the sampler's own": {
            "sampler": RandomSampler(train.dataset, generator=other),
            "generator": own,
        },
        "lasting workers": {
            "shuffle": True,
            "generator": own,
            "num_workers": 1,
            "persistent_workers": True,
        },
    }
    train = DataLoader(train.dataset, 4, **ways[kind])
    with pytest.raises(ValueError, match=r"cannot be saved; make it with generator="):
        fit_resumable(parts, train, valid, nn.CrossEntropyLoss(), 1, tmp_path)


def test_a_sampler_that_shares_the_loaders_generator_resumes(tmp_path):
    def train(folder, stop=None):
        parts, loader, valid = make()
        own = torch.Generator().manual_seed(1)
        sampler = WeightedRandomSampler(torch.arange(1.0, 16), 15, generator=own)
        loader = DataLoader(loader.dataset, 4, sampler=sampler, generator=own)
        return finish(parts, loader, valid, folder, stop=stop)

    whole = train(tmp_path / "whole")
    with pytest.raises(Stop):
        train(tmp_path / "cut", stop=6)
    assert same(train(tmp_path / "cut"), whole)


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


@pytest.mark.parametrize("bad", [{"model": nn.Linear(2, 2)}, {"f": len}, {"array": np.zeros(3)}])
def test_what_could_not_be_read_back_safely_is_not_written(bad, tmp_path):
    path = tmp_path / "last.pt"
    save_checkpoint(path, small_state(1))
    with pytest.raises(CheckpointError, match=r"cannot write .* might run code.*unharmed"):
        save_checkpoint(path, bad)
    assert load_checkpoint(path)["number"] == 1


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
    "malicious, of the old format": "cut short, damaged or no checkpoint",
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
    assert "whole" not in str(caught.value)
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
    assert same(run(tmp_path), undisturbed["SGD"])
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


def test_a_checkpoint_of_another_network_changes_no_part(tmp_path):
    run(tmp_path)
    parts, train, valid = make()
    parts["model"] = nn.Linear(6, 3)
    before = parts["model"].weight.clone()
    with pytest.raises(CheckpointError, match="the weights do not fit the model"):
        fit_resumable(parts, train, valid, nn.CrossEntropyLoss(), EPOCHS, tmp_path)
    assert torch.equal(parts["model"].weight, before)


def test_bare_weights_are_not_a_full_checkpoint(tmp_path):
    save_checkpoint(tmp_path / "last.pt", make()[0]["model"].state_dict())
    parts, train, valid = make()
    with pytest.raises(CheckpointError, match="has no model, optimizer, scheduler"):
        fit_resumable(parts, train, valid, nn.CrossEntropyLoss(), EPOCHS, tmp_path)
