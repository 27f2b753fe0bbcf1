"""Rows of acts: what the tiers did about an alarm, beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.db import Database, Row

MILLISECOND = 1_000_000
#: Acts that the API tells of one alarm, and that a card shows of one occurrence.
LISTED: Final = 500
ON_CARD: Final = 10

_SELECT = (
    "SELECT a.id, a.origin, COALESCE(n.name, a.origin), a.act, a.occurrence, a.account, "
    "a.comment, a.made_ns, COALESCE(o.status, ''), a.teller FROM act a "
    "LEFT JOIN node n ON n.node = a.origin "
    "LEFT JOIN site_order o ON o.id = a.id AND o.node = a.node AND o.origin = '' "
)
#: What a site says of an act counts until its maker's word is here.
_BEST = (
    "AND (a.teller = '' OR NOT EXISTS (SELECT 1 FROM act b WHERE b.origin = a.origin "
    "AND b.id = a.id AND b.teller = '')) "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRow:
    """One act: who did what; `status` is that of the order by which this centre told the site.

    `teller` is the site where only it says so, and empty for what is known from the maker.
    """

    id: str
    origin: str
    origin_name: str
    act: str
    occurrence: int
    account: str
    comment: str
    made_ms: int
    status: str
    teller: str


def listing(database: Database, node: str, alarm: str) -> list[ActRow]:
    """Return the acts about an alarm, the last that came to be known first."""
    sql = _SELECT + "WHERE a.node = ? AND a.alarm = ? " + _BEST + "ORDER BY a.number DESC LIMIT ?"
    return [_row(row) for row in database.execute(sql, (node, alarm, LISTED))]


def of_occurrence(
    database: Database, node: str, alarm: str, *, occurrence: int, life: str
) -> tuple[ActRow, ...]:
    """Return the last acts about one occurrence, in the order in which they came to be known."""
    sql = (
        _SELECT
        + "WHERE a.node = ? AND a.alarm = ? AND a.occurrence = ? AND a.life = ? "
        + _BEST
        + "ORDER BY a.number DESC LIMIT ?"
    )
    rows = database.execute(sql, (node, alarm, occurrence, life, ON_CARD))
    return tuple(_row(row) for row in reversed(rows))


def _row(row: Row) -> ActRow:
    return ActRow(
        id=row[0],
        origin=row[1],
        origin_name=row[2],
        act=row[3],
        occurrence=row[4],
        account=row[5],
        comment=row[6],
        made_ms=row[7] // MILLISECOND,
        status=row[8],
        teller=row[9],
    )
