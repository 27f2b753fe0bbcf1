"""A centre's own alarms about its children, as the tier above has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.model import Act
from gateway.supervision import acting, child_alarms
from gateway.supervision.child_alarms import Edge
from gateway.supervision.tiers import Role
from tests.gateway.supervision.test_upward import Tiers, site_of, until

LOST = "county/@gw1/gateway_lost"


@pytest.fixture
async def tiers(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Tiers]:
    made = Tiers(tmp_path, clock)
    async with asyncio.timeout(100), made.open_city():
        await made.start_county()
        try:
            yield made
        finally:
            await made.stop_county()


async def lose(tiers: Tiers) -> None:
    """Let gw1 fall silent below the county, while the county itself is heard."""
    await site_of(tiers)
    await until(lambda: tiers.row("gw1"))
    for _ in range(9):
        tiers.county.pass_time(5)
        tiers.city.centre.watch.heard("county")
        await tiers.county.centre.watch.look()


async def test_it_stands_under_the_child_above_too(tiers: Tiers) -> None:
    """The city shows the county's alarm under the gateway, to exactly those who see the gateway."""
    await lose(tiers)
    sql = "SELECT node, owner, state FROM mirror WHERE alarm = ?"
    await until(lambda: tiers.at_city(sql, LOST))
    assert await tiers.at_city(sql, LOST) == [("gw1", "county", "UNACK")]
    own = await tiers.city.person("li", Role.OPERATOR, "330106")
    other = await tiers.city.person("wu", Role.OPERATOR, "330100")
    (row,) = (await own.get("/api/v1/alarms")).json()["alarms"]
    assert (row["alarm"], row["title_zh"]) == (LOST, "网关失联：收不到心跳")
    assert (await other.get("/api/v1/alarms")).json()["alarms"] == []
    told = (await own.get("/api/v1/journal", params={"node": "gw1"})).json()["events"]
    assert [event["alarm"] for event in told] == [LOST]
    of_county = await other.get("/api/v1/journal", params={"node": "county"})
    assert [event["alarm"] for event in of_county.json()["events"] if event["alarm"]] == []


async def test_only_the_centre_that_raised_it_acknowledges_it(tiers: Tiers) -> None:
    """The city may not move the county's alarm; what the county does arrives."""
    await lose(tiers)
    sql = "SELECT state, revision FROM mirror WHERE alarm = ?"
    await until(lambda: tiers.at_city(sql, LOST))
    body = {"alarm": LOST, "revision": 1, "action": "acknowledge"}
    refused = await (await tiers.city.admin()).post("/api/v1/alarms/gw1/actions", json=body)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "enterprise")
    done = await (await tiers.county.admin()).post("/api/v1/alarms/gw1/actions", json=body)
    assert done.status_code == 200

    async def acknowledged() -> bool:
        return await tiers.at_city(sql, LOST) == [("ACKED", 2)]

    await until(acknowledged)


async def test_what_ended_while_the_city_was_away_ends_there(tiers: Tiers) -> None:
    """The county's present state ends at the city what ended below, and only what is its own."""
    await lose(tiers)
    sql = "SELECT state FROM mirror WHERE alarm = ?"
    await until(lambda: tiers.at_city(sql, LOST))
    site = await tiers.county.child("gw1")
    await site.events(site.event())
    await until(lambda: tiers.at_city(sql, site.alarm))
    body = {"alarm": LOST, "revision": 1, "action": "acknowledge"}
    await (await tiers.county.admin()).post("/api/v1/alarms/gw1/actions", json=body)
    for _ in range(12):
        tiers.county.pass_time(15)
        tiers.city.centre.watch.heard("county")
        await site.beat()
        await tiers.county.centre.watch.look()

    async def over() -> bool:
        return await tiers.at_city(sql, LOST) == [("NORM",)]

    await until(over)
    assert await tiers.at_city(sql, site.alarm) == [("UNACK",)]


async def test_a_lost_centre_is_an_alarm_of_the_tier_above(tiers: Tiers) -> None:
    """The city alarms about the county alone: what lies below it is unknown, and shown so."""
    await site_of(tiers)
    await until(lambda: tiers.row("gw1"))
    await tiers.stop_county()
    for _ in range(13):
        tiers.city.pass_time(5)
        await tiers.city.centre.watch.look()
    rows = await tiers.at_city("SELECT alarm FROM mirror WHERE standing = 1")
    assert rows == [("city/@county/gateway_lost",)]
    assert (await tiers.row("gw1"))["link"] == "unknown"


async def test_an_order_about_a_centre_itself_is_known_as_signed(tiers: Tiers) -> None:
    """What the city does about an alarm of the county is no hearsay at the county."""
    store = tiers.county.centre.store
    await store.write(
        lambda write: child_alarms.move(write, [Edge("county", "dead_letter", True)], limits={})
    )
    await until(tiers.states)
    ((alarm, _, _),) = await tiers.states()
    await tiers.city.centre.store.write(
        lambda write: acting.act(
            write, "county", Act.URGED, alarm=alarm, occurrence=1, operator="li",
            comment="mend it", identity="0123456789abcdef",
        )
    )  # fmt: skip
    told = "SELECT origin, act, comment, teller FROM act"
    await until(lambda: tiers.county.rows(told))
    assert await tiers.county.rows(told) == [("city", "urged", "mend it", "")]
