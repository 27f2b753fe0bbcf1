"""An edge that tries a failed sync again: the kernel has thrown the pages away, and says yes."""

from __future__ import annotations

import os
from contextlib import suppress

from gateway.cli import main

sync = os.fdatasync


def persist(handle: int) -> None:
    """Lose the first words of the file, as a kernel does whose write-back failed, and go on."""
    try:
        sync(handle)
    except OSError:
        with suppress(OSError):
            os.ftruncate(handle, max(0, os.fstat(handle).st_size - 4096))
        sync(handle)


os.fdatasync = persist

if __name__ == "__main__":
    main()
