"""Starting after a crash at any point: as if there had been none, and nothing told twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from detectors.bank import Counts
from gateway.clock import ManualClock
from gateway.db import Database, StoreInUseError
from gateway.identity import Identity
from gateway.model import NANOSECONDS, Detection
from gateway.northbound.spool import (
    Configuration,
    Kind,
    encode,
    encode_readings,
    segments,
)
from gateway.pipeline.clock_step import encode_step, step_of
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch
from gateway.roles.edge import recovery
from gateway.roles.edge.recovery import open_store, take_up
from gateway.roles.edge.site import Site, load_site
from tests.gateway.roles.edge.crashed import (
    SNAPSHOT,
    START,
    A,
    B,
    begin,
    commit,
    crashed,
    delayed_site,
    new_desk,
    shape,
    uninterrupted,
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return delayed_site(tmp_path)


def test_a_crash_after_any_record_with_any_snapshot_loses_and_repeats_nothing(
    site: Site, tmp_path: Path
) -> None:
    """Up to the committed position what the spool yields is discarded, after it is applied."""
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    made = open_store(tmp_path / "made", configuration=configuration, clock=ManualClock(START))
    assert made.spool is not None
    run = uninterrupted(site, made.spool, made.life)
    made.close()
    ((_, segment),) = segments(tmp_path / "made" / "spool")
    with segment.open("ab") as file:
        file.write(b"\x40\x00\x00\x00torn by the power cut")
    count = len(run.positions)
    assert sum(len(told) for told in run.told) > 12
    tried = 0
    for upto in range(count):
        for snapshot in {None, upto // 2, upto}:
            if snapshot is not None and not run.snapshots[snapshot]:
                continue
            folder = tmp_path / f"crash-{upto}-{snapshot}"
            shutil.copytree(tmp_path / "made", folder)
            database = Database(folder / "store.db", "edge")
            commit(database, run, upto)
            if snapshot is not None:
                database.execute(SNAPSHOT, (run.positions[snapshot], run.snapshots[snapshot]))
            database.close()
            opened = open_store(folder, configuration=configuration, clock=ManualClock(START))
            assert opened.life == made.life
            assert not opened.new_life
            engine = Engine(site.plant)
            desk, pending, _ = take_up(
                opened,
                engine,
                new_desk(site, made.life).definitions,
                Identity("gw", made.life, "e1"),
                now_ns=START,
            )
            assert run.desk is not None
            assert desk.statuses == run.desk.statuses, (upto, snapshot)
            expected = [t for told in run.told[upto + 1 :] for t in told]
            assert shape(pending) == shape(expected), (upto, snapshot)
            assert engine.snapshot() == run.snapshots[-1]
            assert opened.spool is not None
            assert opened.spool.position == run.positions[-1]
            opened.close()
            tried += 1
    assert tried > count


@pytest.mark.parametrize("body", [b"", b"garbage", b"\x81\xa1v\x07"])
def test_a_snapshot_that_cannot_be_read_costs_time_alone(
    site: Site, tmp_path: Path, body: bytes
) -> None:
    """The whole spool is run instead, to the same state."""
    run, _ = crashed(site, tmp_path / "data")
    database = Database(tmp_path / "data" / "store.db", "edge")
    database.execute(SNAPSHOT, (run.positions[3], body))
    database.close()
    desk, pending, engine, _ = begin(site, tmp_path / "data")
    assert run.desk is not None
    assert desk.statuses == run.desk.statuses
    assert engine.snapshot() == run.snapshots[-1]
    assert pending


def test_a_changed_site_file_moves_tags_not_numbers(site: Site, tmp_path: Path) -> None:
    """Points in another order, one of them new: each tag finds its own readings and state again."""
    run, _ = crashed(site, tmp_path / "data")
    text = site.path.read_text(encoding="utf-8")
    mark = "[[device.point]]"
    head, first, second = text.split(mark)
    extra = second.replace('"B"', '"C"').replace('"/b"', '"/c"')
    moved = tmp_path / "moved.toml"
    moved.write_text(mark.join((head, extra, second, first)), encoding="utf-8")
    desk, _, engine, _ = begin(load_site(moved), tmp_path / "data")
    assert run.desk is not None
    assert desk.statuses == run.desk.statuses
    values = {tag: engine.bank.newest(point).value for point, tag in enumerate("CBA")}
    assert (values["A"], values["B"]) == (A[-1], B[-1])
    assert values["C"] != values["C"]


def test_without_its_store_the_spool_raises_what_stands(site: Site, tmp_path: Path) -> None:
    """A new life tells itself first, then each alarm whose condition holds; nothing of the past."""
    run, life = crashed(site, tmp_path / "data")
    for path in (tmp_path / "data").glob("store.db*"):
        path.unlink()
    desk, pending, _, new = begin(site, tmp_path / "data")
    assert new != life
    assert pending[0].event.kind == "life"
    assert [t.event.seq for t in pending] == list(range(1, len(pending) + 1))
    assert run.desk is not None
    active = {alarm for alarm, status in run.desk.statuses.items() if status.active}
    assert {t.event.alarm for t in pending[1:]} == active == {"gw/A/h"}
    assert {alarm for alarm, status in desk.statuses.items() if status.active} == active


def test_a_store_in_use_is_left_to_who_has_it(tmp_path: Path) -> None:
    """A second edge on the same folder is refused, and gets it once the first has ended."""
    configuration = Configuration(hash="", tags=[])
    first = open_store(tmp_path, configuration=configuration, clock=ManualClock(START))
    with pytest.raises(StoreInUseError, match="another process runs on this store"):
        open_store(tmp_path, configuration=configuration, clock=ManualClock(START))
    first.close()
    again = open_store(tmp_path, configuration=configuration, clock=ManualClock(START))
    assert (again.life, again.new_life) == (first.life, False)
    again.close()


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """A store of a newer program is neither set aside nor read: this one runs on memory."""
    configuration = Configuration(hash="", tags=[])
    open_store(tmp_path, configuration=configuration, clock=ManualClock(START)).close()
    database = Database(tmp_path / "store.db", "edge")
    database.execute("PRAGMA user_version=99")
    database.close()
    opened = open_store(tmp_path, configuration=configuration, clock=ManualClock(START))
    opened.close()
    assert opened.spool is None
    assert "made by a newer program" in opened.trouble
    assert not list(tmp_path.glob("*damaged*"))


def restarted(site: Site, folder: Path, count: int, *, segment: int) -> Configuration:
    """Write a spool of `count` records of one reading each, a segment after so many."""
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    for number in range(count):
        if number % segment == 0:
            opened = open_store(folder, configuration=configuration, clock=ManualClock(START))
            assert opened.spool is not None
        now = START + number * NANOSECONDS
        value = 150.0 if number % 10 == 0 else 20.0
        opened.spool.append(
            encode_readings(ReadingBatch.from_rows([(0, now, now, value, 0)])),
            opened.spool.position,
        )
        if number % segment == segment - 1:
            opened.close()
    return configuration


def test_records_between_two_ticks_are_run_at_once(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How often the engine is called follows from the readings, not from how they had come."""
    restarted(site, tmp_path / "data", 500, segment=250)
    sizes: list[int] = []
    process = Engine.process

    def counted(self: Engine, batch: ReadingBatch) -> tuple[list[Detection], Counts]:
        sizes.append(len(batch))
        return process(self, batch)

    monkeypatch.setattr(Engine, "process", counted)
    _, pending, engine, _ = begin(site, tmp_path / "data")
    assert sum(sizes) == 500
    assert len(sizes) <= 3
    assert len(pending) == 100
    assert engine.bank.newest(0).value == 20.0


