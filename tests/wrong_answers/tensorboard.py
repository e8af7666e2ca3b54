"""Wrong answers to the exercises of lesson 13, TensorBoard."""

import math

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from tests.wrong_answers import wrong

TAG = "loss/train"


def _events(folder, tag):
    return EventAccumulator(str(folder)).Reload().Scalars(tag)


def _log(folder, pairs, tag=TAG):
    with SummaryWriter(folder) as writer:
        for step, loss in pairs:
            writer.add_scalar(tag, loss, step)


@wrong("log_losses", says="you left out the step")
def without_steps(folder, losses, every):
    with SummaryWriter(folder) as writer:
        for loss in losses:
            writer.add_scalar(TAG, loss)
    return len(losses) * every


@wrong("log_losses", says="not after 0")
def counts_from_zero(folder, losses, every):
    _log(folder, ((i * every, loss) for i, loss in enumerate(losses)))
    return (len(losses) - 1) * every


@wrong("log_losses", says="not the place in it")
def places(folder, losses, every):
    _log(folder, enumerate(losses))
    return len(losses) - 1


@wrong("log_losses", says="use `every`")
def numbers(folder, losses, every):
    _log(folder, enumerate(losses, start=1))
    return len(losses)


@wrong("log_losses", says="still open")
def never_closed(folder, losses, every):
    writer = SummaryWriter(folder)
    for i, loss in enumerate(losses, start=1):
        writer.add_scalar(TAG, loss, i * every)
    return len(losses) * every


@wrong("log_losses", says="one can log all")
def a_writer_for_each(folder, losses, every):
    for i, loss in enumerate(losses, start=1):
        _log(folder, [(i * every, loss)])
    return len(losses) * every


@wrong("log_losses", says="the tag 'loss/train' is not there")
def another_tag(folder, losses, every):
    _log(folder, ((i * every, loss) for i, loss in enumerate(losses, start=1)), tag="train/loss")
    return len(losses) * every


@wrong("log_losses", says="under one tag")
def two_tags(folder, losses, every):
    with SummaryWriter(folder) as writer:
        for i, loss in enumerate(losses, start=1):
            writer.add_scalar(TAG, loss, i * every)
            writer.add_scalar("loss", loss, i * every)
    return len(losses) * every


@wrong("log_losses", says="into `folder` itself")
def in_a_folder_below(folder, losses, every):
    _log(folder / "run", ((i * every, loss) for i, loss in enumerate(losses, start=1)))
    return len(losses) * every


@wrong("log_losses", says="no event file")
def logs_nothing(folder, losses, every):
    return len(losses) * every


@wrong("log_losses", says="the values are not the losses")
def logs_the_places_as_values(folder, losses, every):
    _log(folder, ((i * every, i) for i, _ in enumerate(losses, start=1)))
    return len(losses) * every


@wrong("log_losses", says="not how many losses")
def returns_the_count(folder, losses, every):
    _log(folder, ((i * every, loss) for i, loss in enumerate(losses, start=1)))
    return len(losses)


@wrong("log_losses", says="`every` batches later")
def returns_the_last_but_one(folder, losses, every):
    _log(folder, ((i * every, loss) for i, loss in enumerate(losses, start=1)))
    return (len(losses) - 1) * every


@wrong("log_losses", says="forget `return`")
def returns_nothing(folder, losses, every):
    _log(folder, ((i * every, loss) for i, loss in enumerate(losses, start=1)))


def _latest(folder, tag):
    return {event.step: event.value for event in _events(folder, tag)}


@wrong("read_repaired", says="only once")
def as_logged(folder, tag):
    events = _events(folder, tag)
    return [event.step for event in events], [event.value for event in events]


@wrong("read_repaired", says="only once")
def sorted_with_repeats(folder, tag):
    pairs = sorted((event.step, event.value) for event in _events(folder, tag))
    return [step for step, _ in pairs], [value for _, value in pairs]


