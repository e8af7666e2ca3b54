"""The shipped weights of lesson 12 are what they say, and the script that made them works."""

import pytest
import torch

from helpers.glyphs import LATIN, render_glyphs
from helpers.paths import data_dir
from tools import pretrain

SHIPPED = data_dir() / "latin.pt"


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def shipped():
    return torch.load(SHIPPED, weights_only=True)


def test_the_shipped_weights_reach_their_accuracy_on_fresh_letters(shipped):
    model = pretrain.make_reader(len(LATIN))
    model.load_state_dict(shipped["weights"])
    fresh = render_glyphs(LATIN, 100, seeded(12345))
    measured = pretrain.measure(model, fresh.inputs, fresh.targets)
    assert shipped["accuracy"] > 0.95
    assert abs(measured - shipped["accuracy"]) < 0.01


def test_a_brief_retraining_gives_the_same_architecture_and_learns(shipped):
    result = pretrain.train(epochs=1, per_class=100, show=False)
    weights = {name: value.shape for name, value in result.model.state_dict().items()}
    assert weights == {name: value.shape for name, value in shipped["weights"].items()}
    assert result.accuracy > 0.2  # chance is 0.02
