"""Rows of the point list, and the trend of one point with its limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from gateway.db import Database, Row
from gateway.model import State, Suppression
from gateway.northbound.wire import InventoryRule
from gateway.supervision.tiers import CHUNK, Scope, marks
from gateway.supervision.views.alarms import MILLISECOND
from gateway.supervision.write import Write

VERDICTS = ("GOOD", "UNCERTAIN", "BAD")
REASON_BITS = 6
LEVELS = ("hh", "h", "l", "ll")
#: From the mildest to the worst, as the map and the list colour a point.
SEVERITY = (
    State.NORMAL.value,
    State.LATCHED_ACKNOWLEDGED.value,
    State.RETURNED_UNACKNOWLEDGED.value,
    State.LATCHED_UNACKNOWLEDGED.value,
    State.ACKNOWLEDGED.value,
    State.UNACKNOWLEDGED.value,
)

encode = msgspec.json.Encoder().encode
decode_rules = msgspec.json.Decoder(list[InventoryRule]).decode

_SELECT = (
    "SELECT p.node, COALESCE(n.name, p.node), p.tag, p.name, p.area, COALESCE(a.name, ''), "
    "COALESCE(a.hazard, ''), p.unit, p.low, p.high, p.interval_s, p.rules, l.last, l.quality, "
    "l.source_ns, l.received_ns, COALESCE(l.fresh, 0), COALESCE(l.stale_ns, 0), p.place "
    "FROM point p LEFT JOIN node n ON n.node = p.node "
    "LEFT JOIN area a ON a.node = p.node AND a.area = p.area "
    "LEFT JOIN latest l ON l.node = p.node AND l.tag = p.tag "
)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One alarm definition of a point."""

    rule: str
    level: str
    limit: float | None
    standard: str
    clause: str
    title_zh: str
    title_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """One point as the list shows it; quality and times are null before its first summary."""

    node: str
    node_name: str
    tag: str
    name: str
    area: str
    area_name: str
    hazard: str
    unit: str
    low: float | None
    high: float | None
    interval_s: float
    last: float | None
    quality: str | None
    source_ms: int | None
    received_ms: int | None
    fresh: bool
    limits: dict[str, float | None]
    alarm_state: str
    rules: list[RuleRow]


@dataclass(frozen=True, slots=True)
class PointChange:
    """The part of a row that changes with every summary."""

    tag: str
    last: float | None
    quality: str
    source_ms: int
    received_ms: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class PointChanges:
    """What the stream tells of a node's points."""

    node: str
    points: list[PointChange]


def verdict(quality: int) -> str:
    """Return the word for a quality byte: two bits of verdict above six of reason.

    What is no quality byte is BAD: an older program may have stored it.
    """
    word = quality >> REASON_BITS
    return VERDICTS[word] if 0 <= word < len(VERDICTS) else VERDICTS[-1]


def limits_of(rules: Iterable[InventoryRule]) -> dict[str, float | None]:
    """Return the four limits of a point, null where no rule states one."""
    stated = {rule.level.lower(): rule.limit for rule in rules}
    return {level: stated.get(level) for level in LEVELS}


def listing(database: Database, scope: Scope, *, now_ns: int) -> list[PointRow]:
    """Return the visible points, in the order their nodes list them."""
    states = _worst(database, scope)
    sql = _SELECT + "WHERE p.node IN ({nodes}) ORDER BY p.node, p.place"
    return [
        _row(row, now_ns, states.get((row[0], row[2]), State.NORMAL.value))
        for row in scope.select(database, sql)
        if scope.sees(row[0], row[6])
    ]


def one(database: Database, scope: Scope, node: str, *, tag: str, now_ns: int) -> PointRow | None:
    """Return one point, or None where the scope has none of this name."""
    sql = _SELECT + "WHERE p.node IN ({nodes}) AND p.tag = ?"
    for row in scope.select(database, sql, node=node, extra=(tag,)):
        if scope.sees(row[0], row[6]):
            return _row(row, now_ns, State.NORMAL.value)
    return None


def is_fresh(row_fresh: int, stale_ns: int, received_ns: int, now_ns: int) -> bool:
    """Return whether a value may be shown as current, by the centre's clock."""
    return bool(row_fresh) and now_ns < stale_ns and received_ns <= now_ns + 1_000 * MILLISECOND


def publish(write: Write, node: str, tags: Iterable[str]) -> None:
    """Tell the screens the last values of some points, one item per hazard class."""
    write.show("points", node, tags, show=partial(_show, write, node))


def _show(write: Write, node: str, tags: Sequence[str]) -> None:
    wanted = sorted(tags)
    rows: list[Row] = []
    # A message tells of a part of a plant; the rest of its points is not read for it.
    for start in range(0, len(wanted), CHUNK):
        piece = wanted[start : start + CHUNK]
        sql = (
            "SELECT l.tag, l.last, l.quality, l.source_ns, l.received_ns, l.fresh, l.stale_ns, "
            "COALESCE(a.hazard, '') FROM latest l "
            "LEFT JOIN point p ON p.node = l.node AND p.tag = l.tag "
            "LEFT JOIN area a ON a.node = p.node AND a.area = p.area "
            "WHERE l.node = ? AND l.tag IN ({tags})"
        )
        rows += write.execute(sql.replace("{tags}", marks(piece)), (node, *piece))
    by_hazard: dict[str, list[PointChange]] = {}
    for tag, last, quality, source_ns, received_ns, fresh, stale_ns, hazard in rows:
        by_hazard.setdefault(hazard, []).append(
            PointChange(
                tag,
                last,
                verdict(quality),
                source_ns // MILLISECOND,
                received_ns // MILLISECOND,
                is_fresh(fresh, stale_ns, received_ns, write.now_ns),
            )
        )
    for hazard, changes in by_hazard.items():
        write.publish("points", node, encode(PointChanges(node, changes)), hazard=hazard)


def _worst(database: Database, scope: Scope) -> dict[tuple[str, str], str]:
    worst: dict[tuple[str, str], str] = {}
    sql = (
        "SELECT node, tag, state, suppression FROM mirror WHERE standing = 1 AND node IN ({nodes})"
    )
    for node, tag, state, suppression in scope.select(database, sql):
        if suppression != Suppression.NONE:
            continue
        before = worst.get((node, tag), State.NORMAL.value)
        worst[node, tag] = max(before, state, key=_rank)
    return worst


def _rank(state: str) -> int:
    # A state this version does not know is shown, and ranks as the worst.
    return SEVERITY.index(state) if state in SEVERITY else len(SEVERITY)


def _row(row: Row, now_ns: int, alarm_state: str) -> PointRow:
    rules = decode_rules(row[11])
    known = row[13] is not None
    return PointRow(
        node=row[0],
        node_name=row[1],
        tag=row[2],
        name=row[3],
        area=row[4],
        area_name=row[5],
        hazard=row[6],
        unit=row[7],
        low=row[8],
        high=row[9],
        interval_s=row[10],
        last=row[12],
        quality=verdict(row[13]) if known else None,
        source_ms=row[14] // MILLISECOND if known else None,
        received_ms=row[15] // MILLISECOND if known else None,
        fresh=known and is_fresh(row[16], row[17], row[15], now_ns),
        limits=limits_of(rules),
        alarm_state=alarm_state,
        rules=[
            RuleRow(
                rule.rule,
                rule.level,
                rule.limit,
                rule.standard,
                rule.clause,
                rule.title_zh,
                rule.title_en,
            )
            for rule in rules
        ],
    )
