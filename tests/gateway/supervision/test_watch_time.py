"""What a look takes is a time in which children are heard; that in which all stood still is not."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from gateway.supervision import watch
from tests.gateway.northbound.site import until
from tests.gateway.supervision.test_child_alarms import ALARM
from tests.gateway.supervision.world import NOON_NS, World

#: In so much of the test's time a look, or a stand-still, passes `LONG_S` of the centre's.
LOOK_S, LONG_S = 0.7, 5.5
RAISED = "SELECT 1 FROM mirror WHERE alarm = ? AND standing = 1"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 0.02)
    monkeypatch.setattr(watch, "STOOD_STILL_S", 0.6)


async def test_long_looks_erase_no_silence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each look takes 5.5 s, a child that falls silent is told lost within 60 s."""
    child = await world.child()
    await child.beat()
    find, never = world.centre.watch._find, threading.Event()

    def slow(*args: Any, **times: int) -> watch.Found:
        world.pass_time(LONG_S)
        never.wait(LOOK_S)
        return find(*args, **times)

    monkeypatch.setattr(world.centre.watch, "_find", slow)
    while not await world.rows(RAISED, ALARM):
        assert world.clock.now_ns() <= NOON_NS + 60 * 10**9
        await asyncio.sleep(0.05)


async def test_a_centre_that_stood_still_blames_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing ran here nobody could be heard: a long stop, and no child is told lost."""
    child = await world.child()
    await child.beat()
    find, looks = world.centre.watch._find, []

    def counted(*args: Any, **times: int) -> watch.Found:
        looks.append(times["monotonic_ns"])
        return find(*args, **times)

    world.pass_time(50)
    time.sleep(LOOK_S)  # noqa: ASYNC251 - this is the stand-still
    monkeypatch.setattr(world.centre.watch, "_find", counted)
    await until(lambda: len(looks) > 3)
    assert await world.rows(RAISED, ALARM) == []
