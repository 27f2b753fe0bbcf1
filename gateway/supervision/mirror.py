"""The mirror: where each alarm of each child stands, as the child last said it.

An alarm moves only forward: a newer life replaces an older one, and within a life a greater
revision a smaller one. The present state that a child sends at every connection is taken whole:
what stood here and is not in it has ended, unless the mirror is newer than the list. An event that
such a list covers, and that comes after it, tells what was: it lets nothing stand.

What a centre says of a child, here or below, stands under that child: exactly those see it who see
the child. Such alarms are told apart by their owner: nothing that the child sends moves or ends
them, and the owner's own present state does.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.db import Database
from gateway.model import AlarmEvent, Cause, State, Suppression, decode_event
from gateway.northbound.wire import MAX_EVENT_BYTES, UNREADABLE, Present
from gateway.supervision import escalation, retirement, sequence
from gateway.supervision.views import alarms as alarm_view
from gateway.supervision.write import Write

#: In place of a tag in an alarm that a gateway has about itself, after the sign.
ITSELF = "node"

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

    node: str
    life: str
    revision: int
    occurrence: int
    raised_ns: int
    value: float | None
    quality: str
    order_id: str
    standing: int


def standing(state: str, suppression: str) -> bool:
    """Return whether an alarm belongs on the list: not normal, or suppressed."""
    return state != State.NORMAL or suppression != Suppression.NONE


def place(write: Write, event: AlarmEvent) -> str:
    """Return the node under which an alarm stands: whose it is, or the child that it is about.

    A centre is believed of a node that speaks here through the same child as itself; a gateway of
    none but itself.
    """
    child = event.tag.removeprefix("@")
    own = event.alarm == f"{event.node}/@{child}/{event.rule}"
    if not own or not event.tag.startswith("@") or child == event.node:
        return event.node
    rows = write.execute(
        "SELECT 1 FROM node c JOIN node s ON s.node = ? WHERE c.node = ? AND (s.node = ? "
        "OR ((s.via <> '' OR s.relays = 1) "
        "AND COALESCE(NULLIF(c.via, ''), c.node) = COALESCE(NULLIF(s.via, ''), s.node)))",
        (event.node, child, write.node),
    )
    return child if rows else event.node


def vouch(write: Write, event: AlarmEvent, about: str) -> None:
    """See that who speaks of a node may: of another than itself only a centre.

    What comes through a relay was seen to by the tier to which its node speaks itself, which alone
    knows as what that node was paired.

    Raises
    ------
    RefusedError
        A gateway speaks of another node.
    """
    if event.node in {about, write.node}:
        return
    rows = write.execute("SELECT via, relays FROM node WHERE node = ?", (event.node,))
    if rows and not rows[0][0] and not rows[0][1]:
        raise RefusedError(
            f"{event.kind}: {event.node} speaks of {about}, and was not paired as a centre",
            foreign=True,
        )


def apply(write: Write, event: AlarmEvent, entry: bytes) -> bool:
    """Move one alarm to where its event left it; return False for an event the mirror is past.

    It is past whatever its node's last present state covers. Such an event is remembered as the
    alarm's last, which has ended since, or else would be on that list.

    Raises
    ------
    RefusedError
        It names an alarm that a centre has about a child, and is not that centre's or no centre's.
    """
    covered = _is_covered(write, event)
    moved = _follow(write, event, entry, covered=covered)
    return moved and not covered


def _is_covered(write: Write, event: AlarmEvent) -> bool:
    """Whether its node's last present state tells what came of it: of its life, or of a later."""
    rows = write.execute(
        "SELECT present_life, present_seq FROM node WHERE node = ? AND present_life <> ''",
        (event.node,),
    )
    if not rows:
        return False
    life, seq = rows[0]
    if life == event.life:
        return bool(event.seq <= seq)
    # A life that only others remember has no place of its own, before every other: a new one speaks
    # for itself, or is told of, before its events come.
    return sequence.place_of(write, event.node, event.life) < sequence.place_of(
        write, event.node, life
    )


