"""The pace of a backlog: full speed where a parent keeps up, and room for live alarms."""

from __future__ import annotations

import heapq
import random
from statistics import quantiles

from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.pace import LEAST, LONGEST_S, Pace
from gateway.northbound.wire import MAX_ITEMS

#: What a centre commits in a second, and what a post costs beside its events, s.
RATE, POST_S = 2_000.0, 0.004


@given(answers=st.lists(st.floats(0, 100), max_size=60))
def test_it_has_bounds(answers: list[float]) -> None:
    """Whatever the parent does, a post holds something and no pause is longer than the longest."""
    pace = Pace()
    for seconds in answers:
        pace.answered(seconds)
        assert LEAST <= pace.most <= MAX_ITEMS
        assert 0 <= pace.pause_s <= LONGEST_S


def test_it_goes_back_to_full_speed() -> None:
    """After a slow hour some dozen soon answers bring whole posts without a pause."""
    pace = Pace()
    pace.answered(0.05)
    for _ in range(50):
        pace.answered(30.0)
    for _ in range(30):
        pace.answered(0.05)
    assert (pace.most, pace.pause_s) == (MAX_ITEMS, 0.0)


def test_a_long_way_is_no_slow_parent() -> None:
    """Where every answer takes half a second to come, the backlog goes at full speed."""
    pace = Pace()
    for number in range(20):
        pace.answered(0.5 + 0.01 * (number % 3))
    assert (pace.most, pace.pause_s) == (MAX_ITEMS, 0.0)


def waits(*, paced: bool, gateways: int = 200, seconds: float = 120.0) -> list[float]:
    """Return how long live alarms wait at a centre that commits one post after the other.

    Every gateway has a backlog without end, comes back within half a minute, and has a live alarm
    each ten seconds on the average; its posts follow each other.
    """
    chance = random.Random(5)
    free, found = 0.0, list[float]()
    paces = [Pace() for _ in range(gateways)]
    live = [chance.uniform(0, 10) for _ in range(gateways)]
    turns = [(chance.uniform(0, 30), number, False) for number in range(gateways)]
    heapq.heapify(turns)
    while turns[0][0] < seconds:
        now, number, paused = heapq.heappop(turns)
        if live[number] <= now:
            free = max(free, now) + POST_S + 1 / RATE
            found.append(free - max(live[number], 30.0) if live[number] > 30.0 else 0.0)
            live[number] += chance.expovariate(0.1)
            heapq.heappush(turns, (free, number, paused))
            continue
        pace = paces[number]
        if paused and pace.pause_s:
            # Nothing to send until the pause is over, or something live comes.
            heapq.heappush(turns, (min(now + pace.pause_s, max(now, live[number])), number, False))
            continue
        events = pace.most if paced else MAX_ITEMS
        free = max(free, now) + POST_S + events / RATE
        if paced:
            pace.answered(free - now)
        heapq.heappush(turns, (free, number, True))
    return found


def test_two_hundred_backlogs_leave_room_for_what_is_live() -> None:
    """While 200 gateways drain at once the p99 of live alarms is below 2 s; unpaced it is not."""
    paced = quantiles(waits(paced=True), n=100)[98]
    unpaced = quantiles(waits(paced=False), n=100)[98]
    assert paced < 2.0
    assert unpaced > 10.0
