"""Every mutant of a solution is refused by its check, those aside that are right.

`tests/right_mutants.py` lists those, each with its reason. PROOF_SEEDS=50 tries each mutant on
fifty seeds.
"""

import os

import pytest

from tests.exercises import EXERCISES
from tests.mutants import Mutant, mutants, solution_source
from tests.right_mutants import RIGHT

jury = pytest.importorskip("tests.proof.jury", reason="needs fork", exc_type=ImportError)

SEEDS = range(int(os.environ.get("PROOF_SEEDS", "3")))


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_mutant_is_refused_on_every_seed(exercise, record_property, monkeypatch):
    monkeypatch.setenv("LADDER_DEVICE", "cpu")  # what a fork cannot share with its parent is a GPU
    right = RIGHT.get(exercise, {})
    source = solution_source(exercise)
    all_mutants = mutants(source)
    solution = jury.judge(exercise, [(Mutant("none", source), SEEDS)])["none"]
    assert {verdict.kind for verdict in solution} == {"right"}, solution
    verdicts = jury.judge(exercise, [(mutant, SEEDS) for mutant in all_mutants])
    problems, refusals = [], []
    for name, heard in verdicts.items():
        accepted = [verdict.seed for verdict in heard if verdict.kind == "right"]
        refused = [verdict for verdict in heard if verdict.kind != "right"]
        if name in right:
            problems += [f"right, but refused: {name}: {verdict.says}" for verdict in refused[:1]]
        elif accepted:
            problems.append(f"accepted on seeds {accepted}: {name}")
        if name not in right:
            refusals += refused
    own = [verdict for verdict in refusals if verdict.kind == "own"]
    record_property(
        "mutants",
        {
            "mutants": len(all_mutants),
            "right": len(right),
            "refusals": len(refusals),
            "in words of their own": len(own),
        },
    )
    assert not problems, f"{exercise}\n" + "\n".join(problems)
