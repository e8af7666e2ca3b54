"""Each canary gets its verdict, in one process and with two workers, also if it hangs or dies."""

import pytest

from tests.canaries import canaries, compare, release, slow_canaries, verdicts


@pytest.fixture(scope="module")
def flock(miniature):
    """Write the canaries into a miniature repository."""
    return release(canaries(), miniature)


@pytest.mark.parametrize("options", [("-n0",), ("-n2",)], ids=["one process", "two workers"])
def test_each_canary_gets_its_verdict(flock, options):
    root, expected = flock
    compare(verdicts(root, *options), expected)


def test_a_hanging_cell_and_a_dead_kernel_turn_the_run_red(make_miniature):
    root, expected = release(slow_canaries(), make_miniature())
    compare(verdicts(root, "-n2", "--nbval-cell-timeout=5"), expected)
