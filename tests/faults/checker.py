"""One judge for every run of the laboratory: the invariants I1 to I10 of the design.

Each invariant is a function of the evidence. It returns None where the run shows nothing of it,
which is told as "not observed", never as "held"; otherwise the violations it found, each as a
sentence with an example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from gateway.journal import GENESIS
from gateway.model import NANOSECONDS, AlarmEvent, State
from gateway.roles.edge.site import load_site
from tests.faults.evidence import Evidence, Message
from tests.faults.expectation import Move, expected
from tests.faults.stores import CentreStore, EdgeStore, read_centre, read_edge, shed

#: Examples of one invariant that a verdict carries.
EXAMPLES: Final = 20
#: Rules about the sensor, not about what it measures: the reference of the levels has none of them.
ABOUT_SENSORS: Final = frozenset({"no_data", "fault", "clock"})
#: The tag of the alarms that a node raises about itself.
OWN: Final = "@node"
#: Begins every tag that is no point's: of the node itself, of what a centre says of its children.
NO_POINT: Final = "@"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge found: violations by invariant, and which invariants could be judged."""

    violations: dict[str, tuple[str, ...]]
    observed: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many violations there are in all."""
        return sum(len(each) for each in self.violations.values())


class Case:
    """The evidence with everything that is read or reckoned from it once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    @cached_property
    def edge(self) -> EdgeStore | None:
        """The edge's store."""
        folder = self.evidence.edge
        return read_edge(folder) if folder is not None else None

    @cached_property
    def centre(self) -> CentreStore | None:
        """The centre's store."""
        folder = self.evidence.centre
        return read_centre(folder) if folder is not None else None

    @cached_property
    def should(self) -> set[Move]:
        """What the plain reference makes of what was said."""
        evidence = self.evidence
        if evidence.site is None or evidence.said is None:
            return set()
        return expected(evidence.site, evidence.said)

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The tag of each point."""
        return load_site(self.evidence.site).plant.points.tags if self.evidence.site else ()

    @property
    def moves(self) -> list[AlarmEvent]:
        """Raises and clears of what is measured, as the centre holds them."""
        events = self.centre.events if self.centre is not None else []
        return [
            event
            for event in events
            if event.cause in {"raise", "clear"}
            and not event.tag.startswith(NO_POINT)
            and event.rule not in ABOUT_SENSORS
        ]

    @property
    def lives(self) -> int:
        """How many lives the edge had."""
        return len({event.life for event in self.own})

    @cached_property
    def own(self) -> list[AlarmEvent]:
        """Every event known of the edge, from both stores, each once."""
        events: dict[tuple[str, int], AlarmEvent] = {}
        for store in (self.edge, self.centre):
            for event in store.events if store is not None else ():
                events[event.life, event.seq] = event
        return list(events.values())


RETURNED: Final = frozenset(
    {State.RETURNED_UNACKNOWLEDGED, State.LATCHED_UNACKNOWLEDGED, State.LATCHED_ACKNOWLEDGED}
)


def kept(case: Case) -> list[str] | None:
    """I1: what is acknowledged is durable, or counted in a durable shed event."""
    said, edge = case.evidence.said, case.edge
    if said is None or edge is None or not case.evidence.acknowledgements:
        return None
    lost_ns = min(
        (e.received_ns for e in case.own if e.rule == "storage_lost" and e.cause == "raise"),
        default=None,
    )
    missing = [
        each
        for each in said
        if each.acknowledged is not None
        and not is_stored(each, case.tags, edge)
        # On a store in memory nothing is durable, and the standing alarm says so.
        and (lost_ns is None or each.acknowledged < lost_ns)
    ]
    counted = shed(case.own)
    if len(missing) <= counted:
        return []
    return [
        f"acknowledged, not stored, and {counted} counted as shed: {each.topic} {each.payload!r}"
        for each in missing[counted:]
    ]


def is_stored(message: Message, tags: tuple[str, ...], edge: EdgeStore) -> bool:
    """Whether a message lies in the store, as a reading or in quarantine."""
    if not message.readable:
        # Past what a quarantine keeps of a burst, the readings say that something came.
        return message.payload in edge.quarantined or edge.undecodable[tags[message.point]] > 0
    return (tags[message.point], message.source_ns, message.value) in edge.readings


def none_lost(case: Case) -> list[str] | None:
    """I2: no alarm is lost, and none stands at the centre that no reading made."""
    if case.evidence.said is None or case.centre is None or not case.evidence.delivered:
        return None
    there = {Move(e.alarm, e.cause, e.source_ns) for e in case.moves}
    # What stood when a life began is carried into it, as returned where it had: what moved it may
    # have died with the life before.
    carried = [e for e in case.centre.events if e.cause == "carry"]
    latest = {("raise", e.alarm): e.source_ns for e in carried}
    latest |= {("clear", e.alarm): e.source_ns for e in carried if e.after in RETURNED}
    absent = {
        move
        for move in case.should - there
        if latest.get((move.cause, move.alarm), 0) < move.source_ns
    }
    raised = {move for move in there - case.should if move.cause == "raise"}
    for move in sorted(raised):
        # A delay ran out by the clock because the reading that ended it was held up: not lost.
        twin = next((other for other in sorted(absent) if by_clock(move, other)), None)
        if twin is not None:
            absent.discard(twin)
            raised.discard(move)
    lost = [f"lost: {move}" for move in sorted(absent)]
    # A new life tells anew what stands: with the time of the reading that shows it.
    again = {move.alarm for move in case.should} if case.lives > 1 else set()
    return lost + [f"raised by nothing: {m}" for m in sorted(raised) if m.alarm not in again]


def by_clock(told: Move, should: Move) -> bool:
    """Whether a move was told at the whole second beside the reading that should have made it."""
    return (
        told[:2] == should[:2]
        and told.source_ns % NANOSECONDS == 0
        and abs(told.source_ns - should.source_ns) < NANOSECONDS
    )


def once_and_in_order(case: Case) -> list[str] | None:
    """I3: by event id, and within a life, nothing is there twice, no revision is passed over."""
    if case.centre is None:
        return None
    ids = Counter((e.node, e.life, e.seq) for e in case.centre.events)
    found = [f"event {key} is there {n} times" for key, n in ids.items() if n > 1]
    moves = [e for e in case.moves if not (case.evidence.replayed and e.historical)]
    twice = Counter((e.life, e.alarm, e.cause, e.source_ns) for e in moves)
    found += [f"told {n} times: {key}" for key, n in twice.items() if n > 1]
    newest: dict[tuple[str, str, str], int] = {}
    for event in case.centre.events:
        key = (event.node, event.life, event.alarm)
        if event.kind != "alarm":
            continue
        if event.revision != newest.get(key, 0) + 1:
            found.append(f"revision {event.revision} after {newest.get(key, 0)}: {event.alarm}")
        newest[key] = max(event.revision, newest.get(key, 0))
    return found


def fail_safe(case: Case) -> list[str] | None:
    """I4: an alarm clears on a reading that is there, GOOD and inside its limit alone."""
    if case.evidence.said is None or case.centre is None:
        return None
    found = []
    for event in case.moves:
        if event.cause != "clear":
            continue
        if event.quality not in {"", "GOOD"}:
            found.append(f"cleared by {event.quality}: {event.alarm} at {event.source_ns}")
        elif Move(event.alarm, "clear", event.source_ns) not in case.should and not (
            case.lives > 1 and is_inside(case, event)
        ):
            found.append(f"cleared by nothing: {event.alarm} at {event.source_ns}")
    faulty = {e.tag for e in case.centre.events if e.rule == "fault" and e.cause == "raise"}
    unreadable = {
        case.tags[each.point]
        for each in case.evidence.said
        if not each.readable and each.acknowledged is not None
    }
    return found + [f"undecodable, and no fault: {tag}" for tag in sorted(unreadable - faulty)]


def is_inside(case: Case, event: AlarmEvent) -> bool:
    """Whether a reading of that point and time lies below the limit that the event states.

    A new life may have missed the reading that cleared before, and clears on a later one.
    """
    return any(
        case.tags[each.point] == event.tag
        and each.source_ns == event.source_ns
        and event.limit is not None
        and each.value < event.limit
        for each in case.evidence.said or ()
    )


def nothing_silently(case: Case) -> list[str] | None:
    """I5: what cannot be decoded lies in quarantine, and each shed event is at the centre."""
    said, edge, centre = case.evidence.said, case.edge, case.centre
    if edge is None or centre is None or not case.evidence.delivered:
        return None
    there = {(e.life, e.seq) for e in centre.events}
    found = [f"shed event {e.seq} is not at the centre: {e.detail}" for e in edge.events
             if e.kind == "shed" and (e.life, e.seq) not in there]  # fmt: skip
    if said is not None and case.evidence.acknowledgements and not shed(case.own):
        found += [
            f"undecodable, acknowledged, and not in quarantine: {each.payload!r}"
            for each in said
            if not each.readable
            and each.acknowledged is not None
            and not is_stored(each, case.tags, edge)
        ]
    return found


def bounded(case: Case) -> list[str] | None:
    """I6: memory, descriptors and files stay under their caps."""
    if case.evidence.bounds is None:
        return None
    return [
        f"{each.what}: {each.most:g}, at most {each.limit:g} is allowed"
        for each in case.evidence.bounds
        if each.most > each.limit
    ]


def at_once(case: Case) -> list[str] | None:
    """I7: the siren is commanded in time, whatever uplink, disk or screen do."""
    if case.evidence.sounded is None:
        return None
    return [
        f"{each.what}: the siren was commanded "
        f"{'never' if each.seconds is None else f'{each.seconds:.3f} s'} after the reading, "
        f"at most {each.limit_s:g} s is allowed"
        for each in case.evidence.sounded
        if each.late
    ]


def verifies(case: Case) -> list[str] | None:
    """I8: both journals verify, each life is one chain at the centre, and the anchors fit."""
    if case.edge is None and case.centre is None:
        return None
    found = []
    for store in (case.edge, case.centre):
        found += store.problems if store is not None else []
    if case.centre is None:
        return found
    heads: dict[tuple[str, str, int], str] = {}
    for event, (reckoned, stated) in zip(case.centre.events, case.centre.hashes, strict=True):
        if reckoned != stated:
            found.append(f"event {event.seq} of life {event.life} was altered at the centre")
        heads[event.node, event.life, event.seq] = reckoned
    for event in case.centre.events:
        first = GENESIS if event.seq == 1 else None
        before = heads.get((event.node, event.life, event.seq - 1), first)
        if before is not None and event.prev != before:
            found.append(f"event {event.seq} of life {event.life} does not follow the one before")
    return found + [
        f"the anchor at {seq} of life {life} is of another history"
        for (node, life, seq), head in case.centre.anchors.items()
        if heads.get((node, life, seq), head) != head
    ]


def kept_apart(case: Case) -> list[str] | None:
    """I9: no byte crosses a division boundary."""
    return case.evidence.foreign


def normal_again(case: Case) -> list[str] | None:
    """I10: after the fault all is normal again unaided: in time, the tiers agree, nothing waits."""
    evidence = case.evidence
    found = [
        f"{each.what}: again {'never' if each.seconds is None else f'after {each.seconds:.1f} s'}, "
        f"at most {each.limit_s:g} s is allowed"
        for each in evidence.recovered or ()
        if each.seconds is None or each.seconds > each.limit_s
    ]
    edge, centre = case.edge, case.centre
    if edge is None or centre is None or evidence.memory or not evidence.delivered:
        return found if evidence.recovered is not None else None
    if edge.waiting:
        found.append(f"{edge.waiting} events still wait in the outbox")
    found += [
        f"{alarm}: {state} at the edge, {centre.states.get(alarm)} at the centre"
        for alarm, state in edge.states.items()
        if state[1] and centre.states.get(alarm) != state
    ]
    found += [
        f"{alarm} stands"
        for alarm, (state, _) in edge.states.items()
        if f"/{OWN}/" in alarm and active(state) and alarm.rpartition("/")[2] not in evidence.silent
    ]
    return found


def active(state: str) -> bool:
    """Whether an alarm's condition holds in this state."""
    return state in {State.UNACKNOWLEDGED, State.ACKNOWLEDGED}


INVARIANTS: Final[dict[str, Callable[[Case], list[str] | None]]] = {
    "I1": kept,
    "I2": none_lost,
    "I3": once_and_in_order,
    "I4": fail_safe,
    "I5": nothing_silently,
    "I6": bounded,
    "I7": at_once,
    "I8": verifies,
    "I9": kept_apart,
    "I10": normal_again,
}


def check(evidence: Evidence) -> Verdict:
    """Judge a run: every invariant that it shows something of."""
    case = Case(evidence)
    violations: dict[str, tuple[str, ...]] = {}
    observed = []
    for name, judge in INVARIANTS.items():
        found = judge(case)
        seen = evidence.found.get(name)
        if found is None and seen is None:
            continue
        observed.append(name)
        if found or seen:
            violations[name] = shortened([*(seen or ()), *(found or ())])
    return Verdict(violations, tuple(observed))


def shortened(found: Iterable[str]) -> tuple[str, ...]:
    """Return the first examples, and how many more there are."""
    every = list(found)
    more = len(every) - EXAMPLES
    return (*every[:EXAMPLES], *([f"and {more} more"] if more > 0 else ()))
