"""Choosing a device, seeding and describing."""

import random

import numpy as np
import pytest
import torch

from helpers.device import describe_device, get_device, set_seed


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Begin with a machine that has nothing but a CPU, and no wish."""
    monkeypatch.delenv("LADDER_DEVICE", raising=False)
    pretend(monkeypatch)


def pretend(monkeypatch, cuda=0, mps=False):
    """Pretend that the machine has so many CUDA devices, and MPS or not."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(1, True, "cuda"), (1, False, "cuda"), (0, True, "mps"), (0, False, "cpu")],
)
def test_cuda_comes_before_mps_before_cpu(monkeypatch, cuda, mps, chosen):
    pretend(monkeypatch, cuda, mps)
    assert get_device() == torch.device(chosen)


def test_the_argument_wins_over_the_variable_over_the_choice(monkeypatch):
    pretend(monkeypatch, cuda=2, mps=True)
    monkeypatch.setenv("LADDER_DEVICE", "mps")
    assert get_device() == torch.device("mps")
    assert get_device("cuda:1") == torch.device("cuda:1")


def test_an_empty_variable_is_no_wish(monkeypatch):
    monkeypatch.setenv("LADDER_DEVICE", "")
    assert get_device() == torch.device("cpu")


def test_a_device_object_is_taken_too():
    assert get_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "mps", "gpu", "cuda:0", "cpu:1", "CUDA", "cuda:x", " "])
def test_a_device_that_is_not_there_is_an_error_that_lists_those_that_are(name):
    with pytest.raises(ValueError, match=r"no device .* here; choose one of \['cpu:0'\]"):
        get_device(name)


def test_a_second_cuda_device_must_be_there(monkeypatch):
    pretend(monkeypatch, cuda=1)
    with pytest.raises(
        ValueError, match="no device 'cuda:1' here; choose one of \\['cuda:0', 'cpu"
    ):
        get_device("cuda:1")


def draw():
    """Draw from every generator."""
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_a_seed_repeats_every_generator():
    set_seed(3)
    first = draw()
    set_seed(3)
    assert draw() == first
    set_seed(4)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_a_device_is_described_in_one_line_that_tests_pass_over():
    line = describe_device(torch.device("cpu"))
    assert line.startswith("running on cpu (")
    assert "\n" not in line
