"""Values: what is shown as current is current, and raw readings come when asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.supervision import series
from gateway.supervision.tiers import Role
from gateway.supervision.write import Write
from tests.gateway.supervision.world import Child, World

TREND = "/api/v1/readings?node=gw1&tag=AR1-AT-101"


async def point(client: Any) -> Any:
    (row,) = (await client.get("/api/v1/points")).json()["points"]
    return row


async def test_point_row(world: World) -> None:
    """A point shows its last value, quality, limits, rules and worst alarm."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    before = await point(viewer)
    assert (before["last"], before["quality"], before["fresh"]) == (None, None, False)
    await child.send(("summary", child.summary(12.5)), ("event", child.event()))
    row = await point(viewer)
    assert (row["last"], row["quality"], row["fresh"]) == (12.5, "GOOD", True)
    assert row["limits"] == {"hh": None, "h": 100.0, "l": None, "ll": None}
    assert row["alarm_state"] == "UNACK"
    assert row["rules"][0]["title_zh"] == "氨浓度高"
    assert row["source_ms"] == row["received_ms"] == world.clock.now_ns() // 1_000_000


async def test_silence_is_never_fresh(world: World) -> None:
    """A value without a successor for 30 s is stale, and the screens are told without asking."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()), ("summary", child.summary()))
    async with world.stream(viewer) as stream:
        await stream.next("ping")
        world.pass_time(29)
        assert (await point(viewer))["fresh"]
        world.pass_time(1)
        assert not (await point(viewer))["fresh"]
        await world.centre.watch.look()
        (told,) = (await stream.next("points")).data["points"]
    assert (told["tag"], told["fresh"]) == ("AR1-AT-101", False)


async def test_old_source_is_not_fresh(world: World) -> None:
    """A summary that comes now of a reading long past is not shown as current."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    late = child.summary(source_ns=world.clock.now_ns() - 71 * NANOSECONDS)
    await child.send(("inventory", child.inventory()), ("summary", late))
    assert not (await point(viewer))["fresh"]


async def test_older_summary_changes_nothing(world: World) -> None:
    """A summary from the backlog fills the trend and leaves the newer last value alone."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    old = child.summary(1.0)
    world.pass_time(60)
    await child.send(("inventory", child.inventory()), ("summary", child.summary(2.0)))
    await child.send(("summary", old))
    assert (await point(viewer))["last"] == 2.0
    assert (await viewer.get(TREND)).json()["summary"]["last"] == [1.0, 2.0]


def ahead(child: Child, value: float, seconds: float) -> bytes:
    """A summary of a child whose clock is ahead."""
    summary = msgspec.json.decode(child.summary(value), type=wire.Summary)
    to_ns = summary.to_ns + int(seconds * NANOSECONDS)
    return wire.encode(msgspec.structs.replace(summary, to_ns=to_ns))


async def test_clock_set_right_freezes_nothing(world: World) -> None:
    """What a clock that was ahead has left is replaced by the first summary of the right time."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    # A whole turn of the ring ahead: both fall on one slot.
    off_s = series.KEPT_NS / NANOSECONDS
    await child.beat(clock_ns=world.clock.now_ns() + series.KEPT_NS)
    assert await child.send(("summary", ahead(child, 1.0, off_s))) == ["stored"]
    assert (await point(viewer))["last"] == 1.0
    # That it was set is journalled: what is said from now on is no older word.
    await child.events(child.note("clock"))
    await child.beat()
    assert (await viewer.get(TREND)).json()["summary"]["last"] == []
    assert await child.send(("summary", child.summary(2.0))) == ["stored"]
    row = await point(viewer)
    assert (row["last"], row["fresh"]) == (2.0, True)
    assert (await viewer.get(TREND)).json()["summary"]["last"] == [2.0]


async def test_summary_ahead_of_its_clock_is_rejected(world: World) -> None:
    """A summary that ends more than a minute after the child's own time is rejected."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()), ("summary", child.summary(1.0)))
    assert await child.send(("summary", ahead(child, 2.0, 61))) == ["rejected"]
    assert (await point(viewer))["last"] == 1.0
    await child.beat(clock_ns=world.clock.now_ns() + 61 * NANOSECONDS)
    assert await child.send(("summary", ahead(child, 2.0, 61))) == ["stored"]
    assert (await point(viewer))["last"] == 2.0


async def test_unknown_points_are_dropped_and_counted(world: World) -> None:
    """A point that the inventory does not name leaves no row; the receipt says how many."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    summary = msgspec.json.decode(child.summary(), type=wire.Summary)
    (known,) = summary.points
    unknown = [msgspec.structs.replace(known, tag=f"T{at}") for at in range(5)]
    body = wire.encode(msgspec.structs.replace(summary, points=[*unknown, known]))
    (receipt,) = (await child.post(("summary", body))).json()["receipts"]
    assert receipt["status"] == "stored"
    assert receipt["reason"].startswith("5 points")
    assert await world.rows("SELECT tag FROM latest") == [("AR1-AT-101",)]
    assert await world.rows("SELECT tag FROM summary") == [("AR1-AT-101",)]


