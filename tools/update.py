"""Try the newest versions of torch and of all the rest, and say what changes in the notebooks.

    python -m tools.update                   in a virtual environment that is thrown away afterwards
    python -m tools.update --python PATH     in an environment that is there, by its Python
    python -m tools.update NOTEBOOK ...      some notebooks only
    python -m tools.update --write           and write constraints.txt if all is green

It installs the newest versions within pyproject.toml's ranges, runs every notebook strictly there,
and says which versions and outputs changed and which cells failed. Without --write it changes no
file. Its exit status is 0 if all is green, 1 if something changed or failed, 2 if it could not try.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree

from packaging.requirements import Requirement

from helpers.paths import ROOT
from tools.notebooks import replace_file
from tools.versions import failed, run_strictly

DISK = 10  # GB: 6.6 of packages, and what pip unpacks meanwhile
PIN = re.compile(r"^([\w.-]+)==([^\s;#]+)")
NOT_PINNED = {"pip", "setuptools", "wheel", "pytorch-ladder"}
PROBE = """import json, sys
from importlib.metadata import distributions
found = {each.metadata["Name"]: each.version for each in distributions() if each.metadata["Name"]}
print(json.dumps([".".join(map(str, sys.version_info[:3])), found]))"""


class Trouble(Exception):
    """The newest versions could not be tried; the message says why, and what to do."""


def plain(name: str) -> str:
    """Spell a package's name in the one way that all its spellings have in common."""
    return re.sub(r"[-_.]+", "-", name).lower()


def ranges(root: Path = ROOT, extras: bool = False) -> list[str]:
    """Return pyproject.toml's dependencies with their ranges, such as "torch>=2.14"."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    more = project.get("optional-dependencies", {}).values() if extras else ()
    return [*project["dependencies"], *(line for some in more for line in some)]


def require_space(folder: Path) -> None:
    """Refuse a folder whose disk is too full.

    Raises:
        Trouble: It is.
    """
    free = shutil.disk_usage(folder).free / 1e9
    if free < DISK:
        raise Trouble(
            f"{folder} has {free:.1f} GB free; the environment needs {DISK} GB for a while. Free "
            "some, name another folder by TMPDIR=/another/folder, or an environment by --python."
        )


def install(folder: Path, index: str | None = None, pre: bool = False) -> str:
    """Make a virtual environment in a folder, of the newest versions; return its Python.

    Args:
        folder: An empty one.
        index: Where torch and torchvision come from, instead of pip's own index.
        pre: Also take versions that are not yet released.

    Raises:
        Trouble: pip could not install them.
    """
    require_space(folder)
    place = folder / "environment"
    # what pip unpacks lies there too, and goes with the folder when pip is ended
    there = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    if subprocess.call([sys.executable, "-m", "venv", str(place)], env=there):
        raise Trouble("Python made no virtual environment. On Debian: apt install python3-venv")
    python = str(place / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    pip = [python, "-m", "pip", "install", "--quiet", *["--pre"] * pre]
    wanted = ranges(extras=True)
    torch = [line for line in wanted if re.match(r"torch(vision)?\b", line)]
    steps = [[*pip, "--index-url", index, *torch]] if index else []
    for command in [*steps, [*pip, *wanted]]:
        if subprocess.call(command, env=there):
            raise Trouble(
                "pip could not install the packages; its own words stand above. Without a network "
                "nothing newer can be tried: connect, or name an environment by --python."
            )
    return python


def look_into(python: str) -> tuple[str, dict[str, str]]:
    """Return an environment's Python version, and its packages' versions by their plain names.

    Raises:
        Trouble: It is no Python, or lacks packages of the project.
    """
    command = [python, "-c", PROBE]
    try:
        got = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Trouble(f"{python} is no Python that runs: {error}") from error
    version, found = json.loads(got.stdout)
    # a build's own mark, as in 2.15.0+cpu, is none of a pin's business
    versions = {plain(name): v.partition("+")[0] for name, v in found.items()}
    missing = [name for line in ranges() if (name := Requirement(line).name) not in versions]
    if missing:
        raise Trouble(
            f"{python} lacks {', '.join(missing)}. Install the project's packages there: "
            f"{python} -m pip install -e ."
        )
    return version, versions


def repin(text: str, versions: dict[str, str]) -> tuple[str, dict[str, tuple[str, str]]]:
    """Pin anew what a constraints file pins, and nothing else.

    Args:
        text: Of the file; its comments, its order and what is not installed stay.
        versions: Of what is installed, by plain names.

    Returns:
        The new text, and for each name in it that changed the old and the new version.
    """
    changes = {}

    def line_of(line: str) -> str:
        found = PIN.match(line)
        new = versions.get(plain(found[1])) if found else None
        if new is None or new == found[2]:
            return line
        changes[found[1]] = (found[2], new)
        return f"{found[1]}=={new}{line[found.end() :]}"

    return "".join(map(line_of, text.splitlines(keepends=True))), changes


def out_of_range(versions: dict[str, str]) -> list[str]:
    """Name the packages whose versions pyproject.toml does not allow."""
    wanted = [Requirement(line) for line in ranges()]
    return [
        f"{each.name} {versions[plain(each.name)]} is not {each.specifier}"
        for each in wanted
        if not each.specifier.contains(versions[plain(each.name)], prereleases=True)
    ]


def change_of(case: ElementTree.Element) -> dict[str, str]:
    """Return what became of a test that failed: "notebook", "cell", "kind", "old" and "new"."""
    for note in case.iter("property"):
        if note.get("name") == "change":
            return json.loads(note.get("value"))
    said = next(part.get("message", part.tag) for part in case if part.tag != "properties")
    place = {"notebook": case.get("classname"), "cell": case.get("name")}
    return {**place, "kind": "failed", "old": "", "new": said.splitlines()[0]}


def show_changes(changes: list[dict[str, str]]) -> str:
    """Lay out what became of the cells, notebook by notebook."""
    lines, before = [], None
    for change in changes:
        if change["notebook"] != before:
            lines += ["", change["notebook"]]
        before = change["notebook"]
        lines.append(f"  {change['kind']}  cell {change['cell']}")
        lines += [f"      old  {change['old']}"] * (change["kind"] == "changed")
        lines.append(f"      new  {change['new']}")
    return "\n".join(lines)


def show_versions(
    changed: dict[str, tuple[str, str]], text: str, versions: dict[str, str], python: str
) -> str:
    """Lay out how an environment's versions differ from those of a constraints file's text."""
    pinned = {plain(found[1]): found[1] for line in text.splitlines() if (found := PIN.match(line))}
    lines = [f"Python {python}; versions that differ from constraints.txt: {len(changed)}"]
    lines += [f"  {name:28} {old} -> {new}" for name, (old, new) in changed.items()]
    absent = [name for short, name in pinned.items() if short not in versions]
    more = [f"{name}=={v}" for name, v in sorted(versions.items()) if name not in pinned]
    more = [pin for pin in more if pin.partition("==")[0] not in NOT_PINNED]
    lines += [f"Pinned, but not installed there: {', '.join(absent)}"] * bool(absent)
    lines += [f"Installed there, but not pinned: {', '.join(more)}"] * bool(more)
    return "\n".join(lines)


NOT_GREEN = """Not green, so {file} stays. To go on, put these lines into it on a branch:

