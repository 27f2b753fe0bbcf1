"""Rows of the copies that departments were sent: who was told of what, and who has answered."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.db import Database, Row
from gateway.supervision.tiers import Scope
from gateway.supervision.views.alarms import MILLISECOND
from gateway.supervision.write import Write

encode = msgspec.json.Encoder().encode

_SELECT = (
    "SELECT c.id, c.node, COALESCE(n.name, c.node), COALESCE(n.enterprise, ''), c.alarm, c.tag, "
    "c.rule, c.hazard, c.priority, c.occurrence, c.department, COALESCE(d.name, c.department), "
    "c.sent_by, c.made_ns, c.due_ns, c.receipt_ns, c.account, c.comment, c.escalated_ns, "
    "c.escalated_to, COALESCE(m.standing, 0) FROM copy c LEFT JOIN node n ON n.node = c.node "
    "LEFT JOIN department d ON d.department = c.department "
    "LEFT JOIN mirror m ON m.node = c.node AND m.alarm = c.alarm AND m.life = c.life "
    "AND m.occurrence = c.occurrence "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRow:
    """One copy; times are null for what has not happened.

    `sent_by` is the department from which it was escalated, empty for the first; `standing` says
    whether the occurrence it tells of still stands.
    """

    id: str
    node: str
    node_name: str
    enterprise: str
    alarm: str
    tag: str
    rule: str
    hazard: str
    priority: str
    occurrence: int
    department: str
    department_name: str
    sent_by: str
    made_ms: int
    due_ms: int
    receipt_ms: int | None
    account: str
    comment: str
    escalated_ms: int | None
    escalated_to: str
    standing: bool


def listing(
    database: Database, scope: Scope, *, department: str, owed: bool, limit: int
) -> list[CopyRow]:
    """Return copies of visible alarms, the last made first.

    Parameters
    ----------
    department
        Only its copies; empty for everybody's.
    owed
        Only those without a receipt.
    """
    sql = _SELECT + "WHERE c.node IN ({nodes}) AND {hazards} "
    named: tuple[str | int, ...] = (limit,)
    if department:
        sql, named = sql + "AND c.department = ? ", (department, limit)
    if owed:
        sql += "AND c.receipt_ns = 0 "
    found = scope.select(
        database, sql + "ORDER BY c.number DESC LIMIT ?", hazard="c.hazard", extra=named
    )
    return sorted((_row(row) for row in found), key=lambda row: row.made_ms, reverse=True)[:limit]


def one(database: Database, identity: str) -> CopyRow | None:
    """Return one copy, or None where there is none of this id."""
    rows = database.execute(_SELECT + "WHERE c.id = ?", (identity,))
    return _row(rows[0]) if rows else None


def publish(write: Write, identity: str) -> None:
    """Tell the screens how a copy stands now."""
    row = one(write.database, identity)
    if row is not None:
        write.publish("copy", row.node, encode(row), hazard=row.hazard)


def _row(row: Row) -> CopyRow:
    return CopyRow(
        id=row[0],
        node=row[1],
        node_name=row[2],
        enterprise=row[3],
        alarm=row[4],
        tag=row[5],
        rule=row[6],
        hazard=row[7],
        priority=row[8],
        occurrence=row[9],
        department=row[10],
        department_name=row[11],
        sent_by=row[12],
        made_ms=row[13] // MILLISECOND,
        due_ms=row[14] // MILLISECOND,
        receipt_ms=row[15] // MILLISECOND if row[15] else None,
        account=row[16],
        comment=row[17],
        escalated_ms=row[18] // MILLISECOND if row[18] else None,
        escalated_to=row[19],
        standing=bool(row[20]),
    )
