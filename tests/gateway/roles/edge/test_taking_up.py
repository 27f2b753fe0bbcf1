"""What a start takes up from a store and a spool."""

from __future__ import annotations

from pathlib import Path

from gateway.alarms import store as alarm_store
from gateway.alarms.requests import Request
from gateway.clock import ManualClock
from gateway.identity import Identity
from gateway.journal import write_entries
from gateway.model import NANOSECONDS, Cause
from gateway.northbound.spool import Configuration, Kind, encode
from gateway.pipeline.clock_step import ClockStep, encode_step
from gateway.pipeline.engine import Engine
from gateway.roles.edge.recovery import open_store
from gateway.roles.edge.standstill import LeftAlone
from gateway.roles.edge.taking_up import read_in_time
from tests.gateway.roles.edge.crashed import START, delayed_site, new_desk

HOUR = 3600 * NANOSECONDS


async def test_a_step_that_the_spool_alone_knows_is_told_and_followed_once(tmp_path: Path) -> None:
    """The clock is set back and the process dies before the commit: the desk follows as well."""
    site, folder = delayed_site(tmp_path), tmp_path / "data"
    configuration = Configuration(hash=site.hash, tags=list(site.plant.points.tags))
    opened = open_store(folder, configuration=configuration, clock=ManualClock(START))
    desk = new_desk(site, opened.life)
    alarm = site.plant.definitions[0].alarm
    until = START + 120 * NANOSECONDS
    told = desk.order(
        Request(alarm=alarm, revision=0, cause=Cause.SHELVE, operator="anna", comment="work",
                until_ns=until),
        now_ns=START,
    )  # fmt: skip
    with opened.database.transaction():
        write_entries(opened.database, [(each.event.seq, each.entry) for each in told])
        alarm_store.save(opened.database, told)
    step = ClockStep(at_ns=START - HOUR, step_ns=-HOUR, points=[], ahead=[])
    assert opened.spool is not None
    opened.spool.append(encode(Kind.CLOCK, encode_step(step)), opened.spool.position)
    opened.close()

    opened = open_store(folder, configuration=configuration, clock=ManualClock(START - HOUR))
    taken = await read_in_time(
        opened,
        Engine(site.plant),
        desk.definitions,
        Identity("gw", opened.life, "e2"),
        now_ns=START - HOUR,
        repeats=10,
        session="",
        alone=LeftAlone(),
    )
    opened.close()
    [event] = [each.event for each in taken.pending]
    assert (event.kind, event.detail["before_ns"], event.detail["after_ns"]) == (
        "clock",
        START,
        START - HOUR,
    )
    assert taken.desk.status(alarm).suppressed_until_ns == until - HOUR
    # By this the start knows that the clock is not behind what was known before.
    assert taken.known_ns == START - HOUR
