"""History: every durable reading is in the archive or the spool, once, and the spool is bounded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.quality import Quality
from gateway.northbound import archive, spool_writer, wire
from gateway.northbound.history import DAY_NS, History, HistoryError
from gateway.northbound.pins import Pruning
from gateway.northbound.spool import Configuration, encode_readings, marker, segments
from gateway.northbound.spool_writer import Spool
from gateway.readings import ReadingBatch, Row

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
TAGS = ["AR1-AT-101", "AR1-AT-102"]
SENTINEL = int(Quality.SENTINEL)


class Site:
    """A spool that is written, with what it was given."""

    def __init__(self, folder: Path, tags: list[str] = TAGS) -> None:
        self.spool_folder, self.folder = folder / "spool", folder / "history"
        self.tags = tags
        self.rows: list[Row] = []
        self.writer = Spool(self.spool_folder, Configuration(hash="h", tags=tags))

    def write(self, rows: list[Row]) -> None:
        blob = encode_readings(ReadingBatch.from_rows(rows))
        self.writer.append(blob, self.writer.position)
        self.rows += rows

    def close_segment(self) -> None:
        """End the segment, as a new start of the process does."""
        self.writer.close()
        self.writer = Spool(self.spool_folder, Configuration(hash="h", tags=self.tags))

    def history(self, *, spool_bytes: int = 1 << 30) -> History:
        return History(self.spool_folder, self.folder, days=30, spool_bytes=spool_bytes)

    def read(self, tag: str, begin: int, end: int) -> list[tuple[int, float | None, int]]:
        asked = archive.Asked(order="o", tag=tag, from_ns=begin, to_ns=end)
        found = archive.read(self.spool_folder, self.folder, asked)
        return list(zip(found.time_ns, found.value, found.quality, strict=True))


def seconds(first: int, count: int, point: int = 0) -> list[Row]:
    """A reading a second; each tenth is BAD."""
    return [
        (point, START + n * SECOND, START + n * SECOND + 5, math.nan, SENTINEL)
        if n % 10 == 0
        else (point, START + n * SECOND, START + n * SECOND + 5, float(n), 0)
        for n in range(first, first + count)
    ]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def told(rows: list[Row], point: int) -> list[tuple[int, float | None, int]]:
    return [
        (time, None if math.isnan(value) else value, quality)
        for at, time, _, value, quality in rows
        if at == point
    ]


def test_archive_and_spool_together_hold_everything_once(site: Site) -> None:
    """Readings come back whole and once, whether archived, waiting or in the open segment."""
    for part in range(3):
        site.write(seconds(100 * part, 100) + seconds(100 * part, 50, point=1))
        if part < 2:
            site.close_segment()
    everything = (0, START + 10_000 * SECOND)
    before = site.read(TAGS[0], *everything)
    assert before == told(site.rows, 0)
    assert archive.archive(site.spool_folder, site.folder) == 2
    assert archive.archive(site.spool_folder, site.folder) == 0
    for point, tag in enumerate(TAGS):
        assert sorted(site.read(tag, *everything)) == sorted(told(site.rows, point))


def test_only_what_was_asked_is_told(site: Site) -> None:
    """Both ends of the time are inclusive, and an unknown tag has no readings."""
    site.write(seconds(0, 100))
    site.close_segment()
    site.write(seconds(100, 100))
    archive.archive(site.spool_folder, site.folder)
    found = site.read(TAGS[0], START + 95 * SECOND, START + 105 * SECOND)
    assert [time for time, _, _ in found] == [START + n * SECOND for n in range(95, 106)]
    assert site.read("nobody", 0, START * 2) == []


def test_crash_between_file_and_marker_doubles_nothing(site: Site) -> None:
    """A segment archived twice, because the first time left no marker, is one file."""
    site.write(seconds(0, 100))
    site.close_segment()
    site.write(seconds(100, 1))
    archive.archive(site.spool_folder, site.folder)
    (_, path), *_ = segments(site.spool_folder)
    marker(path).unlink()
    assert len(site.read(TAGS[0], START, START + 99 * SECOND)) == 100
    assert archive.archive(site.spool_folder, site.folder) == 1
    assert len(archive.files(site.folder)) == 1


def test_indices_follow_each_segment_s_own_tags(tmp_path: Path) -> None:
    """After a changed site file an index means another tag; each segment keeps its own."""
    site = Site(tmp_path)
    site.write([(0, START, START, 1.0, 0)])
    site.writer.close()
    swapped = Site(tmp_path, tags=[TAGS[1], TAGS[0]])
    swapped.write([(0, START + SECOND, START + SECOND, 2.0, 0)])
    swapped.close_segment()
    swapped.write([(1, START + 2 * SECOND, START + 2 * SECOND, 3.0, 0)])
    for _ in range(2):
        assert [v for _, v, _ in swapped.read(TAGS[0], START, START * 2)] == [1.0, 3.0]
        assert [v for _, v, _ in swapped.read(TAGS[1], START, START * 2)] == [2.0]
        archive.archive(swapped.spool_folder, swapped.folder)


def test_files_are_plain_parquet(site: Site) -> None:
    """Any tool reads the files: long form, arrival order, quality by name, no value where BAD."""
    site.write([(1, START + SECOND, START + SECOND, 7.5, 0), (0, START, START + 9, math.nan, 132)])
    site.close_segment()
    site.write(seconds(0, 1))
    archive.archive(site.spool_folder, site.folder)
    ((_, path),) = archive.files(site.folder)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path))
        assert found.columns == ["time", "tag", "value", "quality", "received"]
        assert found.fetchall() == [
            (START + SECOND, TAGS[1], 7.5, "GOOD", START + SECOND),
            (START, TAGS[0], None, "SENTINEL", START + 9),
        ]


def test_dense_answers_are_thinned_and_say_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """More readings than an answer holds are thinned evenly, ends kept, and marked as thinned."""
    monkeypatch.setattr(archive, "ANSWER_READINGS", 10)
    site.write(seconds(0, 100))
    asked = archive.Asked(order="o", tag=TAGS[0], from_ns=0, to_ns=START * 2)
    found = archive.read(site.spool_folder, site.folder, asked)
    assert found.thinned
    assert len(found.time_ns) == 10
    assert (found.time_ns[0], found.time_ns[-1]) == (START, START + 99 * SECOND)


def test_old_files_go_and_younger_ones_stay(site: Site) -> None:
    """A file goes once all its readings are older than the limit, and no sooner."""
    for part in range(3):
        site.write(seconds(1000 * part, 1000))
        site.close_segment()
    site.write(seconds(3000, 1))
    archive.archive(site.spool_folder, site.folder)
    archive.prune(site.folder, Pruning(before_ns=START + 1000 * SECOND - SECOND))
    assert len(archive.files(site.folder)) == 3
    archive.prune(site.folder, Pruning(before_ns=START + 1000 * SECOND))
    assert [begun for begun, _ in archive.files(site.folder)] == [
        START + 1000 * SECOND,
        START + 2000 * SECOND,
    ]


async def test_child_process_keeps_and_answers(site: Site) -> None:
    """The edge's own calls run in a child: it archives, and answers an order byte for byte."""
    site.write(seconds(0, 100))
    site.close_segment()
    site.write(seconds(100, 10))
    history = site.history()
    kept = await history.keep(START + DAY_NS)
    assert (kept.written, kept.unpinned, kept.oldest_ns) == (1, 0, START)
    order = wire.Order(
        id="o1", action="readings", tag=TAGS[0], from_ns=START, to_ns=START + 3600 * SECOND
    )
    found = await history.readings(order)
    assert found.order == "o1"
    assert list(zip(found.time_ns, found.value, found.quality, strict=True)) == told(site.rows, 0)


