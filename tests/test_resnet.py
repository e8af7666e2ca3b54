"""Lesson 18's ImageNet weights on request, offline, and its plans."""

import ast

import pytest
import torch
from torchvision import models

from helpers.paths import NOTEBOOKS
from tests.benchmarks.fashion_mnist import lesson
from tools.notebooks import read

STEM = "18_resnet_and_mobilenet"


def asked_for(name, monkeypatch):
    """Run the lesson's cell of the switch, after its setup, with the variable set."""
    monkeypatch.setenv("LADDER_IMAGE_MODEL", name)
    cells = [cell.source for cell in read(NOTEBOOKS / f"{STEM}.ipynb").cells]
    space = {}
    exec(next(source for source in cells if source.startswith("import os")), space)
    exec(next(source for source in cells if source.startswith("def open_pretrained")), space)
    exec(next(source for source in cells if 'get("LADDER_IMAGE_MODEL")' in source), space)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_weights_from_the_cache_name_a_photograph(name, hub, monkeypatch, capsys):
    url = models.get_model_weights(name).DEFAULT.url
    torch.save(models.get_model(name).state_dict(), hub / url.rsplit("/", 1)[1])
    asked_for(name, monkeypatch)
    said = capsys.readouterr().out.strip().splitlines()
    assert said[-2] == f"ImageNet weights: {name}"
    assert len(ast.literal_eval(said[-1])) == 3


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_without_cache_and_network_the_error_says_what_to_do(name, hub, monkeypatch):
    with pytest.raises(RuntimeError, match=f"no ImageNet weights for {name}.*unset LADDER_IMAGE"):
        asked_for(name, monkeypatch)
    assert list(hub.iterdir()) == []


def test_the_plans_have_the_layers_that_the_lesson_says():
    names = ("conv_norm", "two_convs", "Residual", "residual_block", "make_network")
    space = lesson(STEM, *names, "keys", "plans")
    for name, settings in space["plans"].items():
        plan = dict(zip(space["keys"], settings, strict=True))
        build = {key: plan[key] for key in ("widths", "blocks", "pool")}
        model = space["make_network"](space["residual_block"], **build)
        convs = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
        counted = [conv for conv in convs if conv.kernel_size == (3, 3)]  # without the skips' fits
        assert len(counted) + 1 == {"digits": 20, "deep": 18, "short": 10}[name]
