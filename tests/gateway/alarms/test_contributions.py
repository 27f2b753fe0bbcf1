"""Whom an anomaly owes most to: in every event of its occurrence, and in no other event at all."""

from __future__ import annotations

import json
from dataclasses import replace

from gateway.alarms.desk import Desk, Transition
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import AlarmEvent, Cause, Contribution, decode_event, encode_event
from tests.gateway.alarms.desks import HIGH, NOW, edge, make_desk, request

OWES = (Contribution("R1-TT-101", 0.81, 4.2), Contribution("R1-PT-201", 0.25))
OTHER = (Contribution("R1-TT-102", 0.7, -3.0),)


def owed(transitions: list[Transition]) -> list[tuple[Contribution, ...]]:
    """What the bytes of the events say."""
    return [decode_event(each.entry).owes for each in transitions]


def raised(desk: Desk) -> list[Transition]:
    return desk.detect(replace(edge(), contributions=OWES))


def test_every_event_of_the_occurrence_says_the_same() -> None:
    """Raise, acknowledgement, shelving and return all name them: a screen shows the last event."""
    desk = make_desk()
    assert owed(raised(desk)) == [OWES]
    assert owed(desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW)) == [OWES]
    assert owed(desk.order(request(desk, Cause.SHELVE), now_ns=NOW)) == [OWES]
    assert owed(desk.detect(edge(active=False))) == [OWES]


def test_the_next_occurrence_has_its_own() -> None:
    """Another raise names whom it owes to, or nobody: never those of the one before."""
    desk = make_desk()
    raised(desk)
    desk.detect(edge(active=False))
    assert owed(desk.detect(edge())) == [()]
    desk.detect(edge(active=False))
    assert owed(desk.detect(replace(edge(), contributions=OTHER))) == [OTHER]


def test_a_new_life_and_a_restart_keep_them() -> None:
    """An alarm that is carried over, or taken up from the store, still says it."""
    desk = make_desk()
    raised(desk)
    again = Desk(desk.definitions, desk.chain, statuses=desk.statuses, entries=desk.entries)
    assert owed(again.order(request(again, Cause.ACKNOWLEDGE), now_ns=NOW)) == [OWES]
    carried = again.begin_life(Chain(Identity("gw1", "m" * 16, "e" * 16)), now_ns=NOW)
    assert [each.event.owes for each in carried if each.event.alarm == HIGH] == [OWES]


def test_other_events_have_no_such_field() -> None:
    """Bytes, and so hashes, of every other event are as they were before there was the field."""
    desk = make_desk()
    (told,) = desk.detect(edge())
    assert b"contributions" not in told.entry
    assert b"contributions" not in desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW)[0].entry
    assert told.event.owes == ()


def test_the_bytes_are_plain_json_and_give_it_back() -> None:
    """A reader that knows the field has it whole, whatever a newer one put beside it."""
    event = AlarmEvent(node="gw", life="l", epoch="e", seq=1, contributions=OWES)
    entry = encode_event(event)
    assert json.loads(entry)["contributions"] == [
        {"tag": "R1-TT-101", "share": 0.81, "offset": 4.2},
        {"tag": "R1-PT-201", "share": 0.25, "offset": None},
    ]
    assert encode_event(decode_event(entry)) == entry
    newer = json.loads(entry)
    newer["contributions"][0]["added"] = 1
    newer["added"] = {"a": 1}
    assert decode_event(json.dumps(newer).encode()).owes == OWES


def test_what_is_told_has_few_digits_and_is_a_number() -> None:
    """Rounded for people; what JSON cannot hold is none."""
    assert Contribution.of("T", 0.123456, -2.34567) == Contribution("T", 0.1235, -2.35)
    assert Contribution.of("T", 0.5, float("nan")).offset is None
    assert Contribution.of("T", 0.5, float("inf")).offset is None
