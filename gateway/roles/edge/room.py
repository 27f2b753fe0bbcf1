"""Whether the disk of the store has room for what is still to come, told before it is full.

The journal is never cut: an event takes about 1 KiB for good, and other programs write beside it.
Once the disk is full, readings are shed; somebody must hear of it while there is time.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final, NoReturn

from gateway.observe import log
from gateway.roles.edge.line import Line
from gateway.roles.edge.own_alarms import OwnAlarms
from gateway.roles.edge.site import Site
from gateway.roles.edge.storage import MEBIBYTE, Storage
from gateway.tasks import beside

RULE: Final = "storage_low"
LOOK_S: Final = 10.0
#: A twentieth of the disk is little, but never more than this, nor less than twice the reserve.
SHARE: Final = 20
MOST_BYTES: Final = 1024 * MEBIBYTE
#: The alarm ends with a quarter more than that.
AGAIN: Final = 1.25
LOG = log("roles.edge.room")


class Room:
    """Watches the room that is left on the disk of the store.

    Parameters
    ----------
    site
        Says where the store is, and what is kept back for alarms on a full disk.
    storage, line, own
        Of the node.
    """

    def __init__(self, site: Site, *, storage: Storage, line: Line, own: OwnAlarms) -> None:
        self._folder = site.folder
        self._reserve = site.settings.store.reserve_mib * MEBIBYTE
        self._storage = storage
        self._line = line
        self._own = own
        self._low: bool | None = None

    async def watch(self) -> NoReturn:
        """Look at the room now and then, for ever; a disk that does not answer is waited for."""
        while True:
            if not self._on_disk:
                self._low = None
            elif self._storage.answers:
                try:
                    found = await beside(os.statvfs, self._folder)
                except OSError as error:
                    LOG.warning("the room on the disk is not known", reason=str(error))
                else:
                    self._judge(
                        left=found.f_bavail * found.f_frsize, size=found.f_blocks * found.f_frsize
                    )
            await asyncio.sleep(LOOK_S)

    @property
    def _on_disk(self) -> bool:
        return self._storage.spool is not None

    def _judge(self, *, left: int, size: int) -> None:
        if not self._on_disk:
            return  # it has not answered before it was lost
        low = is_low(left, size=size, reserve=self._reserve, before=bool(self._low))
        if low == self._low:
            return
        self._low = low
        if low:
            LOG.warning("little room is left on the disk", mib=left // MEBIBYTE)
        self._line.detected([self._own.edge(RULE, active=low)])


def is_low(left: int, *, size: int, reserve: int, before: bool) -> bool:
    """Return whether so little room is left that somebody has to make some.

    Parameters
    ----------
    left, size
        Of the disk, bytes; what is kept back is not among what is left.
    reserve
        What is kept back for alarms, bytes.
    before
        Whether it was low at the last look.
    """
    least = max(2 * reserve, min(size // SHARE, MOST_BYTES))
    return left < least * (AGAIN if before else 1.0)
