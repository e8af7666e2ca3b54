"""Python's documentation texts, as `tools/python_docs.py` froze them into `data/`."""

import json
import lzma
import zlib
from typing import NamedTuple

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
    except (lzma.LZMAError, ValueError, LookupError) as error:
        raise DataError(f"{path} is broken ({error}); git checkout -- data/{FILE}") from error
    return [Entry(file, signature, paragraphs) for file, signature, *paragraphs in records]
