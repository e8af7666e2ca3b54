"""All first-order mutants of a solution: its source with one small slip in it.

    python -m tests.mutants cnn.conv_size    lists the mutants of an exercise's solution

A mutant is called by the line that the slip makes, such as `return room // stride - 1`, or by what
became of a statement, such as `no rest = 0`; where several places give the same line, a number
follows. So its name stays the same when another line of the solution changes.
"""

import ast
import functools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.exercises import solutions_of
from tools.lesson import stub_names
from tools.notebooks import tags

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow)
BITS = (ast.BitAnd, ast.BitOr, ast.BitXor)
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
OTHERS = {
    kind: [other for other in group if other is not kind]
    for group in (
        *(ARITHMETIC, BITS, ORDER),
        *((ast.And, ast.Or), (ast.In, ast.NotIn), (ast.Is, ast.IsNot)),
    )
    for kind in group
}
OTHERS |= {ast.MatMult: [ast.Mult], ast.Mod: [ast.Div, ast.FloorDiv]}
ONE_SIDED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow, ast.MatMult, ast.Mod)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
DIMS = (0, 1, 2, -1, -2)


class Mutant(NamedTuple):
    """A source with one slip: what the slip is called, and the whole source."""

    name: str
    source: str


class Change(NamedTuple):
    """What a node's field becomes; the name is the changed line's unless there is another."""

    node: ast.AST
    field: str
    value: Any
    name: str = ""


@functools.cache
def solution_source(exercise: str) -> str:
    """Give the source of a solution, without docstring and check: "cnn.conv_size" → "def …"."""
    noun, _, wanted = exercise.partition(".")
    lesson = solutions_of(noun)
    cells = [cell for cell in lesson.cells if "solution" in tags(cell)]
    names = stub_names(lesson, "solution")
    tree = ast.parse(cells[names.index(wanted)].source)
    tree.body = [node for node in tree.body if not isinstance(node, ast.Expr)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree)


def mutants(source: str) -> list[Mutant]:
    """Make every mutant of a source: each of another source and with a name of its own."""
    tree = ast.parse(source)
    before = ast.unparse(tree)
    seen, times, found = {before}, Counter(), []
    for node, field, value, given in changes(tree):
        old = getattr(node, field)
        setattr(node, field, value)
        after = ast.unparse(tree)
        setattr(node, field, old)
        if after not in seen:
            seen.add(after)
            name = given or _changed_line(before, after)
            times[name] += 1
            found.append(Mutant(f"{name} ({times[name]})" if times[name] > 1 else name, after))
    return found


def _changed_line(before: str, after: str) -> str:
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return next(new.strip() for old, new in pairs if new != old)


def changes(tree: ast.Module) -> Iterator[Change]:
    """Yield every change of a tree that is one slip; a change may lead to the same source."""
    reach = names_in_reach(tree)
    for parent in ast.walk(tree):
        if isinstance(parent, ast.BinOp | ast.BoolOp | ast.AugAssign):
            yield from (Change(parent, "op", kind()) for kind in OTHERS[type(parent.op)])
        if isinstance(parent, ast.Compare):
            for i, op in enumerate(parent.ops):
                for kind in OTHERS[type(op)]:
                    yield Change(parent, "ops", _put(parent.ops, i, [kind()]))
        if isinstance(parent, ast.Slice):
            yield from _bounds(parent)
        if isinstance(parent, ast.Call):
            yield from _keywords(parent)
            yield from _swaps(parent, "args")
        if isinstance(parent, ast.Tuple | ast.List) and isinstance(parent.ctx, ast.Load):
            yield from _swaps(parent, "elts")
        if isinstance(parent, ast.comprehension):
            for i in range(len(parent.ifs)):
                yield Change(parent, "ifs", _put(parent.ifs, i, []))
        for field, value in ast.iter_fields(parent):
            for i, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.stmt):
                    for new, name in _statements(child, parent, len(value)):
                        yield Change(parent, field, _put(value, i, new), name)
                elif isinstance(child, ast.expr) and not isinstance(parent, ast.JoinedStr):
                    for new in _expressions(child, parent, reach):
                        new = _put(value, i, [new]) if isinstance(value, list) else new
                        yield Change(parent, field, new)


def _put(values: list, place: int, new: list) -> list:
    """Return values with others at a place."""
    return [*values[:place], *new, *values[place + 1 :]]


def _bounds(node: ast.Slice) -> Iterator[Change]:
    """Move a slice's bound by one, or drop it; where there is none, cut one off."""
    for field, first in (("lower", 1), ("upper", -1)):
        bound = getattr(node, field)
        if bound is None:
            yield Change(node, field, _number(first))
        else:
            one = ast.Constant(1)
            yield Change(node, field, ast.BinOp(bound, ast.Add(), one))
            yield Change(node, field, ast.BinOp(bound, ast.Sub(), one))
            yield Change(node, field, None)


