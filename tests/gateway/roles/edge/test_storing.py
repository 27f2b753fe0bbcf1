"""What is acknowledged of the readings is durable or counted, also around a full disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gateway.northbound import spool_writer
from gateway.northbound.losses import Hole
from gateway.northbound.spool import Configuration
from gateway.northbound.spool_writer import Spool
from gateway.roles.edge.storing import Reserve, Storing

BLOB = b"r" * 40


class Disk(Spool):
    """A spool on a disk that is full from its second record on, or when it is synced."""

    def __init__(self, folder: Path, *, at: str) -> None:
        super().__init__(folder, Configuration(hash="", tags=[]))
        self.durable = 0
        self._at = at
        self._records = 0

    def append(self, blob: bytes, position: int) -> None:
        self._records += 1
        if self._at == "append" and self._records > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(blob, position)

    def sync(self) -> None:
        if self._at == "sync":
            self._at = ""
            raise OSError(errno.ENOSPC, "No space left on device")
        super().sync()
        self.durable = self.position


def storing(disk: Spool) -> tuple[Storing, list[str]]:
    """Return what appends to this disk, and the troubles it tells."""
    told: list[str] = []
    return Storing(disk, Reserve(None, 0), troubled=lambda what, _: told.append(what)), told


def test_what_came_before_the_disk_was_full_is_synced(tmp_path: Path) -> None:
    """One group of work: its first part found room, its second none; both are acknowledged."""
    disk = Disk(tmp_path / "spool", at="append")
    made, told = storing(disk)
    made.append(BLOB, 0, readings=5)
    made.append(BLOB, len(BLOB), readings=5)
    made.sync()
    assert disk.durable == len(BLOB)
    assert made.holes() == [Hole(len(BLOB), len(BLOB))]
    assert made.take_shed() == 5
    assert told == ["full"]


def test_a_sync_that_finds_no_room_counts_what_it_should_have_kept(tmp_path: Path) -> None:
    """Nobody knows what of it the disk has: it is counted, and a new segment follows."""
    disk = Disk(tmp_path / "spool", at="sync")
    made, told = storing(disk)
    made.append(BLOB, 0, readings=5)
    made.sync()
    assert made.take_shed() == 5
    assert told == ["full"]
    assert made.holes() == [Hole(0, len(BLOB))]
    disk.append(BLOB, len(BLOB))
    made.sync()
    assert disk.durable == 2 * len(BLOB)
    assert len(list((tmp_path / "spool").glob("*.seg"))) == 2
    assert made.take_shed() == 0


def test_a_segments_end_that_finds_no_room_counts_what_the_segment_should_have_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells of it once, to whoever asks first: here to the one that begins the next."""
    monkeypatch.setattr(spool_writer, "SEGMENT_BYTES", 2 * len(BLOB))
    real, full = os.fdatasync, [False]

    def fdatasync(file: int) -> None:
        if full[0]:
            full[0] = False
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    made, told = storing(Spool(tmp_path / "spool", Configuration(hash="", tags=[])))
    for number in range(3):
        full[0] = number == 2
        made.append(BLOB, number * len(BLOB), readings=5)
    assert made.sync()
    assert made.take_shed() == 15
    assert told == ["full"]


def test_a_hole_is_told_from_where_it_begins_until_something_is_kept_again(tmp_path: Path) -> None:
    """What was passed over between two appends, and what a start found missing, is told once."""
    found = Hole(3, 4)
    spool = Spool(tmp_path / "spool", Configuration(hash="", tags=[]))
    made = Storing(spool, Reserve(None, 0), troubled=lambda *_: None, holes=[found])
    assert made.holes() == [found]
    made.append(BLOB, 0, readings=5)
    made.append(BLOB, 100, readings=5)
    assert made.sync()
    assert made.holes() == [found, Hole(len(BLOB), 100 - len(BLOB))]
    made.forget_holes()
    made.append(BLOB, 100 + len(BLOB), readings=5)
    assert made.holes() == []
