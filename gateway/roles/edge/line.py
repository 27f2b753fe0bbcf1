"""The line from a message to the store: everything that happens on the event loop, in order.

One call takes what one read of the socket brought: decode, detect, move alarms, command the siren,
and hand spool records with their transitions to the store thread. Nothing here waits for a disk, a
network or a screen.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from detectors.bank import Counts
from gateway.alarms.actions import Siren
from gateway.alarms.desk import Desk, Transition
from gateway.alarms.requests import RefusedError, Request
from gateway.identity import Identity
from gateway.model import NANOSECONDS, Cause, Clock, Detection
from gateway.northbound.spool import (
    Kind,
    Session,
    encode,
    encode_readings,
    encode_tick,
)
from gateway.northbound.summary import Summaries
from gateway.observe import Metrics, log
from gateway.pipeline.engine import Engine
from gateway.pipeline.overdue import Overdue
from gateway.roles.edge.committer import Work
from gateway.roles.edge.pacing import OLDEST_S, PAUSE_S, Pacing
from gateway.southbound.arrivals import Arrivals, Receipt
from gateway.southbound.clocks import Clocks
from gateway.southbound.ingest import Ingest
from gateway.southbound.liveness import Liveness
from gateway.southbound.repeats import Newest

#: A tick waits this long after its second, so that readings of that second are judged first.
GRACE_NS: Final = 200_000_000
#: More seconds than this in one go are a jump of the clock, not a busy loop.
MAX_TICKS: Final = 120
#: The clock was set, not steered, when it moves by more than this against the monotonic one.
JUMP_NS: Final = 5 * NANOSECONDS
#: A window of so many messages is not soon exhausted.
ROOMY: Final = 500
LOG = log("roles.edge.line")


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
        self.siren, self.summaries, self.pacing = siren, summaries, pacing
        self.submit = submit
        self.clock, self.metrics = clock, metrics
        self.position = position
        self.unacknowledged: deque[Receipt] = deque()
        self.accepted = 0
        self._acknowledged = 0
        #: What a broker may repeat: more than any in-flight window holds.
        self._recent = Newest(ingest.repeats.most)
        self._identity = identity
        self._held = held
        self._second = 0
        self._offset = clock.now_ns() - clock.monotonic_ns()
        self._pause: asyncio.TimerHandle | None = None
        self._oldest: asyncio.TimerHandle | None = None

    def start(self, pending: Sequence[Transition], *, resumed: bool) -> None:
        """Note the session, and commit what recovery found."""
        now = self.clock.now_ns()
        session = Session(epoch=self._identity.epoch, at_ns=now, resumed=resumed)
        self._second = (now - GRACE_NS) // NANOSECONDS
        self._hand_over(encode(Kind.SESSION, msgspec.json.encode(session)), tuple(pending))
        self._sound(now)

    def take(self, arrivals: Arrivals) -> bool:
        """Take messages in arrival order; they are acknowledged when what they said is durable.

        Returns
        -------
        bool
            Whether the broker has room to send more before these are acknowledged.
        """
        if not arrivals.fenced:
            self.advance()
        taken = self.ingest.take(arrivals)
        batch = taken.batch
        decoded = self.clock.now_ns()
        detections, counts = self.engine.process(batch)
        transitions = self._move(detections)
        if not arrivals.fenced:
            self.clocks.take(batch)
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
        if waiting:
            self.unacknowledged.append(receipt)
            self._recent.add(batch)
        self.accepted += waiting
        full = self._arrived(waiting)
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
            self._arm()
        return not waiting or self.pacing.window >= ROOMY

    def advance(self) -> None:
        """Run the whole seconds that have passed: delays, silence, confirmations, expiries."""
        now = self.clock.now_ns()
        second = (now - GRACE_NS) // NANOSECONDS
        self._notice_jump(now)
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

    def _notice_jump(self, now: int) -> None:
        """Begin anew where the clock was set: no second is run twice or left out for an hour."""
        offset = now - self.clock.monotonic_ns()
        step, self._offset = offset - self._offset, offset
        if abs(step) <= JUMP_NS:
            return
        LOG.warning("the clock was set", step_s=round(step / NANOSECONDS, 3))
        self._second = (now - GRACE_NS) // NANOSECONDS
        self.liveness.begin(now)
        self.clocks.begin()
        self.emit([self.desk.note("clock", now_ns=now, detail={"step_ns": step})])

    def order(self, request: Request) -> tuple[Transition, ...]:
        """Carry out an order; a refusal is an event too."""
        now = self.clock.now_ns()
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
    def waiting(self) -> int:
        """Messages that are not yet acknowledged."""
        return self.accepted - self._acknowledged

    def durable(self, accepted: int) -> list[Receipt]:
        """Return what may be acknowledged: what is owed for the first `accepted` messages ever."""
        left = max(0, min(accepted, self.accepted) - self._acknowledged)
        self._acknowledged += left
        self.metrics.acknowledged.inc(left)
        self.pacing.durable(left, monotonic_ns=self.clock.monotonic_ns())
        found = []
        while left:
            receipt = self.unacknowledged.popleft()
            if len(receipt) > left:
                receipt, rest = receipt.split(left)
                self.unacknowledged.appendleft(rest)
            left -= len(receipt)
            found.append(receipt)
        return found

    def committed(self, events: int, received_ns: int) -> None:
        """Note how long after their message so many events became durable."""
        self._stage("committed", self.clock.now_ns() - received_ns, events)

    def forget_messages(self) -> None:
        """Let go of what was not acknowledged: on the next connection it comes again.

        So does what was acknowledged in vain, its acknowledgement lost with the connection.
        """
        for batch in self._recent:
            self.ingest.repeats.remember(batch)
        self._recent.clear()
        self.pacing.durable(self.waiting, monotonic_ns=self.clock.monotonic_ns())
        self._acknowledged = self.accepted
        self.unacknowledged.clear()

    def _tick(self, now: int) -> None:
        detections = self.engine.tick(now)
        blob = encode_tick(now) if detections else b""
        detections = detections + self.liveness.tick(now, self.engine.heard)
        detections += self.clocks.tick(now) + self.overdue.tick(now)
        transitions = self._move(detections)
        transitions += tuple(self.desk.expire(now))
        transitions += tuple(self.desk.re_alarm(now))
        if self.desk.unconfirmed:
            live = self.engine.live(tuple(self.desk.unconfirmed), now)
            transitions += tuple(self.desk.confirm(live, now_ns=now))
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
        transitions = tuple(t for d in detections for t in self.desk.detect(d))
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
                accepted=self.accepted,
                sync=sync,
            )
        )
        self.position += len(blob)

    def _arrived(self, count: int) -> bool:
        pacing = self.pacing
        known = pacing.limited
        full = pacing.arrived(count, monotonic_ns=self.clock.monotonic_ns())
        if pacing.limited and not known:
            self.metrics.window_limited.inc()
            LOG.warning(
                "the broker's in-flight window limits the rate; raise max_inflight_messages there",
                window=pacing.window,
            )
        return full

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        if self._oldest is None:
            self._oldest = loop.call_later(OLDEST_S, self._old)
        if self.pacing.busy:
            if self._pause is not None:
                self._pause.cancel()
            self._pause = loop.call_later(PAUSE_S, self._paused)

    def _paused(self) -> None:
        self._pause = None
        if self.unacknowledged:
            self.pacing.paused()
            self.submit(Work(sync=True))

    def _old(self) -> None:
        self._oldest = None
        if self.unacknowledged:
            self.submit(Work(sync=True))
