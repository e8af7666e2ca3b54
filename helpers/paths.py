"""Where things are: the repository, and the folders of its data, its runs and a learner's progress.

No other module knows the repository's root or reads `LADDER_DATA`, `LADDER_RUNS` and
`LADDER_PROGRESS`. In each of them `~` stands for the home folder, and a relative path counts from
the repository. Like the doctor, this module needs the standard library alone, and an old Python can
read it.

    python -m helpers.paths runs    prints the folder of the runs
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"


class DataError(ValueError):
    """Data or a folder is missing or malformed; the message names the place and the cure."""


def named_folder(name: str) -> Path:
    """Return where the folder "data" or "runs" is to be, whether it is there or not.

    That is what `LADDER_DATA` or `LADDER_RUNS` names, or else the repository's.

    Raises:
        DataError: The variable begins with the `~` of somebody who has no home folder here.
    """
    return _from_root("LADDER_" + name.upper(), os.environ.get("LADDER_" + name.upper()) or name)


def _from_root(variable: str, path: str) -> Path:
    try:
        return ROOT / Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"{variable} is {path}, and nobody's home is there; write it out") from None


def data_dir() -> Path:
    """Return the folder of the data: what `LADDER_DATA` names, or the repository's `data/`.

    Raises:
        DataError: The folder is not there.
    """
    folder = named_folder("data")
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; make it, or unset LADDER_DATA")
    return folder


def data_file(name: str) -> Path:
    """Return the path of a file that comes with the lessons, in the folder of the data.

    Raises:
        DataError: The folder or the file is not there.
    """
    path = data_dir() / name
    if not path.is_file():
        raise DataError(f"no file {path}; run `python -m helpers.doctor`, which says how to get it")
    return path


def runs_dir() -> Path:
    """Return the folder of logs and checkpoints: what `LADDER_RUNS` names, or `runs/`.

    Raises:
        DataError: The folder is not there, or cannot be written in.
    """
    folder = named_folder("runs")
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; make it, or unset LADDER_RUNS")
    if not os.access(folder, os.W_OK):
        raise DataError(f"cannot write in {folder}; set LADDER_RUNS to a folder of yours")
    return folder


def progress_dir() -> Path | None:
    """Return the folder of a learner's progress: `LADDER_PROGRESS`, or `progress/` in the runs.

    Returns:
        The folder, which may not be there yet; None where `LADDER_PROGRESS` is "off".

    Raises:
        DataError: There is no folder for runs.
    """
    named = os.environ.get("LADDER_PROGRESS")
    if named == "off":
        return None
    return _from_root("LADDER_PROGRESS", named) if named else runs_dir() / "progress"


if __name__ == "__main__":
    folders = {"data": data_dir, "runs": runs_dir}
    if len(sys.argv) != 2 or sys.argv[1] not in folders:
        sys.exit(f"expected one of {', '.join(folders)}, got {' '.join(sys.argv[1:]) or 'nothing'}")
    try:
        print(folders[sys.argv[1]]())
    except DataError as error:
        sys.exit(str(error))
