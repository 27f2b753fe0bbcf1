"""Two hundred gateways in one process, each with the product's own outbox and uplink.

    python -m tests.faults.site.fleet FOLDER [MUTANT]

reads `fleet.json` there (a `Plan`), makes every gateway's store with what an outage has left in it,
says "ready", and starts all of them; the parent is away still. In the moment in which it listens
again an alarm rises at each of them, and is at the parent with the present state. From then on,
until all have told everything, alarms rise at gateways that are connected; for each is noted when
it was committed and when the parent's receipt let it leave the outbox. At the end it leaves a
`Report` in `report.json`.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from gateway.clock import SystemClock
from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.northbound import outbox, wire
from gateway.northbound.downlink import Downlink
from gateway.northbound.posting import asked_to_wait
from gateway.northbound.settings import ParentSettings
from gateway.northbound.source import Whole, own_whole
from gateway.northbound.uplink import SUMMARIES_KEPT, Uplink
from gateway.observe import Metrics
from gateway.roles.upward import PARENT
from tests.chain.partitions import Gateway
from tests.gateway.supervision.world import NO_TLS

PLAN: Final = "fleet.json"
REPORT: Final = "report.json"
READY: Final = "ready"
ALARMS: Final = 8
#: Alarms of which nothing waits from before: a live one of these owes nothing.
LIVE_ALARMS: Final = 4
#: The last alarms may take so long.
LAST_S: Final = 30.0
PERIOD_NS: Final = 10 * NANOSECONDS


class Plan(msgspec.Struct, kw_only=True):
    """What a fleet does.

    Parameters
    ----------
    url, tokens
        Of the parent, and of each gateway by its id.
    events, summaries, points
        What waits at each: alarm events, periods of ten seconds, points of each period.
    live_hz
        Alarms a second at connected gateways, all together, while backlogs go up.
    drain_s
        How long the rest may take to go up.
    """

    url: str
    tokens: dict[str, str]
    events: int
    summaries: int
    points: int
    live_hz: float = 10.0
    drain_s: float = 300.0
    seed: int = 1


class Report(msgspec.Struct, kw_only=True):
    """What it saw; times are seconds since the parent listened, a live alarm's since its commit.

    `early` counts posts of a backlog that came before the time the parent had asked for.
    """

    connected_s: dict[str, float]
    first_s: dict[str, float]
    drained_s: dict[str, float]
    #: Node, number of the event, when it was committed (ns since 1970), until its receipt.
    live: list[tuple[str, int, int, float | None]]
    #: The same of the alarm that rose as the parent listened again: until it had the present state.
    first_alarms: list[tuple[str, int, int, float | None]]
    waiting: int
    #: Connections each gateway has begun: more than one where it was sent away.
    connections: dict[str, int]
    summaries_shed: int
    turned_away: int
    early: int
    lives: dict[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Period:
    """Ten seconds of a gateway's points, as its uplink takes them."""

    number: int
    body: bytes
    of: int = 1

    def item(self, epoch: str) -> wire.Item:
        return wire.item("summary", f"{epoch}/s{self.number}", self.body)


