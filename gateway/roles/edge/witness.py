"""How far the journal had come, noted beside the store.

SQLite ends its write-ahead log where the first damaged page stands, and takes a store back to an
earlier commit without a word. The edge would then give numbers a second time that its parent has
seen, and forget what people acknowledged. So each commit is noted here after it has returned: the
note may be older than the store, after a power cut, and never newer.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from gateway.db import Database
from gateway.journal import digest

NAME: Final = "journal.head"
NOTE: Final = struct.Struct("<16sQ32s")
CHECKSUM: Final = struct.Struct("<I")


class Head(NamedTuple):
    """The life of a store, and number and hash of an event that was committed."""

    life: str
    seq: int
    hash: str


class Witness:
    """Notes heads in the store's thread; a disk that refuses costs the note and nothing else.

    Parameters
    ----------
    folder
        Of the store.
    life
        Of the store.
    """

    def __init__(self, folder: Path, life: str) -> None:
        self._path = folder / NAME
        self._life = life.encode("ascii")
        self._file = -1

    def note(self, seq: int, head: str) -> None:
        """Note an event whose commit has returned; not synced, for every commit would wait."""
        body = NOTE.pack(self._life, seq, bytes.fromhex(head))
        with suppress(OSError):
            if self._file < 0:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o640)
            os.pwrite(self._file, body + CHECKSUM.pack(zlib.crc32(body)), 0)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read(folder: Path) -> Head | None:
    """Return what was noted last; None where nothing is, or where it is damaged itself."""
    try:
        content = (folder / NAME).read_bytes()
    except OSError:
        return None
    body, checksum = content[: NOTE.size], content[NOTE.size :]
    if len(checksum) != CHECKSUM.size or CHECKSUM.unpack(checksum)[0] != zlib.crc32(body):
        return None
    life, seq, head = NOTE.unpack(body)
    return Head(life.decode("ascii"), seq, head.hex())


def taken_back(folder: Path, database: Database, life: str) -> str:
    """Return what shows that a store is not as new as it was; empty where nothing does."""
    noted = read(folder)
    if noted is None or noted.life != life:
        return ""
    rows = database.execute("SELECT entry FROM journal WHERE seq = ?", (noted.seq,))
    if rows and digest(rows[0][0]) == noted.hash:
        return ""
    return f"the journal had come to entry {noted.seq}, and this store does not hold that one"
