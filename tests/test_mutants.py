"""A mutant is one slip, and it has a name that stays."""

import ast
import functools

import pytest

from tests.exercises import EXERCISES
from tests.mutants import Mutant, mutants, names_in_reach, solution_source
from tests.right_mutants import RIGHT


def names(source: str) -> set[str]:
    """Name the mutants of a source."""
    return {mutant.name for mutant in mutants(source)}


SLIPS = {
    "arithmetic operator": (
        "def f(a):\n    return a + a",
        "return a - a; return a * a; return a / a; return a // a; return a ** a",
    ),
    "matrix product": ("def f(a):\n    return a @ a", "return a * a"),
    "bits": ("def f(a):\n    return a & a", "return a | a; return a ^ a"),
    "comparison": (
        "def f(a):\n    return a < a",
        "return a <= a; return a > a; return a >= a; return a == a; return a != a",
    ),
    "condition": ("def f(a):\n    return a and a", "return a or a; return a"),
    "not": ("def f(a):\n    return not a", "return a"),
    "minus": ("def f(a):\n    return -a", "return a"),
    "operands": ("def f():\n    return g() - h()", "return h() - g()"),
    "whole number": (
        "def f():\n    return 3",
        "return 4; return 2; return -3; return 0; return 6",
    ),
    "negative number": (
        "def f():\n    return -1",
        "return 0; return -2; return 1",
    ),
    "truth": ("def f():\n    return True", "return False"),
    "string": ("def f():\n    return 'sum'", "return ''; return 'sumx'"),
    "another dim": (
        "def f():\n    return g(dim=0)",
        "return g(dim=1); return g(dim=2); return g(dim=-1); return g(dim=-2); return g()",
    ),
    "keyword": ("def f():\n    return g(largest=False)", "return g(); return g(largest=True)"),
    "call of a chain": (
        "def f(a):\n    return a.sum().sqrt()",
        "return a.sqrt(); return a.sum()",
    ),
    "call around": ("def f():\n    return g(h())", "return h()"),
    "attribute": ("def f(a):\n    return a.T", "return a"),
    "arguments": ("def f(a):\n    return torch.g(a, h())", "return torch.g(h(), a)"),
    "order": ("def f():\n    return (g(), h())", "return (h(), g())"),
    "bounds": (
        "def f(a):\n    return a[i():]",
        "return a[i() + 1:]; return a[i() - 1:]; return a[:]; return a[i():-1]",
    ),
    "filter": (
        "def f(a):\n    return [g() for x in a if h()]",
        "return [g() for x in a]",
    ),
    "choice": ("def f():\n    return g() if h() else i()", "return g(); return i()"),
    "statement": ("def f():\n    g()\n    h()", "no g(); no h()"),
    "if": (
        "def f():\n    if g():\n        h()\n    i()",
        "always if g(); never if g(); no if g(); no i(); no h()",
    ),
    "loop": (
        "def f():\n    for i in g():\n        h()",
        "once for i in g(); no h()",
    ),
    "block": ("def f():\n    with g():\n        h()", "bare with g(); no h()"),
    "adding up": (
        "def f(a):\n    a += g()",
        "a = g(); a -= g(); a *= g(); a /= g(); a //= g(); a **= g()",
    ),
    "another variable": ("def f(a, b):\n    return a", "return b"),
}


@pytest.mark.parametrize("kind", SLIPS)
def test_a_kind_of_slip_makes_what_it_says(kind):
    source, made = SLIPS[kind]
    assert set(made.split("; ")) <= names(source)


def test_nothing_but_the_slips_is_made():
    assert names("def f(a):\n    return a") == set()
    assert names("def f(a, b):\n    return a") == {"return b"}
    assert names("def f(a):\n    return a.sum()") == {"return a"}
    assert names("def f(a):\n    return torch.sum()") == set()
    assert names("def f(a):\n    return a - a") == {
        f"return a {op} a" for op in "+ * / // **".split()
    }


def test_a_variable_is_read_only_where_it_may_have_a_value():
    tree = ast.parse(
        "def f(a):\n    b = a\n    for c in b:\n        d = [x for x in a]\n    return lambda y: d"
    )
    reach = {(n.lineno, n.id): names for n, names in names_in_reach(tree).items()}
    assert reach == {
        (2, "a"): {"a"},
        (3, "b"): {"a", "b"},
        (4, "x"): {"a", "b", "c", "d", "x"},
        (4, "a"): {"a", "b", "c", "d"},
        (5, "d"): {"a", "b", "c", "d", "y"},
    }


def test_a_name_stays_while_other_lines_change():
    before = names("def f(a, b):\n    a = a + b\n    return a")
    after = names("def f(a, b):\n    b = 2 * b\n    a = a + b\n    return a")
    assert before <= after


def test_the_same_line_in_two_places_is_numbered():
    twice = names("def f():\n    if g():\n        return h()\n    return h()")
    assert {"no return h()", "no return h() (2)"} <= twice


@functools.cache
def mutants_of(exercise: str) -> list[Mutant]:
    """Make the mutants of an exercise's solution."""
    return mutants(solution_source(exercise))


@pytest.mark.parametrize("exercise", EXERCISES)
def test_mutants_of_a_solution_are_many_other_programs(exercise):
    found, solution = mutants_of(exercise), solution_source(exercise)
    assert len(found) >= 7
    for part in zip(*found, strict=True):
        assert len(set(part)) == len(part)
    for name, source in found:
        assert source != solution, name
        assert ast.unparse(ast.parse(source)) == source, name


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_list_names_mutants_that_there_are_and_says_why(exercise):
    right = RIGHT.get(exercise, {})
    assert right.keys() <= {name for name, _ in mutants_of(exercise)}
    assert all(right.values())


def test_the_list_names_exercises_that_there_are():
    assert RIGHT.keys() <= set(EXERCISES)
