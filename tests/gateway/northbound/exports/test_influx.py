"""Readings in a real VictoriaMetrics: everything committed is there, also after it was away."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from device_profiles.quality import Quality
from gateway.db import Database
from gateway.northbound.exports import influx
from gateway.northbound.exports.influx import Export, Task, lines
from gateway.northbound.settings import InfluxSettings
from gateway.northbound.spool import Configuration, encode_readings, read_position
from gateway.northbound.spool_writer import Spool
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.rows import set_position
from tests.gateway.northbound.exports.series import SeriesServer, victoria_metrics

MILLISECOND = 1_000_000
TAGS = ["AR1-AT-101", "odd, tag=2"]
needs_series = pytest.mark.skipif(
    victoria_metrics() is None, reason="victoria-metrics is not installed"
)


class Site:
    """A spool and a store whose position the test commits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(folder / "store.db", "edge")
        self.spool = Spool(folder / "spool", Configuration(hash="h", tags=TAGS))
        self.rows: list[Row] = []
        self.begin = time.time_ns() // MILLISECOND * MILLISECOND - 60_000 * MILLISECOND

    def write(self, count: int, *, commit: bool = True) -> None:
        first = len(self.rows)
        rows: list[Row] = []
        for n in range(first, first + count):
            at = self.begin + n * MILLISECOND
            bad = n % 10 == 9
            value = math.nan if bad else n / 8  # a server may keep twelve digits
            rows.append((n % 2, at, at, value, int(Quality.SENTINEL) if bad else 0))
        self.rows += rows
        self.spool.append(encode_readings(ReadingBatch.from_rows(rows)), self.spool.position)
        if commit:
            self.commit()

    def commit(self) -> None:
        self.spool.sync()
        set_position(self.database, self.spool.position)

    def export(self, url: str) -> Export:
        settings = InfluxSettings(url=url)
        return Export(
            Task(
                node="gw1",
                store=str(self.folder / "store.db"),
                spool=str(self.folder / "spool"),
                position=str(self.folder / "influx.position"),
                settings=settings.model_dump(),
            )
        )

    def values(self) -> dict[tuple[str, str], dict[int, float]]:
        found: dict[tuple[str, str], dict[int, float]] = {}
        for point, at, _, value, _ in self.rows:
            if not math.isnan(value):
                found.setdefault(("gw1", TAGS[point]), {})[at // MILLISECOND] = value
        return found

    def qualities(self) -> dict[tuple[str, str], dict[int, float]]:
        found: dict[tuple[str, str], dict[int, float]] = {}
        for point, at, _, _, quality in self.rows:
            found.setdefault(("gw1", TAGS[point]), {})[at // MILLISECOND] = quality
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.series
@needs_series
def test_everything_is_there_after_the_server_was_away(site: Site, tmp_path: Path) -> None:
    """Write, stop the server, write on, start it: every reading is read back, with its quality."""
    with SeriesServer(tmp_path / "series") as server:
        export = site.export(server.url)
        site.write(1000)
        assert export.step() == 1000
        server.stop()
        site.write(500)
        with pytest.raises((ApiException, HTTPError, OSError)):
            export.step()
        export.close()
        server.start()
        again = site.export(server.url)
        assert again.step() == 500
        site.write(10)
        assert again.step() == 10
        again.close()
        assert server.held("value") == site.values()
        assert server.held("quality") == site.qualities()


@pytest.mark.series
@needs_series
def test_batch_written_twice_changes_nothing(site: Site, tmp_path: Path) -> None:
    """A crash after the write and before the note writes a batch again: the series are the same."""
    with SeriesServer(tmp_path / "series") as server:
        export = site.export(server.url)
        site.write(100)
        export.step()
        export.close()
        (tmp_path / "influx.position").write_text("0")
        again = site.export(server.url)
        assert again.step() == 100
        again.close()
        held = server.held("value")
        assert held == site.values()


@pytest.mark.series
@needs_series
def test_what_the_server_never_takes_is_passed_over(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch refused for good does not stop those after it, and is told."""
    site.write(5)
    with SeriesServer(tmp_path / "series") as server:
        export = site.export(server.url)
        monkeypatch.setattr(influx, "LINES", 5)
        real = export._writer.write
        calls: list[bytes] = []

        def first_refused(*, bucket: str, record: bytes) -> None:
            calls.append(record)
            if len(calls) == 1:
                raise ApiException(status=400, reason="unable to parse")
            real(bucket=bucket, record=record)

        monkeypatch.setattr(export._writer, "write", first_refused)
        site.write(5)
        assert export.step() == 10
        export.close()
        assert sum(len(samples) for samples in server.held("quality").values()) == 5
    assert "passed over" in capsys.readouterr().out


def test_only_what_is_committed_is_exported(site: Site) -> None:
    """Readings of the spool that a power cut could still take back are not exported."""
    site.write(10)
    durable = site.spool.position
    site.write(10, commit=False)
    found = list(lines(site.spool.folder, "gw1", 0, influx.committed(site.folder / "store.db")))
    assert [position for position, _ in found] == [durable]
    assert len(found[0][1]) == 10


def test_lines_are_line_protocol(site: Site) -> None:
    """Names are escaped, numbers keep every digit, a reading without a value tells its quality."""
    site.write(10)
    ((_, found),) = lines(site.spool.folder, "gw 1", 0, site.spool.position)
    at = [row[1] for row in site.rows]
    assert found[0] == f"reading,node=gw\\ 1,tag=AR1-AT-101 value=0.0,quality=0i {at[0]}"
    assert found[1] == (f"reading,node=gw\\ 1,tag=odd\\,\\ tag\\=2 value=0.125,quality=0i {at[1]}")
    assert found[9] == f"reading,node=gw\\ 1,tag=odd\\,\\ tag\\=2 quality=132i {at[9]}"


def test_lost_note_begins_anew(tmp_path: Path) -> None:
    """A missing or damaged note of the position exports everything again rather than nothing."""
    assert read_position(tmp_path / "none") == 0
    (tmp_path / "torn").write_text("12x")
    assert read_position(tmp_path / "torn") == 0
