"""The archive: closed segments of the spool as Parquet files, written and read in a child process.

A file holds the readings of one segment in the order they came, in the columns of a long
recording (``time, tag, value, quality, received``; times in ns), so that any tool that reads
Parquet reads it and `hazgate replay` takes it as it is. Its name tells when its oldest reading was
received and where in the spool it began. A marker beside the segment says that its file is on the
disk.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt

from device_profiles.quality import Quality
from gateway import folders
from gateway.northbound import wire
from gateway.northbound.pins import Kept, Pruning
from gateway.northbound.spool import (
    Configuration,
    Kind,
    decode_readings,
    marker,
    read_segment,
    segments,
)
from gateway.readings import ReadingBatch

#: Readings one answer may hold; two hours at 1 Hz fit, what is denser is thinned evenly.
ANSWER_READINGS: Final = 10_000
#: A source time may lie this far ahead of the received one.
AHEAD_NS: Final = 5_000_000_000
STAMP: Final = "%Y%m%dT%H%M%SZ"
CODES: Final = {quality.name: int(quality) for quality in Quality}
#: The name of each quality byte.
WORDS: Final = np.full(256, "UNDECODABLE", object)
for _quality in Quality:
    WORDS[_quality] = _quality.name
Tagged = tuple[list[str], ReadingBatch]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which readings an order wants: of one point, between two source times (ns), inclusive."""

    order: str
    tag: str
    from_ns: int
    to_ns: int


def connect() -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory, on one thread, with nothing loaded from anywhere."""
    return duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": "256MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )


def segment_readings(path: Path, first: int) -> Iterator[Tagged]:
    """Yield (tags, readings) of a segment's records."""
    tags: list[str] = []
    for record in read_segment(path, first):
        if record.kind == Kind.CONFIGURATION:
            tags = msgspec.json.decode(record.body, type=Configuration).tags
        elif record.kind == Kind.READINGS:
            yield tags, decode_readings(record.body)


def archive(spool: Path, folder: Path) -> int:
    """Write every closed segment that has no marker as a Parquet file; return how many."""
    folders.make(folder)
    written = 0
    for first, path in segments(spool)[:-1]:
        if marker(path).exists():
            continue
        found = gathered(segment_readings(path, first))
        if found is not None:
            write(*found, folder, first)
            written += 1
        marker(path).touch()
    return written


def gathered(batches: Iterable[Tagged]) -> tuple[list[str], ReadingBatch] | None:
    """Return all readings as one batch, and the tags of its points; None where there are none.

    A segment has thousands of batches and half a million tags: those are mapped once a list.
    """
    number: dict[str, int] = {}
    mapped: list[str] | None = None
    numbers = np.zeros(0, np.int32)
    parts = []
    for tags, batch in batches:
        if tags is not mapped:
            mapped = tags
            numbers = np.array([number.setdefault(tag, len(number)) for tag in tags], np.int32)
        parts.append(replace(batch, point=numbers[batch.point]))
    return (list(number), ReadingBatch.joined(parts)) if parts else None


