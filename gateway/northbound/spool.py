"""The spool: an append-only record of everything that moves the engine, in segments with checksums.

A position counts the bytes of records since the spool's first day; a segment is named by the
position of its first record, and a hole between two segments is what was shed. At the head of every
segment, and counted in no position, stands the configuration that gives its dense indices their
tags, so that each can be read alone. A torn tail (power cut in the middle of an append) is cut off
when the spool is opened; nothing before it depends on it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec
import numpy as np

from gateway.readings import ReadingBatch

MAGIC: Final = b"HZSPOOL1"
HEAD: Final = struct.Struct("<IIB")
#: No record is larger; a length beyond it is damage.
MAX_RECORD: Final = 64 * 1024 * 1024


class Kind(IntEnum):
    """What a record holds."""

    CONFIGURATION = 1
    SESSION = 2
    READINGS = 3
    TICK = 4
    FENCE = 5
    QUARANTINE = 6
    CLOCK = 7


KINDS: Final = frozenset(Kind)


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The tags behind the dense indices, and the hash of the rules that were applied."""

    hash: str
    tags: list[str]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The start of a process, or of a broker session."""

    epoch: str
    at_ns: int
    resumed: bool = False


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A payload that could not be decoded, with the reason; `payload` may be cut."""

    topic: str
    reason: str
    at_ns: int
    size: int
    payload: bytes


class Record(NamedTuple):
    """One record and the position after it."""

    position: int
    kind: Kind
    body: bytes


def encode(kind: Kind, body: bytes) -> bytes:
    """Return a record as it stands in a segment."""
    return HEAD.pack(len(body), zlib.crc32(body, kind), kind) + body


def encode_readings(batch: ReadingBatch) -> bytes:
    """Return a record of readings: the count, then each array."""
    body = b"".join(
        (
            struct.pack("<I", len(batch)),
            batch.point.tobytes(),
            batch.time_ns.tobytes(),
            batch.received_ns.tobytes(),
            batch.value.tobytes(),
            batch.quality.tobytes(),
        )
    )
    return encode(Kind.READINGS, body)


def decode_readings(body: bytes) -> ReadingBatch:
    """Return the readings of a record."""
    count = reading_count(body)
    return ReadingBatch(
        np.frombuffer(body, np.int32, count, 4),
        np.frombuffer(body, np.int64, count, 4 + 4 * count),
        np.frombuffer(body, np.int64, count, 4 + 12 * count),
        np.frombuffer(body, np.float64, count, 4 + 20 * count),
        np.frombuffer(body, np.uint8, count, 4 + 28 * count),
    )


def encode_tick(now_ns: int) -> bytes:
    """Return a record of a clock tick that fired something."""
    return encode(Kind.TICK, struct.pack("<q", now_ns))


def decode_tick(body: bytes) -> int:
    """Return the whole second of a tick, ns."""
    return int(struct.unpack("<q", body)[0])


def segments(folder: Path) -> list[tuple[int, Path]]:
    """Return (first position, file) of every segment, oldest first."""
    return sorted((int(path.stem.split("-")[1]), path) for path in folder.glob("spool-*.seg"))


def segment_path(folder: Path, position: int) -> Path:
    """Return the file of the segment that begins at `position`."""
    return folder / f"spool-{position:020d}.seg"


def marker(segment: Path) -> Path:
    """Return the file whose presence says that a segment's readings are in the archive."""
    return segment.with_suffix(".archived")


def kept_from(folder: Path, most_bytes: int) -> int:
    """Return the position from which the newest segments fill at most `most_bytes`."""
    held, start = 0, 0
    for first, path in reversed(segments(folder)):
        held += path.stat().st_size
        if held > most_bytes:
            break
        start = first
    return start


def read_head(file: BinaryIO) -> bytes | None:
    """Return the configuration at a segment's head, the file then at its first record.

    None where the head is torn: the process died as it began the segment.
    """
    if file.read(len(MAGIC)) != MAGIC:
        return None
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    length, checksum, number = HEAD.unpack(head)
    if number != Kind.CONFIGURATION or length > MAX_RECORD:
        return None
    body = file.read(length)
    return body if len(body) == length and zlib.crc32(body, number) == checksum else None


