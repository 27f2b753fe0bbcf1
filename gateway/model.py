"""The values that travel between the stages. All are frozen and know no clock.

A reading becomes part of a `ReadingBatch`, a detector turns it into a `Detection`, the alarm life
cycle turns that into an `AlarmEvent`, and the event is what the journal keeps and the wire carries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol, Self

import msgspec
from msgspec import Meta

NANOSECONDS = 1_000_000_000
EVENT_VERSION = 1

# What is decoded has its bounds here: a number that no store can hold is not readable.
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
#: Numbers from 0 to which one may be added.
Ordinal = Annotated[int, Meta(ge=0, le=2**63 - 2)]


class State(StrEnum):
    """ISA-18.2 alarm states; the latched ones wait for a reset at the site."""

    NORMAL = "NORM"
    UNACKNOWLEDGED = "UNACK"
    ACKNOWLEDGED = "ACKED"
    RETURNED_UNACKNOWLEDGED = "RTNUN"
    LATCHED_UNACKNOWLEDGED = "LUNACK"
    LATCHED_ACKNOWLEDGED = "LACKED"


class Suppression(StrEnum):
    """What stands beside the state and keeps an alarm from being annunciated."""

    NONE = "NONE"
    SHELVED = "SHLVD"
    BY_DESIGN = "DSUPR"
    OUT_OF_SERVICE = "OOSRV"


class Priority(StrEnum):
    """How soon an operator must respond (ISA-18.2 calls it priority, never severity)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Cause(StrEnum):
    """What moved an alarm from one state to the next."""

    RAISE = "raise"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    OUT_OF_SERVICE = "out-of-service"
    IN_SERVICE = "in-service"
    EXPIRE = "expire"
    RE_ALARM = "re-alarm"
    CONFIRM = "confirm"
    RETIRE = "retire"
    CARRY = "carry"


class Act(StrEnum):
    """What a tier above does about an alarm: none of these moves it or stops a siren."""

    RECEIVED = "received"
    QUESTIONED = "questioned"
    URGED = "urged"
    ESCALATED = "escalated"
    CLOSED = "closed"


class Clock(Protocol):
    """Where time comes from: injected everywhere, so that tests and replay own it."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back, of unknown origin."""
        ...


class Contribution(msgspec.Struct, frozen=True):
    """A point's part in an anomaly of many points.

    Parameters
    ----------
    tag
        Of the point.
    share
        Of the statistic, that falls away where the point is left out: 0 to 1. Shares overlap.
    offset
        How far it is off what the other points and its past lead to expect, standard deviations;
        None where nothing tells.
    """

    tag: str
    share: float
    offset: float | None = None

    @classmethod
    def of(cls, tag: str, share: float, offset: float) -> Self:
        """Return it with as many digits as people read, and no number that JSON cannot hold."""
        told = round(offset, 2) if math.isfinite(offset) else None
        return cls(tag, round(share, 4), told)


@dataclass(frozen=True, slots=True)
class Detection:
    """An edge reported by a detector: a rule's condition began or ended.

    Parameters
    ----------
    row
        Index of the bound rule (see `gateway.pipeline.binding`).
    active
        True when the condition began, False when it ended.
    time_ns
        Source time of the edge: of the reading, or of the whole second at which a delay ran out.
    received_ns
        When the reading arrived here (the same whole second for an edge without a reading).
    value
        The value that decided, in the point's unit; NaN where there was none.
    predicted_ns
        When the limit is expected to be crossed (trend rules), else 0.
    quality
        Quality byte of the reading.
    historical
        The reading came late: it is evaluated, and marked.
    contributions
        Whom an anomaly owes most to when it begins, the greatest first.
    clock_offset_ns
        By how much the device's own time was ahead, where ours took its place; else 0.
    """

    row: int
    active: bool
    time_ns: int
    received_ns: int
    value: float
    predicted_ns: int = 0
    quality: int = 0
    historical: bool = False
    contributions: tuple[Contribution, ...] = ()
    clock_offset_ns: int = 0


class AlarmEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the journal, and what the wire carries, byte for byte, through every tier.

    `kind` is "alarm" for a transition of an alarm; other kinds ("life", "start", "order", "act",
    "parent", "clock", "fault", "shed", "configuration", "store") concern the node itself and leave
    the fields of an alarm empty. The identity is (node, life, epoch, seq). `prev` is the SHA-256 of
    the bytes of the event before it, so the events of a life form a chain that anyone who has them
    can check. `clock_offset_ns` added to `source_ns` is the time that the device stated, where it
    lay too far ahead to be believed. `contributions` are those of the raise, in every event of an
    occurrence; where there are none the field is left out, and a reader that knows it not reads
    past it.
    """

    v: Int64 = EVENT_VERSION
    kind: str = "alarm"
    node: str
    life: str
    epoch: str
    seq: Int64
    prev: str = ""
    alarm: str = ""
    cause: str = ""
    occurrence: Ordinal = 0
    revision: Ordinal = 0
    tag: str = ""
    area: str = ""
    division: str = ""
    hazard: str = ""
    rule: str = ""
    before: str = ""
    after: str = ""
    suppression: str = Suppression.NONE.value
    priority: str = ""
    quality: str = ""
    historical: bool = False
    test: bool = False
    source_ns: Int64 = 0
    received_ns: Int64 = 0
    clock_source: str = ""
    clock_offset_ns: Int64 = 0
    value: float | None = None
    unit: str = ""
    limit: float | None = None
    predicted_ns: Int64 | None = None
    standard: str = ""
    clause: str = ""
    operator: str = ""
    comment: str = ""
    detail: dict[str, str | Int64 | float | bool | None] = msgspec.field(default_factory=dict)
    contributions: tuple[Contribution, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def owes(self) -> tuple[Contribution, ...]:
        """Whom an anomaly owes most to; empty for every other alarm."""
        return () if self.contributions is msgspec.UNSET else self.contributions


#: The fields in which the same readings, sent live and replayed, may differ.
LIVE_ONLY = ("life", "epoch", "received_ns", "clock_source", "clock_offset_ns", "prev")

encode_event = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(AlarmEvent).decode
