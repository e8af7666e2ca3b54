"""Run this Python with no network but loopback and an empty home.

python -m tools.offline -m pytest    runs all tests like that
"""

import os
import shutil
import subprocess
import sys
import tempfile

# In a network namespace of its own: switches loopback on, then becomes the command that follows.
LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    up_and_running = struct.pack("16sh", b"lo", 0x1 | 0x40)
    fcntl.ioctl(any_socket, 0x8914, up_and_running)  # SIOCSIFFLAGS
os.execv(sys.argv[1], sys.argv[1:])
"""
LOOPBACK_ONLY = ["unshare", "-rn", sys.executable, "-c", LOOPBACK]


def can_cut_the_network() -> bool:
    """Tell whether this machine lets us start a process without any network but loopback."""
    command, silent = [*LOOPBACK_ONLY, sys.executable, "-c", ""], subprocess.DEVNULL
    found = shutil.which("unshare") is not None
    return found and not subprocess.call(command, stdout=silent, stderr=silent)


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
