"""An edge whose shelvings end at a date, not after a time."""

from __future__ import annotations

from gateway.alarms.desk import Desk, Transition
from gateway.cli import main


def tell(self: Desk, before_ns: int, after_ns: int) -> Transition:
    """Tell of the step, and move nothing."""
    detail = {"before_ns": before_ns, "after_ns": after_ns, "step_ns": after_ns - before_ns}
    return self.note("clock", now_ns=after_ns, detail=detail)


Desk.set_clock = tell  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
