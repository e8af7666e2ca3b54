"""Wrong answers to the exercises of lesson 16, debugging.

The first of each is the broken function itself, called by another, so that it is no longer the
untouched one which the check takes for not attempted.
"""

import copy

import torch
from torch import nn, optim

from helpers.checks import broken
from helpers.training import accuracy
from tests.wrong_answers import wrong


@wrong("shuffle_pairs", says="still have their own label, and a training on your pairs stays")
def two_orders(inputs, targets):
    return broken.shuffle_pairs(inputs, targets)


@wrong("shuffle_pairs", says="in the order in which they came")
def no_order(inputs, targets):
    return inputs, targets


@wrong("shuffle_pairs", says="still have their own label")
def only_the_inputs(inputs, targets):
    return inputs[torch.randperm(len(inputs))], targets


@wrong("shuffle_pairs", says="each call must draw a new order")
def one_order_for_ever(inputs, targets):
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    return inputs[order], targets[order]


@wrong("shuffle_pairs", says="still follow the pair that they followed before")
def only_turned(inputs, targets):
    shift = int(torch.randint(1, len(inputs), ()))
    return inputs.roll(shift, 0), targets.roll(shift, 0)


@wrong("shuffle_pairs", says="some are lost, repeated or changed")
def draw_with_repetition(inputs, targets):
    order = torch.randint(0, len(inputs), (len(inputs),))
    return inputs[order], targets[order]


@wrong("shuffle_pairs", says="return two tensors")
def only_the_order(inputs, targets):
    return torch.randperm(len(inputs))


@wrong("make_classifier", says="the outputs are probabilities")
def probabilities(features, classes):
    return broken.make_classifier(features, classes)


@wrong("make_classifier", says="the outputs are probabilities")
def softmax_over_the_last(features, classes):
    layers = [nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, classes)]
    return nn.Sequential(*layers, nn.Softmax(dim=-1))


@wrong("make_classifier", says="the loss is still")
def sigmoid_instead(features, classes):
    layers = [nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, classes)]
    return nn.Sequential(*layers, nn.Sigmoid())


@wrong("make_classifier", says="the loss is still")
def without_the_relu(features, classes):
    return nn.Sequential(nn.Linear(features, 32), nn.Linear(32, classes))


@wrong("make_classifier", says="expected outputs of shape")
def softmax_and_layer_gone(features, classes):
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU())


@wrong("even_out", says="an image alone comes out otherwise than among others")
def over_the_batch(images):
    return broken.even_out(images)


@wrong("even_out", says="an image alone comes out otherwise than among others")
def over_everything(images):
    return images - images.mean()


@wrong("even_out", says="one mean an image has shape (images,)")
def without_keepdim(images):
    return images - images.mean(dim=1)


@wrong("even_out", says="that is the mean itself")
def the_mean(images):
    return images.mean(dim=1, keepdim=True).expand_as(images)


@wrong("even_out", says="subtract the mean from the image")
def the_wrong_way(images):
    return images.mean(dim=1, keepdim=True) - images


@wrong("squared_loss", says="after training the predictions are all alike")
def n_by_n(predictions, targets):
    return broken.squared_loss(predictions, targets)


@wrong("squared_loss", says="every prediction meets every target")
def still_n_by_n(predictions, targets):
    return ((predictions - targets.unsqueeze(0)) ** 2).mean()


@wrong("squared_loss", says="that is the sum of the squares")
def summed(predictions, targets):
    return ((predictions.squeeze(1) - targets) ** 2).sum()


@wrong("squared_loss", says="return a tensor, so that backward() can start")
def as_a_number(predictions, targets):
    return ((predictions.squeeze(1) - targets) ** 2).mean().item()


@wrong("squared_loss", says="take the mean of the squares")
def not_averaged(predictions, targets):
    return (predictions.squeeze(1) - targets) ** 2


@wrong("run_steps", says="the gradients of all batches still add up")
def gradients_add_up(model, loss_fn, optimizer, batches):
    return broken.run_steps(model, loss_fn, optimizer, batches)


@wrong("run_steps", says="the gradients of all batches still add up")
def cleared_once(model, loss_fn, optimizer, batches):
    optimizer.zero_grad()
    return broken.run_steps(model, loss_fn, optimizer, batches)


