"""A real centre on a free port, real children that speak wire v1, real people with a cookie."""

from __future__ import annotations

import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from argon2 import PasswordHasher

from gateway.clock import ManualClock
from gateway.identity import Identity, random_bits
from gateway.journal import Chain
from gateway.model import NANOSECONDS, AlarmEvent
from gateway.northbound import wire
from gateway.roles.centre import CentreSettings, RunningCentre, open_centre
from gateway.supervision.divisions import Division
from gateway.supervision.tiers import Role, Subject
from tests.gateway.supervision.stream import Stream

NOON_NS = 1_790_000_000 * NANOSECONDS
PASSWORD = "correct horse battery"
#: Trusts nobody, and needs to where nothing is encrypted: to load the machine's list takes 40 ms.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
STATES = {"raise": "UNACK", "acknowledge": "ACKED", "clear": "NORM", "shelve": "ACKED"}


def pairing_body(code: str, token: str = "a token") -> dict[str, str]:
    """What a child sends to be paired: of the token only its hash."""
    return {
        "code": code,
        "public_key": "ab",
        "token_hash": hashlib.sha256(token.encode()).hexdigest(),
    }


@dataclass
class Child:
    """A gateway as the centre sees it: a chain of events and a credential."""

    node: str
    client: httpx.AsyncClient
    clock: ManualClock
    token: str = ""
    division: str = "330106"
    hazard: str = "ammonia_refrigeration"
    revisions: dict[str, int] = field(default_factory=dict)
    occurrences: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.new_life()

    @property
    def life(self) -> str:
        return self.chain.identity.life

    @property
    def epoch(self) -> str:
        return self.chain.identity.epoch

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @property
    def alarm(self) -> str:
        return f"{self.node}/AR1-AT-101/ammonia.machine_room.h"

    def new_life(self) -> None:
        self.chain = Chain(Identity(self.node, random_bits(), random_bits()))
        self.revisions, self.occurrences = {}, {}

    def new_epoch(self) -> None:
        identity = Identity(self.node, self.life, random_bits())
        self.chain = Chain(identity, seq=self.chain.seq, head=self.chain.head)

    def event(self, cause: str = "raise", alarm: str = "", **changes: Any) -> bytes:
        """The next event of this node: a transition of an alarm."""
        alarm = alarm or self.alarm
        self.revisions[alarm] = self.revisions.get(alarm, 0) + 1
        if cause == "raise":
            self.occurrences[alarm] = self.occurrences.get(alarm, 0) + 1
        fields: dict[str, Any] = {
            "alarm": alarm,
            "cause": cause,
            "occurrence": self.occurrences.get(alarm, 1),
            "revision": self.revisions[alarm],
            "tag": "AR1-AT-101",
            "area": "AR1",
            "division": self.division,
            "hazard": self.hazard,
            "rule": "ammonia.machine_room.h",
            "before": "NORM" if cause == "raise" else "UNACK",
            "after": STATES.get(cause, "UNACK"),
            "priority": "high",
            "quality": "GOOD",
            "source_ns": self.clock.now_ns(),
            "received_ns": self.clock.now_ns(),
            "value": 120.5,
            "unit": "ppm",
            "limit": 100.0,
            **changes,
        }
        return self.chain.seal("alarm", **fields)[1]

    def note(self, kind: str, **fields: Any) -> bytes:
        return self.chain.seal(kind, source_ns=self.clock.now_ns(), **fields)[1]

    def inventory(self, **changes: Any) -> bytes:
        rule = wire.InventoryRule(
            rule="ammonia.machine_room.h",
            alarm=self.alarm,
            level="h",
            limit=100.0,
            priority="high",
            standard="GB/T 50493",
            clause="5.5",
            title_zh="氨浓度高",
            title_en="Ammonia high",
        )
        point = wire.InventoryPoint(
            tag="AR1-AT-101",
            area="AR1",
            device="nh3-01",
            channel="nh3",
            unit="ppm",
            low=0.0,
            high=500.0,
            interval_s=1.0,
            name="Machine room NH3",
            rules=[rule],
        )
        fields: dict[str, Any] = {
            "node": self.node,
            "name": f"Site {self.node}",
            "enterprise": "Lake Cold Store",
            "uscc": "91350100M000100Y43",
            "division": self.division,
            "grid": "",
            "areas": [wire.InventoryArea(id="AR1", name="Machine room", hazard=self.hazard)],
            "points": [point],
            **changes,
        }
        return wire.encode(wire.Inventory(**fields))

    def present(self, *entries: bytes, seq: int | None = None) -> bytes:
        raws = [msgspec.Raw(entry) for entry in entries]
        at = self.chain.seq if seq is None else seq
        return wire.encode(wire.Present(life=self.life, seq=at, alarms=raws))

    def summary(self, value: float = 12.0, **changes: Any) -> bytes:
        now_ns = self.clock.now_ns()
        fields: dict[str, Any] = {
            "tag": "AR1-AT-101",
            "last": value,
            "min": value - 1,
            "max": value + 1,
            "mean": value,
            "count": 10,
            "quality": 0,
            "source_ns": now_ns,
            **changes,
        }
        point = wire.SummaryPoint(**fields)
        return wire.encode(
            wire.Summary(from_ns=now_ns - 10 * NANOSECONDS, to_ns=now_ns, points=[point])
        )

    async def post(self, *items: tuple[str, bytes], node: str = "") -> httpx.Response:
        sent = wire.Intake(
            node=node or self.node,
            life=self.life,
            epoch=self.epoch,
            items=[
                wire.Item(kind=kind, id=f"{kind}-{index}", body=msgspec.Raw(body))
                for index, (kind, body) in enumerate(items)
            ],
        )
        return await self.client.post(wire.INTAKE, content=wire.encode(sent), headers=self.headers)

    async def relays(self, below: Child, *items: tuple[str, bytes]) -> dict[str, str]:
        """Send items of a node below this centre; return the status of each that has a receipt."""
        sent = wire.Intake(
            node=self.node,
            life=self.life,
            epoch=self.epoch,
            items=[
                wire.item(kind, f"{kind}-{index}", body, node=below.node)  # type: ignore[arg-type]
                for index, (kind, body) in enumerate(items)
            ],
        )
        answer = await self.client.post(
            wire.INTAKE, content=wire.encode(sent), headers=self.headers
        )
        assert answer.status_code == 200, answer.text
        receipts = msgspec.json.decode(answer.content, type=wire.Receipts).receipts
        return {receipt.id: receipt.status for receipt in receipts}

    def facts(self, **changes: Any) -> wire.NodeFacts:
        """How this node is doing, as a centre above it would tell."""
        fields: dict[str, Any] = {
            "node": self.node,
            "name": f"Site {self.node}",
            "division": self.division,
            "link": "up",
            "life": self.life,
            "epoch": self.epoch,
            "last_seq": self.chain.seq,
            "head": self.chain.head,
            "coverage": 1.0,
            "clock_ns": self.clock.now_ns(),
            "version": "0.1.0",
            **changes,
        }
        return wire.NodeFacts(**fields)

    async def tells_of(self, *facts: wire.NodeFacts) -> str:
        """Tell, as a centre, of nodes below; return what the receipt adds."""
        told = wire.Nodes(clock_ns=self.clock.now_ns(), nodes=list(facts))
        answer = await self.post(("nodes", wire.encode(told)))
        assert answer.status_code == 200, answer.text
        (receipt,) = msgspec.json.decode(answer.content, type=wire.Receipts).receipts
        assert receipt.status == "stored", receipt.reason
        return receipt.reason

    async def send(self, *items: tuple[str, bytes]) -> list[str]:
        """Send items; return the status of each."""
        answer = await self.post(*items)
        assert answer.status_code == 200, answer.text
        receipts = msgspec.json.decode(answer.content, type=wire.Receipts).receipts
        return [receipt.status for receipt in receipts]

    async def events(self, *entries: bytes) -> list[str]:
        return await self.send(*(("event", entry) for entry in entries))

    async def beat(self, **changes: Any) -> httpx.Response:
        fields: dict[str, Any] = {
            "node": self.node,
            "life": self.life,
            "epoch": self.epoch,
            "last_seq": self.chain.seq,
            "head": self.chain.head,
            "lag": 0,
            "coverage": 1.0,
            "clock_ns": self.clock.now_ns(),
            "version": "0.1.0",
            **changes,
        }
        return await self.client.post(
            wire.HEARTBEAT, content=wire.encode(wire.Heartbeat(**fields)), headers=self.headers
        )


