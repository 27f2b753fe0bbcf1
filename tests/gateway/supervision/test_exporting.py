"""Exports of a centre: events of every node below, in the transaction that stores them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.northbound import outbox
from gateway.northbound.exports import courier
from gateway.supervision import child_alarms
from gateway.supervision.child_alarms import Edge
from tests.gateway.northbound.exports.receiving import Address, Said
from tests.gateway.northbound.exports.test_webhook import KEY, secret, verified
from tests.gateway.northbound.site import serving
from tests.gateway.supervision.test_upward import until
from tests.gateway.supervision.world import Opener, World


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(courier, "RETRY_LAST_S", 0.1)


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    async with serving(Address()) as made:  # type: ignore[type-var]
        yield made


def webhook(address: Address, folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": "city",
        "kind": "webhook",
        "url": f"{address.url}/hook",
        "allow": ["127.0.0.1"],
        "secret_file": secret(folder / "secret", KEY),
        **more,
    }


def told(address: Address) -> list[dict[str, Any]]:
    return [each["data"] for post in address.posts for each in json.loads(post.body)]


async def waiting(world: World) -> int:
    return await world.centre.store.act(lambda db: outbox.waiting(db, "export:city"))


async def test_events_of_all_nodes_and_the_centres_own_go_out(
    open_world: Opener, address: Address, tmp_path: Path
) -> None:
    """Alarms of two gateways and one of the centre arrive signed, in order, byte for byte."""
    async with open_world(export=[webhook(address, tmp_path)]) as world:
        gw1, gw2 = await world.child("gw1"), await world.child("gw2")
        sent = [gw1.event(), gw1.event("acknowledge"), gw2.event()]
        assert await gw1.events(*sent[:2], gw1.note("start")) == ["stored"] * 3
        assert await gw2.events(sent[2]) == ["stored"]
        await world.centre.store.write(
            lambda write: child_alarms.move(write, [Edge("gw1", "gateway_lost", True)], limits={})
        )

        async def four() -> bool:
            return len(told(address)) >= 4

        await until(four)
        found = told(address)
        assert [json.loads(entry) for entry in sent] == found[:3]
        assert found[3]["alarm"] == "county/@gw1/gateway_lost"
        assert all(verified(post, KEY) for post in address.posts)

        async def none() -> bool:
            return await waiting(world) == 0

        await until(none)


async def test_the_filter_by_division_is_asked_before_a_row_is_made(
    open_world: Opener, address: Address, tmp_path: Path
) -> None:
    """What an export leaves out costs it no row; what it carries arrives."""
    address.script.extend([Said(status=503)] * 3)
    chosen = webhook(address, tmp_path, select={"divisions": ["330109"], "own": False})
    async with open_world(export=[chosen]) as world:
        near, far = await world.child("gw1"), await world.child("gw2", division="330109")
        for _ in range(5):
            await near.events(near.event(), near.event("clear"))
        entry = far.event()
        rows = await world.rows("SELECT COUNT(*) FROM outbox")
        assert rows == [(0,)]
        await far.events(entry)

        async def came() -> bool:
            return bool([post for post in address.posts if json.loads(post.body)]) and (
                await waiting(world) == 0
            )

        await until(came)
        assert told(address)[-1] == json.loads(entry)
        assert {event["division"] for event in told(address)} == {"330109"}


async def test_a_row_waits_over_a_restart(
    open_world: Opener, address: Address, tmp_path: Path
) -> None:
    """A receiver that is away keeps nothing up, and gets all of it from a centre started anew."""
    address.script.extend([Said(status=503)] * 1000)
    async with open_world(export=[webhook(address, tmp_path)]) as world:
        child = await world.child()
        entries = [child.event(), child.event("clear")]
        assert await child.events(*entries) == ["stored", "stored"]
        assert await waiting(world) == 2
    address.script.clear()
    address.posts.clear()
    async with open_world(export=[webhook(address, tmp_path)]) as world:

        async def none() -> bool:
            return await waiting(world) == 0

        await until(none)
        assert told(address) == [json.loads(entry) for entry in entries]


async def test_what_an_export_sheds_is_an_event_of_the_centre(
    open_world: Opener, address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than `keep` events do not wait: the oldest go, and a durable event counts them."""
    address.script.extend([Said(status=503)] * 10_000)
    monkeypatch.setattr(courier, "LOOK_S", 0.2)
    async with open_world(export=[webhook(address, tmp_path, keep=1000)]) as world:
        child = await world.child()
        for _ in range(3):
            await child.events(*(child.event() for _ in range(400)))
        wake = world.centre.store.outward
        assert wake is not None

        async def counted() -> bool:
            wake()
            return bool(await world.rows("SELECT 1 FROM event WHERE kind = 'shed'"))

        await until(counted)
        rows = await world.rows("SELECT entry FROM event WHERE kind = 'shed'")
        # An event of the centre's own may have come to wait as well, and pushed out one more.
        assert json.loads(rows[0][0])["detail"]["count"] in {200, 201}
        assert await waiting(world) == 1000


def test_a_centre_without_exports_loads_no_mqtt() -> None:
    """The kinds of exports are loaded where a file asks for them, and not before."""
    code = (
        "import sys, gateway.roles.centre; "
        "sys.exit(any(name in sys.modules for name in ('paho', 'aiomqtt', 'numpy', 'numba')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
