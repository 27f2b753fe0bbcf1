"""What a centre says itself: its alarms about its children, its acts, for here and for above.

Such an event is one of a gapless stream with a life of its own (`Write.own`). It is stored, shown
and sent up exactly as a child's event is; the parent takes it like any child's. The journal chains
its hash as it chains theirs.
"""

from __future__ import annotations

from typing import Any

from gateway.journal import digest
from gateway.model import AlarmEvent
from gateway.supervision import events, opening, sequence
from gateway.supervision.views import nodes as node_view
from gateway.supervision.write import Write


def describe(write: Write, *, name: str, division: str) -> None:
    """Note what this centre is called and where it stands, for when it first says something."""
    opening.set_value(write.database, "name", name)
    opening.set_value(write.database, "division", division)
    moved = write.execute(
        "UPDATE node SET name = ?, division = ? WHERE node = ? AND division <> ? RETURNING node",
        (name, division, write.node, division),
    )
    write.scopes_changed |= bool(moved)


def tell(write: Write, kind: str = "alarm", **fields: Any) -> AlarmEvent:
    """Make, store and show one of the centre's own events, and send it up.

    Parameters
    ----------
    kind
        "alarm" for a transition of one of the centre's own alarms (id `node/@.../rule`): then the
        mirror follows it. Any other is told and kept.
    fields
        Of `gateway.model.AlarmEvent`; identity, time and chain are given here.
    """
    begin(write)
    event, entry = write.seal(kind, **fields)
    keep(write, event, entry)
    return event


def begin(write: Write) -> None:
    """See that the stream has begun; before anything is sealed with `Write.own_chain`."""
    if not _is_known(write):
        _appear(write)


def keep(write: Write, event: AlarmEvent, entry: bytes) -> None:
    """Store and show an event of the stream, and send it up."""
    hashed = digest(entry)
    identity = events.keep(write, event, entry, hashed=hashed)
    sequence.arrived(write, event.node, event.life, [event.seq])
    write.journal("told", alarm=event.alarm, detail={identity: hashed})
    node_view.publish(write, write.node)


def _is_known(write: Write) -> bool:
    rows = write.execute("SELECT via FROM node WHERE node = ?", (write.node,))
    return bool(rows) and sequence.current_life(write.database, write.node) == write.own.life


def _appear(write: Write) -> None:
    """Begin the stream: a row among the nodes, and the first event of the life."""
    name = opening.value_of(write.database, "name") or write.node
    division = opening.value_of(write.database, "division")
    write.execute(
        "INSERT INTO node (node, name, enterprise, uscc, division, assigned, grid, public_key, "
        "inventory, refused_division, fork, paired_ns, via) "
        "VALUES (?, ?, '', '', ?, 1, '', '', '', '', '', ?, ?) ON CONFLICT (node) DO NOTHING",
        (write.node, name, division, write.now_ns, write.node),
    )
    sequence.meet(write, write.node, write.own.life, write.own.epoch)
    write.scopes_changed = True
    event, entry = write.seal("life", detail={"life": write.own.life, "journal": write.life})
    keep(write, event, entry)