def _keywords(call: ast.Call) -> Iterator[Change]:
    """Drop a keyword, or choose another `dim`."""
    for i, keyword in enumerate(call.keywords):
        yield Change(call, "keywords", _put(call.keywords, i, []))
        if keyword.arg in ("dim", "axis"):
            for dim in DIMS:
                new = ast.keyword(keyword.arg, _number(dim))
                yield Change(call, "keywords", _put(call.keywords, i, [new]))


def _swaps(node: ast.expr, field: str) -> Iterator[Change]:
    """Swap each two of the values in a field."""
    values = getattr(node, field)
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            yield Change(node, field, _put(_put(values, i, [values[j]]), j, [values[i]]))


def _statements(node: ast.stmt, parent: ast.AST, siblings: int) -> Iterator[tuple[list, str]]:
    """Drop a statement, an `if` both ways, or the head of a block."""
    if isinstance(parent, ast.Module):
        return
    head = ast.unparse(node).splitlines()[0].removesuffix(":")
    if siblings > 1:
        yield [], f"no {head}"
    elif not isinstance(parent, ast.FunctionDef):  # which would be a stub
        yield [ast.Pass()], f"no {head}"
    if isinstance(node, ast.If):
        yield node.body, f"always {head}"
        yield node.orelse or [ast.Pass()], f"never {head}"
    if isinstance(node, ast.With | ast.Try):
        yield node.body, f"bare {head}"
    if isinstance(node, ast.For):
        once = ast.For(node.target, node.iter, [*node.body, ast.Break()], node.orelse)
        yield [ast.fix_missing_locations(ast.copy_location(once, node))], f"once {head}"
    if isinstance(node, ast.AugAssign):
        yield [ast.Assign([node.target], node.value, lineno=node.lineno)], ""


def _expressions(
    node: ast.expr, parent: ast.AST, reach: dict[ast.AST, frozenset[str]]
) -> Iterator[ast.expr]:
    """Yield what may stand by a slip for an expression."""
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    if isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            rest = _put(node.values, i, [])
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ONE_SIDED):
        yield ast.BinOp(node.right, node.op, node.left)
    if not (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub)):
        yield from _other_constants(node)  # the minus belongs to the constant
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if node in reach:
        yield from (ast.Name(name, ast.Load()) for name in sorted(reach[node] - {node.id, "_"}))
    called = isinstance(parent, ast.Call) and parent.func is node
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and not called:
        for kept in _what_a_chain_keeps(node):
            if not isinstance(kept, ast.Name) or kept in reach:  # no module
                yield kept


def _what_a_chain_keeps(node: ast.expr) -> Iterable[ast.expr]:
    """Give what is left of a chain without its last call, attribute or index."""
    if isinstance(node, ast.Call):
        chain = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return [*chain, *node.args[:1]]
    return [node.value] if isinstance(node, ast.Attribute | ast.Subscript) else []


def _other_constants(node: ast.expr) -> list[ast.expr]:
    """Give other constants for a constant; a minus before it belongs to it."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool):
        return [ast.Constant(not value)]
    if isinstance(value, str):
        return [ast.Constant(""), ast.Constant(f"{value}x")]
    if isinstance(value, int | float):
        value *= sign
        others = dict.fromkeys((value + 1, value - 1, -value, 0, 2 * value))
        return [_number(other) for other in others if other != value]
    return []


def _number(value: float) -> ast.expr:
    """Spell a number as it is parsed: a minus is an operator."""
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)


def names_in_reach(tree: ast.Module) -> dict[ast.AST, frozenset[str]]:
    """Give for each variable that a function reads all that may have a value there."""
    reach: dict[ast.AST, frozenset[str]] = {}

    def visit(node: ast.AST, names: set[str]) -> None:
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            inner = names | {argument.arg for argument in node.args.args}
            for part in node.body if isinstance(node.body, list) else [node.body]:
                visit(part, inner)
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                visit(part, set())
        elif isinstance(node, COMPREHENSIONS):
            inner = set(names)
            for generator in node.generators:
                visit(generator.iter, inner)
                inner |= _stored(generator.target)
                for condition in generator.ifs:
                    visit(condition, inner)
            for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                visit(part, inner)
        elif isinstance(node, ast.For):
            visit(node.iter, names)
            names |= _stored(node)  # a second round finds what the first one stored
            for part in node.body:
                visit(part, names)
        elif isinstance(node, ast.Assign):
            visit(node.value, names)
            for target in node.targets:
                visit(target, names)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif node.id in names:
                reach[node] = frozenset(names)
        else:
            for child in ast.iter_child_nodes(node):
                visit(child, names)

    visit(tree, set())
    return reach


def _stored(node: ast.AST) -> set[str]:
    """Name what a node stores, the variables of comprehensions aside."""
    if isinstance(node, COMPREHENSIONS):
        return set()
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    return set().union(*map(_stored, ast.iter_child_nodes(node)))


if __name__ == "__main__":
    for exercise in sys.argv[1:]:
        for mutant in mutants(solution_source(exercise)):
            print(f"{exercise}: {mutant.name}")
