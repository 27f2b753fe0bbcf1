"""What moves an alarm, what is refused, what is shown, and what sounds."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.alarms.catalogue import Catalogue
from gateway.alarms.desk import Desk
from gateway.alarms.lifecycle import Status
from gateway.alarms.requests import ORDERS, RefusedError
from gateway.identity import Identity
from gateway.journal import GENESIS, Chain, digest
from gateway.model import Cause, State, Suppression, decode_event, encode_event
from tests.gateway.alarms.desks import (
    DEFINITIONS,
    GAS,
    HIGH,
    HOUR,
    NOW,
    STUCK,
    edge,
    make_desk,
    reason,
    request,
)


def test_an_event_tells_everything() -> None:
    """A raise becomes one event with the alarm's meaning, its two counters and what decided."""
    desk = make_desk()
    [made] = desk.detect(edge())
    event = made.event
    assert (event.node, event.seq, event.prev, event.kind) == ("gw1", 1, GENESIS, "alarm")
    assert (event.alarm, event.tag, event.rule, event.area) == (HIGH, "T1", "limits.h", "A1")
    assert (event.division, event.hazard) == ("330106003000", "ammonia_refrigeration")
    assert (event.cause, event.before, event.after) == ("raise", "NORM", "UNACK")
    assert (event.occurrence, event.revision, event.suppression) == (1, 1, "NONE")
    assert (event.value, event.unit, event.limit, event.quality) == (120.0, "ppm", 100.0, "GOOD")
    assert (event.priority, event.source_ns, event.received_ns) == ("high", NOW, NOW + 1)
    assert (event.clock_source, event.historical, event.predicted_ns) == ("ntp", False, None)
    assert made.entry == encode_event(event)
    assert (
        made.status == desk.status(HIGH) == Status(state=State("UNACK"), occurrence=1, revision=1)
    )


def test_an_edge_that_changes_nothing_makes_no_event() -> None:
    """A repeated edge, and a clear of what never rose, move nothing and count nothing."""
    desk = make_desk()
    assert desk.detect(edge(active=False)) == []
    desk.detect(edge())
    assert desk.detect(edge()) == []
    assert desk.status(HIGH).revision == desk.chain.seq == 1


def test_a_value_that_is_none_is_not_invented() -> None:
    """An edge without a number says null, not NaN."""
    desk = make_desk()
    [made] = desk.detect(edge(STUCK, value=math.nan))
    assert made.event.value is None
    assert b"NaN" not in made.entry


def test_events_form_one_chain() -> None:
    """Detections, orders and notes alike take the next sequence and the hash of the one before."""
    desk = make_desk()
    made = [
        desk.note("start", now_ns=NOW),
        *desk.detect(edge()),
        *desk.detect(edge(GAS)),
        *desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW),
        *desk.detect(edge(active=False)),
    ]
    assert [transition.event.seq for transition in made] == [1, 2, 3, 4, 5]
    head = GENESIS
    for transition in made:
        assert transition.event.prev == head
        head = digest(transition.entry)
    assert desk.chain.head == head


def test_latched_alarm_waits_for_its_reset() -> None:
    """A latched alarm whose condition ended is normal only after acknowledgement and reset."""
    desk = make_desk()
    desk.detect(edge(GAS))
    desk.detect(edge(GAS, active=False))
    assert desk.status(GAS).state == State.LATCHED_UNACKNOWLEDGED
    assert reason(desk, Cause.RESET, GAS) == "not_possible"
    desk.order(request(desk, Cause.ACKNOWLEDGE, GAS), now_ns=NOW)
    assert desk.status(GAS).state == State.LATCHED_ACKNOWLEDGED
    [made] = desk.order(request(desk, Cause.RESET, GAS, order="o1"), now_ns=NOW)
    assert (made.event.after, made.event.operator, made.event.comment) == ("NORM", "li", "seen")
    assert made.event.detail == {"order": "o1"}


def test_a_suppression_expires_on_time() -> None:
    """It ends at its end and not before; an acknowledged alarm that is still true asks anew."""
    desk = make_desk()
    desk.detect(edge())
    desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW)
    desk.order(request(desk, Cause.SHELVE), now_ns=NOW)
    assert desk.expire(NOW + HOUR - 1) == []
    [made] = desk.expire(NOW + HOUR)
    assert (made.event.cause, made.event.before, made.event.after) == ("expire", "ACKED", "UNACK")
    assert made.event.suppression == "NONE"
    assert desk.expire(NOW + HOUR) == []
    assert [definition.alarm for definition in desk.sounding()] == [HIGH]


def test_a_shelved_normal_alarm_expires_silently() -> None:
    """The end of a shelving without a condition leads to normal, which no longer stands."""
    desk = make_desk()
    desk.order(request(desk, Cause.SHELVE), now_ns=NOW)
    assert len(desk.present()) == 1
    [made] = desk.expire(NOW + HOUR)
    assert made.event.after == "NORM"
    assert desk.present() == []


