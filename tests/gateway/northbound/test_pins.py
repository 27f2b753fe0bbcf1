"""Pins: the half hours around an alarm outlive the other readings, up to a limit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.db import Database
from gateway.northbound import archive, pins
from gateway.northbound.history import DAY_NS, History
from gateway.northbound.pins import AROUND_NS, MINUTE_NS, Pruning
from tests.gateway.northbound.test_history import SECOND, START, TAGS, Site, seconds

HOUR = 3_600 * SECOND
MUCH = 1 << 40


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database(None, "edge")
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Ten hours of readings each ten minutes' worth apart, a file an hour."""
    made = Site(tmp_path)
    for hour in range(10):
        made.write(seconds(3_600 * hour, 300))
        made.close_segment()
    made.write(seconds(36_000, 1))
    archive.archive(made.spool_folder, made.folder)
    assert len(archive.files(made.folder)) == 10
    return made


def left(site: Site) -> list[int]:
    """Which hours are still there."""
    return [(begun - START) // HOUR for begun, _ in archive.files(site.folder)]


@given(times=st.lists(st.integers(0, 10**15), max_size=20))
def test_everything_around_a_raise_is_pinned(times: list[int]) -> None:
    """Each raise has its half hour before and after in one span; spans do not touch."""
    database = Database(None, "edge")
    pins.pin(database, times)
    pins.pin(database, times)
    spans = pins.windows(database)
    for time in times:
        assert any(begin <= time - AROUND_NS and time + AROUND_NS <= end for begin, end in spans)
    for (_, end), (begin, _) in pairwise(spans):
        assert end < begin
    assert sum(end - begin for begin, end in spans) <= len(times) * (2 * AROUND_NS + MINUTE_NS)
    database.close()


def test_pins_of_what_is_gone_are_forgotten(database: Database) -> None:
    """A pin goes when no file can hold anything of its hour, and no sooner."""
    pins.pin(database, [START, START + 10 * HOUR])
    pins.forget(database, START + AROUND_NS)
    assert len(pins.windows(database)) == 2
    pins.forget(database, START + AROUND_NS + 3 * MINUTE_NS)
    assert len(pins.windows(database)) == 1


def test_pinned_files_outlive_the_others(site: Site, database: Database) -> None:
    """What is too old goes, but the files around an alarm stay, and are read as ever."""
    alarm = START + 4 * HOUR + 100 * SECOND
    pins.pin(database, [alarm])
    pruning = Pruning(before_ns=START + 8 * HOUR, pinned=pins.windows(database), pinned_bytes=MUCH)
    assert archive.prune(site.folder, pruning) == 0
    # A file says when its oldest reading came: that of hour 3 may hold what came until hour 4.
    assert left(site) == [3, 4, 8, 9]
    found = site.read(TAGS[0], alarm - 100 * SECOND, alarm + AROUND_NS)
    assert len(found) == 300


def test_the_oldest_pins_go_beyond_the_limit_and_are_counted(
    site: Site, database: Database
) -> None:
    """Pinned files have a limit: the oldest go first, every reading of them is counted."""
    pins.pin(database, [START + hour * HOUR + HOUR // 2 for hour in range(8)])
    sizes = [path.stat().st_size for _, path in archive.files(site.folder)]
    pruning = Pruning(
        before_ns=START + 8 * HOUR,
        pinned=pins.windows(database),
        pinned_bytes=sum(sizes[6:8]) + sizes[5] // 2,
    )
    assert archive.prune(site.folder, pruning) == 6 * 300
    assert left(site) == [6, 7, 8, 9]
    assert archive.prune(site.folder, pruning) == 0


async def test_the_child_keeps_what_is_pinned(site: Site, database: Database) -> None:
    """As the edge calls it, by days: pinned files stay, what must go is counted."""
    pins.pin(database, [START + 2 * HOUR + 60 * SECOND])
    now = START + 30 * DAY_NS + 9 * HOUR
    history = History(site.spool_folder, site.folder, days=30, spool_bytes=MUCH, pinned_bytes=MUCH)
    kept = await history.keep(now, pins.windows(database))
    assert (kept.written, kept.unpinned) == (0, 0)
    assert left(site) == [1, 2, 9]
    assert kept.oldest_ns == START + HOUR
    none = History(site.spool_folder, site.folder, days=30, spool_bytes=MUCH, pinned_bytes=0)
    kept = await none.keep(now, pins.windows(database))
    assert kept.unpinned == 600
    assert left(site) == [9]


async def test_more_pins_than_a_command_line_holds(site: Site) -> None:
    """A site that alarmed for years has its history kept all the same."""
    history = History(site.spool_folder, site.folder, days=30, spool_bytes=MUCH, pinned_bytes=MUCH)
    pinned = [(START - n * 3 * HOUR, START - n * 3 * HOUR + HOUR) for n in range(20_000, 0, -1)]
    kept = await history.keep(START + 30 * DAY_NS + 9 * HOUR, pinned)
    assert kept.unpinned == 0
    assert left(site) == [9]
