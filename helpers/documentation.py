"""Python's documentation texts, as `tools/python_docs.py` froze them into `data/`."""

import json
import lzma
import random
import re
import zlib
from itertools import pairwise
from typing import NamedTuple

import torch

from helpers.paths import DataError, data_dir

FILE = "python_docs.json.xz"


class Entry(NamedTuple):
    """What the documentation says of one function, class, module or topic."""

    file: str  # of the standard library, such as "json/decoder", or "reference/assert"
    signature: str  # such as "dumps(obj, indent)"; "" for a file or a topic
    paragraphs: list[str]  # each one line

    @property
    def held_out(self) -> bool:
        """Whether its file is among the fifth of the files that pretraining never sees."""
        return zlib.crc32(self.file.encode()) % 5 == 0


def load_documentation() -> list[Entry]:
    """Read the entries, in the order of their files.

    Raises:
        DataError: The file is missing or broken.
    """
    path = data_dir() / FILE
    try:
        records = json.loads(lzma.decompress(path.read_bytes()))["records"]
    except FileNotFoundError:
        raise DataError(f"no {path}; get it back: git checkout -- data/{FILE}") from None
    except (lzma.LZMAError, EOFError, ValueError, LookupError) as error:
        raise DataError(f"{path} is broken ({error}); git checkout -- data/{FILE}") from error
    return [Entry(file, signature, paragraphs) for file, signature, *paragraphs in records]


def sample_topics(
    entries: list[Entry], packages: list[str], count: int, seed: int
) -> tuple[list[str], torch.Tensor]:
    """Draw `count` paragraphs of each package, of 8 words or more.

    Args:
        entries: Where to draw from.
        packages: Folders of the standard library, or "reference"; class 0, 1, ….
        count: Paragraphs of each.
        seed: The same seed gives the same paragraphs.

    Returns:
        The paragraphs, class by class, and their classes, (texts,) of int64.

    Raises:
        ValueError: A package has fewer paragraphs.
    """
    generator, texts = random.Random(seed), []
    for package in packages:
        own = [entry for entry in entries if entry.file.split("/")[0] == package]
        long = [text for entry in own for text in entry.paragraphs if len(text.split()) >= 8]
        if len(long) < count:
            raise ValueError(f"{package} has {len(long)} paragraphs of 8 words, not {count}")
        texts += generator.sample(long, count)
    return texts, torch.arange(len(packages)).repeat_interleave(count)


def sample_swaps(entries: list[Entry], count: int, seed: int) -> tuple[list[str], torch.Tensor]:
    """Draw `count` short first sentences, each also with two neighbouring words swapped.

    Short is 8 to 12 words, and at most 60 letters: a batch is padded to its longest text.

    Args:
        entries: Where to draw from.
        count: Sentences; twice as many texts come back.
        seed: The same seed gives the same texts.

    Returns:
        The texts, in small letters, a sentence as it was and then with its swap; and for each 0
        as it was or 1 with the swap, (texts,) of int64. Both hold the same words.
    """
    firsts = [re.split(r"(?<=[.!?])\s", text)[0] for entry in entries for text in entry.paragraphs]
    plain = [text.rstrip(".").lower() for text in firsts]
    plain = [text for text in plain if re.fullmatch(r"(?!.*--)[a-z ,'-]+", text)]  # no tables
    plain = [text for text in dict.fromkeys(plain) if len(text) <= 60]
    plain = [text for text in plain if 8 <= len(text.split()) <= 12]
    generator, texts = random.Random(seed), []
    for text in generator.sample(plain, count):
        words = text.split()
        i = generator.choice([i for i, (a, b) in enumerate(pairwise(words)) if a != b])
        swapped = [*words[:i], words[i + 1], words[i], *words[i + 2 :]]
        texts += [text, " ".join(swapped)]
    return texts, torch.tensor([0, 1] * count)
