"""Which events of a child have come, in which life and epoch, and whether two of it are speaking.

A child's sequence is gapless over a life, so what is missing between two numbers that came is
known. Epochs are placed in the order in which each first spoke with the credential; one that falls
silent never speaks again. When an older one goes on to, two nodes share one identity: a fork.

A life has the place of its newest epoch: an epoch not seen before is a start of the node, and makes
the life it runs on the present one. So a node that ran on a memory store and has its disk again is
believed when it returns to the life of that disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.db import Database
from gateway.model import decode_event
from gateway.supervision.write import Write

#: A process that was replaced may have left a request on the way over each of its two connections:
#: they are no fork, a third one is.
RETURNS_OF_A_FORK = 3
GAPS_SHOWN = 50
#: By an index, once for each node, however often each was started.
SPEAKING = (
    "SELECT n.node, (SELECT e.epoch FROM epoch e WHERE e.node = n.node ORDER BY e.place DESC "
    "LIMIT 1) FROM node n"
)
EARLIER_GAPS = (
    "SELECT life, after, first FROM (SELECT s.life, s.first, COALESCE(l.place, 0) AS place, "
    "COALESCE(LAG(s.last) OVER (PARTITION BY s.life ORDER BY s.first), 0) + 1 AS after "
    "FROM span s LEFT JOIN life l ON l.node = s.node AND l.life = s.life "
    "WHERE s.node = ? AND s.life <> ?) WHERE first > after ORDER BY place DESC, life, first LIMIT ?"
)
BITS = re.compile("[0-9a-f]{16}")


def are_named(life: str, epoch: str) -> bool:
    """Return whether these can be a life and an epoch, as `gateway.identity` makes them."""
    return bool(BITS.fullmatch(life) and BITS.fullmatch(epoch))


def meet(write: Write, node: str, life: str, epoch: str, *, speaks: bool = True) -> str:
    """Note that this life and epoch speak now; return what is wrong with that, or nothing.

    Parameters
    ----------
    speaks
        False where somebody only remembers them: one not seen before is placed all the same, an
        older one proves nothing.
    """
    key = f"{life}/{epoch}"
    found = write.execute(
        "SELECT place, returns FROM epoch WHERE node = ? AND epoch = ?", (node, key)
    )
    latest = write.execute("SELECT COALESCE(MAX(place), 0) FROM epoch WHERE node = ?", (node,))
    if not found:
        _make_present(write, node, life)
        write.execute(
            "INSERT INTO epoch (node, epoch, place, returns) VALUES (?, ?, ?, 0)",
            (node, key, latest[0][0] + 1),
        )
        write.tell_parent("nodes", node)
        return ""
    place, returns = found[0]
    if place == latest[0][0] or not speaks:
        return ""
    write.execute(
        "UPDATE epoch SET returns = returns + 1 WHERE node = ? AND epoch = ?", (node, key)
    )
    if returns + 1 < RETURNS_OF_A_FORK:
        return ""
    return f"life {life} epoch {epoch} speaks again after a later one: two nodes use this identity"


def _make_present(write: Write, node: str, life: str) -> None:
    if current_life(write.database, node) == life:
        return
    write.execute(
        "INSERT INTO life (node, life, place, first_ns) "
        "SELECT ?, ?, COALESCE(MAX(place), 0) + 1, ? "
        "FROM life WHERE node = ? ON CONFLICT (node, life) DO UPDATE SET place = excluded.place",
        (node, life, write.now_ns, node),
    )


def place_of(write: Write, node: str, life: str) -> int:
    """Return the place of a life among the node's; one that never spoke itself comes first."""
    rows = write.execute("SELECT place FROM life WHERE node = ? AND life = ?", (node, life))
    if rows:
        return int(rows[0][0])
    write.execute(
        "INSERT INTO life (node, life, place, first_ns) VALUES (?, ?, 0, ?)",
        (node, life, write.now_ns),
    )
    return 0


def current_life(database: Database, node: str) -> str:
    """Return the life of the newest epoch, or nothing for a node that never spoke."""
    rows = database.execute(
        "SELECT life FROM life WHERE node = ? AND place > 0 ORDER BY place DESC LIMIT 1", (node,)
    )
    return str(rows[0][0]) if rows else ""


def newest(database: Database, node: str) -> tuple[str, str]:
    """Return the life and the epoch of a node that were met last, or nothing twice."""
    rows = database.execute(
        "SELECT epoch FROM epoch WHERE node = ? ORDER BY place DESC LIMIT 1", (node,)
    )
    life, _, epoch = str(rows[0][0]).partition("/") if rows else ("", "", "")
    return life, epoch


