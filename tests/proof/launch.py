"""Become a command in a poorer world.

    python launch.py SETTINGS COMMAND…

SETTINGS is JSON, all of it optional: "read_only" (folders) and "small" (folders, and how many bytes
are free in each), which need a mount namespace of one's own, `unshare -rm`; "memory" (bytes a
process), "cores" and "no_stdin".
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

PAGE = resource.getpagesize()  # a file takes whole pages


def make_read_only(folder: str) -> None:
    """Mount a folder over itself, read-only."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)


def make_small(folder: str, free: int) -> None:
    """Mount a disk with so many free bytes over a folder, with a copy of what is in it."""
    kept = {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    size = free + sum(-(-len(data) // PAGE) * PAGE for data in kept.values())
    options = f"size={size},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    for path, data in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def main(settings: dict, command: list[str]) -> None:
    """Set the limits, which hold for every process that comes of this one."""
    here = Path.cwd()
    for folder, free in settings.get("small", {}).items():
        make_small(folder, free)
    for folder in settings.get("read_only", []):
        make_read_only(folder)
    os.chdir(here)  # anew, or the working directory would still be the one below the mount
    if "cores" in settings:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: settings["cores"]])
    if "memory" in settings:
        resource.setrlimit(resource.RLIMIT_DATA, (settings["memory"],) * 2)
    if settings.get("no_stdin"):
        os.close(0)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
