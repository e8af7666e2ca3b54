"""Pretrain the small BERT of lesson 20 on Python's documentation, and write `data/bert.pt`.

    python -m tools.pretrain_bert [STEPS [FILE]]

Takes about ten minutes on two cores. The model learns to fill in masked pieces in four fifths of
the documentation's files. The file holds its vocabulary, its weights in 16 bits, and how often it
was right in the other fifth, beside the counts of neighbours that it has to beat. Lesson 20 writes
out the tokenizer and the model of `helpers.bert`, and says where the file comes from.
"""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from helpers.bert import TinyBert, count_pairs, encode_word, join_pair, split_words
from helpers.checkpoint import save_checkpoint
from helpers.device import set_seed
from helpers.documentation import load_documentation
from helpers.paths import ROOT

FILE = ROOT / "data" / "bert.pt"
PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES, LENGTH = 2000, 64
STEPS, BATCH, RATE, SHARE = 24_000, 512, 0.003, 0.3  # BATCH counts pieces, not texts
TEST_SHARE = 0.15  # BERT's own; to hide more in training teaches more a step


def learn_pieces(counts: dict[str, int], size: int) -> list[str]:
    """Learn `size` pieces: all letters, then again and again the most frequent pair, joined."""
    words = {word: [word[0], *("##" + letter for letter in word[1:])] for word in counts}
    pieces = sorted({piece for parts in words.values() for piece in parts})
    pairs = count_pairs(words, counts)
    while len(pieces) < size:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        pieces.append(best[0] + best[1].removeprefix("##"))
        changed = {word: p for word, p in words.items() if best[0] in p and best[1] in p}
        pairs.subtract(count_pairs(changed, counts))  # quicker than to count all of them again
        changed = {word: join_pair(parts, best) for word, parts in changed.items()}
        pairs.update(count_pairs(changed, counts))
        words |= changed
    return pieces


class Texts(NamedTuple):
    """The documentation as numbers: rows of at most LENGTH pieces, to learn from and to test."""

    vocabulary: list[str]
    train: list[torch.Tensor]
    test: list[torch.Tensor]


def read_texts(vocabulary: list[str] | None = None) -> Texts:
    """Read the documentation, learn a vocabulary from the files to train on, and encode all."""
    entries = load_documentation()
    if vocabulary is None:
        seen = [entry for entry in entries if not entry.held_out]
        texts = (text for entry in seen for text in (entry.signature, *entry.paragraphs))
        counts = Counter(word for text in texts for word in split_words(text))
        vocabulary = SPECIAL + learn_pieces(counts, PIECES - len(SPECIAL))
    ids = {piece: number for number, piece in enumerate(vocabulary)}
    known: dict[str, list[int]] = {}
    parts: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    for entry in entries:
        row = []
        for text in filter(None, (entry.signature, *entry.paragraphs)):
            for word in split_words(text):
                if word not in known:
                    known[word] = encode_word(word, ids)
                row += known[word]
            row.append(SEP)
        for part in torch.tensor(row).split(LENGTH - 1):
            if len(part) >= 5:
                parts[entry.held_out].append(torch.cat([torch.tensor([CLS]), part]))
    return Texts(vocabulary, parts[False], parts[True])


