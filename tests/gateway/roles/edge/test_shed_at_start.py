"""What a start finds missing in the spool, or shed and untold, is told until that is durable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.alarms.desk import Transition
from gateway.clock import ManualClock
from gateway.northbound.spool import (
    Configuration,
    encode_tick,
    segments,
)
from gateway.roles.edge import untold
from gateway.roles.edge.recovery import open_store
from gateway.roles.edge.rows import set_position, write_holes
from gateway.roles.edge.site import Site
from tests.gateway.roles.edge.crashed import START, Run, begin, commit, delayed_site, uninterrupted


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return delayed_site(tmp_path)


def committed_whole(site: Site, folder: Path) -> tuple[Run, int]:
    """A store that was committed to its end, its spool cut off there between two records."""
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    made = open_store(folder, configuration=configuration, clock=ManualClock(START))
    assert made.spool is not None
    run = uninterrupted(site, made.spool, made.life)
    commit(made.database, run, len(run.positions) - 1)
    made.close()
    ((_, path),) = segments(folder / "spool")
    lost = run.positions[-1] - run.positions[-2]
    os.truncate(path, path.stat().st_size - lost)
    return run, lost


def told_as_lost(pending: list[Transition]) -> list[int]:
    return [int(t.event.detail["count"]) for t in pending if t.event.kind == "shed"]


def test_readings_that_are_gone_are_told_until_that_is_durable(site: Site, tmp_path: Path) -> None:
    """With the commit of the event the hole is noted too; nobody tells of it a second time."""
    _, lost = committed_whole(site, tmp_path / "data")
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    for _ in range(2):
        _, pending, _, _ = begin(site, tmp_path / "data")
        assert told_as_lost(pending) == [max(1, lost // 29)]
    opened = open_store(tmp_path / "data", configuration=configuration, clock=ManualClock(START))
    assert opened.holes == opened.losses != ()
    write_holes(opened.database, opened.holes)
    opened.close()
    _, pending, _, _ = begin(site, tmp_path / "data")
    assert told_as_lost(pending) == []


def test_what_was_shed_untold_is_told_until_that_is_durable(site: Site, tmp_path: Path) -> None:
    """The count of a process that died is in the store; the event's own commit takes it off."""
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    opened = open_store(tmp_path / "data", configuration=configuration, clock=ManualClock(START))
    for _ in range(2):
        untold.settle(opened.database, {untold.FULL: 20, untold.SLOW: 0}, ())
    opened.close()
    for _ in range(2):
        _, pending, _, _ = begin(site, tmp_path / "data")
        (event,) = (t.event for t in pending if t.event.kind == "shed")
        assert event.detail == {"count": 40, "why": "storage full"}
    opened = open_store(tmp_path / "data", configuration=configuration, clock=ManualClock(START))
    untold.settle(opened.database, {untold.FULL: 3}, pending)
    assert untold.left(opened.database) == [(untold.FULL, 3)]
    opened.close()


def test_a_new_life_takes_no_older_hole_for_damage(site: Site, tmp_path: Path) -> None:
    """It cannot know what was told of by the store that is gone, and tells of the whole store."""
    _, lost = committed_whole(site, tmp_path / "data")
    begin(site, tmp_path / "data")
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    opened = open_store(tmp_path / "data", configuration=configuration, clock=ManualClock(START))
    assert opened.spool is not None
    opened.spool.append(encode_tick(START), opened.spool.position)
    end = opened.spool.position
    opened.close()
    for path in (tmp_path / "data").glob("store.db*"):
        path.unlink()
    opened = open_store(tmp_path / "data", configuration=configuration, clock=ManualClock(START))
    assert opened.losses == ()
    assert [hole.size for hole in opened.holes] == [lost]
    write_holes(opened.database, opened.holes)
    set_position(opened.database, end)
    opened.close()
    _, pending, _, _ = begin(site, tmp_path / "data")
    assert told_as_lost(pending) == []
