"""Lesson 20's small BERT and its vocabulary, and a real BERT from a folder, offline."""

import shutil
import sys
from collections import Counter

import pytest
import torch

from helpers import bert
from helpers.documentation import load_documentation, sample_swaps, sample_topics
from helpers.paths import NOTEBOOKS, data_dir
from tests.benchmarks.few_labels import STEM, lesson_functions
from tools import pretrain_bert
from tools.notebooks import read

SHIPPED = data_dir() / "bert.pt"


@pytest.fixture(scope="module")
def shipped():
    return torch.load(SHIPPED, weights_only=True)


def test_the_shipped_weights_are_small_and_fit_strictly(shipped):
    assert SHIPPED.stat().st_size < 1_000_000
    model = bert.TinyBert(len(shipped["vocabulary"]))
    model.load_state_dict(shipped["weights"], strict=True)
    assert shipped["vocabulary"][:5] == pretrain_bert.SPECIAL


def test_the_vocabulary_is_what_the_script_learns():
    entries = [entry for entry in load_documentation() if not entry.held_out]
    texts = [text for entry in entries for text in (entry.signature, *entry.paragraphs)]
    counts = Counter(word for text in texts for word in bert.split_words(text))
    shipped = torch.load(SHIPPED, weights_only=True)["vocabulary"]
    first = pretrain_bert.learn_pieces(counts, 120)  # all would take twenty seconds
    assert first == shipped[5:125]


def test_pieces_are_learned_as_by_counting_all_pairs_again():
    text = "the cat sat on the mat that the other cats had sat on then the hat"
    counts = Counter(bert.split_words(text))
    words = {word: [word[0], *("##" + letter for letter in word[1:])] for word in counts}
    slow = sorted({piece for parts in words.values() for piece in parts})
    while len(slow) < 25:
        pairs = bert.count_pairs(words, counts)
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        slow.append(best[0] + best[1].removeprefix("##"))
        words = {word: bert.join_pair(parts, best) for word, parts in words.items()}
    assert pretrain_bert.learn_pieces(counts, 25) == slow


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("files", "file ##s"),
        ("file", "file"),
        ("sfile", "[UNK]"),
        ("z", "[UNK]"),
        ("filez", "[UNK]"),
    ],
)
def test_a_word_is_cut_into_the_longest_pieces(word, pieces):
    vocabulary = ["[PAD]", "[UNK]", "f", "fi", "file", "##s", "##l", "##e", "##i"]
    ids = {piece: number for number, piece in enumerate(vocabulary)}
    assert [vocabulary[number] for number in bert.encode_word(word, ids)] == pieces.split()


def test_padding_changes_no_state(shipped):
    model = bert.TinyBert(len(shipped["vocabulary"]))
    model.load_state_dict(shipped["weights"])
    row = torch.tensor([[2, 700, 800, 900, 3]])
    longer = torch.cat([row, torch.zeros(1, 4, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(model(longer)[:, :5], model(row), atol=1e-4, rtol=0)


def test_queries_are_caught_and_the_hook_is_gone():
    torch.manual_seed(0)
    model = bert.TinyBert(50)
    queries, keys = bert.caught_queries(model, torch.tensor([[2, 7, 8, 3]]), layer=1)
    assert queries.shape == keys.shape == (1, 3, 4, 32)
    assert not any(module._forward_hooks for module in model.modules())


def test_topics_are_balanced_and_swaps_hold_the_same_words():
    entries = load_documentation()
    texts, targets = sample_topics(entries, ["email", "reference"], 7, seed=1)
    assert targets.tolist() == [0] * 7 + [1] * 7 and len(set(texts)) == 14
    assert sample_topics(entries, ["email", "reference"], 7, seed=1)[0] == texts
    with pytest.raises(ValueError, match=r"json has .* not 9999"):
        sample_topics(entries, ["json"], 9999, seed=1)
    texts, targets = sample_swaps(entries, 50, seed=1)
    assert targets.tolist() == [0, 1] * 50
    for plain, swapped in zip(texts[::2], texts[1::2], strict=True):
        assert plain != swapped and sorted(plain.split()) == sorted(swapped.split())
        assert sum(a != b for a, b in zip(plain.split(), swapped.split(), strict=True)) == 2


def asked_for(folder, monkeypatch):
    """Run the lesson's cell of the switch with the variable set, with two steps."""
    monkeypatch.setenv("LADDER_BERT", str(folder))
    space = lesson_functions()
    entries = load_documentation()
    packages = ["email", "reference"]
    space["topics"] = sample_topics(entries, packages, 9, seed=0)
    space["topic_test"] = sample_topics(entries, packages, 5, seed=1)
    cells = [cell.source for cell in read(NOTEBOOKS / f"{STEM}.ipynb").cells]
    (cell,) = [source for source in cells if 'get("LADDER_BERT")' in source]
    exec(cell, space)
    return space


@pytest.fixture(scope="module")
def saved_bert(tmp_path_factory):
    """Save a tiny random BERT and its tokenizer as `save_pretrained` does."""
    transformers = pytest.importorskip("transformers", reason="the extra `bert` is not installed")
    torch.manual_seed(0)
    pieces = [*pretrain_bert.SPECIAL, *"the a of to is in email message file ##s class .".split()]
    folder = tmp_path_factory.mktemp("bert")
    tokenizer = transformers.BertTokenizer({piece: i for i, piece in enumerate(pieces)})
    tokenizer.save_pretrained(folder)
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64}
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=16, intermediate_size=16, **sizes
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved_bert, tmp_path):
    """Give a copy of that folder, to spoil."""
    return shutil.copytree(saved_bert, tmp_path / "bert")


def test_a_saved_bert_is_fine_tuned(folder, monkeypatch, capsys):
    space = asked_for(folder, monkeypatch)
    said = capsys.readouterr().out.strip().splitlines()
    assert said[-1].startswith("test accuracy ") and 0 <= float(said[-1].split()[-1]) <= 1
    real = space["real"]
    ids = real.encode(["the files", "a"])
    assert ids.tolist() == [[2, 5, 13, 14, 3], [2, 6, 3, 0, 0]]
    real.eval()
    with torch.inference_mode():
        real = real.cpu()
        torch.testing.assert_close(real(ids)[1, :3], real(ids[1:, :3])[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("config.json", "no config.json in "),
        ("tokenizer.json", "no tokenizer.json or vocab.txt in "),
        ("model.safetensors", "no model.safetensors or .* in "),
    ],
)
def test_a_missing_file_is_named(folder, monkeypatch, gone, says):
    (folder / gone).unlink()
    with pytest.raises(FileNotFoundError, match=f"{says}{folder}; LADDER_BERT names a folder"):
        asked_for(folder, monkeypatch)


def test_a_missing_folder_is_named(tmp_path, monkeypatch):
    pytest.importorskip("transformers", reason="the extra `bert` is not installed")
    with pytest.raises(FileNotFoundError, match=f"no config.json in {tmp_path / 'none'}"):
        asked_for(tmp_path / "none", monkeypatch)


def test_without_the_library_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        RuntimeError, match=r'needs the library transformers: pip install .*"\.\[bert'
    ):
        asked_for(tmp_path, monkeypatch)


def test_another_models_padding_is_refused(folder, monkeypatch):
    transformers = pytest.importorskip("transformers")
    pieces = ["the", "a", *pretrain_bert.SPECIAL]
    transformers.BertTokenizer({piece: i for i, piece in enumerate(pieces)}).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"padding is piece 2 in .*, not 0; take a BERT"):
        asked_for(folder, monkeypatch)
