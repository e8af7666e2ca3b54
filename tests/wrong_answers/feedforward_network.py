"""Wrong answers to the exercises of lesson 10, feed-forward network."""

import math

from torch.nn import functional

from tests.wrong_answers import wrong


@wrong("widest_hidden", says="each hidden number has a bias")
def no_hidden_biases(inputs, classes, budget):
    return max((budget - classes) // (inputs + classes), 0)


@wrong("widest_hidden", says="each hidden number has a bias")
def no_biases_at_all(inputs, classes, budget):
    return budget // (inputs + classes)


@wrong("widest_hidden", says="a bias for each class")
def no_biases_of_the_output(inputs, classes, budget):
    return budget // (inputs + 1 + classes)


@wrong("widest_hidden", says="a weight for each class")
def only_the_first_layer(inputs, classes, budget):
    return max((budget - classes) // (inputs + 1), 0)


@wrong("widest_hidden", says="a weight for each input")
def only_the_second_layer(inputs, classes, budget):
    return max((budget - classes) // (1 + classes), 0)


@wrong("widest_hidden", says="which is too many")
def rounds_up(inputs, classes, budget):
    return max(math.ceil((budget - classes) / (inputs + 1 + classes)), 0)


@wrong("widest_hidden", says="which is too many")
def rounds_to_the_nearest(inputs, classes, budget):
    return max(round((budget - classes) / (inputs + 1 + classes)), 0)


@wrong("widest_hidden", says="which is too many")
def the_first_that_does_not_fit(inputs, classes, budget):
    width = 0
    while width * (inputs + 1 + classes) + classes <= budget:
        width += 1
    return width


@wrong("widest_hidden", says="which still fits")
def below_the_budget(inputs, classes, budget):
    return max((budget - classes - 1) // (inputs + 1 + classes), 0)


@wrong("widest_hidden", says="which still fits")
def searches_up_to_a_thousand(inputs, classes, budget):
    each = inputs + 1 + classes
    return max((width for width in range(1001) if width * each + classes <= budget), default=0)


@wrong("widest_hidden", says="never below 0")
def below_nothing(inputs, classes, budget):
    return (budget - classes) // (inputs + 1 + classes)


@wrong("widest_hidden", says="return the width")
def number_of_parameters(inputs, classes, budget):
    each = inputs + 1 + classes
    return (budget - classes) // each * each + classes


@wrong("widest_hidden", says="return an int")
def a_fraction(inputs, classes, budget):
    return max((budget - classes) / (inputs + 1 + classes), 0)


@wrong("drop", says="have to make up for the rest")
def survivors_stay(inputs, noise, p, training):
    return inputs * (noise >= p) if training else inputs


@wrong("drop", says="have to grow")
def old_dropout(inputs, noise, p, training):
    return inputs * (noise >= p) * (1 - p) if training else inputs


@wrong("drop", says="dropped the wrong ones")
def keeps_a_share_p(inputs, noise, p, training):
    return inputs * (noise < p) / (1 - p) if training else inputs


@wrong("drop", says="you divided by p")
def divides_by_p(inputs, noise, p, training):
    return inputs * (noise >= p) / p if training else inputs


@wrong("drop", says="noise equal to p survives")
def drops_at_p_too(inputs, noise, p, training):
    return inputs * (noise > p) / (1 - p) if training else inputs


@wrong("drop", says="outside training return the inputs")
def always_drops(inputs, noise, p, training):
    return inputs * (noise >= p) / (1 - p)


@wrong("drop", says="outside training return the inputs")
def scales_in_evaluation(inputs, noise, p, training):
    return inputs * (noise >= p) / (1 - p) if training else inputs * (1 - p)


@wrong("drop", says="some inputs have to become 0")
def modes_swapped(inputs, noise, p, training):
    return inputs if training else inputs * (noise >= p) / (1 - p)


@wrong("drop", says="changed its input")
def drops_in_place(inputs, noise, p, training):
    if training:
        inputs[noise < p] = 0
        return inputs / (1 - p)
    return inputs


@wrong("drop", says="not scaled as they should be")
def always_doubles(inputs, noise, p, training):
    return inputs * (noise >= p) * 2 if training else inputs


@wrong("drop", says="expected dtype")
def in_single_precision(inputs, noise, p, training):
    return (inputs * (noise >= p) / (1 - p)).float() if training else inputs


@wrong("stopping_epoch", says="count the epochs from 1")
def counts_from_zero(losses, patience):
    best, last = _stop(losses, patience)
    return best - 1, last - 1


@wrong("stopping_epoch", says="after training has stopped")
def takes_the_lowest_of_all(losses, patience):
    return losses.index(min(losses)) + 1, _stop(losses, patience)[1]


@wrong("stopping_epoch", says="after training has stopped")
def never_stops(losses, patience):
    return losses.index(min(losses)) + 1, len(losses)


@wrong("stopping_epoch", says="an epoch too late")
def waits_one_more(losses, patience):
    return _stop(losses, patience + 1)


@wrong("stopping_epoch", says="an epoch too early")
def waits_one_less(losses, patience):
    return _stop(losses, patience - 1)


@wrong("stopping_epoch", says="equal loss is no new best")
def a_tie_is_a_best(losses, patience):
    best_loss, best = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss <= best_loss:
            best_loss, best = loss, epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)


@wrong("stopping_epoch", says="not the rises in a row")
def counts_rises(losses, patience):
    best, rises = 1, 0
    for i in range(1, len(losses)):
        rises = rises + 1 if losses[i] >= losses[i - 1] else 0
        if losses[i] < losses[best - 1]:
            best = i + 1
        if rises >= patience:
            return best, i + 1
    return best, len(losses)


@wrong("stopping_epoch", says="best epoch comes first")
def last_and_best(losses, patience):
    return _stop(losses, patience)[::-1]


@wrong("stopping_epoch", says="not its loss")
def best_loss_and_last(losses, patience):
    best, last = _stop(losses, patience)
    return losses[best - 1], last


@wrong("stopping_epoch", says="did you forget `return`?")
def returns_only_when_it_stops(losses, patience):
    best, last = _stop(losses, patience)
    if last - best >= patience:
        return best, last
    return None


def _stop(losses, patience):
    best_loss, best = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best_loss:
            best_loss, best = loss, epoch
        elif epoch - best >= patience:
            return best, epoch
    return best, len(losses)


def _ranked(logits, targets):
    losses = functional.cross_entropy(logits, targets, reduction="none")
    wrong_ones = (logits.argmax(dim=1) != targets).nonzero().squeeze(1)
    return losses, wrong_ones, losses[wrong_ones].argsort(descending=True)


@wrong("worst_mistakes", says="a right answer")
def highest_losses(logits, targets, count):
    losses, wrong_ones, _ = _ranked(logits, targets)
    return losses.argsort(descending=True)[: min(count, len(wrong_ones))]


@wrong("worst_mistakes", says="a right answer")
def highest_losses_of_all(logits, targets, count):
    return _ranked(logits, targets)[0].argsort(descending=True)[:count]


@wrong("worst_mistakes", says="look up their positions")
def places_among_the_wrong(logits, targets, count):
    return _ranked(logits, targets)[2][:count]


@wrong("worst_mistakes", says="highest loss comes first")
def mildest_first(logits, targets, count):
    losses, wrong_ones, _ = _ranked(logits, targets)
    return wrong_ones[losses[wrong_ones].argsort()][:count]


@wrong("worst_mistakes", says="sort the wrong ones")
def in_the_order_given(logits, targets, count):
    return _ranked(logits, targets)[1][:count]


@wrong("worst_mistakes", says="at most `count`")
def all_of_them(logits, targets, count):
    _, wrong_ones, order = _ranked(logits, targets)
    return wrong_ones[order]


@wrong("worst_mistakes", says="not the losses")
def losses_themselves(logits, targets, count):
    losses, wrong_ones, order = _ranked(logits, targets)
    return losses[wrong_ones][order[:count]]


@wrong("worst_mistakes", says="there may be fewer")
def topk_of_the_wrong(logits, targets, count):
    losses, wrong_ones, _ = _ranked(logits, targets)
    return wrong_ones[losses[wrong_ones].topk(count).indices]


@wrong("worst_mistakes", says="probability of what was predicted")
def surest_mistakes(logits, targets, count):
    _, wrong_ones, _ = _ranked(logits, targets)
    sure = logits[wrong_ones].softmax(dim=1).amax(dim=1)
    return wrong_ones[sure.argsort(descending=True)][:count]


@wrong("worst_mistakes", says="largest logit")
def largest_logits(logits, targets, count):
    _, wrong_ones, _ = _ranked(logits, targets)
    return wrong_ones[logits[wrong_ones].amax(dim=1).argsort(descending=True)][:count]


@wrong("stopping_epoch", says="start counting anew at each new best")
def stopping_epoch_never_counts_anew(losses, patience):
    best, best_loss, bad = 1, losses[0], 0
    for epoch, loss in enumerate(losses[1:], start=2):
        if loss < best_loss:
            best, best_loss = epoch, loss
        else:
            bad += 1
        if bad >= patience:
            return best, epoch
    return best, len(losses)


@wrong("worst_mistakes", says="below the target as well as above")
def only_classes_taken_for_higher_ones(logits, targets, count):
    losses = functional.cross_entropy(logits, targets, reduction="none")
    wrong = (logits.argmax(dim=1) > targets).nonzero().squeeze(1)
    return wrong[losses[wrong].argsort(descending=True)][:count]


@wrong("stopping_epoch", says="return two numbers")
def stopping_epoch_alone(losses, patience):
    return len(losses)


def _stop(losses, patience, lowest=math.inf, least=0.0):
    best = 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest - least:
            best, lowest = epoch, loss
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)


@wrong("stopping_epoch", says="begin with math.inf")
def losses_below_a_hundred(losses, patience):
    return _stop(losses, patience, lowest=100.0)


@wrong("stopping_epoch", says="begin with math.inf")
def losses_below_a_million(losses, patience):
    return _stop(losses, patience, lowest=1e6)


@wrong("stopping_epoch", says="expected")
def lower_by_a_thousandth(losses, patience):
    return _stop(losses, patience, least=1e-3)


@wrong("stopping_epoch", says="expected")
def without_signs(losses, patience):
    return _stop([abs(loss) for loss in losses], patience)


@wrong("worst_mistakes", says="costliest")
def by_the_margin(logits, targets, count):
    wrong = (logits.argmax(dim=1) != targets).nonzero().squeeze(1)
    margins = logits.amax(dim=1) - logits.gather(1, targets.unsqueeze(1)).squeeze(1)
    return wrong[margins[wrong].argsort(descending=True)][:count]