class World:
    """A running centre and those who talk to it."""

    def __init__(self, running: RunningCentre, clock: ManualClock, stack: AsyncExitStack) -> None:
        self.running = running
        self.centre = running.centre
        self.clock = clock
        self._stack = stack

    def pass_time(self, seconds: float) -> None:
        self.clock.set(self.clock.now_ns() + int(seconds * NANOSECONDS))

    async def client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=self.running.url, verify=NO_TLS, timeout=20)
        return await self._stack.enter_async_context(client)

    async def child(self, node: str = "gw1", **fields: Any) -> Child:
        """A paired child."""
        child = Child(node, await self.client(), self.clock, **fields)
        await self.pair(child)
        return child

    async def relay(self, node: str = "town", *, division: str = "") -> Child:
        """A paired child that is a centre, and may speak for the nodes below it."""
        child = Child(node, await self.client(), self.clock)
        await self.pair(child, division=division, relays=True)
        return child

    async def pair(self, child: Child, *, division: str = "", relays: bool = False) -> None:
        code = await self.running.invite(child.node, division=division, relays=relays)
        token = secrets.token_urlsafe(32)
        answer = await child.client.post(wire.PAIR, json=pairing_body(code, token))
        assert answer.status_code == 200, answer.text
        child.token = token

    async def account(
        self, name: str, role: Role, division: str = "", departments: tuple[str, ...] = ()
    ) -> None:
        subject = Subject(name, role, division, departments)
        await self.centre.accounts.create(subject, PASSWORD, operator="test")

    async def person(
        self, name: str, role: Role, division: str = "", departments: tuple[str, ...] = ()
    ) -> httpx.AsyncClient:
        """A person with an account of their own, logged in."""
        await self.account(name, role, division, departments)
        return await self.login(name, PASSWORD)

    async def login(self, name: str, password: str) -> httpx.AsyncClient:
        client = await self.client()
        answer = await client.post("/api/v1/session", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return client

    async def admin(self) -> httpx.AsyncClient:
        assert self.running.first_password is not None
        return await self.login("admin", self.running.first_password)

    async def divisions(self, *rows: tuple[str, str]) -> None:
        await self.centre.load_divisions(
            [Division(code, parent, code, "") for code, parent in rows]
        )

    @asynccontextmanager
    async def stream(
        self, client: httpx.AsyncClient, path: str = "/api/v1/events", **headers: str
    ) -> AsyncIterator[Stream]:
        async with client.stream(
            "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        ) as response:
            assert response.status_code == 200
            yield Stream(response)

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self.centre.store.read(lambda database: database.execute(sql, parameters))

    async def own(self, kind: str) -> list[AlarmEvent]:
        """The centre's own journal entries of a kind."""
        rows = await self.rows("SELECT entry FROM journal ORDER BY seq")
        events = [msgspec.json.decode(row[0], type=AlarmEvent) for row in rows]
        return [event for event in events if event.kind == kind]


def settings_in(folder: Path, **tables: Any) -> CentreSettings:
    return CentreSettings.model_validate(
        {
            "node": {"id": "county", "name": "County centre"},
            "listen": {"address": "127.0.0.1:0"},
            "store": {"folder": str(folder)},
            **tables,
        }
    )


@asynccontextmanager
async def opened(folder: Path, clock: ManualClock, **tables: Any) -> AsyncIterator[World]:
    async with (
        open_centre(settings_in(folder, **tables), clock=clock, hasher=CHEAP) as running,
        AsyncExitStack() as stack,
    ):
        yield World(running, clock, stack)


#: The library's weakest argon2id: what is tested is not the cost.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

Opener = Callable[..., AbstractAsyncContextManager[World]]
