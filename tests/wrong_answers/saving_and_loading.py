"""Wrong answers to the exercises of lesson 14, saving and loading."""

import torch

from tests.wrong_answers import wrong


@wrong("changed_names", says="only one of them has")
def changed_of_those_before(before, after):
    return sorted(name for name in before if not torch.equal(before[name], after[name]))


@wrong("changed_names", says="only `before` has")
def changed_of_those_both_have(before, after):
    both = before.keys() & after.keys()
    return sorted(name for name in both if not _same(before[name], after[name]))


@wrong("changed_names", says="only `after` has")
def changed_or_gone(before, after):
    gone = [name for name in before if name not in after]
    return sorted(changed_of_those_both_have(before, after) + gone)


@wrong("changed_names", says="compare the dtypes too")
def changed_whatever_the_dtype(before, after):
    both = before.keys() & after.keys()
    changed = {name for name in both if not torch.equal(before[name], after[name])}
    return sorted(changed | (before.keys() ^ after.keys()))


@wrong("changed_names", says="last digits")
def changed_visibly(before, after):
    changed = []
    for name in before.keys() | after.keys():
        if name in before and name in after:
            old, new = before[name], after[name]
            if _same(old, new) or (
                (old.shape, old.dtype) == (new.shape, new.dtype) and torch.allclose(old, new)
            ):
                continue
        changed.append(name)
    return sorted(changed)


@wrong("changed_names", says="allclose cannot compare")
def changed_by_allclose(before, after):
    both = before.keys() & after.keys()
    changed = {name for name in both if not torch.allclose(before[name], after[name])}
    return sorted(changed | (before.keys() ^ after.keys()))


@wrong("changed_names", says="broadcasting made two shapes agree")
def changed_after_broadcasting(before, after):
    both = before.keys() & after.keys()
    changed = set()
    for name in both:
        old, new = before[name], after[name]
        if old.dtype != new.dtype or not (old == new).all():
            changed.add(name)
    return sorted(changed | (before.keys() ^ after.keys()))


@wrong("changed_names", says="in another shape")
def changed_when_flattened(before, after):
    both = before.keys() & after.keys()
    changed = {
        name
        for name in both
        if before[name].dtype != after[name].dtype
        or not torch.equal(before[name].flatten(), after[name].flatten())
    }
    return sorted(changed | (before.keys() ^ after.keys()))


@wrong("changed_names", says="return a list, not a set")
def changed_as_a_set(before, after):
    return set(_changed(before, after))


@wrong("changed_names", says="sort the names")
def changed_in_reverse(before, after):
    return _changed(before, after)[::-1]


@wrong("changed_names", says="whose tensors are the same")
def everything_changed(before, after):
    return sorted(before.keys() | after.keys())


@wrong("changed_names", says="forget `return`")
def changed_unreturned(before, after):
    _changed(before, after)


def _changed(before, after):
    both = before.keys() & after.keys()
    changed = {name for name in both if not _same(before[name], after[name])}
    return sorted(changed | (before.keys() ^ after.keys()))


def _same(old, new):
    return old.dtype == new.dtype and torch.equal(old, new)


@wrong("changed_names", says="compare number by number")
def changed_by_the_sum_of_differences(before, after):
    def same(name):
        if name not in before or name not in after:
            return False
        old, new = before[name], after[name]
        kind = (old.shape, old.dtype) == (new.shape, new.dtype)
        return kind and (new - old).double().sum().item() == 0

    return sorted(name for name in before.keys() | after.keys() if not same(name))


def _changed_where(before, after, differ):
    both = before.keys() & after.keys()
    alike = {name for name in both if before[name].shape == after[name].shape}
    alike = {name for name in alike if before[name].dtype == after[name].dtype}
    same = {name for name in alike if not differ(before[name], after[name])}
    return sorted((before.keys() | after.keys()) - same)


@wrong("changed_names", says="you left out a name whose tensors have other values")
def changed_in_the_first_row(before, after):
    return _changed_where(before, after, lambda old, new: not torch.equal(old[0], new[0]))


@wrong("changed_names", says="in the last digits")
def changed_by_more_than_a_hair(before, after):
    return _changed_where(before, after, lambda old, new: not torch.allclose(old, new, rtol=1e-6))


def fitting(model, weights):
    own = model.state_dict()
    return {n: t for n, t in weights.items() if n in own and t.shape == own[n].shape}


@wrong("transplant", says="forgives names, but no shapes")
def transplant_all(model, weights):
    result = model.load_state_dict(weights, strict=False)
    return sorted(result.missing_keys), sorted(result.unexpected_keys)


@wrong("transplant", says="what you took out of `weights`")
def transplant_and_trust_the_lists(model, weights):
    result = model.load_state_dict(fitting(model, weights), strict=False)
    return sorted(result.missing_keys), sorted(result.unexpected_keys)


@wrong("transplant", says="stands in both lists")
def transplant_by_names_alone(model, weights):
    model.load_state_dict(fitting(model, weights), strict=False)
    own = model.state_dict()
    return sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())


@wrong("transplant", says="stands in both lists")
def transplant_and_count_shapes_once(model, weights):
    fits = fitting(model, weights)
    model.load_state_dict(fits, strict=False)
    own = model.state_dict()
    return sorted(own.keys() - weights.keys()), sorted(weights.keys() - fits.keys())


