"""When what rests on late data sounds: soon, but not while a backlog is still handed over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.model import NANOSECONDS
from gateway.pipeline.plant import Plant
from tests.gateway.roles.edge.test_source_times import plant_of, told
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import START

#: How far the gateway's clock is ahead of its devices', s.
AHEAD = 7200.0
NORMAL, HIGH = 20.0, 150.0
#: A node looks as often a second.
LOOKS = 10


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return plant_of(tmp_path)


def play(wired: Wired, said: Iterable[tuple[float, float, float]], *, until: float) -> list[float]:
    """Let a device say things, each at a second, made by its own clock at another, of a value.

    The node looks every tenth of a second meanwhile.

    Returns
    -------
    list
        When an alarm was confirmed, s.
    """
    look = 1
    for at, made, value in said:
        while look / LOOKS < at:
            wired.moment(look / LOOKS)
            look += 1
        stated = round((START / NANOSECONDS + made) * 1000)
        wired.moment(at, f'{{"ts": {stated}, "x": {value}}}'.encode())
    for number in range(look, round(until * LOOKS) + 1):
        wired.moment(number / LOOKS)
    events = [event for event in told(wired) if event.cause == "confirm"]
    return [(event.received_ns - START) / NANOSECONDS for event in events]


def test_a_clock_that_is_ahead_keeps_no_siren_waiting(plant: Plant) -> None:
    """The first that is ever heard of a device is two hours old, and high: it sounds in 0.6 s."""
    wired = Wired(plant)
    (confirmed,) = play(wired, [(0.75, 0.75 - AHEAD, HIGH)], until=5)
    assert [(e.cause, e.historical) for e in told(wired)] == [("raise", True), ("confirm", False)]
    assert 1.25 <= confirmed <= 1.35
    assert [each.alarm for each in wired.line.desk.sounding()] == ["gw/T0/h"]


@pytest.mark.parametrize("rate", [1, 3, 20])
def test_readings_that_go_on_at_their_own_pace_are_not_waited_for(plant: Plant, rate: int) -> None:
    """However many a device says a second, what is late by as much each time is no backlog."""
    said = [(n / rate + 0.01, n / rate - AHEAD, HIGH if n >= rate else NORMAL)
            for n in range(10 * rate)]  # fmt: skip
    (confirmed,) = play(Wired(plant), said, until=12)
    assert 1.5 <= confirmed <= 1.65


@pytest.mark.parametrize("apart", [0.001, 0.1, 0.4])
def test_a_backlog_that_comes_back_to_normal_sounds_nothing(plant: Plant, apart: float) -> None:
    """What was high for most of it is historical, and no siren is heard."""
    said = [(n * apart, n - AHEAD, HIGH if n < 4 else NORMAL) for n in range(6)]
    wired = Wired(plant)
    assert play(wired, said, until=20) == []
    assert [(e.cause, e.historical) for e in told(wired)] == [("raise", True)]


def test_a_backlog_that_ends_high_sounds_half_a_second_after_its_last(plant: Plant) -> None:
    """Not sooner: the next could have been normal."""
    said = [(n / 10, 60.0 * n - AHEAD, HIGH) for n in range(10)]
    (confirmed,) = play(Wired(plant), said, until=5)
    assert 1.4 <= confirmed <= 1.5


def test_a_backlog_without_end_is_waited_for_two_seconds(plant: Plant) -> None:
    """It may go on for hours; what it says last is in alarm, and nobody knows better."""
    said = [(n / 10, 60.0 * n - AHEAD, HIGH) for n in range(100)]
    (confirmed,) = play(Wired(plant), said, until=12)
    assert 2.0 <= confirmed <= 2.1


def test_a_second_backlog_is_waited_for_like_the_first(plant: Plant) -> None:
    """Also while an alarm of the first still stands on what is no longer so."""
    said = [(0.1, 0.1 - AHEAD, HIGH), (0.2, 60.1 - AHEAD, NORMAL)]
    said += [(n + 0.1, n + 60.1 - AHEAD, NORMAL) for n in range(1, 10)]
    said += [(20 + n / 5, 70 + n - AHEAD, HIGH if n < 3 else NORMAL) for n in range(6)]
    wired = Wired(plant)
    assert play(wired, said, until=30) == []
    assert [event.cause for event in told(wired)] == ["raise"]


def test_behind_a_fence_nothing_is_confirmed(plant: Plant) -> None:
    """What waited at the broker may be over; it is judged when the queue has passed."""
    wired = Wired(plant)
    wired.held = True
    assert play(wired, [(0.5, 0.5 - AHEAD, HIGH)], until=10) == []
    wired.held = False
    wired.moment(10.1)
    assert [event.cause for event in told(wired)] == ["raise", "confirm"]


def test_what_waits_to_be_read_is_read_first(plant: Plant) -> None:
    """A program that stood still for a second confirms nothing that the next message ends."""
    wired = Wired(plant)
    play(wired, [(0.5, 0.5 - AHEAD, HIGH)], until=0.5)
    for at, made in ((1.5, 100 - AHEAD), (1.501, 200 - AHEAD)):
        stated = round((START / NANOSECONDS + made) * 1000)
        wired.moment(at, f'{{"ts": {stated}, "x": {NORMAL}}}'.encode())
    for number in range(16, 60):
        wired.moment(number / LOOKS)
    assert [event.cause for event in told(wired)] == ["raise"]


def test_a_clock_that_is_set_meanwhile_confirms_nothing_early(plant: Plant) -> None:
    """An hour forward is not half a second without a reading."""
    wired = Wired(plant)
    play(wired, [(0.5, 0.5 - AHEAD, HIGH)], until=0.6)
    wired.clock.step_ns = 3600 * NANOSECONDS
    wired.moment(0.7)
    assert [e.cause for e in told(wired)] == ["raise"]
