"""What must come of days is known without an edge, and what differs from it is told."""

from __future__ import annotations

from inspect import signature

from gateway.southbound.mqtt import BrokerSession
from tests.faults.outage.days import CHANNELS, DayClock, Hand, alarm_of, rising
from tests.faults.outage.judge import Move, differences, expected
from tests.faults.t28_days import reconnected

MINUTE = 60
HOUR = 3600


def test_who_stands_for_the_broker_s_session_is_asked_the_same() -> None:
    """What an edge gives it and asks of it, it knows: else no day begins."""
    assert signature(Hand).parameters.keys() == signature(BrokerSession).parameters.keys()
    hand = Hand(
        None, node="", filters=(), clock=DayClock(0), deliver=bool, changed=print,
    )  # fmt: skip
    asked = {name for name in vars(BrokerSession) if not name.startswith("_")} - {"task"}
    assert asked <= set(dir(hand))


def test_each_minute_raises_seven_alarms_and_clears_those_of_the_minute_before() -> None:
    """Each as often, in the minute in which it is told."""
    moves = list(expected([second] for second in range(HOUR)))
    raised = [move for move in moves if move.cause == "raise"]
    cleared = [move for move in moves if move.cause == "clear"]
    assert len(raised) == 7 * 60
    assert len(cleared) == 7 * 59
    for move in raised:
        assert move.alarm in {alarm_of(point) for point in rising(move.second // MINUTE)}
    for move in cleared:
        assert move.alarm in {alarm_of(point) for point in rising(move.second // MINUTE - 1)}


def test_a_second_that_was_not_told_moves_nothing() -> None:
    """What was to be told in it is told half a minute later."""
    told = [second for second in range(MINUTE) if second != 0]
    late = {move.alarm for move in expected([second] for second in told) if move.second == 30}
    # Device 0 speaks in seconds 0 and 30.
    assert late == {alarm_of(point) for point in range(CHANNELS)}


def test_a_crossing_between_the_turns_rises_and_returns_with_the_next() -> None:
    """It is told by a message of its own."""
    point = 500
    device = point // CHANNELS
    said = [[600, point], *([second] for second in range(600, 640))]
    moves = [move for move in expected(said) if move.alarm == alarm_of(point)]
    assert moves == [
        Move(alarm_of(point), "raise", 600),
        Move(alarm_of(point), "clear", 600 + device % 30),
    ]


def test_what_is_missing_twice_or_made_by_nothing_is_told() -> None:
    """Alarm by alarm, however many others there are."""
    should = list(expected([second] for second in range(HOUR)))
    assert differences(should, should) == []
    lost, *rest = should
    assert differences(should, rest) == [f"lost: {lost}"]
    assert differences(should, [*should, lost]) == [f"made by nothing: {lost}"]
    late = lost._replace(second=lost.second + 1)
    assert differences(should, [late, *rest]) == [f"lost: {lost}", f"made by nothing: {late}"]


def test_a_reconnection_counts_from_its_first_attempt() -> None:
    """An attempt that fails begins no clock anew; those before somebody listened are none."""
    assert reconnected([90.0, 99.0, 101.0, 110.0], back=100.0) == 101.0
    assert reconnected([99.9], back=100.0) == 100.0
