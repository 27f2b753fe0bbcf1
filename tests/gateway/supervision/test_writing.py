"""A centre that keeps nothing says so, also while everything can be read."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from gateway.db import Database, StoreBrokenError, StoreFullError
from gateway.supervision import watch
from gateway.supervision.writing import AGAIN_S, FULL_S, IDLE_S, PATIENCE_S, Writing
from tests.gateway.supervision.world import World


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def seconds() -> Clock:
    return Clock()


@pytest.fixture
def writing(seconds: Clock) -> Writing:
    return Writing(seconds)


def test_a_store_that_takes_what_is_written_is_well(writing: Writing, seconds: Clock) -> None:
    """However slow each write is within the patience, and however many there are."""
    for _ in range(10):
        writing.begin()
        seconds.now_s += PATIENCE_S
        assert writing.trouble() is None
        writing.keep()
        assert writing.unwritten_s == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [(None, "a write does not end"), (StoreBrokenError("x"), "StoreBrokenError")],
)
def test_what_hangs_or_fails_is_told_after_five_seconds(
    writing: Writing, seconds: Clock, error: StoreBrokenError | None, reason: str
) -> None:
    """Whether a write does not come back, or each comes back with an error."""
    writing.begin()
    if error is not None:
        writing.fail(error)
    seconds.now_s += PATIENCE_S
    assert writing.trouble() is None
    seconds.now_s += 1
    found = writing.trouble()
    assert found is not None
    assert (found.reason, found.seconds) == (reason, PATIENCE_S + 1)
    writing.keep()
    assert writing.trouble() is None


def test_a_full_disk_is_told_though_little_things_fit(writing: Writing, seconds: Clock) -> None:
    """Until nothing was too large for half a minute."""
    writing.fail(StoreFullError("x"))
    seconds.now_s += 10
    writing.keep()
    writing.fail(StoreFullError("x"))
    seconds.now_s += FULL_S
    found = writing.trouble()
    assert found is not None
    assert (found.reason, found.seconds) == ("the disk is full", FULL_S + 10)
    writing.keep()
    seconds.now_s += 1
    assert writing.trouble() is None


@pytest.fixture
def centre_s(world: World, seconds: Clock) -> Clock:
    """The clock by which the store of a running centre is judged."""
    world.centre.store.writing = Writing(seconds)
    return seconds


async def asked(world: World) -> tuple[int, str]:
    client = await world.client()
    answer = await client.get("/api/v1/health")
    detail = answer.json().get("detail", {})
    return answer.status_code, str(detail.get("message", ""))


async def test_a_disk_that_hangs_is_seen_by_who_asks(world: World, centre_s: Clock) -> None:
    """Health answers 503 with the reason, the stream says since when; both end with the hang."""
    admin = await world.admin()
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(_: Any) -> None:
        hangs.set()
        goes_on.wait(30)

    stuck = asyncio.create_task(world.centre.store.write(hang))
    await asyncio.to_thread(hangs.wait, 30)
    assert (await asked(world))[0] == httpx.codes.OK
    centre_s.now_s += PATIENCE_S + 1
    try:
        status, message = await asked(world)
        assert status == httpx.codes.SERVICE_UNAVAILABLE
        assert "a write does not end" in message
        async with world.stream(admin) as stream:
            ping = await stream.next("ping")
            assert ping.data["unwritten_since_ms"] == ping.data["now_ms"] - 6000
    finally:
        goes_on.set()
    await stuck
    assert (await asked(world))[0] == httpx.codes.OK
    async with world.stream(admin) as stream:
        assert (await stream.next("ping")).data["unwritten_since_ms"] is None


async def test_a_disk_that_refuses_is_found_by_the_centre_itself(
    world: World, centre_s: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes: the centre tries, and what it finds is told until it succeeds."""
    monkeypatch.setattr(watch, "EVERY_S", 0.01)
    commit = Database.transaction

    def refuse(*_: Any, **__: Any) -> None:
        raise StoreBrokenError("the disk refuses")

    monkeypatch.setattr(Database, "transaction", refuse)
    centre_s.now_s += IDLE_S + PATIENCE_S
    async with asyncio.timeout(30):
        while (await asked(world))[0] != httpx.codes.SERVICE_UNAVAILABLE:
            centre_s.now_s += 1
            await asyncio.sleep(0.01)
        while "StoreBrokenError" not in (await asked(world))[1]:
            centre_s.now_s += 1
            await asyncio.sleep(0.01)
        monkeypatch.setattr(Database, "transaction", commit)
        while (await asked(world))[0] != httpx.codes.OK:
            centre_s.now_s += 1
            await asyncio.sleep(0.01)


def test_what_a_centre_refuses_says_nothing_of_its_disk(writing: Writing, seconds: Clock) -> None:
    """A piece of work that raises was refused, not lost; and nothing was written by it."""
    writing.begin()
    seconds.now_s += IDLE_S + PATIENCE_S
    writing.fail(LookupError())
    assert writing.trouble() is None
    seconds.now_s += 1
    found = writing.trouble()
    assert found is not None
    assert found.reason == "nothing was written"


def test_a_flash_card_is_written_as_seldom_as_a_child_speaks(
    writing: Writing, seconds: Clock
) -> None:
    """Only to see whether it can be; sooner where it was refused."""
    seconds.now_s += IDLE_S
    assert not writing.unproven
    seconds.now_s += 1
    assert writing.unproven
    writing.keep()
    writing.fail(StoreBrokenError("x"))
    seconds.now_s += AGAIN_S + 0.5
    assert writing.unproven


async def test_an_idle_centre_is_well(
    world: World, centre_s: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has anything to write, the centre sees for itself whether it could."""
    monkeypatch.setattr(watch, "EVERY_S", 0.01)
    await world.centre.watch.look()
    centre_s.now_s += IDLE_S + PATIENCE_S + 1
    async with asyncio.timeout(30):
        while (await asked(world))[0] != httpx.codes.OK:
            await asyncio.sleep(0.01)
    assert await world.rows("SELECT 1 FROM node_self WHERE name = 'proved'") == [(1,)]
