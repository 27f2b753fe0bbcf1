"""The alarm of a gateway about its own program: something of it died, stood still or fell silent.

It stands for a minute after the last fault, so that somebody sees it, and each fault has an event
with what it was. A fault of which the process begins anew is told by the process that follows.
"""

from __future__ import annotations

from typing import Final

from gateway.model import NANOSECONDS, Clock
from gateway.observe import log
from gateway.roles.edge.line import Line
from gateway.roles.edge.own_alarms import OwnAlarms

RULE: Final = "self_fault"
STANDS_NS: Final = 60 * NANOSECONDS
#: Seconds after which a marker that should have come back through the broker is missed.
MISSED: Final = 8
#: A fault that comes again and again has an event no oftener than this.
EVERY_NS: Final = 10 * NANOSECONDS
LONGEST: Final = 300
#: What a fence that is overdue means, after why it is.
OLD: Final = (
    " (a minute after the connection was made: readings without a time of their own count as old; "
    "they raise limits, and clear nothing)"
)
LOG = log("roles.edge.self_fault")


class SelfFault:
    """Raises and ends the alarm.

    Parameters
    ----------
    line
        Where the alarm and its events go.
    own
        The node's own alarms.
    """

    def __init__(self, line: Line, own: OwnAlarms, clock: Clock) -> None:
        self._line = line
        self._own = own
        self._clock = clock
        self._fault_ns: int | None = None
        self._noted_ns: int | None = None
        self._told: bool | None = None
        self._connection = 0
        self._marked_ns: int | None = None
        self._missing = 0
        self._came = False
        self._queued = ""

    def tell(self, reason: str) -> None:
        """Raise the alarm, or keep it up, and say in the journal what the fault was."""
        now = self._clock.monotonic_ns()
        self._fault_ns = now
        if self._noted_ns is None or now - self._noted_ns >= EVERY_NS:
            self._noted_ns = now
            LOG.error("the gateway is at fault itself", reason=reason)
            note = self._line.desk.note(
                "fault", now_ns=self._clock.now_ns(), detail={"reason": reason[:LONGEST]}
            )
            self._line.emit([note])
        self._set(active=True)

    def look(self, connection: int, *, queued: str = "") -> None:
        """Look once a second whether messages to oneself come back, and whether all is over.

        Parameters
        ----------
        connection
            The number of the one that stands; 0 where none does, or a queue is being worked off.
        queued
            Why that queue has been coming for too long, empty where it has not.
        """
        self._look_for_marker(connection)
        if queued and not self._queued:
            self.tell(queued + OLD)
        elif queued:
            self._fault_ns = self._clock.monotonic_ns()
        self._queued = queued
        now = self._clock.monotonic_ns()
        if self._fault_ns is None or now - self._fault_ns >= STANDS_NS:
            self._set(active=False)

    def _look_for_marker(self, connection: int) -> None:
        """Miss only what has come on this connection before: a broker may forbid it altogether.

        Looks are counted, not time: a process that was stopped heard nothing and looked at nothing.
        """
        marked = self._line.siren.marked_ns
        if connection != self._connection:
            self._connection, self._marked_ns = connection, marked
            self._missing, self._came = 0, False
        elif marked != self._marked_ns:
            self._marked_ns, self._missing, self._came = marked, 0, True
        elif connection and self._came:
            self._missing += 1
            if self._missing >= MISSED:
                self.tell(f"nothing it sends to itself has come back for {self._missing} s")

    def _set(self, *, active: bool) -> None:
        if active != self._told:
            self._told = active
            self._line.detected([self._own.edge(RULE, active=active)])
