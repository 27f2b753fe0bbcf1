"""An alarm that somebody acknowledged, and that nobody mended, is told again."""

from __future__ import annotations

from gateway.alarms.catalogue import Catalogue
from gateway.alarms.desk import Desk
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import Cause
from tests.gateway.alarms.desks import (
    DEFINITIONS,
    GAS,
    HIGH,
    HOUR,
    NOW,
    edge,
    make_desk,
    request,
)


def acknowledged(*alarms: str) -> Desk:
    """A desk at which these alarms stand, acknowledged at NOW."""
    desk = make_desk()
    for alarm in alarms:
        desk.detect(edge(alarm))
        desk.order(request(desk, Cause.ACKNOWLEDGE, alarm), now_ns=NOW)
    return desk


def restarted(desk: Desk) -> Desk:
    """A desk made from what the store holds of another."""
    return Desk(
        Catalogue(own=DEFINITIONS),
        Chain(Identity("gw1", "l" * 16, "f" * 16)),
        statuses=desk.statuses,
        entries=desk.entries,
    )


def test_it_sounds_again_when_its_time_is_over() -> None:
    """An hour after its acknowledgement, and not before, it is unacknowledged, once."""
    desk = acknowledged(HIGH)
    assert desk.re_alarm(NOW + HOUR - 1) == []
    assert not desk.sounding()
    [made] = desk.re_alarm(NOW + HOUR)
    event = made.event
    assert (event.cause, event.before, event.after) == ("re-alarm", "ACKED", "UNACK")
    assert (event.occurrence, event.revision) == (1, 3)
    assert [definition.alarm for definition in desk.sounding()] == [HIGH]
    assert desk.re_alarm(NOW + 9 * HOUR) == []


def test_it_counts_from_each_acknowledgement() -> None:
    """Whoever acknowledges it again has the whole time again."""
    desk = acknowledged(HIGH)
    desk.re_alarm(NOW + HOUR)
    desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW + 2 * HOUR)
    assert desk.re_alarm(NOW + 3 * HOUR - 1) == []
    assert len(desk.re_alarm(NOW + 3 * HOUR)) == 1


def test_only_what_stands_acknowledged_and_says_so_is_told_again() -> None:
    """Not what has returned, nor an alarm whose definition states no time."""
    desk = acknowledged(HIGH, GAS)
    desk.detect(edge(active=False))
    assert desk.re_alarm(NOW + 9 * HOUR) == []


def test_what_is_put_aside_waits_for_its_end() -> None:
    """A shelved alarm is not told again; the end of the shelving tells it anyway."""
    desk = acknowledged(HIGH)
    order = request(desk, Cause.SHELVE, until_ns=NOW + 3 * HOUR)
    desk.order(order, now_ns=NOW)
    assert desk.re_alarm(NOW + 2 * HOUR) == []
    [made] = desk.expire(NOW + 3 * HOUR)
    assert made.event.after == "UNACK"


def test_a_restart_keeps_the_time() -> None:
    """A desk made from what the store holds tells it in the same second."""
    again = restarted(acknowledged(HIGH))
    assert again.re_alarm(NOW + HOUR - 1) == []
    assert len(again.re_alarm(NOW + HOUR)) == 1


def test_a_clock_mended_before_a_restart_delays_nothing() -> None:
    """What was acknowledged by a clock that was years ahead counts from the start at the latest."""
    again = restarted(acknowledged(HIGH))
    start = NOW - 9000 * HOUR
    again.re_alarms.begin(start)
    assert again.re_alarm(start + HOUR - 1) == []
    assert len(again.re_alarm(start + HOUR)) == 1
