"""Checks for the exercises of lesson 12, transfer learning."""

import math

import torch
from torch import nn

from helpers.checks.attempt import Attempt, exercise


def _network(
    attempt: Attempt, parts: int, dtype: torch.dtype = torch.float32, size: int = 5
) -> nn.Sequential:
    """Make a backbone of `parts` layers of `size` units, and a head."""
    layers: list[nn.Module] = []
    for _ in range(parts):
        layers.append(nn.Sequential(nn.Linear(size, size), nn.BatchNorm1d(size), nn.ReLU()))
    return nn.Sequential(*layers, nn.Linear(size, 7)).to(attempt.device, dtype)


def _state(model: nn.Module) -> tuple[list[bool], list[torch.Tensor], list[torch.Tensor]]:
    """Note modes, tensors and copies of them, to see whether they are kept."""
    tensors = list(model.state_dict(keep_vars=True).values())
    copies = [tensor.detach().clone() for tensor in tensors]
    return [module.training for module in model.modules()], tensors, copies


def _require_kept(attempt: Attempt, before: tuple, model: nn.Module) -> None:
    modes, tensors, copies = before
    now = _state(model)
    attempt.require(now[0] == modes, "leave train and eval mode as they were")
    say = "leave the layers as they are, with their weights: do not make new ones"
    kept = len(now[1]) == len(tensors) and all(a is b for a, b in zip(tensors, now[1], strict=True))
    attempt.require(kept, say)
    held = all(t.is_meta or torch.equal(t, copy) for t, copy in zip(tensors, copies, strict=True))
    attempt.require(held, "leave the numbers of the layers that are kept as they are")


@exercise
def freeze_all_but_head(attempt: Attempt) -> None:
    """Freeze all but the last module, and give the names of what can still learn."""
    for parts in (1, 2, 4):
        model = _network(attempt, parts)
        if parts == 2:
            model.requires_grad_(False)  # the head must be woken
        errors = {
            "'Sequential' object has no attribute 'requires_grad'": "parameters know whether they "
            "can learn, as p.requires_grad; a module does not",
            "too many values to unpack": "named_parameters() gives names and parameters",
            "Boolean value of Tensor": "ask p.requires_grad, not the parameter itself",
        }
        before = _state(model)
        got = attempt(model, errors=errors)
        every = [name for name, _ in model.named_parameters()]
        able = [name for name, p in model.named_parameters() if p.requires_grad]
        attempt.require(
            able != every,
            "everything can still learn: call requires_grad_(False), which reaches the "
            "parameters; setting requires_grad on a module does not",
        )
        _require_kept(attempt, before, model)
        expected = [f"{parts}.weight", f"{parts}.bias"]
        frozen = [name for name in every if name not in expected]
        mistakes = [
            (every, "return the names of what can still learn, not all names"),
            (frozen, "those are the frozen names; return what can still learn"),
            ([], "nothing can learn any more; the head must"),
            (
                [name for name in every if name.startswith("1.")],
                "the head is the last module, not always number 1",
            ),
            (["1.weight", "1.bias"], "the head is the last module, not always number 1"),
            (
                ["weight", "bias"],
                "take the names that the whole model gives, with the head's place",
            ),
        ]
        if isinstance(got, list):
            named = all(isinstance(name, str) for name in got)
            attempt.require(named, "return names, which are texts: named_parameters gives them")
            say = "the head's weight and bias can learn, and nothing else"
            attempt.recognise(got, expected, mistakes)
            attempt.require(sorted(got) == sorted(expected), f"{say}; you return {got[:4]}")
        attempt.expect(got, expected, mistakes)
        attempt.require(
            able == expected, "the names are right, but not what can learn: use requires_grad_"
        )


