"""A spool under test, with what was appended to it, and how it is read back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.northbound.spool import MAGIC, Configuration, Kind, Session, encode, records
from gateway.northbound.spool_writer import Spool
from gateway.readings import ReadingBatch

TAGS = Configuration(hash="h", tags=["T1", "T2"])
CONFIGURATION = encode(Kind.CONFIGURATION, msgspec.json.encode(TAGS))
SESSION = encode(Kind.SESSION, msgspec.json.encode(Session(epoch="e" * 16, at_ns=1)))
#: What stands before the first record of a segment, and counts in no position.
LEAD = len(MAGIC) + len(CONFIGURATION)


def batch(count: int, value: float = 1.0) -> ReadingBatch:
    return ReadingBatch.from_rows([(n % 2, 10 + n, 20 + n, value + n, 0) for n in range(count)])


class Writer:
    """A spool with what was appended to it: (position after, record)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = Spool(folder, TAGS)
        self.position = self.spool.position
        self.written: list[tuple[int, bytes]] = []

    def append(self, *blobs: bytes) -> None:
        self.spool.append(b"".join(blobs), self.position)
        for blob in blobs:
            self.position += len(blob)
            self.written.append((self.position, blob))
        assert self.spool.position == self.position

    def begin_segment(self) -> None:
        """End the segment, as a new start of the process does."""
        self.close()
        self.spool = Spool(self.folder, TAGS)
        assert self.spool.position == self.position

    def close(self) -> None:
        self.spool.close()


def read(folder: Path, start: int = 0) -> list[tuple[int, bytes]]:
    """Every record after a position but the configurations, as it stands on disk."""
    return [
        (r.position, encode(r.kind, r.body))
        for r in records(folder, start)
        if r.kind != Kind.CONFIGURATION
    ]
