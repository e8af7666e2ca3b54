"""Right answers that differ from the solutions are right, too."""

import copy
import itertools
import math
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.order import random_state, set_random_state
from helpers.training import accuracy
from tests.exercises import checks, solutions

RIGHT = []


def right(exercise):
    """Note a right answer to an exercise, given as "lesson.exercise"."""

    def note(function):
        RIGHT.append(pytest.param(exercise, function, id=f"{exercise}-{function.__name__}"))
        return function

    return note


@right("setup.double")
def by_numpy(number):
    return np.multiply(number, 2)


@right("setup.count_parameters")
def by_numpy_s_sum(sizes):
    sizes = np.array(sizes)
    return ((sizes[:-1] + 1) * sizes[1:]).sum()


@right("setup.order_steps")
def as_texts_of_numpy(steps):
    workflow = np.array(["data", "model", "loss", "optimizer", "train", "evaluate", "save"])
    return list(workflow[np.isin(workflow, steps)])


@right("setup.baseline_score")
def by_numpy_s_mean(train_labels, test_labels):
    labels, counts = np.unique(train_labels, return_counts=True)
    return (np.array(test_labels) == labels[counts.argmax()]).mean()


@right("autograd.slopes")
def by_a_vector(curve, points):
    x = points.clone().requires_grad_()
    curve(x).backward(torch.ones_like(x))
    return x.grad


@right("autograd.slopes")
def by_autograd_grad(curve, points):
    x = points.clone().requires_grad_()
    return torch.autograd.grad(curve(x).sum(), x)[0]


@right("autograd.slopes")
def forwards(curve, points):
    return torch.func.jvp(curve, (points,), (torch.ones_like(points),))[1]


@right("autograd.slopes")
def point_by_point(curve, points):
    return torch.func.vmap(torch.func.grad(curve))(points)


@right("autograd.slopes")
def from_the_diagonal(curve, points):
    return torch.func.jacfwd(curve)(points).diagonal()


@right("autograd.newton_step")
def newton_forwards(curve, x):
    height, slope = torch.func.jvp(curve, (x,), (torch.ones_like(x),))
    return x - height / slope


@right("autograd.weighted_error")
def with_a_block(guesses, truths):
    error = guesses - truths
    with torch.no_grad():
        factor = error.abs()
    return (factor * error.square()).sum()


@right("gradient_descent.descend_once")
def by_autograd(weight, inputs, targets, lr):
    leaf = weight.clone().requires_grad_()
    ((leaf * inputs - targets) ** 2).mean().backward()
    return weight - lr * leaf.grad


@right("gradient_descent.momentum_path")
def with_numbers_of_numpy(start, curvature, lr, factor, steps):
    path, velocity = np.full(steps + 1, start), 0.0
    for step in range(steps):
        velocity = factor * velocity + curvature * path[step]
        path[step + 1] = path[step] - lr * velocity
    return list(path)


@right("linear_regression.predict")
def with_a_copy(model, inputs):
    with torch.no_grad():
        return copy.deepcopy(model).eval()(inputs)


@right("linear_regression.predict")
@torch.no_grad()
def below_a_decorator(model, inputs):
    modes = {module: module.training for module in model.modules()}
    outputs = model.eval()(inputs)
    for module, mode in modes.items():
        module.training = mode
    return outputs


@right("linear_regression.predict")
def frozen_for_a_while(model, inputs):
    marks = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.requires_grad_(False)
    outputs = below_a_decorator.__wrapped__(model, inputs)
    for parameter, mark in marks:
        parameter.requires_grad_(mark)
    return outputs


@right("cnn.conv_size")
def by_a_layer(size, kernel, padding, stride, dilation):
    if size + 2 * padding < dilation * (kernel - 1) + 1:
        return 0
    layer = torch.nn.Conv1d(1, 1, kernel, stride, padding, dilation)
    return np.int64(layer(torch.zeros(1, 1, size)).shape[2])


@right("cnn.max_pool")
def by_windows(x, size):
    return x.unfold(2, size, size).unfold(3, size, size).amax(dim=(4, 5))


@right("cnn.strided_convolution")
def moved_to_the_picture_s_device(picture, kernel, stride):
    windows = picture.unfold(0, kernel.shape[0], stride).unfold(1, kernel.shape[1], stride)
    rows, columns = windows.shape[:2]
    output = torch.zeros(rows, columns).to(picture)
    for row in torch.arange(rows):
        for column in range(columns):
            output[row, column] += (windows[row, column] * kernel).sum().item()
    return output


