"""Wrong answers to the exercises of lesson 05, logistic regression."""

import torch
from torch.nn import functional

from tests.wrong_answers import wrong


def _rates(flagged, targets, nothing=0.0):
    ill = targets == 1
    found = (flagged & ill).sum().item()
    counts = flagged.sum().item(), ill.sum().item()
    return tuple(found / count if count else nothing for count in counts)


@wrong("precision_and_recall", says="held the logits against the threshold")
def threshold_on_logits(logits, targets, threshold):
    return _rates(logits >= threshold, targets)


@wrong("precision_and_recall", says="flagged from a half")
def flags_from_a_half(logits, targets, threshold):
    return _rates(logits >= 0, targets)


@wrong("precision_and_recall", says="a probability equal to the threshold")
def flags_above_the_threshold(logits, targets, threshold):
    return _rates(logits.sigmoid() > threshold, targets)


@wrong("precision_and_recall", says="precision comes first")
def recall_and_precision(logits, targets, threshold):
    return _rates(logits.sigmoid() >= threshold, targets)[::-1]


@wrong("precision_and_recall", says="0 divided by 0 is nan")
def nan_where_nobody_is_flagged(logits, targets, threshold):
    flagged, ill = logits.sigmoid() >= threshold, targets == 1
    found = (flagged & ill).sum()
    return (found / flagged.sum()).item(), (found / ill.sum()).item()


@wrong("precision_and_recall", says="somebody has to be counted")
def divides_python_numbers(logits, targets, threshold):
    flagged, ill = logits.sigmoid() >= threshold, targets == 1
    found = (flagged & ill).sum().item()
    return found / flagged.sum().item(), found / ill.sum().item()


@wrong("precision_and_recall", says="return 0.0, not 1.0")
def perfect_where_nobody_is_flagged(logits, targets, threshold):
    return _rates(logits.sigmoid() >= threshold, targets, nothing=1.0)


@wrong("precision_and_recall", says="somebody has to be counted")
def guards_the_flagged_only(logits, targets, threshold):
    flagged, ill = logits.sigmoid() >= threshold, targets == 1
    found = (flagged & ill).sum().item()
    return found / max(flagged.sum().item(), 1), found / ill.sum().item()


@wrong("precision_and_recall", says="first number is the accuracy")
def accuracy_and_recall(logits, targets, threshold):
    flagged = logits.sigmoid() >= threshold
    accuracy = (flagged == (targets == 1)).float().mean().item()
    return accuracy, _rates(flagged, targets)[1]


@wrong("precision_and_recall", says="got a tensor")
def rates_as_tensors(logits, targets, threshold):
    return tuple(map(torch.tensor, _rates(logits.sigmoid() >= threshold, targets)))


@wrong("auc_by_pairs", says="you counted it as 0")
def ties_count_nothing(scores, targets):
    return (scores[targets == 1].unsqueeze(1) > scores[targets == 0]).float().mean().item()


@wrong("auc_by_pairs", says="you counted it as 1")
def ties_count_whole(scores, targets):
    return (scores[targets == 1].unsqueeze(1) >= scores[targets == 0]).float().mean().item()


def _pairs(ill, healthy):
    return (ill > healthy).float() + (ill == healthy).float() / 2


@wrong("auc_by_pairs", says="turned the pairs round")
def healthy_above_ill(scores, targets):
    return _pairs(scores[targets == 0].unsqueeze(1), scores[targets == 1]).mean().item()


@wrong("auc_by_pairs", says="not all pairs")
def divides_by_all_pairs(scores, targets):
    pairs = _pairs(scores[targets == 1].unsqueeze(1), scores[targets == 0])
    return pairs.sum().item() / len(scores) ** 2


@wrong("auc_by_pairs", says="divide by the number of pairs")
def sum_of_pairs(scores, targets):
    return _pairs(scores[targets == 1].unsqueeze(1), scores[targets == 0]).sum().item()


@wrong("auc_by_pairs", says="each ill patient meets every healthy one")
def pairs_without_a_new_dimension(scores, targets):
    return _pairs(scores[targets == 1], scores[targets == 0]).mean().item()


@wrong("auc_by_pairs", says="with one healthy patient only")
def pairs_one_to_one_where_that_fits(scores, targets):
    ill, healthy = scores[targets == 1], scores[targets == 0]
    return _pairs(ill if len(ill) == len(healthy) else ill.unsqueeze(1), healthy).mean().item()


@wrong("auc_by_pairs", says="compare them with the healthy")
def ill_above_everybody(scores, targets):
    return (scores[targets == 1].unsqueeze(1) > scores).float().mean().item()


@wrong("auc_by_pairs", says="got a tensor")
def area_as_a_tensor(scores, targets):
    return _pairs(scores[targets == 1].unsqueeze(1), scores[targets == 0]).mean()


