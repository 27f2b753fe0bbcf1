"""An event in a CloudEvents 1.0 envelope, structured mode: its bytes stand in `data` untouched.

`source` and `id` together are the event's identity for ever: what is sent twice has the same, and
nothing else ever does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.model import NANOSECONDS
from gateway.northbound.exports.port import Parcel

TYPE: Final = "org.hazgate.alarm.v1"
ONE: Final = "application/cloudevents+json"
MANY: Final = "application/cloudevents-batch+json"


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm event as an export sends it."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str = TYPE
    subject: str
    time: str
    datacontenttype: str = "application/json"
    data: msgspec.Raw


def envelope(parcel: Parcel) -> CloudEvent:
    """Return an event in its envelope; `time` is when it happened at the source."""
    event = parcel.event
    return CloudEvent(
        id=parcel.id,
        source=f"urn:hazgate:{event.node}",
        subject=event.alarm,
        time=instant(event.source_ns or event.received_ns),
        data=msgspec.Raw(parcel.entry),
    )


def encode_one(parcel: Parcel) -> bytes:
    """Return the JSON of one event."""
    return msgspec.json.encode(envelope(parcel))


def encode_many(parcels: Sequence[Parcel]) -> bytes:
    """Return the JSON of a batch, in its order."""
    return msgspec.json.encode([envelope(parcel) for parcel in parcels])


def instant(time_ns: int) -> str:
    """Return an instant as RFC 3339 has it, in UTC, to the nanosecond."""
    seconds, rest = divmod(time_ns, NANOSECONDS)
    # An Int64 of ns ends in 2262 and begins in 1677: both are years of four digits.
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}Z"
