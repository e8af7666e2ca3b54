"""Wrong answers to the exercises of lesson 08, softmax and cross-entropy."""

import math

import torch
from torch.nn import functional

from tests.wrong_answers import wrong


@wrong("stable_log_softmax", says="the examples compete")
def over_the_examples(logits):
    return functional.log_softmax(logits, dim=0)


@wrong("stable_log_softmax", says="each row needs its own")
def one_maximum_for_the_batch(logits):
    shifted = logits - logits.max()
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


@wrong("stable_log_softmax", says="for ±1000")
def logarithm_of_softmax(logits):
    return torch.softmax(logits, dim=1).log()


@wrong("stable_log_softmax", says="for ±1000")
def without_a_shift(logits):
    return logits - logits.exp().sum(dim=1, keepdim=True).log()


@wrong("stable_log_softmax", says="for ±1000")
def guarded_by_a_small_number(logits):
    p = torch.softmax(logits, dim=1)
    return torch.where(p > 1e-30, p, 0 * p).log()


@wrong("stable_log_softmax", says="that is the softmax")
def the_softmax(logits):
    return torch.softmax(logits, dim=1)


@wrong("stable_log_softmax", says="the log of the sum is missing")
def only_shifted(logits):
    return logits - logits.max(dim=1, keepdim=True).values


@wrong("stable_log_softmax", says="in one place")
def maximum_not_added_back(logits):
    shifted = logits - logits.max(dim=1, keepdim=True).values
    return logits - shifted.exp().sum(dim=1, keepdim=True).log()


@wrong("stable_log_softmax", says="keepdim=True")
def without_keepdim(logits):
    return logits - torch.logsumexp(logits, dim=1)


@wrong("stable_log_softmax", says="without torch's softmax")
def cut_off(logits):
    return torch.softmax(logits, dim=1).clamp(min=1e-30).log()


@wrong("stable_log_softmax", says="changed its input")
def shifts_in_place(logits):
    logits -= logits.max(dim=1, keepdim=True).values
    return logits - logits.exp().sum(dim=1, keepdim=True).log()


@wrong("loss_and_given", says="a softmax too many")
def softmax_twice(logits, targets):
    p = torch.softmax(logits, dim=1)
    return functional.cross_entropy(p, targets), p.gather(1, targets.unsqueeze(1)).squeeze(1)


@wrong("loss_and_given", says="a softmax too many")
def softmax_twice_over_examples(logits, targets):
    p = torch.softmax(logits, dim=0)
    return functional.cross_entropy(p, targets), p.gather(1, targets.unsqueeze(1)).squeeze(1)


@wrong("loss_and_given", says="the examples compete")
def given_over_examples(logits, targets):
    p = torch.softmax(logits, dim=0)
    return functional.cross_entropy(logits, targets), p.gather(1, targets.unsqueeze(1)).squeeze(1)


@wrong("loss_and_given", says="the winner's probability")
def the_winner(logits, targets):
    p = torch.softmax(logits, dim=1)
    return functional.cross_entropy(logits, targets), p.max(dim=1).values


@wrong("loss_and_given", says="leave the targets whole")
def decimal_targets(logits, targets):
    p = torch.softmax(logits, dim=1)
    return functional.cross_entropy(logits, targets.float()), p.max(dim=1).values


@wrong("loss_and_given", says="every target for every example")
def all_targets_for_all(logits, targets):
    p = torch.softmax(logits, dim=1)
    return functional.cross_entropy(logits, targets), p[:, targets]


@wrong("loss_and_given", says="(batch,)")
def keeps_a_dimension(logits, targets):
    p = torch.softmax(logits, dim=1)
    return functional.cross_entropy(logits, targets), p.gather(1, targets.unsqueeze(1))


@wrong("loss_and_given", says="expected shape (1,), got ()")
def squeezes_too_much(logits, targets):
    p = torch.softmax(logits, dim=1)
    return functional.cross_entropy(logits, targets), p.gather(1, targets.unsqueeze(1)).squeeze()


@wrong("loss_and_given", says="you summed")
def sum_of_losses(logits, targets):
    p = torch.softmax(logits, dim=1)
    loss = functional.cross_entropy(logits, targets, reduction="sum")
    return loss, p.gather(1, targets.unsqueeze(1)).squeeze(1)