@wrong("run_steps", says="the loss does not fall: no step is taken")
def cleared_too_early(model, loss_fn, optimizer, batches):
    losses = []
    for inputs, targets in batches:
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        losses.append(loss.item())
    return losses


@wrong("run_steps", says="one loss is missing")
def one_too_few(model, loss_fn, optimizer, batches):
    losses = []
    for inputs, targets in batches:
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[:-1]


@wrong("prepare_head", says="the layers before it moved: the wrong part is frozen")
def freeze_the_head(model, lr):
    return broken.prepare_head(model, lr)


@wrong("prepare_head", says="every parameter is frozen")
def freeze_everything(model, lr):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return optim.SGD(model.parameters(), lr=lr)


@wrong("prepare_head", says="tensors before the last layer moved")
def freeze_nothing(model, lr):
    return optim.SGD(model.parameters(), lr=lr)


@wrong("prepare_head", says="still get gradients")
def only_leave_them_out(model, lr):
    return optim.SGD(model[-1].parameters(), lr=lr)


@wrong("prepare_head", says="plain SGD with the `lr` given")
def another_rate(model, lr):
    for parameter in model[:-1].parameters():
        parameter.requires_grad_(False)
    return optim.SGD(model[-1].parameters(), lr=lr / 100)


@wrong("add_scale", says="It is a plain tensor; make it an nn.Parameter")
def plain_tensor(model, features):
    return broken.add_scale(model, features)


@wrong("add_scale", says="It is a buffer; make it an nn.Parameter")
def as_a_buffer(model, features):
    model.register_buffer("scale", torch.ones(features))
    return model


@wrong("add_scale", says="a parameter, but frozen")
def as_a_frozen_parameter(model, features):
    model.scale = nn.Parameter(torch.ones(features), requires_grad=False)
    return model


@wrong("add_scale", says="return the model that came in")
def return_the_scale(model, features):
    model.scale = nn.Parameter(torch.ones(features))
    return model.scale


@wrong("add_scale", says="expected shape (4,), got (1,)")
def one_for_all(model, features):
    model.scale = nn.Parameter(torch.ones(1))
    return model


@wrong("careful_step", says="clip the gradient when it is there and before the step")
def clip_nothing(model, optimizer, loss):
    return broken.careful_step(model, optimizer, loss)


@wrong("careful_step", says="clip the gradient when it is there and before the step")
def clip_too_late(model, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()


@wrong("careful_step", says="clip its norm")
def clip_each_number(model, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), float("inf"))
    nn.utils.clip_grad_value_(model.parameters(), 1.0)
    optimizer.step()
    return norm.item()


