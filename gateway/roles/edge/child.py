"""Processes that an edge keeps running beside itself: its screen, its exports."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Final, NoReturn

from gateway import lifeline
from gateway.observe import log
from gateway.roles.edge.standstill import LeftAlone
from gateway.tasks import kill

STOP_S: Final = 10.0
LOG = log("roles.edge.child")


async def keep_running(what: str, *command: str, alone: LeftAlone) -> NoReturn:
    """Run this command, again whenever it ends; stop it when cancelled.

    Beside a disk that has failed it is killed: it may stand in a call that nobody can end, and the
    edge that ends meanwhile watches nothing.
    """
    while True:
        process = await asyncio.create_subprocess_exec(*command, env=lifeline.environment())
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            if not alone.hurries:
                process.terminate()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), STOP_S)
            if process.returncode is None:
                await kill(process)
            raise
        LOG.error("a process beside this one ended; starting it again", what=what, status=status)
        # Jitter, and time for whatever made it end.
        await asyncio.sleep(1.0 + secrets.randbelow(1000) / 1000)
