"""The process in which `tools.report` runs one submitted notebook. Not for use by hand.

It takes a job (JSON) from its input and answers on its output, a JSON line for each step, each led
by the token that came with the job. Both are then out of reach of a plain `print` or `input`: what
the submitted code prints goes nowhere. `tools.report` says what that is worth, and what not.
"""

import ast
import builtins
import importlib
import json
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from IPython.core.inputtransformer2 import TransformerManager

from helpers.checks import attempt, clues, compare, switches
from helpers.checks import judge as judging
from helpers.checks.attempt import WrongAnswer, is_stub

FILE_BYTES = 64 * 2**20
COMPARISONS = [(torch, name) for name in ("allclose", "isclose", "equal")]
COMPARISONS += [(torch.Tensor, name) for name in ("all", "__eq__", "__ne__")]
COMPARISONS += [(np, "isclose")]
PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "python", "python3")
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def main() -> None:
    """Do the job."""
    job = json.loads(sys.stdin.buffer.read())
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    token = job.pop("token")

    def tell(*parts: Any) -> None:
        answers.write(json.dumps([token, *parts]) + "\n")
        answers.flush()

    torch.set_num_threads(1)
    module = importlib.import_module(f"helpers.checks.{job['lesson']}")
    named = {name: getattr(module, name) for name in job["exercises"]}
    before = fingerprint(module)
    limit(job["mib"], job["cpu_seconds"], job["processes"])
    space = types.ModuleType("__main__")
    space.display = lambda *shown, **options: None
    sys.modules["__main__"] = space
    for cell in job["cells"]:
        tell("begin", cell["index"])
        problem, calls = run_cell(cell, space.__dict__)
        for name in cell["names"]:
            if name not in job["judged"]:
                status, say = judge(named[name], calls.get(name, name), space.__dict__, job["seed"])
                if status == "right" and (changed := differences(before, fingerprint(module))):
                    status, say = "error", f"it changed {changed[0]}, by which answers are judged"
                if status == "error" and problem:
                    say = f"{say}; {problem}"
                tell("verdict", name, status, say[:1000])
        tell("end", cell["index"], "" if cell["names"] else problem[:300])
    tell("finished")
    os._exit(0)  # whatever the notebook left behind is not waited for


def run_cell(cell: dict, space: dict) -> tuple[str, dict[str, ast.expr]]:
    """Run the statements of a cell that are wanted.

    Args:
        cell: Its "source", the "names" of the exercises in it, whether it is the "setup", "index".
        space: The notebook's names; changed.

    Returns:
        The first thing that went wrong, or "", and for each check that the cell calls what it
        passes. Of an exercise's cell and of the setup every statement is tried, so that an import
        that fails here takes no other with it; of another cell only imports and definitions run.
    """
    try:
        body = parse(cell["source"]).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return describe(error), {}
    calls, problem = {}, ""
    for statement in body:
        call = checked(statement)
        if call:
            calls |= call
        elif cell["names"] or cell["setup"] or isinstance(statement, DEFINITIONS):
            try:
                code = compile(ast.Module([statement], []), f"<cell {cell['index']}>", "exec")
                exec(code, space)
            except BaseException as error:  # SystemExit, too
                problem = problem or describe(error)
    return problem, calls


def parse(source: str) -> ast.Module:
    """Parse a cell as IPython would: its magics, questions and shell commands do nothing here.

    Of `%%time` and the like, whose cell is Python, the cell counts; of `%%bash` nothing does.
    """
    head, _, rest = source.lstrip().partition("\n")
    if magic := re.match(r"%%(\w+)", head):
        source = rest if magic[1] in PYTHON_MAGICS else ""
    if re.search(r"^(?:<{7}|>{7})(?: |$)", source, re.MULTILINE):
        raise SyntaxError("a git conflict (<<<<<<< … >>>>>>>) stands in the cell; keep one side")
    try:
        tree = ast.parse(source)
    except SyntaxError:
        tree = ast.parse(TransformerManager().transform_cell(source))
    body = (NoMagic().visit(statement) for statement in _one_import_each(tree.body))
    return ast.fix_missing_locations(ast.Module(list(body), []))


