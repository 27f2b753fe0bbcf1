"""Spool records stored while there is room, and the room kept back for alarms on a full disk.

When the disk fills up, the reserve is given up: alarms are committed into it, readings are shed
and counted. Readings are stored again when the reserve can be kept back beside them.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from gateway.northbound.losses import Hole
from gateway.northbound.spool_writer import Spool

#: Appending is tried again this often while the disk is full, s.
RETRY_FULL_S: Final = 1.0
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Reserve:
    """A file that takes room up until it is needed.

    Parameters
    ----------
    path
        The file, or None for no reserve.
    size
        Of the file, bytes.
    """

    def __init__(self, path: Path | None, size: int) -> None:
        self._path = path
        self._size = size

    def keep(self) -> bool:
        """Keep room back; return whether it is there."""
        if self._path is None or self._path.exists():
            return True
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
            finally:
                os.close(handle)
        except OSError:
            # No room even for the reserve: the first full commit will say so.
            self._path.unlink(missing_ok=True)
            return False
        return True

    def release(self) -> None:
        """Give the room to whoever writes next."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class Storing:
    """Appends to the spool, in the store's thread, as long as the disk has room.

    Parameters
    ----------
    spool
        None for a store in memory: nothing is kept, nothing is shed.
    reserve
        Room for alarms.
    troubled
        Told "full" with the reason, and "sound", once each time.
    holes
        Where the spool was found to hold nothing, which the first events tell.
    """

    def __init__(
        self,
        spool: Spool | None,
        reserve: Reserve,
        *,
        troubled: Callable[[str, str], None],
        holes: Iterable[Hole] = (),
    ) -> None:
        self.end = 0
        self._holes = list(holes)
        #: Up to where the spool holds what it was given, and up to where the disk has it.
        self._kept = self._synced = spool.position if spool is not None else 0
        self._spool = spool
        self._reserve = reserve
        self._troubled = troubled
        self._shed = 0
        #: Readings appended since the last sync.
        self._unsynced = 0
        self._full = False
        self._full_until = 0.0

    def append(self, blob: bytes, position: int, *, readings: int) -> None:
        """Append records that hold so many readings, or shed and count them."""
        self.end = position + len(blob)
        spool = self._spool
        if spool is None:
            return
        if self._full and not self._room_again():
            self._shed += readings
            return
        # A system tells once of what it could not write: of the segment that ends, it does here.
        if spool.ends_unsynced(position) and not self.sync():
            self._shed += readings
            return
        try:
            spool.append(blob, position)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._shed += readings
            self.filled(str(error))
            return
        self._unsynced += readings
        if position > self._kept:
            self._holes.append(Hole(self._kept, position - self._kept))
        self._kept = self.end
        if self._full:
            self._full = False
            self._troubled("sound", "")

    def sync(self) -> bool:
        """Make what was appended durable, also what was before the disk became full.

        Returns
        -------
        bool
            Whether it is; else it was counted as shed.
        """
        if self._spool is None:
            return True
        unsynced, self._unsynced = self._unsynced, 0
        try:
            self._spool.sync()
        except OSError as error:
            if error.errno not in FULL:
                raise
            # Room was promised and is not there (a network's disk, a thin one): what the disk has
            # of it is not known, so all of it counts as shed.
            self._spool.abandon()
            self._shed += unsynced
            self._kept = self._synced
            self.filled(str(error))
            return False
        self._synced = self._kept
        return True

    def holes(self) -> list[Hole]:
        """Return where the spool holds nothing of what it was given, until `end`."""
        if self._spool is None or self._kept >= self.end:
            return list(self._holes)
        return [*self._holes, Hole(self._kept, self.end - self._kept)]

    def forget_holes(self) -> None:
        """Forget those that are durable; one that goes on is told again."""
        self._holes.clear()

    def filled(self, reason: str) -> None:
        """Give the reserve up, and store no readings for a while: the disk is full."""
        self._reserve.release()
        self._full_until = time.monotonic() + RETRY_FULL_S
        if not self._full:
            self._full = True
            self._troubled("full", reason)

    @property
    def shed(self) -> int:
        """How many readings were shed since they were last taken."""
        return self._shed

    def take_shed(self) -> int:
        """Return how many readings were shed since the last call."""
        shed, self._shed = self._shed, 0
        return shed

    def close(self) -> None:
        """Sync and close the spool."""
        if self._spool is not None:
            self._spool.close()

    def _room_again(self) -> bool:
        """Whether readings may be stored: only when the reserve can be kept back beside them.

        Room that the reserve has just given is the alarms', not the readings'.
        """
        if time.monotonic() < self._full_until:
            return False
        self._full_until = time.monotonic() + RETRY_FULL_S
        return self._reserve.keep()
