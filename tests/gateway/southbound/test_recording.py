"""Recordings: wide and long, plain and packed, and what is wrong in them."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from device_profiles.bindings import ChannelBinding, resolve_bindings
from device_profiles.quality import Quality
from device_profiles.registry import load_registry
from gateway.pipeline.points import Point
from gateway.readings import Row
from gateway.southbound.recording import CHUNK, Recording, RecordingError

T0 = 1_790_000_000_000_000_000
WIDE = """time,A,B,other
1790000000,1.5,2,x
1790000001,,3,x
1790000002,4,,x
"""
LONG = """time,tag,value,quality
1790000000,A,1.5,GOOD
1790000000,B,2,
1790000001,B,3,GOOD
1790000002,A,4,GOOD
1790000002,elsewhere,9,GOOD
"""
ROWS = [(0, 0, 1.5), (1, 0, 2.0), (1, 1, 3.0), (0, 2, 4.0)]


def point(index: int, tag: str) -> Point:
    return Point(
        index=index, tag=tag, name="", device=0, device_id="d", channel="x", area="A1",
        hazard="ammonia_refrigeration", unit="ppm", low=0.0, high=1000.0,
        interval_ns=10**9, silence_ns=3 * 10**9,
    )  # fmt: skip


POINTS = [point(0, "A"), point(1, "B")]


def rows_of(path: Path) -> list[Row]:
    return [row for chunk in Recording(path, POINTS).rows() for row in chunk]


def shape(rows: list[Row]) -> list[tuple[int, int, float]]:
    return [(p, (time - T0) // 10**9, value) for p, time, _, value, _ in rows]


def as_csv(folder: Path, text: str) -> Path:
    path = folder / "r.csv"
    path.write_text(text, encoding="utf-8")
    return path


def as_gz(folder: Path, text: str) -> Path:
    path = folder / "r.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("form", [as_csv, as_gz])
@pytest.mark.parametrize("text", [WIDE, LONG], ids=["wide", "long"])
def test_every_form_gives_the_same_readings(
    tmp_path: Path, form: Callable[[Path, str], Path], text: str
) -> None:
    """An empty cell is no reading, another tag is passed over, received equals source."""
    rows = rows_of(form(tmp_path, text))
    assert shape(rows) == ROWS
    assert {row[4] for row in rows} == {int(Quality.GOOD)}
    assert all(row[1] == row[2] for row in rows)


def test_columns_of_other_tags_are_named(tmp_path: Path) -> None:
    """A wide file may hold more than the site: it says what was not used."""
    assert Recording(as_csv(tmp_path, WIDE), POINTS).unknown == ["other"]


CELLS = {
    "hello": Quality.WRONG_TYPE,
    "12,5": Quality.WRONG_TYPE,
    "nan": Quality.NOT_FINITE,
    "inf": Quality.NOT_FINITE,
    "1e400": Quality.NOT_FINITE,
    "-1": Quality.BELOW_RANGE,
    "1000.5": Quality.ABOVE_RANGE,
    "1000": Quality.GOOD,
}


@pytest.mark.parametrize(("cell", "quality"), CELLS.items(), ids=CELLS.keys())
def test_a_cell_that_is_no_number_is_bad_and_not_lost(
    tmp_path: Path, cell: str, quality: Quality
) -> None:
    """It is a reading, with the quality it would have had live."""
    for text in (f'time,A\n1790000000,"{cell}"\n', f'time,tag,value\n1790000000,A,"{cell}"\n'):
        ((_, _, _, value, found),) = rows_of(as_csv(tmp_path, text))
        assert Quality(found) == quality
        if quality == Quality.WRONG_TYPE:
            assert math.isnan(value)


@pytest.mark.parametrize(
    ("stated", "quality"),
    [("GOOD", Quality.GOOD), ("", Quality.GOOD), ("BAD", Quality.DEVICE_FAULT),
     ("UNCERTAIN", Quality.WARMING_UP), ("SENTINEL", Quality.SENTINEL),
     ("splendid", Quality.WRONG_TYPE)],
)  # fmt: skip
def test_a_stated_quality_is_kept(tmp_path: Path, stated: str, quality: Quality) -> None:
    """A verdict or a reason by its name; a word nobody knows is BAD, never good."""
    text = f"time,tag,value,quality\n1790000000,A,5,{stated}\n"
    ((*_, found),) = rows_of(as_csv(tmp_path, text))
    assert Quality(found) == quality


def test_what_was_bad_is_bad_for_the_reason_it_had(tmp_path: Path) -> None:
    """A message that said nothing of a point is no fault of its sensor, in a replay as live."""
    text = "time,tag,value,quality\n1790000000,A,nan,MISSING\n1790000001,A,nan,GOOD\n"
    found = [Quality(row[-1]) for row in rows_of(as_csv(tmp_path, text))]
    assert found == [Quality.MISSING, Quality.NOT_FINITE]


@pytest.mark.parametrize(
    "time",
    ["1790000000", "1790000000.0", "1790000000000", "2026-09-21T14:13:20Z",
     "2026-09-21T22:13:20+08:00"],
)  # fmt: skip
def test_times_are_read_in_every_usual_form(tmp_path: Path, time: str) -> None:
    """Seconds, milliseconds and ISO 8601 with a zone name the same instant."""
    ((_, found, *_),) = rows_of(as_csv(tmp_path, f"time,A\n{time},5\n"))
    assert found == T0


@pytest.mark.parametrize("time", ["yesterday", "", "-5", "nan"])
def test_a_time_that_is_none_names_its_line(tmp_path: Path, time: str) -> None:
    """Replay stops there and says what a time looks like: guessing would move alarms."""
    path = as_csv(tmp_path, f"time,A\n1790000000,5\n{time},6\n")
    with pytest.raises(RecordingError, match=r":3: time .* write 2026-01-31T08:00:00Z"):
        rows_of(path)


def test_a_file_without_times_or_without_tags_is_refused(tmp_path: Path) -> None:
    """It says what it found and what the site has."""
    with pytest.raises(RecordingError, match="no column 'time'"):
        Recording(as_csv(tmp_path, "when,A\n1,2\n"), POINTS)
    with pytest.raises(RecordingError, match=r"none of its columns .* the site has A, B"):
        Recording(as_csv(tmp_path, "time,X\n1,2\n"), POINTS)
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording(tmp_path / "absent.csv", POINTS)


def test_a_long_recording_comes_in_pieces(tmp_path: Path) -> None:
    """Memory holds one piece, however long the file is; order is the file's."""
    count = 3 * CHUNK + 5
    text = "time,A\n" + "".join(f"{1790000000 + n},{n % 1000}\n" for n in range(count))
    pieces = list(Recording(as_gz(tmp_path, text), POINTS).rows())
    assert max(len(piece) for piece in pieces) <= CHUNK
    assert [row[3] for piece in pieces for row in piece] == [float(n % 1000) for n in range(count)]


def test_a_recorded_loop_current_is_judged_as_live(tmp_path: Path) -> None:
    """It measures a little beyond its range, and fails beyond that, in a replay as live."""
    low, high = 0.0, 1000.0
    [bound] = resolve_bindings(
        load_registry()["generic/current-loop"],
        [ChannelBinding(channel="x", pointer="/x", low=low, high=high)],
    )
    values = {-12.0: Quality.GOOD, 1030.0: Quality.GOOD, -20.0: Quality.BELOW_RANGE,
              1040.0: Quality.ABOVE_RANGE, -25.0: Quality.DEVICE_FAULT,
              1063.0: Quality.DEVICE_FAULT}  # fmt: skip
    lines = "".join(f"{1790000000 + n},{value}\n" for n, value in enumerate(values))
    path = as_csv(tmp_path, f"time,A\n{lines}")
    recording = Recording(path, POINTS, bounds={"A": bound})
    found = [Quality(row[-1]) for chunk in recording.rows() for row in chunk]
    assert found == list(values.values())
