"""The real program with something in it that breaks on SIGUSR1: what, its environment says.

It breaks once: what begins anew in its place, in the same environment, finds the mark and is whole.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from gateway.cli import main
from gateway.model import NANOSECONDS
from gateway.roles.edge import run
from gateway.roles.edge.committer import Committer
from gateway.roles.edge.line import Line
from gateway.southbound.arrivals import Arrivals

#: What breaks, and the file that says that it has.
WHAT: Final = "SABOTAGE"
MARK: Final = "SABOTAGE_MARK"
STANDS_S: Final = 120.0
#: A process is young for so long, and not for a minute: what dies in one that is, ends it.
YOUNG_S: Final = 10.0
broken = False
whole = Committer._take_group
taken = Line.take


def loop() -> None:
    """Hold the event loop up."""
    time.sleep(STANDS_S)


def callback() -> None:
    """Have something on the loop raise."""
    asyncio.get_running_loop().call_soon(_raise)


def _raise() -> NoReturn:
    raise LookupError("sabotage")


def wait() -> None:
    """Do nothing now: what is patched breaks by itself."""


def take_group(self: Committer) -> bool:
    """End the store thread as nothing ordinary does."""
    global broken  # noqa: PLW0603
    if broken and os.environ[WHAT] == "store":
        broken = False
        raise SystemExit("sabotage")
    return whole(self)


def take(self: Line, arrivals: Arrivals) -> bool:
    """Take nothing, or die of it."""
    if broken and os.environ[WHAT] == "taking":
        raise LookupError("sabotage")
    if broken and os.environ[WHAT] == "deaf":
        return True
    return taken(self, arrivals)


ACTS: Final[dict[str, Callable[[], None]]] = {"loop": loop, "callback": callback}


def break_now(*_: object) -> None:
    """Break what is to be broken."""
    global broken  # noqa: PLW0603
    mark = Path(os.environ[MARK])
    if mark.exists():
        return
    mark.touch()
    broken = True
    ACTS.get(os.environ[WHAT], wait)()


run.YOUNG_NS = int(YOUNG_S * NANOSECONDS)  # type: ignore[misc]
Committer._take_group = take_group  # type: ignore[method-assign]
Line.take = take  # type: ignore[method-assign]
signal.signal(signal.SIGUSR1, break_now)

if __name__ == "__main__":
    main()
