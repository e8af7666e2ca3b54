"""Wrong answers to the exercises of lesson 15, checkpointing."""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

import torch
from torch import nn

from tests.wrong_answers import wrong


def _epochs(names):
    epochs = [name for name in names if name.startswith("epoch_")]
    return sorted(epochs, key=lambda name: int(name[6:-3]))


@wrong("epochs_to_delete", says="files[:-0] is empty")
def delete_none_for_zero(names, keep):
    return _epochs(names)[:-keep]


@wrong("epochs_to_delete", says="as text")
def delete_by_text(names, keep):
    files = sorted(name for name in names if name.startswith("epoch_"))
    return files[: max(0, len(files) - keep)]


@wrong("epochs_to_delete", says="as text")
def delete_by_text_and_none_for_zero(names, keep):
    return sorted(name for name in names if name.startswith("epoch_"))[:-keep]


@wrong("epochs_to_delete", says="no epoch's")
def delete_other_files_too(names, keep):
    return sorted(names)[: max(0, len(names) - keep)]


@wrong("epochs_to_delete", says="not every file is an epoch's")
def delete_expecting_only_epochs(names, keep):
    files = sorted(names, key=lambda name: int(name[6:-3]))
    return files[: max(0, len(files) - keep)]


@wrong("epochs_to_delete", says="files that stay")
def those_that_stay(names, keep):
    files = _epochs(names)
    return files[max(0, len(files) - keep) :]


@wrong("epochs_to_delete", says="all but the oldest")
def delete_the_newest(names, keep):
    return _epochs(names)[keep:]


@wrong("epochs_to_delete", says="oldest first")
def delete_in_any_order(names, keep):
    files = _epochs(names)
    gone = files[: max(0, len(files) - keep)]
    return [name for name in names if name in gone]


@wrong("epochs_to_delete", says="none goes")
def delete_with_a_negative_count(names, keep):
    files = _epochs(names)
    return files[: len(files) - keep]


@wrong("write_whole", says="wrote into the old file itself")
def write_in_place(path, data):
    path.write_bytes(data)
    return path


@wrong("write_whole", says="nothing was renamed")
def write_after_removing(path, data):
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


@wrong("write_whole", says="do not remove it before")
def write_beside_but_remove_first(path, data):
    temporary = _beside(path, data)
    path.unlink(missing_ok=True)
    temporary.rename(path)
    return path


@wrong("write_whole", says="fsync before it")
def write_without_fsync(path, data):
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
    return path


@wrong("write_whole", says="Python's own buffer")
def write_without_flush(path, data):
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


@wrong("write_whole", says="a rename stays on one disk")
def write_in_another_folder(path, data):
    handle, name = tempfile.mkstemp()
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path


@wrong("write_whole", says="wrote into the old file itself")
def write_and_copy(path, data):
    temporary = _beside(path, data)
    shutil.copyfile(temporary, path)
    temporary.unlink()
    return path


@wrong("write_whole", says="shutil.move may copy, so use path.replace")
def write_and_move(path, data):
    shutil.move(_beside(path, data), path)
    return path


@wrong("write_whole", says="wrote into the old file itself")
def write_in_place_and_beside(path, data):
    path.write_bytes(data)
    _beside(path, data).replace(path)
    return path


@wrong("write_whole", says="left behind")
def write_leaving_a_copy(path, data):
    old = path.with_name("old.bak")
    old.write_bytes(data)
    _beside(path, data).replace(path)
    return path


@wrong("write_whole", says="does not hold `data`")
def write_only_a_part(path, data):
    _beside(path, data).replace(path)
    with path.open("r+b") as file:
        file.truncate(len(data) - 1)
    return path


@wrong("write_whole", says="forget `return`")
def write_without_return(path, data):
    _beside(path, data).replace(path)


@wrong("write_whole", says="return `path`")
def write_returning_the_temporary_name(path, data):
    temporary = _beside(path, data)
    temporary.replace(path)
    return temporary


def _beside(path, data):
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _restore(model, optimizer, saved):
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])


def _train(model, optimizer, batches, zero=True, step=True):
    model.train()
    losses = []
    for inputs, targets in batches:
        loss = nn.CrossEntropyLoss()(model(inputs), targets)
        if zero:
            optimizer.zero_grad()
        loss.backward()
        if step or len(losses) < len(batches) - 1:
            optimizer.step()
        losses.append(loss.item())
    return losses


@wrong("go_on", says="optimizer's state was not put back")
def go_on_with_a_new_optimizer(model, optimizer, saved, batches):
    model.load_state_dict(saved["model"])
    return _train(model, optimizer, batches[saved["step"] :])


@wrong("go_on", says="own weights were not put back")
def go_on_with_a_new_model(model, optimizer, saved, batches):
    optimizer.load_state_dict(saved["optimizer"])
    return _train(model, optimizer, batches[saved["step"] :])


