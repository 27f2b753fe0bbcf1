"""Work in threads that wait for a disk, and how long a node waits for them.

A disk that dies often refuses first and then answers nothing at all: a call is never come back
from, and nobody can end it. What tells such a call from a long one is the thread's processor time.
A start that reads a gigabyte uses some for each read, however slow the card; a thread that hangs
uses none. It is then left alone, and what it would have brought is done without.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from gateway.tasks import beside

#: A start or an end waits so long for a call that does not move, s.
STILL_S: Final = 20.0
#: And so long where the disk has just failed: then it is likely to answer nothing more.
FAILED_S: Final = 5.0
LOOK_S: Final = 0.05
#: What one look counts at most: in a process that was stopped nothing could move.
MOST_S: Final = 1.0
R = TypeVar("R")


class Stillness:
    """For how long a thread has not moved, as far as it was looked at."""

    def __init__(self) -> None:
        self._used_ns = -1
        self._looked_s = 0.0
        self._seconds = 0.0

    def look(self, used_ns: int) -> float:
        """Return the seconds in which the thread has used no more than this of a processor.

        Parameters
        ----------
        used_ns
            Processor time that it has used so far; any other figure means that it has moved.
        """
        now_s = time.monotonic()
        if used_ns != self._used_ns:
            self._used_ns, self._seconds = used_ns, 0.0
        else:
            self._seconds += min(now_s - self._looked_s, MOST_S)
        self._looked_s = now_s
        return self._seconds


class Own:
    """The processor time of the thread that calls `begin`."""

    def __init__(self) -> None:
        self._clock: int | None = None

    def begin(self) -> None:
        """Measure the thread that this is called in."""
        self._clock = time.pthread_getcpuclockid(threading.get_ident())

    @property
    def used_ns(self) -> int:
        """What it has used until now; 0 before it has begun, and once it has ended."""
        if self._clock is not None:
            with suppress(OSError):
                return time.clock_gettime_ns(self._clock)
        return 0


class LeftAlone:
    """What stands in calls that a node waits for no longer.

    A process in which one stands cannot execute itself anew: the kernel lets that wait for it. It
    starts another in its place (`anew`).

    Parameters
    ----------
    failed
        Whether the disk has failed before this start.
    """

    def __init__(self, *, failed: bool = False) -> None:
        self.failed = failed
        self._standing: list[Callable[[], bool]] = []

    def add(self, ended: Callable[[], bool]) -> None:
        """Take something that has not come back, and how to see that it has."""
        self._standing.append(ended)

    @property
    def still_s(self) -> float:
        """How long something may stand before it is left alone, s."""
        return min(FAILED_S, STILL_S) if self.failed else STILL_S

    @property
    def hurries(self) -> bool:
        """Whether nothing is to be waited for: the disk has failed, or does not answer."""
        return self.failed or self.any

    @property
    def any(self) -> bool:
        """Whether something has not come back."""
        self._standing = [ended for ended in self._standing if not ended()]
        return bool(self._standing)

    async def wait(self, ended: Callable[[], bool], used_ns: Callable[[], int]) -> bool:
        """Wait for a thread; return whether it has ended, and leave it alone where it stands."""
        stillness = Stillness()
        while not ended():
            if stillness.look(used_ns()) >= self.still_s:
                self.add(ended)
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def run(
        self, function: Callable[[], R], *, late: Callable[[R], object] = lambda _: None
    ) -> R:
        """Do something beside the loop, as long as it moves.

        Parameters
        ----------
        function
            Called in a thread of its own; what it changes of the node it returns instead.
        late
            Given, in that thread, what it has brought when nobody waits for it any more.

        Raises
        ------
        TimeoutError
            It stands; it is left alone.
        """
        work = _Work(function, late)
        answer = asyncio.ensure_future(beside(work.run))
        try:
            stillness = Stillness()
            while not answer.done():
                await asyncio.wait([answer], timeout=LOOK_S)
                if stillness.look(work.own.used_ns) >= self.still_s and work.leave():
                    self.add(lambda: work.ended)
                    raise TimeoutError(f"the disk has not answered for {self.still_s:g} s")
            return await answer
        except asyncio.CancelledError:
            work.leave()
            raise
        finally:
            answer.cancel()


class _Work(Generic[R]):
    def __init__(self, function: Callable[[], R], late: Callable[[R], object]) -> None:
        self.own = Own()
        self.ended = False
        self._function = function
        self._late = late
        self._lock = threading.Lock()
        self._left = False
        self._done = False

    def leave(self) -> bool:
        """Wait for it no longer; return False where it is done."""
        with self._lock:
            self._left = not self._done
            return self._left

    def run(self) -> R:
        self.own.begin()
        try:
            result = self._function()
            with self._lock:
                self._done = True
                left = self._left
            if left:
                self._late(result)
            return result
        finally:
            self.ended = True