@pytest.mark.parametrize("span", [0, -1, 2 * 3600 * SECOND + 1])
async def test_at_most_two_hours_go_up(site: Site, span: int) -> None:
    """An order for nothing, for the past of the past, or for more than two hours is refused."""
    order = wire.Order(id="o", action="readings", tag=TAGS[0], from_ns=START, to_ns=START + span)
    with pytest.raises(HistoryError, match="at most two hours"):
        await site.history().readings(order)


async def test_failing_child_tells_why(site: Site) -> None:
    """A history folder that cannot be written is told with the child's last words."""
    site.write(seconds(0, 1))
    site.close_segment()
    site.write(seconds(1, 1))
    site.folder.write_text("in the way")
    with pytest.raises(HistoryError, match="FileExistsError"):
        await site.history().keep(START)


def test_within_its_limit_the_spool_is_not_cut(site: Site) -> None:
    """Archived or not, nothing is cut while there is room: a broker may still repeat it."""
    for part in range(3):
        site.write(seconds(100 * part, 100))
        site.close_segment()
    archive.archive(site.spool_folder, site.folder)
    end, lost = site.history().cut_to(snapshot=site.writer.position, taken=[])
    assert (site.writer.cut(end), lost) == (0, 0)


@settings(max_examples=40, deadline=None)
@given(
    archived=st.booleans(),
    snapshot=st.integers(0, 4),
    exported=st.integers(0, 4),
    room=st.integers(0, 4),
)
def test_spool_is_cut_above_its_limit_never_below_the_snapshot(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    archived: bool,
    snapshot: int,
    exported: int,
    room: int,
) -> None:
    """The oldest segments go; what no reader took is counted; the snapshot's records stay."""
    site = Site(tmp_path_factory.mktemp("site"))
    for part in range(4):
        site.write(seconds(100 * part, 100))
        site.close_segment()
    site.write(seconds(400, 1))
    firsts = [first for first, _ in segments(site.spool_folder)]
    size = segments(site.spool_folder)[0][1].stat().st_size
    if archived:
        archive.archive(site.spool_folder, site.folder)
    history = site.history(
        spool_bytes=room * size + segments(site.spool_folder)[-1][1].stat().st_size
    )
    end, lost = history.cut_to(snapshot=firsts[snapshot], taken=[firsts[exported]])
    cut = site.writer.cut(end)
    assert cut == min(snapshot, 4 - room)
    taken = min(cut, exported) if archived else 0
    assert lost == 100 * (cut - taken)
    left = [first for first, _ in segments(site.spool_folder)]
    assert left == firsts[cut:]
    assert {path.suffix for path in site.spool_folder.iterdir()} <= {".seg", ".archived"}
    assert all(marker(path).exists() == archived for _, path in segments(site.spool_folder)[:-1])