@exercise
def layer_rates(attempt: Attempt) -> None:
    """Give a parameter group for each part, the later the higher its rate."""
    for count in (2, 3, 5):
        parts = list(_network(attempt, count - 1))
        marks = [p.requires_grad for part in parts for p in part.parameters()]
        rate, factor = attempt.pick(1, 9) / 10, attempt.pick(2, 5) / 10
        errors = {
            "too many values to unpack": "enumerate(parts) gives each part with its place",
            "object is not iterable": "list(part.parameters()) gives a part's parameters",
            "division by zero": "part i has count - 1 - i parts after it: raise factor to that",
        }
        got = attempt(parts, rate, factor, errors=errors)
        attempt.require(
            isinstance(got, list) and len(got) == count, "return a list with one group a part"
        )
        attempt.require(
            all(isinstance(group, dict) and {"params", "lr"} <= group.keys() for group in got),
            'each group is a dict with "params" and "lr"',
        )
        attempt.require(
            all(isinstance(group["params"], list) for group in got),
            '"params" must be a list: parameters() gives a generator, which is used up once read',
        )
        say = '"lr" is a number, not a text'
        attempt.require(not any(isinstance(group["lr"], str) for group in got), say)
        say = "a low rate is asked for, not none: leave requires_grad as it is"
        after = [p.requires_grad for part in parts for p in part.parameters()]
        attempt.require(after == marks, say)
        for group, part in zip(got, parts, strict=True):
            own = [id(p) for p in part.parameters()]
            attempt.require(
                [id(p) for p in group["params"]] == own,
                "each group holds its own part's parameters, in the parts' order",
            )
        expected = [rate * factor ** (count - 1 - i) for i in range(count)]
        mistakes = [
            (expected[::-1], "the *last* part has the highest rate"),
            ([rate] * count, "all parts have one rate; use factor"),
            ([x * factor for x in expected], "the last part learns at rate itself"),
            ([rate * factor] * (count - 1) + [rate], "each part before has factor times the next"),
        ]
        rates = [float(group["lr"]) for group in got]
        attempt.recognise(rates, expected, mistakes)
        attempt.require(
            math.isclose(rates[-1], rate, rel_tol=1e-4),
            f"the last part learns at rate itself, {rate}; yours at {rates[-1]:.4g}",
        )
        for i in reversed(range(count - 1)):
            attempt.require(
                math.isclose(rates[i], rates[i + 1] * factor, rel_tol=1e-4, abs_tol=1e-12),
                f"each part before learns at factor, {factor}, times the next one's rate; after "
                f"{rates[i + 1]:.4g} yours has {rates[i]:.4g}",
            )


@exercise
def replace_head(attempt: Attempt) -> None:
    """Put a new linear layer in the place of the last one, and give the model back."""
    errors = {
        "'Sequential' object has no attribute": "the head is model[-1]; the model as a whole has "
        "no weight and no in_features",
        "'Linear' object has no attribute": "a layer has no device and no dtype; its weight has",
        "got an unexpected keyword": "nn.Linear takes the names device= and dtype=",
        "argument 'device' must be": "device= takes the weight's device, old.weight.device",
        "argument 'dtype' must be": "dtype= takes the weight's dtype, old.weight.dtype",
        "argument 'size'": "nn.Linear takes two numbers: how many inputs, how many outputs",
        "as child module": "the last module must be a new nn.Linear",
    }
    for parts, dtype in ((1, torch.float32), (3, torch.float64), (2, torch.float32)):
        model, classes = _network(attempt, parts, dtype, size=3 + parts), attempt.pick(8, 20)
        if parts == 2:
            model.to("meta")  # on any machine a device that is not the default
        old, before, kept = model[-1], list(model)[:-1], _state(model[:-1])
        marks = [p.requires_grad for p in model[:-1].parameters()]
        got = attempt(model, classes, errors=errors)
        attempt.require(isinstance(got, nn.Module), "return the model")
        attempt.require(got is model, "return the model itself, not its head or a new one")
        attempt.require(
            len(model) == parts + 1, "put the new head in the old one's place; do not append it"
        )
        new = model[-1]
        attempt.require(
            isinstance(new, nn.Linear) and new is not old, "the last module must be a new nn.Linear"
        )
        attempt.require(
            new.in_features == old.in_features, "the new head takes as many inputs as the old one"
        )
        attempt.require(new.out_features == classes, "the new head gives one output a class")
        attempt.require(
            all(a is b for a, b in zip(before, list(model)[:-1], strict=True)),
            "leave the other modules as they are",
        )
        _require_kept(attempt, kept, model[:-1])
        same = marks == [p.requires_grad for p in model[:-1].parameters()]
        attempt.require(same, "leave the other modules as they are: nobody asked to freeze them")
        say = "the new head must be able to learn, its bias too: a new nn.Linear is, as it comes"
        able = [name for name, p in new.named_parameters() if p.requires_grad]
        attempt.require(able == ["weight", "bias"], say)
        attempt.require(new.weight.dtype == dtype, "the new head needs the old one's dtype")
        attempt.require(new.weight.device == old.weight.device, "put it on the old one's device")


