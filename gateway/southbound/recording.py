"""Recorded readings from a file: CSV or Parquet, wide (`time` and a column a tag) or long.

In a long file each row is ``time,tag,value[,quality]``. An empty cell of a wide file is no reading;
a cell that is no number is a BAD one: a recording loses nothing that a device said. Values are in
the point's unit; what lies outside the point's range is BAD, as it would be live.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TextIO, cast

from device_profiles.bindings import Bound
from device_profiles.decode import judged
from device_profiles.instant import to_nanoseconds
from device_profiles.quality import Quality, Verdict
from gateway.pipeline.points import Point
from gateway.readings import Row

CHUNK: Final = 8192
TIME: Final = "time"
LONG: Final = ("time", "tag", "value")
NO_BOUNDS: Final[Mapping[str, Bound]] = MappingProxyType({})
VERDICTS: Final = {"BAD": Quality.DEVICE_FAULT, "UNCERTAIN": Quality.WARMING_UP}


class RecordingError(Exception):
    """A recording cannot be read; the message says where and what is expected."""


class Recording:
    """A file of readings.

    Parameters
    ----------
    path
        ``.csv``, ``.csv.gz`` or ``.parquet``.
    points
        The site's points; other tags of the file are passed over and named in `unknown` (those of a
        long file as its rows are read). `unread` counts the cells that hold no number.

    bounds
        Of tags, what a device's number means: a loop current measures a little beyond its range.

    Raises
    ------
    RecordingError
        The file is of another kind, or none of its columns is a tag of the site.
    """

    def __init__(
        self, path: Path, points: Sequence[Point], *, bounds: Mapping[str, Bound] = NO_BOUNDS
    ) -> None:
        self.path = path
        self._bounds = bounds
        self._points = {point.tag: point for point in points}
        self.columns = self._header()
        self.long = self.columns[:3] == list(LONG)
        if TIME not in self.columns:
            found = ", ".join(repr(column) for column in self.columns[:5]) or "an empty file"
            hint = ""
            if len(self.columns) == 1 and {";", "\t"} & set(self.columns[0]):
                hint = "; separate columns by commas"
            raise RecordingError(
                f"{path}: no column {TIME!r}, found {found}{hint}; give time and a column a tag, "
                "or time,tag,value"
            )
        others = [column for column in self.columns if column != TIME]
        # In the order they come; a dict is a set that keeps it.
        strange = [] if self.long else [c for c in others if c not in self._points]
        self._unknown = dict.fromkeys(strange)
        self.unread = 0
        if not self.long and len(strange) == len(others):
            raise RecordingError(
                f"{path}: none of its columns is a tag of this site ({', '.join(others[:5])}); "
                f"the site has {', '.join(list(self._points)[:5])}"
            )

    @property
    def unknown(self) -> list[str]:
        """Tags of the file that are none of the site's."""
        return list(self._unknown)

    def rows(self) -> Iterator[list[Row]]:
        """Yield readings in the order of the file, in chunks of about 8192."""
        chunk: list[Row] = []
        for number, record in enumerate(self._records(), start=2):
            time_ns = to_nanoseconds(written_time(record[TIME]), "auto")
            if time_ns is None:
                raise RecordingError(
                    f"{self.path}:{number}: time {record[TIME]!r} is not understood; "
                    "write 2026-01-31T08:00:00Z or seconds since 1970"
                )
            chunk.extend(self._readings(record, time_ns))
            if len(chunk) >= CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _readings(self, record: Mapping[str, Any], time_ns: int) -> Iterator[Row]:
        if self.long:
            tag = str(record["tag"])
            point = self._points.get(tag)
            if point is None:
                self._unknown[tag] = None
                return
            stated = str(record.get("quality") or "GOOD")
            yield self._reading(point, time_ns, record["value"], stated)
            return
        for tag, point in self._points.items():
            cell = record.get(tag)
            if cell is not None and cell != "":
                yield self._reading(point, time_ns, cell, "GOOD")

    def _reading(self, point: Point, time_ns: int, cell: object, stated: str) -> Row:
        row = reading(point, time_ns, cell, stated, self._bounds.get(point.tag))
        if row[4] == Quality.WRONG_TYPE and math.isnan(row[3]):
            self.unread += 1
        return row

    def _header(self) -> list[str]:
        with self._told():
            if self.path.suffix == ".parquet":
                return [column[0] for column in self._parquet("LIMIT 0").description]
            with self._text() as file:
                return next(csv.reader(file), [])

    def _records(self) -> Iterator[Mapping[str, Any]]:
        with self._told():
            if self.path.suffix != ".parquet":
                with self._text() as file:
                    yield from csv.DictReader(file)
                return
            result = self._parquet("")
            while rows := result.fetchmany(CHUNK):
                for row in rows:
                    yield dict(zip(self.columns, row, strict=True))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what no reader understands as a problem of this file."""
        try:
            yield
        except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
            raise RecordingError(f"{self.path}: cannot be read: {error}") from error

    def _parquet(self, tail: str) -> Any:
        # DuckDB is large and only Parquet needs it.
        import duckdb

        connection = duckdb.connect(
            config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        )
        try:
            # A cursor, not a relation: those of DuckDB 2 keep no result between two fetches.
            return connection.execute(
                f"SELECT * FROM read_parquet($file) {tail}", {"file": str(self.path)}
            )
        except duckdb.Error as error:
            raise RecordingError(f"{self.path}: cannot be read: {error}") from error

    def _text(self) -> TextIO:
        if self.path.suffix == ".gz":
            return cast("TextIO", gzip.open(self.path, "rt", encoding="utf-8", newline=""))
        return self.path.open(encoding="utf-8", newline="")


def written_time(cell: object) -> object:
    """Return a cell as a number where it is one: a CSV file has text alone."""
    if isinstance(cell, str):
        with suppress(ValueError):
            return int(cell)
        with suppress(ValueError):
            return float(cell)
    return cell


def reading(
    point: Point, time_ns: int, cell: object, stated: str, bound: Bound | None = None
) -> Row:
    """Return one reading with the quality it would have had live.

    Parameters
    ----------
    bound
        What the device's number means; None where the point's range alone is known.
    """
    try:
        value = float(cast("Any", cell))
    except (TypeError, ValueError):
        return point.index, time_ns, time_ns, math.nan, int(Quality.WRONG_TYPE)
    quality = VERDICTS.get(stated) or Quality.__members__.get(stated, Quality.WRONG_TYPE)
    if quality.verdict == Verdict.BAD:
        pass  # for the reason it had then: what a message did not say is no fault
    elif not math.isfinite(value):
        quality = Quality.NOT_FINITE
    elif bound is not None:
        lies = Quality(judged(value, bound))
        quality = quality if lies == Quality.GOOD else lies
    elif point.low is not None and value < point.low:
        quality = Quality.BELOW_RANGE
    elif point.high is not None and value > point.high:
        quality = Quality.ABOVE_RANGE
    return point.index, time_ns, time_ns, value, int(quality)
