"""On-line time: what the ledger says is what a watcher would have counted second by second."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.model import NANOSECONDS
from gateway.supervision import online
from gateway.supervision.api.online import harmless
from gateway.supervision.divisions import Division
from gateway.supervision.online import Total
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import Child, Opener, World

S = NANOSECONDS
#: 2026-11-30 23:30 in China.
EVENING_NS = 1_796_052_600 * S


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING_NS)


async def live(world: World, *children: Child, seconds: int) -> None:
    for _ in range(0, seconds, 15):
        for child in children:
            await child.beat()
        await world.centre.watch.look()
        world.pass_time(15)


async def silent(world: World, seconds: int) -> None:
    for _ in range(0, seconds, 5):
        world.pass_time(5)
        await world.centre.watch.look()


async def month(person: httpx.AsyncClient, name: str = "2026-11") -> dict[str, dict[str, Any]]:
    answer = await person.get("/api/v1/online", params={"month": name})
    assert answer.status_code == 200, answer.text
    return {f"{row['kind']} {row['id']}": row for row in answer.json()["rows"]}


async def test_ups_and_downs_are_counted(world: World) -> None:
    """Time with heartbeats is on line, time from the last one of a lost link on is off line."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    officer = await world.person("li", Role.VIEWER, "330106")
    await live(world, child, seconds=600)
    await silent(world, 285)
    await live(world, child, seconds=300)
    await world.centre.watch.look()
    world.pass_time(15)
    await child.beat()
    world.pass_time(15)
    await child.beat()
    await world.centre.watch.look()
    row = (await month(officer))["node gw1"]
    # The last heartbeat of the first ten minutes came at 585 s.
    assert row["down_s"] == 300
    assert row["up_s"] + row["unknown_s"] == 600 - 15 + 300 + 30
    assert row["unknown_s"] <= 30
    assert row["rate"] == pytest.approx(row["up_s"] / (row["up_s"] + 300), abs=1e-6)


async def test_the_centres_own_downtime_is_unknown(open_world: Opener, clock: ManualClock) -> None:
    """While the centre was down, and until a child has spoken again, nothing is claimed."""
    async with open_world() as world:
        child = await world.child()
        await live(world, child, seconds=300)
        token, chain = child.token, child.chain
    clock.set(clock.now_ns() + 400 * S)
    async with open_world() as world:
        officer = await world.login("admin", await world.centre.accounts.renew("admin") or "")
        again = Child("gw1", await world.client(), world.clock, token=token)
        again.chain = chain
        await silent(world, 20)
        await live(world, again, seconds=300)
        await silent(world, 0)
        row = (await month(officer))["node gw1"]
    assert row["down_s"] == 0
    assert 420 <= row["unknown_s"] <= 420 + 45
    assert row["up_s"] + row["unknown_s"] == 300 + 400 + 20 + 300
    assert row["rate"] == 1.0


