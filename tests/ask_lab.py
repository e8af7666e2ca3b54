"""Start JupyterLab by a command, ask for its page and its notebooks once, and stop it.

    python -m tests.ask_lab make lab

The workflows in .github run it on each system. Its exit status is 0 if JupyterLab answered.
"""

import sys
import tempfile
import urllib.request
from pathlib import Path

from helpers.paths import ROOT
from tests.support import running_lab


def ask(address: str, token: str) -> None:
    """Ask a JupyterLab for its page and for the notebooks; an AssertionError says what is wrong."""
    for path, wanted in {"lab": "<title>JupyterLab", "api/contents": "00_setup.ipynb"}.items():
        page = (
            urllib.request.urlopen(f"{address}/{path}?token={token}", timeout=120).read().decode()
        )
        assert wanted in page, f"{address}/{path} has no {wanted}: {page[:500]}"


def main(command: list[str]) -> None:
    """Run the command until JupyterLab has answered; if it does not start, say what it wrote."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as private, running_lab(command, ROOT, Path(private)) as (address, token):
        ask(address, token)
    print(f"{' '.join(command)}: JupyterLab answered at {address}")


if __name__ == "__main__":
    main(sys.argv[1:])
