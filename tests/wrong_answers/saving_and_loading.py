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


def _differing(before, after, same):
    names = before.keys() & after.keys()
    equal = {name for name in names if same(before[name], after[name])}
    return sorted((before.keys() | after.keys()) - equal)


def _alike(old, new):
    return old.dtype == new.dtype and torch.equal(old, new)


@wrong("changed_names", says="whole numbers change too")
def changes_of_floats(before, after):
    return _differing(
        before,
        after,
        lambda a, b: _alike(a, b) or (a.dtype == b.dtype and not a.is_floating_point()),
    )


@wrong("changed_names", says="without dimensions")
def changes_with_dimensions(before, after):
    return _differing(before, after, lambda a, b: _alike(a, b) or a.ndim == 0)


@wrong("changed_names", says="empty tensors")
def changes_of_full_tensors(before, after):
    return _differing(before, after, lambda a, b: _alike(a, b) or a.numel() == b.numel() == 0)


@wrong("changed_names", says="in another shape")
def changes_of_flat_numbers(before, after):
    return _differing(
        before, after, lambda a, b: a.ndim == b.ndim and _alike(a.flatten(), b.flatten())
    )


@wrong("changed_names", says="float64 has more digits")
def changes_in_float32(before, after):
    return _differing(
        before, after, lambda a, b: a.dtype == b.dtype and torch.equal(a.float(), b.float())
    )


@wrong("changed_names", says="float16 and bfloat16")
def changes_of_the_bytes_a_number_takes(before, after):
    def same(old, new):
        kinds = [(t.is_floating_point(), t.element_size()) for t in (old, new)]
        return kinds[0] == kinds[1] and torch.equal(old, new)

    return _differing(before, after, same)


@wrong("changed_names", says="tiny numbers")
def changes_with_a_norm(before, after):
    def same(old, new):
        if (old.dtype, old.shape) != (new.dtype, new.shape):
            return False
        return not (old.double() - new.double()).float().norm()

    return _differing(
        before, after, lambda a, b: same(a, b) and (a.is_floating_point() or _alike(a, b))
    )


@wrong("changed_names", says="one dict is empty")
def changes_of_two_full_dicts(before, after):
    return _differing(before, after, _same) if before and after else []


def _transplant(model, weights):
    own = model.state_dict()
    fits = {n: t for n, t in weights.items() if n in own and t.shape == own[n].shape}
    model.load_state_dict(fits, strict=False)
    return sorted(own.keys() - fits.keys()), sorted(weights.keys() - fits.keys())


@wrong("transplant", says="mode changed")
def transplant_and_eval(model, weights):
    lists = _transplant(model, weights)
    model.train(not model.training)
    return lists


@wrong("transplant", says="requires_grad changed")
def transplant_and_freeze(model, weights):
    lists = _transplant(model, weights)
    model.requires_grad_(False)
    return lists


@wrong("transplant", says="dtype changed")
def transplant_in_double(model, weights):
    lists = _transplant(model, weights)
    model.double()
    return lists


@wrong("transplant", says="changed `weights`")
def transplant_and_clear(model, weights):
    lists = _transplant(model, weights)
    for tensor in weights.values():
        tensor.zero_()
    return lists


@wrong("transplant", says="")
def transplant_if_there_are_weights(model, weights):
    return _transplant(model, weights) if weights else ([], [])


@wrong("transplant", says="value 1")
def transplant_believing_what_is_missing(model, weights):
    own = model.state_dict()
    fits = {n: t for n, t in weights.items() if n in own and t.shape == own[n].shape}
    missing = model.load_state_dict(fits, strict=False).missing_keys
    return sorted(missing), sorted(weights.keys() - fits.keys())


def _name(path, build, pictures, places=lambda logits: logits.argmax(dim=1).tolist()):
    saved = torch.load(path, map_location="cpu", weights_only=True)
    model = build(len(saved["classes"])).eval()
    model.load_state_dict(saved["model"])
    logits = model((pictures - saved["mean"]) / saved["std"])
    return [saved["classes"][place] for place in places(logits)]


@wrong("name_pictures", says="must raise an error")
def name_nothing_for_a_trap(path, build, pictures):
    try:
        return _name(path, build, pictures)
    except Exception:
        return None


@wrong("name_pictures", says="not a tuple")
def name_in_a_tuple(path, build, pictures):
    return tuple(_name(path, build, pictures))


@wrong("name_pictures", says="files changed")
def name_and_delete(path, build, pictures):
    names = _name(path, build, pictures)
    path.unlink()
    return names


@wrong("name_pictures", says="")
def name_squeezing_one_picture(path, build, pictures):
    return _name(path, build, pictures, lambda logits: logits.argmax(dim=1).squeeze().tolist())


@wrong("name_pictures", says="")
def name_one_of_four(path, build, pictures):
    return _name(path, build, pictures, lambda logits: logits[:, :4].argmax(dim=1).tolist())


@wrong("name_pictures", says="(pictures - mean) / std")
def name_clipped_pictures(path, build, pictures):
    return _name(path, build, pictures.clamp(0, 1))


@wrong("name_pictures", says="make the network by `build`")
def name_no_pictures(path, build, pictures):
    return _name(path, build, pictures) if len(pictures) else ["none"]