@wrong("go_on", says="began at the first batch again")
def go_on_from_the_beginning(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    return _train(model, optimizer, batches)


@wrong("go_on", says="are done: not 3")
def go_on_one_later(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    return _train(model, optimizer, batches[saved["step"] + 1 :])


@wrong("go_on", says="a batch that was done already")
def go_on_one_earlier(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    return _train(model, optimizer, batches[max(0, saved["step"] - 1) :])


@wrong("go_on", says="zero_grad is missing")
def go_on_adding_gradients(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    return _train(model, optimizer, batches[saved["step"] :], zero=False)


@wrong("go_on", says="not trained to the end")
def go_on_without_the_last_step(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    return _train(model, optimizer, batches[saved["step"] :], step=False)


@wrong("go_on", says="train in train mode")
def go_on_in_eval_mode(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    losses = []
    for inputs, targets in batches[saved["step"] :]:
        loss = nn.CrossEntropyLoss()(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@wrong("go_on", says="before its step, not after")
def go_on_with_the_loss_after_the_step(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    model.train()
    losses = []
    for inputs, targets in batches[saved["step"] :]:
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(inputs), targets).backward()
        optimizer.step()
        with torch.no_grad():
            losses.append(nn.CrossEntropyLoss()(model(inputs), targets).item())
    return losses


@wrong("go_on", says="not their mean")
def go_on_to_a_mean(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    losses = _train(model, optimizer, batches[saved["step"] :])
    return sum(losses) / len(losses)


@wrong("go_on", says="forget `return`")
def go_on_without_return(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    _train(model, optimizer, batches[saved["step"] :])


@wrong("epochs_to_delete", says="a file that is no epoch's")
def every_name_with_a_number(names, keep):
    files = [name for name in names if any(map(str.isdigit, name))]
    files.sort(key=lambda name: int("".join(filter(str.isdigit, name))))
    return files[: max(0, len(files) - keep)]


@wrong("write_whole", says="let the error out")
def write_whole_and_silent(path, data):
    temporary = path.with_name("temporary")
    with contextlib.suppress(OSError):
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    return path


@wrong("go_on", says="another optimizer took the steps")
def go_on_with_another_optimizer(model, optimizer, saved, batches):
    own = type(optimizer)(model.parameters())
    _restore(model, own, saved)
    return _train(model, own, batches[saved["step"] :])


@wrong("go_on", says="learns nothing")
def go_on_without_a_step(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    model.train()
    losses = []
    for inputs, targets in batches[saved["step"] :]:
        loss = nn.CrossEntropyLoss()(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


@wrong("go_on", says="your list has")
def go_on_to_the_last_but_one(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    return _train(model, optimizer, batches[saved["step"] : -1])


@wrong("go_on", says="loss.item() gives a float")
def go_on_to_tensors(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    return [torch.tensor(loss) for loss in _train(model, optimizer, batches[saved["step"] :])]


@wrong("epochs_to_delete", says="you list")
def one_epoch_too_many(names, keep):
    files = [name for name in names if name.startswith("epoch_")]
    files.sort(key=lambda name: int(name.removeprefix("epoch_").removesuffix(".pt")))
    return files[: max(1, len(files) - keep)]


@wrong("batches_left", says="put the loader's generator back")
def left_in_another_order(loader, order, done):
    return list(loader)[done:]


@wrong("batches_left", says="put the loader's generator back")
def left_with_the_order_set_too_late(loader, order, done):
    batches = iter(loader)
    loader.generator.set_state(order)
    return list(batches)[done:]


@wrong("batches_left", says="their noise is not")
def left_with_other_noise(loader, order, done):
    loader.generator.set_state(order)
    return list(loader)[done:]


@wrong("batches_left", says="their noise is not")
def left_with_noise_put_back_too_early(loader, order, done):
    state = torch.get_rng_state()
    loader.generator.set_state(order)
    batches = iter(loader)
    torch.set_rng_state(state)
    return list(batches)[done:]


@wrong("batches_left", says="this is the whole epoch")
def left_with_those_done(loader, order, done):
    loader.generator.set_state(order)
    return list(loader)


@wrong("batches_left", says="one batch too many")
def left_from_the_next_one(loader, order, done):
    return _deal(loader, order, done + 1)


@wrong("batches_left", says="is still there; ")
def left_from_the_last_one(loader, order, done):
    return _deal(loader, order, max(0, done - 1))


@wrong("batches_left", says="batches that were done")
def those_done(loader, order, done):
    loader.generator.set_state(order)
    return list(loader)[:done]


@wrong("batches_left", says="return a list")
def left_as_an_iterator(loader, order, done):
    loader.generator.set_state(order)
    return iter(loader)


@wrong("batches_left", says="inputs and targets")
def left_without_their_targets(loader, order, done):
    return [inputs for inputs, _ in _deal(loader, order, done)]


@wrong("batches_left", says="forget `return`")
def left_unreturned(loader, order, done):
    _deal(loader, order, done)


def _deal(loader, order, done):
    state = torch.get_rng_state()
    loader.generator.set_state(order)
    batches = iter(loader)
    for _ in range(done):
        next(batches, None)
    torch.set_rng_state(state)
    return list(batches)


def _to_delete(names, keep, pattern=r"epoch_\d+\.pt"):
    found = [name for name in names if re.fullmatch(pattern, name)]
    found.sort(key=lambda name: int(re.findall(r"\d+", name)[0]))
    return found[: max(0, len(found) - keep)]


@wrong("epochs_to_delete", says="best_epoch_7.pt")
def delete_whatever_names_an_epoch(names, keep):
    return _to_delete(names, keep, r".*epoch.*\d+.*")


@wrong("epochs_to_delete", says="must go")
def delete_from_epoch_1_up(names, keep):
    return _to_delete(names, keep, r"epoch_[1-9]\d*\.pt")


@wrong("epochs_to_delete", says="")
def delete_epochs_of_three_digits(names, keep):
    return _to_delete(names, keep, r"epoch_\d{1,3}\.pt")


@wrong("epochs_to_delete", says="must go")
def delete_fifteen_at_most(names, keep):
    return _to_delete(names, keep)[:15]


@wrong("epochs_to_delete", says="must go")
def delete_all_but_a_hundred(names, keep):
    return _to_delete(names, min(keep, 100))


@wrong("epochs_to_delete", says="")
def delete_something_of_nothing(names, keep):
    return _to_delete(names, keep) or names[-1:]


def _whole(path, data, name="temporary", mode="wb"):
    temporary = path.with_name(name)
    with temporary.open(mode) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


@wrong("write_whole", says="nothing was renamed")
def write_only_some_data(path, data):
    return _whole(path, data) if data else path


@wrong("write_whole", says="not 'ab'")
def write_at_the_end(path, data):
    return _whole(path, data, mode="ab")


@wrong("write_whole", says="must not stop the next write")
def write_a_new_file_only(path, data):
    return _whole(path, data, mode="xb")


@wrong("write_whole", says="not yours, is gone")
def write_and_clear_the_folder(path, data):
    for file in path.parent.iterdir():
        if file != path:
            file.unlink()
    return _whole(path, data)


@wrong("write_whole", says="let the error out")
def write_and_ignore_the_disk(path, data):
    temporary = path.with_name("temporary")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())
    temporary.replace(path)
    return path


@wrong("write_whole", says="renamed the old file away")
def write_after_setting_the_old_aside(path, data):
    if path.exists():
        path.rename(path.with_name("old"))
    return _whole(path, data)


def _resume(model, optimizer, saved, batches, **how):
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    model.train()
    losses = []
    for inputs, targets in batches[saved["step"] :]:
        loss = torch.nn.functional.cross_entropy(model(inputs), targets, **how)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@wrong("go_on", says="averages over a batch")
def go_on_with_sums(*given):
    return _resume(*given, reduction="sum")


@wrong("go_on", says="expected")
def go_on_and_round(*given):
    return [round(loss, 4) for loss in _resume(*given)]


@wrong("go_on", says="0 batches are left")
def go_on_with_nothing_left(*given):
    return _resume(*given) or [0.0]


@wrong("go_on", says="the model is not trained to the end")
def go_on_only_if_something_is_left(model, optimizer, saved, batches):
    left = saved["step"] < len(batches)
    return _resume(model, optimizer, saved, batches) if left else []


@wrong("go_on", says="lost their requires_grad")
def go_on_and_freeze(model, *rest):
    losses = _resume(model, *rest)
    model.requires_grad_(False)
    return losses


@wrong("go_on", says="changed its input")
def go_on_and_count_in_saved(model, optimizer, saved, batches):
    losses = _resume(model, optimizer, saved, batches)
    saved["step"] = len(batches)
    return losses


@wrong("go_on", says="")
def go_on_with_the_new_learning_rate(model, optimizer, saved, batches):
    groups = optimizer.state_dict()["param_groups"]
    state = {**saved["optimizer"], "param_groups": groups}
    return _resume(model, optimizer, {**saved, "optimizer": state}, batches)


@wrong("go_on", says="put both states back before the first step")
def go_on_and_restore_at_last(model, optimizer, saved, batches):
    losses = _train(model, optimizer, batches[saved["step"] :])
    _restore(model, optimizer, saved)
    return losses


@wrong("go_on", says="this only measures")
def go_on_without_training(model, optimizer, saved, batches):
    _restore(model, optimizer, saved)
    with torch.no_grad():
        return [
            nn.functional.cross_entropy(model(inputs), targets).item()
            for inputs, targets in batches[saved["step"] :]
        ]


@wrong("go_on", says="is no model: load_state_dict puts it in")
def go_on_with_a_dict_as_model(model, optimizer, saved, batches):
    model = saved["model"]
    optimizer.load_state_dict(saved["optimizer"])
    return _train(model, optimizer, batches[saved["step"] :])
