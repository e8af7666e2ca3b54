"""The letters, the shipped weights, and lesson 12's recipe for ImageNet weights, offline."""

import ast
import shutil
from pathlib import Path

import pytest
import torch
from torchvision import models

from helpers.glyphs import GREEK, LATIN, render_glyphs
from helpers.paths import DataError, data_dir
from helpers.pictures import write_image_folder
from helpers.tables import Table
from tests.benchmarks.transfer import LESSON, lesson_functions
from tools import pretrain
from tools.lesson import Lesson, definition
from tools.notebooks import read

SHIPPED = data_dir() / "latin.pt"


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_letters_have_the_promised_shapes_and_values():
    table = render_glyphs(GREEK, 5, seeded(0), size=20)
    assert table.inputs.shape == (120, 1, 20, 20) and table.inputs.dtype == torch.float32
    assert table.targets.dtype == torch.int64 and table.class_names == list(GREEK)
    assert table.targets.bincount().tolist() == [5] * 24
    assert table.inputs.min() >= 0 and table.inputs.max() <= 1
    assert table.inputs.median() < 0.2  # white on black


def test_letters_come_from_the_generator_alone():
    before = torch.get_rng_state()
    one, two, other = (render_glyphs(LATIN, 3, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.inputs, two.inputs) and torch.equal(one.targets, two.targets)
    assert not torch.equal(one.inputs, other.inputs)


def test_no_two_pictures_are_alike():
    inputs = render_glyphs("a", 200, seeded(0)).inputs
    assert len(inputs.flatten(1).unique(dim=0)) == 200


def test_there_are_52_latin_and_24_greek_letters():
    assert len(set(LATIN)) == 52 and len(set(GREEK)) == 24


@pytest.mark.parametrize("letters", ["aba", "", "a你"])
def test_letters_that_cannot_be_drawn_are_named(letters):
    with pytest.raises(DataError, match=r"differ|no letter"):
        render_glyphs(letters, 2, seeded(0))


@pytest.fixture(scope="module")
def shipped():
    return torch.load(SHIPPED, weights_only=True)


def test_the_shipped_weights_are_small_and_fit_strictly(shipped):
    assert SHIPPED.stat().st_size < 1_000_000
    pretrain.make_reader(len(LATIN)).load_state_dict(shipped["weights"], strict=True)


def test_the_lesson_writes_out_the_network_of_the_script():
    trees = filter(None, Lesson(LESSON, read(LESSON)).trees)
    found = [definition(tree, "make_reader") for tree in trees]
    script = Path(pretrain.__file__).read_text(encoding="utf-8")
    wanted = definition(ast.parse(script), "make_reader")
    assert [one for one in found if one] == [wanted]


def picture_folder(path):
    """Write reddish and bluish noise, a folder a class."""
    for part, count, seed in (("train", 16, 0), ("val", 8, 1)):
        inputs = 0.4 * torch.rand(count, 3, 40, 48, generator=seeded(seed))
        targets = torch.arange(count) % 2
        for i, label in enumerate(targets.tolist()):
            inputs[i, 2 * label] += 0.6
        write_image_folder(Table(inputs, targets, [], ["ants", "bees"]), path / "pictures" / part)
    return path / "pictures"


def save_weights(network, name, cache):
    """Save weights under the name by which torchvision looks for them."""
    url = models.get_model_weights(name).DEFAULT.url
    torch.save(network.state_dict(), cache / url.rsplit("/", 1)[1])


def switched(monkeypatch, folder, name):
    """Run the lesson's cell of the switch, with the variables set."""
    monkeypatch.setenv("LADDER_IMAGE_FOLDER", str(folder))
    monkeypatch.setenv("LADDER_IMAGE_MODEL", name)
    space = lesson_functions()
    cells = [cell.source for cell in read(LESSON).cells if cell.cell_type == "code"]
    (cell,) = [source for source in cells if "environ.get(" in source]
    exec(cell, space)
    return space


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_a_folder_of_pictures_is_learnt(name, hub, tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    network = models.get_model(name)
    with torch.no_grad():  # sets the running statistics, so that features are not all alike
        for _ in range(20):
            network(2 * torch.rand(16, 3, 64, 64) - 1)
    save_weights(network, name, hub)
    switched(monkeypatch, picture_folder(tmp_path), name)
    said = capsys.readouterr().out.strip().splitlines()[-1]
    assert said.startswith(f"{name}: validation accuracy ")
    if name == "resnet18":  # random features of a MobileNet say next to nothing
        assert float(said.rsplit(" ", 1)[1]) > 0.8


def test_only_the_new_head_can_learn(hub):
    name = "resnet18"
    network = models.get_model(name)
    save_weights(network, name, hub)
    backbone, head, transform = lesson_functions()["load_imagenet"](name, 3)
    assert not any(p.requires_grad for p in backbone.parameters())
    assert all(p.requires_grad for p in head.parameters())
    assert head.out_features == 3 and transform.crop_size == [224]
    assert torch.equal(backbone.conv1.weight, network.conv1.weight)
    assert backbone.eval()(torch.rand(2, 3, 64, 64)).shape == (2, head.in_features)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_without_cache_and_network_the_error_says_what_to_do(name, hub, tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match=rf"cannot get {name}-\w+\.pth.*connect to a network"):
        switched(monkeypatch, picture_folder(tmp_path), name)
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize("name", ["resnet-18", "resnet50", "Resnet18"])
def test_an_unknown_model_is_refused_with_those_there_are(name, hub, tmp_path, monkeypatch):
    says = rf"no model '{name}' here; .* one of \('resnet18', 'mobilenet_v3_small'\)"
    with pytest.raises(ValueError, match=says):
        switched(monkeypatch, picture_folder(tmp_path), name)


@pytest.mark.parametrize("name", ["train", "val"])
def test_a_missing_folder_is_named(name, hub, tmp_path, monkeypatch):
    folder = picture_folder(tmp_path)
    shutil.rmtree(folder / name)
    with pytest.raises(DataError, match=rf"no folder {folder / name}; expected one with a folder"):
        switched(monkeypatch, folder, "resnet18")


def test_a_class_that_only_the_validation_set_has_is_refused(hub, tmp_path, monkeypatch):
    folder = picture_folder(tmp_path)
    (folder / "val" / "bees").rename(folder / "val" / "Bees")
    with pytest.raises(DataError, match=r"val has the classes \['Bees'\], which the training set"):
        switched(monkeypatch, folder, "resnet18")


def test_hidden_files_change_no_number_of_classes(hub, tmp_path, monkeypatch):
    folder = picture_folder(tmp_path)
    for part in ("train", "val"):
        for name in (".ipynb_checkpoints", "__MACOSX"):
            (folder / part / name).mkdir()
            (folder / part / name / "._0.png").write_bytes(b"no picture")
    save_weights(models.get_model("resnet18"), "resnet18", hub)
    asked = []
    space = lesson_functions()
    load = space["load_imagenet"]
    space["load_imagenet"] = lambda name, classes: (asked.append(classes), load(name, classes))[1]
    score = space["teach_folder"](folder, "resnet18", epochs=1)
    assert asked == [2] and 0 <= score <= 1
