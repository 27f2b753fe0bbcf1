"""An edge that sends one event of a backlog at a time, and rests after each."""

from __future__ import annotations

from typing import Final

from gateway.cli import main
from gateway.northbound.pace import Pace

REST_S: Final = 1.0


Pace.most = property(lambda _: 1)  # type: ignore[method-assign,assignment]
Pace.pause_s = property(lambda _: REST_S)  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    main()
