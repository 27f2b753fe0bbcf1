"""An edge that moves no alarm while its disk is full, and leaves no trace of it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.alarms.desk import Transition
from gateway.cli import main
from gateway.model import Detection
from gateway.roles.edge.line import Line
from gateway.roles.edge.storage import Storage

move = Line._move
troubled = Storage._troubled
full: list[bool] = []


def noted(self: Storage, what: str, reason: str) -> None:
    """Note whether the disk is full."""
    full[:] = [what == "full"]
    troubled(self, what, reason)


def blind(self: Line, detections: Sequence[Detection]) -> tuple[Transition, ...]:
    """Pass over what was detected: what must not be done."""
    return () if full == [True] else move(self, detections)


Storage._troubled = noted  # type: ignore[method-assign]
Line._move = blind  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