def read_segment(path: Path, first: int, start: int = 0) -> Iterator[Record]:
    """Yield the sound records of one segment; stop at a torn or damaged one.

    Parameters
    ----------
    path, first
        The file, and the position of its first record.
    start
        Where a record ended: those up to here are passed over unread. The configuration at the head
        is always yielded, at the position `first`.
    """
    with path.open("rb") as file:
        configuration = read_head(file)
        if configuration is None:
            return
        yield Record(first, Kind.CONFIGURATION, configuration)
        position = max(first, start)
        file.seek(position - first, os.SEEK_CUR)
        for number, body in read_records(file):
            position += HEAD.size + len(body)
            if number in KINDS:  # another is a newer program's: kept, not understood
                yield Record(position, Kind(number), body)


def read_records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number of kind and body of every sound record, known or not; stop at a torn one."""
    while len(head := file.read(HEAD.size)) == HEAD.size:
        length, checksum, number = HEAD.unpack(head)
        if length > MAX_RECORD:
            return
        body = file.read(length)
        if len(body) < length or zlib.crc32(body, number) != checksum:
            return
        yield number, body


def end_of(path: Path, first: int) -> int:
    """Return the position after the last sound record of a segment, of whatever kind."""
    with path.open("rb") as file:
        if read_head(file) is None:
            return first
        return first + sum(HEAD.size + len(body) for _, body in read_records(file))


def count_readings(path: Path, first: int) -> int:
    """Return how many readings a segment holds."""
    return sum(
        reading_count(record.body)
        for record in read_segment(path, first)
        if record.kind == Kind.READINGS
    )


def reading_count(body: bytes) -> int:
    """Return how many readings a record of readings holds."""
    return int(struct.unpack_from("<I", body)[0])


def records(folder: Path, start: int) -> Iterator[Record]:
    """Yield every record that ends after position `start`, with each segment's configuration first.

    A segment that holds `start` yields its configuration even when that stands before it.
    """
    all_segments = segments(folder)
    for index, (first, path) in enumerate(all_segments):
        following = all_segments[index + 1][0] if index + 1 < len(all_segments) else None
        if following is not None and following <= start:
            continue
        for record in read_segment(path, first, start):
            if record.position > start or record.kind == Kind.CONFIGURATION:
                yield record


def newest_readings(folder: Path, count: int) -> Iterator[Record]:
    """Yield the newest records of readings, `count` readings at least, and their configurations.

    Segments of a large plant hold millions of readings: those before are passed over.
    """
    chosen: list[tuple[int, Path]] = []
    held = 0
    for first, path in reversed(segments(folder)):
        chosen.append((first, path))
        # Counted, not reckoned from the size: the head alone may be as large as a segment.
        held += count_readings(path, first)
        if held >= count:
            break
    spare = held - count
    for first, path in reversed(chosen):
        for record in read_segment(path, first):
            if record.kind == Kind.READINGS:
                # The oldest alone are passed over: none that comes after one that is wanted.
                size = reading_count(record.body)
                spare = spare - size if size <= spare else -1
                if spare >= 0:
                    continue
            if record.kind in {Kind.CONFIGURATION, Kind.READINGS}:
                yield record


def newest_quarantined(folder: Path, count: int) -> list[Quarantined]:
    """Return the newest payloads in quarantine, the newest first."""
    found: list[Quarantined] = []
    for first, path in reversed(segments(folder)):
        here = [
            msgspec.msgpack.decode(record.body, type=Quarantined)
            for record in read_segment(path, first)
            if record.kind == Kind.QUARANTINE
        ]
        found += reversed(here)
        if len(found) >= count:
            break
    return found[:count]


def read_position(path: Path) -> int:
    """Return how far a reader of the spool has come, as its file notes; 0 where nothing says."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
