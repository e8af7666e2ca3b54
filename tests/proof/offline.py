"""Run this Python with no network but loopback and an empty home, as `… offline -m pytest`."""

import os
import subprocess
import sys
import tempfile

from tests.conftest import LOOPBACK_ONLY, can_cut_the_network


def main(arguments: list[str]) -> int:
    """Run it; return its exit status."""
    if not can_cut_the_network():
        print("Not run: this machine does not let us cut the network (unshare -rn).")
        return 0
    kept = {k: v for k, v in os.environ.items() if k != "TORCH_HOME" and not k.startswith("XDG_")}
    with tempfile.TemporaryDirectory(prefix="home") as home:
        command = [*LOOPBACK_ONLY, sys.executable, *arguments]
        return subprocess.call(command, env={**kept, "HOME": home})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
