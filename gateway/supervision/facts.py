"""What a centre tells its parent of each node below it, and what a parent makes of it.

Told at each connection, each 15 s and at each change: whose link is lost down there, how far each
story goes, and which life of a node speaks. A number told here never makes a story complete: how
far it is complete is reckoned from the events that have come (`sequence.complete_ns`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import msgspec

from gateway.db import Database, Row
from gateway.model import NANOSECONDS
from gateway.northbound.wire import UNREADABLE, NodeFacts, Nodes
from gateway.supervision import heartbeat, links, retirement, sequence
from gateway.supervision.heartbeat import Beat
from gateway.supervision.mirror import RefusedError
from gateway.supervision.refusals import refused
from gateway.supervision.relays import Relay
from gateway.supervision.throttle import Damper
from gateway.supervision.views import nodes as node_view
from gateway.supervision.write import Write

#: A node of which there is no news is shown anew once in so many rounds.
QUIET_ROUNDS = 4
ROUND_NS = 15 * NANOSECONDS
#: Nodes in one item.
AT_ONCE = 200
LINKS = frozenset({"up", "late", "lost", "never", "unknown"})
HEARD = frozenset({"up", "late"})

decode_nodes = msgspec.json.Decoder(Nodes).decode
decode_trouble = msgspec.json.Decoder(list[str]).decode

_SELECT = (
    "SELECT n.node, n.name, n.division, n.via, n.fork, h.life, h.epoch, h.last_seq, h.head, "
    "h.lag, h.coverage, h.clock_ns, h.beat_ns, h.version, h.trouble, h.received_ns, h.told, "
    "h.behind, h.link, n.retired_ns FROM node n "
    "LEFT JOIN heartbeat h ON h.node = n.node WHERE n.via <> n.node ORDER BY n.node"
)


def of(database: Database, *, now_ns: int) -> Iterator[list[NodeFacts]]:
    """Yield how every node below is doing, `AT_ONCE` in a list."""
    rows = database.execute(_SELECT)
    speaking = sequence.speaking(database)
    for start in range(0, len(rows), AT_ONCE):
        yield [_facts(row, speaking, now_ns) for row in rows[start : start + AT_ONCE]]


def take(write: Write, relay: Relay, body: bytes, *, damper: Damper) -> str:
    """Take what a child tells of the nodes below it; return whom it may not speak for, if any.

    Raises
    ------
    RefusedError
        It is not readable.
    """
    try:
        told = decode_nodes(body)
    except UNREADABLE as error:
        raise RefusedError(f"nodes: not readable: {error}") from error
    reasons = []
    for facts in told.nodes:
        try:
            relay.place(facts)
        except RefusedError as refusal:
            reasons.append(str(refusal))
            if refusal.foreign:
                refused(
                    write, relay.node, "nodes", reason=str(refusal), item=facts.node, damper=damper
                )
            continue
        gone = facts.link == retirement.RETIRED
        retirement.follow(write, facts.node, via=relay.node, retired=gone)
        if not gone:
            _take(write, facts, sent_ns=told.clock_ns)
    if sequence.are_named(told.life, told.life):
        reason = heartbeat.rewritten(write, relay.node, told.life, told.seq, told.head)
        if not reason and _follows(write, relay.node, told):
            reason = heartbeat.cut_short(write, relay.node, told.life, told.seq)
        if reason:
            sequence.mark_rewritten(write, relay.node, reason)
        # The child sends it once a minute by its own clock, which may run a little fast.
        heartbeat.anchor(
            write, relay.node, told.life, told.seq, told.head, every_ns=heartbeat.ANCHOR_NS // 2
        )
    return "; ".join(reasons)


def _follows(write: Write, relay: str, told: Nodes) -> bool:
    """Whether this was sent after the last anchor: after a heartbeat that has come since then."""
    rows = write.execute(
        "SELECT 1 FROM heartbeat WHERE node = ? AND clock_ns <= ? AND received_ns > "
        "(SELECT COALESCE(MAX(anchored_ns), 0) FROM anchor WHERE node = ? AND life = ?)",
        (relay, told.clock_ns, relay, told.life),
    )
    return bool(rows)


def _take(write: Write, facts: NodeFacts, *, sent_ns: int) -> None:
    node, link = facts.node, facts.link if facts.link in LINKS else "unknown"
    known = write.execute(
        "SELECT link, behind, told, life, epoch, last_seq, head, lag, coverage, version, trouble "
        "FROM heartbeat WHERE node = ?",
        (node,),
    )
    now = (
        *(link, facts.behind, link),
        *(facts.life, facts.epoch, facts.last_seq, facts.head, facts.lag, facts.coverage),
        *(facts.version, msgspec.json.encode(facts.trouble)),
    )
    before = known[0] if known else None
    _judge(write, facts, before, heard=link in HEARD)
    if link != "never":
        heartbeat.save(write, node, _beat(facts, link, sent_ns))
        if before is None or before[:2] != now[:2]:
            write.tell_parent("nodes", node)
    # Where there is nothing to see but that its heartbeat goes on, that is shown by turns.
    turn = zlib.crc32(node.encode()) % QUIET_ROUNDS == write.now_ns // ROUND_NS % QUIET_ROUNDS
    if before != now or turn:
        node_view.publish(write, node)


def _judge(write: Write, facts: NodeFacts, before: Row | None, *, heard: bool) -> None:
    """Place the life that speaks, and show a fork where what is told fits nothing."""
    node = facts.node
    reasons = [facts.fork]
    speaking = (facts.life, facts.epoch)
    if sequence.are_named(*speaking):
        if before is None or before[3:5] != speaking:
            # What a relay remembers of a node that it does not hear proves no second speaker: after
            # the loss of its disk that may be older than what is known here.
            reasons.append(sequence.meet(write, node, *speaking, speaks=heard))
        where = (facts.last_seq, facts.head)
        if heard and facts.head and (before is None or before[3:7] != (*speaking, *where)):
            reasons.append(heartbeat.rewritten(write, node, facts.life, *where))
    for reason in filter(None, reasons):
        sequence.mark_fork(write, node, reason)


def _beat(facts: NodeFacts, link: str, sent_ns: int) -> Beat:
    return Beat(
        life=facts.life,
        epoch=facts.epoch,
        last_seq=facts.last_seq,
        head=facts.head,
        lag=facts.lag,
        coverage=facts.coverage,
        clock_ns=sent_ns + facts.offset_ns,
        beat_ns=facts.clock_ns,
        version=facts.version,
        trouble=facts.trouble,
        told=link,
        behind=facts.behind,
    )


def _facts(row: Row, speaking: dict[str, tuple[str, str]], now_ns: int) -> NodeFacts:
    node, name, division, via, fork = row[:5]
    if row[19]:
        return NodeFacts(node=node, name=name, division=division, link=retirement.RETIRED)
    life, epoch = speaking.get(node, ("", ""))
    received_ns, told = row[15], row[16] or ""
    link = links.shown(row[18], received_ns, now_ns, told=told)
    facts = NodeFacts(
        node=node, name=name, division=division, link=link, life=life, epoch=epoch, fork=fork
    )
    if received_ns is None:
        return facts
    beat_life, _, last_seq, head, lag, coverage, clock_ns, beat_ns, version, trouble = row[5:15]
    # A life that has spoken in an intake, but in no heartbeat yet, has no numbers to tell.
    same = beat_life == life
    return msgspec.structs.replace(
        facts,
        behind=links.behind(via, link, told=told, named=row[17]),
        last_seq=last_seq if same else 0,
        head=head if same else "",
        lag=lag if same else max(lag, 1),
        coverage=coverage,
        clock_ns=beat_ns or clock_ns,
        offset_ns=clock_ns - received_ns,
        version=version,
        trouble=decode_trouble(trouble),
    )
