"""Copies of alarms for the departments in charge, their receipts, and who hears of it without one.

A copy is made in the transaction in which an alarm comes to stand, or in which its rise arrives
after what followed it, within a day: one per occurrence and department, whatever the alarm does
then. It is owed
until an account of that department gives its receipt, also where the alarm has ended before. When
the receipt is due and has not come, the next step of the route is sent a copy of its own; the last
may be the tier above, which hears of it by an alarm of this centre about the node
(`receipt_overdue`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from gateway.db import Database
from gateway.identity import random_bits
from gateway.model import NANOSECONDS, AlarmEvent, Cause
from gateway.supervision.departments import EVERY, PARENT, RANKS
from gateway.supervision.tiers import marks
from gateway.supervision.views import copies as view
from gateway.supervision.write import Write

#: An alarm about receipts would ask for receipts of its own.
NEVER_COPIED = {"receipt_overdue"}
#: What rose longer ago and is over is history: a new tier is told years of it.
HISTORY_NS = 24 * 3600 * NANOSECONDS
#: More are escalated at the next look.
AT_ONCE = 500

OVERDUE = (
    "SELECT node, COUNT(*) FROM copy WHERE escalated_to = ? AND receipt_ns = 0 "
    "AND escalated_ns > 0 GROUP BY node"
)
_ROUTES = (
    "SELECT department, receipt_ns, steps FROM route WHERE hazard IN (?, ?) AND rank <= ? "
    "AND division IN ({above}) ORDER BY receipt_ns DESC, number DESC"
)


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """What a copy tells of."""

    node: str
    alarm: str
    life: str
    number: int
    hazard: str
    priority: str
    tag: str
    rule: str


def send_late(write: Write, event: AlarmEvent, node: str) -> None:
    """Copy an alarm whose rise arrives after what followed it, where it is no history yet."""
    if write.now_ns - (event.source_ns or event.received_ns) <= HISTORY_NS:
        send(write, event, node, stood=False)


def send(write: Write, event: AlarmEvent, node: str, *, stood: bool) -> None:
    """Copy an alarm that stands to the departments that its routes name, each once.

    Parameters
    ----------
    node
        Under which the alarm stands.
    stood
        Whether it stood before this event: what a new life carries on is no new occurrence.
    """
    carried = event.cause == Cause.CARRY and stood
    if event.test or event.historical or carried or event.rule in NEVER_COPIED:
        return
    if not write.execute("SELECT 1 FROM route LIMIT 1"):
        return
    above = _above(write, node)
    rank = RANKS.get(event.priority, max(RANKS.values()))
    rows = write.execute(
        _ROUTES.replace("{above}", marks(above)),
        (EVERY, event.hazard or EVERY, rank, *above),
    )
    occurrence = _Occurrence(
        node,
        event.alarm,
        event.life,
        event.occurrence,
        event.hazard,
        event.priority,
        event.tag,
        event.rule,
    )
    # Of two routes to one department the shorter counts.
    for department, (receipt_ns, steps) in sorted({row[0]: row[1:] for row in rows}.items()):
        _insert(write, occurrence, department, receipt_ns=receipt_ns, steps=json.loads(steps))


def due(database: Database, *, now_ns: int) -> bool:
    """Return whether a receipt is due and has not come."""
    sql = "SELECT 1 FROM copy WHERE receipt_ns = 0 AND escalated_ns = 0 AND due_ns <= ? LIMIT 1"
    return bool(database.execute(sql, (now_ns,)))


def escalate(write: Write) -> None:
    """Let the next step hear of every copy whose receipt is due."""
    rows = write.execute(
        "SELECT id, node, alarm, life, occurrence, hazard, priority, tag, rule, department, "
        "receipt_allowed_ns, steps FROM copy WHERE receipt_ns = 0 AND escalated_ns = 0 "
        "AND due_ns <= ? ORDER BY number LIMIT ?",
        (write.now_ns, AT_ONCE),
    )
    for identity, *described, department, receipt_ns, text in rows:
        occurrence = _Occurrence(*described)
        steps = json.loads(text)
        step = steps[0] if steps else ""
        write.execute(
            "UPDATE copy SET escalated_ns = ?, escalated_to = ? WHERE id = ?",
            (write.now_ns, step, identity),
        )
        told = {"department": department, "to": step or "nobody"}
        _journal(write, "escalated", identity, occurrence.alarm, **told)
        if step and step != PARENT:
            _insert(
                write,
                occurrence,
                step,
                receipt_ns=receipt_ns,
                steps=steps[1:],
                sent_by=department,
            )
        view.publish(write, identity)


def receive(write: Write, identity: str, *, account: str, comment: str) -> bool:
    """Note the receipt of a copy; return False where it was given before."""
    rows = write.execute(
        "UPDATE copy SET receipt_ns = ?, account = ?, comment = ? WHERE id = ? AND receipt_ns = 0 "
        "RETURNING alarm, department",
        (write.now_ns, account, comment, identity),
    )
    for alarm, department in rows:
        _journal(
            write, "received", identity, alarm, operator=account, comment=comment,
            department=department,
        )  # fmt: skip
        view.publish(write, identity)
    return bool(rows)


def overdue(database: Database) -> dict[str, int]:
    """Return, by node, the copies that have reached the tier above and are still owed."""
    rows = database.execute(OVERDUE, (PARENT,))
    return {row[0]: row[1] for row in rows}


def _above(write: Write, node: str) -> tuple[str, ...]:
    """Return the divisions in which a node stands: its own, the grid cell, and all above."""
    rows = write.execute(
        "WITH RECURSIVE above (code) AS ("
        "SELECT division FROM node WHERE node = ? UNION "
        "SELECT n.grid FROM node n JOIN division d ON d.code = n.grid AND d.parent = n.division "
        "WHERE n.node = ? UNION "
        "SELECT d.parent FROM division d JOIN above a ON d.code = a.code "
        "WHERE d.parent <> '' AND d.valid_from_ns <= ? AND d.valid_to_ns > ?) "
        "SELECT code FROM above",
        (node, node, write.now_ns, write.now_ns),
    )
    return tuple(row[0] for row in rows)


def _insert(
    write: Write,
    occurrence: _Occurrence,
    department: str,
    *,
    receipt_ns: int,
    steps: list[str],
    sent_by: str = "",
) -> None:
    identity = random_bits()
    node, alarm = occurrence.node, occurrence.alarm
    made = write.execute(
        "INSERT INTO copy (id, node, alarm, life, occurrence, department, hazard, priority, tag, "
        "rule, made_ns, due_ns, receipt_allowed_ns, steps, sent_by, receipt_ns, account, comment, "
        "escalated_ns, escalated_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', "
        "'', 0, '') ON CONFLICT (node, alarm, life, occurrence, department) DO NOTHING "
        "RETURNING id",
        (
            identity,
            node,
            alarm,
            occurrence.life,
            occurrence.number,
            department,
            occurrence.hazard,
            occurrence.priority,
            occurrence.tag,
            occurrence.rule,
            write.now_ns,
            write.now_ns + receipt_ns,
            receipt_ns,
            json.dumps(steps),
            sent_by,
        ),
    )
    if made:
        _journal(write, "sent", identity, alarm, department=department, sent_by=sent_by)
        view.publish(write, identity)


def _journal(
    write: Write,
    step: str,
    identity: str,
    alarm: str,
    *,
    operator: str = "",
    comment: str = "",
    **detail: str,
) -> None:
    write.journal(
        "copy",
        alarm=alarm,
        operator=operator,
        comment=comment,
        detail={"copy": identity, "step": step, **detail},
    )
