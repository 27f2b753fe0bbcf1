"""Work beside the detection that must never end silently, and must never end the detection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NoReturn, TypeVar, cast

from gateway.observe import log

PAUSE_S: Final = 5.0
R = TypeVar("R")
LOG = log("tasks")


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
        with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name=function.__name__, daemon=True).start()
    return await answer


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
