"""The judge finds each violation that is planted in what a sound run left."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec import structs

from gateway.simulation.broker import mosquitto
from tests.faults.catalogue import Case, Room
from tests.faults.judging import planted
from tests.faults.judging.checker import check
from tests.faults.judging.evidence import Evidence, Message
from tests.faults.judging.lives import LOST
from tests.faults.judging.looked import Looked
from tests.faults.judging.storage import kept
from tests.faults.site.bench import Bench
from tests.faults.site.program import until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

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


async def test_a_sound_run_violates_nothing(sound: Evidence) -> None:
    """Nothing is found where nothing is wrong, and what was not observed is not said to hold."""
    verdict = check(sound)
    assert verdict.violations == {}
    assert set(verdict.observed) == SEEN


@pytest.mark.parametrize(
    ("plant", "name"),
    [
        (planted.shorten_spool, "I1"),
        (planted.acknowledge_unsaid, "I1"),
        (planted.acknowledge_undecodable, "I1"),
        (planted.acknowledge_undecodable, "I5"),
        (planted.lose_an_alarm, "I2"),
        (planted.invent_an_alarm, "I2"),
        (planted.double_an_event, "I3"),
        (planted.lose_an_alarm, "I3"),
        (planted.clear_on_bad_data, "I4"),
        (planted.lose_a_fault, "I4"),
        (planted.shed_silently, "I5"),
        (lambda e: e.bound("memory", 301, limit=300), "I6"),
        (lambda e: e.sound("late", 1.2), "I7"),
        (lambda e: e.sound("never", None), "I7"),
        (planted.break_the_journal, "I8"),
        (planted.break_the_chain, "I8"),
        (planted.rewrite_at_the_centre, "I8"),
        (planted.lose_a_start, "I8"),
        (planted.lose_the_last, "I8"),
        (planted.anchor_what_is_not_there, "I8"),
        (planted.anchor_nothing, "I8"),
        (planted.forget_everything, "I2"),
        (planted.forget_everything, "I8"),
        (lambda e: setattr(e, "foreign", ["T01 in the other county"]), "I9"),
        (planted.leave_one_waiting, "I10"),
        (planted.disagree, "I10"),
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
    planted.acknowledge_unsaid(spoilt)
    planted.acknowledge_undecodable(spoilt)
    planted.tell_of_shed(spoilt, detail)
    violations = check(spoilt).violations
    assert len(violations["I1"]) == 2
    assert any("not in quarantine" in each for each in violations["I5"])


async def test_readings_that_were_counted_as_shed_need_not_be_stored(spoilt: Evidence) -> None:
    """A durable event that counts them says what became of them."""
    planted.acknowledge_unsaid(spoilt)
    planted.acknowledge_undecodable(spoilt)
    planted.tell_of_shed(spoilt, '"why":"storage full"')
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


async def test_an_empty_centre_shows_nothing_of_order_and_clears(spoilt: Evidence) -> None:
    """Where nothing arrived nothing is in order, and no alarm was seen not to clear."""
    planted.forget_everything(spoilt)
    assert "I3" not in check(spoilt).observed
    spoilt.said = [message for message in spoilt.said or () if message.readable]
    assert not {"I4", "I5"} & set(check(spoilt).observed)


async def test_what_was_not_observed_is_not_held() -> None:
    """A run that left nothing has proved nothing."""
    assert check(Evidence()).observed == ()