@wrong("read_repaired", says="logged first")
def keeps_the_first(folder, tag):
    first = {}
    for event in _events(folder, tag):
        first.setdefault(event.step, event.value)
    return sorted(first), [first[step] for step in sorted(first)]


@wrong("read_repaired", says="not the highest")
def keeps_the_highest(folder, tag):
    highest = dict(sorted((event.step, event.value) for event in _events(folder, tag)))
    return list(highest), list(highest.values())


@wrong("read_repaired", says="not the lowest")
def keeps_the_lowest(folder, tag):
    lowest = {}
    for event in _events(folder, tag):
        lowest[event.step] = min(event.value, lowest.get(event.step, math.inf))
    return sorted(lowest), [lowest[step] for step in sorted(lowest)]


@wrong("read_repaired", says="not the mean")
def averages(folder, tag):
    groups = {}
    for event in _events(folder, tag):
        groups.setdefault(event.step, []).append(event.value)
    return sorted(groups), [sum(groups[s]) / len(groups[s]) for s in sorted(groups)]


@wrong("read_repaired", says="have to ascend")
def in_the_order_of_logging(folder, tag):
    latest = _latest(folder, tag)
    return list(latest), list(latest.values())


@wrong("read_repaired", says="not the values with them")
def sorts_the_steps_alone(folder, tag):
    latest = _latest(folder, tag)
    return sorted(latest), list(latest.values())


@wrong("read_repaired", says="do not sort them")
def sorts_the_values_too(folder, tag):
    latest = _latest(folder, tag)
    return sorted(latest), sorted(latest.values())


@wrong("read_repaired", says="steps come first")
def values_and_steps(folder, tag):
    latest = _latest(folder, tag)
    return [latest[step] for step in sorted(latest)], sorted(latest)


@wrong("read_repaired", says="not a list of pairs")
def pairs(folder, tag):
    return sorted(_latest(folder, tag).items())


@wrong("read_repaired", says="not a dictionary")
def a_dictionary(folder, tag):
    return _latest(folder, tag)


@wrong("read_repaired", says="only a repeated step loses its old value")
def forgets_all_from_the_restart_on(folder, tag):
    kept = {}
    for event in _events(folder, tag):
        kept = {step: value for step, value in kept.items() if step < event.step}
        kept[event.step] = event.value
    return list(kept), list(kept.values())


@wrong("read_repaired", says="did not reach again")
def the_last_run_only(folder, tag):
    steps, values = [], []
    for event in _events(folder, tag):
        if steps and event.step <= steps[-1]:
            steps, values = [], []
        steps.append(event.step)
        values.append(event.value)
    return steps, values


def _last(folder, tag, choose=lambda values: values[-1], nan=True):
    found = {}
    for run in sorted(folder.iterdir()):
        reader = EventAccumulator(str(run)).Reload()
        if tag in reader.Tags()["scalars"]:
            events = sorted(reader.Scalars(tag), key=lambda event: event.step)
            value = choose([event.value for event in events])
            if nan or not math.isnan(value):
                found[run.name] = value
    return found


@wrong("best_run", says="ends with nan")
def nan_may_win(folder, tag):
    found = _last(folder, tag)
    return min(found, key=found.get)


@wrong("best_run", says="ends with nan")
def nan_may_win_as_the_folder_lists(folder, tag):
    found = {run.name: value for run in folder.iterdir() if (value := _at_end(run, tag))}
    return min(found, key=found.get)


@wrong("best_run", says="ends with nan")
def nan_may_win_as_the_folder_lists_in_reverse(folder, tag):
    found = {run.name: value for run in folder.iterdir() if (value := _at_end(run, tag))}
    return min(reversed(found), key=found.get)


@wrong("best_run", says="ends with nan")
def nan_may_be_sorted_first(folder, tag):
    found = [(value, run.name) for run in folder.iterdir() if (value := _at_end(run, tag))]
    return sorted(found)[0][1]


