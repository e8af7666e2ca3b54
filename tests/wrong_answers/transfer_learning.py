"""Wrong answers to the exercises of lesson 12, transfer learning."""

import torch
from torch import nn

from tests.wrong_answers import wrong


def _able(model):
    return [name for name, p in model.named_parameters() if p.requires_grad]


@wrong("freeze_all_but_head", says="everything can still learn")
def freeze_nothing(model):
    model.requires_grad_(True)
    return _able(model)


@wrong("freeze_all_but_head", says="setting requires_grad on a module does not")
def freeze_by_an_attribute_of_the_module(model):
    model.requires_grad = False
    model[-1].requires_grad = True
    return _able(model)


@wrong("freeze_all_but_head", says="not all names")
def freeze_but_name_all(model):
    model.requires_grad_(False)
    model[-1].requires_grad_(True)
    return [name for name, _ in model.named_parameters()]


@wrong("freeze_all_but_head", says="frozen names")
def freeze_names_reversed(model):
    model.requires_grad_(False)
    model[-1].requires_grad_(True)
    return [name for name, p in model.named_parameters() if not p.requires_grad]


@wrong("freeze_all_but_head", says="nothing can learn")
def freeze_everything(model):
    model.requires_grad_(False)
    return _able(model)


@wrong("freeze_all_but_head", says="nothing can learn")
def freeze_without_waking_the_head(model):
    model[:-1].requires_grad_(False)
    return _able(model)


@wrong("freeze_all_but_head", says="everything can still learn")
def freeze_by_eval(model):
    model[:-1].eval()
    return [f"{len(model) - 1}.weight", f"{len(model) - 1}.bias"]


@wrong("freeze_all_but_head", says="not what can learn")
def freeze_everything_and_name_the_head(model):
    model.requires_grad_(False)
    return [f"{len(model) - 1}.weight", f"{len(model) - 1}.bias"]


@wrong("freeze_all_but_head", says="with the head's place")
def freeze_short_names(model):
    model.requires_grad_(False)
    model[-1].requires_grad_(True)
    return [name for name, _ in model[-1].named_parameters()]


def _groups(parts, rates):
    return [{"params": list(p.parameters()), "lr": r} for p, r in zip(parts, rates, strict=True)]


@wrong("layer_rates", says="*last* part")
def rates_falling(parts, rate, factor):
    return _groups(parts, [rate * factor**i for i in range(len(parts))])


@wrong("layer_rates", says="one rate")
def rates_equal(parts, rate, factor):
    return _groups(parts, [rate] * len(parts))


@wrong("layer_rates", says="rate itself")
def rates_off_by_one(parts, rate, factor):
    return _groups(parts, [rate * factor ** (len(parts) - i) for i in range(len(parts))])


@wrong("layer_rates", says="must be a list")
def rates_with_generators(parts, rate, factor):
    count = len(parts)
    return [
        {"params": p.parameters(), "lr": rate * factor ** (count - 1 - i)}
        for i, p in enumerate(parts)
    ]


@wrong("layer_rates", says="one group a part")
def rates_without_groups(parts, rate, factor):
    return [{"params": [p for part in parts for p in part.parameters()], "lr": rate}]


@wrong("replace_head", says="new nn.Linear")
def head_kept(model, classes):
    return model


@wrong("replace_head", says="do not append")
def head_appended(model, classes):
    old = model[-1]
    model.append(nn.Linear(old.out_features, classes, dtype=old.weight.dtype))
    return model


@wrong("replace_head", says="itself")
def head_returned(model, classes):
    model[-1] = nn.Linear(model[-1].in_features, classes)
    return model[-1]


@wrong("replace_head", says="dtype")
def head_of_float32(model, classes):
    model[-1] = nn.Linear(model[-1].in_features, classes, device=model[-1].weight.device)
    return model


@wrong("replace_head", says="as many inputs")
def head_with_outputs_as_inputs(model, classes):
    model[-1] = nn.Linear(model[-1].out_features, classes)
    return model


def _rows(targets, pick):
    found = [(targets == label).nonzero().flatten() for label in targets.unique()]
    return torch.cat([pick(rows) for rows in found])


@wrong("some_of_each", says="at random")
def first_of_each(targets, count, generator):
    return _rows(targets, lambda rows: rows[:count])


@wrong("some_of_each", says="another generator must be able to give other rows")
def some_with_a_generator_of_its_own(targets, count, generator):
    own = torch.Generator().manual_seed(0)
    return _rows(
        targets,
        lambda rows: rows[torch.randperm(len(rows), generator=own)[:count].to(rows.device)],
    )


@wrong("some_of_each", says="of each class that targets.unique() gives")
def some_of_the_first_numbers(targets, count, generator):
    chosen = []
    for label in range(len(targets.unique())):
        rows = (targets == label).nonzero().flatten()
        order = torch.randperm(len(rows), generator=generator)[:count]
        chosen.append(rows[order.to(rows.device)])
    return torch.cat(chosen)


@wrong("some_of_each", says="use generator")
def some_without_generator(targets, count, generator):
    return torch.cat(
        [_rows(targets, lambda rows: rows[torch.randperm(len(rows)).to(rows.device)[:count]])]
    )


@wrong("some_of_each", says="lowest first")
def some_sorted_by_row(targets, count, generator):
    def pick(rows):
        return rows[torch.randperm(len(rows), generator=generator)[:count].to(rows.device)]

    return _rows(targets, pick).flip(0)


@wrong("some_of_each", says="rows in one dimension")
def some_in_a_table(targets, count, generator):
    def pick(rows):
        return rows[torch.randperm(len(rows), generator=generator)[:count].to(rows.device)]

    return _rows(targets, pick).reshape(-1, count)