@exercise
def some_of_each(attempt: Attempt) -> None:
    """Give rows of `count` random examples of each class, by class."""
    errors = {
        "out of bounds": "a place is counted among one class's rows: randperm(len(rows))",
        "cannot be concatenated": "take the first count of the places: order[:count]",
        "'bool' object has no attribute": "compare the targets with the class: targets == label",
    }
    for classes, count, each in ((2, 1, 40), (3, 4, 25), (5, 3, 40), (4, 15, 15)):
        numbers = torch.randperm(20, generator=attempt.generator)[:classes].tolist()
        sizes = each + torch.arange(classes) * (each > count)  # else all rows of each class
        targets = torch.tensor(numbers).repeat_interleave(sizes)
        targets = targets[torch.randperm(len(targets), generator=attempt.generator)]
        targets = targets.to(attempt.device)
        seed = attempt.pick(0, 10_000)
        got, again = (
            attempt(targets, count, torch.Generator().manual_seed(seed), errors=errors)
            for _ in "ab"
        )
        attempt.require(isinstance(got, torch.Tensor), "return a tensor of row numbers")
        attempt.require(got.dtype == torch.int64, "row numbers are int64")
        attempt.require(
            got.shape == (classes * count,),
            f"expected {classes * count} rows in one dimension, "
            f"{count} of each class that targets.unique() gives",
        )
        low, high = int(got.min()), int(got.max())
        attempt.require(low >= 0 and high < len(targets), "return row numbers of targets")
        attempt.require(len(got.unique()) == len(got), "a row must not come twice")
        wanted = targets.unique().repeat_interleave(count)
        attempt.require(
            torch.equal(targets[got].sort().values, wanted), "take count rows of *each* class"
        )
        attempt.require(torch.equal(targets[got], wanted), "group the rows by class, lowest first")
        attempt.require(
            torch.equal(got, again), "two equal generators must give the same rows: use generator"
        )
        if each == count:
            continue  # all are drawn, in whatever order
        draws = [attempt(targets, count, torch.Generator().manual_seed(s)) for s in range(8)]
        attempt.require(
            len({tuple(draw.tolist()) for draw in draws}) > 1,
            "draw the rows at random: another generator must be able to give other rows",
        )
        if classes == 3:  # 4 of 27 rows at most: that one is not drawn is less likely than 1e-13
            draws = [attempt(targets, count, torch.Generator().manual_seed(s)) for s in range(200)]
            drawn = torch.cat(draws).unique()
            say = "some rows are never drawn: each row of a class must have its chance"
            attempt.require(len(drawn) == len(targets), say)
            rows = (targets == targets.min()).nonzero().flatten()
            spans = [torch.searchsorted(rows, draw[:count].sort().values) for draw in draws]
            attempt.require(
                any(int(span[-1] - span[0]) >= count for span in spans),
                "you always take rows that follow each other: shuffle the rows of a class",
            )


@exercise
def nearest_mean(attempt: Attempt) -> None:
    """Give for each query the class whose mean is nearest."""
    errors = {
        "only supports at least 2D": "torch.cdist takes two tables, of queries and of means",
        "stack expects each tensor": "average each class's rows: mean(dim=0) leaves (size,)",
        "must be Tensor, not list": "stack the means: torch.stack makes a tensor of the list",
        "shape of the mask": "targets == label says which rows of features belong to the class",
        "must match the size": "label is one class; targets == label is (examples,)",
    }
    for classes, size, questions in ((3, 4, 60), (5, 2, 80), (4, 6, 70)):
        dtype = torch.float64 if size == 2 else torch.float32
        targets = torch.arange(classes).repeat_interleave(torch.arange(classes) + 2)
        targets = targets[torch.randperm(len(targets), generator=attempt.generator)]
        targets = targets.to(attempt.device)
        features = attempt.randn(len(targets), size, dtype=dtype)
        features += 2 * attempt.randn(classes, size, dtype=dtype)[targets]
        means = torch.stack([features[targets == c].mean(dim=0) for c in range(classes)])
        queries = 3 * attempt.randn(questions, size, dtype=dtype)
        queries[:classes] = means
        got = attempt(features, targets, queries, errors=errors)
        away = torch.cdist(queries, means)
        sums = torch.stack([features[targets == c].sum(dim=0) for c in range(classes)])
        examples = torch.cdist(queries, features)
        own = torch.stack([features[targets == c].mean(dim=0) for c in targets])
        mistakes = [
            (
                torch.cdist(queries, own).argmin(dim=1),
                "one mean for each class, not for each example: targets.unique() has each once",
            ),
            (queries.argmin(dim=1), "compare the queries with the means: torch.cdist"),
            (away.argmax(dim=1), "that is the class farthest away"),
            (away.argmin(dim=0), "search over the classes: one answer a query"),
            (away.min(dim=1).values, "return the class, not the distance"),
            (away, "return the class, not the distances"),
            (targets[examples.argmin(dim=1)], "that is the nearest example, not the nearest mean"),
            (examples.argmin(dim=1), "that is the row of the nearest example"),
            (torch.cdist(queries, sums).argmin(dim=1), "divide each class's sum by its examples"),
            ((queries @ means.T).argmax(dim=1), "a large dot product is not a small distance"),
        ]
        right = away.argmin(dim=1)
        attempt.recognise(got, right, mistakes)
        if isinstance(got, torch.Tensor):
            shape, wanted = tuple(got.shape), (questions,)
            say = f"one class for each query, shape {wanted}; yours has shape {shape}"
            attempt.require(shape == wanted, say)
            attempt.require(got.dtype == torch.int64, f"classes are int64, not {got.dtype}")
            attempt.require(
                torch.equal(got[:classes], right[:classes]),
                "a query that lies on the mean of a class is put into another one: each mean takes "
                "all rows of its class and no others",
            )
        attempt.expect(got, right, mistakes)