def test_what_sounds() -> None:
    """The siren sounds for what is live, unacknowledged, not suppressed, and meant to sound."""
    desk = make_desk()

    def sounds() -> list[str]:
        return [definition.alarm for definition in desk.sounding()]

    desk.detect(edge(STUCK))
    assert sounds() == []
    desk.detect(edge())
    desk.detect(edge(GAS))
    assert sounds() == [HIGH, GAS]
    desk.order(request(desk, Cause.SHELVE), now_ns=NOW)
    assert sounds() == [GAS]
    desk.order(request(desk, Cause.UNSHELVE), now_ns=NOW)
    assert sounds() == [GAS, HIGH]
    desk.order(request(desk, Cause.ACKNOWLEDGE, GAS), now_ns=NOW)
    assert sounds() == [HIGH]
    desk.detect(edge(active=False))
    assert sounds() == []


def test_late_data_does_not_sound_until_it_is_confirmed() -> None:
    """An alarm on late data stands, marked and silent; the drained backlog makes it live."""
    desk = make_desk()
    [made] = desk.detect(edge(historical=True))
    assert made.event.historical
    assert list(desk.unconfirmed) == [HIGH]
    assert (list(desk.sounding()), len(desk.present())) == ([], 1)
    assert desk.confirm([GAS], now_ns=NOW) == []
    [confirmed] = desk.confirm([HIGH], now_ns=NOW + 5)
    event = confirmed.event
    assert (event.cause, event.historical, event.occurrence) == ("confirm", False, 1)
    assert (event.revision, event.source_ns) == (2, NOW + 5)
    assert [definition.alarm for definition in desk.sounding()] == [HIGH]
    assert desk.confirm([HIGH], now_ns=NOW + 6) == []


def test_a_live_reading_confirms_at_once() -> None:
    """An alarm on late data becomes live with the first live reading that is over its limit too."""
    desk = make_desk()
    desk.detect(edge(historical=True))
    assert desk.detect(edge(historical=True)) == []
    [made] = desk.detect(edge())
    assert (made.event.cause, made.event.historical) == ("confirm", False)
    assert desk.unconfirmed == {}


def test_what_cleared_is_not_confirmed() -> None:
    """An alarm on late data that ended before its backlog drained is not brought back."""
    desk = make_desk()
    desk.detect(edge(historical=True))
    desk.detect(edge(active=False))
    assert desk.unconfirmed == {}
    assert desk.confirm([HIGH], now_ns=NOW) == []


def test_present_is_the_last_event_of_what_stands() -> None:
    """The present state holds the last event of each standing alarm, byte for byte."""
    desk = make_desk()
    desk.detect(edge())
    [gas] = desk.detect(edge(GAS))
    [acknowledged] = desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW)
    assert desk.present() == [acknowledged.entry, gas.entry]
    desk.detect(edge(active=False))
    assert desk.present() == [gas.entry]


def test_a_desk_goes_on_where_the_store_ended() -> None:
    """A desk made from what was stored knows revisions, entries and what is yet unconfirmed."""
    desk = make_desk()
    desk.detect(edge(historical=True))
    desk.detect(edge(GAS))
    chain = Chain(desk.chain.identity, seq=desk.chain.seq, head=desk.chain.head)
    again = Desk(Catalogue(own=DEFINITIONS), chain, statuses=desk.statuses, entries=desk.entries)
    assert again.present() == desk.present()
    assert list(again.unconfirmed) == [HIGH]
    [made] = again.detect(edge(GAS, active=False))
    assert (made.event.seq, made.event.revision) == (3, 2)


def test_alarms_that_are_no_longer_defined_are_retired() -> None:
    """What stands and is gone from the site file is closed with the meaning it had; once."""
    desk = make_desk()
    desk.detect(edge())
    desk.order(request(desk, Cause.SHELVE), now_ns=NOW)
    desk.detect(edge(GAS))
    fewer = Catalogue(own=DEFINITIONS[1:2])
    less = Desk(fewer, desk.chain, statuses=desk.statuses, entries=desk.entries)
    assert less.expire(NOW + 2 * HOUR) == []
    [made] = less.retire(now_ns=NOW)
    event = made.event
    assert (event.alarm, event.cause, event.after) == (HIGH, "retire", "NORM")
    assert (event.tag, event.limit, event.unit, event.hazard) == (
        "T1", 100.0, "ppm", "ammonia_refrigeration"
    )  # fmt: skip
    assert (event.suppression, event.revision, event.occurrence) == ("NONE", 3, 1)
    assert less.retire(now_ns=NOW) == []
    assert [decode_event(entry).alarm for entry in less.present()] == [GAS]