@right("cnn.strided_convolution")
def from_a_list(picture, kernel, stride):
    (height, width), (tall, wide) = picture.shape, kernel.shape
    rows = [
        [(picture[i : i + tall, j : j + wide] * kernel).sum() for j in _steps(width, wide, stride)]
        for i in _steps(height, tall, stride)
    ]
    return torch.stack([torch.stack(row) for row in rows])


@right("cnn.strided_convolution")
def from_a_list_of_numbers(picture, kernel, stride):
    numbers = from_a_list(picture, kernel, stride).tolist()
    return torch.tensor(numbers, dtype=picture.dtype, device=picture.device)


@right("cnn.strided_convolution")
def below_a_device(picture, kernel, stride):
    numbers = from_a_list(picture, kernel, stride)
    with picture.device:
        return torch.zeros(numbers.shape, dtype=picture.dtype) + numbers


def _steps(size, window, stride):
    return range(0, size - window + 1, stride)


@right("transfer_learning.replace_head")
def moved_to_the_old_one_s_device(model, classes):
    old = model[-1]
    model[-1] = torch.nn.Linear(old.in_features, classes).to(old.weight)
    return model


@right("transfer_learning.some_of_each")
def of_a_shuffled_whole(targets, count, generator):
    order = torch.randperm(len(targets), generator=generator).to(targets.device)
    shuffled = targets[order]
    return torch.cat([order[shuffled == label][:count] for label in targets.unique()])


@right("transfer_learning.some_of_each")
def sorted_within_a_class(targets, count, generator):
    rows = of_a_shuffled_whole(targets, count, generator)
    return rows.reshape(-1, count).sort(dim=1).values.flatten()


def _write_beside(path, data, sync):
    temporary = path.with_name("temporary")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        sync(file)
    temporary.replace(path)
    return path


@right("checkpointing.write_whole")
def synced_by_a_file_object(path, data):
    return _write_beside(path, data, os.fsync)


@right("checkpointing.write_whole")
def synced_by_its_number(path, data):
    return _write_beside(path, data, lambda file: os.fsync(file.fileno()))


if hasattr(os, "fdatasync"):

    @right("checkpointing.write_whole")
    def synced_without_its_dates(path, data):
        return _write_beside(path, data, os.fdatasync)


if hasattr(os, "O_SYNC"):

    @right("checkpointing.write_whole")
    def synced_with_each_write(path, data):
        temporary = path.with_name("temporary")
        number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_SYNC)
        os.write(number, data)
        os.close(number)
        return temporary.rename(path)

    @right("checkpointing.write_whole")
    def synced_with_the_folder(path, data):
        _write_beside(path, data, os.fsync)
        number = os.open(path.parent, os.O_RDONLY)
        os.fsync(number)
        os.close(number)
        return path


@right("checkpointing.write_whole")
def from_a_subfolder(path, data):
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        temporary = Path(folder, path.name)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return temporary.replace(path)


@right("tensorboard.log_losses")
def as_tensors(folder, losses, every):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:
        for step, loss in zip(range(every, 10**6, every), losses, strict=False):
            writer.add_scalar("loss/train", loss, step, new_style=True)
    return np.int64(len(losses) * every)


@right("checkpointing.go_on")
def left_in_eval_mode(model, optimizer, saved, batches):
    losses = with_gradients_of_zero(model, optimizer, saved, batches)
    model.eval()
    return losses


@right("checkpointing.go_on")
def with_gradients_of_zero(model, optimizer, saved, batches):
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    model.train()
    losses = []
    for inputs, targets in batches[saved["step"] :]:
        model.zero_grad(set_to_none=False)
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(np.float64(loss.item()))
    return losses


@right("checkpointing.batches_left")
def with_every_generator_put_back(loader, order, done):
    state = random_state()
    loader.generator.set_state(order)
    batches = iter(loader)
    passed = [next(batches) for _ in range(done)]
    set_random_state(state)
    return [*batches] if len(passed) == done else None


@right("checkpointing.batches_left")
def with_the_noise_drawn_in_a_fork(loader, order, done):
    loader.generator.set_state(order)
    batches = iter(loader)
    with torch.random.fork_rng(devices=[]):
        list(itertools.islice(batches, done))
    return list(batches)


