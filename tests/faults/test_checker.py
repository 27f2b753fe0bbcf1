"""The judge finds each violation that is planted in what a sound run left."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec import structs

from gateway.journal import digest
from gateway.northbound.spool import segments
from gateway.simulation.broker import mosquitto
from tests.faults.bench import Bench
from tests.faults.catalogue import Case, Room
from tests.faults.checker import check
from tests.faults.evidence import Evidence, Message
from tests.faults.judge_stores import kept
from tests.faults.lives import LOST
from tests.faults.looked import Looked
from tests.faults.program import until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

#: The last clear of a store becomes what a new life carries, and that carries an active alarm.
CARRIED = """UPDATE event SET entry = CAST(
    replace(CAST(entry AS TEXT), '"cause":"clear"', '"cause":"carry"') AS BLOB)
    WHERE position = (SELECT MAX(position) FROM event
        WHERE CAST(entry AS TEXT) LIKE '%"cause":"clear"%"after":"RTNUN"%')"""
STILL_ACTIVE = """UPDATE event SET entry = CAST(
    replace(CAST(entry AS TEXT), '"after":"RTNUN"', '"after":"UNACK"') AS BLOB)
    WHERE CAST(entry AS TEXT) LIKE '%"cause":"carry"%'"""
SEEN = {"I1", "I2", "I3", "I4", "I5", "I6", "I8", "I10"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Evidence]:
    """What a short run without any fault left."""
    room = Room(tmp_path_factory.mktemp("sound"), Case(number=0, seed=7))
    async with Bench(room, delayed=False, poison=0.1) as bench:
        await bench.start_edge()
        bench.play()
        await until(lambda: len(bench.load.said) > 600, 60)
        await bench.hush()
        await bench.settle(quiet_s=1.0)
        yield await bench.finish()


@pytest.fixture
def spoilt(sound: Evidence, tmp_path: Path) -> Evidence:
    """The same, with stores of its own to spoil."""
    assert sound.edge is not None
    assert sound.centre is not None
    return replace(
        sound,
        edge=Path(shutil.copytree(sound.edge, tmp_path / "edge")),
        centre=Path(shutil.copytree(sound.centre, tmp_path / "centre")),
        said=list(sound.said or ()),
        found={},
    )


def change(path: Path, *statements: str, parameters: tuple[str, ...] = ()) -> None:
    """Change a store behind everybody's back."""
    database = sqlite3.connect(path)
    for statement in statements:
        assert database.execute(statement, parameters).rowcount != 0
    database.commit()
    database.close()


def edge(evidence: Evidence, *statements: str) -> None:
    change(evidence.edge / "store.db", *statements)  # type: ignore[operator]


def centre(evidence: Evidence, *statements: str) -> None:
    change(evidence.centre / "centre.sqlite", *statements)  # type: ignore[operator]


def shorten_spool(evidence: Evidence) -> None:
    """Cut the newest readings off."""
    assert evidence.edge is not None
    _, path = segments(evidence.edge / "spool")[-1]
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def lose_an_alarm(evidence: Evidence) -> None:
    """Delete an alarm from the centre's store."""
    centre(
        evidence,
        "DELETE FROM event WHERE position IN (SELECT position FROM event WHERE alarm LIKE '%/h' "
        "AND INSTR(CAST(entry AS TEXT), '\"raise\"') LIMIT 1)",
    )


def invent_an_alarm(evidence: Evidence) -> None:
    """Let the centre hold an alarm for which nobody said anything."""
    evidence.said = [m for m in evidence.said or () if m.value < 100]


def double_an_event(evidence: Evidence) -> None:
    """Store an event at the centre a second time."""
    centre(
        evidence,
        "DROP INDEX event_identity",
        "INSERT INTO event (node, life, seq, epoch, kind, alarm, hazard, hash, entry, received_ns) "
        "SELECT node, life, seq, epoch, kind, alarm, hazard, hash, entry, received_ns "
        "FROM event WHERE seq = 4",
    )


def clear_on_bad_data(evidence: Evidence) -> None:
    """Let an alarm have cleared on a reading that was not GOOD."""
    centre(
        evidence,
        "UPDATE event SET entry = CAST(REPLACE(CAST(entry AS TEXT), '\"GOOD\"', '\"MISSING\"') "
        "AS BLOB) WHERE position IN (SELECT position FROM event WHERE alarm LIKE '%/h' "
        "AND INSTR(CAST(entry AS TEXT), '\"clear\"') LIMIT 1)",
    )


def lose_a_fault(evidence: Evidence) -> None:
    """Let undecodable data of a point have raised nothing."""
    centre(evidence, "DELETE FROM event WHERE alarm LIKE '%/T01/fault'")


