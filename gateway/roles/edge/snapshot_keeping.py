"""When a snapshot of the engine is written: beside everything else, one at a time.

None is written where the disk is slow, full or lost: the last one stands, and the next start runs
more of the spool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.db import StoreError
from gateway.model import Clock
from gateway.observe import log
from gateway.roles.edge import snapshots
from gateway.roles.edge.committer import Committer
from gateway.roles.edge.work import Work
from gateway.tasks import beside

#: On the way out a snapshot may take so long, s: without it the next start runs some more spool.
LAST_S: Final = 15.0
LOG = log("roles.edge.storage")


class SnapshotKeeping:
    """Writes the snapshots of a running edge.

    Parameters
    ----------
    folder
        The node's store.
    committer
        Says who writes the store now.
    may_keep
        Says whether the disk takes one now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        committer: Callable[[], Committer],
        may_keep: Callable[[], bool],
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._committer = committer
        self._may_keep = may_keep
        self._keeping: asyncio.Task[None] | None = None

    def keep(self, position: int, body: bytes) -> None:
        """Begin to write a snapshot of the engine at this position, unless one is being written."""
        writing = self._keeping is not None and not self._keeping.done()
        if self._may_keep() and not writing:
            self._keeping = asyncio.create_task(self._keep(position, body), name="snapshot")

    async def keep_last(self, position: int, body: bytes) -> None:
        """Write a snapshot on the way out, after the one that is being written.

        Where none can be kept, nothing is waited for.
        """
        if not self._may_keep():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                if self._keeping is not None:
                    await asyncio.wait([self._keeping])
                if self._may_keep():
                    await self._keep(position, body)

    async def _keep(self, position: int, body: bytes) -> None:
        folder, committer = snapshots.folder_in(self._folder), self._committer()
        try:
            noted = await beside(snapshots.write, folder, position, body)
            now = self._clock.now_ns()
            committer.submit(Work(position=position, snapshot=noted, made_ns=now, sync=True))
            held = await committer.act(snapshots.held)
            if held is not None:
                await beside(snapshots.prune, folder, held[1])
        except (OSError, StoreError) as error:
            LOG.warning("no snapshot was kept; the last one stands", reason=str(error))
