"""How long each child was on line: a ledger of the ups and downs of its link, and of our own watch.

What is written are the spans in which the centre itself was watching, and the changes of each link
within them. Nobody knows what a link did while the centre was down, nor before a child has spoken
or been silent for long enough: that time is unknown, and counts neither for nor against. A child is
on line from its first heartbeat to the last one before a silence that loses it.

Where the wall clock was set back, an instant is told of twice; the later word about it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.supervision.write import Write

#: How often the end of the present span is written: so much of it a power cut makes unknown.
CHECKPOINT_NS: Final = 30 * NANOSECONDS
#: Months are those of the only time zone in which a division's office keeps its books.
ZONE: Final = timezone(timedelta(hours=8), "UTC+8")
#: The ledger is kept for so long.
KEPT_NS: Final = 1_130 * 86_400 * NANOSECONDS
#: In the ledger, beside 0 and 1: a node that spoke through a child which is itself lost.
UNKNOWN: Final = 2

Span = tuple[int, int, bool]


@dataclass(frozen=True, slots=True)
class Change:
    """A link that went up or down at an instant of the wall clock; None: nobody knows any more."""

    node: str
    at_ns: int
    up: bool | None


@dataclass(frozen=True, slots=True)
class Total:
    """Time on line, off line and unknown, ns."""

    up_ns: int = 0
    down_ns: int = 0
    unknown_ns: int = 0

    def __add__(self, other: Total) -> Total:
        return Total(
            self.up_ns + other.up_ns,
            self.down_ns + other.down_ns,
            self.unknown_ns + other.unknown_ns,
        )

    @property
    def rate(self) -> float | None:
        """Share of the known time that was on line; None where nothing is known."""
        known_ns = self.up_ns + self.down_ns
        return self.up_ns / known_ns if known_ns else None


def begin(write: Write) -> int:
    """Begin a span of watching and return its number; every link in it is unknown at first."""
    write.execute("DELETE FROM watched WHERE until_ns < ?", (write.now_ns - KEPT_NS,))
    write.execute("DELETE FROM link_change WHERE watched NOT IN (SELECT number FROM watched)")
    rows = write.execute(
        "INSERT INTO watched (from_ns, until_ns) VALUES (?, ?) RETURNING number",
        (write.now_ns, write.now_ns),
    )
    return int(rows[0][0])


def note(write: Write, watched: int, changes: Iterable[Change]) -> None:
    """Write changes of links, and that the centre is still watching."""
    write.database.execute_many(
        "INSERT INTO link_change (watched, node, at_ns, up) VALUES (?, ?, ?, ?)",
        [
            (watched, each.node, each.at_ns, UNKNOWN if each.up is None else int(each.up))
            for each in changes
        ],
    )
    write.execute(
        "UPDATE watched SET until_ns = ? WHERE number = ? AND until_ns < ?",
        (write.now_ns, watched, write.now_ns),
    )


def month_ns(month: str) -> tuple[int, int]:
    """Return when a month, written like 2026-11, begins and ends.

    Raises
    ------
    ValueError
        It is no month.
    """
    if len(month) != len("2026-11"):
        raise ValueError(f"month {month!r}: write it like 2026-11")
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZONE)
    following = (first + timedelta(days=32)).replace(day=1)
    return _ns(first), _ns(following)


def totals(
    database: Database, nodes: Sequence[tuple[str, int]], *, from_ns: int, until_ns: int
) -> dict[str, Total]:
    """Return what is known of each child between two instants.

    Parameters
    ----------
    nodes
        Ids, each with when it was paired: before that it is not counted.
    """
    watches = database.execute(
        "SELECT number, from_ns, until_ns FROM watched WHERE until_ns > ? AND from_ns < ? "
        "ORDER BY number",
        (from_ns, until_ns),
    )
    found = {}
    for node, paired_ns in nodes:
        changes: dict[int, list[tuple[int, int]]] = {}
        for number, at_ns, up in database.execute(
            "SELECT watched, at_ns, up FROM link_change WHERE node = ? AND watched >= ? "
            "AND watched <= ? ORDER BY number",
            (node, watches[0][0], watches[-1][0]) if watches else (node, 0, 0),
        ):
            changes.setdefault(number, []).append((at_ns, up))
        story: list[Span] = []
        for number, opened_ns, closed_ns in watches:
            told_here = told(changes.get(number, ()), opened_ns=opened_ns, closed_ns=closed_ns)
            story = join(story, told_here)
        begun_ns = max(from_ns, paired_ns)
        found[node] = _total(story, begun_ns, max(begun_ns, until_ns))
    return found


def told(changes: Sequence[tuple[int, int]], *, opened_ns: int, closed_ns: int) -> list[Span]:
    """Return the spans of known state that the changes of one link within one watch tell."""
    found = []
    for place, (at_ns, up) in enumerate(changes):
        end_ns = changes[place + 1][0] if place + 1 < len(changes) else closed_ns
        begin_ns = max(opened_ns, at_ns)
        if up != UNKNOWN and begin_ns < min(end_ns, closed_ns):
            found.append((begin_ns, min(end_ns, closed_ns), bool(up)))
    return found


def join(story: list[Span], spans: Iterable[Span]) -> list[Span]:
    """Return the story with what was told after it; only a clock that was set back overlaps."""
    for span in spans:
        if not story or span[0] >= story[-1][1]:
            story.append(span)
        else:
            story = lay(story, span)
    return story


def lay(story: Sequence[Span], span: Span) -> list[Span]:
    """Return the story with one more span, which replaces what was told of the same time."""
    begin_ns, end_ns, _ = span
    kept = []
    for known in story:
        first_ns, last_ns, up = known
        if last_ns <= begin_ns or first_ns >= end_ns:
            kept.append(known)
            continue
        if first_ns < begin_ns:
            kept.append((first_ns, begin_ns, up))
        if last_ns > end_ns:
            kept.append((end_ns, last_ns, up))
    return sorted([*kept, span])


def _total(story: Iterable[Span], from_ns: int, until_ns: int) -> Total:
    known = [0, 0]
    for begin_ns, end_ns, up in story:
        known[up] += max(0, min(end_ns, until_ns) - max(begin_ns, from_ns))
    down_ns, up_ns = known
    return Total(up_ns, down_ns, until_ns - from_ns - up_ns - down_ns)


def _ns(instant: datetime) -> int:
    return int(instant.astimezone(UTC).timestamp()) * NANOSECONDS