def test_full_segment_begins_the_next(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that has reached its size is followed by another that can be read alone."""
    monkeypatch.setattr(spool_writer, "SEGMENT_BYTES", 1000)
    for n in range(100):
        site.write(seconds(n, 1))
    found = segments(site.spool_folder)
    assert len(found) > 3
    alone = [batch for tags, batch in archive.segment_readings(found[2][1], found[2][0])]
    assert len(alone) > 10
    assert [row[0] for row in site.read(TAGS[0], 0, START * 2)] == [row[1] for row in site.rows]


class Tags(list[str]):
    """Tags that count how often they are gone through."""

    def __init__(self, tags: list[str]) -> None:
        super().__init__(tags)
        self.walks = 0

    def __iter__(self) -> Iterator[str]:
        self.walks += 1
        return super().__iter__()

    def __contains__(self, tag: object) -> bool:
        self.walks += 1
        return super().__contains__(tag)

    def index(self, *arguments: Any) -> int:
        self.walks += 1
        return super().index(*arguments)


def test_tags_are_mapped_once_a_list_not_once_a_batch(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a million tags stand at the head of a segment, and thousands of batches behind them."""
    for n in range(100):
        site.write(seconds(n, 1))
    site.close_segment()
    site.write(seconds(100, 1))
    counted: list[Tags] = []
    plain = archive.segment_readings

    def watched(path: Path, first: int) -> Iterator[archive.Tagged]:
        tags = Tags(TAGS)
        counted.append(tags)
        return ((tags, batch) for _, batch in plain(path, first))

    monkeypatch.setattr(archive, "segment_readings", watched)
    assert len(site.read(TAGS[0], 0, START * 2)) == 101
    assert archive.archive(site.spool_folder, site.folder) == 1
    assert len(counted) == 3
    assert max(tags.walks for tags in counted) <= 3
    assert len(site.read(TAGS[0], 0, START * 2)) == 101


def test_a_segment_of_a_large_plant_is_written_in_little_memory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order the readings came, with no room for all of them and no disk to spill to."""
    plain = archive.connect

    def narrow() -> duckdb.DuckDBPyConnection:
        connection = plain()
        connection.execute("SET memory_limit = '48MB'")
        connection.execute("SET temp_directory = ''")
        return connection

    monkeypatch.setattr(archive, "connect", narrow)
    count, tags = 1_000_000, [f"unit-with-a-long-name-{n:06}" for n in range(50_000)]
    point = (np.arange(count) * 7 % len(tags)).astype(np.int32)
    time = START + np.arange(count) // 1_000 * SECOND
    batch = ReadingBatch(point, time, time, np.arange(count) / 8, np.zeros(count, np.uint8))
    path = archive.write(tags, batch, site.spool_folder, 0)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path)).fetchnumpy()
    assert np.array_equal(found["value"], batch.value)
    assert np.array_equal(found["time"], time)
    assert found["tag"][::50_001].tolist() == [tags[n] for n in point[::50_001].tolist()]
    assert set(found["quality"]) == {"GOOD"}
