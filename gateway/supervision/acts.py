"""Acts of the tiers about an alarm: received, questioned, urged, escalated, closed.

They stand beside the alarm and move nothing. An act comes to be known here in one of two ways: by
an event of the centre that made it, which travels up, or by the event in which the site notes it,
which travels to everybody. Both name the maker and the id of the act, so it is kept once.

A site is believed that a tier above did what it notes where the order passed here on its way down.
Else the act is shown as what that site says, until the maker's own word comes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.db import Database
from gateway.model import Act, AlarmEvent
from gateway.northbound.wire import Order
from gateway.supervision import mirror
from gateway.supervision.views import alarms as alarm_view
from gateway.supervision.write import Write

KNOWN: Final = frozenset(act.value for act in Act)

decode_order = msgspec.json.Decoder(Order).decode


def learn(write: Write, event: AlarmEvent) -> None:
    """Keep the act that an event tells of, if it tells of one and its teller may.

    Raises
    ------
    RefusedError
        A gateway tells of an act about another node.
    """
    if event.kind != "act":
        return
    detail = event.detail
    told_by_centre = "node" in detail
    node = str(detail["node"]) if told_by_centre else event.node
    mirror.vouch(write, event, node)
    origin = event.node if told_by_centre else str(detail.get("origin", ""))
    if origin == write.node != event.node:
        # What this centre did it has kept itself: a site that says more of it is not believed.
        return
    identity, act = str(detail.get("order", "")), str(detail.get("action", ""))
    if not (identity and origin) or act not in KNOWN:
        return
    if told_by_centre and not _is_above(write.database, event.node, node):
        return
    # An order to this centre itself was seen to be signed when it was carried out.
    proved = told_by_centre or event.node in {origin, write.node} or _passed(write, event)
    teller = "" if proved else event.node
    # Compared only within one life, as its occurrences are.
    rows = write.execute(
        "SELECT life FROM mirror WHERE node = ? AND alarm = ?", (node, event.alarm)
    )
    life = event.life if not told_by_centre else str(rows[0][0]) if rows else ""
    kept = write.execute(
        "INSERT INTO act (id, origin, node, alarm, occurrence, life, act, account, comment, "
        "made_ns, teller) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (origin, id, teller) DO NOTHING RETURNING number",
        (
            identity,
            origin,
            node,
            event.alarm,
            event.occurrence,
            life,
            act,
            event.operator,
            event.comment,
            event.source_ns,
            teller,
        ),
    )
    if kept:
        alarm_view.publish(write, node, event.alarm)


def _passed(write: Write, event: AlarmEvent) -> bool:
    """Whether what a site notes is what an order says that came from above and passed here."""
    detail = event.detail
    rows = write.execute(
        "SELECT body FROM site_order WHERE id = ? AND node = ? AND origin = ?",
        (str(detail["order"]), event.node, str(detail["origin"])),
    )
    if not rows:
        return False
    order = decode_order(bytes(rows[0][0]))
    told = (order.action, order.alarm, max(0, order.occurrence), order.operator, order.comment)
    noted = (event.alarm, event.occurrence, event.operator, event.comment)
    return told == (detail["action"], *noted)


def _is_above(database: Database, centre: str, node: str) -> bool:
    """Whether a centre stands between here and a node, or is this one: it speaks of its own."""
    rows = database.execute("SELECT node, via FROM node WHERE node IN (?, ?)", (centre, node))
    ways = {str(row[0]): str(row[1]) for row in rows}
    if node not in ways or centre not in ways:
        return False
    if centre in {node, ways[centre]}:
        return True
    # One way leads to both: that centre itself, or the child through which both speak.
    return ways[node] == (ways[centre] or centre)
