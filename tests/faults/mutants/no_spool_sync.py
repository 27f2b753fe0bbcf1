"""A program that appends readings to the spool and does not sync them."""

from __future__ import annotations

from gateway.northbound.spool_writer import Spool
from tests.faults.disks.patient import main


def sync_nothing(self: Spool) -> None:
    """Say that all is on the disk."""
    self._unsynced = False


Spool.sync = sync_nothing  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