def _one_import_each(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (
                ast.copy_location(ast.Import([name]), statement) for name in statement.names
            )
        else:
            yield statement


class NoMagic(ast.NodeTransformer):
    """Put None in the place of every call of `get_ipython()`'s, which is not there."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace a call, or look inside it."""
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(owner, ast.Call) and ast.unparse(owner.func) == "get_ipython":
            return ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)


def checked(statement: ast.stmt) -> dict[str, ast.expr] | None:
    """Give {exercise: what is passed} where a statement is `check.EXERCISE(…)`, else None."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        owner = call.func.value
        if isinstance(owner, ast.Name) and owner.id in ("check", "progress"):
            return {call.func.attr: call.args[0]} if call.args else {}
    return None


def judge(
    check: Callable, passed: ast.expr | str, space: dict, seed: int | None
) -> tuple[str, str]:
    """Check what a cell passes to its check.

    Args:
        check: Ours.
        passed: The expression, or the name of the function where no check is called.
        space: The notebook's names.
        seed: Of the check's random inputs; None for fresh ones.

    Returns:
        "right", "wrong", "not attempted" or "error", and a message.
    """
    try:
        if isinstance(passed, ast.expr):
            function = eval(compile(ast.Expression(passed), "<check>", "eval"), space)
        elif passed in space:
            function = space[passed]
        else:
            return "error", f"its cell defines no {passed}"
        if is_stub(function, check.given):
            return "not attempted", ""
        check(function, seed=seed)
    except WrongAnswer as error:
        say = describe(error).partition(": ")[2].partition(": ")[2]  # our name, the exercise's name
        if say.startswith("NameError"):
            say = say.splitlines()[0]
            return "error", f"{say}; only the setup, definitions and the exercises' cells are run"
        return "wrong", say
    except BaseException as error:
        return "error", describe(error)
    return "right", ""


def describe(error: BaseException) -> str:
    """Spell an error, whatever its own `__str__` does."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return "an error that cannot be shown"


def fingerprint(module: types.ModuleType) -> dict[str, Any]:
    """List what judges an answer, so that a change of it is noticed.

    Of torch only the comparisons are held, for torch changes others of its functions by itself.
    """
    engine = [attempt, clues, compare, judging, switches]
    classes = [attempt.Attempt, WrongAnswer, clues.Strays, judging.Watch]
    owners = [*engine, module, *classes, builtins]
    listed = [(owner, name, value) for owner in owners for name, value in vars(owner).items()]
    listed += [(owner, name, getattr(owner, name, None)) for owner, name in COMPARISONS]
    found = {}
    for owner, name, value in listed:
        found[f"{owner.__name__}.{name}"] = value
        for number, part in enumerate(_parts(value)):
            found[f"{owner.__name__}.{name}, part {number}"] = part
    return found


def _parts(value: Any) -> Iterator[Any]:
    """Give what can be replaced inside a function: its code, its defaults and what it encloses."""
    if isinstance(value, types.FunctionType):
        yield from (value.__code__, value.__defaults__, value.__kwdefaults__)
        for cell in value.__closure__ or ():
            try:
                yield cell.cell_contents
                yield getattr(cell.cell_contents, "__code__", None)
            except ValueError:  # empty
                yield None


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Name what is not the same object any more; what is new does no harm."""
    same = (name in after and after[name] is value for name, value in before.items())
    return [name.partition(",")[0] for name, held in zip(before, same, strict=True) if not held]


def limit(mib: int, cpu_seconds: int, processes: int) -> None:
    """Limit this process and its children, for good, as far as the system can.

    Args:
        mib: Memory beyond what is used now. RLIMIT_AS would count the gigabytes of libraries that
            torch only maps, so it is RLIMIT_DATA, which Linux holds and other systems do not.
        cpu_seconds: After which each process is killed, even one that got away.
        processes: And threads, of this user, in all. The superuser is not held by that.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {"RLIMIT_CPU": cpu_seconds, "RLIMIT_FSIZE": FILE_BYTES, "RLIMIT_CORE": 0}
    wanted["RLIMIT_NPROC"] = processes
    status = Path("/proc/self/status")
    if status.is_file():
        used = re.search(r"VmData:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        wanted["RLIMIT_DATA"] = int(used[1]) * 2**10 + mib * 2**20
    for name, value in wanted.items():
        if hasattr(resource, name):
            hard = resource.getrlimit(getattr(resource, name))[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (value, value))


if __name__ == "__main__":
    main()
