"""The one thread that writes, and what it writes first.

Alarms that happen now go before the state that a connection begins with, and this before what
waited somewhere through an outage. Then every child has an hour to tell, which takes minutes to
write: a live alarm waits for the one write that is under way, hardly ever for what came before it.
Of what waited a few posts are let in at a time; who is turned away is told when its turn may be.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import IntEnum
from typing import Any, Final, TypeVar

#: Of what waited: one is written, and the next lies ready.
LET_IN: Final = 2
#: Whoever was turned away comes back after so long, s.
SOONEST_S: Final = 1.0
LATEST_S: Final = 30.0
#: The newest write has this share in what a write usually takes.
SHARE: Final = 0.2
#: One that was let in and is not begun within this is turned away after all, s: its sender may have
#: something live to say, and says one thing after the other.
BEGUN_S: Final = 1.0
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


#: So many others go before what waits in a lane; then one of it is run.
PASSED: Final = {Lane.LIVE: 0, Lane.STATE: 32, Lane.BACKLOG: 256}


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
        """Note that one of those inside is done, and for how long it was written; 0 for not."""
        self._inside -= 1
        if seconds:
            self._usual_s += (seconds - self._usual_s) * SHARE


class Writer:
    """Runs one thing after the other on its thread: of what waits the first lane's oldest.

    A lane that was passed over often enough has its turn: else a flood would keep out for ever what
    a child must say first of all when it comes back.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._held = threading.Lock()
        self._waiting: dict[Lane, deque[tuple[Callable[[], Any], Future[Any]]]]
        self._waiting = {lane: deque() for lane in Lane}
        self._passed = dict.fromkeys(Lane, 0)

    def submit(self, work: Callable[[], T], *, lane: Lane = Lane.LIVE) -> Future[T]:
        """Have something run; from any thread."""
        future: Future[T] = Future()
        with self._held:
            self._waiting[lane].append((work, future))
        self._thread.submit(self._next)
        return future

    async def run(self, work: Callable[[], T], *, lane: Lane = Lane.LIVE) -> T:
        """Run something and return what it returns."""
        return await asyncio.wrap_future(self.submit(work, lane=lane))

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        self._thread.shutdown(wait=True)

    def _next(self) -> None:
        work, future = self._take()
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is given it
            future.set_exception(error)
        else:
            future.set_result(result)

    def _take(self) -> tuple[Callable[[], Any], Future[Any]]:
        with self._held:
            lanes = [lane for lane in Lane if self._waiting[lane]]
            over = [lane for lane in lanes if self._passed[lane] >= PASSED[lane] > 0]
            taken = over[0] if over else lanes[0]
            for lane in lanes:
                self._passed[lane] = 0 if lane is taken else self._passed[lane] + 1
            return self._waiting[taken].popleft()
