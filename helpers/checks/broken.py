"""The broken trainings of lesson 16, as the lesson gives them: each has one fault.

The lesson looks at what they do before it shows them. Its exercises are to repair them, and a check
knows by this file whether a learner has changed one yet. They are functions of a few lines, so each
docstring says what it should do; nothing here says what is wrong.
"""

import torch
from torch import nn, optim

from helpers.training import accuracy


def shuffle_pairs(inputs, targets):
    """Return the same pairs, a tuple of two tensors, in a new random order.

    inputs: float32, (examples, features). targets: int64, (examples,).
    """
    inputs = inputs[torch.randperm(len(inputs))]
    targets = targets[torch.randperm(len(targets))]
    return inputs, targets


def make_classifier(features, classes):
    """Return a model for nn.CrossEntropyLoss, from (n, features) to (n, classes).

    features, classes: int.
    """
    first = nn.Linear(features, 32)
    second = nn.Linear(32, classes)
    return nn.Sequential(first, nn.ReLU(), second, nn.Softmax(dim=1))


def even_out(images):
    """Return each image minus the mean of its own pixels: all are equally bright.

    images: float32, (images, pixels).
    """
    mean = images.mean(dim=0)
    return images - mean


def squared_loss(predictions, targets):
    """Return the mean squared error, a tensor of shape ().

    predictions: float32, (n, 1). targets: float32, (n,).
    """
    return ((predictions - targets) ** 2).mean()


def run_steps(model, loss_fn, optimizer, batches):
    """Take one step a batch; return the losses before each step, a list of float.

    model: nn.Module. loss_fn: function. optimizer: of a class in optim.
    batches: a list of pairs of tensors, inputs and targets.
    """
    losses = []
    for inputs, targets in batches:
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def prepare_head(model, lr):
    """Freeze all but the last layer; return an SGD optimizer object for that one.

    model: nn.Sequential, a class of modules; changed. lr: float.
    """
    for parameter in model[-1].parameters():
        parameter.requires_grad_(False)
    trained = [each for each in model.parameters() if each.requires_grad]
    return optim.SGD(trained, lr=lr)


def add_scale(model, features):
    """Give the model a `scale` that trains, and return the model.

    model: nn.Module that reads self.scale: at first ones, float32, shape (features,).
    features: int.
    """
    model.scale = torch.ones(features, requires_grad=True)
    return model


def careful_step(model, optimizer, loss):
    """Take one step with a gradient of norm 1 at most.

    model: nn.Module. optimizer: of a class in optim. loss: float32, shape ().
    Return the norm that the gradient had before clipping, a float.
    """
    optimizer.zero_grad()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    loss.backward()
    optimizer.step()
    return norm.item()


def mean_length(rows):
    """Return the mean length of the rows, a tensor of shape ().

    rows: float32, (n, features). A row of zeros has length 0 and gets gradient 0.
    """
    squares = (rows**2).sum(dim=1)
    return squares.sqrt().mean()


def measure_accuracy(model, inputs, targets):
    """Return the accuracy as a user would see it, a float, computed without a graph.

    model: nn.Module, in train mode before and after.
    inputs: float32, (n, features). targets: int64, (n,).
    """
    with torch.no_grad():
        logits = model(inputs)
    return accuracy(logits, targets)


def report_loss(model, loader, loss_fn):
    """Return the mean loss over all examples, a float.

    model: nn.Module. loader: a list of pairs of tensors, inputs and targets.
    loss_fn: function that returns a batch's mean loss.
    """
    losses = []
    for inputs, targets in loader:
        losses.append(loss_fn(model(inputs), targets).item())
    return sum(losses) / len(losses)


def choose_columns(inputs, targets, train_rows):
    """Return the 10 columns that follow the targets best, int64, shape (10,).

    inputs: float32, (n, columns). targets: float32, (n,). train_rows: int64, (rows,),
    the numbers of the rows to train on.
    """
    centred = (targets - targets.mean()).unsqueeze(1)
    strength = (inputs * centred).sum(dim=0).abs()
    return strength.topk(10).indices


def add_noise(inputs, strength):
    """Return inputs plus normal noise, whose standard deviation is strength.

    inputs: float32, any shape, on any device. strength: float.
    """
    noise = torch.randn(inputs.shape)
    return inputs + strength * noise