def shed_silently(evidence: Evidence) -> None:
    """Let the centre know nothing of a shed event."""
    edge(
        evidence,
        'UPDATE journal SET entry = CAST(REPLACE(CAST(entry AS TEXT), \'"kind":"start"\', '
        '\'"kind":"shed"\') AS BLOB) WHERE seq = 2',
    )
    centre(evidence, "DELETE FROM event WHERE seq = 2")


def break_the_journal(evidence: Evidence) -> None:
    """Alter an entry of the edge's journal."""
    edge(evidence, "UPDATE journal SET hash = 'x' WHERE seq = 5")


def break_the_chain(evidence: Evidence) -> None:
    """Alter an event at the centre, and its hash with it."""
    centre(evidence, "UPDATE event SET entry = entry || ' ' WHERE seq = 4")


def rewrite_at_the_centre(evidence: Evidence) -> None:
    """Let the centre hold another event than the edge under the same number, sound in itself."""
    path = evidence.centre / "centre.sqlite"  # type: ignore[operator]
    database = sqlite3.connect(path)
    [(position, entry)] = database.execute(
        "SELECT position, entry FROM event ORDER BY seq DESC LIMIT 1"
    )
    other = bytes(entry).replace(b'"cause":"', b'"cause":"un')
    database.execute(
        "UPDATE event SET entry = ?, hash = ? WHERE position = ?", (other, digest(other), position)
    )
    database.commit()
    database.close()


def lose_a_start(evidence: Evidence) -> None:
    """Let the centre miss an event that is no alarm."""
    centre(evidence, "DELETE FROM event WHERE seq = 2")


def lose_the_last(evidence: Evidence) -> None:
    """Let the centre miss the newest event of the journal."""
    centre(evidence, "DELETE FROM event WHERE seq = (SELECT MAX(seq) FROM event)")


def anchor_what_is_not_there(evidence: Evidence) -> None:
    """Let the centre hold an anchor of an event that nobody has."""
    centre(evidence, "UPDATE anchor SET seq = 9999")


def anchor_nothing(evidence: Evidence) -> None:
    """Let the centre hold no anchor."""
    centre(evidence, "DELETE FROM anchor")


def forget_everything(evidence: Evidence) -> None:
    """Let the centre hold nothing at all."""
    centre(evidence, "DELETE FROM event", "DELETE FROM anchor")


def leave_one_waiting(evidence: Evidence) -> None:
    """Let an event wait in the outbox."""
    row = "SELECT 'parent', seq, entry FROM journal WHERE seq = 3"
    edge(evidence, f"INSERT INTO outbox (destination, seq, entry) {row}")


def disagree(evidence: Evidence) -> None:
    """Let the centre show another state than the edge."""
    centre(evidence, "UPDATE mirror SET state = 'ACKED' WHERE tag = 'T02'")


def tell_of_shed(evidence: Evidence, detail: str) -> None:
    """Let an event of the edge's journal count a million of something as not kept."""
    became = (
        '"kind":"start"',
        '"kind":"shed"',
        '"detail":{',
        f'"detail":{{"count":1000000,{detail},',
    )
    change(
        evidence.edge / "store.db",  # type: ignore[operator]
        "UPDATE journal SET entry = "
        "CAST(REPLACE(REPLACE(CAST(entry AS TEXT), ?, ?), ?, ?) AS BLOB) WHERE seq = 2",
        parameters=became,
    )
    centre(evidence, "DELETE FROM event WHERE seq = 2")


def acknowledge_undecodable(evidence: Evidence) -> None:
    """Let the edge have acknowledged what it could not decode, and have kept nothing of it."""
    message = Message(1, 0, 0.0, "plant/d01", b"\x00", acknowledged=1, readable=False)
    evidence.said = [*(evidence.said or ()), message]


def acknowledge_unsaid(evidence: Evidence) -> None:
    """Let the edge have acknowledged what it never stored."""
    message = Message(1, 1_000_000, 20.0, "plant/d01", b"never", acknowledged=1)
    evidence.said = [message, *(evidence.said or ())]


async def test_a_sound_run_violates_nothing(sound: Evidence) -> None:
    """Nothing is found where nothing is wrong, and what was not observed is not said to hold."""
    verdict = check(sound)
    assert verdict.violations == {}
    assert set(verdict.observed) == SEEN