class Member(Gateway):
    """One gateway of the fleet."""

    def __init__(self, name: str, folder: Path, plan: Plan) -> None:
        super().__init__(name, folder, ParentSettings(url=plan.url))
        self.plan = plan
        self.first = self.drained = 0.0
        self.beginnings = 0
        self.turned_away = self.early = 0
        self._not_before = 0.0
        self.pending: dict[int, tuple[int, float]] = {}
        self.live: list[tuple[str, int, int, float | None]] = []
        #: The first alarm is at the parent when a present state is that was told with it.
        self.first_alarm: tuple[str, int, int, float | None] | None = None
        self._first_at = 0.0
        self._telling = 0

    @asynccontextmanager
    async def stored(self, chance: random.Random) -> AsyncIterator[None]:
        """Have a store in which an hour's events wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.folder / "store.db", "edge")
        self.backlog = self.plan.events
        self.upward = self  # type: ignore[assignment]
        made = 0
        while made < self.plan.events:
            alarm = f"{self.node}/T{chance.randrange(ALARMS):02}/h"
            made += self.move(alarm, chance.choice(("raise", "acknowledge", "clear")))
        try:
            yield
        finally:
            self.database.close()

    def wake(self) -> None:
        """Nobody is there to be woken before the uplink is."""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Have an uplink, and a stream of orders, for a while."""
        token = self.plan.tokens[self.node]
        self.uplink = Uplink(
            self.plan.url,
            token,
            destination=PARENT,
            source=self._source(),
            clock=SystemClock(),
            metrics=Metrics(),
            verify=NO_TLS,
            summaries=SUMMARIES_KEPT,
        )
        # What httpx calls hooks sees each post as it leaves, and each answer.
        self.uplink._posting._client.event_hooks = {
            "request": [self._asks],
            "response": [self._answered],
        }
        for period in self._periods():
            self.uplink.offer(period)
        orders = Downlink(self.plan.url, token, carry_out=lambda *_: None, verify=NO_TLS)
        async with self.uplink, orders:
            self.upward = self.uplink  # type: ignore[assignment]
            yield

    async def _asks(self, request: httpx.Request) -> None:
        late = request.headers.get(wire.PRIORITY) == wire.URGENCIES["backlog"]
        self.early += late and time.monotonic() < self._not_before

    async def _answered(self, answer: httpx.Response) -> None:
        late = answer.request.headers.get(wire.PRIORITY) == wire.URGENCIES["backlog"]
        if late and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self.turned_away += 1
            self._not_before = time.monotonic() + asked_to_wait(answer.headers)

    def _periods(self) -> list[Period]:
        end_ns = SystemClock().now_ns()
        found = []
        for number in range(self.plan.summaries):
            to_ns = end_ns - (self.plan.summaries - number) * PERIOD_NS
            points = [
                wire.SummaryPoint(
                    tag=f"T{point:02}", last=12.25, min=11.5, max=13.75, mean=12.3 + number / 1e3,
                    count=10, quality=0, source_ns=to_ns,
                )
                for point in range(self.plan.points)
            ]  # fmt: skip
            summary = wire.Summary(from_ns=to_ns - PERIOD_NS, to_ns=to_ns, points=points)
            found.append(Period(number, wire.encode(summary)))
        return found

    def begin(self, chance: random.Random) -> None:
        """Let the first alarm rise."""
        self.alarm(chance)
        seq, (at_ns, self._first_at) = self.pending.popitem()
        self.first_alarm = (self.node, seq, at_ns, None)

    def alarm(self, chance: random.Random) -> None:
        """Let one alarm move that owes nothing."""
        alarm = f"{self.node}/T{chance.randrange(ALARMS, ALARMS + LIVE_ALARMS):02}/h"
        state = self.alarms.get(alarm, (0, 0, "NORM", b""))[2]
        at_ns = time.time_ns()
        self.move(alarm, "raise" if state == "NORM" else "clear" if state == "UNACK" else
                  "acknowledge")  # fmt: skip
        self.pending[self.chain.seq] = (at_ns, time.monotonic())

    async def _whole(self, connection: str) -> Whole:
        self.beginnings += 1
        self._telling = self.chain.seq
        areas = [wire.InventoryArea(id="A1", name="Machine room", hazard="ammonia_refrigeration")]
        points = [
            wire.InventoryPoint(
                tag=f"T{number:02}", area="A1", device=f"d{number:02}", channel="nh3", unit="ppm",
                low=0.0, high=1000.0, interval_s=1.0,
            )
            for number in range(self.plan.points)
        ]  # fmt: skip
        inventory = wire.Inventory(
            node=self.node, name=self.node, enterprise="Fleet", uscc="", division="330106003000",
            grid="", areas=areas, points=points,
        )  # fmt: skip
        standing = [entry for _, _, state, entry in self.alarms.values() if state != "NORM"]
        present = wire.Present(
            life=self.chain.identity.life,
            seq=self.chain.seq,
            alarms=[msgspec.Raw(entry) for entry in standing],
        )
        return own_whole(connection, inventory, present)

    def _source(self) -> Any:
        source = super()._source()

        async def store(act: Any) -> Any:
            found = act(self.database)
            self._look()
            return found

        return replace(source, store=store)

    def _look(self) -> None:
        """Note what has left the outbox since, or was told with a present state that was taken.

        Nothing asks the store between the telling of one and its receipt.
        """
        now = time.monotonic()
        told, self._telling = self._telling, 0
        if self.first_alarm is not None and self.first_alarm[-1] is None:
            node, seq, at_ns, _ = self.first_alarm
            # Of a connection that began just before, it is a live one.
            if seq <= told or not outbox.named(self.database, PARENT, seq):
                self.first_alarm = (node, seq, at_ns, now - self._first_at)
        waiting = outbox.waiting(self.database, PARENT)
        if not self.first and waiting < self.backlog:
            self.first = now
        if not self.drained and not waiting:
            self.drained = now
        for seq, (at_ns, at) in list(self.pending.items()):
            if not outbox.named(self.database, PARENT, seq):
                del self.pending[seq]
                self.live.append((self.node, seq, at_ns, now - at))