{pins}

Then `make setup`, and for each notebook above `make notebooks NOTEBOOK=...`. Look at each change by
`git diff`: is the prose still true? What is only worded differently may become a rule in
tools/notebooks.py. Last `make test`, and `python -m tools.versions`."""


def advise(green: bool, changed: dict[str, tuple[str, str]], file: str) -> str:
    """Say what to do with the result."""
    if not changed:
        return "All is green, and no version is new." if green else "Mend the notebooks above."
    pins = "\n".join(f"{name}=={new}" for name, (_, new) in changed.items())
    if green:
        return f"All is green. What --write would write into {file}:\n\n{pins}"
    return NOT_GREEN.format(file=file, pins=pins)


def attempt(python: str, names: Sequence[str], write: bool, root: Path = ROOT) -> int:
    """Run the notebooks in an environment and report; return the exit status."""
    version, versions = look_into(python)
    file = root / "constraints.txt"
    text = file.read_text(encoding="utf-8")
    new_text, changed = repin(text, versions)
    print(show_versions(changed, text, versions, version), flush=True)
    options = ["-p", "tools.changes", "--tb=no", "--no-header", "-rN"]
    options += ["-n0"] * (len(names) == 1)
    cases = run_strictly(*options, *(names or ["notebooks"]), python=python, root=root)
    if not cases:
        raise Trouble(f"no cell found in {', '.join(names) or 'notebooks'}; expected notebooks")
    changes = [change_of(case) for case in cases if failed(case)]
    changes.sort(key=lambda change: change["notebook"])
    print(show_changes(changes))
    kinds = [change["kind"] for change in changes]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("changed", "failed"))
    print(f"\n{len(cases)} cells: {len(cases) - len(kinds)} as before, {counts}")
    if "failed" in kinds:
        print("After a failed cell, later ones of its notebook may fail because of it.")
    print()
    for each in (wrong := out_of_range(versions)):
        print(f"Out of pyproject.toml's range: {each}")
    green = not changes and not wrong
    if write and green and changed:
        replace_file(file, new_text)
        print(f"{file.name} written: {len(changed)} new versions. Next: make test")
    else:
        print(advise(green, changed, file.name))
    return int(not green)


def end_by_exit() -> None:
    """Let whoever ends this program, or closes its terminal, find no half environment either."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(1))


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.update", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK")
    parser.add_argument("--python", metavar="PATH", help="the Python of an environment to try")
    parser.add_argument(
        "--torch-index", metavar="URL", help="where torch and torchvision come from"
    )
    parser.add_argument("--pre", action="store_true", help="also take what is not yet released")
    parser.add_argument(
        "--write", action="store_true", help="write constraints.txt if all is green"
    )
    chosen = parser.parse_args(arguments)
    if chosen.write and chosen.notebooks:
        parser.error("--write needs every notebook; name none")
    if chosen.python and (chosen.pre or chosen.torch_index):
        parser.error("--python installs nothing, so leave out --pre and --torch-index")
    names = [str(Path(name).resolve()) for name in chosen.notebooks]
    if missing := [name for name in names if not Path(name).exists()]:
        parser.error(f"no notebook {missing[0]}")
    sys.stdout.reconfigure(errors="backslashreplace")  # an output may hold what a console lacks
    try:
        with ExitStack() as stack:
            python = chosen.python and shutil.which(chosen.python)
            if chosen.python and not python:
                raise Trouble(f"there is no program {chosen.python}")
            if not python:
                kept = tempfile.TemporaryDirectory(prefix="update-", ignore_cleanup_errors=True)
                folder = Path(stack.enter_context(kept))
                print(f"Installing the newest versions into {folder}: minutes.", flush=True)
                python = install(folder, chosen.torch_index, chosen.pre)
            return attempt(str(Path(python).absolute()), names, chosen.write, root)
    except (Trouble, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. No file of the project was changed.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    end_by_exit()
    sys.exit(main())
