"""The mirror: where each alarm of each child stands, as the child last said it.

An alarm moves only forward: a newer life replaces an older one, and within a life a greater
revision a smaller one. The present state that a child sends at every connection is taken whole:
what stood here and is not in it has ended, unless the mirror is newer than the list.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.model import AlarmEvent, Cause, State, Suppression, decode_event
from gateway.northbound.wire import MAX_EVENT_BYTES, UNREADABLE, Present
from gateway.supervision import sequence
from gateway.supervision.store import Write
from gateway.supervision.views import alarms as alarm_view

decode_present = msgspec.json.Decoder(Present).decode


class RefusedError(Exception):
    """An item cannot be taken; the text is the receipt's reason.

    Parameters
    ----------
    foreign
        True where the item speaks for another node: that is journalled.
    """

    def __init__(self, text: str, *, foreign: bool = False) -> None:
        super().__init__(text)
        self.foreign = foreign


@dataclass(frozen=True, slots=True)
class _Known:
    """What the mirror holds of an alarm."""

    life: str
    revision: int
    occurrence: int
    raised_ns: int
    value: float | None
    quality: str
    order_id: str


def standing(state: str, suppression: str) -> bool:
    """Return whether an alarm belongs on the list: not normal, or suppressed."""
    return state != State.NORMAL or suppression != Suppression.NONE


def apply(write: Write, event: AlarmEvent, entry: bytes) -> bool:
    """Move one alarm to where its event left it; return False for an event the mirror is past."""
    known = _known(write, event.node, event.alarm)
    if known is not None:
        if known.life == event.life:
            if event.revision <= known.revision:
                return False
        elif sequence.place_of(write, event.node, event.life) <= sequence.place_of(
            write, event.node, known.life
        ):
            return False
    _save(write, event, entry, known)
    alarm_view.publish(write, event.node, event.alarm)
    return True


def take_present(write: Write, node: str, body: bytes) -> None:
    """Take a child's present state whole.

    Raises
    ------
    RefusedError
        It is not readable, speaks for another node, or belongs to an older life.
    """
    try:
        present = decode_present(body)
        events = [(decode_event(bytes(raw)), bytes(raw)) for raw in present.alarms]
    except UNREADABLE as error:
        raise RefusedError(f"present state: not readable: {error}") from error
    for event, entry in events:
        if len(entry) > MAX_EVENT_BYTES:
            raise RefusedError(f"present state: an entry has more than {MAX_EVENT_BYTES} bytes")
        if event.node != node:
            raise RefusedError(
                f"present state: speaks for {event.node}, the credential is {node}'s", foreign=True
            )
        if event.life != present.life or event.kind != "alarm" or not event.alarm:
            raise RefusedError(
                f"present state: entry {event.life}/{event.seq} is no alarm of life {present.life}"
            )
    if present.life != sequence.current_life(write.database, node):
        raise RefusedError(f"present state: life {present.life} is older than the one that speaks")
    for event, entry in events:
        apply(write, event, entry)
    _close_absent(write, node, present, {event.alarm for event, _ in events})


def _close_absent(write: Write, node: str, present: Present, listed: set[str]) -> None:
    rows = write.execute(
        "SELECT alarm, life, seq, state FROM mirror WHERE node = ? AND standing = 1", (node,)
    )
    for alarm, life, seq, state in rows:
        if alarm in listed or (life == present.life and seq > present.seq):
            continue
        # It ended in the present life. Else a node that returns to the life of its disk could say
        # nothing of what stands there: its revisions would be known already.
        ended = life != present.life
        write.execute(
            "UPDATE mirror SET state = ?, suppression = ?, standing = 0, changed_ns = ?, "
            "received_ns = ?, life = ?, revision = CASE WHEN ? THEN 0 ELSE revision END "
            "WHERE node = ? AND alarm = ?",
            (State.NORMAL, Suppression.NONE, write.now_ns, write.now_ns, present.life, ended, node,
             alarm),
        )  # fmt: skip
        write.journal(
            "mirror",
            alarm=alarm,
            detail={
                "node": node,
                "before": state,
                "reason": "absent from the present state",
                "life": present.life,
            },
        )
        alarm_view.publish(write, node, alarm)


def _known(write: Write, node: str, alarm: str) -> _Known | None:
    rows = write.execute(
        "SELECT life, revision, occurrence, raised_ns, value, quality, order_id FROM mirror "
        "WHERE node = ? AND alarm = ?",
        (node, alarm),
    )
    return _Known(*rows[0]) if rows else None


def _save(write: Write, event: AlarmEvent, entry: bytes, known: _Known | None) -> None:
    same = known is not None and (known.life, known.occurrence) == (event.life, event.occurrence)
    changed_ns = event.source_ns or event.received_ns
    raised_ns = known.raised_ns if known is not None and same else changed_ns
    value, quality = event.value, event.quality
    # Acts of people carry no reading: the card goes on showing the one that decided.
    if value is None and event.cause not in {Cause.RAISE, Cause.CLEAR} and known is not None:
        value, quality = known.value, quality or known.quality
    order_id = known.order_id if known is not None and _waits(write, known.order_id) else ""
    write.execute(
        "INSERT INTO mirror (node, alarm, life, revision, seq, occurrence, state, suppression, "
        "standing, priority, tag, area, hazard, rule, raised_ns, changed_ns, received_ns, value, "
        "quality, entry, order_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (node, alarm) DO UPDATE SET life = excluded.life, "
        "revision = excluded.revision, seq = excluded.seq, occurrence = excluded.occurrence, "
        "state = excluded.state, suppression = excluded.suppression, standing = excluded.standing, "
        "priority = excluded.priority, tag = excluded.tag, area = excluded.area, "
        "hazard = excluded.hazard, rule = excluded.rule, raised_ns = excluded.raised_ns, "
        "changed_ns = excluded.changed_ns, received_ns = excluded.received_ns, "
        "value = excluded.value, quality = excluded.quality, entry = excluded.entry, "
        "order_id = excluded.order_id",
        (
            event.node,
            event.alarm,
            event.life,
            event.revision,
            event.seq,
            event.occurrence,
            event.after,
            event.suppression,
            int(standing(event.after, event.suppression)),
            event.priority,
            event.tag,
            event.area,
            event.hazard,
            event.rule,
            raised_ns,
            changed_ns,
            write.now_ns,
            value,
            quality,
            entry,
            order_id,
        ),
    )


def _waits(write: Write, order_id: str) -> bool:
    if not order_id:
        return False
    rows = write.execute("SELECT status FROM site_order WHERE id = ?", (order_id,))
    return bool(rows) and rows[0][0] in {"pending", "sent"}
