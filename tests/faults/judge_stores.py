"""What the stores must hold: I1, I5 and I8."""

from __future__ import annotations

from collections import Counter

from gateway.journal import GENESIS
from tests.faults.evidence import Message
from tests.faults.looked import Looked
from tests.faults.stores import EdgeStore, readings_shed


def kept(run: Looked) -> list[str] | None:
    """I1: what is acknowledged is durable, or counted in a durable shed event."""
    said, edge = run.evidence.said, run.edge
    if said is None or edge is None or not run.evidence.acknowledgements:
        return None
    # On a store in memory nothing is durable, and a standing alarm says so; from the instant at
    # which the edge is back on its disk everything is.
    memory = [span for life in run.lives for span in life.memory]
    missing = [
        each
        for each in unstored(said, run.tags, edge)
        if not any(each.acknowledged in span for span in memory)
    ]
    counted = readings_shed(run.own)
    if len(missing) <= counted:
        return []
    return [
        f"acknowledged, not stored, and {counted} counted as shed: {each.topic} {each.payload!r}"
        for each in missing[counted:]
    ]


def unstored(said: list[Message], tags: tuple[str, ...], edge: EdgeStore) -> list[Message]:
    """Return what was acknowledged and lies in the store neither as a reading nor in quarantine.

    Past what a quarantine keeps of a burst a message that cannot be decoded leaves a reading alone:
    one says of one message that it came, and of no other.
    """
    acknowledged = [each for each in said if each.acknowledged is not None]
    spare = Counter(edge.undecodable)
    spare.subtract(
        tags[each.point]
        for each in acknowledged
        if not each.readable and each.payload in edge.quarantined
    )
    found = []
    for each in acknowledged:
        tag = tags[each.point]
        if each.readable:
            stored = (tag, each.source_ns, each.value) in edge.readings
        else:
            stored = each.payload in edge.quarantined or spare[tag] > 0
            spare[tag] -= each.payload not in edge.quarantined
        if not stored:
            found.append(each)
    return found


def nothing_silently(run: Looked) -> list[str] | None:
    """I5: what cannot be decoded lies in quarantine, and each shed event is at the centre."""
    said, edge, centre = run.evidence.said, run.edge, run.centre
    if edge is None or centre is None or not run.evidence.delivered:
        return None
    there = {(e.life, e.seq) for e in centre.events}
    found = [f"shed event {e.seq} is not at the centre: {e.detail}" for e in edge.events
             if e.kind == "shed" and (e.life, e.seq) not in there]  # fmt: skip
    if said is not None and run.evidence.acknowledgements:
        missing = [each for each in unstored(said, run.tags, edge) if not each.readable]
        found += [
            f"undecodable, acknowledged, and not in quarantine: {each.payload!r}"
            for each in missing[readings_shed(run.own) :]
        ]
    return found


def verifies(run: Looked) -> list[str] | None:
    """I8: both journals verify, each life is one chain at the centre, and the anchors fit."""
    if run.edge is None and run.centre is None:
        return None
    found = []
    for store in (run.edge, run.centre):
        found += store.problems if store is not None else []
    if run.centre is None:
        return found
    heads: dict[tuple[str, str, int], str] = {}
    for event, (reckoned, stated) in zip(run.centre.events, run.centre.hashes, strict=True):
        if reckoned != stated:
            found.append(f"event {event.seq} of life {event.life} was altered at the centre")
        heads[event.node, event.life, event.seq] = reckoned
    for event in run.centre.events:
        first = GENESIS if event.seq == 1 else None
        before = heads.get((event.node, event.life, event.seq - 1), first)
        if before is not None and event.prev != before:
            found.append(f"event {event.seq} of life {event.life} does not follow the one before")
    return found + [
        f"the anchor at {seq} of life {life} is of another history"
        for (node, life, seq), head in run.centre.anchors.items()
        if heads.get((node, life, seq), head) != head
    ]