@wrong("nearest_mean", says="farthest")
def farthest_mean(features, targets, queries):
    return _distances(features, targets, queries).argmax(dim=1)


@wrong("nearest_mean", says="one answer a query")
def nearest_query(features, targets, queries):
    return _distances(features, targets, queries).argmin(dim=0)


@wrong("nearest_mean", says="nearest example")
def nearest_neighbour(features, targets, queries):
    return targets[torch.cdist(queries, features).argmin(dim=1)]


@wrong("nearest_mean", says="not the distance")
def nearest_distance(features, targets, queries):
    return _distances(features, targets, queries).min(dim=1).values


@wrong("nearest_mean", says="dot product")
def largest_product(features, targets, queries):
    return (queries @ _means(features, targets).T).argmax(dim=1)


def _means(features, targets):
    return torch.stack([features[targets == c].mean(dim=0) for c in targets.unique()])


def _distances(features, targets, queries):
    return torch.cdist(queries, _means(features, targets))


@wrong("replace_head", says="device")
def head_on_the_default_device(model, classes):
    old = model[-1]
    model[-1] = nn.Linear(old.in_features, classes, dtype=old.weight.dtype)
    return model


@wrong("replace_head", says="a layer has no device")
def head_on_a_layer_s_device(model, classes):
    old = model[-1]
    model[-1] = nn.Linear(old.in_features, classes, device=old.device)
    return model


@wrong("some_of_each", says="a row must not come twice")
def rows_with_repeats(targets, count, generator):
    chosen = []
    for label in targets.unique():
        rows = (targets == label).nonzero().flatten()
        places = torch.randint(len(rows), (count,), generator=generator)
        chosen.append(rows[places.to(rows.device)])
    return torch.cat(chosen)


@wrong("layer_rates", says="times the next one's rate")
def rates_that_fall_evenly(parts, rate, factor):
    last = len(parts) - 1
    return [
        {"params": list(part.parameters()), "lr": rate * (1 - factor * (last - i) / 3)}
        for i, part in enumerate(parts)
    ]


@wrong("layer_rates", says="the last part learns at rate itself")
def rates_that_are_added(parts, rate, factor):
    last = len(parts) - 1
    return [
        {"params": list(part.parameters()), "lr": rate + factor ** (last - i)}
        for i, part in enumerate(parts)
    ]


@wrong("nearest_mean", says="not for each example")
def nearest_mean_of_an_example_s_class(features, targets, queries):
    means = torch.stack([features[targets == label].mean(dim=0) for label in targets])
    return torch.cdist(queries, means).argmin(dim=1)


@wrong("nearest_mean", says="all rows of its class and no others")
def nearest_mean_of_the_other_classes(features, targets, queries):
    rest = [features[targets != label].mean(dim=0) for label in targets.unique()]
    return torch.cdist(queries, torch.stack(rest)).argmin(dim=1)


@wrong("freeze_all_but_head", says="train and eval mode")
def froze_into_eval_mode(model):
    model.requires_grad_(False).eval()[-1].requires_grad_(True)
    return _able(model)


@wrong("freeze_all_but_head", says="do not make new ones")
def a_new_head(model):
    model.requires_grad_(False)
    model[-1] = nn.Linear(model[-1].in_features, model[-1].out_features)
    return _able(model)


def _all_groups(parts, rate, factor):
    last = len(parts) - 1
    return [
        {"params": list(part.parameters()), "lr": rate * factor ** (last - i)}
        for i, part in enumerate(parts)
    ]


@wrong("layer_rates", says="not a text")
def rates_as_texts(parts, rate, factor):
    return [group | {"lr": str(group["lr"])} for group in _all_groups(parts, rate, factor)]


@wrong("layer_rates", says="leave requires_grad as it is")
def freezes_the_first_parts(parts, rate, factor):
    for part in parts[:-1]:
        part.requires_grad_(False)
    return _all_groups(parts, rate, factor)


def _head(old, inputs, classes, **more):
    return nn.Linear(inputs, classes, device=old.weight.device, dtype=old.weight.dtype, **more)


@wrong("replace_head", says="as many inputs as the old one")
def five_inputs(model, classes):
    model[-1] = _head(model[-1], 5, classes)
    return model


@wrong("replace_head", says="its bias too")
def head_without_bias(model, classes):
    model[-1] = _head(model[-1], model[-1].in_features, classes, bias=False)
    return model


@wrong("replace_head", says="its bias too")
def frozen_head(model, classes):
    model[-1] = _head(model[-1], model[-1].in_features, classes).requires_grad_(False)
    return model


@wrong("replace_head", says="nobody asked to freeze them")
def frozen_backbone(model, classes):
    model.requires_grad_(False)
    model[-1] = _head(model[-1], model[-1].in_features, classes)
    return model


@wrong("replace_head", says="train and eval mode")
def head_in_eval_mode(model, classes):
    model[-1] = _head(model[-1], model[-1].in_features, classes)
    return model.eval()


@wrong("some_of_each", says="rows that follow each other")
def some_in_a_row(targets, count, generator):
    def pick(rows):
        start = int(torch.randint(len(rows) - count + 1, (1,), generator=generator))
        return rows[start : start + count]

    return _rows(targets, pick)


@wrong("some_of_each", says="some rows are never drawn")
def of_the_first_half(targets, count, generator):
    chosen = []
    for label in targets.unique():
        rows = (targets == label).nonzero().flatten()
        rows = rows[: max(count, len(rows) // 2)]
        chosen.append(rows[torch.randperm(len(rows), generator=generator)[:count]])
    return torch.cat(chosen)
