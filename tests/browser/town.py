"""A centre on a loop of its own, and gateways of the wire that say what a test wants said.

A real edge says only what is true of its sensors. What a gateway of another make, an older one or
one in trouble may say is written here by hand, and sent over the real wire to a real centre.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gateway.clock import ManualClock
from gateway.northbound import wire
from tests.gateway.supervision.world import NOON_NS, Child, World, opened

DEADLINE_S = 60
T = TypeVar("T")


class Town:
    """The centre, and how to do something on its loop from a test that has none."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self.url = world.running.url
        self.administrator = ("admin", world.running.first_password or "")
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for what is done on the loop of the centre."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)

    def gateway(self, node: str, **changes: Any) -> Child:
        """Return a paired gateway whose inventory, heartbeat and first value the centre has."""
        child = self.do(self.world.child(node))
        for items in ([("inventory", child.inventory(**changes))], [("summary", child.summary())]):
            assert self.do(child.send(*items)) == ["stored"]
        self.beat(child)
        return child

    def beat(self, child: Child, **changes: Any) -> None:
        """Send a heartbeat."""
        self.do(child.beat(**changes)).raise_for_status()

    def summarise(self, child: Child, value: float, **changes: Any) -> None:
        """Send the summary of ten seconds, let them pass, and send a heartbeat."""
        assert self.do(child.send(("summary", child.summary(value, **changes)))) == ["stored"]
        self.world.pass_time(10)
        self.beat(child)

    def tell(self, child: Child, *entries: bytes) -> None:
        """Send events and a heartbeat that has counted them."""
        assert set(self.do(child.events(*entries))) == {"stored"}
        self.beat(child)


def points_of(child: Child, *tags: str, **changes: Any) -> list[wire.InventoryPoint]:
    """Return the point of the usual inventory under other tags."""
    known = msgspec.json.decode(child.inventory(), type=wire.Inventory).points[0]
    return [msgspec.structs.replace(known, tag=tag, rules=[], **changes) for tag in tags]


@contextmanager
def standing(folder: Path) -> Iterator[Town]:
    """Run a centre in a thread for the length of a block."""
    loop = asyncio.new_event_loop()
    ready: Future[Town] = Future()
    over = asyncio.Event()

    async def run() -> None:
        try:
            async with opened(folder, ManualClock(NOON_NS)) as world:
                ready.set_result(Town(world, loop))
                await over.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="town")
    thread.start()
    try:
        yield ready.result(DEADLINE_S)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(DEADLINE_S)
        loop.close()
