"""A training that is stopped anywhere ends on the same bits, or is refused before its first step.

Loaders, optimizers, schedulers, and where it is stopped: never is the end silently another.
"""

import copy
import itertools

import pytest

from helpers.checkpoint import CheckpointError
from tests.resuming import (
    LOADERS,
    OPTIMIZERS,
    REFUSED,
    SCHEDULERS,
    STOPS,
    WORKING,
    Stop,
    make,
    outcome,
    same,
    train,
)

pytestmark = pytest.mark.usefixtures("one_thread")

WITH = ["SGD", "AdamW", "Adam in two groups"]
BY = ["none", "CosineAnnealingLR", "OneCycleLR, each batch", "ReduceLROnPlateau"]


@pytest.mark.parametrize("optimizer", WITH)
@pytest.mark.parametrize("loader", LOADERS)
def test_every_training_goes_on_bit_for_bit(loader, optimizer, tmp_path):
    for scheduler in BY:
        kinds = loader, optimizer, scheduler
        whole = train(tmp_path / scheduler, make(*kinds))
        for where, (moment, stop) in STOPS.items():
            said = outcome(tmp_path / f"{scheduler}, {where}", kinds, stop, moment, whole)
            assert said == "identical", f"{scheduler}, stopped {where}"


@pytest.mark.parametrize("where", STOPS)
@pytest.mark.parametrize("loader", WORKING)
def test_with_workers_too(loader, where, tmp_path):
    moment, stop = STOPS[where]
    assert outcome(tmp_path, (loader, "AdamW", "ReduceLROnPlateau"), stop, moment) == "identical"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_optimizer_with_every_scheduler(optimizer, scheduler, tmp_path):
    assert outcome(tmp_path, ("the series' own", optimizer, scheduler), stop=6) == "identical"


@pytest.mark.parametrize("loader", REFUSED)
def test_what_cannot_be_put_back_is_refused_before_the_first_step(loader, tmp_path):
    for optimizer, scheduler in itertools.product(WITH, BY):
        said = outcome(tmp_path, (loader, optimizer, scheduler), 6)
        assert said.startswith("refused: the order of the loader's examples")
    assert list(tmp_path.iterdir()) == []  # nothing was saved, so no step was made


OTHERS = [
    *(((old, "StepLR"), (new, "StepLR")) for old in OPTIMIZERS for new in OPTIMIZERS),
    *((("SGD", old), ("SGD", new)) for old in SCHEDULERS for new in SCHEDULERS),
]
ENDS = {}


@pytest.mark.parametrize(("before", "now"), OTHERS)
def test_another_optimizer_or_scheduler_becomes_the_saved_one_or_is_refused(before, now, tmp_path):
    loader = "the series' own"
    if before not in ENDS:
        ENDS[before] = train(tmp_path / "whole", make(loader, *before))
    with pytest.raises(Stop):
        train(tmp_path / "cut", make(loader, *before), 6)
    made = make(loader, *now)
    states = copy.deepcopy({name: part.state_dict() for name, part in made[0].items()})
    try:
        end = train(tmp_path / "cut", made)
    except CheckpointError:
        assert same({name: part.state_dict() for name, part in made[0].items()}, states)
        assert before != now
    else:
        assert all(same(end[name], ENDS[before][name]) for name in ("model", "history"))
