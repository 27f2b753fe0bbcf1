"""Heartbeats of children: how each is doing, its clock, and the anchoring of its journal.

Once a minute the hash of the child's last entry is kept here and chained into the own journal.
From then on nobody at the child, not even who holds its key, can rewrite what came before
unnoticed.
"""

from __future__ import annotations

import msgspec

from gateway.model import NANOSECONDS
from gateway.northbound.wire import Heartbeat, HeartbeatAnswer
from gateway.supervision import sequence
from gateway.supervision.store import Write
from gateway.supervision.views import nodes as node_view

ANCHOR_NS = 60 * NANOSECONDS
TROUBLES = 50
TROUBLE_LENGTH = 500
VERSION_LENGTH = 64

encode = msgspec.json.Encoder().encode


def take(write: Write, node: str, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """Store a heartbeat, anchor its head when a minute has passed, and answer with the clock."""
    life = heartbeat.life
    forked = sequence.meet(write, node, life, heartbeat.epoch)
    if forked:
        sequence.mark_fork(write, node, forked)
    rewritten = _rewritten(write, node, heartbeat)
    if rewritten:
        sequence.mark_rewritten(write, node, rewritten)
    before = write.execute("SELECT link FROM heartbeat WHERE node = ?", (node,))
    write.execute(
        "INSERT INTO heartbeat (node, life, epoch, last_seq, head, lag, coverage, clock_ns, "
        "version, trouble, received_ns, link) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'up') "
        "ON CONFLICT (node) DO UPDATE SET life = excluded.life, epoch = excluded.epoch, "
        "last_seq = excluded.last_seq, head = excluded.head, lag = excluded.lag, "
        "coverage = excluded.coverage, clock_ns = excluded.clock_ns, "
        "version = excluded.version, trouble = excluded.trouble, "
        "received_ns = excluded.received_ns, link = excluded.link",
        (
            node,
            life,
            heartbeat.epoch,
            heartbeat.last_seq,
            heartbeat.head,
            heartbeat.lag,
            heartbeat.coverage,
            heartbeat.clock_ns,
            heartbeat.version[:VERSION_LENGTH],
            encode([trouble[:TROUBLE_LENGTH] for trouble in heartbeat.trouble[:TROUBLES]]),
            write.now_ns,
        ),
    )
    if not before or before[0][0] == "lost":
        write.journal("link", detail={"node": node, "before": "lost", "after": "up"})
    seq, head = _anchor(write, node, heartbeat)
    node_view.publish(write, node)
    return HeartbeatAnswer(clock_ns=write.now_ns, anchored_seq=seq, anchored_head=head)


def _anchor(write: Write, node: str, heartbeat: Heartbeat) -> tuple[int, str]:
    rows = write.execute(
        "SELECT seq, head, anchored_ns FROM anchor WHERE node = ? AND life = ? "
        "ORDER BY seq DESC LIMIT 1",
        (node, heartbeat.life),
    )
    seq, head, anchored_ns = rows[0] if rows else (0, "", 0)
    due = not rows or not 0 <= write.now_ns - anchored_ns < ANCHOR_NS
    if not due or heartbeat.last_seq <= seq or not heartbeat.head:
        return seq, head
    write.execute(
        "INSERT INTO anchor (node, life, seq, head, anchored_ns) VALUES (?, ?, ?, ?, ?)",
        (node, heartbeat.life, heartbeat.last_seq, heartbeat.head, write.now_ns),
    )
    write.journal(
        "anchor",
        detail={
            "node": node,
            "life": heartbeat.life,
            "seq": heartbeat.last_seq,
            "head": heartbeat.head,
        },
    )
    return heartbeat.last_seq, heartbeat.head


def _rewritten(write: Write, node: str, heartbeat: Heartbeat) -> str:
    """Compare the child's head with what is anchored and stored here; return what does not fit."""
    where = f"life {heartbeat.life} entry {heartbeat.last_seq}"
    anchors = write.execute(
        "SELECT seq, head FROM anchor WHERE node = ? AND life = ? AND seq >= ? "
        "ORDER BY seq DESC LIMIT 1",
        (node, heartbeat.life, heartbeat.last_seq),
    )
    for seq, head in anchors:
        if seq > heartbeat.last_seq:
            return f"{where}: the journal ends before the anchored entry {seq}"
        if head != heartbeat.head:
            return f"{where}: its head is not the one anchored here"
    stored = write.execute(
        "SELECT hash FROM event WHERE node = ? AND life = ? AND seq = ?",
        (node, heartbeat.life, heartbeat.last_seq),
    )
    if stored and stored[0][0] != heartbeat.head:
        return f"{where}: its head is not the hash of the event stored here"
    return ""
