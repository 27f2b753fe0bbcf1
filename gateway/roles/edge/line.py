"""The line from a message to the store: everything that happens on the event loop, in order.

One call takes what one read of the socket brought: decode, detect, move alarms, command the siren,
and hand spool records with their transitions to the store thread. Nothing here waits for a disk, a
network or a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from detectors.admission import NEVER
from detectors.bank import Counts
from gateway.alarms.actions import Siren
from gateway.alarms.desk import Desk, Transition
from gateway.alarms.requests import RefusedError, Request
from gateway.alarms.store import CLOCK
from gateway.identity import Identity
from gateway.model import NANOSECONDS, Cause, Clock, Detection, State
from gateway.northbound.spool import (
    Kind,
    Session,
    encode,
    encode_readings,
    encode_tick,
)
from gateway.northbound.summary import Summaries
from gateway.observe import Metrics
from gateway.pipeline.engine import Engine
from gateway.pipeline.overdue import Overdue
from gateway.roles.edge.clock_set import Step, Steps, dated, follow, note_step
from gateway.roles.edge.confirming import Confirming
from gateway.roles.edge.owed import Owed
from gateway.roles.edge.pacing import Pacing
from gateway.roles.edge.work import Work
from gateway.southbound.arrivals import Arrivals
from gateway.southbound.clocks import Clocks
from gateway.southbound.ingest import Ingest
from gateway.southbound.liveness import Liveness

#: A tick waits this long after its second, so that readings of that second are judged first.
GRACE_NS: Final = 200_000_000
#: More seconds than this in one go are a jump of the clock, not a busy loop.
MAX_TICKS: Final = 120
#: Part of the id of every alarm that the node raises about itself.
OWN: Final = "/@node/"


class Line:
    """An edge's hot path.

    Parameters
    ----------
    engine, desk, ingest, liveness, clocks, overdue, siren, summaries, pacing
        The stages, built elsewhere.
    submit
        Hands work to the store thread.
    position
        Where the spool ends.
    held
        Whether a queue from before may still be coming: then no delay runs out by the clock, since
        the reading that ends it may be in that queue.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        desk: Desk,
        ingest: Ingest,
        liveness: Liveness,
        clocks: Clocks,
        overdue: Overdue,
        siren: Siren,
        summaries: Summaries,
        pacing: Pacing,
        submit: Callable[[Work], None],
        clock: Clock,
        metrics: Metrics,
        position: int,
        identity: Identity,
        held: Callable[[], bool],
    ) -> None:
        self.engine, self.desk, self.ingest, self.liveness = engine, desk, ingest, liveness
        self.clocks, self.overdue = clocks, overdue
        self.confirming = Confirming(engine, desk)
        self.siren, self.summaries = siren, summaries
        self.submit = submit
        self.clock, self.metrics = clock, metrics
        self.position = position
        self.owed = Owed(pacing, ingest.repeats, sync=self._sync, clock=clock, metrics=metrics)
        self._identity = identity
        self._held = held
        self._second = 0
        self._steps = Steps(clock)
        #: When the clock was last set, by the monotonic one; None for not since the start.
        self.set_ns: int | None = None

    def start(self, pending: Sequence[Transition], *, resumed: bool, known_ns: int = 0) -> None:
        """Note the session, and commit what recovery found.

        Parameters
        ----------
        known_ns
            The newest instant that is known of before. A clock behind it was set back while nobody
            ran, and is followed; how far it was set forward meanwhile nobody knows.
        """
        step = self._steps.begin(known_ns)
        now = self.looked_ns
        session = Session(epoch=self._identity.epoch, at_ns=now, resumed=resumed)
        self._second = (now - GRACE_NS) // NANOSECONDS
        self._hand_over(encode(Kind.SESSION, msgspec.json.encode(session)), tuple(pending))
        self._sound(now)
        for told in (each.event for each in pending if each.event.kind == CLOCK):
            note_step(self, int(told.detail["before_ns"] or 0), int(told.detail["step_ns"] or 0))
        if step is not None:
            self._follow(step)
        self.desk.re_alarms.begin(now)
        self.liveness.begin(now)
        self.confirming.start(now)

    def take(self, arrivals: Arrivals) -> bool:
        """Take messages in arrival order; they are acknowledged when what they said is durable.

        Returns
        -------
        bool
            Whether the broker has room to send more before these are acknowledged.
        """
        if arrivals.fenced:
            self.now_ns()
        else:
            self.advance()
        arrivals = self._steps.followed(arrivals)
        taken = self.ingest.take(arrivals)
        batch = taken.batch
        decoded = self.clock.now_ns()
        detections, counts = self.engine.process(batch)
        transitions = self._move(detections)
        if not arrivals.fenced:
            self.clocks.take(batch)
            self.confirming.take(batch)
        if transitions:
            self._stage("decoded", decoded - arrivals.received_ns, len(transitions))
            self._stage("detected", self.clock.now_ns() - arrivals.received_ns, len(transitions))
        if arrivals.marked:
            self.siren.marked(monotonic_ns=self.clock.monotonic_ns())
        blob = b"".join(
            encode(Kind.QUARANTINE, msgspec.msgpack.encode(q)) for q in taken.quarantined
        )
        if len(batch):
            blob += encode_readings(batch)
        self._count_readings(counts)
        receipt = arrivals.receipt()
        waiting = len(receipt)
        full = self.owed.take(receipt, batch)
        if blob or waiting or transitions:
            self._hand_over(
                blob,
                transitions,
                readings=len(batch),
                sync=full,
                received_ns=arrivals.received_ns,
            )
        self.summaries.add(self.engine.judged if self.engine.judged is not None else batch)
        if self.engine.derived is not None:
            self.summaries.add(self.engine.derived)
        if waiting and not full and not transitions:
            self.owed.arm()
        return not waiting or self.owed.roomy

    def look(self) -> None:
        """Run what is due, whole seconds and what need not wait for one; at best each 100 ms.

        Only after what was there to read has been taken: it may end what would be confirmed.
        """
        self.advance()
        now, roomy = self.looked_ns, self.owed.roomy or not self.owed.waiting
        transitions = tuple(self.confirming.look(now, held=self._held(), roomy=roomy))
        if transitions:
            self._count(transitions)
            self._sound(now)
            self._hand_over(b"", transitions)

    def advance(self) -> None:
        """Run the whole seconds that have passed: delays, silence, expiries."""
        now = self.now_ns()
        second = (now - GRACE_NS) // NANOSECONDS
        if second <= self._second:
            return
        if self._held():
            # What waited in a queue is not heard: silence counts from when it has passed.
            self.liveness.begin(now)
            return
        first = max(self._second + 1, second - MAX_TICKS)
        self._second = second
        for each in range(first, second + 1):
            self._tick(each * NANOSECONDS)

    def _may_reset(self, request: Request) -> None:
        """Let a latched alarm be reset on GOOD readings inside its limit, not on ignorance."""
        definition = self.desk.definitions.get(request.alarm)
        if request.cause != Cause.RESET or definition is None:
            return
        if not self.engine.inside(request.alarm) or self.liveness.is_silent(definition.tag):
            raise RefusedError(
                "not_inside",
                f"{request.alarm}: the newest reading is not GOOD and inside the limit; reset it "
                "when it is",
            )

    def now_ns(self) -> int:
        """Return what the clock shows; everything remembered has followed it if it was set.

        What moves along with a step must have been given a time from before it: who keeps a time
        here asks the line for it, not the clock, which may have been set since the line looked.
        """
        step = self._steps.look()
        if step is not None:
            self._follow(step)
        return self.looked_ns

    @property
    def looked_ns(self) -> int:
        """What the clock showed at the last look, to which everything remembered has moved."""
        return self._steps.now_ns

    def _follow(self, step: Step) -> None:
        # No second is run twice or left out for an hour.
        self._second = (step.after_ns - GRACE_NS) // NANOSECONDS
        blob, told = follow(self, step)
        self._count((told,))
        self._hand_over(blob, (told,))
        self._sound(step.after_ns)

    def order(self, request: Request) -> tuple[Transition, ...]:
        """Carry out an order; a refusal is an event too."""
        now = self.now_ns()
        try:
            self._may_reset(request)
            transitions = tuple(self.desk.order(request, now_ns=now))
            result, reason = "applied", ""
        except RefusedError as error:
            self.metrics.refused_orders.labels(error.reason).inc()
            transitions, result, reason = (), "refused", str(error)
        detail = {
            "order": request.order,
            "action": request.cause.value,
            "result": result,
            "reason": reason,
        }
        if request.origin:
            detail["origin"] = request.origin
        note = self.desk.note(
            "order",
            now_ns=now,
            alarm=request.alarm,
            operator=request.operator,
            comment=request.comment,
            detail=detail,
        )
        self._count(transitions)
        self._hand_over(b"", (*transitions, note))
        self._sound(now)
        return (*transitions, note)

    def emit(self, transitions: Sequence[Transition]) -> None:
        """Commit events that no reading made."""
        if transitions:
            self._count(transitions)
            self._hand_over(b"", tuple(transitions))
            self._sound(self.clock.now_ns())

    def detected(self, detections: Sequence[Detection]) -> None:
        """Move alarms by detections that no reading made (the node's own alarms)."""
        transitions = self._move(detections)
        if transitions:
            self._hand_over(b"", transitions)

    @property
    def holds_something(self) -> bool:
        """Whether an alarm of the plant is in force, or a delay runs that may lead to one."""
        return self.engine.next_due() < -NEVER or any(
            status.state not in {State.NORMAL, State.RETURNED_UNACKNOWLEDGED}
            for alarm, status in self.desk.statuses.items()
            if OWN not in alarm
        )

    def committed(self, events: int, received_ns: int) -> None:
        """Note how long after their message so many events became durable."""
        self._stage("committed", self.clock.now_ns() - received_ns, events)

    def _tick(self, now: int) -> None:
        detections = self.engine.tick(now)
        blob = encode_tick(now) if detections else b""
        detections = detections + self.liveness.tick(now, self.engine.heard)
        detections += self.clocks.tick(now) + self.overdue.tick(now)
        transitions = self._move(detections)
        transitions += tuple(self.desk.expire(now))
        transitions += tuple(self.desk.re_alarm(now))
        if transitions or blob:
            self._hand_over(blob, transitions)
            self._sound(now)

    def _count_readings(self, counts: Counts) -> None:
        metrics = self.metrics
        for counter, count in (
            (metrics.duplicates, counts.ignored),
            (metrics.out_of_order, counts.out_of_order),
            (metrics.late, counts.late),
            (metrics.bad, counts.held),
        ):
            if count:
                counter.inc(count)

    def _stage(self, stage: str, after_ns: int, events: int) -> None:
        """Note how long after its message a stage of an alarm's way ended, once for each event."""
        histogram = self.metrics.stage_seconds.labels(stage)
        for _ in range(events):
            histogram.observe(after_ns / NANOSECONDS)

    def _move(self, detections: Sequence[Detection]) -> tuple[Transition, ...]:
        if not detections:
            return ()
        transitions = tuple(t for d in detections for t in self.desk.detect(dated(self, d)))
        self._count(transitions)
        if transitions:
            # Beside the commit, not after it: a siren never waits for a disk.
            self._sound(self.clock.now_ns())
        return transitions

    def _count(self, transitions: Sequence[Transition]) -> None:
        for transition in transitions:
            self.metrics.events.labels(transition.event.cause).inc()

    def _sound(self, now: int) -> None:
        self.siren.update(self.desk.sounding(), now_ns=now)

    def _sync(self) -> None:
        self.submit(Work(sync=True))

    def _hand_over(
        self,
        blob: bytes,
        transitions: tuple[Transition, ...],
        *,
        readings: int = 0,
        sync: bool = False,
        received_ns: int = 0,
    ) -> None:
        self.submit(
            Work(
                received_ns=received_ns,
                blob=blob,
                position=self.position,
                readings=readings,
                transitions=transitions,
                accepted=self.owed.accepted,
                sync=sync,
            )
        )
        self.position += len(blob)
