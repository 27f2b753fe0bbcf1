"""Snapshots of the engine: files beside the store, which says which of them counts.

A snapshot of a large site has a hundred megabytes. In the store it would be written twice and hold
up every alarm behind it; as a file it is written beside the alarms, in pieces that are synced one
by one, so that no other sync has to wait for the whole of it.
"""

from __future__ import annotations

import os
import secrets
import zlib
from pathlib import Path
from typing import Final

import msgspec

from gateway import folders
from gateway.db import Database

#: Written between two syncs.
PIECE_BYTES: Final = 4 * 1024 * 1024


class SnapshotFile(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """What the store holds of a snapshot: its file, and what tells whether that is whole."""

    name: str
    size: int
    checksum: int


class SnapshotLostError(ValueError):
    """The file of a snapshot is not there, or not whole: the whole spool is run instead."""


def folder_in(store: Path) -> Path:
    """Return where a store's snapshots lie."""
    return store / "snapshots"


def write(folder: Path, position: int, body: bytes) -> bytes:
    """Write a snapshot's file and return what the store is to hold of it.

    Parameters
    ----------
    folder
        Of the snapshots; made if absent.
    position
        Of the spool, as far as the snapshot goes.
    body
        What `Engine.snapshot` gave.

    Raises
    ------
    OSError
        The disk refuses.
    """
    folders.make(folder)
    # Never the name of the one that counts: this one may not come to its end.
    path = folder / f"snapshot-{position:020d}-{secrets.token_hex(4)}.bin"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        view = memoryview(body)
        while view:
            view = view[os.write(handle, view[:PIECE_BYTES]) :]
            os.fdatasync(handle)
        os.fsync(handle)
    except OSError:
        # Half a snapshot is of no use, and its room is the alarms'.
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    folders.sync(folder)
    return msgspec.msgpack.encode(
        SnapshotFile(name=path.name, size=len(body), checksum=zlib.crc32(body))
    )


def read(folder: Path, body: bytes) -> bytes:
    """Return the snapshot that the store speaks of; an older store holds it itself.

    Raises
    ------
    SnapshotLostError
        Its file is not what the store says.
    """
    file = _file_of(body)
    if file is None:
        return body
    try:
        body = (folder / file.name).read_bytes()
    except OSError as error:
        raise SnapshotLostError(f"{file.name}: {error}") from error
    if len(body) != file.size or zlib.crc32(body) != file.checksum:
        raise SnapshotLostError(f"{file.name}: {len(body)} bytes that are not those written")
    return body


def held(database: Database) -> tuple[int, bytes] | None:
    """Return position and content of the store's newest snapshot, or None."""
    rows = database.execute("SELECT position, body FROM snapshot WHERE id = 1")
    return (int(rows[0][0]), bytes(rows[0][1])) if rows else None


def prune(folder: Path, body: bytes) -> None:
    """Remove the files that the store no longer speaks of."""
    file = _file_of(body)
    for path in folder.glob("snapshot-*.bin"):
        if file is None or path.name != file.name:
            path.unlink(missing_ok=True)


def _file_of(body: bytes) -> SnapshotFile | None:
    try:
        return msgspec.msgpack.decode(body, type=SnapshotFile)
    except msgspec.DecodeError:
        return None