def _costs(probabilities, targets, miss_cost, alarm_cost, options=None, strictly=False):
    if options is None:
        options = torch.cat([probabilities, torch.full_like(probabilities[:1], 2.0)])
    column = probabilities.unsqueeze(1)
    flagged = column > options if strictly else column >= options
    ill = targets.unsqueeze(1) == 1
    return options, (miss_cost * (ill & ~flagged) + alarm_cost * (~ill & flagged)).sum(dim=0)


@wrong("cheapest_threshold", says="of these return the lowest")
def first_of_the_cheapest(probabilities, targets, miss_cost, alarm_cost):
    options, costs = _costs(probabilities, targets, miss_cost, alarm_cost)
    return options[costs.argmin()].item()


@wrong("cheapest_threshold", says="of these return the lowest")
def highest_of_the_cheapest(probabilities, targets, miss_cost, alarm_cost):
    options, costs = _costs(probabilities, targets, miss_cost, alarm_cost)
    return options[costs == costs.min()].max().item()


@wrong("cheapest_threshold", says="swapped the two costs")
def costs_swapped(probabilities, targets, miss_cost, alarm_cost):
    options, costs = _costs(probabilities, targets, alarm_cost, miss_cost)
    return options[costs == costs.min()].min().item()


@wrong("cheapest_threshold", says="to flag nobody is cheaper")
def always_flags_somebody(probabilities, targets, miss_cost, alarm_cost):
    options, costs = _costs(probabilities, targets, miss_cost, alarm_cost, probabilities)
    return options[costs == costs.min()].min().item()


@wrong("cheapest_threshold", says="weigh them by their costs")
def fewest_errors(probabilities, targets, miss_cost, alarm_cost):
    options, costs = _costs(probabilities, targets, 1, 1)
    return options[costs == costs.min()].min().item()


@wrong("cheapest_threshold", says="return the threshold that has it")
def lowest_cost(probabilities, targets, miss_cost, alarm_cost):
    return float(_costs(probabilities, targets, miss_cost, alarm_cost)[1].min())


@wrong("cheapest_threshold", says="that is a position")
def position_of_the_cheapest(probabilities, targets, miss_cost, alarm_cost):
    return _costs(probabilities, targets, miss_cost, alarm_cost)[1].argmin().item()


@wrong("cheapest_threshold", says="a probability equal to it is flagged too")
def flags_above_the_candidate(probabilities, targets, miss_cost, alarm_cost):
    options, costs = _costs(probabilities, targets, miss_cost, alarm_cost, strictly=True)
    return options[costs == costs.min()].min().item()


@wrong("cheapest_threshold", says="is none of the probabilities")
def searches_a_grid(probabilities, targets, miss_cost, alarm_cost):
    grid = torch.linspace(0.01, 0.99, 99, device=probabilities.device)
    options, costs = _costs(probabilities, targets, miss_cost, alarm_cost, grid)
    return options[costs.argmin()].item()


@wrong("cheapest_threshold", says="is none of the probabilities")
def by_the_formula(probabilities, targets, miss_cost, alarm_cost):
    return alarm_cost / (alarm_cost + miss_cost)


def _losses(logits, targets, pos_weight):
    for_ill, for_healthy = functional.softplus(-logits), functional.softplus(logits)
    return pos_weight * targets * for_ill + (1 - targets) * for_healthy


@wrong("weighted_bce", says="a probability rounds to 0 or 1")
def through_probabilities(logits, targets, pos_weight):
    p = logits.sigmoid()
    return -(pos_weight * targets * p.log() + (1 - targets) * (1 - p).log()).mean()


@wrong("weighted_bce", says="cut off instead of computed")
def probabilities_clamped(logits, targets, pos_weight):
    p = logits.sigmoid().clamp(1e-7, 1 - 1e-7)
    return -(pos_weight * targets * p.log() + (1 - targets) * (1 - p).log()).mean()


@wrong("weighted_bce", says="cut off instead of computed")
def capped_as_torch_does(logits, targets, pos_weight):
    weights = torch.where(targets == 1, pos_weight, 1.0)
    return functional.binary_cross_entropy(logits.sigmoid(), targets, weight=weights)


@wrong("weighted_bce", says="`pos_weight` is missing")
def without_the_weight(logits, targets, pos_weight):
    return _losses(logits, targets, 1).mean()


@wrong("weighted_bce", says="you weighed everybody")
def weighs_everybody(logits, targets, pos_weight):
    return pos_weight * _losses(logits, targets, 1).mean()


@wrong("weighted_bce", says="you weighed the benign")
def weighs_the_benign(logits, targets, pos_weight):
    return _losses(-logits, 1 - targets, pos_weight).mean()


