"""Which acknowledged alarms are to be told again, and when: a function of the clock it is given."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.alarms.definitions import AlarmDefinition


class ReAlarms:
    """Counts for each acknowledged alarm from its acknowledgement."""

    def __init__(self) -> None:
        # Since when each is acknowledged, and how long that lasts, ns.
        self._spans: dict[str, tuple[int, int]] = {}

    def acknowledged(self, definition: AlarmDefinition, since_ns: int) -> None:
        """Count from here; an alarm that is never told again is passed over."""
        if definition.re_alarm_ns:
            self._spans[definition.alarm] = (since_ns, definition.re_alarm_ns)

    def over(self, alarm: str) -> None:
        """Count no more: it is acknowledged no longer."""
        self._spans.pop(alarm, None)

    def due(self, now_ns: int) -> Iterable[str]:
        """Return those whose time has passed, in the order in which they were acknowledged."""
        return [alarm for alarm, (since, span) in self._spans.items() if since + span <= now_ns]

    def set_clock(self, step_ns: int) -> None:
        """Follow a step of the clock: each is told as long from now as before."""
        self._spans = {a: (since + step_ns, span) for a, (since, span) in self._spans.items()}

    def begin(self, now_ns: int) -> None:
        """Begin at a start: nothing was acknowledged later than now.

        What was, by a clock that has been set back since, would wait for that clock.
        """
        self._spans = {a: (min(since, now_ns), span) for a, (since, span) in self._spans.items()}
