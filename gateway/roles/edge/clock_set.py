"""What an edge does when its clock is set: everything remembered moves along, and it is told.

Every span goes on where it was: on-delays, silence, suppressions, repetitions. Only what is due at
a date (a calibration, a gas test) is judged by the date that the clock now shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from device_profiles.quality import Quality
from gateway.model import NANOSECONDS, Clock
from gateway.northbound.spool import Kind, encode
from gateway.observe import log
from gateway.pipeline.clock_step import encode_step, step_of

if TYPE_CHECKING:
    from gateway.alarms.desk import Transition
    from gateway.model import Detection
    from gateway.roles.edge.line import Line
    from gateway.roles.edge.own_alarms import OwnAlarms
    from gateway.southbound.arrivals import Arrivals

#: The alarm that the clock was set stands this long after the last time.
STANDS_NS: Final = 600 * NANOSECONDS
#: A start that finds the clock no further on than this goes on by the clock from before.
RESTARTED_NS: Final = 600 * NANOSECONDS
LOG = log("roles.edge.clock")
#: A clock was set, not steered, where it moves by more than this against the monotonic one between
#: two looks: NTP steers by 0.5 ms a second, and a leap second told twice is a whole one.
STEP_NS: Final = 500_000_000
#: A look that took longer was interrupted between its two clocks, and says nothing.
LOOK_NS: Final = 50_000_000
LOOKS: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody set the clock: what it would show (ns), and what it shows."""

    before_ns: int
    after_ns: int

    @property
    def by_ns(self) -> int:
        """By how much it was set forward; negative for back."""
        return self.after_ns - self.before_ns


class Steps:
    """Notices that a clock was set.

    Parameters
    ----------
    clock
        Looked at by `look`, at best several times a second.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: What the clock showed at the last look: later than every step that was noticed, earlier
        #: than any that was not.
        self.now_ns, self._offset = self._look()

    def look(self) -> Step | None:
        """Return by how much the clock was set since the look before, None where it was not."""
        now, offset = self._look()
        step, self._offset = offset - self._offset, offset
        self.now_ns = now
        return Step(now - step, now) if abs(step) > STEP_NS else None

    def begin(self, known_ns: int) -> Step | None:
        """Look at a start, and return the step that what was taken up has to follow, if any.

        What was taken up is of the clock that ran when `known_ns` was noted, the newest instant
        known of before. A clock behind that was set back. Where the first look found that clock
        still running, a step since is followed. Else it came when nothing ran: a machine without a
        clock of its own begins in 1970 and learns the time, which was known before.
        """
        built_ns, step = self.now_ns, self.look()
        if self.now_ns < known_ns - STEP_NS:
            return Step(known_ns, self.now_ns)
        return step if -STEP_NS <= built_ns - known_ns < RESTARTED_NS else None

    def followed(self, arrivals: Arrivals) -> Arrivals:
        """Return arrivals with the time by the clock as it was at the last look.

        What was read just before the clock was set bears a time of the old clock; to what has
        moved to the new one its device's clock would be wrong by the step.
        """
        if arrivals.monotonic_ns is None:
            return arrivals
        read_ns = arrivals.monotonic_ns + self._offset
        if abs(arrivals.received_ns - read_ns) <= STEP_NS:
            return arrivals
        return replace(arrivals, received_ns=read_ns)

    def _look(self) -> tuple[int, int]:
        """Return what the clock shows, and by how much that is more than the monotonic one."""
        for _ in range(LOOKS):
            before = self._clock.monotonic_ns()
            now = self._clock.now_ns()
            if self._clock.monotonic_ns() - before <= LOOK_NS:
                break
        return now, now - before


def follow(line: Line, step: Step) -> tuple[bytes, Transition]:
    """Move what the stages of a line remember; return the spool's record and the event of it."""
    LOG.warning("the clock was set", step_s=round(step.by_ns / NANOSECONDS, 3))
    line.metrics.clock_steps.inc()
    moved = step_of(line.engine.plant, line.ingest.ahead, at_ns=step.after_ns, step_ns=step.by_ns)
    line.engine.set_clock(moved)
    line.liveness.set_clock(step.by_ns)
    line.clocks.begin()
    line.confirming.set_clock(step.by_ns)
    note_step(line, step.before_ns, step.by_ns)
    told = line.desk.set_clock(step.before_ns, step.after_ns)
    return encode(Kind.CLOCK, encode_step(moved)), told


def note_step(line: Line, before_ns: int, by_ns: int) -> None:
    """Note a step that was followed: it is an alarm, and the dates of now may be wrong."""
    line.set_ns = line.clock.monotonic_ns()
    if by_ns < 0:
        line.overdue.doubt(before_ns)


def dated(line: Line, detection: Detection) -> Detection:
    """Keep beside our time what the device's own was, where that lay too far ahead."""
    if detection.quality != Quality.TIME_FUTURE:
        return detection
    plant = line.engine.plant
    device = int(plant.points.device[plant.point_of(detection.row)])
    if device >= line.ingest.ahead.size:
        return detection
    return replace(detection, clock_offset_ns=max(0, int(line.ingest.ahead[device])))


class ClockAlarm:
    """The node's alarm that its clock was set: one, however often it is.

    Parameters
    ----------
    line
        Says when it was set last.
    own
        The node's own alarms.
    """

    def __init__(self, line: Line, own: OwnAlarms) -> None:
        self._line = line
        self._own = own
        self._told: bool | None = None

    def tell(self, monotonic_ns: int) -> None:
        """Let it stand, or end it; what stood at the start ends like any other."""
        set_ns = self._line.set_ns
        recent = set_ns is not None and monotonic_ns - set_ns < STANDS_NS
        if recent != self._told:
            self._told = recent
            self._line.detected([self._own.edge("clock_set", active=recent)])
