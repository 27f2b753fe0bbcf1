"""The values that travel: frozen, and an event's bytes say everything again."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import (
    AlarmEvent,
    Cause,
    Detection,
    Priority,
    State,
    Suppression,
    decode_event,
    encode_event,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
EVENTS = st.builds(
    AlarmEvent,
    kind=TEXT,
    node=TEXT,
    life=TEXT,
    epoch=TEXT,
    seq=st.integers(0, 2**63 - 1),
    alarm=TEXT,
    cause=st.sampled_from([cause.value for cause in Cause]),
    before=st.sampled_from([state.value for state in State]),
    source_ns=st.integers(-(2**63), 2**63 - 1),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    limit=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    operator=TEXT,
    comment=TEXT,
    detail=st.dictionaries(TEXT, st.none() | TEXT | st.booleans() | st.integers(-9, 9), max_size=3),
)


@given(event=EVENTS)
def test_an_event_survives_its_bytes(event: AlarmEvent) -> None:
    """Whatever an event holds, its bytes give it back, and it gives the same bytes again."""
    entry = encode_event(event)
    assert decode_event(entry) == event
    assert encode_event(decode_event(entry)) == entry
    assert b"\n" not in entry


def test_values_are_frozen() -> None:
    """Neither an event nor a detection changes under those who hold it."""
    event = AlarmEvent(node="gw1", life="l", epoch="e", seq=1)
    with pytest.raises(AttributeError):
        event.seq = 2  # type: ignore[misc]
    detection = Detection(row=0, active=True, time_ns=1, received_ns=1, value=1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        detection.active = False  # type: ignore[misc]


@pytest.mark.parametrize("missing", ["node", "life", "epoch", "seq"])
def test_an_event_has_an_identity(missing: str) -> None:
    """Bytes without node, life, epoch or sequence are no event."""
    fields = {"node": "gw1", "life": "l", "epoch": "e", "seq": 1}
    del fields[missing]
    with pytest.raises(msgspec.ValidationError, match=missing):
        decode_event(msgspec.json.encode(fields))


def test_the_standard_codes() -> None:
    """States and suppressions have the codes of ISA-18.2; priorities are words, four of them."""
    assert [state.value for state in State] == [
        "NORM",
        "UNACK",
        "ACKED",
        "RTNUN",
        "LUNACK",
        "LACKED",
    ]
    assert [each.value for each in Suppression] == ["NONE", "SHLVD", "DSUPR", "OOSRV"]
    assert [each.value for each in Priority] == ["low", "medium", "high", "critical"]
