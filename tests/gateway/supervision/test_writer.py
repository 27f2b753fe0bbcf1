"""Who is written first: what happens now, whatever has waited through an outage."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from gateway.northbound import wire
from gateway.supervision.writer import LATEST_S, LET_IN, PASSED, SOONEST_S, Lane, Turns, Writer
from tests.gateway.supervision.world import Child, World

HOUR_S = 3600.0


async def test_the_first_lane_goes_first() -> None:
    """What is live is run before state, and state before backlog, each in the order it came."""
    writer, held, ran = Writer("test"), threading.Event(), list[str]()
    first = writer.submit(lambda: held.wait(30))
    for number in range(2):
        for lane in (Lane.BACKLOG, Lane.STATE, Lane.LIVE):
            writer.submit(lambda name=f"{lane.name} {number}": ran.append(name), lane=lane)
    held.set()
    assert first.result()
    await writer.run(lambda: None, lane=Lane.BACKLOG)
    writer.close()
    assert ran == ["LIVE 0", "LIVE 1", "STATE 0", "STATE 1", "BACKLOG 0", "BACKLOG 1"]


async def test_a_flood_of_alarms_keeps_no_child_out() -> None:
    """After so many live writes one of the state is run, and after many more one of a backlog."""
    writer, held, ran = Writer("test"), threading.Event(), list[str]()
    first = writer.submit(lambda: held.wait(30))
    for lane, number in ((Lane.BACKLOG, 1), (Lane.STATE, 2), (Lane.LIVE, 400)):
        for _ in range(number):
            writer.submit(lambda name=lane.name: ran.append(name), lane=lane)
    held.set()
    assert first.result()
    await writer.run(lambda: None, lane=Lane.BACKLOG)
    writer.close()
    places = [place for place, name in enumerate(ran) if name == "STATE"]
    assert places == [PASSED[Lane.STATE], 2 * PASSED[Lane.STATE] + 1]
    assert ran.index("BACKLOG") == PASSED[Lane.BACKLOG]
    assert len(ran) == 403


async def test_what_fails_stops_nothing() -> None:
    """Whoever asked is given the error; who left is left out; the next is run."""
    writer, held = Writer("test"), threading.Event()

    def fail() -> None:
        raise LookupError

    first = writer.submit(lambda: held.wait(30))
    left = writer.submit(lambda: pytest.fail("nobody waits for it"))
    assert left.cancel()
    wrong = writer.submit(fail)
    held.set()
    assert first.result()
    assert isinstance(wrong.exception(timeout=30), LookupError)
    assert await writer.run(lambda: 7) == 7
    writer.close()


def test_turns() -> None:
    """A few are let in; the others are told to come when those before them will be done."""
    turns = Turns()
    assert [turns.ask(f"gw{n}", 0.0) for n in range(LET_IN)] == [0.0] * LET_IN
    assert turns.ask("gw8", 0.0) == SOONEST_S
    for _ in range(40):
        turns.leave(0.5)
        assert turns.ask("gw0", 0.0) == 0.0
    waits = [turns.ask(f"gw{n}", 1.0) for n in range(10, 40)]
    assert waits == sorted(waits)
    # Half a second for each of 31.
    assert waits[-1] == pytest.approx(16.0, abs=1.0)
    assert all(turns.ask(f"gw{n}", 2.0) <= LATEST_S for n in range(200))


def test_who_stays_away_is_not_waited_for() -> None:
    """Children that never came back make nobody wait for long."""
    turns = Turns()
    for n in range(LET_IN):
        turns.ask(f"gw{n}", 0.0)
    for _ in range(40):
        turns.leave(1.0)
        turns.ask("gw0", 0.0)
    for n in range(100):
        turns.ask(f"gone{n}", 0.0)
    assert turns.ask("gw9", HOUR_S) == SOONEST_S


async def post(child: Child, urgency: wire.Urgency, cause: str = "raise") -> httpx.Response:
    """Send the next event, as urgent as this."""
    child.client.headers[wire.PRIORITY] = wire.URGENCIES[urgency]
    return await child.post(("event", child.event(cause)))


async def test_backlog_is_turned_away_and_live_alarms_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While two posts of backlog wait for the disk, a third is told when; a live one overtakes."""
    monkeypatch.setattr("gateway.supervision.store.BEGUN_S", HOUR_S)
    children = [await world.child(f"gw{n}") for n in range(4)]
    store, disk = world.centre.store, threading.Event()
    busy = asyncio.create_task(store.write(lambda _: disk.wait(60)))
    try:
        let_in = [asyncio.create_task(post(each, "backlog")) for each in children[:LET_IN]]
        async with asyncio.timeout(30):
            while len(store._alone) < LET_IN:
                await asyncio.sleep(0.01)
        away = await post(children[2], "backlog")
        live = asyncio.create_task(post(children[3], "live"))
        async with asyncio.timeout(30):
            while "gw3" not in store._alone:
                await asyncio.sleep(0.01)
    finally:
        disk.set()
    assert await busy
    assert (away.status_code, away.json()["detail"]["code"]) == (429, "turn")
    assert away.headers["Retry-After"] == "1"
    assert [(await each).status_code for each in (live, *let_in)] == [200] * 3
    rows = await world.rows("SELECT node FROM event WHERE kind = 'alarm' ORDER BY position")
    assert rows[0] == ("gw3",)
    # Its turn comes.
    assert (await post(children[2], "backlog", "acknowledge")).status_code == 200


async def test_a_backlog_keeps_its_own_sender_from_saying_nothing(world: World) -> None:
    """Let in and not begun, it is turned away: then the same child's live alarm is written."""
    child = await world.child("gw1")
    store, disk = world.centre.store, threading.Event()
    busy = asyncio.create_task(store.write(lambda _: disk.wait(60)))
    try:
        away = await post(child, "backlog")
        live = asyncio.create_task(post(child, "live", "acknowledge"))
        async with asyncio.timeout(30):
            while "gw1" not in store._alone:
                await asyncio.sleep(0.01)
    finally:
        disk.set()
    assert await busy
    assert (away.status_code, away.json()["detail"]["code"]) == (429, "turn")
    assert (await live).status_code == 200
    # It has left its seat, and is no measure of how long a write takes.
    assert store._turns._inside == 0
    assert store._turns._usual_s == 0.0


@pytest.mark.parametrize(
    ("header", "meant"),
    [("u=1", "live"), ("u=6, i", "backlog"), ("u=3", "state"), ("", "state"), ("u=x;;", "state")],
)
def test_urgency_is_read_as_rfc_9218_writes_it(header: str, meant: str) -> None:
    """Of a header that cannot be read nothing is guessed."""
    assert wire.urgency(header) == meant