@wrong("weighted_bce", says="not by their weights")
def divides_by_the_weights(logits, targets, pos_weight):
    weights = torch.where(targets == 1, pos_weight, 1.0)
    return _losses(logits, targets, pos_weight).sum() / weights.sum()


@wrong("weighted_bce", says="take the mean over the patients")
def sum_of_losses(logits, targets, pos_weight):
    return _losses(logits, targets, pos_weight).sum()


@wrong("weighted_bce", says="return one number")
def loss_of_each(logits, targets, pos_weight):
    return _losses(logits, targets, pos_weight)


@wrong("weighted_bce", says="the loss of the benign, and the reverse")
def logit_the_wrong_way_round(logits, targets, pos_weight):
    return _losses(-logits, targets, pos_weight).mean()


@wrong("weighted_bce", says="never negative")
def sign_forgotten(logits, targets, pos_weight):
    return -_losses(logits, targets, pos_weight).mean()


@wrong("weighted_bce", says="carries no gradient")
def loss_cut_off_the_graph(logits, targets, pos_weight):
    return _losses(logits, targets, pos_weight).mean().detach()


@wrong("weighted_bce", says="its gradient is not")
def gradient_through_the_unused_branch(logits, targets, pos_weight):
    signed = torch.where(targets == 1, -logits, logits)
    large = signed > 20
    losses = torch.where(large, signed, signed.exp().log1p())  # 0 times infinity in the gradient
    return (torch.where(targets == 1, pos_weight, 1.0) * losses).mean()


@wrong("weighted_bce", says="its slope at logit 0")
def with_a_kink_at_zero(logits, targets, pos_weight):
    curved = (-logits.abs()).exp().log1p()
    malignant, benign = (-logits).clamp(min=0) + curved, logits.clamp(min=0) + curved
    return (pos_weight * targets * malignant + (1 - targets) * benign).mean()


@wrong("weighted_bce", says="an exponential overflows")
def with_an_exponential_that_overflows(logits, targets, pos_weight):
    for_ill, for_healthy = (1 + (-logits).exp()).log(), (1 + logits.exp()).log()
    return torch.where(targets == 1, pos_weight * for_ill, for_healthy).mean()


@wrong("precision_and_recall", says="divide by 1, not by 2")
def never_divides_by_less_than_two(logits, targets, threshold):
    flagged, ill = logits.sigmoid() >= threshold, targets == 1
    found = (flagged & ill).sum().item()
    return found / max(flagged.sum().item(), 2), found / max(ill.sum().item(), 2)


@wrong("auc_by_pairs", says="do not round")
def rounds_the_area(scores, targets):
    ill, healthy = scores[targets == 1].unsqueeze(1), scores[targets == 0]
    return round(((ill > healthy).float() + 0.5 * (ill == healthy).float()).mean().item(), 1)


@wrong("auc_by_pairs", says="do not round")
def rounds_the_area_to_three_places(scores, targets):
    ill, healthy = scores[targets == 1].unsqueeze(1), scores[targets == 0]
    return round(((ill > healthy).float() + 0.5 * (ill == healthy).float()).mean().item(), 3)


def _costs_of(probabilities, targets, miss_cost, alarm_cost):
    thresholds = torch.cat([probabilities, torch.full_like(probabilities[:1], 2.0)])
    flagged, ill = probabilities.unsqueeze(1) >= thresholds, targets.unsqueeze(1) == 1
    return thresholds, (miss_cost * (ill & ~flagged) + alarm_cost * (~ill & flagged)).sum(dim=0)


@wrong("cheapest_threshold", says="of these return the lowest")
def takes_the_last_of_tied_thresholds(probabilities, targets, miss_cost, alarm_cost):
    thresholds, costs = _costs_of(probabilities, targets, miss_cost, alarm_cost)
    return thresholds[costs == costs.min()][-1].item()


@wrong("weighted_bce", says="torch's own loss")
def lets_torch_weigh(logits, targets, pos_weight):
    weight = torch.tensor(pos_weight, dtype=logits.dtype, device=logits.device)
    return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight)


@wrong("precision_and_recall", says="not in percent")
def rates_in_percent(logits, targets, threshold):
    return tuple(100 * rate for rate in _rates(logits.sigmoid() >= threshold, targets))


@wrong("precision_and_recall", says="you flagged those below")
def flags_below_the_threshold(logits, targets, threshold):
    return _rates(logits.sigmoid() <= threshold, targets)


@wrong("precision_and_recall", says="targets are 1")
def takes_the_healthy_for_the_ill(logits, targets, threshold):
    return _rates(logits.sigmoid() >= threshold, 1 - targets)


@wrong("precision_and_recall", says="the first is right, but recall is not")
def divides_both_by_the_flagged(logits, targets, threshold):
    precision, _ = _rates(logits.sigmoid() >= threshold, targets)
    return precision, precision


