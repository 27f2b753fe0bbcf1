"""A centre below a centre: what it knows goes up as it came, and nothing looks better up there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.journal import verify
from gateway.northbound import outbox
from gateway.supervision import orders, own, sequence
from gateway.supervision.opening import PARENT
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import Child, World, opened

DEADLINE_S = 40.0


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Wait until it holds; how long a slow machine takes does not matter."""
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():
            await asyncio.sleep(0.02)


class Tiers:
    """A city, and a county below it that can be closed and opened again."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.folder = folder
        self.clock = clock
        self.code = folder / "code"
        self.url = ""
        self.city: World
        self.county: World
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def open_city(self) -> AsyncIterator[None]:
        port = self.url.rpartition(":")[2] or "0"
        tables = {"node": {"id": "city"}, "listen": {"address": f"127.0.0.1:{port}"}}
        async with opened(self.folder / "city", self.clock, **tables) as self.city:
            self.url = self.city.running.url
            yield

    async def invite(self, division: str = "") -> None:
        code = await self.city.running.invite("county", division=division, relays=True)
        self.code.write_text(code)

    async def start_county(
        self, *, division: str = "", parent: bool = True, invited: bool = True
    ) -> None:
        if not self.code.exists() and parent and invited:
            await self.invite(division)
        tables: dict[str, Any] = {"node": {"id": "county", "division": "330100"}}
        if parent:
            tables["parent"] = {"url": self.url, "code_file": str(self.code)}
        self.county = await self._stack.enter_async_context(
            opened(self.folder / "county", self.clock, **tables)
        )

    async def stop_county(self) -> None:
        await self._stack.aclose()

    async def row(self, node: str) -> dict[str, Any]:
        """A node as the city's list shows it; empty while it knows of none."""
        admin = await self.city.admin()
        rows = (await admin.get("/api/v1/nodes")).json()["nodes"]
        return next((row for row in rows if row["node"] == node), {})

    async def at_city(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self.city.rows(sql, *parameters)

    async def states(self) -> list[tuple[Any, ...]]:
        return await self.at_city("SELECT alarm, state, revision FROM mirror WHERE standing = 1")

    async def waiting(self) -> int:
        return await self.county.centre.store.act(lambda db: outbox.waiting(db, PARENT))


@pytest.fixture
async def tiers(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Tiers]:
    made = Tiers(tmp_path, clock)
    async with asyncio.timeout(100), made.open_city():
        await made.start_county()
        try:
            yield made
        finally:
            await made.stop_county()


async def site_of(tiers: Tiers, node: str = "gw1") -> Child:
    """A gateway of the county that has told everything."""
    site = await tiers.county.child(node)
    await site.send(("inventory", site.inventory()), ("present", site.present()))
    await site.beat()
    return site


async def test_a_sites_story_goes_up_as_it_came(tiers: Tiers) -> None:
    """Events, inventory and summaries of a site are at the city byte for byte, and its row."""
    site = await site_of(tiers)
    entries = [site.event(), site.event("acknowledge")]
    await site.events(*entries)
    await site.send(("summary", site.summary(value=12.5)))
    await until(lambda: tiers.at_city("SELECT last FROM latest WHERE last = 12.5"))
    assert await tiers.at_city("SELECT entry, via FROM event ORDER BY seq") == [
        (entry, "county") for entry in entries
    ]
    assert await tiers.states() == [(site.alarm, "ACKED", 2)]
    await until(lambda: tiers.at_city("SELECT body FROM inventory WHERE node = 'gw1'"))
    assert await tiers.at_city("SELECT body FROM inventory WHERE node = 'gw1'") == [
        (site.inventory(),)
    ]
    row = await tiers.row("gw1")
    shown = {key: row[key] for key in ("link", "via", "behind", "division", "version", "points")}
    assert shown == {
        "link": "up",
        "via": "county",
        "behind": "",
        "division": "330106",
        "version": "0.1.0",
        "points": 1,
    }


async def test_summaries_from_before_the_pairing_go_up(tmp_path: Path, clock: ManualClock) -> None:
    """What a site summed up while its centre had no credential yet waits for it."""
    tiers = Tiers(tmp_path, clock)
    async with tiers.open_city():
        await tiers.start_county(invited=False)
        try:
            site = await site_of(tiers)
            await site.send(("summary", site.summary(value=12.5)))
            await tiers.invite()
            await until(lambda: tiers.at_city("SELECT last FROM latest WHERE last = 12.5"))
        finally:
            await tiers.stop_county()


async def test_a_row_leaves_on_the_receipt_alone(tiers: Tiers) -> None:
    """While the city is away everything goes on below, and waits; then all of it arrives."""
    site = await site_of(tiers)
    await until(lambda: tiers.row("gw1"))
    store = tiers.city.centre.store

    async def refuse(*_: Any, **__: Any) -> Any:
        raise OSError

    whole, store.write = store.write, refuse  # type: ignore[method-assign]
    entries = [site.event(), site.event("acknowledge"), site.event("clear")]
    assert await site.events(*entries) == ["stored"] * 3
    assert await tiers.waiting() == 3
    assert await tiers.county.rows("SELECT state FROM mirror") == [("NORM",)]
    store.write = whole  # type: ignore[method-assign]

    async def empty() -> bool:
        return await tiers.waiting() == 0

    await until(empty)
    assert await tiers.at_city("SELECT entry FROM event ORDER BY seq") == [(e,) for e in entries]


async def test_a_full_outbox_outlives_a_restart(tiers: Tiers) -> None:
    """A centre that is started anew goes on where its outbox was, and nothing doubles."""
    site = await site_of(tiers)
    await until(lambda: tiers.row("gw1"))
    await tiers.stop_county()
    # Without its parent in the file, as while it cannot reach it: what comes is told later.
    await tiers.start_county(parent=False)
    token = site.token
    site.client = await tiers.county.client()
    site.token = token
    entries = [site.event(), site.event("acknowledge")]
    assert await site.events(*entries) == ["stored", "stored"]
    assert await tiers.waiting() == 0
    await tiers.stop_county()
    await tiers.start_county()
    await until(lambda: tiers.at_city("SELECT 1 FROM event WHERE seq = 2"))
    assert await tiers.at_city("SELECT entry FROM event ORDER BY seq") == [(e,) for e in entries]
    assert await tiers.states() == [(site.alarm, "ACKED", 2)]


async def test_what_ended_unseen_ends_above(tiers: Tiers) -> None:
    """An alarm that a site's new present state no longer lists ends at the city too."""
    site = await site_of(tiers)
    await site.events(site.event())
    await until(tiers.states)
    site.new_life()
    await site.send(("present", site.present()))

    async def ended() -> bool:
        return await tiers.states() == []

    await until(ended)


async def test_a_new_life_is_believed_above(tiers: Tiers) -> None:
    """After the loss of its store a site's alarms are those of the new life, at every tier."""
    site = await site_of(tiers)
    await site.events(site.event(), site.event("acknowledge"))
    await until(tiers.states)
    site.new_life()
    entry = site.event()
    await site.send(("present", site.present(entry)), ("event", entry))

    async def anew() -> bool:
        return await tiers.states() == [(site.alarm, "UNACK", 1)]

    await until(anew)
    assert await tiers.at_city("SELECT fork FROM node WHERE node = 'gw1'") == [("",)]


async def test_a_lost_site_is_lost_above(tiers: Tiers) -> None:
    """The city sees a link that the county has lost, as soon as the county sees it."""
    await site_of(tiers)

    async def link(wanted: str) -> bool:
        row = await tiers.row("gw1")
        return bool(row) and row["link"] == wanted

    await until(lambda: link("up"))
    tiers.county.pass_time(60)
    await tiers.county.centre.watch.look()
    await until(lambda: link("lost"))


async def test_behind_a_lost_centre_nothing_is_known(tiers: Tiers) -> None:
    """When the county falls silent its sites are unknown behind it, and never shown as up."""
    site = await site_of(tiers)
    await site.events(site.event())
    await until(tiers.states)
    await tiers.stop_county()

    async def silent() -> bool:
        # What was on its way when the county fell silent may come a moment later.
        tiers.city.pass_time(60)
        await tiers.city.centre.watch.look()
        row = await tiers.row("gw1")
        return (row["link"], row["behind"]) == ("unknown", "county")

    await until(silent)
    admin = await tiers.city.admin()
    alarms = (await admin.get("/api/v1/alarms")).json()["alarms"]
    alarm = next(row for row in alarms if row["node"] == "gw1")
    assert (alarm["link"], alarm["via"]) == ("unknown", "county")


async def test_a_centres_own_events_go_up_without_a_gap(tiers: Tiers) -> None:
    """What a centre says itself is taken above like any child's: gapless, in order, once."""

    def alarm(cause: str, revision: int, after: str) -> Any:
        return lambda write: own.tell(
            write, cause=cause, alarm="county/@gw1/link_lost", tag="@gw1", rule="link_lost",
            occurrence=1, revision=revision, before="NORM", after=after, priority="high",
            division="330106",
        )  # fmt: skip

    store = tiers.county.centre.store
    await store.write(alarm("raise", 1, "UNACK"))
    await store.write(alarm("clear", 2, "RTNUN"))

    async def there() -> bool:
        return await tiers.states() == [("county/@gw1/link_lost", "RTNUN", 2)]

    await until(there)
    await until(lambda: tiers.at_city("SELECT 1 FROM event WHERE node = 'county' AND seq = 3"))
    rows = await tiers.at_city("SELECT seq, kind FROM event WHERE node = 'county' ORDER BY seq")
    assert rows == [(1, "life"), (2, "alarm"), (3, "alarm")]
    life = store.own.life
    assert life != store.life
    reached = await tiers.city.centre.store.read(
        lambda database: sequence.gapless_to(database, "county", life)
    )
    assert reached == 3
    # Here too: it stands on the centre's own list, under its own division.
    viewer = await tiers.county.person("li", Role.VIEWER, "330100")
    (row,) = (await viewer.get("/api/v1/alarms")).json()["alarms"]
    assert (row["alarm"], row["link"], row["node"]) == ("county/@gw1/link_lost", "up", "county")
    assert (await viewer.get("/api/v1/nodes")).json()["nodes"] == []


async def test_a_centres_journal_is_anchored_above(tiers: Tiers) -> None:
    """The head of a centre's journal is kept by its parent, and noted here with the parent."""
    await site_of(tiers)

    async def anchored() -> bool:
        found = await tiers.county.centre.store.read(verify)
        return found.anchored_to > 0

    async def asked() -> bool:
        tiers.county.pass_time(61)
        site = await tiers.county.child("gw2")
        await site.beat()
        return await anchored()

    await until(asked)
    found = await tiers.county.centre.store.read(verify)
    assert found.problems == ()
    kept = await tiers.at_city("SELECT life FROM anchor WHERE node = 'county'")
    assert (tiers.county.centre.store.life,) in kept


async def test_an_order_to_a_centre_ends_in_an_event(tiers: Tiers) -> None:
    """A centre has no alarm that one above may act on: it refuses the order, and says so."""

    async def connected() -> bool:
        return bool((await tiers.row("county")).get("heartbeat_ms"))

    await until(connected)
    identity = await tiers.city.centre.store.write(
        lambda write: orders.create(
            write,
            "county",
            "acknowledge",
            operator="li",
            fields={"alarm": "county/@gw1/x", "revision": 1},
        )
    )
    await until(
        lambda: tiers.at_city("SELECT 1 FROM site_order WHERE id = ? AND closed_ns > 0", identity)
    )
    rows = await tiers.at_city("SELECT status, reason FROM site_order WHERE id = ?", identity)
    assert rows[0][0] == "refused"
    assert "is a centre" in rows[0][1]


async def test_a_lost_centre_store_is_a_new_life(tiers: Tiers, tmp_path: Path) -> None:
    """A centre that lost its store says so in a new life, whose present state is taken whole."""

    def alarm(write: Any) -> None:
        own.tell(
            write, cause="raise", alarm="county/@gw1/link_lost", tag="@gw1", rule="link_lost",
            occurrence=1, revision=1, before="NORM", after="UNACK", priority="high",
        )  # fmt: skip

    await tiers.county.centre.store.write(alarm)
    await until(tiers.states)
    await tiers.stop_county()
    for left in (tmp_path / "county").glob("centre.sqlite*"):
        left.unlink()
    await tiers.start_county()

    async def ended() -> bool:
        return await tiers.states() == []

    await until(ended)
