"""A gateway that is scrapped: from then on it is nobody's loss, and what it sent stays.

Its credential and codes end, its alarms leave the list, and the centre's alarms about it return as
those of any node that speaks here no more. It is neither listed nor counted, here and at every tier
above, which hear of it as of a link. Events, summaries and the journal stay. Paired anew it is a
gateway like any other, and tells its present state itself.
"""

from __future__ import annotations

from typing import Final

from gateway.db import Database
from gateway.model import NANOSECONDS, State, Suppression
from gateway.supervision import links, online
from gateway.supervision.views import alarms as alarm_view
from gateway.supervision.write import Write

#: As the centres above are told of its link.
RETIRED: Final = "retired"
#: `hazgate retire` asks for it by this name.
ACTION: Final = "retire"


class RetirementError(Exception):
    """A node cannot be retired here; the message says why, and what to do."""


def retire(write: Write, node: str, *, operator: str, comment: str) -> int:
    """Take a node that speaks here itself out of service; return how many of its alarms stood.

    Raises
    ------
    RetirementError
        It is not known, not this centre's own to retire, or still in service.
    """
    rows = write.execute(
        "SELECT n.via, n.retired_ns, h.link FROM node n "
        "LEFT JOIN heartbeat h ON h.node = n.node WHERE n.node = ?",
        (node,),
    )
    if not rows or rows[0][0] == node:
        raise RetirementError(f"{node} is no node of this centre; GET /api/v1/nodes lists them")
    via, retired_ns, link = rows[0]
    if retired_ns:
        raise RetirementError(f"{node} is retired already")
    if via:
        raise RetirementError(f"{node} speaks through {via}; retire it there")
    # As the watch has found it: how old a heartbeat is says nothing where the centre was away.
    if link in {"up", "late"}:
        raise RetirementError(
            f"{node} still speaks, or may; switch it off first, and wait until it is lost: "
            f"{links.LOST_NS // NANOSECONDS} s"
        )
    below = write.execute("SELECT COUNT(*) FROM node WHERE via = ? AND retired_ns = 0", (node,))
    if below[0][0]:
        raise RetirementError(
            f"{node} has {below[0][0]} node(s) behind it; retire them there, or move them first"
        )
    revoked = write.execute("DELETE FROM credential WHERE node = ? RETURNING node", (node,))
    write.execute("DELETE FROM pairing_code WHERE node = ?", (node,))
    stood = settle(write, node)
    write.journal(
        "pairing",
        operator=operator,
        comment=comment,
        detail={"node": node, "act": "retired", "revoked": len(revoked), "standing": stood},
    )
    return stood


def settle(write: Write, node: str) -> int:
    """Let a node be out of service from now on; return how many of its alarms stood."""
    write.execute(
        "UPDATE node SET retired_ns = ?, inventory = '', refused_division = '' WHERE node = ?",
        (write.now_ns, node),
    )
    for table in ("heartbeat", "latest", "point", "inventory"):
        write.execute(f"DELETE FROM {table} WHERE node = ?", (node,))  # noqa: S608 - our own names
    # Whatever it says when it comes back is new: its revisions here end with it.
    rows = write.execute(
        "UPDATE mirror SET state = ?, suppression = ?, standing = 0, revision = 0, "
        "changed_ns = ?, received_ns = ? WHERE owner = ? AND standing = 1 RETURNING node, alarm",
        (State.NORMAL, Suppression.NONE, write.now_ns, write.now_ns, node),
    )
    for under, alarm in rows:
        detail: dict[str, str | int | float | bool | None] = {"node": under, "reason": RETIRED}
        write.journal("mirror", alarm=alarm, detail=detail)
        alarm_view.publish(write, under, alarm)
    # Nobody knows from now on whether it is on line, and nobody asks.
    watched = write.execute("SELECT MAX(number) FROM watched")[0][0]
    if watched is not None:
        online.note(write, watched, [online.Change(node, write.now_ns, None)])
    write.tell_parent("nodes", node)
    write.tell_parent("present", node)
    write.publish("reset", node, b"{}")
    return len(rows)


def follow(write: Write, node: str, *, via: str, retired: bool) -> None:
    """Take from the centre below whether one of its nodes is in service."""
    if is_retired(write.database, node) == retired:
        return
    detail: dict[str, str | int | float | bool | None]
    if retired:
        stood = settle(write, node)
        detail = {"node": node, "act": RETIRED, "via": via, "standing": stood}
    else:
        write.execute("UPDATE node SET retired_ns = 0 WHERE node = ?", (node,))
        write.tell_parent("nodes", node)
        write.tell_parent("present", node)
        write.publish("reset", node, b"{}")
        detail = {"node": node, "act": "returns", "via": via}
    write.journal("relay", detail=detail)


def is_retired(database: Database, node: str) -> bool:
    """Return whether a node was taken out of service for good."""
    rows = database.execute("SELECT retired_ns FROM node WHERE node = ?", (node,))
    return bool(rows) and rows[0][0] > 0