def _at_end(run, tag):
    if not _has(run, tag):
        return None
    return max(_events(run, tag), key=lambda event: event.step).value


@wrong("best_run", says="the one at the largest step")
def last_in_the_log(folder, tag):
    found = {run.name: _events(run, tag)[-1].value for run in folder.iterdir() if _has(run, tag)}
    found = {name: value for name, value in found.items() if not math.isnan(value)}
    return min(found, key=found.get)


@wrong("best_run", says="not the lowest on the way")
def lowest_ever(folder, tag):
    found = _last(folder, tag, lambda v: math.nan if math.isnan(v[-1]) else min(v), nan=False)
    return min(found, key=found.get)


@wrong("best_run", says="*lowest* last value")
def highest_last(folder, tag):
    found = _last(folder, tag, nan=False)
    return max(found, key=found.get)


@wrong("best_run", says="not its first")
def lowest_first(folder, tag):
    found = _last(folder, tag, lambda v: math.nan if math.isnan(v[-1]) else v[0], nan=False)
    return min(found, key=found.get)


@wrong("best_run", says="ask Tags() first")
def every_run_has_the_tag(folder, tag):
    found = {run.name: _events(run, tag)[-1].value for run in folder.iterdir()}
    return min(found, key=found.get)


@wrong("best_run", says="pass over it")
def a_missing_tag_counts_as_zero(folder, tag):
    found = _last(folder, tag, nan=False)
    missing = {run.name: 0.0 for run in folder.iterdir() if not _has(run, tag)}
    return min(found | missing, key=(found | missing).get)


def _has(run, tag):
    return tag in EventAccumulator(str(run)).Reload().Tags()["scalars"]


@wrong("best_run", says="not the whole path")
def the_path(folder, tag):
    found = _last(folder, tag, nan=False)
    return folder / min(found, key=found.get)


@wrong("best_run", says="not the whole path")
def the_path_as_text(folder, tag):
    found = _last(folder, tag, nan=False)
    return str(folder / min(found, key=found.get))


@wrong("best_run", says="not its value")
def the_value(folder, tag):
    return min(_last(folder, tag, nan=False).values())


@wrong("best_run", says="forget `return`")
def says_nothing(folder, tag):
    min(_last(folder, tag, nan=False))


@wrong("smooth", says="pulls to 0")
def biased(values, weight):
    average, shown = 0.0, []
    for value in values:
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
        shown.append(average if math.isfinite(value) else value)
    return shown


@wrong("smooth", says="not from values[0]")
def starts_from_the_first(values, weight):
    average, shown = values[0], []
    for value in values:
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
        shown.append(average if math.isfinite(value) else value)
    return shown


def _smooth(values, weight, power=lambda n: n):
    average, count, shown = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            shown.append(value)
            continue
        count += 1
        average = weight * average + (1 - weight) * value
        shown.append(average / (1 - weight ** power(count)))
    return shown


@wrong("smooth", says="belongs to the old average")
def weights_swapped(values, weight):
    return _smooth(values, 1 - weight) if weight else list(values)


@wrong("smooth", says="not the average itself")
def feeds_the_divided_back(values, weight):
    average, count, shown = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            count += 1
            average = (weight * average + (1 - weight) * value) / (1 - weight**count)
        shown.append(average if math.isfinite(value) else value)
    return shown


@wrong("smooth", says="only finite values count")
def counts_every_value(values, weight):
    average, shown = 0.0, []
    for count, value in enumerate(values, start=1):
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            shown.append(average / (1 - weight**count))
        else:
            shown.append(value)
    return shown


@wrong("smooth", says="must change nothing")
def lets_nan_in(values, weight):
    average, shown = 0.0, []
    for count, value in enumerate(values, start=1):
        average = weight * average + (1 - weight) * value
        shown.append(average / (1 - weight**count))
    return shown


@wrong("smooth", says="at their place")
def leaves_nan_out(values, weight):
    return _smooth([value for value in values if math.isfinite(value)], weight)


