"""T36: two hundred gateways with an hour's backlog return to their centre in the same moment.

Scale: 60 alarm events each, one a minute; gateways in this process with the product's own outbox
and uplink, the centre in a process of its own; both share the machine. Attempts back off to 2 s
instead of 30, so that nearly all arrive at once.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.db import Database
from gateway.northbound import outbox, posting, uplink, wire
from gateway.northbound.settings import ParentSettings
from gateway.roles.upward import PARENT
from gateway.simulation.broker import free_port
from tests.chain.partitions import Gateway, Opened, Tier, centre_text
from tests.faults.catalogue import Control, Room, batches, fault_test, only, repeated
from tests.faults.evidence import Evidence

GATEWAYS: Final = 200
BACKLOG: Final = 60
LIVE_EVERY_S: Final = 0.05
LIVE_S: Final = 2.0
DRAIN_S: Final = 120.0
AWAY_S: Final = 2.0
#: Live alarms go on for so long after the last backlog has come.
LIVE_AFTER_S: Final = 5.0
LEAST: Final = 50


class Crowd:
    """All gateways and their centre; what is alive is timed until the centre's store has it."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.chance = random.Random(seed)
        names = [f"gw{number:03}" for number in range(GATEWAYS)]
        port = free_port()
        text = centre_text("county", folder, port=port, nodes=names)
        self.tier = Tier("county", folder, text, process=True)
        self.centre = Opened(self.tier)
        self.gateways = [
            Gateway(
                name,
                folder / name,
                ParentSettings(
                    url=f"http://127.0.0.1:{port}",
                    code_file=str(folder / "county" / f"pairing-{name}.code"),
                ),
            )
            for name in names
        ]
        self.sent: dict[tuple[str, int], float] = {}
        self.took: list[float] = []
        self.arrived: dict[str, int] = {}

    def connected(self, gateway: Gateway) -> bool:
        """Whether its uplink has told its present state on this connection."""
        return any(each.connected for each in gateway.upward.uplinks)

    def backlog(self, gateway: Gateway) -> None:
        """Let a gateway move alarms as in an hour in which nobody hears it."""
        for number in range(BACKLOG):
            causes = ("raise", "acknowledge", "clear")
            assert gateway.move(f"{gateway.node}/T{number // 3 % 10}/h", causes[number % 3])

    def live(self, number: int) -> None:
        """Raise a new alarm at some gateway that is connected."""
        ready = [each for each in self.gateways if self.connected(each)]
        if not ready:
            return
        gateway = self.chance.choice(ready)
        gateway.move(f"{gateway.node}/L{number}/h", "raise")
        self.sent[gateway.node, gateway.chain.seq] = time.monotonic()

    def look(self, database: Database, after: int) -> int:
        """Note what has come to the centre since; return the position up to which."""
        rows = database.execute(
            "SELECT position, node, seq FROM event WHERE position > ? ORDER BY position", (after,)
        )
        now = time.monotonic()
        for position, node, seq in rows:
            after = position
            self.arrived[node] = self.arrived.get(node, 0) + 1
            if (begun := self.sent.pop((node, seq), None)) is not None:
                self.took.append(now - begun)
        return after

    def waits(self) -> int:
        """How many events wait anywhere."""
        return sum(outbox.waiting(each.database, PARENT) for each in self.gateways)


