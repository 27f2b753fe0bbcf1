"""Which members of a derived point are usable, lost or awaited, and by which clock."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.admission import BAD, FENCED, GOOD, UNCERTAIN, UNTIMED
from detectors.derived import Derivations
from tests.detectors.naive_derived import Reading
from tests.detectors.test_derived import ABSENT, COUNT, SECOND, SITE, START, feed, newest, second


def test_a_member_that_has_not_spoken_since_the_start_is_awaited() -> None:
    """One of three alone says nothing yet; two raise and do not clear; the third makes it GOOD."""
    derivations = Derivations(COUNT, SITE[:1])
    first = feed(derivations, [second(0, 0, 25.0)])
    assert (first.point.tolist(), first.value.tolist(), first.grade.tolist()) == (
        [8], [3.0], [UNCERTAIN],
    )  # fmt: skip
    assert newest(feed(derivations, [second(1, 0.1, 22.0)]), 7) == (22.0, UNCERTAIN)
    assert newest(feed(derivations, [second(2, 0.2, 1.0)]), 7) == (22.0, GOOD)


def test_a_member_that_stays_away_is_lost_when_its_time_has_passed() -> None:
    """Never heard for longer than its `stale_after`, it counts for action, and the vote clears."""
    derivations = Derivations(COUNT, SITE[:1])
    pair = [second(p, n, 10.0 + p) for n in (0, 1, 2, 2.9) for p in (0, 1)]
    derived = feed(derivations, pair)
    assert newest(derived, 7) == (10.0, UNCERTAIN)
    assert newest(derived, 8) == (3.0, UNCERTAIN)
    derived = feed(derivations, [second(0, 4, 10.0)])
    assert newest(derived, 7) == (11.0, GOOD)
    assert newest(derived, 8) == (2.0, GOOD)


def test_a_site_that_comes_back_is_not_judged_by_the_first_to_speak() -> None:
    """After a silence of all, one that reads high is no vote until the others could speak."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, n, (25.0, 1.0, 1.0)[p]) for n in range(5) for p in range(3)])
    back = [second(p, 100, (25.0, 1.0, 1.0)[p]) for p in range(3)]
    derived = feed(derivations, back)
    assert derived.value[derived.point == 7].tolist() == [1.0, 1.0]
    assert newest(derived, 7) == (1.0, GOOD)


def test_a_silent_member_is_lost_though_its_last_value_was_good() -> None:
    """While others speak, a value older than `stale_after` votes no more."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, n, 1.0 + p) for n in range(5) for p in range(3)])
    early = feed(derivations, [second(p, 6.9, 1.0 + p) for p in (0, 1)])
    assert newest(early, 8) == (3.0, GOOD)
    late = feed(derivations, [second(p, 7.1, 1.0 + p) for p in (0, 1)])
    assert newest(late, 8) == (2.0, GOOD)
    assert newest(late, 7) == (2.0, GOOD)


def test_a_bad_reading_ends_a_members_say_at_once() -> None:
    """BAD makes the vote anew in the same instant; the next usable reading brings it back."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, 0, (12.0, 1.0, 2.0)[p]) for p in range(3)])
    assert newest(feed(derivations, [second(2, 1, math.nan, BAD)]), 7) == (12.0, GOOD)
    assert newest(feed(derivations, [second(2, 2, 2.0)]), 7) == (2.0, GOOD)