@wrong("loss_and_given", says="return two values")
def loss_only(logits, targets):
    return functional.cross_entropy(logits, targets)


@wrong("temperature_for", says="that is 1/T")
def inverse(logits, confidence):
    return 1 / _search(logits, confidence)


@wrong("temperature_for", says="for two classes only")
def two_classes_only(logits, confidence):
    top = logits.topk(2).values
    return (top[0] - top[1]).item() / math.log(confidence / (1 - confidence))


@wrong("temperature_for", says="to within 0.001")
def too_few_rounds(logits, confidence):
    return _search(logits, confidence, rounds=7)


@wrong("temperature_for", says="it has to be")
def searches_the_wrong_half(logits, confidence):
    low, high = 0.01, 100.0
    for _ in range(50):
        middle = (low * high) ** 0.5
        if torch.softmax(logits / middle, dim=0).max() > confidence:
            high = middle
        else:
            low = middle
    return middle


@wrong("temperature_for", says="it has to be")
def never_below_one(logits, confidence):
    return max(1.0, _search(logits, confidence))


@wrong("temperature_for", says="to within 0.001")
def on_a_coarse_grid(logits, confidence):
    grid = torch.linspace(0.1, 100, 1000, device=logits.device)
    p = torch.softmax(logits / grid.unsqueeze(1), dim=1).max(dim=1).values
    return grid[(p - confidence).abs().argmin()].item()


@wrong("temperature_for", says="return a Python float")
def a_tensor(logits, confidence):
    return torch.tensor(_search(logits, confidence))


@wrong("temperature_for", says="compare one number")
def compares_all(logits, confidence):
    return 1.0 if torch.softmax(logits, dim=0) > confidence else 2.0


def _search(logits, confidence, rounds=50):
    low, high = 0.01, 100.0
    for _ in range(rounds):
        middle = (low * high) ** 0.5
        sure = torch.softmax(logits / middle, dim=0).max() > confidence
        low, high = (middle, high) if sure else (low, middle)
    return middle


def _soften(logits, targets, smoothing):
    one_hot = functional.one_hot(targets, logits.shape[1]).to(logits.dtype)
    return (1 - smoothing) * one_hot + smoothing / logits.shape[1]


