"""Work beside the detection that must never end silently, and must never end the detection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeVar, cast

from gateway.observe import log

PAUSE_S: Final = 5.0
#: A child that has not ended so long after it was killed is held by a disk.
KILL_S: Final = 2.0
R = TypeVar("R")
LOG = log("tasks")
_beside: set[threading.Thread] = set()


async def beside(function: Callable[..., R], *arguments: object) -> R:
    """Run something that may wait for a disk in a thread of its own, which nothing waits for.

    Unlike the loop's own threads it is not joined when the process ends, or executes itself anew: a
    disk that hangs holds up nothing but what was asked of it.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[R] = loop.create_future()

    def settle(result: R | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast("R", result))

    def run() -> None:
        result, failed = None, None
        try:
            result = function(*arguments)
        except BaseException as error:
            failed = error
        _beside.discard(threading.current_thread())
        with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            loop.call_soon_threadsafe(settle, result, failed)

    name = getattr(function, "__name__", "beside")
    thread = threading.Thread(target=run, name=name, daemon=True)
    _beside.add(thread)
    thread.start()
    return await answer


def stands_beside() -> bool:
    """Whether something that was begun beside the loop has not come back."""
    return any(thread.is_alive() for thread in tuple(_beside))


async def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a child, and wait for its end as far as it can end: a disk that hangs holds it."""
    process.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(KILL_S):
            await process.wait()


async def keep_going(
    what: str, work: Callable[[], Awaitable[object]], *, pause_s: float = PAUSE_S
) -> NoReturn:
    """Do this work for ever: whatever it dies of is told with its traceback, and it begins anew.

    Parameters
    ----------
    what
        Its name, for the log.
    work
        Begun again whenever it ends; a cancellation ends it for good.
    pause_s
        Between an end and the next beginning.
    """
    while True:
        try:
            await work()
        except Exception:
            LOG.exception("a task died of what nobody foresaw; it begins anew", task=what)
        await asyncio.sleep(pause_s)


class Tasks:
    """What an owner has begun beside itself, and ends with itself.

    One that dies is told in the log, and still stands among them for whoever waits for that.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        """Return those that run or have died, in the order in which they were begun."""
        return iter(list(self._tasks))

    def __len__(self) -> int:
        """Return how many run."""
        return sum(not task.done() for task in self._tasks)

    def begin(self, name: str, work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """Begin this work."""
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def keep(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Begin this work, and again whenever it ends, until all end."""
        self.begin(name, keep_going(name, work))

    async def end(self) -> None:
        """Cancel what runs, and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            del self._tasks[task]
        else:
            LOG.error("a task died", task=task.get_name(), exc_info=error)
