"""Figures of points: ten-second summaries in a ring, last values, raw readings on demand.

A summary's place in the ring follows from its time, so six hours per point are kept and nothing
need ever be deleted. How long a last value may be shown as current is decided here, when it
arrives. A newer figure replaces an older one; one that lies ahead of the child's clock, as a clock
that was wrong has left it, is replaced by any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.northbound.wire import UNREADABLE, Readings, Summary
from gateway.supervision import orders
from gateway.supervision.mirror import RefusedError
from gateway.supervision.tiers import CHUNK, marks
from gateway.supervision.views import points as point_view
from gateway.supervision.views.alarms import MILLISECOND
from gateway.supervision.write import Write

KEPT_NS = 6 * 3600 * NANOSECONDS
#: Half a summary's length: two neighbours never share a slot, however their ends jitter.
SLOT_NS = 5 * NANOSECONDS
SLOTS = KEPT_NS // SLOT_NS
#: Three summaries may be missed before a value counts as stale.
RECEIVED_FRESH_NS = 30 * NANOSECONDS
SUMMARY_NS = 10 * NANOSECONDS
SOURCE_FRESH_NS = 60 * NANOSECONDS
#: How far a figure may lie ahead of the child's clock, which is known from its last heartbeat.
AHEAD_NS = 60 * NANOSECONDS

decode_summary = msgspec.json.Decoder(Summary).decode
decode_readings = msgspec.json.Decoder(Readings).decode


@dataclass(frozen=True, slots=True)
class Trend:
    """Summaries of one point as parallel columns, oldest first."""

    t: list[int]
    min: list[float | None]
    max: list[float | None]
    mean: list[float | None]
    last: list[float | None]
    quality: list[str]


@dataclass(frozen=True, slots=True)
class RawTrend:
    """Raw readings of one point as parallel columns, oldest first."""

    t: list[int]
    v: list[float | None]
    q: list[str]
    thinned: bool


def clock_offset(database: Database, node: str) -> int:
    """Return by how much a child's clock was ahead of the centre's at its last heartbeat (ns)."""
    rows = database.execute("SELECT clock_ns - received_ns FROM heartbeat WHERE node = ?", (node,))
    return int(rows[0][0]) if rows else 0


def take_summary(write: Write, node: str, body: bytes) -> str:
    """Store a child's summary and its points' last values.

    Returns
    -------
    str
        How many points were dropped since the node's inventory has none of their names, if any.

    Raises
    ------
    RefusedError
        It is not readable, or ends well after the child's present time.
    """
    try:
        summary = decode_summary(body)
    except UNREADABLE as error:
        raise RefusedError(f"summary: not readable: {error}") from error
    offset_ns = clock_offset(write.database, node)
    ahead_ns = write.now_ns + offset_ns + AHEAD_NS
    if summary.to_ns > ahead_ns:
        raise RefusedError("summary: ends well after the node's time by its last heartbeat")
    intervals = intervals_of(write, node, [point.tag for point in summary.points])
    points = {point.tag: point for point in summary.points if point.tag in intervals}
    slot = summary.to_ns // SLOT_NS % SLOTS
    write.database.execute_many(
        "INSERT INTO summary (node, tag, slot, to_ns, last, min, max, mean, count, quality) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, tag, slot) DO UPDATE SET "
        "to_ns = excluded.to_ns, last = excluded.last, min = excluded.min, max = excluded.max, "
        "mean = excluded.mean, count = excluded.count, quality = excluded.quality "
        "WHERE excluded.to_ns > summary.to_ns OR summary.to_ns > ?",
        [
            (
                node,
                point.tag,
                slot,
                summary.to_ns,
                point.last,
                point.min,
                point.max,
                point.mean,
                point.count,
                point.quality,
                ahead_ns,
            )
            for point in points.values()
        ],
    )
    rows = []
    for point in points.values():
        allowed_s = 3 * intervals[point.tag]
        allowed_ns = SOURCE_FRESH_NS
        if math.isfinite(allowed_s):
            allowed_ns = max(int(allowed_s * NANOSECONDS), SOURCE_FRESH_NS)
        source_stale = point.source_ns - offset_ns + allowed_ns + SUMMARY_NS
        stale_ns = min(write.now_ns + RECEIVED_FRESH_NS, source_stale)
        rows.append(
            (
                node,
                point.tag,
                point.last,
                point.quality,
                point.source_ns,
                write.now_ns,
                summary.to_ns,
                stale_ns,
                int(stale_ns > write.now_ns),
                ahead_ns,
            )
        )
    write.database.execute_many(
        "INSERT INTO latest (node, tag, last, quality, source_ns, received_ns, to_ns, stale_ns, "
        "fresh) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, tag) DO UPDATE SET "
        "last = excluded.last, quality = excluded.quality, source_ns = excluded.source_ns, "
        "received_ns = excluded.received_ns, to_ns = excluded.to_ns, "
        "stale_ns = excluded.stale_ns, fresh = excluded.fresh "
        "WHERE excluded.to_ns > latest.to_ns OR latest.to_ns > ?",
        rows,
    )
    point_view.publish(write, node, points)
    write.tell_parent("summary", node, body)
    dropped = len(summary.points) - len(points)
    return f"{dropped} points dropped: not in the inventory, or there twice" if dropped else ""


def intervals_of(write: Write, node: str, tags: Sequence[str]) -> dict[str, float]:
    """Return the interval (s) of each of these tags that the node's inventory names.

    A message tells of a part of a plant; the rest of its points is not read for it.
    """
    found: dict[str, float] = {}
    for start in range(0, len(tags), CHUNK):
        piece = tags[start : start + CHUNK]
        sql = "SELECT tag, interval_s FROM point WHERE node = ? AND tag IN ({tags})"
        found.update(write.execute(sql.replace("{tags}", marks(piece)), (node, *piece)))
    return found


def take_readings(write: Write, node: str, body: bytes) -> None:
    """Keep the raw readings that answer an order, and close the order.

    Raises
    ------
    RefusedError
        They are not readable, ragged, or answer no order given to this node.
    """
    try:
        readings = decode_readings(body)
    except UNREADABLE as error:
        raise RefusedError(f"readings: not readable: {error}") from error
    if not len(readings.time_ns) == len(readings.value) == len(readings.quality):
        raise RefusedError("readings: time_ns, value and quality must be of one length")
    asked = write.execute(
        "SELECT tag FROM site_order WHERE id = ? AND node = ? AND action = 'readings'",
        (readings.order, node),
    )
    if not asked or asked[0][0] != readings.tag:
        raise RefusedError(
            f"readings: no order {readings.order} asked this node for {readings.tag}"
        )
    write.execute(
        "INSERT INTO raw_answer (node, tag, order_id, answered_ns, body) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (node, tag) DO UPDATE SET order_id = excluded.order_id, "
        "answered_ns = excluded.answered_ns, body = excluded.body",
        (node, readings.tag, readings.order, write.now_ns, body),
    )
    orders.close(write, node, readings.order, result="applied", reason="")
    hazard = write.execute(
        "SELECT COALESCE(MAX(a.hazard), '') FROM point p JOIN area a ON a.node = p.node "
        "AND a.area = p.area WHERE p.node = ? AND p.tag = ?",
        (node, readings.tag),
    )[0][0]
    told = msgspec.json.encode({"node": node, "tag": readings.tag})
    write.publish("readings", node, told, hazard=hazard)


def trend(database: Database, node: str, tag: str, *, from_ns: int, now_ns: int) -> Trend:
    """Return the summaries of a point that end between two instants of the child's clock."""
    rows = database.execute(
        "SELECT to_ns, min, max, mean, last, quality FROM summary WHERE node = ? AND tag = ? "
        "AND to_ns > ? AND to_ns <= ? ORDER BY to_ns",
        (node, tag, from_ns, now_ns + AHEAD_NS),
    )
    return Trend(
        [row[0] // MILLISECOND for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
        [row[4] for row in rows],
        [point_view.verdict(row[5]) for row in rows],
    )


def raw(database: Database, node: str, tag: str, *, from_ns: int) -> tuple[RawTrend, int] | None:
    """Return the last raw answer for a point and when it came, or None where there is none."""
    rows = database.execute(
        "SELECT body, answered_ns FROM raw_answer WHERE node = ? AND tag = ?", (node, tag)
    )
    if not rows:
        return None
    readings = decode_readings(rows[0][0])
    taken = [
        (time_ns // MILLISECOND, value, point_view.verdict(quality))
        for time_ns, value, quality in zip(
            readings.time_ns, readings.value, readings.quality, strict=True
        )
        if time_ns > from_ns
    ]
    columns = RawTrend(
        [row[0] for row in taken],
        [row[1] for row in taken],
        [row[2] for row in taken],
        readings.thinned,
    )
    return columns, int(rows[0][1])