async def test_points_of_a_summary_are_read_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many statements a summary takes does not follow from how many points it has."""
    child = await world.child()
    (one,) = msgspec.json.decode(child.inventory(), type=wire.Inventory).points
    points = [msgspec.structs.replace(one, tag=f"T{at}") for at in range(300)]
    await child.send(("inventory", child.inventory(points=points)))
    summary = msgspec.json.decode(child.summary(), type=wire.Summary)
    told = [msgspec.structs.replace(summary.points[0], tag=point.tag) for point in points]
    statements: list[str] = []
    execute = Write.execute

    def counted(self: Write, sql: str, parameters: Any = ()) -> list[Any]:
        statements.append(sql)
        return execute(self, sql, parameters)

    monkeypatch.setattr(Write, "execute", counted)
    body = wire.encode(msgspec.structs.replace(summary, points=told))
    assert await child.send(("summary", body)) == ["stored"]
    assert len(statements) < 50
    assert await world.rows("SELECT COUNT(*) FROM latest WHERE fresh = 1") == [(300,)]


async def test_a_summary_reads_the_points_it_tells_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large plant comes in parts; each part takes up its own points, not all there are."""
    child = await world.child()
    (one,) = msgspec.json.decode(child.inventory(), type=wire.Inventory).points
    points = [msgspec.structs.replace(one, tag=f"T{at}") for at in range(2_000)]
    await child.send(("inventory", child.inventory(points=points)))
    summary = msgspec.json.decode(child.summary(), type=wire.Summary)
    read: list[int] = []
    execute = Write.execute

    def counted(self: Write, sql: str, parameters: Any = ()) -> list[Any]:
        rows = execute(self, sql, parameters)
        if "interval_s FROM point" in sql or "FROM latest" in sql:
            read.append(len(rows))
        return rows

    monkeypatch.setattr(Write, "execute", counted)
    for first, count in ((0, 20), (700, 1_200)):
        told = [
            msgspec.structs.replace(summary.points[0], tag=point.tag)
            for point in points[first : first + count]
        ]
        read.clear()
        body = wire.encode(msgspec.structs.replace(summary, points=told))
        assert await child.send(("summary", body)) == ["stored"]
        assert sum(read) == 2 * count
    assert await world.rows("SELECT COUNT(*) FROM latest") == [(1_220,)]


async def test_trend_is_bounded(world: World) -> None:
    """Summaries of a point overwrite those of six hours ago: the table stops growing."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    bodies = []
    for _ in range(series.SLOTS // 2 + 300):
        world.pass_time(10)
        bodies.append(("summary", child.summary()))
    for start in range(0, len(bodies), 400):
        await child.send(*bodies[start : start + 400])
    ((count,),) = await world.rows("SELECT COUNT(*) FROM summary")
    assert count == series.SLOTS // 2


@pytest.mark.parametrize(("quality", "word"), [(0, "GOOD"), (0x43, "UNCERTAIN"), (0x86, "BAD")])
async def test_quality_words(world: World, quality: int, word: str) -> None:
    """The two upper bits of the quality byte are the word a screen shows."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    summary = child.summary(quality=quality, last=None)
    await child.send(("inventory", child.inventory()), ("summary", summary))
    row = await point(viewer)
    assert (row["quality"], row["last"]) == (word, None)
    assert (await viewer.get(TREND)).json()["summary"]["quality"] == [word]


async def test_raw_readings_are_asked_and_answered(world: World) -> None:
    """A viewer may ask for raw readings; the node answers, and the screen is told to look."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    assert (await viewer.get(TREND)).json()["raw_status"] == "none"
    async with world.stream(viewer) as screen:
        await screen.next("ping")
        asked = (await viewer.get(f"{TREND}&raw=1&minutes=30")).json()
        assert (asked["raw"], asked["raw_status"]) == (None, "asked")
        await viewer.get(f"{TREND}&raw=1")
        async with world.stream(child.client, wire.ORDERS, **child.headers) as orders:
            order = (await orders.next("order")).data
        now_ns = world.clock.now_ns()
        assert (order["action"], order["tag"]) == ("readings", "AR1-AT-101")
        assert (order["from_ns"], order["to_ns"]) == (now_ns - 1800 * NANOSECONDS, now_ns)
        readings = wire.Readings(
            order=order["id"],
            tag="AR1-AT-101",
            time_ns=[now_ns - 2 * NANOSECONDS, now_ns - NANOSECONDS],
            value=[1.5, None],
            quality=[0, 0x81],
        )
        assert await child.send(("readings", wire.encode(readings))) == ["stored"]
        assert (await screen.next("readings")).data == {"node": "gw1", "tag": "AR1-AT-101"}
    found = (await viewer.get(f"{TREND}&raw=1")).json()
    now_ms = now_ns // 1_000_000
    assert found["raw_status"] == "answered"
    assert found["raw"] == {
        "t": [now_ms - 2000, now_ms - 1000],
        "v": [1.5, None],
        "q": ["GOOD", "BAD"],
        "thinned": False,
    }
    assert await world.rows("SELECT status FROM site_order") == [("applied",)]
    world.pass_time(6)
    assert (await viewer.get(f"{TREND}&raw=1")).json()["raw_status"] == "asked"


async def test_unasked_readings_are_rejected(world: World) -> None:
    """Readings that answer no order, another node's order or another tag's are rejected."""
    child, other = await world.child("gw1"), await world.child("gw2")
    viewer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    await viewer.get(f"{TREND}&raw=1")
    ((identity,),) = await world.rows("SELECT id FROM site_order")

    def answer(**changes: Any) -> bytes:
        fields = {
            "order": identity,
            "tag": "AR1-AT-101",
            "time_ns": [1],
            "value": [1.0],
            "quality": [0],
            **changes,
        }
        return wire.encode(wire.Readings(**fields))

    assert (
        await child.send(
            ("readings", answer(order="x")),
            ("readings", answer(tag="other")),
            ("readings", answer(value=[])),
        )
        == ["rejected"] * 3
    )
    assert await other.send(("readings", answer())) == ["rejected"]
    assert await child.send(("readings", answer())) == ["stored"]
