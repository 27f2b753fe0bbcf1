"""Rows of the alarm list: one per alarm of a node, with all that a card shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from gateway.alarms.definitions import Level
from gateway.db import Database, Row
from gateway.model import decode_event
from gateway.supervision import child_rules, links
from gateway.supervision.tiers import CHUNK, Scope, marks
from gateway.supervision.views import acts
from gateway.supervision.views.acts import ActRow
from gateway.supervision.write import Write

MILLISECOND = 1_000_000

encode = msgspec.json.Encoder().encode

_SELECT = (
    "SELECT m.node, COALESCE(n.name, m.node), COALESCE(n.enterprise, ''), m.alarm, m.tag, "
    "COALESCE(p.name, ''), m.area, COALESCE(a.name, ''), m.hazard, m.rule, COALESCE(r.level, ''), "
    "COALESCE(r.title_zh, ''), COALESCE(r.title_en, ''), m.state, m.suppression, m.priority, "
    "m.occurrence, m.revision, m.raised_ns, m.changed_ns, m.received_ns, m.value, m.quality, "
    "m.entry, o.id, o.status, h.received_ns, h.told, n.via, COALESCE(d.responsible, ''), "
    "COALESCE(d.telephone, ''), h.link, m.life, "
    "(SELECT COUNT(*) FROM act x WHERE x.node = m.node AND x.alarm = m.alarm "
    "AND x.occurrence = m.occurrence AND x.life = m.life) "
    "FROM mirror m LEFT JOIN node n ON n.node = m.node "
    "LEFT JOIN point p ON p.node = m.node AND p.tag = m.tag "
    "LEFT JOIN area a ON a.node = m.node AND a.area = m.area "
    "LEFT JOIN rule r ON r.node = m.node AND r.alarm = m.alarm "
    "LEFT JOIN site_order o ON o.id = m.order_id "
    "LEFT JOIN heartbeat h ON h.node = m.node "
    "LEFT JOIN division d ON d.code = n.grid AND d.parent = n.division "
)


@dataclass(frozen=True, slots=True)
class OrderState:
    """The last order about an alarm."""

    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A point that an anomaly owes to: its share, and how far it is off, standard deviations."""

    tag: str
    share: float
    offset: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """One alarm as a card shows it."""

    node: str
    node_name: str
    enterprise: str
    alarm: str
    tag: str
    point_name: str
    area: str
    area_name: str
    hazard: str
    rule: str
    level: str
    title_zh: str
    title_en: str
    state: str
    suppression: str
    priority: str
    occurrence: int
    revision: int
    raised_ms: int
    changed_ms: int
    received_ms: int
    value: float | None
    unit: str
    limit: float | None
    quality: str
    historical: bool
    test: bool
    predicted_ms: int | None
    contributions: tuple[Owed, ...]
    standard: str
    clause: str
    operator: str
    comment: str
    link: str
    order: OrderState | None
    acts: tuple[ActRow, ...]
    #: Through which child centre it came, and who answers for the grid cell.
    via: str = ""
    responsible: str = ""
    telephone: str = ""


def standing(database: Database, scope: Scope, *, now_ns: int, limit: int) -> list[AlarmRow]:
    """Return the alarms that are not normal or are suppressed, the last raised first."""
    sql = (
        _SELECT + "WHERE m.standing = 1 AND m.node IN ({nodes}) AND {hazards} "
        "ORDER BY m.raised_ns DESC, m.alarm DESC LIMIT ?"
    )
    found = _rows(database, scope, sql, now_ns=now_ns, limit=limit)
    return sorted(found, key=lambda row: (row.raised_ms, row.alarm), reverse=True)[:limit]


def history(database: Database, scope: Scope, *, now_ns: int, limit: int) -> list[AlarmRow]:
    """Return alarms that ever moved, normal ones included, the last changed first."""
    sql = _SELECT + "WHERE m.node IN ({nodes}) AND {hazards} ORDER BY m.changed_ns DESC LIMIT ?"
    found = _rows(database, scope, sql, now_ns=now_ns, limit=limit)
    return sorted(found, key=lambda row: row.changed_ms, reverse=True)[:limit]


def one(database: Database, node: str, alarm: str, *, now_ns: int) -> AlarmRow | None:
    """Return one alarm, or None where the mirror has none of this name."""
    rows = database.execute(_SELECT + "WHERE m.node = ? AND m.alarm = ?", (node, alarm))
    return _row(database, rows[0], now_ns) if rows else None


def publish(write: Write, node: str, alarm: str) -> None:
    """Tell the screens how an alarm stands at the end of this transaction."""
    write.show("alarm", node, (alarm,), show=partial(_show, write, node))


def _show(write: Write, node: str, alarms: Sequence[str]) -> None:
    for start in range(0, len(alarms), CHUNK):
        piece = alarms[start : start + CHUNK]
        found = write.execute(
            _SELECT + f"WHERE m.node = ? AND m.alarm IN ({marks(piece)})", (node, *piece)
        )
        rows = {row[3]: row for row in found}
        for alarm in piece:
            if alarm in rows:
                shown = _row(write.database, rows[alarm], write.now_ns)
                write.publish("alarm", node, encode(shown), hazard=shown.hazard)


def _rows(database: Database, scope: Scope, sql: str, *, now_ns: int, limit: int) -> list[AlarmRow]:
    found = scope.select(database, sql, hazard="m.hazard", extra=(limit,))
    return [_row(database, row, now_ns) for row in found]


def _row(database: Database, row: Row, now_ns: int) -> AlarmRow:
    event = decode_event(row[23])
    # No inventory lists the alarms that a centre raises about a child.
    about_child = child_rules.is_own(row[3], row[4], row[9])
    titles = child_rules.titles(row[3], row[4], row[9]) if about_child else None
    title_zh, title_en = titles or (row[11], row[12])
    return AlarmRow(
        node=row[0],
        node_name=row[1],
        enterprise=row[2],
        alarm=row[3],
        tag=row[4],
        point_name=row[5],
        area=row[6],
        area_name=row[7],
        hazard=row[8],
        rule=row[9],
        level=Level.NODE.value if about_child else row[10],
        title_zh=title_zh,
        title_en=title_en,
        state=row[13],
        suppression=row[14],
        priority=row[15],
        occurrence=row[16],
        revision=row[17],
        raised_ms=row[18] // MILLISECOND,
        changed_ms=row[19] // MILLISECOND,
        received_ms=row[20] // MILLISECOND,
        value=row[21],
        unit=event.unit,
        limit=event.limit,
        quality=row[22],
        historical=event.historical,
        test=event.test,
        predicted_ms=event.predicted_ns // MILLISECOND if event.predicted_ns else None,
        contributions=tuple(Owed(each.tag, each.share, each.offset) for each in event.owes),
        standard=event.standard,
        clause=event.clause,
        operator=event.operator,
        comment=event.comment,
        # The centre's own alarms need no link.
        link="up"
        if row[28] == row[0]
        else links.shown(row[31], row[26], now_ns, told=row[27] or ""),
        order=OrderState(row[24], row[25]) if row[24] else None,
        via=row[28] or "" if row[28] != row[0] else "",
        responsible=row[29],
        telephone=row[30],
        acts=acts.of_occurrence(database, row[0], row[3], occurrence=row[16], life=row[32])
        if row[33]
        else (),
    )
