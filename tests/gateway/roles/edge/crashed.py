"""A store as a crash left it, after any record of a run that never was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.alarms import store as alarm_store
from gateway.alarms.catalogue import node_alarms
from gateway.alarms.desk import Desk, Transition
from gateway.clock import ManualClock
from gateway.db import Database
from gateway.identity import Identity
from gateway.journal import Chain, write_entries
from gateway.model import NANOSECONDS
from gateway.northbound.spool import (
    Configuration,
    encode_readings,
    encode_tick,
)
from gateway.northbound.spool_writer import Spool
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch
from gateway.roles.edge.recovery import open_store, take_up
from gateway.roles.edge.rows import set_position
from gateway.roles.edge.site import Site, load_site
from tests.gateway.roles.edge.edge import write_site

START = 1_790_000_000 * NANOSECONDS
#: What both points read, second by second; B has an on-delay of 2 s, which the clock ends.
A = [20.0, 150.0, 150.0, 600.0, 20.0, 20.0, 150.0, 20.0, 600.0, 20.0, 20.0, 150.0]
B = [20.0, 150.0, 150.0, 150.0, 150.0, 20.0, 20.0, 150.0, None, None, None, 20.0]
SNAPSHOT = "INSERT INTO snapshot (id, position, body, made_ns) VALUES (1, ?, ?, 0)"


@dataclass
class Run:
    """A run that was never interrupted: after each record, all that could have been kept."""

    positions: list[int] = field(default_factory=list)
    snapshots: list[bytes] = field(default_factory=list)
    told: list[list[Transition]] = field(default_factory=list)
    desk: Desk | None = None


def delayed_site(folder: Path) -> Site:
    """Load a site of which one point has an on-delay."""
    path = write_site(folder, port=1)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("latch = true", 'latch = true, on_delay = "2s"'))
    return load_site(path)


def new_desk(site: Site, life: str, epoch: str = "e1") -> Desk:
    plant = site.plant
    definitions = plant.definitions.with_own(node_alarms(plant.node, plant.division))
    return Desk(definitions, Chain(Identity(plant.node, life, epoch)))


def spoken() -> Iterator[tuple[int, ReadingBatch]]:
    for second, pair in enumerate(zip(A, B, strict=True)):
        now = START + second * NANOSECONDS + NANOSECONDS // 4
        yield (
            START + second * NANOSECONDS,
            ReadingBatch.from_rows(
                [(p, now, now, v, 0) for p, v in enumerate(pair) if v is not None]
            ),
        )


def uninterrupted(site: Site, spool: Spool, life: str) -> Run:
    """Run everything, writing the spool as an edge does."""
    engine, desk, run = Engine(site.plant), new_desk(site, life), Run()
    for tick, batch in spoken():
        found = engine.tick(tick)
        steps = [(encode_tick(tick), found)] if found else []
        detections, _ = engine.process(batch) if len(batch) else ([], None)
        steps += [(encode_readings(batch), detections)] if len(batch) else []
        for blob, edges in steps:
            spool.append(blob, spool.position)
            run.positions.append(spool.position)
            run.told.append([t for edge in edges for t in desk.detect(edge)])
        if steps:
            # Between two records of one second nobody takes a snapshot.
            run.snapshots += [b""] * (len(steps) - 1) + [engine.snapshot()]
    spool.sync()
    spool.close()
    run.desk = desk
    return run


def commit(database: Database, run: Run, upto: int) -> None:
    """Write what a transaction after record `upto` had written."""
    transitions = [t for told in run.told[: upto + 1] for t in told]
    with database.transaction():
        write_entries(database, [(t.event.seq, t.entry) for t in transitions])
        alarm_store.save(database, transitions)
        set_position(database, run.positions[upto])


def shape(transitions: list[Transition]) -> list[tuple[object, ...]]:
    return [
        (t.event.alarm, t.event.cause, t.event.source_ns, t.event.value, t.event.seq, t.event.prev)
        for t in transitions
    ]


def crashed(site: Site, folder: Path) -> tuple[Run, str]:
    """A store that was committed to its middle."""
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    made = open_store(folder, configuration=configuration, clock=ManualClock(START))
    assert made.spool is not None
    run = uninterrupted(site, made.spool, made.life)
    commit(made.database, run, len(run.positions) // 2)
    made.close()
    return run, made.life


def begin(site: Site, folder: Path) -> tuple[Desk, list[Transition], Engine, str]:
    """Open a store and take it up."""
    configuration = Configuration(hash=site.hash, tags=[p.tag for p in site.plant.points])
    opened = open_store(folder, configuration=configuration, clock=ManualClock(START))
    engine = Engine(site.plant)
    definitions = new_desk(site, opened.life).definitions
    identity = Identity("gw", opened.life, "e2")
    desk, pending, _ = take_up(opened, engine, definitions, identity, now_ns=START)
    if opened.spool is not None:
        opened.close()
    return desk, pending, engine, opened.life
