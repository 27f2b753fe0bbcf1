"""A desk with three alarms, and the orders and detections that reach it."""

from __future__ import annotations

import pytest

from gateway.alarms.catalogue import Catalogue
from gateway.alarms.definitions import AlarmDefinition, Level
from gateway.alarms.desk import Desk
from gateway.alarms.requests import RefusedError, Request
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS, Cause, Detection, Priority

NOW = 1_790_000_000 * NANOSECONDS
HOUR = 3600 * NANOSECONDS
HIGH, GAS, STUCK = "gw1/T1/limits.h", "gw1/T2/gas.h", "gw1/T1/stuck"
DEFINITIONS = (
    AlarmDefinition(
        alarm=HIGH,
        tag="T1",
        rule="limits.h",
        level=Level.H,
        area="A1",
        division="330106003000",
        hazard="ammonia_refrigeration",
        unit="ppm",
        limit=100.0,
        re_alarm_ns=HOUR,
    ),
    AlarmDefinition(
        alarm=GAS,
        tag="T2",
        rule="gas.h",
        level=Level.H,
        unit="ppm",
        limit=25.0,
        priority=Priority.CRITICAL,
        latch=True,
        shelvable=False,
        standard="GB 30871",
        clause="6.3",
    ),
    AlarmDefinition(alarm=STUCK, tag="T1", rule="stuck", level=Level.STUCK, sounds=False),
)
ROWS = {definition.alarm: row for row, definition in enumerate(DEFINITIONS)}


def make_desk(*, life: str = "l" * 16) -> Desk:
    chain = Chain(Identity("gw1", life, "e" * 16))
    return Desk(Catalogue(own=DEFINITIONS), chain, clock_source="ntp")


def edge(
    alarm: str = HIGH, *, active: bool = True, historical: bool = False, value: float = 120.0
) -> Detection:
    return Detection(
        row=ROWS[alarm],
        active=active,
        time_ns=NOW,
        received_ns=NOW + 1,
        value=value,
        historical=historical,
    )


def request(desk: Desk, cause: Cause, alarm: str = HIGH, **changes: object) -> Request:
    """What an operator who sees the alarm as it stands would ask."""
    fields: dict[str, object] = {
        "alarm": alarm,
        "revision": desk.status(alarm).revision,
        "cause": cause,
        "operator": "li",
        "comment": "seen",
        "until_ns": NOW + HOUR if cause in {Cause.SHELVE, Cause.OUT_OF_SERVICE} else 0,
        **changes,
    }
    return Request(**fields)  # type: ignore[arg-type]


def reason(desk: Desk, cause: Cause, alarm: str = HIGH, **changes: object) -> str:
    """The word with which an order is refused; nothing may have moved."""
    before, seq = dict(desk.statuses), desk.chain.seq
    with pytest.raises(RefusedError) as refused:
        desk.order(request(desk, cause, alarm, **changes), now_ns=NOW)
    assert (desk.statuses, desk.chain.seq) == (before, seq)
    assert str(refused.value).startswith((alarm, cause))
    return refused.value.reason
