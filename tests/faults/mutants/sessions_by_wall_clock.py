"""A centre whose sessions, codes and orders end at a date, not after a time."""

from __future__ import annotations

from gateway.cli import main
from gateway.supervision import clock_step

clock_step.MOVED = ()  # type: ignore[misc]

if __name__ == "__main__":
    main()
