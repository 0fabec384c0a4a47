from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.waiting import FIRST_PAUSE, JITTER, LONGEST_PAUSE, pause


@given(st.integers(min_value=1, max_value=10**9), st.integers())
def test_every_pause_lies_between_the_shortest_and_the_longest(attempt, seed):
    assert FIRST_PAUSE <= pause(attempt, Random(seed)) <= LONGEST_PAUSE


def test_pauses_double_until_they_reach_the_longest():
    class Least(Random):
        def uniform(self, a, b):
            return a

    pauses = [pause(attempt, Least()).total_seconds() for attempt in range(1, 13)]

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 480, 480, 480]


def test_robots_that_failed_together_come_back_apart():
    pauses = {pause(5, Random(seed)) for seed in range(20)}

    assert len(pauses) == 20
    assert max(pauses) <= timedelta(seconds=16) * (1 + JITTER)


def test_the_same_random_gives_the_same_pause():
    assert pause(3, Random(7)) == pause(3, Random(7))


def test_attempts_count_from_one():
    with pytest.raises(ValueError, match="1"):
        pause(0, Random(0))