async def test_a_month_ends_at_midnight_in_china(world: World) -> None:
    """What happens before midnight counts for November, the rest for December, and none twice."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    officer = await world.person("li", Role.VIEWER, "330106")
    await live(world, child, seconds=3600)
    november, december = await month(officer), await month(officer, "2026-12")
    assert november["node gw1"]["up_s"] == 1800
    assert november["node gw1"]["unknown_s"] == 0
    assert 1770 <= december["node gw1"]["up_s"] <= 1800
    assert (await month(officer, "2027-01"))["node gw1"]["rate"] is None


async def test_sums_stay_within_the_scope(world: World) -> None:
    """Enterprises and divisions are sums of visible nodes alone; a parent has all under it."""
    await world.divisions(("33", ""), ("3301", "33"), ("330106", "3301"), ("330108", "3301"))
    first = await world.child("gw1", division="330106")
    second = await world.child("gw2", division="330108")
    await first.send(("inventory", first.inventory()))
    await second.send(("inventory", second.inventory(enterprise="Other", uscc="X")))
    below = await world.person("li", Role.VIEWER, "330106")
    above = await world.person("wu", Role.VIEWER, "3301")
    await live(world, first, second, seconds=120)
    await live(world, first, seconds=120)
    seen = await month(below)
    assert set(seen) == {"node gw1", "enterprise 91350100M000100Y43", "division 330106"}
    seen = await month(above)
    assert {key for key in seen if key.startswith("division")} == {
        "division 3301", "division 330106", "division 330108",
    }  # fmt: skip
    both = seen["division 3301"]
    parts = [seen["division 330106"], seen["division 330108"]]
    assert both["nodes"] == 2
    assert seen["division 330108"]["down_s"] > 0
    for name in ("up_s", "down_s", "unknown_s"):
        assert both[name] == sum(part[name] for part in parts)


async def test_a_centre_is_no_gateway_of_an_enterprise(world: World) -> None:
    """The centres below, also those behind another, stand beside the sums, and not in them."""
    await world.centre.load_divisions(
        [
            Division("33", "", "Province", "province"),
            Division("3301", "33", "City", "city"),
            Division("330106", "3301", "District", "district"),
        ]
    )
    gateway, town = await world.child("gw1"), await world.relay("town", division="3301")
    await gateway.send(("inventory", gateway.inventory()))
    bare = {"enterprise": "", "uscc": "", "areas": [], "points": []}
    await town.send(("inventory", town.inventory(division="3301", **bare)))
    village = Child("village", town.client, world.clock, division="330106")
    await town.tells_of(village.facts())
    await town.relays(village, ("inventory", village.inventory(**bare)))
    await live(world, gateway, town, seconds=120)
    found = await month(await world.person("wu", Role.VIEWER, "33"))
    assert set(found) == {
        "node gw1", "centre town", "centre village", "enterprise 91350100M000100Y43",
        "division 330106", "division 3301", "division 33",
    }  # fmt: skip
    assert [row["nodes"] for key, row in found.items() if "division" in key] == [1, 1, 1]
    below = found["division 330106"]
    assert (below["name"], below["level"], below["parent"]) == ("District", "district", "3301")


async def test_the_table_holds_no_formula(world: World) -> None:
    """In CSV a name that begins like a formula is text, and a bad month is refused."""
    child = await world.child()
    await child.send(("inventory", child.inventory(name="=1+1", enterprise="@SUM(A1)")))
    officer = await world.person("li", Role.VIEWER, "330106")
    await live(world, child, seconds=60)
    answer = await officer.get("/api/v1/online", params={"month": "2026-11", "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["'=1+1", "'@SUM(A1)", "330106"]
    for bad in ("2026-13", "26-11", "2026-1", "202611x"):
        answer = await officer.get("/api/v1/online", params={"month": bad})
        assert (answer.status_code, answer.json()["detail"]["code"]) == (422, "month")


@pytest.mark.parametrize("text", ["=A1", "+1", "-1", "@x", "\tx", "\rx", "\n=x"])
def test_every_beginning_of_a_formula_is_neutralised(text: str) -> None:
    """Each sign with which an office's program begins a formula is behind an apostrophe."""
    assert harmless(text) == f"'{text}"
    assert (harmless("a=b"), harmless(-1)) == ("a=b", -1)


def test_ledger_agrees_with_counting_seconds() -> None:
    """Any story of watches and links, also with a clock set back, sums up as if counted singly."""
    chance = random.Random(11)
    for _ in range(200):
        told: dict[int, bool] = {}
        story: list[online.Span] = []
        at = 0
        for _ in range(chance.randint(1, 6)):
            opened = max(0, at + chance.choice([0, 3, 20, -15]))
            closed = opened + chance.randint(1, 40)
            moments = sorted(chance.sample(range(opened - 3, closed), chance.randint(0, 1)))
            moments += sorted(
                chance.sample(range(opened, closed), min(chance.randint(0, 4), closed - opened))
            )
            changes = [(moment, chance.random() < 0.5) for moment in sorted(set(moments))]
            for place, (moment, up) in enumerate(changes):
                end = changes[place + 1][0] if place + 1 < len(changes) else closed
                told |= dict.fromkeys(range(max(moment, opened), end), up)
            spans = online.told(
                [(moment, int(up)) for moment, up in changes], opened_ns=opened, closed_ns=closed
            )
            story = online.join(story, spans)
            at = closed
        begin, end = 5, 90
        counted = [told[second] for second in range(begin, end) if second in told]
        expected = Total(sum(counted), len(counted) - sum(counted), end - begin - len(counted))
        assert online._total(story, begin, end) == expected
