"""Back-off: ever longer, bounded, and never in step with the others."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.backoff import Backoff


@given(seed=st.integers(0, 2**32), attempts=st.integers(1, 60))
def test_each_wait_has_its_bounds(seed: int, attempts: int) -> None:
    """A wait is never shorter than the first, nor longer than the last or a bound that doubles."""
    backoff = Backoff(0.25, 30.0, random=random.Random(seed))
    for attempt in range(1, attempts + 1):
        assert 0.25 <= backoff.next() <= min(30.0, 0.25 * 2**attempt)


def test_two_hundred_gateways_do_not_come_back_together() -> None:
    """After an hour's outage no second sees more than a tenth of 200 gateways come back."""
    back: Counter[int] = Counter()
    for number in range(200):
        backoff, at = Backoff(0.25, 30.0, random=random.Random(number)), 0.0
        while at < 3600.0:
            at += backoff.next()
        back[int(at)] += 1
    assert max(back.values()) <= 20
    assert len(back) >= 20


def test_a_new_row_begins_short() -> None:
    """After everything was taken the next wait is one of the shortest."""
    backoff = Backoff(0.25, 30.0, random=random.Random(1))
    for _ in range(20):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 0.5


def test_a_refusal_is_not_hammered() -> None:
    """Where trying again is of no use the wait is at least half the longest, and jittered."""
    waits = {Backoff(0.25, 30.0, random=random.Random(seed)).longest() for seed in range(50)}
    assert min(waits) >= 15.0
    assert max(waits) <= 30.0
    assert len(waits) == 50
