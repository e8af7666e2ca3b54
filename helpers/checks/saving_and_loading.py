"""Checks for the exercises of lesson 14, saving and loading."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn

from helpers.checks.attempt import Attempt, WrongAnswer, exercise


@exercise
def changed_names(attempt: Attempt) -> None:
    """List the names whose tensors are not bit for bit the same in two dicts."""
    for _ in range(3):
        names = [f"layer{number}.weight" for number in torch.randperm(12).tolist()]
        before = {name: attempt.randn(attempt.pick(2, 5), 3) for name in names[:11]}
        after = {name: tensor.clone() for name, tensor in list(before.items())[::-1]}
        value, nearly, shape, dtype, gone, cancels, folded = names[:7]
        before[cancels] = attempt.randint(-9, 10, (3, 4)).float()
        before[cancels][0, :2] = torch.tensor([1.0, 3.0])
        after[value][-1, -1] += 1  # in the last row alone
        after[cancels] = before[cancels].clone()
        after[cancels][0, :2] = torch.tensor([3.0, 1.0])  # the differences add up to 0
        number = after[nearly][0, 0]
        after[nearly][0, 0] = torch.nextafter(number, number + 1)
        after[shape] = before[shape][:1].expand_as(before[shape]).clone()
        before[shape] = before[shape][:1].clone()  # broadcasting makes these two agree
        after[folded] = before[folded].unsqueeze(0)  # the same numbers in the same order
        after[dtype] = after[dtype].double()
        del after[gone]
        after[names[11]] = attempt.randn(2)
        changed = {value, nearly, shape, dtype, gone, cancels, folded, names[11]}
        errors = {
            "layer": "a name that only one of them has is changed too, and has no partner",
            "must match the size": "shapes may differ, and == or allclose cannot compare those",
            "did not match": "dtypes may differ, and torch.allclose cannot compare those",
        }
        got = attempt(before, after, errors=errors)
        attempt.require(isinstance(got, list), f"return a list, not a {type(got).__name__}")
        for missing, say in (
            (value, "you left out a name whose tensors have other values"),
            (cancels, "differences that add up to 0 differ: compare number by number"),
            (nearly, "a number that differs in the last digits differs: compare with torch.equal"),
            (dtype, "torch.equal takes float32 and float64 for equal: compare the dtypes too"),
            (shape, "broadcasting made two shapes agree: compare with torch.equal"),
            (folded, "the same numbers in another shape are a change too"),
            (gone, "a name that only `before` has is changed too"),
            (names[11], "a name that only `after` has is changed too"),
        ):
            attempt.require(missing in got, say)
        attempt.require(set(got) == changed, "you listed a name whose tensors are the same")
        attempt.require(len(got) == len(changed), "you listed a name twice")
        attempt.expect(got, sorted(changed), [(list(got), "sort the names")])
    _compare_pairs(attempt)


def _compare_pairs(attempt: Attempt) -> None:
    """Let tensors of many kinds be compared, and dicts without a name."""
    ones, flat = torch.ones(2, 3), torch.arange(12.0)
    same = [ones, torch.tensor(3), torch.zeros(0, 4), torch.tensor([True, False])]
    changed = [
        (torch.tensor(2.5), torch.tensor(3.5), "a tensor without dimensions may change too"),
        (
            torch.tensor(3),
            torch.tensor(4),
            "whole numbers change too, such as a batch norm's count",
        ),
        (flat.long(), flat.long() + 1, "tensors of whole numbers change too"),
        (ones > 0, ones < 0, "tensors of bools change too"),
        (flat.reshape(2, 6), flat.reshape(3, 4), "the same numbers in another shape are a change"),
        (flat.reshape(2, 6), flat.reshape(6, 2), "the same numbers in another shape are a change"),
        (torch.ones(0, 3), torch.ones(0, 2), "empty tensors may differ in shape"),
        (torch.ones(0), torch.ones(0).double(), "empty tensors may differ in dtype"),
        (ones.half(), ones.bfloat16(), "float16 and bfloat16 are two dtypes: compare those"),
        (ones.int(), ones, "int32 and float32 are two dtypes: compare those"),
        (ones.double(), ones.double() + 1e-12, "float64 has more digits than float32: keep them"),
        (0 * ones, 1e-30 * ones, "tiny numbers differ too: compare with torch.equal"),
    ]
    before = {f"same{number}": tensor for number, tensor in enumerate(same)}
    before |= {f"part{number:02}.bias": old for number, (old, _, _) in enumerate(changed)}
    after = {name: tensor.clone() for name, tensor in before.items()}
    after |= {f"part{number:02}.bias": new for number, (_, new, _) in enumerate(changed)}
    got = attempt(before, after)
    for number, (_, _, say) in enumerate(changed):
        attempt.require(f"part{number:02}.bias" in got, say)
    right = [f"part{number:02}.bias" for number in range(len(changed))]
    attempt.require(len(got) == len(right), "you listed a name whose tensors are the same")
    attempt.expect(got, right)
    say = "where one dict is empty, every name of the other has changed"
    for old, new in ((before, {}), ({}, before), ({}, {})):
        attempt.require(list(attempt(old, new)) == sorted(old | new), say)


@exercise
def transplant(attempt: Attempt) -> None:
    """Load what fits by name and shape, and list what was not loaded and what was not used."""
    for others in (_SOME, {}, _ALL_FIT, _NONE_FITS, _NESTED, None):
        inputs, classes = attempt.pick(3, 6), attempt.pick(3, 5)
        model = _body_and_head(inputs, classes).to(attempt.device)
        model[1].running_mean += attempt.randn(4)  # no two tensors of a shape are alike
        if others is _NESTED:
            model = nn.Sequential(model, nn.Linear(2, 2).to(attempt.device).eval())
            model[1].bias.requires_grad_(False)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        shapes = {name: tuple(tensor.shape) for name, tensor in before.items()}
        others = dict.fromkeys(before, lambda shape: None) if others is None else others
        shapes |= {name: make(shapes.get(name, (2,))) for name, make in others.items()}
        shapes = {name: shape for name, shape in shapes.items() if shape is not None}
        shapes = dict(list(shapes.items())[::-1])
        weights = {name: attempt.randn(1, *shape)[0] * 3 + 1 for name, shape in shapes.items()}
        fits = {n for n, t in weights.items() if n in before and t.shape == before[n].shape}
        given = {name: tensor.clone() for name, tensor in weights.items()}
        state = _beside_its_weights(model)
        got = attempt.run(model, given, errors=_SHAPES)
        same = given.keys() == weights.keys() and all(
            torch.equal(given[n], weights[n]) for n in given
        )
        attempt.require(same, "your function changed `weights`; make a new dict of what fits")
        for what, old in state.items():
            say = f"the model's {what} changed; load tensors, and leave the rest as it is"
            attempt.require(_beside_its_weights(model)[what] == old, say)
        attempt.require(
            isinstance(got, tuple | list) and len(got) == 2,
            "return two lists: the model's names that got nothing, and the names not used",
        )
        got = tuple(list(part) if isinstance(part, set | tuple) else part for part in got)
        _loaded(attempt, model, before, weights, fits)
        right = sorted(before.keys() - fits), sorted(weights.keys() - fits)
        lacking = sorted(before.keys() - weights.keys())
        unknown = sorted(weights.keys() - before.keys())
        both = "a name with another shape stands in both lists"
        mistakes = [
            (right[::-1], "the model's names come first, then those of `weights`"),
            ((lacking, unknown), both),
            ((lacking, right[1]), both),
            ((right[0], unknown), both),
            ((right[0], []), "list also what you took out of `weights` before loading"),
            (([], right[1]), "list also the names of the model that got nothing"),
            ((sorted(fits), right[1]), "the first list is of names that got nothing"),
            ((right[0], sorted(fits)), "the second list is of names that were not used"),
        ]
        if all(isinstance(part, list) for part in got):
            attempt.require(got == right or tuple(map(_sorted, got)) != right, "sort both lists")
        attempt.expect(got, right, mistakes)


def _beside_its_weights(model: nn.Module) -> dict:
    """Give what loading leaves as it is."""
    return {
        "mode": [module.training for module in model.modules()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "dtype": [tensor.dtype for tensor in model.state_dict().values()],
    }


def _sorted(names: list) -> list:
    return sorted(map(str, names))


def _loaded(attempt: Attempt, model: nn.Module, before: dict, weights: dict, fits: set) -> None:
    """Look whether the model holds what fits, and nothing else that is new."""
    now = model.state_dict()
    attempt.require(now.keys() == before.keys(), "the model has other names than before")
    for name, tensor in now.items():
        same = tensor.shape == before[name].shape
        attempt.require(same, f"{name} of the model has another shape than before")
        old, new = before[name], weights[name].to(tensor.dtype) if name in fits else before[name]
        if name in fits and not torch.equal(old, new):
            attempt.require(
                not torch.equal(tensor, old), f"{name} fits, but was not loaded into the model"
            )
        say = f"{name} of the model is not that of `weights`" if name in fits else _STAYS
        attempt.require(torch.equal(tensor, new), say)


_STAYS = "a tensor of the model changed, though nothing in `weights` fits it"
_SHAPES = {
    "'odd.name'": "a name of `weights` may be unknown to the model; ask that before you compare",
    "not enough values to unpack": "go through `weights.items()`, which gives pairs",
    "'Sequential' object has no attribute 'keys'": "take the names of its state_dict()",
    "'Sequential' object has no attribute 'items'": "go through `weights.items()`",
    "'dict' object has no attribute 'load_state_dict'": "load into the model",
    "_keys' and '": "one set of keys is subtracted from another: `a.keys() - b.keys()`",
    "object has no attribute 'shape'": "compare the shapes of two tensors of one name",
    "size mismatch": "`strict=False` forgives names, but no shapes; take those out before loading",
    "Missing key": "use strict=False: some names of the model get nothing",
    "Unexpected key": "take out the names that the model does not know before loading",
}
_SOME: dict[str, Callable] = {
    "2.weight": lambda shape: (shape[0] + 1, *shape[1:]),
    "2.bias": lambda shape: (1,),  # which broadcasting would accept
    "1.running_var": lambda shape: None,
    "extra.weight": lambda shape: (2, 2),
    "odd.name": lambda shape: (4,),
}
_ALL_FIT: dict[str, Callable] = {"z.bias": lambda shape: (3,)}
_NESTED: dict[str, Callable] = {
    "0.2.weight": lambda shape: (shape[0] + 1, *shape[1:]),
    "0.1.bias": lambda shape: None,
    "2.bias": lambda shape: (2,),
}
_NONE_FITS: dict[str, Callable] = dict.fromkeys(
    ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "2.weight"],
    lambda shape: (*shape, 1),
) | dict.fromkeys(["1.num_batches_tracked", "2.bias"], lambda shape: None)


def _body_and_head(inputs: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 4), nn.BatchNorm1d(4), nn.Linear(4, classes))


_SPRUNG: list[str] = []


def _spring() -> None:
    """Note that a file ran code."""
    _SPRUNG.append("sprung")


class _Spy:
    def __reduce__(self) -> tuple:
        return _spring, ()


@exercise
def name_pictures(attempt: Attempt) -> None:
    """Say the class names of pictures, by what a file from another machine holds."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for classes in (["cat", "dog"], ["owl", "bee", "yak", "ape"], ["zero", "one", "two"]):
            _read_pictures(attempt, Path(folder, "net.pt"), classes)
        _read_pictures(attempt, Path(folder, "net.pt"), [*"gbdface"], 130)
        _read_pictures(attempt, Path(folder, "net.pt"), ["one"], 2)
        for count in (1, 0):
            _read_pictures(attempt, Path(folder, "net.pt"), ["no", "yes"], count)
        _read_trap(attempt, Path(folder, "trap.pt"))