class Manners:
    """Watches whether every gateway that is asked to wait does."""

    def __init__(self, evidence: Evidence) -> None:
        self.asked = 0
        self._evidence = evidence
        self._until: dict[int, float] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at what every uplink of this process posts."""
        whole = httpx.AsyncClient.post

        async def post(client: httpx.AsyncClient, url: str, **more: Any) -> httpx.Response:
            early = self._until.get(id(client), 0.0) - time.monotonic()
            if early > 0.05 and url == wire.INTAKE:
                self._evidence.fail("I10", f"a gateway came back {early:.2f} s too early")
            answer = await whole(client, url, **more)
            if answer.status_code in {429, 503} and url == wire.INTAKE:
                self.asked += 1
                wait = float(answer.headers.get("retry-after", 0))
                self._until[id(client)] = time.monotonic() + wait
            return answer

        httpx.AsyncClient.post = post  # type: ignore[assignment,method-assign]
        try:
            yield
        finally:
            httpx.AsyncClient.post = whole  # type: ignore[method-assign]


@contextmanager
def hurried(mutant: str) -> Iterator[None]:
    """Let attempts come close together; take the guarantee out where the control wants it."""
    longest, asked = uplink.RETRY_LAST_S, posting.asked_to_wait
    begin = httpx.AsyncClient.__init__

    def plain(client: httpx.AsyncClient, **more: Any) -> None:
        # Four hundred readings of the certificates of the world would take a minute.
        begin(client, **{**more, "verify": False})

    httpx.AsyncClient.__init__ = plain  # type: ignore[assignment,method-assign]
    uplink.RETRY_LAST_S = AWAY_S  # type: ignore[misc]
    if mutant:
        importlib.reload(importlib.import_module(f"tests.faults.mutants.{mutant}"))
    try:
        yield
    finally:
        uplink.RETRY_LAST_S = longest  # type: ignore[misc]
        posting.asked_to_wait = asked
        httpx.AsyncClient.__init__ = begin  # type: ignore[method-assign]


@fault_test(
    "T36",
    "Two hundred gateways that return at once with an hour's backlog: live alarms take less than "
    "2 s (p99), none is starved, and who is asked to wait does.",
    observes=("I2", "I10"),
    plan=repeated(short=1, long=5, seed=3600),
    limit_s=400.0,
    controls=(
        Control(
            mutant="ignores_retry_after",
            breaks=frozenset({"I10"}),
            cases=only(batches(1, seed=3690)),
        ),
    ),
)
async def crowd(room: Room) -> Evidence:
    """Pair all, take the centre away for an hour of alarms, bring it back, time what is live."""
    evidence = Evidence(found={"I2": [], "I10": []})
    manners = Manners(evidence)
    with hurried(room.mutant), manners.watching():
        made = Crowd(room.folder, seed=room.case.seed)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(made.centre.stop)
            await made.centre.start()
            for gateway in made.gateways:
                await stack.enter_async_context(gateway.open())
            await _until(lambda: all(map(made.connected, made.gateways)), "all are paired")
            await made.centre.stop()
            await _until(lambda: not any(map(made.connected, made.gateways)), "none is connected")
            for gateway in made.gateways:
                made.backlog(gateway)
                await asyncio.sleep(0)
            waited = made.waits()
            await made.centre.start()
            await _drained(made, room, evidence)
            room.figures["events of the backlog"] = float(waited)
        room.figures["refused with 429 or 503"] = float(manners.asked)
        if made.sent or len(made.took) < LEAST:
            evidence.fail("I2", f"{len(made.sent)} live alarms did not come, {len(made.took)} did")
    return evidence


async def _drained(made: Crowd, room: Room, evidence: Evidence) -> None:
    """Raise live alarms until nothing waits, and a while longer; judge how long they took."""
    database = await asyncio.to_thread(made.tier.reader)
    began, after, number, drained = time.monotonic(), 0, 0, None
    # What came before the outage is none of this.
    after = database.execute("SELECT COALESCE(MAX(position), 0) FROM event")[0][0]
    lasts: dict[str, float] = {}
    while time.monotonic() - began < DRAIN_S:
        if drained is None or time.monotonic() - drained < LIVE_AFTER_S:
            made.live(number)
            number += 1
        before = dict(made.arrived)
        after = await asyncio.to_thread(made.look, database, after)
        for node, count in made.arrived.items():
            if count >= BACKLOG > before.get(node, 0):
                lasts[node] = time.monotonic() - began
        if drained is None and len(lasts) == GATEWAYS:
            drained = time.monotonic()
        if drained is not None and not made.sent and time.monotonic() - drained > LIVE_AFTER_S:
            break
        await asyncio.sleep(LIVE_EVERY_S)
    database.close()
    for gateway in made.gateways:
        if gateway.node not in lasts:
            evidence.fail("I2", f"{gateway.node}: the backlog has not come in {DRAIN_S} s")
    took = sorted(made.took) or [DRAIN_S]
    p99 = took[int(len(took) * 0.99) - 1 if len(took) > 1 else 0]
    room.figures["live, p99 s"] = p99
    room.figures["live alarms"] = float(len(took))
    room.figures["first gateway whole after, s"] = min(lasts.values(), default=DRAIN_S)
    room.figures["last gateway whole after, s"] = max(lasts.values(), default=DRAIN_S)
    evidence.recover("a live alarm (p99)", p99, limit_s=LIVE_S)


async def _until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            while not condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise RuntimeError(f"in {DRAIN_S} s not: {what}") from None
