"""Freeze names of places and languages, as fifteen languages spell them, in `data/`.

    python -m tools.place_names [FILE]

Reads them from Unicode's Common Locale Data Repository (CLDR), of which the package `babel` holds a
copy; it comes with JupyterLab. Takes a second. The same CLDR gives the same bytes. Lesson 19 reads
the file, and `data/README.md` says what stands in it.
"""

import csv
import gzip
import importlib
import io
import sys
from pathlib import Path
from types import ModuleType

from helpers.paths import ROOT

FILE = ROOT / "data" / "place_names.csv.gz"
LANGUAGES = "cs de en es fi fr hr hu it nl pl pt ro sv tr".split()  # all in Latin letters
CLDR = "47"  # what the file in `data/` was made of


def load_babel() -> ModuleType:
    """Import babel, which the project does not need otherwise.

    Raises:
        SystemExit: It is not installed.
    """
    try:
        return importlib.import_module("babel")
    except ImportError:
        raise SystemExit(
            "tools.place_names reads CLDR from the package babel, which is not installed here; "
            "run: pip install babel==2.18.0"
        ) from None


def cldr_version() -> str:
    """Return the version of the CLDR that babel holds, such as "47"."""
    return load_babel().core.get_cldr_version()


def read_names() -> list[list[str]]:
    """Return a header and, for each thing that has names, its kind, code and names.

    The kinds are territory, language and city; a city's code is that of its time zone. A name that
    CLDR does not give is empty.
    """
    locales = [load_babel().Locale(language) for language in LANGUAGES]
    cities = [
        {zone: names.get("city", "") for zone, names in locale.time_zones.items()}
        for locale in locales
    ]
    kinds = {
        "territory": [locale.territories for locale in locales],
        "language": [locale.languages for locale in locales],
        "city": cities,
    }
    table = [["kind", "code", *LANGUAGES]]
    for kind, tables in kinds.items():
        for code in sorted(set().union(*tables)):
            names = [names.get(code, "") for names in tables]
            region = kind == "territory" and code.isdecimal()  # "Western Asia", no territory
            if any(names) and not region:
                table.append([kind, code, *names])
    return table


def pack(table: list[list[str]]) -> bytes:
    """Return the table as CSV, packed by gzip without time or name of a file."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(table)
    return gzip.compress(text.getvalue().encode("utf-8"), mtime=0)


def main() -> None:
    """Write the file, and say how large it is."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    table = read_names()
    path.write_bytes(pack(table))
    print(f"{len(table) - 1} rows of CLDR {cldr_version()}: {path.stat().st_size} bytes in {path}")


if __name__ == "__main__":
    main()