def group_rows(rows: list[torch.Tensor], generator: torch.Generator) -> list[torch.Tensor]:
    """Put rows of like length together, about BATCH pieces a batch, in random order."""
    order = torch.randperm(len(rows), generator=generator).tolist()
    order.sort(key=lambda i: len(rows[i]) // 4)
    batches, batch, longest = [], [], 0
    for i in order:
        longest = max(longest, len(rows[i]))
        if batch and longest * (len(batch) + 1) > BATCH:
            batches.append(pad_sequence(batch, batch_first=True))
            batch, longest = [], len(rows[i])
        batch.append(rows[i])
    batches.append(pad_sequence(batch, batch_first=True))
    shuffled = torch.randperm(len(batches), generator=generator)
    return [batches[i] for i in shuffled.tolist()]


def hide(ids: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Choose the pieces to guess: a random share, none of them special; True where chosen."""
    return (torch.rand(ids.shape, generator=generator) < share) & (ids > MASK)


def corrupt(
    ids: torch.Tensor, chosen: torch.Tensor, pieces: int, generator: torch.Generator
) -> torch.Tensor:
    """Replace 8 of 10 chosen pieces by [MASK], 1 by a random piece, and leave 1 as it is."""
    dice = torch.rand(ids.shape, generator=generator)
    noise = torch.randint(len(SPECIAL), pieces, ids.shape, generator=generator)
    ids = torch.where(chosen & (dice < 0.8), MASK, ids)
    return torch.where(chosen & (dice > 0.9), noise, ids)


def blanks(rows: list[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Make the test: batches of pieces, and which of them are [MASK] for model and counts."""
    generator = torch.Generator().manual_seed(1)
    batches = group_rows(rows, generator)
    return [(ids, hide(ids, TEST_SHARE, generator)) for ids in batches]


@torch.inference_mode()
def masked_accuracy(model: nn.Module, rows: list[torch.Tensor]) -> float:
    """Measure the share of the masked pieces that the model fills in right."""
    model.eval()
    right = total = 0
    for ids, chosen in blanks(rows):
        guesses = model.guess(model(torch.where(chosen, MASK, ids))[chosen]).argmax(dim=1)
        right += (guesses == ids[chosen]).sum().item()
        total += len(guesses)
    return right / total


def neighbour_accuracy(
    train: Iterable[torch.Tensor], rows: list[torch.Tensor], masked: bool
) -> float:
    """Measure what counting gives: the most frequent piece between these two neighbours.

    Where the two never met, or one is masked, the neighbour that is surer decides alone. With
    `masked` the counts see what the model sees; without, they see all true neighbours.
    """
    tables: list[dict[Any, Counter]] = [defaultdict(Counter) for _ in range(3)]
    every = Counter()
    for row in train:
        row = [*row.tolist(), PAD]
        for left, piece, right in zip(row, row[1:], row[2:], strict=False):
            if piece > MASK:
                for table, key in zip(tables, ((left, right), left, right), strict=True):
                    table[key][piece] += 1
                every[piece] += 1
    hits = total = 0
    for ids, chosen in blanks(rows):
        shown = F.pad(torch.where(chosen, MASK, ids) if masked else ids, (0, 1)).tolist()
        for i, j in chosen.nonzero().tolist():
            left, right = shown[i][j - 1], shown[i][j + 1]
            keys = ((left, right), left, right)
            found = [table.get(key) for table, key in zip(tables, keys, strict=True)]
            if not found[0]:  # else both neighbours decide
                alone = [counts for counts in found[1:] if counts] or [every]
                found = [max(alone, key=lambda c: c.most_common(1)[0][1] / (c.total() + 1))]
            hits += found[0].most_common(1)[0][0] == ids[i, j].item()
            total += 1
    return hits / total


def train(texts: Texts, steps: int, show: bool = True) -> nn.Module:
    """Train a fresh model for some steps, with warm-up and a rate that falls to nothing."""
    set_seed(0)
    generator = torch.Generator().manual_seed(0)
    pieces = len(texts.vocabulary)
    model = TinyBert(pieces)
    optimizer = optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    scheduler = optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.05, cycle_momentum=False
    )
    batches: list[torch.Tensor] = []
    began, total = time.perf_counter(), 0.0
    for step in range(1, steps + 1):
        if not batches:
            batches = group_rows(texts.train, generator)
        ids = batches.pop()
        chosen = hide(ids, SHARE, generator)
        states = model.train()(corrupt(ids, chosen, pieces, generator))
        loss = F.cross_entropy(model.guess(states[chosen]), ids[chosen])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        total += loss.item()
        if show and step % (steps // 20 or 1) == 0:
            seconds = time.perf_counter() - began
            share = masked_accuracy(model, texts.test)
            mean = total / (steps // 20 or 1)
            say = f"step {step}/{steps}  loss {mean:.3f}  held out {share:.3f}  {seconds:.0f} s"
            print(say, flush=True)
            total = 0.0
    return model


def main() -> None:
    """Train, and write vocabulary, weights and figures."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else FILE
    texts = read_texts()
    model = train(texts, steps)
    weights = {name: value.half() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)  # rounded as in the file, then measured
    figures = {
        "accuracy": masked_accuracy(model, texts.test),
        "neighbours": neighbour_accuracy(texts.train, texts.test, masked=True),
        "true_neighbours": neighbour_accuracy(texts.train, texts.test, masked=False),
    }
    save_checkpoint(path, {"vocabulary": texts.vocabulary, "weights": weights, **figures})
    print(*(f"{name} {value:.4f}" for name, value in figures.items()), sep="\n")
    print(f"wrote {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
