"""A program that syncs its files, and never the folders that hold their names."""

from __future__ import annotations

from pathlib import Path

from gateway import folders
from tests.faults.disks.patient import main


def sync_nothing(folder: Path) -> None:
    """Say that the names are on the disk."""


folders.sync = sync_nothing

if __name__ == "__main__":
    main()