@pytest.mark.parametrize(
    ("plant", "name"),
    [
        (shorten_spool, "I1"),
        (acknowledge_unsaid, "I1"),
        (acknowledge_undecodable, "I1"),
        (acknowledge_undecodable, "I5"),
        (lose_an_alarm, "I2"),
        (invent_an_alarm, "I2"),
        (double_an_event, "I3"),
        (lose_an_alarm, "I3"),
        (clear_on_bad_data, "I4"),
        (lose_a_fault, "I4"),
        (shed_silently, "I5"),
        (lambda e: e.bound("memory", 301, limit=300), "I6"),
        (lambda e: e.sound("late", 1.2), "I7"),
        (lambda e: e.sound("never", None), "I7"),
        (break_the_journal, "I8"),
        (break_the_chain, "I8"),
        (rewrite_at_the_centre, "I8"),
        (lose_a_start, "I8"),
        (lose_the_last, "I8"),
        (anchor_what_is_not_there, "I8"),
        (anchor_nothing, "I8"),
        (forget_everything, "I2"),
        (forget_everything, "I8"),
        (lambda e: setattr(e, "foreign", ["T01 in the other county"]), "I9"),
        (leave_one_waiting, "I10"),
        (disagree, "I10"),
        (lambda e: e.recover("the disk", 11.0, limit_s=10.0), "I10"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
async def test_a_planted_violation_is_found(
    spoilt: Evidence, plant: Callable[[Evidence], object], name: str
) -> None:
    """Each thing that may not be is told under its invariant, with an example."""
    plant(spoilt)
    assert check(spoilt).violations.get(name)


@pytest.mark.parametrize(
    "detail",
    [
        '"why":"acknowledged from memory, now stored"',
        '"why":"no receiver took them in time","what":"summaries","receiver":"parent"',
        '"why":"the outbox reached its limit","what":"events","receiver":"parent"',
        '"why":"export platform: more than 10 events waited"',
    ],
)
async def test_what_else_was_shed_excuses_no_reading(spoilt: Evidence, detail: str) -> None:
    """Readings that are gone are told, however many summaries or events were counted as shed."""
    acknowledge_unsaid(spoilt)
    acknowledge_undecodable(spoilt)
    tell_of_shed(spoilt, detail)
    violations = check(spoilt).violations
    assert len(violations["I1"]) == 2
    assert any("not in quarantine" in each for each in violations["I5"])


async def test_readings_that_were_counted_as_shed_need_not_be_stored(spoilt: Evidence) -> None:
    """A durable event that counts them says what became of them."""
    acknowledge_unsaid(spoilt)
    acknowledge_undecodable(spoilt)
    tell_of_shed(spoilt, '"why":"storage full"')
    violations = check(spoilt).violations
    assert "I1" not in violations
    assert not any("not in quarantine" in each for each in violations.get("I5", ()))


@pytest.mark.parametrize(("at", "excused"), [(1, False), (3, True), (5, False)])
async def test_what_is_acknowledged_on_memory_alone_need_not_be_durable(
    spoilt: Evidence, at: int, *, excused: bool
) -> None:
    """Before the alarm that says so, and once the edge is back on its disk, all is judged."""
    run = Looked(spoilt)
    [first, *_] = run.own
    last_ns = max(event.received_ns for event in run.own)
    on_memory = structs.replace(first, life="memory", kind="life", received_ns=last_ns + 1)
    lost = structs.replace(on_memory, kind="alarm", cause="raise", rule=LOST,
                           received_ns=last_ns + 2)  # fmt: skip
    back = structs.replace(first, kind="start", received_ns=last_ns + 4)
    run.own = [*run.own, on_memory, lost, back]
    message = Message(1, 1_000_000, 20.0, "plant/d01", b"never", acknowledged=last_ns + at)
    spoilt.said = [*(spoilt.said or ()), message]
    assert (kept(run) == []) is excused


async def test_what_a_centre_says_of_its_child_is_no_alarm_of_the_plant(sound: Evidence) -> None:
    """A gateway that was away is an alarm of its parent's own, and no reading has to explain it."""
    looked_at = Looked(sound)
    assert looked_at.centre is not None
    known = looked_at.moves
    away = structs.replace(known[0], node="chain-centre", tag="@chain-gw", rule="gateway_lost",
                           alarm="chain-centre/@chain-gw/gateway_lost")  # fmt: skip
    looked_at.centre.events.append(away)
    assert looked_at.moves == known


async def test_a_new_life_may_tell_a_clear_by_what_it_carries(spoilt: Evidence) -> None:
    """A clear that died with a store is not lost where the next life says that it has returned."""
    centre(spoilt, CARRIED)
    assert not any("'clear'" in each for each in check(spoilt).violations.get("I2", ()))
    centre(spoilt, STILL_ACTIVE)
    assert any("'clear'" in each for each in check(spoilt).violations["I2"])


async def test_an_empty_centre_shows_nothing_of_order_and_clears(spoilt: Evidence) -> None:
    """Where nothing arrived nothing is in order, and no alarm was seen not to clear."""
    forget_everything(spoilt)
    assert "I3" not in check(spoilt).observed
    spoilt.said = [message for message in spoilt.said or () if message.readable]
    assert not {"I4", "I5"} & set(check(spoilt).observed)


async def test_what_was_not_observed_is_not_held() -> None:
    """A run that left nothing has proved nothing."""
    assert check(Evidence()).observed == ()
