"""A node on a store in memory goes back to its disk by itself.

It does so by a new start, and only while that costs nothing: every event of the memory's life has
been received by a parent or a screen, none is a dead letter, no alarm of the plant stands and no
delay runs, since the disk knows nothing of them. Where nobody is above, the memory's store with its
journal is put beside the one on the disk first. What stood on the disk before stands again: too
much rather than too little.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from gateway.db import Database, StoreDamagedError, StoreError, lock
from gateway.observe import log
from gateway.tasks import beside

#: Where a process that executes itself anew counts its store's failures: not on that store's disk.
FAILURES: Final = "HAZGATE_STORE_FAILURES"
#: How often this program has gone back to its disk since it was started by hand.
RETURNS: Final = "HAZGATE_STORE_RETURNS"
#: The disk is asked so often at first; a disk that failed again is trusted half as soon, s.
FIRST_S: Final = 1.0
LAST_S: Final = 3600.0
LOG = log("roles.edge.disk_again")


def failures() -> int:
    """Return how often the store has failed since the edge was started by hand."""
    return int(os.environ.get(FAILURES, "0"))


def returns() -> int:
    """Return how often the node has gone back to its disk."""
    return int(os.environ.get(RETURNS, "0"))


async def ask_again(
    folder: Path,
    *,
    room_bytes: int,
    held: bool,
    may_go: Callable[[], Awaitable[bool]],
    go: Callable[[], Awaitable[bool]],
) -> None:
    """Ask whether the disk takes a store again until it does, and go back to it then.

    Parameters
    ----------
    folder
        Of the store.
    room_bytes
        What must fit beside it: the reserve.
    held
        Whether this process has the folder already.
    may_go
        Whether the node runs on memory, and would lose nothing by going back now.
    go
        Starts the node anew on its disk; returns False where that has become impossible meanwhile.
    """
    pause = min(LAST_S, FIRST_S * 2.0 ** min(returns(), 20))
    told = ""
    while True:
        await asyncio.sleep(pause)
        if not await may_go():
            continue
        reason = await beside(partial(refusal, folder, room_bytes, held=held))
        if not reason and await may_go() and await go():
            return
        if reason != told:
            LOG.warning("the disk still takes no store", reason=reason)
        told = reason


def refusal(folder: Path, room_bytes: int, *, held: bool) -> str:
    """Return why no store can be opened in this folder; empty where one can."""
    probe = folder / "probe"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(handle, 0, room_bytes)
            os.write(handle, b"probe")
            os.fsync(handle)
        finally:
            os.close(handle)
            probe.unlink(missing_ok=True)
        if not held:
            lock(folder).close()
        with suppress(StoreDamagedError):  # a new start sets it aside
            Database(folder / "store.db", "edge").close()
    except (OSError, StoreError) as error:
        return str(error)
    return ""
