"""The whole proof: what is too slow for `make test`, in parts that can be run one by one.

    python -m tools.proof                 every part that has not passed on these files yet
    python -m tools.proof faults devices  these parts, whether they have passed or not
    python -m tools.proof --from faults   from this part on
    python -m tools.proof --failed faults only those tests of a part that failed last time
    python -m tools.proof --list          name the parts

Each part is a run of pytest. What became of it stands in `proof/` in the folder of the runs, with a
sum over all files of the repository: once a file has changed, every part counts as not yet run. A
run that was stopped or failed therefore goes on where it was. At the end a table says what was
tried and what survived, and whether all of it was one run.
"""

import argparse
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from helpers.paths import ROOT, runs_dir

# What the tests read besides the folders of code, notebooks and data.
NAMED = "pyproject.toml constraints.txt environment.yml Makefile README.md runs/README.md .ci/run"
NAMED = [*NAMED.split(), "CHANGELOG.md", "CITATION.cff", "LICENSE"]
WORKERS = ["-n", "2", "--dist", "worksteal"]
NEIGHBOURS = ["-n", "2", "--dist", "loadscope"]  # what shares a server or a kernel stays together


class Part(NamedTuple):
    """A part of the proof: what it shows, and how pytest is called."""

    shows: str
    command: list[str]


def _tests(shows: str, *names: str, options: list[str] = WORKERS) -> Part:
    return Part(shows, ["-m", "pytest", *options, *(f"tests/proof/test_{n}.py" for n in names)])


# In the order in which they run: what fails soonest for a slip comes first.
PARTS = {
    "seeds": _tests("each exercise's solution and wrong answers on fifty seeds", "seeds"),
    "mutants": _tests("each solution with one slip in it is refused by its check", "mutants"),
    "canaries": _tests("notebooks broken on purpose turn strict nbval red", "canaries"),
    "browser": _tests("every lesson, from restart to end, in JupyterLab", "browser"),
    "full_size": _tests("lessons 10, 11 and 18 on sets of full size", "full_size"),
    "elsewhere": _tests("every lesson on a machine set up differently", "elsewhere"),
    "spawn": _tests("lessons whose loaders spawn their workers", "spawn"),
    "devices": _tests("every lesson on a pretended accelerator", "devices"),
    "planted": _tests("lies planted in lessons and helpers are found", "planted"),
    "faults": _tests("every lesson under what a classroom does to it", "faults"),
    "class": _tests("a class of hostile notebooks gets its report", "class", options=NEIGHBOURS),
    "viewer": _tests("lesson 13's viewer in a browser", "viewer", options=NEIGHBOURS),
    "kills": _tests("a training killed a hundred times ends bit for bit the same", "kills"),
    "resume": _tests("a training stopped anywhere ends the same or is refused", "resume"),
    "pretraining": _tests(
        "the shipped weights are what they say", "pretraining", "pretraining_bert"
    ),
    "own_data": _tests("the page for a learner's own data, on three seeds", "own_data"),
    "book": _tests("the book, from its files, in a browser", "book", options=NEIGHBOURS),
    "offline": Part(
        "the tests of `make test` with no network and an empty home",
        ["-m", "tools.offline", "-m", "pytest", *NEIGHBOURS],
    ),
    "versions": Part(
        "strict nbval of every notebook in this environment, as the README's table says",
        ["-m", "pytest", *NEIGHBOURS, "notebooks"],
    ),
}


def state_of_files(root: Path = ROOT) -> str:
    """Return a sum over everything that the proof depends on."""
    folders = [root / name for name in ("helpers", "notebooks", "tests", "tools", "data", "docs")]
    files = [path for folder in folders for path in folder.rglob("*")]
    ours = {".py", ".ipynb", ".md", ".toml", ".txt", ".csv", ".pt", ".png", ".gz", ".xz", ""}
    ours |= {".css", ".js", ".svg"}
    digest = hashlib.sha256()

    def counts(path: Path) -> bool:
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(root).parent.parts)
        downloaded = path.is_relative_to(root / "data") and path.parent != root / "data"
        return path.suffix in ours and not hidden and not downloaded

    named = [root / name for name in NAMED]
    for path in sorted([*filter(counts, files), *named]):
        if path.is_file():
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def run_part(name: str, part: Part, only_failed: bool, folder: Path) -> dict:
    """Run a part.

    Returns:
        What became of it: "tests", "passed", "failed" (a list of names), "skipped", "seconds",
        and "faults", {fault: [tried, survived]}.
    """
    file = folder / f"{name}.xml"
    file.unlink(missing_ok=True)
    options = [f"--junitxml={file}", "-o", f"cache_dir={folder / 'cache' / name}"]
    options += ["--last-failed", "--last-failed-no-failures", "none"] * only_failed
    # two workers that each use every core, or spin while they wait for one, slow each other down
    quiet = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    began = time.monotonic()
    command = [sys.executable, *part.command, *options]
    status = subprocess.call(command, cwd=ROOT, env=quiet | os.environ)
    seconds = time.monotonic() - began
    found = {"tests": 0, "passed": 0, "skipped": 0, "failed": [], "seconds": round(seconds)}
    tried, survived = Counter(), Counter()
    cases = ElementTree.parse(file).iter("testcase") if file.is_file() else ()
    for case in cases:
        kinds = {part.tag for part in case}
        found["tests"] += 1
        if kinds & {"failure", "error"}:
            found["failed"].append(f"{case.get('classname')}::{case.get('name')}")
        else:
            found["skipped" if "skipped" in kinds else "passed"] += 1
        for note in case.iter("property"):
            {"tried": tried, "survived": survived}.get(note.get("name"), Counter())[
                note.get("value")
            ] += 1
    found["faults"] = {fault: [count, survived[fault]] for fault, count in tried.items()}
    if status and not found["failed"]:
        found["failed"].append(f"pytest ended with status {status}")
    return found