@wrong("transplant", says="the model's names come first")
def transplant_and_swap(model, weights):
    fits, own = fitting(model, weights), model.state_dict()
    model.load_state_dict(fits, strict=False)
    return sorted(weights.keys() - fits.keys()), sorted(own.keys() - fits.keys())


@wrong("transplant", says="was not loaded")
def transplant_nothing(model, weights):
    fits, own = fitting(model, weights), model.state_dict()
    return sorted(own.keys() - fits.keys()), sorted(weights.keys() - fits.keys())


@wrong("transplant", says="was not loaded")
def transplant_into_a_copy(model, weights):
    fits, own = fitting(model, weights), dict(model.state_dict())
    own.update(fits)
    return sorted(own.keys() - fits.keys()), sorted(weights.keys() - fits.keys())


@wrong("transplant", says="though nothing in `weights` fits")
def transplant_with_broadcasting(model, weights):
    fits, own = fitting(model, weights), model.state_dict()
    for name in own.keys() & weights.keys():
        try:
            own[name].copy_(weights[name])
        except RuntimeError:
            continue
    return sorted(own.keys() - fits.keys()), sorted(weights.keys() - fits.keys())


@wrong("transplant", says="sort both lists")
def transplant_without_sorting(model, weights):
    fits, own = fitting(model, weights), model.state_dict()
    model.load_state_dict(fits, strict=False)
    unsorted = [name for name in weights if name not in fits]
    return sorted(own.keys() - fits.keys(), reverse=True), unsorted


@wrong("transplant", says="return two lists")
def transplant_with_one_list(model, weights):
    fits, own = fitting(model, weights), model.state_dict()
    model.load_state_dict(fits, strict=False)
    return sorted(own.keys() - fits.keys())


@wrong("transplant", says="some names of the model get nothing")
def transplant_strictly(model, weights):
    fits, own = fitting(model, weights), model.state_dict()
    model.load_state_dict(fits)
    return sorted(own.keys() - fits.keys()), sorted(weights.keys() - fits.keys())


@wrong("transplant", says="forget `return`")
def transplant_and_forget(model, weights):
    model.load_state_dict(fitting(model, weights), strict=False)


def say(saved, model, inputs):
    logits = model(inputs)
    return [saved["classes"][place] for place in logits.argmax(dim=1).tolist()]


def scaled(saved, pictures):
    return (pictures - saved["mean"]) / saved["std"]


def read(path, build, **arguments):
    saved = torch.load(path, map_location="cpu", **{"weights_only": True} | arguments)
    model = build(len(saved["classes"])).eval()
    model.load_state_dict(saved["model"])
    return saved, model


@wrong("name_pictures", says='map_location="cpu"')
def name_by_the_files_device(path, build, pictures):
    saved = torch.load(path, weights_only=True)
    model = build(len(saved["classes"])).eval()
    model.load_state_dict(saved["model"])
    return say(saved, model, scaled(saved, pictures))


@wrong("name_pictures", says="weights_only=True")
def name_and_run_code(path, build, pictures):
    saved, model = read(path, build, weights_only=False)
    return say(saved, model, scaled(saved, pictures))


@wrong("name_pictures", says="must raise an error")
def name_and_swallow_the_error(path, build, pictures):
    try:
        saved, model = read(path, build)
    except Exception:
        return []
    return say(saved, model, scaled(saved, pictures))


@wrong("name_pictures", says="standardise the pictures")
def name_raw_pixels(path, build, pictures):
    saved, model = read(path, build)
    return say(saved, model, pictures)


@wrong("name_pictures", says="divide by `std`")
def name_centred_pixels(path, build, pictures):
    saved, model = read(path, build)
    return say(saved, model, pictures - saved["mean"])


@wrong("name_pictures", says="of these pictures")
def name_by_the_pictures_own_scale(path, build, pictures):
    saved, model = read(path, build)
    return say(saved, model, (pictures - pictures.mean(0)) / pictures.std(0))


@wrong("name_pictures", says="brackets")
def name_without_brackets(path, build, pictures):
    saved, model = read(path, build)
    return say(saved, model, pictures - saved["mean"] / saved["std"])


@wrong("name_pictures", says="call `eval()`")
def name_in_train_mode(path, build, pictures):
    saved, model = read(path, build)
    return say(saved, model.train(), scaled(saved, pictures))


@wrong("name_pictures", says="the network is untrained")
def name_without_the_state(path, build, pictures):
    saved = torch.load(path, map_location="cpu", weights_only=True)
    return say(saved, build(len(saved["classes"])).eval(), scaled(saved, pictures))


@wrong("name_pictures", says="those are places")
def give_places(path, build, pictures):
    saved, model = read(path, build)
    return model(scaled(saved, pictures)).argmax(dim=1).tolist()


@wrong("name_pictures", says="in the file's order")
def name_by_the_alphabet(path, build, pictures):
    saved, model = read(path, build)
    return say({"classes": sorted(saved["classes"])}, model, scaled(saved, pictures))


@wrong("name_pictures", says="forget `return`")
def name_and_forget(path, build, pictures):
    saved, model = read(path, build)
    say(saved, model, scaled(saved, pictures))
