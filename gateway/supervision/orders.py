"""Orders to sites: made and signed here, carried out there, closed by what the site says of them.

An order states the revision its giver saw and an end; the site decides. Its status goes pending,
sent, then applied or refused by the site's own event, or expired. An event that comes after the
expiry is still the truth and replaces it. An order of a centre above for a node behind a child is
handed on as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gateway.db import Database
from gateway.identity import random_bits
from gateway.model import NANOSECONDS, Act, AlarmEvent
from gateway.northbound.signing import sign
from gateway.northbound.wire import Order
from gateway.supervision.tiers import UNKNOWN_HAZARD
from gateway.supervision.views import alarms as alarm_view
from gateway.supervision.write import Write

ALARM_ACTIONS = frozenset(
    {"acknowledge", "reset", "shelve", "unshelve", "out-of-service", "in-service"}
)
READINGS = "readings"
EXPIRES_NS = 60 * NANOSECONDS
WAITING_PER_NODE = 200
#: Counted apart, as acts are: whoever only looks never takes the place of an acknowledgement.
READINGS_PER_NODE = 20

ORIGIN_LENGTH = 64

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


def create(
    write: Write,
    node: str,
    action: str,
    *,
    operator: str,
    fields: Mapping[str, str | int],
    identity: str = "",
    expires_ns: int = 0,
) -> str:
    """Make an order, sign and journal it; return its id.

    Parameters
    ----------
    fields
        The fields of `gateway.northbound.wire.Order` that the action needs.
    identity
        Its id; a new one when none is given.
    expires_ns
        When it ends; in a minute when nothing else is said.

    Raises
    ------
    TooManyError
        The node has as many orders of this sort waiting as it may.
    """
    identity = identity or random_bits()
    order = _signed(
        write,
        msgspec.convert(
            {
                "id": identity,
                "node": node,
                "action": action,
                "operator": operator,
                "expires_ns": expires_ns or write.now_ns + EXPIRES_NS,
                **fields,
            },
            Order,
        ),
    )
    _insert(write, order, encode(order), origin="")
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
    # An act stands beside the alarm: the order that a card shows is one that would move it.
    if order.alarm and action in ALARM_ACTIONS:
        write.execute(
            "UPDATE mirror SET order_id = ? WHERE node = ? AND alarm = ?",
            (identity, node, order.alarm),
        )
    _tell(write, identity)
    return identity


def pass_down(write: Write, order: Order, body: bytes) -> None:
    """Take an order of a centre above, to be handed to the child behind which its node is.

    The bytes stay as they came: whether they are what was signed is the site's to judge. One that
    is here already, has no time left, or is for no node below is let go: its maker hears no answer
    and closes it when its time is up.

    Raises
    ------
    TooManyError
        The node has as many orders of this sort waiting as it may.
    """
    below = write.execute("SELECT via FROM node WHERE node = ?", (order.node,))
    known = write.execute("SELECT 1 FROM site_order WHERE id = ?", (order.id,))
    if known or not below or below[0][0] == order.node or order.expires_ns <= write.now_ns:
        return
    origin = order.origin[:ORIGIN_LENGTH] or "?"
    _insert(write, order, body, origin=origin)
    write.journal(
        "order",
        alarm=order.alarm,
        operator=order.operator,
        comment=order.comment,
        detail={
            "order": order.id,
            "node": order.node,
            "action": order.action,
            "origin": origin,
            "status": "pending",
        },
    )
    _tell(write, order.id)


def _signed(write: Write, order: Order) -> Order:
    """Return an order as this centre's own."""
    order = msgspec.structs.replace(order, origin=write.node)
    return sign(order, write.key) if write.key is not None else order


def _insert(write: Write, order: Order, body: bytes, *, origin: str) -> None:
    sort = _sort(order.action)
    waiting = write.execute(
        "SELECT COUNT(*) FROM site_order WHERE node = ? AND status IN ('pending', 'sent') "
        "AND CASE WHEN action = 'readings' THEN 'readings' WHEN action IN ('received', "
        "'questioned', 'urged', 'escalated', 'closed') THEN 'act' ELSE 'action' END = ?",
        (order.node, sort),
    )[0][0]
    if waiting >= (READINGS_PER_NODE if sort == READINGS else WAITING_PER_NODE):
        raise TooManyError(
            f"{order.node}: {waiting} orders wait already; let them end or expire first"
        )
    write.execute(
        "INSERT INTO site_order (id, node, action, alarm, tag, operator, status, reason, "
        "created_ns, expires_ns, closed_ns, body, origin) "
        "VALUES (?, ?, ?, ?, ?, ?, 'pending', '', ?, ?, 0, ?, ?)",
        (
            order.id,
            order.node,
            order.action,
            order.alarm,
            order.tag,
            order.operator,
            write.now_ns,
            order.expires_ns,
            body,
            origin,
        ),
    )


def _sort(action: str) -> str:
    if action == READINGS:
        return READINGS
    return "act" if action in set(Act) else "action"


def reached(database: Database, child: str) -> frozenset[str]:
    """Return the nodes whose orders go to a child: itself, and those that speak through it."""
    rows = database.execute("SELECT node FROM node WHERE via = ? AND node <> via", (child,))
    return frozenset({child, *(str(row[0]) for row in rows)})


def pending(database: Database, child: str, *, after: int, now_ns: int) -> list[Waiting]:
    """Return the orders not answered and not expired that go to a child, in their order.

    Parameters
    ----------
    after
        Number of the last order the child says it has, 0 for none.
    """
    rows = database.execute(
        "SELECT number, id, body FROM site_order "
        "WHERE (node = ? OR node IN (SELECT node FROM node WHERE via = ? AND node <> via)) "
        "AND status IN ('pending', 'sent') AND number > ? AND expires_ns > ? ORDER BY number",
        (child, child, after, now_ns),
    )
    return [Waiting(*row) for row in rows]


def number_of(database: Database, child: str, identity: str) -> int:
    """Return the number of an order id that a child names; 0 for one not of this store."""
    rows = database.execute(
        "SELECT number FROM site_order WHERE id = ? "
        "AND (node = ? OR node IN (SELECT node FROM node WHERE via = ? AND node <> via))",
        (identity, child, child),
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
    """Close an order by what its own node says; another node's word changes nothing.

    A refusal may have been that of a forged order which bore the same id: that the true one was
    applied after all replaces it.
    """
    closed = write.execute(
        "UPDATE site_order SET status = ?, reason = ?, closed_ns = ? WHERE id = ? AND node = ? "
        "AND (status IN ('pending', 'sent', 'expired') OR (status = 'refused' AND ? = 'applied')) "
        "RETURNING id",
        (result, reason, write.now_ns, identity, node, result),
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
    elif event.kind in {"order", "act"}:
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