@wrong("smooth", says="1 - weight ** n")
def one_power_too_many(values, weight):
    return _smooth(values, weight, power=lambda n: n + 1)


@wrong("smooth", says="n from 1")
def one_power_too_few(values, weight):
    return _smooth(values, weight, power=lambda n: n - 1)


@wrong("smooth", says="as they were")
def does_nothing(values, weight):
    return list(values)


@wrong("smooth", says="return a list, not a tuple")
def a_tuple(values, weight):
    return tuple(_smooth(values, weight))


@wrong("smooth", says="changed its input")
def in_place(values, weight):
    for i, value in enumerate(_smooth(values, weight)):
        values[i] = value
    return values


@wrong("smooth", says="must change nothing")
def takes_infinity_for_a_number(values, weight):
    average, count, shown = 0.0, 0, []
    for value in values:
        if math.isnan(value):
            shown.append(value)
            continue
        count += 1
        average = weight * average + (1 - weight) * value
        shown.append(average / (1 - weight**count))
    return shown


@wrong("read_repaired", says="read the folder, not one file")
def reads_the_first_file(folder, tag):
    events = _events(min(folder.iterdir()), tag)
    return [event.step for event in events], [event.value for event in events]


@wrong("best_run", says="not their means")
def lowest_mean(folder, tag):
    means = {}
    for run in folder.iterdir():
        reader = EventAccumulator(str(run)).Reload()
        if tag in reader.Tags()["scalars"]:
            values = [event.value for event in reader.Scalars(tag)]
            if not math.isnan(values[-1]):
                means[run.name] = sum(values) / len(values)
    return min(means, key=means.get)


@wrong("log_losses", says="your first point is at")
def log_one_period_late(folder, losses, every):
    with SummaryWriter(folder) as writer:
        for number, loss in enumerate(losses, start=2):
            writer.add_scalar("loss/train", loss, number * every)
    return (len(losses) + 1) * every


@wrong("log_losses", says="log every loss")
def log_the_first_only(folder, losses, every):
    with SummaryWriter(folder) as writer:
        writer.add_scalar("loss/train", losses[0], every)
    return len(losses) * every


@wrong("log_losses", says="the values are not the losses")
def log_the_step_as_value(folder, losses, every):
    with SummaryWriter(folder) as writer:
        for number in range(1, len(losses) + 1):
            writer.add_scalar("loss/train", number, number * every)
    return len(losses) * every


@wrong("best_run", says="not all runs' last values")
def all_last_values(folder, tag):
    return {run.name: 1.0 for run in folder.iterdir()}


@wrong("smooth", says="so the value itself is shown")
def smooth_by_the_share_upside_down(values, weight):
    average, count, shown = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            count += 1
            value = average * (1 - weight**count)
        shown.append(value)
    return shown


@wrong("smooth", says="values[0] is shown rightly")
def smooth_with_a_share_that_is_multiplied(values, weight):
    average, count, shown = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            count += 1
            value = average / (1 - weight / count)
        shown.append(value)
    return shown


def _log_all(folder, losses, every, besides=None):
    with SummaryWriter(folder) as writer:
        for number, loss in enumerate(losses, start=1):
            writer.add_scalar("loss/train", loss, number * every)
        if besides:
            besides(writer)
    return len(losses) * every


@wrong("log_losses", says="log under one tag")
def log_a_text_too(folder, losses, every):
    return _log_all(folder, losses, every, lambda writer: writer.add_text("note", "done"))


@wrong("log_losses", says="nothing else")
def log_and_leave_a_note(folder, losses, every):
    (folder / "note.txt").write_text("done")
    return _log_all(folder, losses, every)


@wrong("log_losses", says="")
def log_several_losses(folder, losses, every):
    return _log_all(folder, losses, every) if len(losses) > 1 else 0


@wrong("log_losses", says="log every loss")
def log_eight_losses(folder, losses, every):
    return _log_all(folder, losses[:8], every)


