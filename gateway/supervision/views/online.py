"""How long gateways were on line in a month: by gateway, by enterprise and by division.

The centres below, whose links are counted as well, are rows of their own and part of no sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.supervision import online
from gateway.supervision.online import Total
from gateway.supervision.tiers import Scope

DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRow:
    """Seconds on line, off line and unknown; `rate` is the share of the known time, or null.

    `kind` is "node" (a gateway), "centre", "enterprise" or "division"; a division's sum is of all
    gateways under it, `level` its tier and `parent` the division above it.
    """

    kind: str
    id: str
    name: str
    level: str
    parent: str
    nodes: int
    up_s: int
    down_s: int
    unknown_s: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class _Node:
    """A gateway or a centre, as far as the sums need it."""

    node: str
    name: str
    enterprise: str
    uscc: str
    division: str
    grid: str
    paired_ns: int
    relays: int
    inventory: str

    @property
    def is_centre(self) -> bool:
        """Whether it stands for no enterprise: it speaks for nodes below, or told of no site."""
        return bool(self.relays) or bool(self.inventory and not (self.uscc or self.enterprise))


def listing(
    database: Database, scope: Scope, codes: frozenset[str], *, month: str, now_ns: int
) -> list[OnlineRow]:
    """Return the visible gateways, then the centres, the enterprises and the divisions.

    Parameters
    ----------
    codes
        The divisions that the account may know of.
    month
        Written like 2026-11; the present one is counted up to now.

    Raises
    ------
    ValueError
        It is no month.
    """
    from_ns, until_ns = online.month_ns(month)
    nodes = [
        _Node(*row)
        for row in scope.select(
            database,
            "SELECT node, name, enterprise, uscc, division, grid, paired_ns, relays, inventory "
            "FROM node "
            # One that was scrapped before that month counts no more.
            "WHERE via <> node AND node IN ({nodes}) AND (retired_ns = 0 OR retired_ns > ?)",
            extra=(from_ns,),
        )
    ]
    totals = online.totals(
        database,
        [(each.node, each.paired_ns) for each in nodes],
        from_ns=from_ns,
        until_ns=max(from_ns, min(until_ns, now_ns)),
    )
    divisions = _divisions(database, codes)
    gateways = [each for each in nodes if not each.is_centre]
    centres = [each for each in nodes if each.is_centre]
    found = [_row("node", each.node, each.name, [totals[each.node]]) for each in gateways]
    found += [_row("centre", each.node, each.name, [totals[each.node]]) for each in centres]
    enterprises: dict[str, tuple[str, list[Total]]] = {}
    places: dict[str, list[Total]] = {}
    for each in gateways:
        # Of one that has never told of its site the enterprise is not known.
        if identity := each.uscc or each.enterprise:
            enterprises.setdefault(identity, (each.enterprise, []))[1].append(totals[each.node])
        for code in _above(each, divisions):
            places.setdefault(code, []).append(totals[each.node])
    found += [_row("enterprise", code, *rest) for code, rest in sorted(enterprises.items())]
    for code, below in sorted(places.items()):
        name, parent, level = divisions.get(code, (code, "", ""))
        found.append(_row("division", code, name, below, level=level, parent=parent))
    return found


def _divisions(database: Database, codes: frozenset[str]) -> dict[str, tuple[str, str, str]]:
    """Return name, parent and level of the divisions among these."""
    rows = database.execute("SELECT code, name, parent, level FROM division")
    return {code: (name, parent, level) for code, name, parent, level in rows if code in codes}


def _above(node: _Node, divisions: dict[str, tuple[str, str, str]]) -> Iterator[str]:
    """Yield the divisions that a gateway counts for: its grid cell, its own, and all above."""
    cell = divisions.get(node.grid)
    if cell is not None and cell[1] == node.division and node.grid != node.division:
        yield node.grid
    code, seen = node.division, set[str]()
    while code and code not in seen:
        seen.add(code)
        if code in divisions or not divisions:
            yield code
        code = divisions.get(code, ("", "", ""))[1]


def _row(
    kind: str, identity: str, name: str, totals: list[Total], *, level: str = "", parent: str = ""
) -> OnlineRow:
    total = sum(totals, Total())
    return OnlineRow(
        kind=kind,
        id=identity,
        name=name,
        level=level,
        parent=parent,
        nodes=len(totals),
        up_s=round(total.up_ns / NANOSECONDS),
        down_s=round(total.down_ns / NANOSECONDS),
        unknown_s=round(total.unknown_ns / NANOSECONDS),
        rate=None if total.rate is None else round(total.rate, DIGITS),
    )
