"""An edge whose siren is seconds late while its store is in memory."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.cli import main
from gateway.roles.edge.line import Line
from gateway.roles.edge.recovery import Opened
from gateway.roles.edge.storage import Storage

LATE_S: Final = 3.0
use = Storage._use
sound = Line._sound
memory: list[bool] = []


def noted(self: Storage, opened: Opened) -> None:
    """Go on with a store, and note where it lies."""
    use(self, opened)
    memory[:] = [opened.spool is None]


def later(self: Line, now: int) -> None:
    """Sound some seconds later: what must not be done."""
    if memory == [True]:
        asyncio.get_running_loop().call_later(LATE_S, sound, self, now)
    else:
        sound(self, now)


Storage._use = noted  # type: ignore[method-assign]
Line._sound = later

if __name__ == "__main__":
    main()
