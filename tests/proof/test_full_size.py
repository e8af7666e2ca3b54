"""Lessons 10, 11 and 18 on pictures of 28 x 28: made-up ones, the real ones where they lie.

Lesson 18 takes its short plan here. `LADDER_LONG=1` holds its deep one against the real pictures as
well, which takes a processor about ten minutes.
"""

import os

import pytest
import torch
from torch.nn import functional as F
from torchvision import datasets

from helpers.glyphs import render_glyphs
from helpers.paths import NOTEBOOKS, data_dir
from helpers.pictures import load_images
from helpers.training import accuracy, evaluate, make_batches
from tests.benchmarks import fashion_mnist
from tests.support import cell
from tests.test_images import md5, mnist_files
from tools.notebooks import execute, read

LESSONS = ["10_feedforward_network", "11_cnn", "18_resnet_and_mobilenet"]
REAL = data_dir() / "FashionMNIST" / "raw"


def enlarged_digits():
    """Give the embedded digits at 28 x 28: (pictures, labels) of "train" and "test", in bytes."""
    images = load_images("digits")
    return {
        name: as_bytes(F.interpolate(table.inputs, size=28, mode="bilinear"), table.targets)
        for name, table in (("train", images.train), ("test", images.test))
    }


def letters_anywhere():
    """Give ten letters at random places; mirrored they stay what they are, like clothes."""
    parts = {}
    for seed, (name, per_class) in enumerate({"train": 400, "test": 50}.items()):
        generator = torch.Generator().manual_seed(seed)
        table = render_glyphs("AHIMOTUVWX", per_class, generator)
        corners = torch.randint(0, 13, (len(table.targets), 2), generator=generator).tolist()
        pictures = [
            F.pad(picture, (left, 12 - left, top, 12 - top))
            for picture, (left, top) in zip(table.inputs, corners, strict=True)
        ]
        parts[name] = as_bytes(torch.stack(pictures), table.targets)
    return parts


def as_bytes(pictures, labels):
    """Turn pictures from 0 to 1, (count, 1, 28, 28), and labels into what MNIST's files hold."""
    return (pictures[:, 0] * 255).clamp(0, 255).byte().numpy(), labels.byte().numpy()


def run_lesson(stem, monkeypatch, first="", last=""):
    """Execute a lesson by `LADDER_IMAGES=fashion_mnist`, with a cell before and one after."""
    monkeypatch.setenv("LADDER_IMAGES", "fashion_mnist")
    monkeypatch.setenv("LADDER_PLAN", "short")
    lesson = read(NOTEBOOKS / f"{stem}.ipynb")
    lesson.cells = [cell(first), *lesson.cells, cell(last)]
    execute(lesson, NOTEBOOKS)


@pytest.mark.parametrize(
    ("stem", "make"),
    list(zip(LESSONS, [enlarged_digits, letters_anywhere, letters_anywhere], strict=True)),
)
def test_a_lesson_runs_on_other_pictures_by_one_variable(stem, make, tmp_path, monkeypatch):
    files = mnist_files(make())
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = [(name, md5(files[name])) for name, _ in datasets.FashionMNIST.resources]
    monkeypatch.setenv("LADDER_DATA", str(tmp_path))
    first = f"from torchvision import datasets\ndatasets.FashionMNIST.resources = {sums}"
    last = "assert images.name == 'fashion_mnist' and images.train.inputs.shape[2] == 28"
    run_lesson(stem, monkeypatch, first, last)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"Fashion-MNIST is not in {REAL}")
@pytest.mark.parametrize(
    ("stem", "right"),
    list(zip(LESSONS, ["mean >= 0.86", "share >= 0.92", "share >= 0.915"], strict=True)),
)
def test_a_lesson_reads_the_real_fashion_mnist(stem, right, monkeypatch):
    run_lesson(stem, monkeypatch, last=f"assert images.name == 'fashion_mnist' and {right}")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"Fashion-MNIST is not in {REAL}")
@pytest.mark.skipif("LADDER_LONG" not in os.environ, reason="LADDER_LONG is not set")
def test_the_deep_plan_of_lesson_18_reads_the_real_fashion_mnist():
    images = load_images("fashion_mnist")
    model = fashion_mnist.resnet(0, "deep", images.train)[0]
    loader = make_batches(images.test.inputs, images.test.targets)
    assert evaluate(model, loader, accuracy) >= 0.93
