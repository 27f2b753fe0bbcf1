"""Machines whose zone has summer time: nothing here goes by the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from device_profiles.instant import to_nanoseconds
from gateway.model import NANOSECONDS
from gateway.northbound import archive
from gateway.northbound.exports.cap import stamp
from gateway.northbound.exports.envelope import instant
from gateway.northbound.posting import asked_to_wait
from gateway.readings import ReadingBatch
from gateway.supervision import divisions, online

#: An hour is told twice, left out, or told twice.
CHANGES = {
    "Europe/Berlin": ("2026-10-25T01:00", "2026-03-29T01:00"),
    "America/New_York": ("2026-11-01T06:00", "2026-03-08T07:00"),
    "UTC": ("2026-10-25T01:00", "2026-03-29T01:00"),
}
QUARTER = timedelta(minutes=15)


@pytest.fixture(params=[(zone, at) for zone, days in CHANGES.items() for at in days])
def change(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """An instant at which the machine's zone changes its clocks."""
    zone, at = request.param
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        before, after = (datetime.fromisoformat(f"{at}+00:00") + n * QUARTER for n in (-1, 1))
        if zone != "UTC":
            offsets = {each.astimezone().utcoffset() for each in (before, after)}
            assert len(offsets) == 2, "the machine knows no such change"
        yield datetime.fromisoformat(f"{at}+00:00")
    time.tzset()


def around(change: datetime) -> list[int]:
    """Return every quarter of the hours around it, ns."""
    first = change - timedelta(hours=4)
    return [int((first + n * QUARTER).timestamp()) * NANOSECONDS for n in range(33)]


def test_files_of_the_history_keep_their_order(change: datetime, tmp_path: Path) -> None:
    """A file is called after its instant: no hour has two of a name, none is out of its place."""
    times = around(change)
    for number, at_ns in enumerate(times):
        batch = ReadingBatch(
            point=np.zeros(1, np.int32),
            time_ns=np.array([at_ns], np.int64),
            received_ns=np.array([at_ns], np.int64),
            value=np.ones(1),
            quality=np.zeros(1, np.uint8),
        )
        archive.write(["A"], batch, tmp_path, number)
    assert [at_ns for at_ns, _ in archive.files(tmp_path)] == times


def test_stamps_of_exports_name_each_instant_once(change: datetime) -> None:
    """What leaves the house says its offset, and rises where clocks on walls do not."""
    times = around(change)
    for written in ([instant(at) for at in times], [stamp(at, "+08:00") for at in times]):
        assert len(set(written)) == len(times)
        assert [datetime.fromisoformat(each).timestamp() * NANOSECONDS for each in written] == times
        assert written == sorted(written)


def test_months_are_those_of_china(change: datetime) -> None:
    """A month is as long as it is, also where the machine's own has an hour more or less."""
    begin_ns, end_ns = online.month_ns(f"{change:%Y-%m}")
    assert end_ns - begin_ns == (31 if change.month in {3, 10} else 30) * 86_400 * NANOSECONDS
    assert datetime.fromtimestamp(begin_ns / NANOSECONDS, UTC).hour == 16


def test_a_division_begins_with_its_day(change: datetime) -> None:
    """What is valid from a day on is valid from the same instant on every machine."""
    day = f"{change:%Y-%m-%d}"
    midnight = datetime.fromisoformat(f"{day}T00:00+00:00").timestamp()
    assert divisions._instant(day) == int(midnight) * NANOSECONDS


def test_source_times_without_a_zone_are_the_profiles(change: datetime) -> None:
    """A device that writes no zone is read by its profile's offset alone."""
    for at_ns in around(change):
        at = datetime.fromtimestamp(at_ns // NANOSECONDS, UTC)
        written = f"{at + timedelta(hours=8):%Y-%m-%dT%H:%M:%S}"
        assert to_nanoseconds(written, "iso8601", utc_offset_minutes=480) == at_ns


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000"])
def test_a_wait_until_a_date_is_as_long_as_it_is(change: datetime, zone: str) -> None:
    """Two dates of HTTP are as far apart as they say, whichever way UTC is written."""
    now, until = change - timedelta(seconds=60), change + timedelta(seconds=60)
    headers = {"Retry-After": f"{until:%a, %d %b %Y %H:%M:%S} {zone}",
               "Date": f"{now:%a, %d %b %Y %H:%M:%S} GMT"}  # fmt: skip
    assert asked_to_wait(headers) == 120.0
