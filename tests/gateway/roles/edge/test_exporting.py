"""Exports of a running edge: fed from the same commits, and never in the way of anything."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model import NANOSECONDS
from gateway.northbound import outbox
from gateway.northbound.exports import courier
from gateway.roles import exporting
from gateway.simulation.broker import LocalBroker, free_port
from tests.gateway.northbound.exports.receiving import Address, Said
from tests.gateway.northbound.exports.test_webhook import KEY, secret, verified
from tests.gateway.northbound.site import serving
from tests.gateway.roles.edge.edge import Edge, running, stored, until, write_site

pytestmark = pytest.mark.broker


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(courier, "RETRY_LAST_S", 0.1)


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    async with serving(Address()) as made:  # type: ignore[type-var]
        yield made


def export(name: str, url: str, folder: Path) -> str:
    return (
        f'[[export]]\nname = "{name}"\nkind = "webhook"\nurl = "{url}"\nallow = ["127.0.0.1"]\n'
        f'secret_file = "{secret(folder / "secret", KEY)}"\n'
    )


async def waits(edge: Edge, name: str) -> int:
    count: int = await edge.node.storage.act(lambda db: outbox.waiting(db, f"export:{name}"))
    return count


async def test_alarms_leave_by_the_export_and_a_dead_one_is_in_nobodys_way(
    tmp_path: Path, broker: LocalBroker, address: Address
) -> None:
    """Every alarm of the journal arrives signed; beside it an export to nowhere keeps its rows."""
    nowhere = f"https://127.0.0.1:{free_port()}/"
    more = export("city", address.url, tmp_path) + export("dead", nowhere, tmp_path)
    path = write_site(tmp_path, port=broker.port, more=more)
    async with running(path) as edge:
        await edge.say(*[150.0, 50.0] * 20)
        await until(lambda: edge.said == 40)
        await edge.say(600.0)
        await until(lambda: edge.active("A/hh"))
        while await waits(edge, "city"):
            await until(lambda: True)
        assert edge.node.exports.troubles == []
        dead = edge.node.exports._couriers[1]
        await until(lambda: bool(dead._reason))
        dead._since -= 61 * NANOSECONDS
        trouble = edge.node.exports.troubles
        assert [each for each in trouble if each.startswith("export dead: ")]
    made = [e for e in stored(tmp_path / "data") if e.kind == "alarm"]
    events = [each["data"] for post in address.posts for each in json.loads(post.body)]
    # Alarms of the way out (the broker's) may come after the last post.
    assert [event["seq"] for event in events] == [e.seq for e in made][: len(events)]
    assert len(events) >= 41
    assert all(verified(post, KEY) for post in address.posts)


async def test_what_waits_is_sent_after_a_new_start(
    tmp_path: Path, broker: LocalBroker, address: Address
) -> None:
    """An edge that ends while its receiver is away delivers when both are there again."""
    address.script.extend([Said(503)] * 1000)
    path = write_site(tmp_path, port=broker.port, more=export("city", address.url, tmp_path))
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        await until(lambda: len(address.posts) > 2)
    address.script.clear()
    address.posts.clear()
    async with running(path) as edge:
        await until(lambda: bool(address.posts))
        while await waits(edge, "city"):
            await until(lambda: True)
    found = [each["data"]["alarm"] for post in address.posts for each in json.loads(post.body)]
    assert "gw/A/h" in found


async def test_an_export_that_was_taken_out_leaves_no_rows(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """What waits for an export that the file names no more does not fill the disk for ever."""
    nowhere = f"https://127.0.0.1:{free_port()}/"
    path = write_site(tmp_path, port=broker.port, more=export("dead", nowhere, tmp_path))
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        assert await waits(edge, "dead")
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        assert await waits(edge, "dead") == 0


async def test_a_kind_that_is_not_installed_stops_nothing(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site is watched, the export says in the health what is missing, and its rows wait."""

    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'aiomqtt'", name="aiomqtt")

    monkeypatch.setattr(exporting, "courier_of", missing)
    path = write_site(tmp_path, port=broker.port, more=export("city", "https://a.b/", tmp_path))
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        assert edge.node.exports.troubles == ["export city: aiomqtt is not installed"]
        assert await waits(edge, "city")
