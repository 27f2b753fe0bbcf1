"""Folders whose names last: a file's own sync does not keep the name under which it was made.

What POSIX promises of `fsync` ends at the file. Its name, new, moved or removed, is on the disk
when the folder that holds it was synced; and so on upwards: a folder is a name in the one above.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync(folder: Path) -> None:
    """Return when the names in a folder are on the disk.

    Raises
    ------
    OSError
        The disk refuses.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make(folder: Path, *, mode: int = 0o750) -> None:
    """Make a folder, and those above it, where they are not there; their names are then durable.

    Raises
    ------
    OSError
        It cannot be made, or its name cannot be kept.
    """
    above = folder.absolute().parent
    if not above.exists():
        make(above, mode=0o777)
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        if not folder.is_dir():
            raise
        # Who made it may have died before this sync; most often there is nothing to keep, in a
        # folder that may be another's.
        with suppress(OSError):
            sync(above)
    else:
        sync(above)