def speaking(database: Database) -> dict[str, tuple[str, str]]:
    """Return, of every node that ever spoke, the life and the epoch that spoke last."""
    found = {}
    for node, key in database.execute(SPEAKING):
        if key is not None:
            life, _, epoch = key.partition("/")
            found[node] = (life, epoch)
    return found


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Join numbers into runs of consecutive ones, first and last."""
    joined: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if joined and number == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], number)
        else:
            joined.append((number, number))
    return joined


def arrived(write: Write, node: str, life: str, numbers: Iterable[int]) -> None:
    """Note that these sequence numbers of a life are stored here."""
    for first, last in runs(numbers):
        touching = write.execute(
            "SELECT first, last FROM span WHERE node = ? AND life = ? AND first <= ? AND last >= ?",
            (node, life, last + 1, first - 1),
        )
        low = min([first, *(row[0] for row in touching)])
        high = max([last, *(row[1] for row in touching)])
        for known, _ in touching:
            write.execute(
                "DELETE FROM span WHERE node = ? AND life = ? AND first = ?", (node, life, known)
            )
        write.execute(
            "INSERT INTO span (node, life, first, last) VALUES (?, ?, ?, ?)",
            (node, life, low, high),
        )


def gaps(database: Database, node: str, life: str, *, last_seq: int) -> list[list[int]]:
    """Return the missing ranges of a life up to the last number known, the oldest first."""
    spans = database.execute(
        "SELECT first, last FROM span WHERE node = ? AND life = ? ORDER BY first LIMIT ?",
        (node, life, GAPS_SHOWN + 1),
    )
    missing: list[list[int]] = []
    expected = 1
    for first, last in spans:
        if first > expected:
            missing.append([expected, first - 1])
        expected = last + 1
    if len(spans) <= GAPS_SHOWN and last_seq >= expected:
        missing.append([expected, last_seq])
    return missing[:GAPS_SHOWN]


def earlier_gaps(database: Database, node: str, life: str) -> list[tuple[str, int, int]]:
    """Return what is missing of a node's other lives: life, first, last; the newest life first.

    What one of them still had to say after the last number that came is not known.
    """
    return [
        (str(other), int(after), int(first) - 1)
        for other, after, first in database.execute(EARLIER_GAPS, (node, life, GAPS_SHOWN))
    ]


def gapless_to(database: Database, node: str, life: str, *, after: int = 0) -> int:
    """Return the last number up to which nothing of a life is missing that comes after another."""
    rows = database.execute(
        "SELECT last FROM span WHERE node = ? AND life = ? AND first <= ? "
        "ORDER BY first DESC LIMIT 1",
        (node, life, after + 1),
    )
    return max(after, int(rows[0][0])) if rows else after


def complete_ns(
    database: Database, node: str, life: str, *, last_seq: int, lag: int, clock_ns: int
) -> int:
    """Return the child's time up to which all its events are here, 0 when none are.

    With a lag of 0 at the last heartbeat, and nothing missing up to the number it named, that is
    the heartbeat's own time; otherwise the time of the last event before the first gap.
    """
    reached = gapless_to(database, node, life)
    at_ns = 0
    if reached:
        rows = database.execute(
            "SELECT entry FROM event WHERE node = ? AND life = ? AND seq = ?", (node, life, reached)
        )
        event = decode_event(rows[0][0])
        at_ns = event.received_ns or event.source_ns
    if lag == 0 and reached >= last_seq:
        at_ns = max(at_ns, clock_ns)
    return at_ns


def mark_rewritten(write: Write, node: str, reason: str) -> bool:
    """Show on its node that a journal was rewritten, and journal it once; return whether new."""
    rows = write.execute("SELECT rewritten FROM node WHERE node = ?", (node,))
    if not rows or rows[0][0]:
        return False
    write.execute("UPDATE node SET rewritten = ? WHERE node = ?", (reason, node))
    write.journal("fork", detail={"node": node, "reason": reason})
    return True


def mark_fork(write: Write, node: str, reason: str) -> bool:
    """Show a fork on its node and journal it once; return whether it is news."""
    rows = write.execute("SELECT fork FROM node WHERE node = ?", (node,))
    if not rows or rows[0][0]:
        return False
    write.execute("UPDATE node SET fork = ? WHERE node = ?", (reason, node))
    write.journal("fork", detail={"node": node, "reason": reason})
    return True