def _read_pictures(attempt: Attempt, path: Path, classes: list[str], count: int = 60) -> None:
    shape = (attempt.pick(1, 4), attempt.pick(2, 5), attempt.pick(2, 5))
    built, seen, modes = [], [], []

    def look(module: nn.Module, given: tuple, result: torch.Tensor) -> None:
        seen.append(given[0].detach())
        modes.append(module.training)

    def build(number: int) -> nn.Module:
        net = _make_net(shape, number)
        net.register_forward_hook(look)
        built.append((number, net))
        return net

    pictures = torch.rand(max(count, 60), *shape, generator=attempt.generator) * 3 - 1
    net, state = _trained(attempt, shape, classes, pictures)
    with patch("torch.serialization.location_tag", return_value="cuda:99"):
        torch.save(state, path)
    pictures, written = pictures[:count], path.read_bytes()
    got = attempt(path, build, pictures, errors=_FILE_ERRORS)
    kept = [path] == list(path.parent.iterdir()) and path.read_bytes() == written
    attempt.require(kept, "the folder's files changed; only read the one at `path`")

    attempt.require(built, "make the network by `build`, then load its state from the file")
    for number, _ in built:
        say = f"the file has {len(classes)} classes, but `build` was given {number!r}"
        attempt.require(number == len(classes), say)
    attempt.require(not any(modes), "the network computed in train mode; call `eval()` first")
    if not all(torch.equal(one.state_dict()["3.weight"], net[3].weight) for _, one in built):
        raise WrongAnswer("the network is untrained: load the state that the file calls 'model'")
    mean, std = state["mean"], state["std"]
    if count > 1 and len({one.shape[1:] for one in seen}) == 1:  # it was given pictures
        scales = [
            (pictures, "standardise the pictures with the file's `mean` and `std`"),
            (pictures - mean, "the mean is gone; now divide by `std`"),
            (pictures / std, "subtract `mean` before you divide by `std`"),
            (pictures - mean / std, "put brackets around the difference"),
            (pictures * std + mean, "that undoes a standardisation; subtract, then divide"),
            ((pictures - mean) * std, "divide by `std`, do not multiply"),
            ((pictures + mean) / std, "subtract the mean, do not add it"),
            ((pictures - pictures.mean(0)) / pictures.std(0), _OWN_SCALE),
        ]
        attempt.recognise(torch.cat(seen), (pictures - mean) / std, scales)
    logits = net((pictures - mean) / std)
    places = logits.argmax(dim=1).tolist()
    mistakes = [
        (places, "those are places; look up their names in the file's list of classes"),
        (logits.argmax(dim=1), "those are places; look up their names in the file's classes"),
        ([sorted(classes)[place] for place in places], "keep the classes in the file's order"),
    ]
    least = logits.argmin(dim=1).tolist()
    mistakes.append(([classes[place] for place in least], "take the largest logit"))
    right = [classes[place] for place in places]
    attempt.recognise(got, right, mistakes)
    given = torch.cat(seen) if len({one.shape[1:] for one in seen}) == 1 else pictures
    scaled = (pictures - mean) / std
    same = given.shape == scaled.shape and torch.allclose(given, scaled, rtol=1e-3, atol=1e-4)
    say = "what the network was given is not `(pictures - mean) / std`"
    attempt.require(same or (got == right and given.shape != scaled.shape), say)
    say = f"return a list of the class names, not a {type(got).__name__}"
    attempt.require(isinstance(got, list), say)
    attempt.expect(got, right)


