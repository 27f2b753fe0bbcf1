"""Rows of the gateway list: how each node is doing, and up to when its story is complete.

What is published counts all hazard classes; a department gets the row with its own counts only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from gateway.db import Database, Row
from gateway.model import NANOSECONDS
from gateway.supervision import links, sequence
from gateway.supervision.tiers import Scope
from gateway.supervision.views.alarms import MILLISECOND
from gateway.supervision.write import Write

#: A clock further off than this is a trouble of its own: source times cannot be compared.
CLOCK_TROUBLE_NS = 5 * NANOSECONDS

encode = msgspec.json.Encoder().encode
decode_words = msgspec.json.Decoder(list[str]).decode

_SELECT = (
    "SELECT n.node, n.name, n.enterprise, n.division, n.grid, n.fork, n.refused_division, "
    "h.life, h.last_seq, h.lag, h.coverage, h.clock_ns, h.version, h.trouble, h.received_ns, "
    "n.via, h.told, h.behind, h.beat_ns, COALESCE(d.responsible, ''), COALESCE(d.telephone, ''), "
    "h.link, n.rewritten "
    "FROM node n LEFT JOIN heartbeat h ON h.node = n.node "
    "LEFT JOIN division d ON d.code = n.grid AND d.parent = n.division "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """One gateway as the list shows it; times are null for one that never spoke.

    `via` is the child centre through which it speaks, `behind` the lost one behind which its state
    is unknown; `responsible` answers for its grid cell.
    """

    node: str
    name: str
    enterprise: str
    division: str
    grid: str
    link: str
    heartbeat_ms: int | None
    lag: int | None
    coverage: float | None
    clock_offset_ms: int | None
    complete_to_ms: int | None
    gaps: list[list[int]]
    fork: str
    version: str
    trouble: list[str]
    points: int
    standing: int
    via: str = ""
    behind: str = ""
    responsible: str = ""
    telephone: str = ""
    #: What this centre may order of the site's alarms; null where the site does not say.
    delegated: list[str] | None = None
    #: Of lives before the present one: life, first and last missing number.
    earlier_gaps: list[tuple[str, int, int]] = field(default_factory=list)


decode_row = msgspec.json.Decoder(NodeRow).decode


def listing(database: Database, scope: Scope, *, now_ns: int) -> list[NodeRow]:
    """Return the visible nodes by name."""
    # The centre's own row, which its alarms stand under, is no gateway.
    sql = _SELECT + "WHERE n.via <> n.node AND n.retired_ns = 0 AND n.node IN ({nodes})"
    rows = [_row(database, row, now_ns, scope=scope) for row in scope.select(database, sql)]
    return sorted(rows, key=lambda row: (row.name, row.node))


def one(database: Database, node: str, *, now_ns: int) -> NodeRow | None:
    """Return one node, or None where there is none of this id."""
    rows = database.execute(
        _SELECT + "WHERE n.via <> n.node AND n.retired_ns = 0 AND n.node = ?", (node,)
    )
    scope = Scope(frozenset({node}), frozenset())
    return _row(database, rows[0], now_ns, scope=scope) if rows else None


def publish(write: Write, node: str) -> None:
    """Tell the screens how a node is doing at the end of this transaction."""
    write.show("node", node, show=lambda _: _show(write, node))


def _show(write: Write, node: str) -> None:
    row = one(write.database, node, now_ns=write.now_ns)
    if row is not None:
        write.publish("node", node, encode(row))


def narrowed(database: Database, body: bytes, scope: Scope) -> bytes:
    """Return a published row with the counts that a department may know."""
    row = decode_row(body)
    points, standing = _counts(database, row.node, scope)
    return encode(replace(row, points=points, standing=standing))


def _counts(database: Database, node: str, scope: Scope) -> tuple[int, int]:
    """Return how many points a node has, and how many standing alarms, of the classes in scope."""
    points = scope.select(
        database,
        "SELECT COUNT(*) FROM point p LEFT JOIN area a ON a.node = p.node AND a.area = p.area "
        "WHERE p.node IN ({nodes}) AND {hazards}",
        node=node,
        hazard="COALESCE(a.hazard, '')",
    )
    standing = scope.select(
        database,
        "SELECT COUNT(*) FROM mirror m WHERE m.standing = 1 AND m.node IN ({nodes}) AND {hazards}",
        node=node,
        hazard="m.hazard",
    )
    return sum(row[0] for row in points), sum(row[0] for row in standing)


def _row(database: Database, row: Row, now_ns: int, *, scope: Scope) -> NodeRow:
    node, heard_ns = row[0], row[14]
    via, told = row[15], row[16] or ""
    link = links.shown(row[21], heard_ns, now_ns, told=told)
    # Before its first heartbeat a node is judged by the life that its intake named.
    life = row[7] or sequence.current_life(database, node)
    last_seq, lag = row[8] or 0, row[9] if row[9] is not None else -1
    complete = sequence.complete_ns(
        database, node, life, last_seq=last_seq, lag=lag, clock_ns=row[18] or 0
    )
    missing = sequence.gaps(database, node, life, last_seq=last_seq)
    offset_ns = None if heard_ns is None else row[11] - heard_ns
    trouble = decode_words(row[13]) if row[13] else []
    if row[5]:
        trouble.append(f"fork: {row[5]}")
    if row[22]:
        trouble.append(f"journal: {row[22]}")
    if row[6]:
        trouble.append(f"division: claims {row[6]}, is assigned to {row[3]}")
    if offset_ns is not None and abs(offset_ns) > CLOCK_TROUBLE_NS:
        trouble.append(f"clock: off by {offset_ns / NANOSECONDS:.1f} s")
    points, standing = _counts(database, node, scope)
    return NodeRow(
        node=node,
        name=row[1],
        enterprise=row[2],
        division=row[3],
        grid=row[4],
        link=link,
        heartbeat_ms=None if heard_ns is None else heard_ns // MILLISECOND,
        lag=row[9],
        coverage=row[10],
        clock_offset_ms=None if offset_ns is None else offset_ns // MILLISECOND,
        complete_to_ms=complete // MILLISECOND if complete else None,
        gaps=missing,
        earlier_gaps=sequence.earlier_gaps(database, node, life),
        fork=row[5] or row[22],
        version=row[12] or "",
        trouble=trouble,
        points=points,
        standing=standing,
        via=via,
        behind=links.behind(via, link, told=told, named=row[17] or "") if via else "",
        responsible=row[19],
        telephone=row[20],
        delegated=may_order(database, node),
    )


def may_order(database: Database, node: str) -> list[str] | None:
    """Return what a site has delegated to this centre; None where it does not say."""
    rows = database.execute("SELECT delegated FROM node WHERE node = ?", (node,))
    return decode_words(rows[0][0]) if rows and rows[0][0] else None