def _follow(write: Write, event: AlarmEvent, entry: bytes, *, covered: bool = False) -> bool:
    """Move one alarm by an event, or by an entry of a present state; return whether it moved.

    Parameters
    ----------
    covered
        The node's last present state tells what came of it: by such an event nothing comes to
        stand, and what stands moves on within its life alone.

    Raises
    ------
    RefusedError
        As `apply`.
    """
    _see_to_speaker(write, event)
    if retirement.is_retired(write.database, event.node):
        # Its last words come late: they are kept, and nothing of it stands any more.
        return False
    node = place(write, event)
    known = _known(write, event.node, event.alarm)
    if known is not None and _is_past(write, event, known):
        return False
    if covered and known is not None and known.standing:
        if known.life != event.life:
            return False
        # The list has it at an older revision than what it says it covers: it is wrong about it.
    elif covered:
        event = msgspec.structs.replace(event, after=State.NORMAL, suppression=Suppression.NONE)
    if known is not None and known.node != node:
        _move(write, event, before=known.node, after=node)
    _save(write, event, entry, known, node=node)
    alarm_view.publish(write, node, event.alarm)
    if event.after != State.NORMAL:
        escalation.send(write, event, node, stood=known is not None and bool(known.standing))
    return True


def _see_to_speaker(write: Write, event: AlarmEvent) -> None:
    whose, _, rest = event.alarm.partition("/")
    if rest.startswith("@") and whose != event.node:
        raise RefusedError(
            f"event: {event.alarm} is an alarm of {whose}, not of {event.node}", foreign=True
        )
    about = rest.partition("/")[0].removeprefix("@")
    if rest.startswith("@") and about != ITSELF:
        vouch(write, event, about)


def _is_past(write: Write, event: AlarmEvent, known: _Known) -> bool:
    if known.life == event.life:
        return event.revision <= known.revision
    return sequence.place_of(write, event.node, event.life) <= sequence.place_of(
        write, event.node, known.life
    )


def present(database: Database, node: str, life: str, seq: int) -> Present:
    """Return where a node's alarms stand here, for the tier above: the last event of each.

    It is complete to `seq`, up to which the node's own last list told everything, and beyond that
    as far as no event is missing here. What lies beyond may be known above.
    """
    rows = database.execute(
        "SELECT entry FROM mirror WHERE owner = ? AND standing = 1 AND life = ? ORDER BY alarm",
        (node, life),
    )
    return Present(
        life=life,
        seq=sequence.gapless_to(database, node, life, after=seq),
        alarms=[msgspec.Raw(bytes(row[0])) for row in rows],
    )


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
        _follow(write, event, entry)
    _close_absent(write, node, present, {event.alarm for event, _ in events})
    # Also where the number is smaller, as that of a node whose disk was put back: what it makes
    # from there on is news.
    write.execute(
        "UPDATE node SET present_life = ?, present_seq = ? WHERE node = ?",
        (present.life, present.seq, node),
    )
    write.tell_parent("present", node)


def _close_absent(write: Write, owner: str, present: Present, listed: set[str]) -> None:
    rows = write.execute(
        "SELECT node, alarm, life, seq, state FROM mirror WHERE owner = ? AND standing = 1",
        (owner,),
    )
    for node, alarm, life, seq, state in rows:
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


def _known(write: Write, owner: str, alarm: str) -> _Known | None:
    rows = write.execute(
        "SELECT node, life, revision, occurrence, raised_ns, value, quality, order_id, standing "
        "FROM mirror WHERE owner = ? AND alarm = ?",
        (owner, alarm),
    )
    return _Known(*rows[0]) if rows else None


def _move(write: Write, event: AlarmEvent, *, before: str, after: str) -> None:
    """Let an alarm stand under the child it is about, which was not known when it first came."""
    write.execute(
        "UPDATE mirror SET node = ? WHERE node = ? AND alarm = ?", (after, before, event.alarm)
    )
    for node in (before, after):
        write.publish("reset", node, b"{}")


def _save(
    write: Write, event: AlarmEvent, entry: bytes, known: _Known | None, *, node: str
) -> None:
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
        "quality, entry, order_id, owner) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (node, alarm) DO UPDATE SET life = excluded.life, "
        "revision = excluded.revision, seq = excluded.seq, occurrence = excluded.occurrence, "
        "state = excluded.state, suppression = excluded.suppression, standing = excluded.standing, "
        "priority = excluded.priority, tag = excluded.tag, area = excluded.area, "
        "hazard = excluded.hazard, rule = excluded.rule, raised_ns = excluded.raised_ns, "
        "changed_ns = excluded.changed_ns, received_ns = excluded.received_ns, "
        "value = excluded.value, quality = excluded.quality, entry = excluded.entry, "
        "order_id = excluded.order_id, owner = excluded.owner",
        (
            node,
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
            event.node,
        ),
    )


def _waits(write: Write, order_id: str) -> bool:
    if not order_id:
        return False
    rows = write.execute("SELECT status FROM site_order WHERE id = ?", (order_id,))
    return bool(rows) and rows[0][0] in {"pending", "sent"}
