"""What the stores must hold: I1, I5 and I8."""

from __future__ import annotations

from collections import Counter

from gateway.journal import GENESIS
from tests.faults.judging.evidence import Message
from tests.faults.judging.looked import Looked
from tests.faults.judging.stores import CentreStore, EdgeStore, events_shed, readings_shed


def kept(run: Looked) -> list[str] | None:
    """I1: what is acknowledged is durable, or counted in a durable shed event."""
    if run.evidence.said is None or run.edge is None or not run.evidence.acknowledgements:
        return None
    missing = gone(run, run.edge)
    counted = readings_shed(run.own)
    return [
        f"acknowledged, not stored, and {counted} counted as shed: {each.topic} {each.payload!r}"
        for each in missing[counted:]
    ]


def gone(run: Looked, edge: EdgeStore) -> list[Message]:
    """Return what was acknowledged and lies in the store neither as a reading nor in quarantine.

    On a store in memory nothing is durable, and a standing alarm says so; before it, and from the
    instant at which the edge is back on its disk, everything is.

    Past what a quarantine keeps of a burst a message that cannot be decoded leaves a reading alone:
    one says of one message that it came, and of no other.
    """
    memory = [span for life in run.lives for span in life.memory]
    spare = Counter(edge.undecodable)
    spare.subtract(
        run.tags[each.point] for each in run.unreadable if each.payload in edge.quarantined
    )
    found = []
    for each in run.evidence.said or ():
        if each.acknowledged is None or any(each.acknowledged in span for span in memory):
            continue
        if each.readable:
            stored = run.is_stored(each)
        elif not (stored := each.payload in edge.quarantined):
            tag = run.tags[each.point]
            stored = spare[tag] > 0
            spare[tag] -= 1
        if not stored:
            found.append(each)
    return found


def nothing_silently(run: Looked) -> list[str] | None:
    """I5: what cannot be decoded lies in quarantine, and each shed event is at the centre."""
    edge, centre = run.edge, run.centre
    if edge is None or centre is None or not run.evidence.delivered:
        return None
    shed = [event for event in run.own if event.kind == "shed"]
    undecodable = run.unreadable if run.evidence.acknowledgements else []
    if not shed and not undecodable:
        return None
    there = {(e.life, e.seq) for e in centre.events}
    found = [
        f"shed event {event.seq} is not at the centre: {event.detail}"
        for event in shed
        if (event.life, event.seq) not in there
    ]
    if undecodable:
        missing = [each for each in gone(run, edge) if not each.readable]
        found += [
            f"undecodable, acknowledged, and not in quarantine: {each.payload!r}"
            for each in missing[readings_shed(run.own) :]
        ]
    return found


def verifies(run: Looked) -> list[str] | None:
    """I8: both journals verify, each life is one chain at the centre, and the anchors fit."""
    stores = [store for store in (run.edge, run.centre) if store is not None]
    found = [problem for store in stores for problem in store.problems]
    if not found and not any(store.events for store in stores):
        return None
    if run.centre is None:
        return found
    return found + chained(run.centre) + same_at_both(run, run.centre) + anchored(run, run.centre)


def chained(centre: CentreStore) -> list[str]:
    """Return where an event at the centre was altered, or does not follow the one before it."""
    found = []
    heads = centre.heads
    for event, (reckoned, stated) in zip(centre.events, centre.hashes, strict=True):
        if reckoned != stated:
            found.append(f"event {event.seq} of life {event.life} was altered at the centre")
        first = GENESIS if event.seq == 1 else None
        before = heads.get((event.node, event.life, event.seq - 1), first)
        if before is not None and event.prev != before:
            found.append(f"event {event.seq} of life {event.life} does not follow the one before")
    return found


def same_at_both(run: Looked, centre: CentreStore) -> list[str]:
    """Return which events the centre has otherwise than the edge, or not at all.

    The last event of a life that is known at either is how far the life went: what lies before it
    was sent, or counted as shed.
    """
    hashes = run.edge.hashes if run.edge is not None else {}
    found = [
        f"event {seq} of life {life} is not the edge's at the centre"
        for (life, seq), ours in hashes.items()
        if centre.heads.get((run.node, life, seq), ours) != ours
    ]
    if not run.evidence.delivered:
        return found
    last: Counter[str] = Counter()
    for event in run.own:
        last[event.life] = max(last[event.life], event.seq)
    missing = [
        f"event {seq} of life {life} is not at the centre"
        for life, newest in last.items()
        for seq in range(1, newest + 1)
        if (run.node, life, seq) not in centre.heads
    ]
    return found + missing[events_shed(run.own) :]


def anchored(run: Looked, centre: CentreStore) -> list[str]:
    """Return which anchors do not fit; the first heartbeat of a life brings one."""
    hashes = run.edge.hashes if run.edge is not None else {}
    found = []
    for (node, life, seq), head in centre.anchors.items():
        held = centre.heads.get((node, life, seq))
        if held is None and not run.evidence.delivered and node == run.node:
            held = hashes.get((life, seq))
        if held != head:
            what = "is of another history" if held is not None else "is of an event that is gone"
            found.append(f"the anchor at {seq} of life {life} {what}")
    if run.evidence.delivered and run.own and not centre.anchors:
        found.append("nothing of the journal is anchored")
    return found
