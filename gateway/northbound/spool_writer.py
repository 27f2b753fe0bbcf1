"""The writer of the spool: segments that begin with their configuration, one after another.

What it finds torn at the end of the last segment it cuts off; nobody was ever told that it is kept.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from gateway import folders
from gateway.northbound.spool import (
    MAGIC,
    Configuration,
    Kind,
    encode,
    end_of,
    marker,
    read_head,
    segment_path,
    segments,
)

SEGMENT_BYTES: Final = 8 * 1024 * 1024
#: A larger configuration stands at the head of segments that are so many times its size.
LARGE_HEAD: Final = 512 * 1024
HEADS: Final = 16


class Spool:
    """The writer: one thread appends and syncs.

    Parameters
    ----------
    folder
        Where the segments are; made if absent.
    configuration
        Stands at the head of every segment that this writer begins.

    Raises
    ------
    OSError
        The folder cannot be made or written.
    """

    def __init__(self, folder: Path, configuration: Configuration) -> None:
        self.folder = folder
        self._head = MAGIC + encode(Kind.CONFIGURATION, msgspec.json.encode(configuration))
        folders.make(folder)
        self.position = 0
        self._first = 0
        self._file = -1
        self._unsynced = False
        existing = segments(folder)
        if existing:
            first, path = existing[-1]
            last = end_of(path, first)
            self.position = last
            # What follows was never acknowledged to anyone: it may go. What stays may have been
            # written by a process that died before its sync, and will be acknowledged now.
            with path.open("r+b") as file:
                torn = read_head(file) is None
                keep = 0 if torn else file.tell() + last - first
                if file.seek(0, os.SEEK_END) > keep:
                    file.truncate(keep)
                os.fsync(file.fileno())

    def skip_to(self, position: int) -> None:
        """Go on from here at least: what lies before was shed, and no record may stand there."""
        self.position = max(self.position, position)

    def append(self, blob: bytes, position: int) -> None:
        """Write whole records that begin at `position`; they are durable after `sync`.

        A position that does not follow the last begins a segment, as does a full one: what lies
        between was shed.
        """
        if self._begins(position):
            self._open(position)
        self._write(blob)
        self.position = position + len(blob)

    def ends_unsynced(self, position: int) -> bool:
        """Return whether what is appended there ends a segment that is not on the disk yet."""
        return self._unsynced and self._begins(position)

    def _begins(self, position: int) -> bool:
        large = HEADS * len(self._head) if len(self._head) > LARGE_HEAD else 0
        full = position - self._first >= max(SEGMENT_BYTES, large)
        return self._file < 0 or position != self.position or full

    def sync(self) -> None:
        """Return when everything appended is on the disk."""
        if self._file >= 0 and self._unsynced:
            os.fdatasync(self._file)
            self._unsynced = False

    def abandon(self) -> None:
        """Close without a sync, after one that failed: what comes next begins a segment."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._unsynced = False

    def cut(self, before: int) -> int:
        """Remove the segments that end at or before a position; return how many."""
        count = 0
        for (_, path), (following, _) in pairwise(segments(self.folder)):
            if following <= before:
                path.unlink()
                marker(path).unlink(missing_ok=True)
                count += 1
        return count

    def bytes_used(self) -> int:
        """Return the size of all segments on disk."""
        return sum(path.stat().st_size for _, path in segments(self.folder))

    def close(self) -> None:
        """Sync and close."""
        if self._file >= 0:
            os.fdatasync(self._file)
            os.close(self._file)
            self._file = -1

    def _write(self, blob: bytes) -> None:
        view = memoryview(blob)
        self._unsynced = True
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            # A full disk took a part: what ends in the middle of a record looks like damage.
            with suppress(OSError):
                size = os.fstat(self._file).st_size
                os.ftruncate(self._file, size - (len(blob) - len(view)))
            raise

    def _open(self, position: int) -> None:
        self.close()
        path = segment_path(self.folder, position)
        # A segment of this name can only be an empty or torn one: its records begin here.
        marker(path).unlink(missing_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o640)
        self._write(self._head)
        os.fsync(self._file)
        folders.sync(self.folder)
        self._first = self.position = position
