"""Three tiers and a site: the city's orders go through the county's hands and stay its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.model import State
from gateway.northbound import wire
from gateway.roles import passing
from gateway.simulation.broker import LocalBroker, free_port
from gateway.supervision import orders
from gateway.supervision.write import Write
from tests.chain.partitions import Tier, centre_text
from tests.gateway.roles.edge.conftest import broker as broker_fixture
from tests.gateway.roles.edge.edge import Edge, running, stored, until, write_site

pytestmark = pytest.mark.broker

broker = broker_fixture
ALARM = "gw/A/h"


class Town:
    """City and county, an administrator of each, and the site below."""

    def __init__(self, city: Tier, county: Tier) -> None:
        self.tiers = {"city": city, "county": county}
        self.people: dict[str, httpx.AsyncClient] = {}
        self.edge: Edge

    async def log_in(self, stack: AsyncExitStack) -> None:
        for name, tier in self.tiers.items():
            assert tier.running is not None
            client = httpx.AsyncClient(base_url=tier.running.url, timeout=20, trust_env=False)
            self.people[name] = await stack.enter_async_context(client)
            body = {"name": "admin", "password": tier.running.first_password}
            (await client.post("/api/v1/session", json=body)).raise_for_status()

    async def row(self, name: str) -> dict[str, Any]:
        rows = (await self.people[name].get("/api/v1/alarms")).json()["alarms"]
        return next((row for row in rows if row["alarm"] == ALARM), {})

    async def seen(self, name: str, **wanted: Any) -> dict[str, Any]:
        """The alarm's row at a tier, once it is as wanted."""
        async with asyncio.timeout(60):
            while True:
                row = await self.row(name)
                if row and all(row[key] == value for key, value in wanted.items()):
                    return row
                await asyncio.sleep(0.05)

    async def acted(self, name: str, act: str) -> dict[str, Any]:
        """An act about the alarm as a tier knows it, once it does."""
        async with asyncio.timeout(60):
            while True:
                for each in (await self.row(name)).get("acts", ()):
                    if each["act"] == act:
                        found: dict[str, Any] = each
                        return found
                await asyncio.sleep(0.05)

    async def order(self, name: str, action: str) -> httpx.Response:
        row = await self.row(name)
        body = {"alarm": ALARM, "revision": row["revision"], "action": action, "comment": "x"}
        return await self.people[name].post("/api/v1/alarms/gw/actions", json=body)

    async def act(self, name: str, act: str) -> None:
        body = {"alarm": ALARM, "occurrence": 1, "act": act, "comment": f"{name} asks"}
        answer = await self.people[name].post("/api/v1/alarms/gw/acts", json=body)
        assert answer.status_code == 201, answer.text

    async def status(self, name: str, order: str) -> tuple[str, str]:
        """How an order ended at a tier."""
        running_ = self.tiers[name].running
        assert running_ is not None
        async with asyncio.timeout(60):
            while True:
                rows = await running_.centre.store.read(
                    lambda database: database.execute(
                        "SELECT status, reason FROM site_order WHERE id = ?", (order,)
                    )
                )
                if rows and rows[0][0] not in {"pending", "sent"}:
                    return str(rows[0][0]), str(rows[0][1])
                await asyncio.sleep(0.05)

    def key_of(self, name: str) -> str:
        running_ = self.tiers[name].running
        assert running_ is not None
        return running_.centre.store.public_key


@asynccontextmanager
async def town(folder: Path, broker: LocalBroker, *, delegate: bool) -> AsyncIterator[Town]:
    ports = {"city": free_port(), "county": free_port()}
    city = Tier(
        "city", folder, centre_text("city", folder, port=ports["city"], centres=["county"]),
        process=False,
    )  # fmt: skip
    county = Tier(
        "county",
        folder,
        centre_text(
            "county",
            folder,
            port=ports["county"],
            nodes=["gw"],
            parent=f"http://127.0.0.1:{ports['city']}",
            code=folder / "city" / "pairing-county.code",
        ),
        process=False,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(city.open())
        await stack.enter_async_context(county.open())
        made = Town(city, county)
        await made.log_in(stack)
        more = f'[parent]\nurl = "http://127.0.0.1:{ports["county"]}"\n'
        more += f'code_file = "{folder / "county" / "pairing-gw.code"}"\n'
        if delegate:
            more += '[[delegate]]\nto = "city"\nactions = ["acknowledge"]\n'
            more += f'key = "{made.key_of("city")}"\n'
        path = write_site(folder, port=broker.port, more=more)
        made.edge = await stack.enter_async_context(running(path))
        await made.edge.say(150.0)
        await until(lambda: made.edge.active("A/h"))
        for name in made.tiers:
            await made.seen(name, state="UNACK")
        yield made


def ends(folder: Path) -> list[tuple[str, str, str]]:
    """Who ordered what of the site, and how it ended, in order."""
    return [
        (
            str(event.detail.get("origin", "")),
            str(event.detail["action"]),
            str(event.detail["result"]),
        )
        for event in stored(folder / "data")
        if event.kind in {"order", "act"}
    ]


async def test_the_city_s_orders_come_down_and_their_ends_come_up(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """What is delegated by key is carried out, what is not is refused; each tier learns of it."""
    async with town(tmp_path, broker, delegate=True) as made:
        await made.act("county", "received")
        await made.act("city", "urged")
        for name in made.tiers:
            urged = await made.acted(name, "urged")
            assert (urged["origin"], urged["account"], urged["comment"]) == (
                "city", "admin", "city asks",
            )  # fmt: skip
            assert (await made.acted(name, "received"))["origin"] == "county"
        assert made.edge.node.desk.status(ALARM).state == State.UNACKNOWLEDGED
        # The county has no delegation: its screen does not offer it, and its API takes nothing.
        refused = await made.order("county", "acknowledge")
        assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "not_delegated")
        answer = await made.order("city", "acknowledge")
        assert answer.status_code == 202, answer.text
        assert await made.status("city", answer.json()["order"]) == ("applied", "")
        assert await made.status("county", answer.json()["order"]) == ("applied", "")
        assert made.edge.node.desk.status(ALARM).state == State.ACKNOWLEDGED
        for name in made.tiers:
            assert (await made.seen(name, state="ACKED"))["operator"] == "admin"
        await until(lambda: len(ends(tmp_path)) == 3)
    assert sorted(ends(tmp_path)) == [
        ("city", "acknowledge", "applied"),
        ("city", "urged", "applied"),
        ("county", "received", "applied"),
    ]


async def test_a_relay_that_alters_an_order_alters_nothing_at_the_site(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site refuses it in an event, the city reads why, the alarm and its siren stay."""
    handed_on = orders.pass_down

    def alter(write: Write, order: wire.Order, _: bytes) -> None:
        order = msgspec.structs.replace(order, operator="somebody else")
        handed_on(write, order, wire.encode(order))

    monkeypatch.setattr(passing.orders, "pass_down", alter)
    async with town(tmp_path, broker, delegate=True) as made:
        answer = await made.order("city", "acknowledge")
        status, reason = await made.status("city", answer.json()["order"])
        assert status == "refused"
        assert "altered on its way" in reason
        assert made.edge.node.desk.status(ALARM).state == State.UNACKNOWLEDGED
        assert made.edge.sounding == {ALARM}
    assert ends(tmp_path) == [("", "acknowledge", "refused")]
