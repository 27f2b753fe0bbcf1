"""Work beside the detection that must never end silently, and must never end the detection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from gateway.observe import log

PAUSE_S: Final = 5.0
LOG = log("tasks")


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