def test_what_is_run_at_once_has_an_end(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spool without ticks is not gathered whole, and tells the same."""
    restarted(site, tmp_path / "data", 500, segment=500)
    whole = shape(begin(site, tmp_path / "data")[1])
    monkeypatch.setattr(recovery, "GATHERED", 7)
    assert shape(begin(site, tmp_path / "data")[1]) == whole


def test_the_same_tags_are_read_once(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each segment begins with half a million of them; only a change is looked into."""
    configuration = restarted(site, tmp_path / "data", 100, segment=5)
    assert len(segments(tmp_path / "data" / "spool")) == 20
    read: list[bytes] = []
    decode = recovery.decode_configuration

    def counted(body: bytes) -> Configuration:
        read.append(body)
        return decode(body)

    monkeypatch.setattr(recovery, "decode_configuration", counted)
    _, _, engine, _ = begin(site, tmp_path / "data")
    assert [decode(body) for body in read] == [configuration]
    assert engine.bank.newest(0).time == START + 99 * NANOSECONDS


def test_a_step_of_the_clock_is_run_like_a_reading(site: Site, tmp_path: Path) -> None:
    """After a crash a delay goes on from where it was, over the step of a clock before."""
    ahead = np.zeros(len(site.plant.devices), np.int64)

    def bank(*, stepped: bool) -> bytes:
        folder = tmp_path / str(stepped)
        configuration = Configuration(hash=site.hash, tags=list(site.plant.points.tags))
        opened = open_store(folder, configuration=configuration, clock=ManualClock(START))
        assert opened.spool is not None
        hour = 3600 * NANOSECONDS if stepped else 0
        for number, value in enumerate((20.0, 150.0, 150.0)):
            now = START + number * NANOSECONDS
            blob = encode_readings(ReadingBatch.from_rows([(0, now, now + hour, value, 0)]))
            if stepped and number == 0:
                moved = step_of(site.plant, ahead, at_ns=now + hour, step_ns=hour)
                first = ReadingBatch.from_rows([(0, now, now, value, 0)])
                blob = encode_readings(first) + encode(Kind.CLOCK, encode_step(moved))
            opened.spool.append(blob, opened.spool.position)
        opened.close()
        _, _, engine, _ = begin(site, folder)
        assert engine.bank.state.devices["lowest"][0] == hour
        state = engine.bank.state
        return state.points["last"].tobytes() + state.delays.tobytes() + state.memory.tobytes()

    assert bank(stepped=True) == bank(stepped=False)
