"""The intake: what a child sends becomes durable here, once, and is answered item by item.

The node is the credential's, never the body's; a child that is a centre names for each item the
node below that it speaks for, and `relays` says whether it may. One request is one transaction:
events, mirror, feed and one entry of the own journal that chains the hash of every event taken. An
event that came before is a duplicate if its bytes are the same; if they are not, two histories
exist, and it is rejected as a fork.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from gateway.journal import GENESIS, digest
from gateway.model import AlarmEvent, decode_event
from gateway.northbound.wire import MAX_EVENT_BYTES, UNREADABLE, Intake, Item, Receipt, Receipts
from gateway.observe import log
from gateway.supervision import events, facts, inventory, mirror, sequence, series
from gateway.supervision.mirror import RefusedError
from gateway.supervision.refusals import REASON_LENGTH, refused
from gateway.supervision.relays import Relay, UnknownNodeError
from gateway.supervision.throttle import Damper
from gateway.supervision.views import nodes as node_view
from gateway.supervision.write import Write

decode_intake = msgspec.json.Decoder(Intake).decode

#: Kinds whose body is taken by one function, which may return what the receipt should add.
TAKERS: dict[str, Callable[[Write, str, bytes], str | None]] = {
    "present": mirror.take_present,
    "inventory": inventory.take,
    "summary": series.take_summary,
    "readings": series.take_readings,
}

#: Its neighbours are still numbers that a store can hold.
LAST_SEQ = 2**63 - 2
#: A defect of this program: it rejects the item that shows it, never those beside it.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(slots=True)
class _Taken:
    """What one request has brought so far."""

    node: str
    relay: Relay
    damper: Damper
    receipts: list[Receipt] = field(default_factory=list)
    chained: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    numbers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


def take(write: Write, node: str, intake: Intake, *, damper: Damper) -> Receipts:
    """Store what a child sent and return its receipts; the caller answers after the commit.

    Parameters
    ----------
    node
        The credential's node.
    damper
        Keeps a child that repeats a refused item from filling the journal.
    """
    taken = _Taken(node, Relay(write, node), damper)
    reason = sequence.meet(write, node, intake.life, intake.epoch)
    if reason and sequence.mark_fork(write, node, reason):
        taken.changed.add(node)
    for item in intake.items:
        try:
            with write.part():
                receipt = _take(write, item, taken)
        except UnknownNodeError:
            continue
        except RefusedError as refusal:
            reason = str(refusal)[:REASON_LENGTH]
            if refusal.foreign:
                refused(write, node, item.kind, item=item.id, reason=reason, damper=damper)
            receipt = Receipt(id=item.id, status="rejected", reason=reason)
        except UNFORESEEN as error:
            log("intake").exception("cannot take an item", node=node, kind=item.kind)
            reason = f"{item.kind}: cannot be taken here: {type(error).__name__}: {error}"
            receipt = Receipt(id=item.id, status="rejected", reason=reason[:REASON_LENGTH])
        taken.receipts.append(receipt)
    for (speaker, life), numbers in taken.numbers.items():
        sequence.arrived(write, speaker, life, numbers)
    if taken.chained:
        write.journal("intake", detail=taken.chained)
    for speaker in sorted(taken.changed):
        node_view.publish(write, speaker)
    return Receipts(receipts=taken.receipts)


def _take(write: Write, item: Item, taken: _Taken) -> Receipt:
    if item.kind == "nodes":
        left_out = facts.take(write, taken.relay, bytes(item.body), damper=taken.damper)
        return Receipt(id=item.id, status="stored", reason=left_out[:REASON_LENGTH])
    node, via = taken.relay.speaker(item.node)
    if item.kind == "event":
        return _take_event(write, item, taken, node=node, via=via)
    taker = TAKERS.get(item.kind)
    if taker is None:
        known = ", ".join(["event", *TAKERS, "nodes"])
        raise RefusedError(f"kind {item.kind!r} is not known here; this centre takes {known}")
    remark = taker(write, node, bytes(item.body))
    if item.kind in {"present", "inventory"}:
        taken.changed.add(node)
    return Receipt(id=item.id, status="stored", reason=remark or "")


def _take_event(write: Write, item: Item, taken: _Taken, *, node: str, via: str) -> Receipt:
    entry = bytes(item.body)
    if len(entry) > MAX_EVENT_BYTES:
        raise RefusedError(f"event: has {len(entry)} bytes; at most {MAX_EVENT_BYTES} are taken")
    try:
        event = decode_event(entry)
    except UNREADABLE as error:
        raise RefusedError(f"event: not readable: {error}") from error
    if event.node != node:
        whose = f"the item is of {node}" if via else f"the credential is {node}'s"
        raise RefusedError(f"event: speaks for {event.node}, {whose}", foreign=True)
    if not 1 <= event.seq <= LAST_SEQ:
        raise RefusedError("event: needs a sequence number from 1 to 2^63-2")
    if not sequence.are_named(event.life, event.epoch):
        raise RefusedError("event: needs a life and an epoch of 16 hexadecimal digits")
    found = digest(entry)
    known = write.execute(
        "SELECT hash FROM event WHERE node = ? AND life = ? AND seq = ?",
        (node, event.life, event.seq),
    )
    if known:
        if known[0][0] == found:
            return Receipt(id=item.id, status="duplicate")
        return _fork(write, item, event, taken)
    _follow(write, event, found, taken)
    identity = events.keep(write, event, entry, hashed=found, via=via)
    # Noted last: nothing of an event that could not be taken is left in the request.
    taken.numbers.setdefault((node, event.life), []).append(event.seq)
    taken.chained[identity] = found
    taken.changed.add(node)
    return Receipt(id=item.id, status="stored")


def _fork(write: Write, item: Item, event: AlarmEvent, taken: _Taken) -> Receipt:
    where = f"life {event.life} entry {event.seq}"
    reason = f"fork: {where} is stored with other bytes; two nodes use this identity"
    if sequence.mark_fork(write, event.node, f"{where} came a second time with other bytes"):
        taken.changed.add(event.node)
    refused(write, event.node, "fork", item=item.id, reason=reason, damper=taken.damper)
    return Receipt(id=item.id, status="rejected", reason=reason)


def _follow(write: Write, event: AlarmEvent, found: str, taken: _Taken) -> None:
    """Show a fork where an event does not fit the chain beside it; both are kept as evidence."""
    beside = write.execute(
        "SELECT seq, hash, entry FROM event WHERE node = ? AND life = ? AND seq IN (?, ?)",
        (event.node, event.life, event.seq - 1, event.seq + 1),
    )
    broken = event.seq == 1 and event.prev != GENESIS
    for seq, stored, entry in beside:
        if seq < event.seq:
            broken |= event.prev != stored
        else:
            broken |= decode_event(entry).prev != found
    reason = f"life {event.life} entry {event.seq} does not follow its neighbour"
    if broken and sequence.mark_fork(write, event.node, reason):
        taken.changed.add(event.node)