@wrong("careful_step", says="the norm after clipping")
def norm_from_after(model, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()


@wrong("careful_step", says="return the norm as a Python float, not a tensor")
def norm_as_a_tensor(model, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return norm


@wrong("mean_length", says="the gradient of 1 row is still nan")
def slope_of_the_root(rows):
    return broken.mean_length(rows)


@wrong("mean_length", says="the gradient of 1 row is still nan")
def where_afterwards(rows):
    squares = (rows**2).sum(dim=1)
    return torch.where(squares > 0, squares.sqrt(), 0.0).mean()


@wrong("mean_length", says="a row of zeros counts too")
def without_the_zeros(rows):
    squares = (rows**2).sum(dim=1)
    return squares[squares > 0].sqrt().mean()


@wrong("mean_length", says="the values differ")
def much_too_much_added(rows):
    return ((rows**2).sum(dim=1) + 0.1).sqrt().mean()


@wrong("mean_length", says="no gradient can flow back")
def cut_off(rows):
    return rows.detach().norm(dim=1).mean()


@wrong("measure_accuracy", says="dropout still switches units off")
def in_train_mode(model, inputs, targets):
    return broken.measure_accuracy(model, inputs, targets)


@wrong("measure_accuracy", says="still in eval mode, and would train on without dropout")
def left_in_eval_mode(model, inputs, targets):
    model.eval()
    return broken.measure_accuracy(model, inputs, targets)


@wrong("measure_accuracy", says="dropout still switches units off")
def eval_too_late(model, inputs, targets):
    with torch.no_grad():
        logits = model(inputs)
    model.eval()
    model.train()
    return accuracy(logits, targets)


@wrong("measure_accuracy", says="a graph is recorded")
def with_a_graph(model, inputs, targets):
    model.eval()
    logits = model(inputs)
    model.train()
    return accuracy(logits, targets)


@wrong("measure_accuracy", says="the share of wrong answers")
def share_of_mistakes(model, inputs, targets):
    model.eval()
    with torch.no_grad():
        logits = model(inputs)
    model.train()
    return 1 - accuracy(logits, targets)


@wrong("report_loss", says="the last batch counts as much as the others")
def every_batch_alike(model, loader, loss_fn):
    return broken.report_loss(model, loader, loss_fn)


@wrong("report_loss", says="that is the sum of the batches' means")
def sum_of_means(model, loader, loss_fn):
    return sum(loss_fn(model(inputs), targets).item() for inputs, targets in loader)


@wrong("report_loss", says="that is the sum of all losses")
def sum_of_losses(model, loader, loss_fn):
    return sum(loss_fn(model(inputs), some).item() * len(some) for inputs, some in loader)


@wrong("report_loss", says="the last batch has fewer examples")
def first_size_for_all(model, loader, loss_fn):
    total = sum(loss_fn(model(inputs), some).item() * len(some) for inputs, some in loader)
    return total / (len(loader) * len(loader[0][0]))


@wrong("report_loss", says="as a Python float, not a tensor")
def loss_as_a_tensor(model, loader, loss_fn):
    total = sum(loss_fn(model(inputs), some) * len(some) for inputs, some in loader)
    return total / sum(len(some) for _, some in loader)


@wrong("choose_columns", says="still chosen by all rows")
def by_every_row(inputs, targets, train_rows):
    return broken.choose_columns(inputs, targets, train_rows)


@wrong("choose_columns", says="still chosen by the mean of all targets")
def with_the_mean_of_all(inputs, targets, train_rows):
    centred = (targets - targets.mean())[train_rows].unsqueeze(1)
    return (inputs[train_rows] * centred).sum(dim=0).abs().topk(10).indices


@wrong("choose_columns", says="take the training rows of both")
def only_the_training_inputs(inputs, targets, train_rows):
    return broken.choose_columns(inputs[train_rows], targets, train_rows)


@wrong("choose_columns", says="expected shape")
def eleven(inputs, targets, train_rows):
    known = targets[train_rows]
    centred = (known - known.mean()).unsqueeze(1)
    return (inputs[train_rows] * centred).sum(dim=0).abs().topk(11).indices


@wrong("choose_columns", says="the values differ")
def without_the_sign(inputs, targets, train_rows):
    known = targets[train_rows]
    centred = (known - known.mean()).unsqueeze(1)
    return (inputs[train_rows] * centred).sum(dim=0).topk(10).indices


@wrong("add_noise", says="the noise is made on the CPU, and the inputs are elsewhere")
def on_the_cpu(inputs, strength):
    return broken.add_noise(inputs, strength)


@wrong("add_noise", says="leave the inputs where they are")
def bring_the_inputs_home(inputs, strength):
    return inputs.cpu() + strength * torch.randn(inputs.shape)


@wrong("add_noise", says="the noise has mean")
def not_around_zero(inputs, strength):
    return inputs + strength * (torch.randn_like(inputs) + 0.5)


@wrong("add_noise", says="the noise is not normal")
def uniform_noise(inputs, strength):
    return inputs + strength * 12**0.5 * (torch.rand_like(inputs) - 0.5)


@wrong("add_noise", says="the noise has standard deviation")
def forget_the_strength(inputs, strength):
    return inputs + torch.randn_like(inputs)


@wrong("add_noise", says="changed its input")
def noise_in_place(inputs, strength):
    inputs += strength * torch.randn_like(inputs)
    return copy.copy(inputs)


@wrong("run_steps", says="before its step, not after")
def run_steps_and_look_afterwards(model, loss_fn, optimizer, batches):
    losses = []
    for inputs, targets in batches:
        optimizer.zero_grad()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
        losses.append(loss_fn(model(inputs), targets).item())
    return losses