def write(names: Sequence[str], readings: ReadingBatch, folder: Path, first: int) -> Path:
    """Write readings, whose points stand for these tags, as one file, whole or not at all."""
    # Streamed as they stand: a join for the names, and a sort after it, would want all in memory.
    columns = {
        "time": readings.time_ns,
        "tag": np.array(names, object)[readings.point],
        "value": readings.value,
        "quality": WORDS[readings.quality],
        "received": readings.received_ns,
    }
    begun = datetime.fromtimestamp(int(readings.received_ns.min()) // 1_000_000_000, UTC)
    target = folder / f"readings-{begun.strftime(STAMP)}-{first:020d}.parquet"
    scratch = target.with_suffix(".new")
    with connect() as connection:
        connection.register("reading", columns)
        connection.sql(
            "SELECT time, tag, CASE WHEN isnan(value) THEN NULL ELSE value END AS value, "
            "quality, received FROM reading"
        ).write_parquet(str(scratch), compression="zstd")
    handle = os.open(scratch, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    scratch.replace(target)
    folders.sync(folder)
    return target


def files(folder: Path) -> list[tuple[int, Path]]:
    """Return (received time of the oldest reading, file), oldest first; the time in ns."""
    found = []
    for path in sorted(folder.glob("readings-*.parquet")):
        begun = datetime.strptime(path.stem.split("-")[1], STAMP).replace(tzinfo=UTC)
        found.append((int(begun.timestamp()) * 1_000_000_000, path))
    return found


def prune(folder: Path, what: Pruning) -> int:
    """Remove files whose readings were all received too long ago; return pinned readings lost."""
    old = [
        (begun, following, path)
        for (begun, path), (following, _) in pairwise(files(folder))
        if following <= what.before_ns
    ]
    room, lost = what.pinned_bytes, 0
    for begun, following, path in reversed(old):
        pinned = any(first < following and begun < last for first, last in what.pinned)
        if pinned:
            room -= path.stat().st_size
            if room >= 0:
                continue
            # Those before it go too: the newest pins are the ones somebody still looks into.
            room = -1
            lost += count_rows(path)
        path.unlink()
    return lost


def count_rows(path: Path) -> int:
    """Return how many readings a file holds."""
    with connect() as connection:
        found = connection.execute(
            "SELECT SUM(num_rows) FROM parquet_file_metadata($file)", {"file": str(path)}
        ).fetchone()
    return int(found[0] or 0) if found else 0


def read(spool: Path, folder: Path, asked: Asked) -> wire.Readings:
    """Return a point's readings: from the archive, and from segments it does not hold yet.

    Readings that stand in both are told once; more than an answer holds are thinned evenly.
    """
    parts = [_from_spool(spool, asked), _from_files(folder, asked)]
    time, value, code = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(time, kind="stable")
    time, value, code = time[order], value[order], code[order]
    fresh = np.ones(time.size, bool)
    fresh[1:] = (time[1:] != time[:-1]) | (code[1:] != code[:-1])
    chosen = np.flatnonzero(fresh)
    thinned = chosen.size > ANSWER_READINGS
    if thinned:
        chosen = chosen[np.linspace(0, chosen.size - 1, ANSWER_READINGS).astype(np.int64)]
    return wire.Readings(
        order=asked.order,
        tag=asked.tag,
        time_ns=time[chosen].tolist(),
        value=[v if math.isfinite(v) else None for v in value[chosen].tolist()],
        quality=code[chosen].tolist(),
        thinned=thinned,
    )


Columns = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.uint8]]


def _from_spool(spool: Path, asked: Asked) -> Columns:
    times, values, codes = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.uint8)]
    for first, path in segments(spool):
        if marker(path).exists():
            continue
        looked_in: list[str] | None = None
        wanted: int | None = None
        for tags, batch in segment_readings(path, first):
            if tags is not looked_in:
                looked_in = tags
                wanted = tags.index(asked.tag) if asked.tag in tags else None
            if wanted is None:
                continue
            mine = batch.point == wanted
            mine &= (batch.time_ns >= asked.from_ns) & (batch.time_ns <= asked.to_ns)
            times.append(batch.time_ns[mine])
            values.append(batch.value[mine])
            codes.append(batch.quality[mine])
    return np.concatenate(times), np.concatenate(values), np.concatenate(codes)


def _from_files(folder: Path, asked: Asked) -> Columns:
    known = files(folder)
    # What was measured at an instant was received then or later: earlier files cannot hold it.
    first = max(
        (n for n, (begun, _) in enumerate(known) if begun <= asked.from_ns - AHEAD_NS), default=0
    )
    chosen = [str(path) for _, path in known[first:]]
    if not chosen:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint8)
    with connect() as connection:
        rows = connection.execute(
            "SELECT time, COALESCE(value, 'nan'::DOUBLE), quality FROM read_parquet($files) "
            "WHERE tag = $tag AND time BETWEEN $begin AND $end",
            {"files": chosen, "tag": asked.tag, "begin": asked.from_ns, "end": asked.to_ns},
        ).fetchall()
    return (
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([CODES.get(row[2], CODES["UNDECODABLE"]) for row in rows], np.uint8),
    )


def main(arguments: Sequence[str]) -> None:
    """Do one thing in a process in the background: ``keep SPOOL FOLDER -`` or ``read``."""
    act, spool, folder, detail = arguments
    if act == "keep":
        written = archive(Path(spool), Path(folder))
        what = msgspec.json.decode(sys.stdin.buffer.read(), type=Pruning)
        unpinned = prune(Path(folder), what)
        left = files(Path(folder))
        kept = Kept(written=written, unpinned=unpinned, oldest_ns=left[0][0] if left else 0)
        sys.stdout.buffer.write(msgspec.json.encode(kept))
    else:
        asked = msgspec.json.decode(detail, type=Asked)
        answer = read(Path(spool), Path(folder), asked)
        sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
