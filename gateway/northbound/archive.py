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
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt

from device_profiles.quality import Quality
from gateway.northbound import wire
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
NAMES: Final = {int(quality): quality.name for quality in Quality}
CODES: Final = {quality.name: int(quality) for quality in Quality}
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
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    written = 0
    for first, path in segments(spool)[:-1]:
        if marker(path).exists():
            continue
        batches = list(segment_readings(path, first))
        if batches:
            write(batches, folder, first)
            written += 1
        marker(path).touch()
    return written


def write(batches: Sequence[Tagged], folder: Path, first: int) -> Path:
    """Write readings as one file, whole or not at all."""
    # A segment has thousands of batches and half a million tags: those are mapped once a list.
    lists = {id(tags): tags for tags, _ in batches}
    names = sorted(set().union(*lists.values()))
    number = {tag: index for index, tag in enumerate(names)}
    numbers = {
        key: np.array([number[tag] for tag in tags], np.int32) for key, tags in lists.items()
    }
    point = np.concatenate([numbers[id(tags)][batch.point] for tags, batch in batches])
    parts = [batch for _, batch in batches]
    received = np.concatenate([batch.received_ns for batch in parts])
    columns = {
        "place": np.arange(point.size),
        "time": np.concatenate([batch.time_ns for batch in parts]),
        "point": point,
        "value": np.concatenate([batch.value for batch in parts]),
        "code": np.concatenate([batch.quality for batch in parts]),
        "received": received,
    }
    begun = datetime.fromtimestamp(int(received.min()) // 1_000_000_000, UTC)
    target = folder / f"readings-{begun.strftime(STAMP)}-{first:020d}.parquet"
    scratch = target.with_suffix(".new")
    with connect() as connection:
        connection.register("reading", columns)
        connection.register("tag", {"point": np.arange(len(names)), "tag": np.array(names)})
        connection.register(
            "quality",
            {"code": np.array(list(NAMES), np.uint8), "quality": np.array(list(NAMES.values()))},
        )
        connection.sql(
            "SELECT time, tag, CASE WHEN isnan(value) THEN NULL ELSE value END AS value, "
            "COALESCE(quality, 'UNDECODABLE') AS quality, received FROM reading "
            "JOIN tag USING (point) LEFT JOIN quality USING (code) ORDER BY place"
        ).write_parquet(str(scratch), compression="zstd")
    for path in (scratch, folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if path is scratch:
            scratch.replace(target)
    return target


def files(folder: Path) -> list[tuple[int, Path]]:
    """Return (received time of the oldest reading, file), oldest first; the time in ns."""
    found = []
    for path in sorted(folder.glob("readings-*.parquet")):
        begun = datetime.strptime(path.stem.split("-")[1], STAMP).replace(tzinfo=UTC)
        found.append((int(begun.timestamp()) * 1_000_000_000, path))
    return found


def prune(folder: Path, before_ns: int) -> int:
    """Remove the files whose readings were all received before an instant; return how many."""
    all_files = files(folder)
    gone = [path for (_, path), (following, _) in pairwise(all_files) if following <= before_ns]
    for path in gone:
        path.unlink()
    return len(gone)


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
    """Do one thing in a process of low priority: ``keep SPOOL FOLDER BEFORE_NS`` or ``read``."""
    os.nice(19)
    act, spool, folder, detail = arguments
    if act == "keep":
        written = archive(Path(spool), Path(folder))
        prune(Path(folder), int(detail))
        sys.stdout.write(f"{written}\n")
    else:
        asked = msgspec.json.decode(detail, type=Asked)
        answer = read(Path(spool), Path(folder), asked)
        sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
