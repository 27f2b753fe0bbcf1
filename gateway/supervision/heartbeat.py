"""Heartbeats of children: how each is doing, its clock, and the anchoring of its journal.

Once a minute the hash of the child's last entry is kept here and chained into the own journal.
From then on nobody at the child, not even who holds its key, can rewrite what came before
unnoticed.

A link that was cut may deliver what was sent before only after what was sent since. Such a
heartbeat is old: it replaces nothing and accuses nobody. Whoever says the same again is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import msgspec

from gateway.identity import public_hex
from gateway.model import NANOSECONDS
from gateway.northbound.wire import Heartbeat, HeartbeatAnswer
from gateway.supervision import sequence
from gateway.supervision.views import nodes as node_view
from gateway.supervision.write import Write

ANCHOR_NS = 60 * NANOSECONDS
#: One that lies behind the last, so long after it, was overtaken; the next such one comes later.
OVERTAKEN_NS = 20 * NANOSECONDS
TROUBLES = 50
TROUBLE_LENGTH = 500
VERSION_LENGTH = 64

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """How a node is doing, heard from itself or told by the child it speaks through.

    Parameters
    ----------
    clock_ns
        The node's clock at the instant of this transaction.
    beat_ns
        The node's clock at its last heartbeat.
    told, behind
        Its link as the relaying child sees it (empty: heard here), and behind whom it is unknown.
    """

    life: str
    epoch: str
    last_seq: int
    head: str
    lag: int
    coverage: float
    clock_ns: int
    beat_ns: int
    version: str
    trouble: list[str]
    told: str = ""
    behind: str = ""

    @classmethod
    def heard(cls, heartbeat: Heartbeat) -> Self:
        """Return that of a node which speaks here itself."""
        return cls(
            life=heartbeat.life,
            epoch=heartbeat.epoch,
            last_seq=heartbeat.last_seq,
            head=heartbeat.head,
            lag=heartbeat.lag,
            coverage=heartbeat.coverage,
            clock_ns=heartbeat.clock_ns,
            beat_ns=heartbeat.clock_ns,
            version=heartbeat.version,
            trouble=heartbeat.trouble,
        )


def take(write: Write, node: str, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """Store a heartbeat, anchor its head when a minute has passed, and answer with the clock."""
    life = heartbeat.life
    forked = sequence.meet(write, node, life, heartbeat.epoch)
    if forked:
        sequence.mark_fork(write, node, forked)
    late = not forked and _is_overtaken(write, node, heartbeat)
    reason = rewritten(write, node, life, heartbeat.last_seq, heartbeat.head)
    if not late:
        reason = reason or cut_short(write, node, life, heartbeat.last_seq)
    if reason:
        sequence.mark_rewritten(write, node, reason)
    if not late:
        before = write.execute("SELECT link FROM heartbeat WHERE node = ?", (node,))
        save(write, node, Beat.heard(heartbeat))
        if not before or before[0][0] == "lost":
            write.journal("link", detail={"node": node, "before": "lost", "after": "up"})
            write.tell_parent("nodes", node)
    seq, head = anchor(write, node, heartbeat.life, heartbeat.last_seq, heartbeat.head)
    node_view.publish(write, node)
    return HeartbeatAnswer(
        clock_ns=write.now_ns,
        anchored_seq=seq,
        anchored_head=head,
        centre=write.node,
        public_key=public_hex(write.key) if write.key is not None else "",
    )


def save(write: Write, node: str, beat: Beat) -> None:
    """Replace what is known of how a node is doing."""
    write.execute(
        "INSERT INTO heartbeat (node, life, epoch, last_seq, head, lag, coverage, clock_ns, "
        "version, trouble, received_ns, link, told, behind, beat_ns) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (node) DO UPDATE SET life = excluded.life, epoch = excluded.epoch, "
        "last_seq = excluded.last_seq, head = excluded.head, lag = excluded.lag, "
        "coverage = excluded.coverage, clock_ns = excluded.clock_ns, "
        "version = excluded.version, trouble = excluded.trouble, "
        "received_ns = excluded.received_ns, link = excluded.link, told = excluded.told, "
        "behind = excluded.behind, beat_ns = excluded.beat_ns",
        (
            node,
            beat.life,
            beat.epoch,
            beat.last_seq,
            beat.head,
            beat.lag,
            beat.coverage,
            beat.clock_ns,
            beat.version[:VERSION_LENGTH],
            encode([trouble[:TROUBLE_LENGTH] for trouble in beat.trouble[:TROUBLES]]),
            write.now_ns,
            beat.told or "up",
            beat.told,
            beat.behind,
            beat.beat_ns,
        ),
    )


def anchor(
    write: Write, node: str, life: str, seq: int, head: str, *, every_ns: int = ANCHOR_NS
) -> tuple[int, str]:
    """Keep the head of a child's journal now and then; return the last that is kept."""
    rows = write.execute(
        "SELECT seq, head, anchored_ns FROM anchor WHERE node = ? AND life = ? "
        "ORDER BY seq DESC LIMIT 1",
        (node, life),
    )
    kept, kept_head, anchored_ns = rows[0] if rows else (0, "", 0)
    due = not rows or not 0 <= write.now_ns - anchored_ns < every_ns
    if not due or seq <= kept or not head:
        return kept, kept_head
    write.execute(
        "INSERT INTO anchor (node, life, seq, head, anchored_ns) VALUES (?, ?, ?, ?, ?)",
        (node, life, seq, head, write.now_ns),
    )
    write.journal("anchor", detail={"node": node, "life": life, "seq": seq, "head": head})
    return seq, head


def _is_overtaken(write: Write, node: str, heartbeat: Heartbeat) -> bool:
    """Whether a heartbeat was sent before one that has come."""
    said = (heartbeat.life, heartbeat.epoch)
    if sequence.newest(write.database, node) != said:
        return True
    rows = write.execute(
        "SELECT last_seq, clock_ns FROM heartbeat WHERE node = ? AND life = ? AND epoch = ? "
        "AND received_ns > ? AND received_ns <= ?",
        (node, *said, write.now_ns - OVERTAKEN_NS, write.now_ns),
    )
    return bool(rows) and (heartbeat.last_seq, heartbeat.clock_ns) < tuple(rows[0])


def rewritten(write: Write, node: str, life: str, seq: int, head: str) -> str:
    """Compare a node's head with what is anchored and stored here; return what does not fit."""
    where = f"life {life} entry {seq}"
    place = (node, life, seq)
    anchored = write.execute(
        "SELECT head FROM anchor WHERE node = ? AND life = ? AND seq = ?", place
    )
    if anchored and anchored[0][0] != head:
        return f"{where}: its head is not the one anchored here"
    stored = write.execute("SELECT hash FROM event WHERE node = ? AND life = ? AND seq = ?", place)
    if stored and stored[0][0] != head:
        return f"{where}: its head is not the hash of the event stored here"
    return ""


def cut_short(write: Write, node: str, life: str, seq: int) -> str:
    """Return that a journal ends before what is anchored here, if it does.

    Only of a head that was not overtaken: what was sent before the anchor ends before it too.
    """
    rows = write.execute(
        "SELECT COALESCE(MAX(seq), 0) FROM anchor WHERE node = ? AND life = ?", (node, life)
    )
    if rows[0][0] <= seq:
        return ""
    return f"life {life} entry {seq}: the journal ends before the anchored entry {rows[0][0]}"
