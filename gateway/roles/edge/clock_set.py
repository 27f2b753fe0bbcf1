"""What an edge does when its clock is set: everything remembered moves along, and it is told.

Every span goes on where it was: on-delays, silence, suppressions, repetitions. Only what is due at
a date (a calibration, a gas test) is judged by the date that the clock now shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.model import NANOSECONDS
from gateway.northbound.spool import Kind, encode
from gateway.observe import log
from gateway.pipeline.clock_step import encode_step, step_of

if TYPE_CHECKING:
    from gateway.alarms.desk import Transition
    from gateway.clock import Step
    from gateway.roles.edge.line import Line
    from gateway.roles.edge.storage import OwnAlarms

#: The alarm that the clock was set stands this long after the last time.
STANDS_NS: Final = 600 * NANOSECONDS
LOG = log("roles.edge.clock")


def follow(line: Line, step: Step) -> tuple[bytes, Transition]:
    """Move what the stages of a line remember; return the spool's record and the event of it."""
    LOG.warning("the clock was set", step_s=round(step.by_ns / NANOSECONDS, 3))
    line.metrics.clock_steps.inc()
    moved = step_of(line.engine.plant, line.ingest.ahead, at_ns=step.after_ns, step_ns=step.by_ns)
    line.engine.set_clock(moved)
    line.liveness.set_clock(step.by_ns)
    line.clocks.begin()
    if step.by_ns < 0:
        line.overdue.doubt(step.before_ns)
    told = line.desk.set_clock(step.before_ns, step.after_ns)
    return encode(Kind.CLOCK, encode_step(moved)), told


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
