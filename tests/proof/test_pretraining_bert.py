"""The shipped weights of lesson 20 are what they say, and the script that made them works."""

import pytest
import torch

from helpers.bert import TinyBert
from helpers.paths import data_dir
from tools import pretrain_bert

SHIPPED = data_dir() / "bert.pt"


@pytest.fixture(scope="module")
def shipped():
    return torch.load(SHIPPED, weights_only=True)


@pytest.fixture(scope="module")
def texts(shipped):
    return pretrain_bert.read_texts(shipped["vocabulary"])


def test_the_shipped_weights_reach_their_accuracy_in_files_they_never_saw(shipped, texts):
    model = TinyBert(len(shipped["vocabulary"]))
    model.load_state_dict(shipped["weights"])
    measured = pretrain_bert.masked_accuracy(model, texts.test)
    assert shipped["accuracy"] >= 0.37
    assert abs(measured - shipped["accuracy"]) < 0.002


@pytest.mark.parametrize("masked", [True, False])
def test_counting_neighbours_gives_what_the_file_says(shipped, texts, masked):
    name = "neighbours" if masked else "true_neighbours"
    measured = pretrain_bert.neighbour_accuracy(texts.train, texts.test, masked)
    assert measured == pytest.approx(shipped[name])
    assert shipped["accuracy"] > measured + 0.01


def test_a_brief_retraining_gives_the_same_architecture_and_learns(shipped, texts):
    model = pretrain_bert.train(texts, 250, show=False)
    weights = {name: value.shape for name, value in model.state_dict().items()}
    assert weights == {name: value.shape for name, value in shipped["weights"].items()}
    share = pretrain_bert.masked_accuracy(model, texts.test)
    assert share > 0.09  # the most frequent piece gives less than 0.05


def test_no_text_of_a_held_out_file_is_trained_on(texts):
    train = {tuple(row.tolist()) for row in texts.train}
    test = [tuple(row.tolist()) for row in texts.test]
    assert sum(row in train for row in test) < 0.01 * len(test)
