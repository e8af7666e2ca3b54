"""Give mutants of the solutions to their checks, in a process that may be ended at any time."""

import contextlib
import io
import json
import os
import re
import resource
import signal
import tempfile
from collections.abc import Callable, Iterable
from typing import NamedTuple

import psutil
import torch

from helpers.checks.attempt import WrongAnswer, is_stub
from tests.exercises import checks, setup_names, solutions_of
from tests.mutants import Mutant

SECONDS = 5  # of processor time for one check; the slowest takes less than one
WALL_SECONDS = 3600  # for a process that waits and takes none
MEMORY = 4 * 2**30  # beyond what the tests have
# The engine's words where a check knows no mistake that fits, and those of Python.
VALUES = re.compile(
    r"(value \d+: )*(the values differ: |\d+ of \d+ values differ|expected .*, got )"
)
ERROR = re.compile(r"\w*(Error|Exception|Iteration)\b|it could not be called")

Case = tuple[Mutant, int]  # and a seed


class Verdict(NamedTuple):
    """What a check said.

    Kinds: "right", "own" (refused in words about the mistake), "values" (refused by a comparison),
    "error" (refused by an exception), "endless" (no answer in time).
    """

    seed: int
    kind: str
    says: str = ""


def judge(exercise: str, todo: Iterable[tuple[Mutant, range]]) -> dict[str, list[Verdict]]:
    """Give each mutant to the check of its exercise on each of its seeds.

    Returns:
        Of each mutant, by its name, a verdict for each seed. One that gives no answer in time is
        given no further seed.
    """
    noun, _, name = exercise.partition(".")
    space, check = setup_names(solutions_of(noun)), getattr(checks(noun), name)

    def give(mutant: Mutant, seed: int) -> Verdict:
        return _verdict(mutant, dict(space), name, check, seed)

    cases = [(mutant, seed) for mutant, seeds in todo for seed in seeds]
    found: dict[str, list[Verdict]] = {mutant.name: [] for mutant, _ in cases}
    while cases:
        verdicts = _in_a_child(cases, give)
        for (mutant, _), verdict in zip(cases, verdicts, strict=False):
            found[mutant.name].append(verdict)
        last = cases[len(verdicts) - 1][0]
        cases = cases[len(verdicts) :]
        if verdicts[-1].kind == "endless":
            cases = [case for case in cases if case[0] is not last]
    return found


def _in_a_child(cases: list[Case], give: Callable[[Mutant, int], Verdict]) -> list[Verdict]:
    """Hear the verdicts of a child: on all cases, or up to the one that it did not outlive.

    The system itself ends it when a check has taken too much processor time, so that no loop can
    escape, whether it is Python's or torch's.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as notes:
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                _shut_in(folder)
                for mutant, seed in cases:
                    signal.setitimer(signal.ITIMER_PROF, SECONDS)
                    notes.write(json.dumps(give(mutant, seed)) + "\n")
                    notes.flush()
                status = 0
            os._exit(status)
        status = os.waitpid(child, 0)[1]
        notes.seek(0)
        verdicts = [Verdict(*json.loads(line)) for line in notes]
    if status:
        mutant, seed = cases[len(verdicts)]
        endless = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF
        if not endless:
            raise RuntimeError(f"the child ended with status {status}: {mutant.name}, seed {seed}")
        verdicts.append(Verdict(seed, "endless"))
    return verdicts


def _shut_in(folder: str) -> None:
    """Let this process write in one folder, and take so much time and memory."""
    os.chdir(folder)
    tempfile.tempdir = folder
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(WALL_SECONDS)
    limit = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    torch.set_num_threads(1)


def _verdict(mutant: Mutant, space: dict, name: str, check: Callable, seed: int) -> Verdict:
    """Run a mutant's source, and say what its check says of it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(compile(mutant.source, "mutant", "exec"), space)
            check(space[name], seed=seed)
        except WrongAnswer as refused:
            says = str(refused).removeprefix(f"{name}: ")
            kind = "values" if VALUES.match(says) else "error" if ERROR.match(says) else "own"
            return Verdict(seed, kind, says)
        except Exception as error:
            return Verdict(seed, "error", f"{type(error).__name__}: {error}")
    if check.given and is_stub(space[name], check.given):
        return Verdict(seed, "own", "it is the function that was given to repair")
    if "right" not in printed.getvalue():
        raise AssertionError(f"the check took it for a stub: {mutant.name}")
    return Verdict(seed, "right")
