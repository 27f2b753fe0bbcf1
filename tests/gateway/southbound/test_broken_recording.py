"""Recordings that are no recordings: told as a problem, never as a traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gateway.southbound.recording import Recording, RecordingError
from tests.gateway.southbound.test_recording import POINTS

BROKEN = {
    "bytes.csv": b"time,A\n1790000000,\xff\xfe\n",
    "text.csv.gz": b"time,A\n1790000000,5\n",
    "cut.csv.gz": gzip.compress(b"time,A\n" + b"1790000000,5\n" * 1000)[:40],
    "text.parquet": b"time,A\n",
    "empty.parquet": b"",
}


@pytest.mark.parametrize(("name", "body"), BROKEN.items(), ids=BROKEN.keys())
def test_a_broken_file_is_told(tmp_path: Path, name: str, body: bytes) -> None:
    """The path is named, and the reason told."""
    path = tmp_path / name
    path.write_bytes(body)
    with pytest.raises(RecordingError, match=name):
        list(Recording(path, POINTS).rows())


def test_a_parquet_that_is_absent_is_told(tmp_path: Path) -> None:
    """As a CSV file is."""
    with pytest.raises(RecordingError, match=r"absent\.parquet"):
        Recording(tmp_path / "absent.parquet", POINTS)
