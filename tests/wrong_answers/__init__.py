"""Known wrong answers to the exercises, one module a lesson, and what the check must say to each.

Each is a plausible mistake. `tests/test_exercises.py` gives every one to its check on many seeds.
"""

from collections import defaultdict
from collections.abc import Callable

# module of the lesson's checks -> exercise -> [(wrong function, fragment of the message)]
WRONG: dict[str, dict[str, list[tuple[Callable, str]]]] = defaultdict(lambda: defaultdict(list))


def wrong(exercise: str, says: str) -> Callable[[Callable], Callable]:
    """Register the decorated function as a wrong answer to `exercise` that must be told `says`."""

    def register(function: Callable) -> Callable:
        lesson = function.__module__.rpartition(".")[2]
        WRONG[lesson][exercise].append((function, says))
        return function

    return register
