"""The desk: where detections and operators' orders become transitions of alarms, in one order.

It holds every alarm's status in memory and makes the events; the store keeps what it is given in
the same order. The desk knows no clock: every call brings its time. An order carries the revision
its sender saw and is refused when the alarm has moved since.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from device_profiles.quality import Quality
from gateway.alarms.definitions import AlarmDefinition, Definitions, Level
from gateway.alarms.lifecycle import IllegalTransitionError, Status, step
from gateway.alarms.re_alarm import ReAlarms
from gateway.alarms.requests import ORDERS, RefusedError, Request, check_suppression, possible
from gateway.journal import Chain
from gateway.model import (
    AlarmEvent,
    Cause,
    Contribution,
    Detection,
    Priority,
    State,
    Suppression,
    decode_event,
)


@dataclass(frozen=True, slots=True)
class Transition:
    """One event with its bytes, and where the alarm stands after it (None for the node's own)."""

    event: AlarmEvent
    entry: bytes
    status: Status | None = None


class Desk:
    """Every alarm of the node and what may move it.

    Parameters
    ----------
    definitions
        Every alarm of the node.
    chain
        Where events get their sequence and hash.
    statuses, entries
        What the store holds: status and last event of each alarm that ever moved.
    clock_source
        What the node's clock is disciplined by, as events state it.
    """

    def __init__(
        self,
        definitions: Definitions,
        chain: Chain,
        *,
        statuses: Mapping[str, Status] | None = None,
        entries: Mapping[str, bytes] | None = None,
        clock_source: str = "system",
    ) -> None:
        self.definitions = definitions
        self.chain = chain
        self.statuses = dict(statuses or {})
        self.entries = dict(entries or {})
        self.clock_source = clock_source
        # Alarms that stand on late data, to be confirmed when the backlog has drained; in order.
        self.unconfirmed = dict.fromkeys(
            alarm
            for alarm, status in self.statuses.items()
            if status.historical and status.active and alarm in definitions
        )
        # What is asked for at every change or each second, kept as alarms move: in a flood there
        # are tens of thousands. What sounds is told in the order in which it began to.
        self._sounding: dict[str, AlarmDefinition] = {}
        self._suppressed: dict[str, None] = {}
        self.re_alarms = ReAlarms()
        self._standing: set[str] = set()
        for alarm, status in self.statuses.items():
            definition = definitions.get(alarm)
            self._note(alarm, status, definition)
            if definition and definition.re_alarm_ns and status.state == State.ACKNOWLEDGED:
                since = decode_event(self.entries[alarm]).received_ns
                self.re_alarms.acknowledged(definition, since)

    def status(self, alarm: str) -> Status:
        """Where an alarm stands; one that never moved is normal."""
        return self.statuses.get(alarm, Status())

    def detect(self, detection: Detection) -> list[Transition]:
        """Take one edge of a detector; an edge that changes nothing makes no event."""
        definition = self.definitions[detection.row]
        status = self.status(definition.alarm)
        if detection.active == status.active:
            if not (detection.active and status.historical and not detection.historical):
                return []
            cause = Cause.CONFIRM
        else:
            cause = Cause.RAISE if detection.active else Cause.CLEAR
        moved = step(status, cause, latch=definition.latch, historical=detection.historical)
        return [
            self._event(
                definition,
                status,
                moved,
                cause,
                source_ns=detection.time_ns,
                received_ns=detection.received_ns,
                value=detection.value if math.isfinite(detection.value) else None,
                quality=Quality(detection.quality).name,
                historical=moved.historical,
                predicted_ns=detection.predicted_ns or None,
                contributions=detection.contributions,
                clock_offset_ns=detection.clock_offset_ns,
            )
        ]

    def confirm(self, alarms: Iterable[str], *, now_ns: int) -> list[Transition]:
        """Bring those of these alarms that stand on late data into live alarm."""
        found: list[Transition] = []
        for alarm in [alarm for alarm in alarms if alarm in self.unconfirmed]:
            definition, status = self._definition(alarm), self.status(alarm)
            if status.active and status.historical:
                moved = step(status, Cause.CONFIRM, latch=definition.latch)
                found.append(self._timed(definition, status, moved, Cause.CONFIRM, now_ns))
            self.unconfirmed.pop(alarm, None)
        return found

    def order(self, request: Request, *, now_ns: int) -> list[Transition]:
        """Carry out what an operator asks.

        Raises
        ------
        RefusedError
            Nobody's name, unknown alarm, stale revision, not possible in this state, or not allowed
            for this rule.
        """
        if not request.operator.strip():
            raise RefusedError(
                "no_operator", f"{request.alarm}: nobody is named; an order says who gives it"
            )
        definition = self.definitions.get(request.alarm)
        if definition is None:
            raise RefusedError("unknown_alarm", f"{request.alarm}: no such alarm at this node")
        if request.cause not in ORDERS:
            raise RefusedError("not_an_order", f"{request.cause}: only the plant does that")
        status = self.status(request.alarm)
        if request.revision != status.revision:
            raise RefusedError(
                "stale_revision",
                f"{request.alarm}: it has moved (revision {status.revision}, the order saw "
                f"{request.revision}); look again and repeat the order",
            )
        if request.cause in {Cause.SHELVE, Cause.OUT_OF_SERVICE}:
            check_suppression(definition, request, now_ns=now_ns)
        try:
            moved = step(status, request.cause, latch=definition.latch, until_ns=request.until_ns)
        except IllegalTransitionError:
            aside = "" if status.suppression == Suppression.NONE else f", {status.suppression}"
            raise RefusedError(
                "not_possible",
                f"{request.alarm}: {request.cause} is not possible in state {status.state}{aside}; "
                f"possible: {', '.join(possible(definition, status)) or 'nothing'}",
            ) from None
        return [
            self._event(
                definition,
                status,
                moved,
                request.cause,
                source_ns=now_ns,
                received_ns=now_ns,
                historical=moved.historical,
                operator=request.operator,
                comment=request.comment,
                detail={"order": request.order} if request.order else {},
            )
        ]

    def expire(self, now_ns: int) -> list[Transition]:
        """End the suppressions whose time has run out."""
        found: list[Transition] = []
        for alarm in list(self._suppressed):
            status, definition = self.statuses[alarm], self.definitions.get(alarm)
            if definition is None or now_ns < status.suppressed_until_ns:
                continue
            moved = step(status, Cause.EXPIRE, latch=definition.latch)
            found.append(self._timed(definition, status, moved, Cause.EXPIRE, now_ns))
        return found

    def re_alarm(self, now_ns: int) -> list[Transition]:
        """Tell those again that were acknowledged so long ago and whose condition still holds.

        One that is put aside waits: when its suppression ends it is unacknowledged anyway.
        """
        found: list[Transition] = []
        for alarm in self.re_alarms.due(now_ns):
            definition, status = self._definition(alarm), self.statuses[alarm]
            if status.suppression != Suppression.NONE:
                continue
            moved = step(status, Cause.RE_ALARM, latch=definition.latch)
            found.append(self._timed(definition, status, moved, Cause.RE_ALARM, now_ns))
        return found

    def set_clock(self, before_ns: int, after_ns: int) -> Transition:
        """Tell that the clock was set: what ends by it ends that much later, in the store too."""
        step_ns = after_ns - before_ns
        for alarm in self._suppressed:
            status = self.statuses[alarm]
            until_ns = status.suppressed_until_ns + step_ns
            self.statuses[alarm] = msgspec.structs.replace(status, suppressed_until_ns=until_ns)
        self.re_alarms.set_clock(step_ns)
        detail = {"before_ns": before_ns, "after_ns": after_ns, "step_ns": step_ns}
        return self.note("clock", now_ns=after_ns, detail=detail)

    def retire(self, *, now_ns: int) -> list[Transition]:
        """Close the alarms that stand and that the site file no longer defines."""
        gone = [
            alarm
            for alarm, status in self.statuses.items()
            if status.standing and alarm not in self.definitions
        ]
        found = []
        for alarm in gone:
            last = decode_event(self.entries[alarm])
            before = self.statuses[alarm]
            after = Status(occurrence=before.occurrence, revision=before.revision + 1)
            definition = AlarmDefinition(
                alarm=alarm,
                tag=last.tag,
                rule=last.rule,
                level=Level.NODE,
                area=last.area,
                division=last.division,
                hazard=last.hazard,
                unit=last.unit,
                limit=last.limit,
                priority=Priority(last.priority),
            )
            found.append(
                self._event(
                    definition, before, after, Cause.RETIRE, source_ns=now_ns, received_ns=now_ns
                )
            )
        return found

    def begin_life(self, chain: Chain, *, now_ns: int) -> list[Transition]:
        """Go on in a new life: every alarm that stands is told anew, its counters at one."""
        standing = {a: s for a, s in self.statuses.items() if s.standing and a in self.definitions}
        told = {alarm: self._contributions(alarm) for alarm in standing}
        self.chain, self.statuses, self.entries, self.unconfirmed = chain, {}, {}, {}
        self._sounding, self._suppressed, self._standing = {}, {}, set()
        self.re_alarms = ReAlarms()
        found = [self.note("life", now_ns=now_ns)]
        for alarm, status in standing.items():
            after = msgspec.structs.replace(status, occurrence=1, revision=1)
            found.append(
                self._event(
                    self._definition(alarm),
                    Status(),
                    after,
                    Cause.CARRY,
                    source_ns=now_ns,
                    received_ns=now_ns,
                    historical=status.historical,
                    contributions=told[alarm],
                )
            )
        return found

    def note(self, kind: str, *, now_ns: int, **fields: object) -> Transition:
        """Make an event of the node itself (a life, a start, a refused order, readings shed)."""
        event, entry = self.chain.seal(
            kind, source_ns=now_ns, received_ns=now_ns, clock_source=self.clock_source, **fields
        )
        return Transition(event, entry)

    def present(self) -> list[bytes]:
        """Return the last event of each alarm that stands, byte for byte."""
        return [
            self.entries[alarm]
            for alarm, status in self.statuses.items()
            if status.standing and alarm in self.entries
        ]

    @property
    def standing(self) -> int:
        """How many alarms stand."""
        return len(self._standing)

    def sounding(self) -> Collection[AlarmDefinition]:
        """Return the alarms for which the siren sounds: live, unacknowledged, not suppressed.

        First which began to sound first. It is a view: it shows what sounds when it is looked at.
        """
        return self._sounding.values()

    def _definition(self, alarm: str) -> AlarmDefinition:
        """Return the definition of an alarm that is known to be one of this node's."""
        found = self.definitions.get(alarm)
        if found is None:
            raise KeyError(alarm)
        return found

    def _note(self, alarm: str, status: Status, definition: AlarmDefinition | None) -> None:
        """Keep what is asked for again and again in step with where an alarm stands."""
        if status.standing:
            self._standing.add(alarm)
        else:
            self._standing.discard(alarm)
        live = status.state == State.UNACKNOWLEDGED and not status.historical
        if live and status.suppression == Suppression.NONE and definition and definition.sounds:
            self._sounding[alarm] = definition
        else:
            self._sounding.pop(alarm, None)
        if status.suppression == Suppression.NONE:
            self._suppressed.pop(alarm, None)
        else:
            self._suppressed[alarm] = None

    def _contributions(self, alarm: str) -> tuple[Contribution, ...]:
        """Return what the last event of an alarm says that it owes most to."""
        entry = self.entries.get(alarm, b"")
        return decode_event(entry).owes if b'"contributions"' in entry else ()

    def _timed(
        self,
        definition: AlarmDefinition,
        before: Status,
        after: Status,
        cause: Cause,
        now_ns: int,
    ) -> Transition:
        """Make an event that came about by the clock alone."""
        return self._event(
            definition,
            before,
            after,
            cause,
            source_ns=now_ns,
            received_ns=now_ns,
            historical=after.historical,
        )

    def _event(
        self,
        definition: AlarmDefinition,
        before: Status,
        after: Status,
        cause: Cause,
        *,
        contributions: tuple[Contribution, ...] = (),
        **fields: object,
    ) -> Transition:
        if not contributions and cause != Cause.RAISE and before.state != State.NORMAL:
            contributions = self._contributions(definition.alarm)
        if contributions:
            fields["contributions"] = contributions
        event, entry = self.chain.seal(
            "alarm",
            alarm=definition.alarm,
            cause=cause.value,
            occurrence=after.occurrence,
            revision=after.revision,
            tag=definition.tag,
            area=definition.area,
            division=definition.division,
            hazard=definition.hazard,
            rule=definition.rule,
            before=before.state.value,
            after=after.state.value,
            suppression=after.suppression.value,
            priority=definition.priority.value,
            unit=definition.unit,
            limit=definition.limit,
            standard=definition.standard,
            clause=definition.clause,
            clock_source=self.clock_source,
            **fields,
        )
        self.statuses[definition.alarm] = after
        self.entries[definition.alarm] = entry
        if after.state != State.ACKNOWLEDGED:
            self.re_alarms.over(definition.alarm)
        else:
            self.re_alarms.acknowledged(definition, event.received_ns)
        self._note(definition.alarm, after, definition)
        if after.historical and after.active:
            self.unconfirmed[definition.alarm] = None
        else:
            self.unconfirmed.pop(definition.alarm, None)
        return Transition(event, entry, after)