@wrong("auc_by_pairs", says="not in percent")
def area_in_percent(scores, targets):
    ill, healthy = scores[targets == 1].unsqueeze(1), scores[targets == 0]
    return 100 * ((ill > healthy).float() + 0.5 * (ill == healthy).float()).mean().item()


@wrong("auc_by_pairs", says="one ill patient with the higher score")
def area_of_equal_scores(scores, targets):
    ill, healthy = scores[targets == 1].unsqueeze(1), scores[targets == 0]
    return (ill == healthy).float().mean().item()


@wrong("cheapest_threshold", says="but a cheaper one is")
def sums_without_the_misses(probabilities, targets, miss_cost, alarm_cost):
    thresholds, costs = _costs_of(probabilities, targets, 0, alarm_cost)
    return thresholds[costs == costs.min()].min().item()


@wrong("weighted_bce", says="already wrong for one malignant patient")
def loss_of_the_malignant_squared(logits, targets, pos_weight):
    return _losses(logits, targets, pos_weight**2).mean()


@wrong("weighted_bce", says="already wrong for one benign patient")
def leaves_out_the_benign(logits, targets, pos_weight):
    return (targets * _losses(logits, targets, pos_weight)).mean()


@wrong("precision_and_recall", says="do not round")
def shares_of_three_digits(logits, targets, threshold):
    flagged, ill = logits.sigmoid() >= threshold, targets == 1
    found = (flagged & ill).sum().item()
    counts = flagged.sum().item(), ill.sum().item()
    precision, recall = (round(found / max(count, 1), 3) for count in counts)
    return precision, recall


@wrong("precision_and_recall", says="precision")
def probabilities_in_percent(logits, targets, threshold):
    flagged = (100 * logits.sigmoid()).round() >= 100 * threshold
    ill = targets == 1
    found = (flagged & ill).sum().item()
    return found / max(flagged.sum().item(), 1), found / max(ill.sum().item(), 1)


@wrong("auc_by_pairs", says="lower score and one healthy: that pair counts 0")
def never_below_a_half(scores, targets):
    ill, healthy = scores[targets == 1].unsqueeze(1), scores[targets == 0]
    area = ((ill > healthy).float() + (ill == healthy) / 2).mean().item()
    return max(area, 1 - area)


def _cheapest(thresholds, costs):
    return thresholds[costs == costs.min()].min().item()


@wrong("cheapest_threshold", says="but a cheaper one is there")
def costs_of_shares(probabilities, targets, miss_cost, alarm_cost):
    thresholds = torch.cat([probabilities, torch.full_like(probabilities[:1], 2.0)])
    flagged, ill = probabilities.unsqueeze(1) >= thresholds, targets.unsqueeze(1) == 1
    missed = (ill & ~flagged).sum(dim=0) / max(ill.sum(), 1)
    alarmed = (~ill & flagged).sum(dim=0) / max((~ill).sum(), 1)
    return _cheapest(thresholds, miss_cost * missed + alarm_cost * alarmed)


@wrong("cheapest_threshold", says="but a cheaper one is there")
def costs_without_decimals(probabilities, targets, miss_cost, alarm_cost):
    thresholds = torch.cat([probabilities, torch.full_like(probabilities[:1], 2.0)])
    flagged, ill = probabilities.unsqueeze(1) >= thresholds, targets.unsqueeze(1) == 1
    costs = int(miss_cost) * (ill & ~flagged) + int(alarm_cost) * (~ill & flagged)
    return _cheapest(thresholds, costs.sum(dim=0))


@wrong("cheapest_threshold", says="but a cheaper one is there")
def one_patient_after_another(probabilities, targets, miss_cost, alarm_cost):
    order = probabilities.argsort(stable=True)
    ill = targets[order]
    passed = torch.cat([ill[:1] * 0, ill.cumsum(0)])
    cleared = torch.cat([ill[:1] * 0, (1 - ill).cumsum(0)])
    costs = miss_cost * passed + alarm_cost * ((1 - ill).sum() - cleared)
    thresholds = torch.cat([probabilities[order], torch.full_like(probabilities[:1], 2.0)])
    return _cheapest(thresholds, costs)


@wrong("cheapest_threshold", says="try just these")
def threshold_of_four_digits(probabilities, targets, miss_cost, alarm_cost):
    thresholds = torch.cat([probabilities, torch.full_like(probabilities[:1], 2.0)])
    flagged, ill = probabilities.unsqueeze(1) >= thresholds, targets.unsqueeze(1) == 1
    costs = miss_cost * (ill & ~flagged) + alarm_cost * (~ill & flagged)
    return round(_cheapest(thresholds, costs.sum(dim=0)), 4)
