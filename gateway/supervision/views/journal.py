"""Rows of a node's journal: what the node sent, and what centres above it said of it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.db import Database
from gateway.model import decode_event
from gateway.supervision.tiers import UNKNOWN_HAZARD, Scope
from gateway.supervision.views.alarms import MILLISECOND

#: An alarm states its class. Another event has that of the alarm it names, and the end of an order
#: about no alarm is about some point: only who is in charge of everything is shown that.
_HAZARD = (
    "CASE WHEN e.kind = 'alarm' OR e.hazard <> '' THEN e.hazard "
    "WHEN m.alarm IS NOT NULL THEN m.hazard "
    f"WHEN e.alarm = '' AND e.kind <> 'order' THEN '' ELSE '{UNKNOWN_HAZARD}' END"
)
_SENT = (
    "SELECT e.hash, e.entry, e.received_ns FROM event e "
    "LEFT JOIN mirror m ON m.node = e.node AND m.alarm = e.alarm "
    "WHERE e.node IN ({nodes}) AND {hazards} "
    "AND NOT EXISTS (SELECT 1 FROM child_event c WHERE c.position = e.position) "
)
#: What a centre says of a child stands under the child alone, and is of no hazard class.
_ABOUT = (
    "SELECT s.hash, s.entry, s.received_ns FROM child_event e "
    "JOIN event s ON s.position = e.position WHERE e.node IN ({nodes}) "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One event of a node as evidence, with the hash of its bytes."""

    node: str
    life: str
    epoch: str
    seq: int
    kind: str
    alarm: str
    cause: str
    occurrence: int
    revision: int
    tag: str
    area: str
    hazard: str
    rule: str
    before: str
    after: str
    suppression: str
    priority: str
    value: float | None
    unit: str
    limit: float | None
    quality: str
    historical: bool
    test: bool
    standard: str
    clause: str
    operator: str
    comment: str
    source_ms: int
    received_ms: int
    stored_ms: int
    clock_source: str
    detail: dict[str, str | int | float | bool | None]
    prev: str
    hash: str


def listing(
    database: Database, scope: Scope, node: str, *, alarm: str, limit: int
) -> list[JournalRow]:
    """Return the last events of a node, of one alarm where one is named, the last stored first."""
    named, only = ((alarm,), "AND e.alarm = ? ") if alarm else ((), "")
    sent = scope.select(
        database,
        f"{_SENT}{only}ORDER BY e.position DESC LIMIT ?",
        node=node,
        hazard=_HAZARD,
        extra=(*named, limit),
    )
    about = scope.select(
        database,
        f"{_ABOUT}{only}ORDER BY e.position DESC LIMIT ?",
        node=node,
        extra=(*named, limit),
    )
    rows = [_row(*found) for found in (*sent, *about)]
    # Each of the two is in its order already, and stays in it.
    return sorted(rows, key=lambda row: row.stored_ms, reverse=True)[:limit]


def _row(digest: str, entry: bytes, stored_ns: int) -> JournalRow:
    event = decode_event(entry)
    return JournalRow(
        node=event.node,
        life=event.life,
        epoch=event.epoch,
        seq=event.seq,
        kind=event.kind,
        alarm=event.alarm,
        cause=event.cause,
        occurrence=event.occurrence,
        revision=event.revision,
        tag=event.tag,
        area=event.area,
        hazard=event.hazard,
        rule=event.rule,
        before=event.before,
        after=event.after,
        suppression=event.suppression,
        priority=event.priority,
        value=event.value,
        unit=event.unit,
        limit=event.limit,
        quality=event.quality,
        historical=event.historical,
        test=event.test,
        standard=event.standard,
        clause=event.clause,
        operator=event.operator,
        comment=event.comment,
        source_ms=event.source_ns // MILLISECOND,
        received_ms=event.received_ns // MILLISECOND,
        stored_ms=stored_ns // MILLISECOND,
        clock_source=event.clock_source,
        detail=event.detail,
        prev=event.prev,
        hash=digest,
    )