async def run(folder: Path) -> Report:
    """Play the plan of a folder."""
    plan = msgspec.json.decode((folder / PLAN).read_bytes(), type=Plan)
    chance = random.Random(plan.seed)
    members = [Member(name, folder / "gateways" / name, plan) for name in plan.tokens]
    async with AsyncExitStack() as stores, AsyncExitStack() as uplinks:
        for member in members:
            await stores.enter_async_context(member.stored(chance))
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        for member in members:
            await uplinks.enter_async_context(member.connected())
        await listening(plan.url)
        began = time.monotonic()
        for member in members:
            member.begin(chance)
        connected = await live(members, plan, chance)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                while any(member.pending for member in members):
                    await asyncio.sleep(0.05)
        return reported(members, connected, began)


async def listening(url: str) -> None:
    """Return when somebody takes connections there."""
    address = httpx.URL(url)
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.close()
            return
        await asyncio.sleep(0.01)


async def live(members: list[Member], plan: Plan, chance: random.Random) -> dict[str, float]:
    """Let alarms rise while backlogs go up; return when each gateway was connected, s."""
    connected: dict[str, float] = {}
    began = due = time.monotonic()
    while (passed := time.monotonic() - began) < plan.drain_s:
        there = [member for member in members if member.uplink.connected]
        for member in there:
            connected.setdefault(member.node, passed)
        if all(member.drained for member in members):
            break
        if there and time.monotonic() >= due:
            due += 1 / plan.live_hz
            chance.choice(there).alarm(chance)
        await asyncio.sleep(max(0.0, min(0.05, due - time.monotonic())))
    return connected


def reported(members: list[Member], connected: dict[str, float], began: float) -> Report:
    """Return what was seen; an alarm that has not left is there without a time."""
    for member in members:
        left = [(member.node, seq, at_ns, None) for seq, (at_ns, _) in member.pending.items()]
        member.live += left
    return Report(
        connected_s=connected,
        first_s={m.node: m.first - began for m in members if m.first},
        drained_s={m.node: m.drained - began for m in members if m.drained},
        live=[each for m in members for each in m.live],
        first_alarms=[m.first_alarm for m in members if m.first_alarm is not None],
        waiting=sum(outbox.waiting(m.database, PARENT) for m in members),
        connections={m.node: m.beginnings for m in members},
        turned_away=sum(m.turned_away for m in members),
        early=sum(m.early for m in members),
        summaries_shed=sum(m.uplink.take_shed() for m in members),
        lives={m.node: (m.chain.identity.life, m.chain.seq) for m in members},
    )


if __name__ == "__main__":
    for MUTANT in sys.argv[2:]:
        importlib.import_module(f"tests.faults.mutants.{MUTANT}")
    FOLDER = Path(sys.argv[1])
    (FOLDER / REPORT).write_bytes(msgspec.json.encode(asyncio.run(run(FOLDER))))
