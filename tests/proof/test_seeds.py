"""Solutions stay right and wrong answers wrong whatever the random inputs are."""

import pytest

from tests.exercises import NOUNS, expect_right, expect_wrong

SEEDS = range(50)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_solution_is_right_on_every_seed(noun):
    expect_right(noun, SEEDS)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_wrong_answer_gets_its_message_on_every_seed(noun):
    expect_wrong(noun, SEEDS)