_OWN_SCALE = "that scale is of these pictures; the file holds the training's mean and std"


def _make_net(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    size = torch.Size(shape).numel()
    layers = nn.Flatten(), nn.Dropout(0.5), nn.BatchNorm1d(size), nn.Linear(size, classes)
    return nn.Sequential(*layers)


def _trained(
    attempt: Attempt, shape: tuple[int, ...], classes: list[str], pictures: torch.Tensor
) -> tuple[nn.Sequential, dict]:
    """Make a network that answers differently on other scales, and what `save_net` writes of it."""
    mean = torch.rand(shape, generator=attempt.generator)
    std = 0.02 + torch.rand(shape, generator=attempt.generator)
    scaled = ((pictures - mean) / std).flatten(1)
    net = _make_net(shape, len(classes)).eval()
    with torch.no_grad():
        net[2].running_mean.copy_(scaled.mean(dim=0))
        net[2].running_var.copy_(scaled.var(dim=0) + 0.1)
        net[3].weight.copy_(torch.randn(net[3].weight.shape, generator=attempt.generator))
        logits = net((pictures - mean) / std)
        net[3].bias -= logits.mean(dim=0)  # so that each class is said now and then
    state = {"model": net.state_dict(), "classes": classes, "mean": mean, "std": std}
    return net, state


def _read_trap(attempt: Attempt, path: Path) -> None:
    shape, classes = (1, 2, 2), ["no", "yes"]
    pictures = torch.rand(5, *shape, generator=attempt.generator)
    _, state = _trained(attempt, shape, classes, pictures)
    torch.save({**state, "extra": _Spy()}, path)
    _SPRUNG.clear()
    refused = False
    try:
        attempt.function(path, lambda number: _make_net(shape, number), pictures)
    except Exception:
        refused = True
    attempt.require(not _SPRUNG, "a file ran code while you loaded it: say weights_only=True")
    attempt.require(refused, "a file that would run code must raise an error")


_FILE_ERRORS = {
    "'PosixPath' object": "`path` is only the file's name; read the file with torch.load",
    "'WindowsPath' object": "`path` is only the file's name; read the file with torch.load",
    "Missing key(s) in state_dict": 'the state is what the file calls "model"',
    "size mismatch": "build the network for as many classes as the file names",
    "'function' object": "`build` is a function; call it with the number of classes",
    "'dict' object": 'the file holds a dict: "model", "classes", "mean" and "std"',
    "list indices must be integers": "take the place of the largest logit, a number a picture",
    "new(): invalid data type 'str'": "mean and std stand in the file, not in the pictures",
    "unsupported operand type(s) for": "standardise the pictures: (pictures - mean) / std",
    "Attempting to deserialize": "the file's tensors lie on a GPU that this machine lacks; say "
    'map_location="cpu"',
    "Expected all tensors": "compute on one device, the CPU",
    "on the same device": "compute on one device, the CPU",
    "out of range": "a place is no class of the file; take the argmax along the classes, dim=1",
}
