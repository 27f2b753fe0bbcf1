"""Who holds a locked file, and whether he still lives.

A process that ends while one of its threads waits for a disk that does not answer keeps its locks:
the kernel gives back what it had open only after the last of its threads. Whoever finds the lock
taken then waits for nobody. So the holder takes a record lock of the same file besides, because the
kernel tells whose that is. Nothing of this is written to the disk: it cannot be out of date, and
asks nothing of a disk that hangs.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

#: struct flock: type, whence, start, length (0: to the end), process.
RECORD: Final = struct.Struct("@hhqqi")
#: A zombie, and a process that is just being taken away.
OVER: Final = frozenset("ZX")


def tell(file: BinaryIO) -> None:
    """Let the kernel tell others that this process has a file, until it closes that."""
    with suppress(OSError):  # then nobody knows, and it counts as alive
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder(file: BinaryIO) -> int:
    """Return the process that told so of a file; 0 for none, this one, or one that is not known."""
    if sys.platform != "linux":
        return 0
    asked = RECORD.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    with suppress(OSError):
        kind, _, _, _, pid = RECORD.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
        # In another namespace it has no number here; at another machine a negative one.
        return int(pid) if kind != fcntl.F_UNLCK and pid > 0 else 0
    return 0


def is_over(pid: int) -> bool:
    """Return whether a process has ended, though not with all of its threads."""
    if not pid:
        return False
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False  # of another user, or gone by now: the lock itself tells
    return status.partition("\nState:")[2].strip()[:1] in OVER
