"""Orders to children: made here, carried out there, and closed by what the child says of them.

An order states the revision its giver saw and an end; the child decides. Its status goes pending,
sent, then applied or refused by the child's own event, or expired. An event that comes after the
expiry is still the truth and replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.db import Database
from gateway.identity import random_bits
from gateway.model import NANOSECONDS, AlarmEvent
from gateway.northbound.wire import Order
from gateway.supervision.store import Write
from gateway.supervision.tiers import UNKNOWN_HAZARD
from gateway.supervision.views import alarms as alarm_view

ALARM_ACTIONS = ("acknowledge", "reset", "shelve", "unshelve")
READINGS = "readings"
EXPIRES_NS = 60 * NANOSECONDS
WAITING_PER_NODE = 200
#: Counted apart: whoever only looks never takes the place of an acknowledgement.
READINGS_PER_NODE = 20

encode = msgspec.json.Encoder().encode


class TooManyError(Exception):
    """A node has as many waiting orders of a sort as it may have."""


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What the stream tells of an order."""

    order: str
    node: str
    alarm: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order on its way to the child."""

    number: int
    id: str
    body: bytes


def create(write: Write, node: str, *, action: str, operator: str, **fields: str | int) -> str:
    """Make an order and journal it; return its id.

    Parameters
    ----------
    fields
        The fields of `gateway.northbound.wire.Order` that the action needs.

    Raises
    ------
    TooManyError
        The node has as many orders waiting as it may: `READINGS_PER_NODE` for readings,
        `WAITING_PER_NODE` for alarms.
    """
    looks = action == READINGS
    waiting = write.execute(
        "SELECT COUNT(*) FROM site_order WHERE node = ? AND status IN ('pending', 'sent') "
        "AND CASE action WHEN ? THEN 1 ELSE 0 END = ?",
        (node, READINGS, int(looks)),
    )[0][0]
    if waiting >= (READINGS_PER_NODE if looks else WAITING_PER_NODE):
        raise TooManyError(f"{node}: {waiting} orders wait already; let them end or expire first")
    identity = random_bits()
    order = msgspec.convert(
        {
            "id": identity,
            "action": action,
            "operator": operator,
            "expires_ns": write.now_ns + EXPIRES_NS,
            **fields,
        },
        Order,
    )
    write.execute(
        "INSERT INTO site_order (id, node, action, alarm, tag, operator, status, reason, "
        "created_ns, expires_ns, closed_ns, body) "
        "VALUES (?, ?, ?, ?, ?, ?, 'pending', '', ?, ?, 0, ?)",
        (
            identity,
            node,
            action,
            order.alarm,
            order.tag,
            operator,
            write.now_ns,
            order.expires_ns,
            encode(order),
        ),
    )
    write.journal(
        "order",
        alarm=order.alarm,
        operator=operator,
        comment=order.comment,
        detail={
            "order": identity,
            "node": node,
            "action": action,
            "revision": order.revision,
            "tag": order.tag,
            "status": "pending",
        },
    )
    if order.alarm:
        write.execute(
            "UPDATE mirror SET order_id = ? WHERE node = ? AND alarm = ?",
            (identity, node, order.alarm),
        )
    _tell(write, identity)
    return identity


def pending(database: Database, node: str, *, after: int, now_ns: int) -> list[Waiting]:
    """Return the orders a child has not answered and that have not expired, in their order.

    Parameters
    ----------
    after
        Number of the last order the child says it has, 0 for none.
    """
    rows = database.execute(
        "SELECT number, id, body FROM site_order WHERE node = ? "
        "AND status IN ('pending', 'sent') AND number > ? AND expires_ns > ? ORDER BY number",
        (node, after, now_ns),
    )
    return [Waiting(*row) for row in rows]


def number_of(database: Database, node: str, identity: str) -> int:
    """Return the number of an order id that a child names; 0 for one not of this store."""
    rows = database.execute(
        "SELECT number FROM site_order WHERE id = ? AND node = ?", (identity, node)
    )
    return int(rows[0][0]) if rows else 0


def mark_sent(write: Write, waiting: list[Waiting]) -> None:
    """Note that orders were written to the child's stream."""
    for order in waiting:
        moved = write.execute(
            "UPDATE site_order SET status = 'sent' WHERE id = ? AND status = 'pending' "
            "RETURNING id",
            (order.id,),
        )
        if moved:
            _tell(write, order.id)


def close(write: Write, node: str, identity: str, *, result: str, reason: str) -> None:
    """Close an order by what its own child says; another node's word changes nothing."""
    closed = write.execute(
        "UPDATE site_order SET status = ?, reason = ?, closed_ns = ? WHERE id = ? AND node = ? "
        "AND status IN ('pending', 'sent', 'expired') RETURNING id",
        (result, reason, write.now_ns, identity, node),
    )
    if closed:
        if result == "applied":
            write.execute("UPDATE mirror SET order_id = '' WHERE order_id = ?", (identity,))
        _tell(write, identity)


def close_by_event(write: Write, event: AlarmEvent) -> None:
    """Close the order that an event of the child names in its detail, if it names one."""
    identity = event.detail.get("order")
    if not isinstance(identity, str) or not identity:
        return
    if event.kind == "alarm":
        close(write, event.node, identity, result="applied", reason="")
    elif event.kind == "order":
        result = "applied" if event.detail.get("result") == "applied" else "refused"
        reason = event.detail.get("reason") or event.comment
        close(write, event.node, identity, result=result, reason=str(reason))


def expire(write: Write) -> None:
    """Close the orders whose time has run out."""
    rows = write.execute(
        "UPDATE site_order SET status = 'expired', closed_ns = ?, reason = 'no answer in time' "
        "WHERE status IN ('pending', 'sent') AND expires_ns <= ? RETURNING id, node, alarm",
        (write.now_ns, write.now_ns),
    )
    for identity, node, alarm in rows:
        write.journal(
            "order", alarm=alarm, detail={"order": identity, "node": node, "status": "expired"}
        )
        _tell(write, identity)


def due(database: Database, *, now_ns: int) -> bool:
    """Return whether an order's time has run out."""
    return bool(
        database.execute(
            "SELECT 1 FROM site_order WHERE status IN ('pending', 'sent') AND expires_ns <= ? "
            "LIMIT 1",
            (now_ns,),
        )
    )


def _tell(write: Write, identity: str) -> None:
    node, alarm, tag, status, reason = write.execute(
        "SELECT node, alarm, tag, status, reason FROM site_order WHERE id = ?", (identity,)
    )[0]
    hazards = write.execute(
        "SELECT hazard FROM mirror WHERE node = ? AND alarm = ? UNION ALL "
        "SELECT a.hazard FROM point p JOIN area a ON a.node = p.node AND a.area = p.area "
        "WHERE p.node = ? AND p.tag = ?",
        (node, alarm, node, tag),
    )
    told = OrderChange(identity, node, alarm, status, reason)
    write.publish("order", node, encode(told), hazard=hazards[0][0] if hazards else UNKNOWN_HAZARD)
    if alarm:
        alarm_view.publish(write, node, alarm)
