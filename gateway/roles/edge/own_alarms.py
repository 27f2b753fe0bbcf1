"""The alarms that a node raises about itself, as detections among those of its points."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.model import Clock, Detection


class OwnAlarms:
    """Edges of the alarms a node raises about itself.

    Parameters
    ----------
    node
        Its id.
    rows
        Alarm id -> the row that a `Detection` names.
    """

    def __init__(self, node: str, rows: Mapping[str, int], clock: Clock) -> None:
        self.node = node
        self._rows = rows
        self._clock = clock

    def edge(self, rule: str, *, active: bool) -> Detection:
        """Return the edge of one rule, now."""
        now = self._clock.now_ns()
        row = self._rows[f"{self.node}/@node/{rule}"]
        return Detection(row, active, now, now, float("nan"))
