"""An edge that sends one event of a backlog at a time, and rests after each."""

from __future__ import annotations

from typing import Final

from gateway.cli import main
from gateway.northbound import pace
from gateway.northbound.pace import Pace

REST_S: Final = 1.0


def rest(self: Pace, seconds: float) -> None:
    """Stay slow, however soon the parent answers: what must not be done."""
    del seconds
    self.most, self.pause_s = 1, REST_S


pace.LEAST = 1  # type: ignore[misc]
Pace.answered = rest  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