@wrong("log_losses", says="log every loss")
def log_finite_losses(folder, losses, every):
    return _log_all(folder, [loss for loss in losses if math.isfinite(loss)], every)


def _repair(folder, tag, wanted=lambda event: True):
    events = EventAccumulator(str(folder)).Reload().Scalars(tag)
    latest = {event.step: event.value for event in events if wanted(event)}
    return sorted(latest), [latest[step] for step in sorted(latest)]


@wrong("read_repaired", says="read the tag that is asked for")
def read_one_tag(folder, tag):
    return _repair(folder, "loss/valid")


@wrong("read_repaired", says="")
def read_positive_values(folder, tag):
    return _repair(folder, tag, lambda event: not event.value < 0)


@wrong("read_repaired", says="")
def read_numbers_only(folder, tag):
    return _repair(folder, tag, lambda event: not math.isnan(event.value))


@wrong("read_repaired", says="")
def read_a_hundred_points(folder, tag):
    steps, values = _repair(folder, tag)
    return steps[:100], values[:100]


@wrong("read_repaired", says="files changed")
def read_and_delete(folder, tag):
    lists = _repair(folder, tag)
    for file in folder.iterdir():
        file.unlink()
    return lists


def _best(folder, tag, value=lambda number: number, passed=lambda events: False):
    finals = {}
    for run in folder.iterdir():
        reader = EventAccumulator(str(run)).Reload()
        if tag in reader.Tags()["scalars"]:
            events = reader.Scalars(tag)
            last = max(events, key=lambda event: event.step).value
            if not math.isnan(last) and not passed([*events, last]):
                finals[run.name] = value(last)
    return min(finals, key=finals.get)


@wrong("best_run", says="not one with nan on the way")
def best_without_any_nan(folder, tag):
    return _best(folder, tag, passed=lambda events: any(math.isnan(e.value) for e in events[:-1]))


@wrong("best_run", says="")
def best_of_absolute_values(folder, tag):
    return _best(folder, tag, abs)


@wrong("best_run", says="")
def best_of_finite_values(folder, tag):
    return _best(folder, tag, passed=lambda events: not math.isfinite(events[-1]))


@wrong("best_run", says="")
def best_of_long_runs(folder, tag):
    return _best(folder, tag, passed=lambda events: len(events) < 3)


@wrong("best_run", says="its place in a list")
def best_run_s_place(folder, tag):
    return sorted(run.name for run in folder.iterdir()).index(_best(folder, tag))


def _smoothed(values, weight, counts=math.isfinite):
    average, count, shown = 0.0, 0, []
    for value in values:
        if counts(value):
            average, count = weight * average + (1 - weight) * value, count + 1
            value = average / (1 - weight**count)
        shown.append(value)
    return shown


@wrong("smooth", says="")
def smooth_minus_infinity(values, weight):
    return _smoothed(values, weight, lambda v: not math.isnan(v) and v != math.inf)


@wrong("smooth", says="")
def smooth_positive_values(values, weight):
    return _smoothed(values, weight, lambda v: math.isfinite(v) and v >= 0)


@wrong("smooth", says="")
def smooth_but_0(values, weight):
    return _smoothed(values, weight, lambda v: math.isfinite(v) and v != 0)


@wrong("smooth", says="")
def smooth_thirteen_values(values, weight):
    return _smoothed(values[:13], weight) + values[13:]


@wrong("smooth", says="without values nothing is shown")
def smooth_nothing_to_0(values, weight):
    return _smoothed(values, weight) or [0.0]


@wrong("best_run", says="")
def best_at_step_30(folder, tag):
    finals = {}
    for run in folder.iterdir():
        reader = EventAccumulator(str(run)).Reload()
        if tag in reader.Tags()["scalars"]:
            at_30 = [event.value for event in reader.Scalars(tag) if event.step == 30]
            if at_30 and not math.isnan(at_30[0]):
                finals[run.name] = at_30[0]
    return min(finals, key=finals.get)