def test_a_new_life_tells_what_stands_anew() -> None:
    """A new life says so first, then carries each standing alarm with its counters at one."""
    desk = make_desk()
    desk.detect(edge())
    desk.detect(edge(active=False))
    desk.detect(edge())
    desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW)
    assert desk.status(HIGH).occurrence == 2
    desk.detect(edge(GAS, historical=True))
    desk.detect(edge(STUCK))
    desk.detect(edge(STUCK, active=False))
    desk.order(request(desk, Cause.ACKNOWLEDGE, STUCK), now_ns=NOW)
    made = desk.begin_life(Chain(Identity("gw1", "m" * 16, "f" * 16)), now_ns=NOW)
    assert [(t.event.kind, t.event.seq, t.event.life) for t in made] == [
        ("life", 1, "m" * 16), ("alarm", 2, "m" * 16), ("alarm", 3, "m" * 16)
    ]  # fmt: skip
    assert made[0].event.prev == GENESIS
    carried = {t.event.alarm: t.event for t in made[1:]}
    assert set(carried) == {HIGH, GAS}
    for event in carried.values():
        assert (event.cause, event.occurrence, event.revision) == ("carry", 1, 1)
    assert carried[HIGH].after == "ACKED"
    assert carried[GAS].historical
    assert list(desk.unconfirmed) == [GAS]
    assert desk.present() == [t.entry for t in made[1:]]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["detect", "order", "expire", "re_alarm", "confirm"]),
        st.sampled_from([HIGH, GAS, STUCK]),
        st.booleans(),
        st.booleans(),
        st.sampled_from(sorted(ORDERS)),
    ),
    max_size=40,
)


@given(acts=ACTS)
def test_any_day_at_the_desk_keeps_its_books(
    acts: list[tuple[str, str, bool, bool, Cause]],
) -> None:
    """Whatever happens, each alarm's revisions are gapless and its events join end to end."""
    desk = make_desk()
    events = []
    for number, (act, alarm, active, historical, cause) in enumerate(acts):
        now = NOW + number * HOUR // 2
        if act == "detect":
            events += desk.detect(edge(alarm, active=active, historical=historical))
        elif act == "expire":
            events += desk.expire(now)
        elif act == "re_alarm":
            events += desk.re_alarm(now)
        elif act == "confirm":
            events += desk.confirm([HIGH, GAS], now_ns=now)
        else:
            order = request(desk, cause, alarm, until_ns=now + HOUR)
            try:
                events += desk.order(order, now_ns=now)
            except RefusedError:
                continue
    assert [t.event.seq for t in events] == list(range(1, len(events) + 1))
    for alarm in (HIGH, GAS, STUCK):
        own = [t.event for t in events if t.event.alarm == alarm]
        assert [event.revision for event in own] == list(range(1, len(own) + 1))
        for before, after in pairwise(own):
            assert after.before == before.after
        raised = sum(event.cause == "raise" for event in own)
        assert desk.status(alarm).occurrence == raised
        standing = desk.status(alarm).standing
        assert (desk.entries.get(alarm) in desk.present()) == standing


MOVES = st.lists(
    st.tuples(
        st.sampled_from([HIGH, GAS, STUCK]),
        st.sampled_from(["raise", "late", "clear", "expire", *sorted(ORDERS)]),
    ),
    max_size=40,
)


def plainly_sounding(desk: Desk) -> set[str]:
    """What sounds, read from where every alarm stands."""
    return {
        alarm
        for alarm, status in desk.statuses.items()
        if status.state == State.UNACKNOWLEDGED
        and status.suppression == Suppression.NONE
        and not status.historical
        and alarm != STUCK
    }


def test_what_began_to_sound_first_is_told_first() -> None:
    """The panel names the first of a flood; who sounds again comes behind those that still do."""
    desk = make_desk()
    for alarm in (GAS, HIGH):
        desk.detect(edge(alarm))
    assert [each.alarm for each in desk.sounding()] == [GAS, HIGH]
    desk.order(request(desk, Cause.ACKNOWLEDGE, GAS), now_ns=NOW)
    desk.detect(edge(GAS, active=False))
    desk.detect(edge(GAS))
    assert [each.alarm for each in desk.sounding()] == [HIGH, GAS]


@given(moves=MOVES)
def test_what_sounds_is_what_stands(moves: list[tuple[str, str]]) -> None:
    """After any moves, and after a new start, what sounds follows from the statuses alone."""
    desk = make_desk()
    now = NOW
    for alarm, move in moves:
        now += HOUR // 2
        if move in {"raise", "late", "clear"}:
            desk.detect(edge(alarm, active=move != "clear", historical=move == "late"))
        elif move == "expire":
            ended = {t.event.alarm for t in desk.expire(now)}
            assert not [
                each
                for each, status in desk.statuses.items()
                if status.suppression != Suppression.NONE and status.suppressed_until_ns <= now
            ]
            assert all(desk.status(each).suppression == Suppression.NONE for each in ended)
        else:
            with suppress(RefusedError):
                desk.order(request(desk, Cause(move), alarm, until_ns=now + HOUR), now_ns=now)
        assert {each.alarm for each in desk.sounding()} == plainly_sounding(desk)
        assert desk.standing == sum(status.standing for status in desk.statuses.values())
    again = Desk(desk.definitions, desk.chain, statuses=desk.statuses, entries=desk.entries)
    assert {each.alarm for each in again.sounding()} == plainly_sounding(desk)
    assert again.standing == desk.standing
    last = now + 24 * HOUR
    assert {t.event.alarm for t in again.expire(last)} == {
        alarm for alarm, each in desk.statuses.items() if each.suppression != Suppression.NONE
    }
