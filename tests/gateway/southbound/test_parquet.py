"""Recordings in Parquet: the same readings as from CSV."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from gateway.southbound.recording import CHUNK, Recording
from tests.gateway.southbound.test_recording import LONG, POINTS, ROWS, WIDE, as_csv, rows_of, shape


def as_parquet(folder: Path, text: str) -> Path:
    """The same table, written by DuckDB."""
    path = folder / "r.parquet"
    duckdb.read_csv(str(as_csv(folder, text))).write_parquet(str(path))
    return path


@pytest.mark.parametrize("text", [WIDE, LONG], ids=["wide", "long"])
def test_parquet_gives_the_same_readings(tmp_path: Path, text: str) -> None:
    """An empty cell is no reading, another tag is passed over, received equals source."""
    assert shape(rows_of(as_parquet(tmp_path, text))) == ROWS


def test_a_long_parquet_comes_in_pieces(tmp_path: Path) -> None:
    """In the order of the file, whatever its length."""
    count = 2 * CHUNK + 5
    text = "time,A\n" + "".join(f"{1790000000 + n},{n % 1000}\n" for n in range(count))
    pieces = list(Recording(as_parquet(tmp_path, text), POINTS).rows())
    assert max(len(piece) for piece in pieces) <= CHUNK
    assert [row[3] for piece in pieces for row in piece] == [float(n % 1000) for n in range(count)]