@right("logistic_regression.precision_and_recall")
def rates_of_numpy(logits, targets, threshold):
    flagged, ill = (logits.sigmoid() >= threshold).cpu().numpy(), targets.cpu().numpy() == 1
    found = np.sum(flagged & ill)
    return found / max(flagged.sum(), 1), found / max(ill.sum(), 1)


@right("logistic_regression.auc_by_pairs")
def pair_by_pair(scores, targets):
    pairs = [(a, b) for a in scores[targets == 1] for b in scores[targets == 0]]
    return np.mean([0.5 if a == b else float(a > b) for a, b in pairs])


@right("logistic_regression.cheapest_threshold")
def as_numpy_s_number(probabilities, targets, miss_cost, alarm_cost):
    ill, scores = targets.cpu().numpy() == 1, probabilities.cpu().numpy()
    costs = {
        t: miss_cost * np.sum(ill & (scores < t)) + alarm_cost * np.sum(~ill & (scores >= t))
        for t in sorted({*scores, np.float32(2)})
    }
    return min(costs, key=costs.get)


@right("logistic_regression.weighted_bce")
def by_softplus(logits, targets, pos_weight):
    losses = torch.nn.functional.softplus(torch.where(targets == 1, -logits, logits))
    return (torch.where(targets == 1, pos_weight, 1) * losses).mean()


@right("datasets_and_dataloaders.batch_sizes")
def by_numpy_s_steps(examples, batch_size, drop_last):
    sizes = np.diff(np.append(np.arange(0, examples, batch_size), examples))
    return [size for size in sizes if size == batch_size or not drop_last]


@right("speed_and_memory.worker_share")
def numbers_of_numpy(start, stop, worker, workers):
    return list(np.arange(start, stop)[worker::workers])


@right("debugging.measure_accuracy")
def by_a_copy_that_never_trains(model, inputs, targets):
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        return accuracy(twin(inputs), targets)


@right("tensors.squared_distances")
def by_the_binomial(a, b):
    return (a**2).sum(dim=1)[:, None] + (b**2).sum(dim=1) - 2 * a @ b.T


@right("generative.clean_from_noise")
def one_picture_after_the_other(noisy, share, noise):
    less = [x - math.sqrt(1 - a) * n for x, a, n in zip(noisy, share, noise, strict=True)]
    return torch.stack(less).div(share[:, None] ** 0.5).clip(-1, 1)


@right("generative.kl_between")
def by_distributions(mean_q, log_var_q, mean_p, log_var_p):
    q = torch.distributions.Normal(mean_q, log_var_q.exp() ** 0.5)
    p = torch.distributions.Normal(mean_p, log_var_p.exp() ** 0.5)
    return torch.distributions.kl_divergence(q, p).sum(-1)


@right("generative.suspicious_share")
def by_loops_over_pictures(drawn, training, factor):
    found = 0
    for picture in drawn:
        near = min(training, key=lambda each: (each - picture).norm())
        others = [each for each in training if not torch.equal(each, near)]
        limit = factor * min((each - near).norm() for each in others)
        found += bool((near - picture).norm() < limit)
    return found / len(drawn)


@pytest.mark.parametrize(("exercise", "answer"), RIGHT)
def test_another_right_answer_is_right(exercise, answer, capsys):
    noun, name = exercise.split(".")
    for seed in range(3):
        getattr(checks(noun), name)(answer, seed=seed)
    assert capsys.readouterr().out.count(f"✓ {name}: right") == 3


def curve(x):
    return x**2 - 2


@pytest.mark.parametrize("marked", [False, True])
def test_the_solutions_of_lesson_02_take_marked_and_unmarked_inputs(marked):
    answers = {name: function for name, (function, _) in solutions("autograd").items()}
    points = torch.tensor([1.0, 3.0], requires_grad=marked)
    assert answers["slopes"](curve, points).tolist() == [2, 6]
    point = torch.tensor(2.0, requires_grad=marked)
    guess = answers["newton_step"](curve, point)
    assert guess.item() == 1.5
    assert not guess.requires_grad
    assert points.grad is point.grad is None
    assert points.requires_grad == point.requires_grad == marked


@pytest.mark.parametrize("losses", [[math.nan] * 4, [math.nan, 2.0, 1.0], [2.0, math.nan, 1.0]])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_the_solution_and_the_reference_stop_alike_where_losses_are_nan(losses, patience):
    stopping_epoch = solutions("feedforward_network")["stopping_epoch"][0]
    reference = checks("feedforward_network")._stop
    assert stopping_epoch(losses, patience) == reference(losses, patience)
