"""Two nodes with one identity: a cloned gateway, and a machine restored from a snapshot."""

from __future__ import annotations

import copy

from gateway.identity import Identity
from gateway.journal import Chain
from tests.gateway.supervision.test_bounds import ready
from tests.gateway.supervision.world import Child, World


def clone_of(child: Child, *, epoch: str = "") -> Child:
    """A copy of a gateway's disk and credential, started elsewhere."""
    other = copy.copy(child)
    who = child.chain.identity
    identity = Identity(who.node, who.life, epoch or who.epoch)
    other.chain = Chain(identity, seq=child.chain.seq, head=child.chain.head)
    other.revisions, other.occurrences = dict(child.revisions), dict(child.occurrences)
    return other


async def kept(world: World) -> list[tuple[int, bytes]]:
    rows = await world.rows("SELECT seq, entry FROM event WHERE node = 'gw1' ORDER BY seq")
    return [(seq, bytes(entry)) for seq, entry in rows]


async def fork(world: World) -> str:
    return str((await world.rows("SELECT fork FROM node WHERE node = 'gw1'"))[0][0])


async def test_a_clone_is_shown_and_overwrites_nothing(world: World) -> None:
    """Two copies that number their events alike: the first stays, the second is refused as fork."""
    child = await ready(world)
    await child.events(child.event())
    other = clone_of(child, epoch="00000000000000c1")
    first = [child.event("acknowledge"), child.event("clear")]
    assert await child.events(*first) == ["stored", "stored"]
    before = await kept(world)
    second = [other.event("acknowledge", comment="elsewhere"), other.event("clear", value=1.0)]
    assert await other.events(*second) == ["rejected", "rejected"]
    assert await kept(world) == before
    assert "came a second time with other bytes" in await fork(world)
    assert len(await world.own("fork")) == 1


async def test_clones_that_take_turns_are_shown(world: World) -> None:
    """An epoch that speaks again after a later one is a fork, also where no number is doubled."""
    child = await ready(world)
    other = clone_of(child, epoch="00000000000000c2")
    await child.beat()
    await other.beat()
    for _ in range(3):
        assert await fork(world) == ""
        await child.beat()
        await other.beat()
    assert "speaks again" in await fork(world)


async def test_late_requests_of_a_killed_process_are_no_clone(world: World) -> None:
    """What was on its way over its two connections arrives when its successor speaks already."""
    child = await ready(world)
    killed = clone_of(child)
    child.new_epoch()
    await child.beat()
    await killed.beat()
    await child.beat()
    await killed.events()
    for _ in range(5):
        await child.beat()
    assert await fork(world) == ""


async def test_a_restored_snapshot_is_shown_and_overwrites_nothing(world: World) -> None:
    """A machine set back an hour numbers new events as old ones: the hour that was told stays."""
    child = await ready(world)
    await child.events(child.event())
    snapshot = clone_of(child)
    told = [child.event(cause) for _ in range(20) for cause in ("clear", "raise")]
    assert await child.events(*told) == ["stored"] * 40
    before = await kept(world)
    snapshot.new_epoch()
    again = [snapshot.event("clear", value=float(number)) for number in range(5)]
    assert await snapshot.events(*again) == ["rejected"] * 5
    assert await kept(world) == before
    assert await fork(world)
    admin = await world.admin()
    rows = (await admin.get("/api/v1/nodes")).json()["nodes"]
    assert [row["node"] for row in rows if any("fork" in each for each in row["trouble"])] == [
        "gw1"
    ]
