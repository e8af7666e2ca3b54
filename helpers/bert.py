"""A small BERT and its tokenizer, as lesson 20 writes them out, and the door to a large one."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

WEIGHTS = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"]


def split_words(text: str) -> list[str]:
    """Cut a text into words in small letters, digits and signs."""
    return re.findall(r"[a-z]+|\d|[^\sa-z\d]", text.lower())


def count_pairs(words: dict[str, list[str]], counts: dict[str, int]) -> Counter:
    """Count how often two pieces stand side by side in a word."""
    pairs = Counter()
    for word, pieces in words.items():
        for pair in pairwise(pieces):
            pairs[pair] += counts[word]
    return pairs


def join_pair(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    """Join the two pieces of `pair` wherever they stand side by side."""
    joined = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece.removeprefix("##")
        else:
            joined.append(piece)
    return joined


def encode_word(word: str, ids: dict[str, int]) -> list[int]:
    """Cut a word into the longest pieces that there are, from its beginning.

    Args:
        word: As `split_words` gives it.
        ids: The number of each piece; "##" begins one that continues a word.

    Returns:
        The numbers of its pieces, or of "[UNK]" alone where a letter is unknown.
    """
    found, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in ids), None)
        if end is None:
            return [ids["[UNK]"]]
        found.append(ids[mark + word[start:end]])
        start = end
    return found


def encode_text(text: str, ids: dict[str, int], longest: int = 48) -> torch.Tensor:
    """Give the numbers of a text's pieces between [CLS] and [SEP], (positions,), cut if longer."""
    found = [number for word in split_words(text) for number in encode_word(word, ids)]
    return torch.tensor([ids["[CLS]"], *found[: longest - 2], ids["[SEP]"]])


class Attention(nn.Module):
    """Several heads of attention: each position mixes what it finds in all others."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split(self, inputs):
        """Give queries, keys and values, each (batch, heads, positions, width / heads)."""
        parts = self.project(inputs).unflatten(2, (3, self.heads, -1))
        return parts.permute(2, 0, 3, 1, 4)

    def forward(self, inputs, mask):
        """Mix (batch, positions, width); `mask` is True where a position may be looked at."""
        mixed = F.scaled_dot_product_attention(*self.split(inputs), attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """Attention, then a small network at each position, each added to what it reads."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        grow, shrink = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.feed = nn.Sequential(grow, nn.GELU(), shrink)

    def forward(self, inputs, mask):
        """Give (batch, positions, width), as the inputs are."""
        inputs = inputs + self.attention(self.norm1(inputs), mask)
        return inputs + self.feed(self.norm2(inputs))


class Embeddings(nn.Module):
    """A vector for each piece and its place, which then reads its two neighbours."""

    def __init__(self, pieces, width, length):
        super().__init__()
        self.tokens = nn.Embedding(pieces, width)
        self.positions = nn.Embedding(length, width)
        for table in (self.tokens, self.positions):
            nn.init.normal_(table.weight, std=0.02)
        self.norm = nn.LayerNorm(width)
        self.near = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, ids, seen):
        """Give (batch, positions, width); `seen` is False at padding."""
        states = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        states = self.norm(states) * seen.unsqueeze(2)
        near = self.near(states.transpose(1, 2)).transpose(1, 2)
        return states + F.gelu(near)


class TinyBert(nn.Module):
    """Embeddings, encoder layers, and a guess at each piece from its state."""

    def __init__(self, pieces, width=96, heads=3, layers=3, length=64):
        super().__init__()
        self.embed = Embeddings(pieces, width, length)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, 2 * width) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(pieces))

    def forward(self, ids):
        """Give a state for each piece: (batch, positions) -> (batch, positions, width)."""
        seen = ids != 0  # 0 is padding
        states = self.embed(ids, seen)
        for layer in self.layers:
            states = layer(states, seen[:, None, None])  # (batch, heads, from, to)
        return self.last(states)

    def guess(self, states):
        """Give a logit for each piece of the vocabulary: (…, width) -> (…, pieces)."""
        return states @ self.embed.tokens.weight.T + self.bias


def caught_queries(model: TinyBert, ids: torch.Tensor, layer: int) -> torch.Tensor:
    """Catch queries and keys of a layer while the model reads, by a forward hook.

    Args:
        model: Used on the device it is on.
        ids: (batch, positions), on any device.
        layer: From 0.

    Returns:
        (2, batch, heads, positions, width of a head), on the model's device.
    """
    caught = []
    attention = model.layers[layer].attention
    hook = attention.register_forward_hook(lambda module, inputs, _: caught.append(inputs[0]))
    with torch.inference_mode():
        model(ids.to(attention.out.weight.device))
        hook.remove()
        return attention.split(caught[0])[:2]


class RealBert(nn.Module):
    """A BERT of the library `transformers` in the form of `TinyBert`, with its tokenizer."""

    def __init__(self, folder: str | Path) -> None:
        """Open what `save_pretrained` wrote into a folder; nothing is downloaded.

        Raises:
            RuntimeError: The library is not installed.
            FileNotFoundError: The folder holds no model, or no tokenizer.
            ValueError: Padding is not piece 0, as it is in every BERT.
        """
        super().__init__()
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            cure = 'pip install -c constraints.txt -e ".[bert]"'
            raise RuntimeError(f"LADDER_BERT needs the library transformers: {cure}") from error
        folder = Path(folder).expanduser()
        for names in (["config.json"], ["tokenizer.json", "vocab.txt"], WEIGHTS):
            if not any((folder / name).is_file() for name in names):
                say = f"no {' or '.join(names)} in {folder}"
                cure = "LADDER_BERT names a folder with a saved BERT and its tokenizer"
                raise FileNotFoundError(f"{say}; {cure}")
        # trust_remote_code: a folder may hold programs, which are never run
        how = {"local_files_only": True}
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **how)
        self.bert = AutoModel.from_pretrained(folder, trust_remote_code=False, **how)
        self.width = self.bert.config.hidden_size
        if self.tokenizer.pad_token_id != 0:
            say = f"padding is piece {self.tokenizer.pad_token_id} in {folder}, not 0"
            raise ValueError(f"{say}; take a BERT, such as bert-base-uncased")

    def encode(self, texts: list[str], longest: int = 64) -> torch.Tensor:
        """Give the numbers of the texts' pieces, (texts, positions), padded with 0."""
        how = {"padding": True, "truncation": True, "max_length": longest}
        return self.tokenizer(texts, return_tensors="pt", **how).input_ids

    def forward(self, ids):
        """Give a state for each piece: (batch, positions) -> (batch, positions, width)."""
        mask = (ids != 0).long()
        return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
