"""The one thread that writes, and what it writes first.

Alarms that happen now go before the state that a connection begins with, and this before what
waited somewhere through an outage. Then every child has an hour to tell, which takes minutes to
write: a live alarm waits for the one write that is under way, never for what came before it. Of
what waited a few posts are let in at a time; who is turned away is told when its turn may be.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import IntEnum
from itertools import count
from queue import PriorityQueue
from typing import Any, Final, TypeVar

#: Of what waited: one is written, and the next lies ready.
LET_IN: Final = 2
#: Whoever was turned away comes back after so long, s.
SOONEST_S: Final = 1.0
LATEST_S: Final = 30.0
#: The newest write has this share in what a write usually takes.
SHARE: Final = 0.2
T = TypeVar("T")


class BusyError(Exception):
    """More writes wait than the disk keeps up with; try again shortly."""


class StillWritingError(BusyError):
    """The write of this name before it is not done yet."""


class TurnedAwayError(BusyError):
    """Of what waited through an outage enough is being written already; come back in `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("what waited elsewhere is written in turn; send it again later")
        self.wait_s = wait_s


class Lane(IntEnum):
    """What goes first."""

    LIVE = 0
    STATE = 1
    BACKLOG = 2


class Turns:
    """Lets a few in at a time, and tells the others how long those before them need; pure."""

    def __init__(self) -> None:
        self._inside = 0
        self._usual_s = 0.0
        self._away: dict[str, float] = {}

    def ask(self, name: str, now_s: float) -> float:
        """Let this one in and return 0, or return how long it is to wait, s."""
        if self._inside < LET_IN:
            self._inside += 1
            self._away.pop(name, None)
            return 0.0
        # Who does not come back is not waited for.
        self._away = {each: at for each, at in self._away.items() if now_s - at < 2 * LATEST_S}
        self._away.pop(name, None)
        self._away[name] = now_s
        return min(LATEST_S, max(SOONEST_S, math.ceil(len(self._away) * self._usual_s)))

    def enter(self, name: str, now_s: float) -> None:
        """Let this one in.

        Raises
        ------
        TurnedAwayError
            It is to wait.
        """
        wait_s = self.ask(name, now_s)
        if wait_s:
            raise TurnedAwayError(wait_s)

    def leave(self, seconds: float) -> None:
        """Note that one of those inside is done, and for how long it was written."""
        self._inside -= 1
        self._usual_s += (seconds - self._usual_s) * SHARE


class Writer:
    """Runs one thing after the other on its thread: of what waits the first lane's oldest."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._queue: PriorityQueue[tuple[Lane, int, Callable[[], Any], Future[Any]]] = (
            PriorityQueue()
        )
        self._order = count()

    def submit(self, work: Callable[[], T], *, lane: Lane = Lane.LIVE) -> Future[T]:
        """Have something run; from any thread."""
        future: Future[T] = Future()
        self._queue.put((lane, next(self._order), work, future))
        self._thread.submit(self._next)
        return future

    async def run(self, work: Callable[[], T], *, lane: Lane = Lane.LIVE) -> T:
        """Run something and return what it returns."""
        return await asyncio.wrap_future(self.submit(work, lane=lane))

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        self._thread.shutdown(wait=True)

    def _next(self) -> None:
        _, _, work, future = self._queue.get_nowait()
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is given it
            future.set_exception(error)
        else:
            future.set_result(result)
