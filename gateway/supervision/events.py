"""Where an event is kept: once, under its own node, life and number, whoever brought it.

The same for a child's event, for one that a child relays from below, and for the centre's own. In
one transaction it is stored byte for byte, moves the mirror, closes an order, and is put into the
outbox for this centre's own parent and for its exports.
"""

from __future__ import annotations

from gateway.model import AlarmEvent, Cause
from gateway.supervision import acts, escalation, mirror, orders, sequence
from gateway.supervision.retirement import is_retired
from gateway.supervision.write import Write


def keep(write: Write, event: AlarmEvent, entry: bytes, *, hashed: str, via: str = "") -> str:
    """Store an event that is not here yet; return its full id, under which a journal chains it.

    Parameters
    ----------
    hashed
        SHA-256 of the entry.
    via
        The child that relays it; empty when its node speaks here itself.
    """
    rows = write.execute(
        "INSERT INTO event (node, life, seq, epoch, kind, alarm, hazard, hash, entry, received_ns, "
        "via) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING position",
        (
            event.node,
            event.life,
            event.seq,
            event.epoch,
            event.kind,
            event.alarm,
            event.hazard,
            hashed,
            entry,
            write.now_ns,
            via,
        ),
    )
    sequence.place_of(write, event.node, event.life)
    orders.close_by_event(write, event)
    acts.learn(write, event)
    if event.kind == "alarm" and event.alarm:
        moved = mirror.apply(write, event, entry)
        about = mirror.place(write, event)
        if event.cause == Cause.RAISE and not moved and not is_retired(write.database, about):
            # The present state came first, and the mirror is past it: it rose all the same.
            escalation.send_late(write, event, about)
        if about != event.node:
            write.execute(
                "INSERT INTO child_event (position, node, alarm) VALUES (?, ?, ?)",
                (rows[0][0], about, event.alarm),
            )
    write.forward(int(rows[0][0]), event, entry)
    return f"{event.node}/{event.life}/{event.epoch}/{event.seq}"