def _answer(logits, soft):
    loss = -(soft * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()
    return loss, (torch.softmax(logits, dim=1) - soft) / len(logits)


@wrong("smoothed_loss_and_gradient", says="to *all* classes")
def spreads_over_the_others(logits, targets, smoothing):
    classes = logits.shape[1]
    one_hot = functional.one_hot(targets, classes).to(logits.dtype)
    soft = (1 - smoothing) * one_hot + (1 - one_hot) * smoothing / (classes - 1)
    return _answer(logits, soft)


@wrong("smoothed_loss_and_gradient", says="the loss is that of one-hot targets")
def does_not_smooth(logits, targets, smoothing):
    return _answer(logits, _soften(logits, targets, 0))


@wrong("smoothed_loss_and_gradient", says="smooth them here too")
def gradient_of_one_hot(logits, targets, smoothing):
    loss = _answer(logits, _soften(logits, targets, smoothing))[0]
    return loss, _answer(logits, _soften(logits, targets, 0))[1]


@wrong("smoothed_loss_and_gradient", says="divided by the batch size")
def forgets_the_mean(logits, targets, smoothing):
    loss, gradient = _answer(logits, _soften(logits, targets, smoothing))
    return loss, gradient * len(logits)


@wrong("smoothed_loss_and_gradient", says="not by the classes")
def divides_by_the_classes(logits, targets, smoothing):
    loss, gradient = _answer(logits, _soften(logits, targets, smoothing))
    return loss, gradient * len(logits) / logits.shape[1]


@wrong("smoothed_loss_and_gradient", says="the push")
def against_the_gradient(logits, targets, smoothing):
    loss, gradient = _answer(logits, _soften(logits, targets, smoothing))
    return loss, -gradient


@wrong("smoothed_loss_and_gradient", says="gave it to nobody")
def shrinks_only(logits, targets, smoothing):
    one_hot = functional.one_hot(targets, logits.shape[1]).to(logits.dtype)
    return _answer(logits, (1 - smoothing) * one_hot)


@wrong("smoothed_loss_and_gradient", says="sum over the classes")
def averages_everything(logits, targets, smoothing):
    soft = _soften(logits, targets, smoothing)
    gradient = _answer(logits, soft)[1]
    return -(soft * functional.log_softmax(logits, dim=1)).mean(), gradient


@wrong("smoothed_loss_and_gradient", says="for ±1000")
def logarithm_of_softmax_again(logits, targets, smoothing):
    soft = _soften(logits, targets, smoothing)
    p = torch.softmax(logits, dim=1)
    return -(soft * p.log()).sum(dim=1).mean(), (p - soft) / len(logits)


@wrong("smoothed_loss_and_gradient", says="pass num_classes")
def counts_the_classes_in_the_batch(logits, targets, smoothing):
    one_hot = functional.one_hot(targets).to(logits.dtype)
    soft = (1 - smoothing) * one_hot + smoothing / logits.shape[1]
    return _answer(logits, soft)


@wrong("smoothed_loss_and_gradient", says="return two values")
def forgets_the_gradient(logits, targets, smoothing):
    return _answer(logits, _soften(logits, targets, smoothing))[0]


@wrong("stable_log_softmax", says="without torch's log_softmax")
def lets_torch_do_it(logits):
    return functional.log_softmax(logits, dim=1)


@wrong("loss_and_given", says="for ±1000")
def loss_by_the_naive_exponential(logits, targets):
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    right = p.gather(1, targets.unsqueeze(1)).squeeze(1)
    return -right.log().mean(), right


def _search_between(softmax, logits, confidence, low, high):
    for _ in range(60):
        middle = (low * high) ** 0.5
        if softmax(logits / middle).max() > confidence:
            low = middle
        else:
            high = middle
    return middle


@wrong("temperature_for", says="does an exponential overflow")
def temperature_by_the_naive_exponential(logits, confidence):
    return _search_between(lambda z: z.exp() / z.exp().sum(), logits, confidence, 0.01, 100.0)


@wrong("temperature_for", says="is it not tried?")
def temperature_not_below_a_fiftieth(logits, confidence):
    return _search_between(lambda z: z.softmax(dim=0), logits, confidence, 0.02, 100.0)


@wrong("temperature_for", says="which the temperature may be as well")
def temperature_up_to_eighty(logits, confidence):
    return _search_between(lambda z: z.softmax(dim=0), logits, confidence, 0.01, 80.0)


@wrong("smoothed_loss_and_gradient", says="write both out by hand")
def smoothed_by_autograd(logits, targets, smoothing):
    leaf = logits.clone().requires_grad_()
    with torch.enable_grad():
        loss = functional.cross_entropy(leaf, targets, label_smoothing=smoothing)
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]


@wrong("stable_log_softmax", says="already wrong for the one row [0, 0]")
def adds_the_logarithm(logits):
    shifted = logits - logits.max(dim=1, keepdim=True).values
    return shifted + shifted.exp().sum(dim=1, keepdim=True).log()


@wrong("loss_and_given", says="the loss comes first")
def given_before_the_loss(logits, targets):
    p = torch.softmax(logits, dim=1)
    right = p.gather(1, targets.unsqueeze(1)).squeeze(1)
    return right, functional.cross_entropy(logits, targets)


@wrong("smoothed_loss_and_gradient", says="the loss is right, but not its gradient")
def gradient_of_softmax_alone(logits, targets, smoothing):
    loss, _ = _answer(logits, _soften(logits, targets, smoothing))
    return loss, torch.softmax(logits, dim=1)


@wrong("stable_log_softmax", says="without torch's special_log_softmax")
def the_special_one(logits):
    return torch.special.log_softmax(logits, dim=1)


@wrong("stable_log_softmax", says="without torch's logaddexp")
def two_classes_after_another(logits):
    total = logits[:, :1]
    for column in logits[:, 1:].unbind(1):
        total = torch.logaddexp(total, column.unsqueeze(1))
    return logits - total


@wrong("loss_and_given", says="for ±1000")
def logarithm_of_the_given(logits, targets):
    p = torch.softmax(logits, dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
    return -p.log().mean(), p


@wrong("loss_and_given", says="for ±1000")
def logarithm_of_a_little_more(logits, targets):
    p = torch.softmax(logits, dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
    return -(p + 1e-9).log().mean(), p
