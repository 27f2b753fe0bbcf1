"""What waits at a centre that has a parent: bounds, the alarms that tell, and dead letters."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.northbound import outbox, uplink
from gateway.northbound.settings import UplinkSettings
from gateway.supervision import backlog, relays
from gateway.supervision.backlog import Backlog
from gateway.supervision.opening import PARENT
from tests.gateway.cli.shell import hazgate
from tests.gateway.supervision.test_upward import Tiers, site_of, tiers, until  # noqa: F401
from tests.gateway.supervision.world import Child, World, opened

LETTER = "county/@county/dead_letter"
LAGGING = "county/@county/outbox_lagging"


async def states(world: World) -> dict[str, str]:
    """Where the alarms about the centre itself stand; those about its children are others'."""
    rows = await world.rows("SELECT alarm, state FROM mirror WHERE node = 'county'")
    return dict(rows)


def centre_file(folder: Path, parent: str) -> Path:
    path = folder / "county.toml"
    path.write_text(
        f'[node]\nid = "county"\n[listen]\naddress = "127.0.0.1:0"\n[store]\nfolder = "county"\n'
        f'[parent]\nurl = "{parent}"\n',
        encoding="utf-8",
    )
    return path


async def test_a_dead_letter_is_an_alarm_until_a_person_decides(
    tiers: Tiers,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the parent rejects for ever is set aside and told, here and above; then discarded."""
    monkeypatch.setattr(backlog, "LOOK_S", 0.05)
    site = await site_of(tiers)
    await until(lambda: tiers.row("gw1"))
    first, second = site.event(), site.event("acknowledge")
    # The city holds another history under the same number.
    other = site.chain.identity
    await tiers.city.centre.store.write(
        lambda write: write.execute(
            "INSERT INTO event (node, life, seq, epoch, kind, alarm, hazard, hash, entry, "
            "received_ns, via) VALUES ('gw1', ?, 1, ?, 'alarm', '', '', 'x', ?, 0, 'county')",
            (other.life, other.epoch, first),
        )
    )
    await site.events(first, second)

    async def stands() -> bool:
        return (await states(tiers.county)).get(LETTER) == "UNACK"

    await until(stands)
    await until(lambda: tiers.at_city("SELECT 1 FROM mirror WHERE alarm = ?", LETTER))
    assert await tiers.at_city("SELECT entry FROM event WHERE seq = 2 AND node = 'gw1'") == [
        (second,)
    ]
    path = centre_file(tiers.folder, tiers.url)
    listed = await asyncio.to_thread(hazgate, "outbox", "list", "--config", str(path), "--json")
    shown = json.loads(listed.stdout)
    assert [(row["receiver"], row["seq"]) for row in shown["dead_letters"]] == [(PARENT, 1)]
    assert "fork" in shown["dead_letters"][0]["reason"]
    done = await asyncio.to_thread(
        hazgate, "outbox", "discard", "--seq", "1", "--config", str(path), "--operator", "Li Lei",
        "--comment", "the city restored an old store",
    )  # fmt: skip
    assert "applied: 1 dead letter(s) discarded" in done.stdout, done.output

    async def ended() -> bool:
        return (await states(tiers.county)).get(LETTER) == "RTNUN"

    await until(ended)
    (order,) = [e for e in await tiers.county.own("order") if e.detail.get("result") == "applied"]
    assert order.operator.startswith("Li Lei")
    titles = await alarms_of(tiers.county)
    assert titles[LETTER]["title_en"] == "A receiver rejects events of this centre"


async def alarms_of(world: World) -> dict[str, dict[str, Any]]:
    admin = await world.admin()
    listed = (await admin.get("/api/v1/alarms")).json()["alarms"]
    return {row["alarm"]: row for row in listed}


async def test_a_parent_that_takes_nothing_is_an_alarm(tmp_path: Path, clock: ManualClock) -> None:
    """While something waits and nothing is taken for `lagging`; an operator here acknowledges."""
    uplink = {"lagging": "10min"}
    parent = {"url": "http://127.0.0.1:9"}
    async with opened(tmp_path, clock, parent=parent, uplink=uplink) as world:
        settings = UplinkSettings(lagging="10min")  # type: ignore[arg-type]
        watch = Backlog(world.centre.store, settings, parent=True, clock=clock)
        child = await world.child()
        await watch.look()
        await child.events(child.event())
        world.pass_time(601)
        await watch.look()
        assert (await states(world))[LAGGING] == "UNACK"
        person = await world.admin()
        row = (await alarms_of(world))[LAGGING]
        assert (row["node"], row["title_zh"]) == ("county", "上级中心未接收事件：上传滞后")
        answer = await person.post(
            "/api/v1/alarms/county/actions",
            json={"alarm": LAGGING, "revision": row["revision"], "action": "acknowledge"},
        )
        assert answer.status_code == 200, answer.text
        await world.centre.store.act(
            lambda db: outbox.received(db, PARENT, [r.seq for r in outbox.oldest(db, PARENT, 99)])
        )
        await watch.look()
        assert (await states(world))[LAGGING] == "NORM"


async def test_a_present_state_that_the_parent_refuses_is_an_alarm(
    tmp_path: Path, clock: ManualClock
) -> None:
    """It stands for as long as the uplink says so, and says nothing of what waits."""
    async with opened(tmp_path, clock, parent={"url": "http://127.0.0.1:9"}) as world:
        refusing: Any = SimpleNamespace(refused="413", taken_ns=0, take_shed=lambda: 0)
        settings = UplinkSettings()
        watch = Backlog(
            world.centre.store, settings, parent=True, clock=clock, uplinks=lambda: [refusing]
        )
        await watch.look()
        assert await states(world) == {"county/@county/state_refused": "UNACK"}
        refusing.refused = ""
        await watch.look()
        assert await states(world) == {"county/@county/state_refused": "RTNUN"}


async def test_a_node_that_is_refused_while_connected_is_told_of_again(
    tiers: Tiers,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Known above by another way, it is an alarm here; once it is moved, what stands stands."""
    monkeypatch.setattr(uplink, "WHOLE_AGAIN_S", 0.5)
    monkeypatch.setattr(uplink, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(backlog, "LOOK_S", 0.05)
    elsewhere = await tiers.city.relay("elsewhere")
    await elsewhere.tells_of(Child("gw1", await tiers.city.client(), tiers.clock).facts())
    await until(lambda: tiers.row("county"))
    site = await tiers.county.child("gw1")
    rise = site.event()
    await site.send(("inventory", site.inventory()), ("present", site.present(rise)))

    async def stands() -> bool:
        return (await states(tiers.county)).get("county/@county/state_refused") == "UNACK"

    await until(stands)
    assert (site.alarm, "UNACK", 1) not in await tiers.states()
    await tiers.city.centre.store.write(
        lambda write: relays.move(write, "gw1", "county", operator="li")
    )

    async def at_the_city() -> bool:
        await site.beat()
        return (site.alarm, "UNACK", 1) in await tiers.states()

    await until(at_the_city)
    told = "SELECT 1 FROM node WHERE node = 'gw1' AND inventory <> ''"
    await until(lambda: tiers.at_city(told))


async def test_nothing_waits_nothing_stands(tmp_path: Path, clock: ManualClock) -> None:
    """A centre that is well begins no stream of its own for that, however long it runs."""
    async with opened(tmp_path, clock, parent={"url": "http://127.0.0.1:9"}) as world:
        watch = Backlog(world.centre.store, UplinkSettings(), parent=True, clock=clock)
        for _ in range(3):
            world.pass_time(3600)
            await watch.look()
        assert await world.rows("SELECT COUNT(*) FROM event") == [(0,)]


async def test_beyond_the_bound_the_oldest_go_and_are_counted(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Notes go first, alarms beyond the reserve only; an event counts them."""
    async with opened(tmp_path, clock, parent={"url": "http://127.0.0.1:9"}) as world:
        child = await world.child()
        notes = [child.note("start", comment="x" * 3000) for _ in range(400)]
        await child.events(*notes)
        await child.events(child.event())
        settings = UplinkSettings(outbox_mib=1)
        watch = Backlog(world.centre.store, settings, parent=True, clock=clock)
        await watch.look()
        rows = await world.rows("SELECT entry FROM event WHERE kind = 'shed'")
        (told,) = [json.loads(row[0])["detail"] for row in rows]
        left = await world.rows("SELECT alarm FROM outbox ORDER BY seq")
        assert 0 < told["count"] < 400
        # The alarm, the notes that are left, and the centre's own two events.
        assert len(left) == 401 - told["count"] + 2
        assert (child.alarm,) in left
        world.pass_time(3600)
        await watch.look()
        # The event that told took the place of one more; nothing is counted twice, nothing never.
        rows = await world.rows("SELECT entry FROM event WHERE kind = 'shed'")
        counts = [json.loads(row[0])["detail"]["count"] for row in rows]
        events = (await world.rows("SELECT COUNT(*) FROM event"))[0][0]
        left = await world.rows("SELECT alarm FROM outbox ORDER BY seq")
        assert len(left) == events - sum(counts)


async def test_an_export_needs_no_parent(tmp_path: Path, clock: ManualClock) -> None:
    """Rows of a time with a parent are no backlog of a centre that has none."""
    async with opened(tmp_path, clock, parent={"url": "http://127.0.0.1:9"}) as world:
        child = await world.child()
        await child.events(child.event())
    async with opened(tmp_path, clock) as world:
        watch = Backlog(world.centre.store, UplinkSettings(), parent=False, clock=clock)
        clock.set(clock.now_ns() + 7200 * NANOSECONDS)
        await watch.look()
        assert await states(world) == {}


def test_a_centres_store_has_the_desk_of_the_command_line() -> None:
    """Made by its migrations, as at an edge."""
    database = Database(None, "centre")
    assert database.execute("SELECT id, body, made_ns, done FROM desk_order") == []
    database.close()