@pytest.mark.parametrize(
    "reading",
    [
        second(0, 9, 25.0, FENCED),
        second(0, 0, 25.0, FENCED),
        second(0, 0, 25.0, UNTIMED),
        second(0, -5, 25.0),
        second(0, 0, 1.0),
        second(0, 9, math.nan, ABSENT),
    ],
    ids=["fenced", "fenced now", "untimed now", "older", "duplicate", "not of this point"],
)
def test_what_is_not_accepted_changes_nothing(reading: Reading) -> None:
    """Fenced, older and equal readings make no derived reading and move no value."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, 0, 1.0 + p) for p in range(3)])
    assert feed(derivations, [reading]).point.size == 0
    assert newest(feed(derivations, [second(1, 1, 2.0)]), 7) == (2.0, GOOD)


def test_the_second_reading_of_an_instant_votes_and_is_uncertain() -> None:
    """Clocks of whole seconds: what jumps within one raises the vote, and nothing of it clears."""
    derivations = Derivations(COUNT, SITE[:1])
    assert newest(feed(derivations, [second(p, 0, 1.0) for p in range(3)]), 7) == (1.0, GOOD)
    assert newest(feed(derivations, [second(0, 0, 25.0), second(1, 0, 24.0)]), 7) == (
        24.0, UNCERTAIN,
    )  # fmt: skip
    assert newest(feed(derivations, [second(p, 0, 2.0) for p in (0, 1)]), 7) == (2.0, UNCERTAIN)
    # Nor does another member's reading make it sure: it is of the instant's second all the same.
    assert newest(feed(derivations, [second(2, 1, 2.0)]), 7) == (2.0, UNCERTAIN)
    assert newest(feed(derivations, [second(p, 1, 2.0) for p in (0, 1)]), 7) == (2.0, GOOD)


def test_what_was_uncertain_is_no_surer_by_its_instants_second() -> None:
    """A repeated value that says it is GOOD lifts no doubt; one that doubts takes it away."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, 0, 1.0) for p in range(3)])
    assert newest(feed(derivations, [second(0, 0, 1.0, UNCERTAIN)]), 7) == (1.0, UNCERTAIN)
    assert feed(derivations, [second(0, 0, 1.0)]).point.size == 0
    assert newest(feed(derivations, [second(2, 1, 1.0)]), 7) == (1.0, UNCERTAIN)


def test_late_data_do_not_vote_beside_data_on_time() -> None:
    """A backlog of an hour ago neither raises nor clears what the others say now."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, n, 5.0 + p) for n in range(2) for p in range(3)])
    live = [second(p, 3600 + n, 5.0 + p) for n in range(5) for p in (0, 1)]
    assert newest(feed(derivations, live), 7) == (6.0, GOOD)
    backlog = [second(2, 60 * n, 29.0, late=3604.5 - 60 * n) for n in range(1, 59)]
    derived = feed(derivations, backlog)
    assert set(derived.value[derived.point == 7].tolist()) == {6.0}
    assert set(derived.value[derived.point == 8].tolist()) == {2.0}
    assert newest(feed(derivations, [second(2, 3605, 29.0)]), 7) == (6.0, GOOD)


def test_late_data_of_all_members_stay_late() -> None:
    """When a whole site was cut off, its vote is as old as its data, and the bank says so."""
    derivations = Derivations(COUNT, SITE[:1])
    readings = [second(p, n, 25.0, late=3600) for n in range(3) for p in range(3)]
    derived = feed(derivations, readings)
    assert newest(derived, 7) == (25.0, GOOD)
    assert (derived.received - derived.time >= 3590 * SECOND).all()


@pytest.mark.parametrize("off", [-30.0, 4.0], ids=["slow", "fast"])
def test_a_clock_that_is_off_costs_no_member_its_vote(off: float) -> None:
    """Once its usual delay is known, a sensor whose clock is slow votes; a fast one, at once."""
    derivations = Derivations(COUNT, SITE[:1])
    clocks = (0, 0, int(off * SECOND))
    readings = [
        (p, START + n * SECOND + clocks[p], START + n * SECOND, (1.0, 3.0, 2.0)[p], GOOD)
        for n in range(1300)
        for p in range(3)
    ]
    derived = feed(derivations, readings)
    assert newest(derived, 8) == (3.0, GOOD)
    assert newest(derived, 7) == (2.0, GOOD)
    # Its own time is that of the clock which is ahead of the others.
    settled = derived.time[-600:] - derived.received[-600:]
    assert (np.abs(settled - max(0, int(off * SECOND))) <= SECOND).all()


def test_a_clock_set_back_blinds_no_vote() -> None:
    """After this machine's clock went back an hour, members vote anew, in the time that is now."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, 3600 + n, 1.0) for n in range(2) for p in range(3)])
    derived = feed(derivations, [second(p, n, 25.0) for n in range(2) for p in range(3)])
    assert newest(derived, 7) == (25.0, GOOD)
    assert newest(derived, 8) == (3.0, GOOD)
    assert int(derived.time[-1]) < START + 2 * SECOND


def test_no_time_of_its_own_is_uncertain() -> None:
    """A member without a source time raises and does not clear, alone or among others."""
    derivations = Derivations(COUNT, SITE[:1])
    feed(derivations, [second(p, 0, 25.0) for p in range(3)])
    derived = feed(derivations, [second(0, 1, 1.0, UNTIMED), second(1, 1, 1.0)])
    assert newest(derived, 7) == (1.0, UNCERTAIN)
    assert newest(derived, 8) == (3.0, GOOD)