def table(results: dict[str, dict], run: str) -> str:
    """Lay out what was tried and what survived.

    Args:
        results: By part, what `run_part` returned, and the "run" that it belongs to.
        run: The present run.
    """
    lines = [
        f"{'part':10} {'tests':>6} {'passed':>7} {'failed':>7} {'skipped':>8} {'min':>6}  shows"
    ]
    for name, part in PARTS.items():
        if (got := results.get(name)) is None:
            lines.append(f"{name:10} {'not run':>31} {'':7}  {part.shows}")
            continue
        counts = (got["tests"], got["passed"], len(got["failed"]), got["skipped"])
        numbers = " ".join(f"{n:{w}}" for n, w in zip(counts, (6, 7, 7, 8), strict=True))
        earlier = "" if got["run"] == run else " (in an earlier run)"
        lines.append(f"{name:10} {numbers} {got['seconds'] / 60:6.1f}  {part.shows}{earlier}")
    faults: dict[str, list[int]] = {}
    for got in results.values():
        for fault, (tried, survived) in got["faults"].items():
            before = faults.get(fault, [0, 0])
            faults[fault] = [before[0] + tried, before[1] + survived]
    if faults:
        lines += ["", "lessons put to a fault: tried, survived"]
        lines += [f"{tried:5} {survived:5}  {fault}" for fault, (tried, survived) in faults.items()]
        totals = [sum(column) for column in zip(*faults.values(), strict=True)]
        lines.append(f"{totals[0]:5} {totals[1]:5}  together")
    return "\n".join([*lines, "", verdict(results, run)])


def verdict(results: dict[str, dict], run: str) -> str:
    """Say in one line what the results amount to."""
    failed = [name for name, got in results.items() if got["failed"]]
    missing = [name for name in PARTS if name not in results]
    if failed:
        return f"Failed: {', '.join(failed)}. Once mended: make proof, or make proof PARTS=…"
    if missing:
        return f"Passed so far; not run yet: {', '.join(missing)}."
    if all(got["run"] == run for got in results.values()):
        return "The whole proof is green, in one run from end to end."
    return "The whole proof is green on these files, in more than one run."


def choose(names: Iterable[str], start: str | None, results: dict[str, dict]) -> list[str]:
    """Return the parts to run: those named, those from one on, or those not passed yet."""
    every = list(PARTS)
    if start:
        return every[every.index(start) :]
    passed = {name for name, got in results.items() if not got["failed"]}
    return list(names) or [name for name in every if name not in passed]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.proof", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--from", dest="start", choices=PARTS, metavar="PART")
    parser.add_argument("--failed", action="store_true")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.list:
        print("\n".join(f"{name:10} {part.shows}" for name, part in PARTS.items()))
        return 0
    folder = runs_dir() / "proof"
    folder.mkdir(exist_ok=True)
    record, files, run = folder / "record.json", state_of_files(), secrets.token_hex(4)
    known = json.loads(record.read_text()) if record.is_file() else {}
    results = known["results"] if known.get("files") == files else {}
    if known and not results and not (chosen.parts or chosen.start):
        print("Files have changed since the last run: every part runs again.")
    todo = choose(chosen.parts, chosen.start, results)
    if not todo:
        print("Every part has passed on these files.")
    for name in todo:
        print(f"\n== {name}: {PARTS[name].shows}", flush=True)
        got = run_part(name, PARTS[name], chosen.failed, folder)
        if chosen.failed and name in results:  # the others passed before
            for key in ("tests", "passed", "skipped"):
                got[key] += results[name][key] - len(results[name]["failed"]) * (key == "tests")
        results[name] = {**got, "run": run}
        record.write_text(json.dumps({"files": files, "results": results}, indent=1))
    print(f"\n{table(results, run)}")
    return int(any(results[name]["failed"] for name in todo))


if __name__ == "__main__":
    sys.exit(main())
