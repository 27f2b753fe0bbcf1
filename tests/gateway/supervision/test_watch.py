"""Silence: a link that goes quiet is seen, told and journalled."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.supervision import links
from gateway.supervision.escalation import OVERDUE
from gateway.supervision.sequence import SPEAKING
from gateway.supervision.tiers import Role
from gateway.supervision.watch import STALE
from tests.gateway.supervision.world import World


@pytest.mark.parametrize(
    ("age_s", "told", "shown"),
    [
        (0, "up", "up"),
        (0, "late", "late"),
        (0, "lost", "lost"),
        (0, "unknown", "unknown"),
        (50, "up", "late"),
        (50, "lost", "lost"),
        (60, "up", "unknown"),
        (60, "lost", "unknown"),
        (-6, "up", "unknown"),
    ],
)
def test_a_told_link_is_never_better_than_what_told_it(age_s: float, told: str, shown: str) -> None:
    """A relayed link is the worse of what was told and of how old that is."""
    now_ns = 10**18
    assert links.shown("up", now_ns - int(age_s * NANOSECONDS), now_ns, told=told) == shown


async def test_lost_link_is_told(world: World) -> None:
    """A node falls to late and lost on the open stream, and returns with its next heartbeat."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    viewer = await world.person("li", Role.VIEWER, "330106")
    async with world.stream(viewer) as stream:
        await stream.next("ping")
        await child.beat()
        assert (await stream.next("node")).data["link"] == "up"
        for seconds, link in ((30, "late"), (15, "lost")):
            world.pass_time(seconds)
            await world.centre.watch.look()
            row = (await stream.next("node")).data
            assert row["link"] == link
        # The alarm about it counts on the same row.
        assert row["standing"] == 1
        await child.beat()
        assert (await stream.next("node")).data["link"] == "up"
    changes = [entry.detail["after"] for entry in await world.own("link")]
    assert changes == ["up", "lost", "up"]


async def test_node_row(world: World) -> None:
    """The gateway list says what the heartbeat said, and the difference of the clocks."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))

    async def row() -> Any:
        (found,) = (await viewer.get("/api/v1/nodes")).json()["nodes"]
        return found

    before = await row()
    assert (before["link"], before["heartbeat_ms"], before["lag"]) == ("never", None, None)
    await child.events(child.event())
    clock_ns = world.clock.now_ns() - 7 * NANOSECONDS
    await child.beat(lag=3, coverage=0.5, clock_ns=clock_ns, trouble=["storage slow"])
    found = await row()
    assert (found["link"], found["lag"], found["coverage"]) == ("up", 3, 0.5)
    assert (found["clock_offset_ms"], found["version"]) == (-7000, "0.1.0")
    assert found["trouble"] == ["storage slow", "clock: off by -7.0 s"]
    assert (found["points"], found["standing"]) == (1, 1)
    assert found["enterprise"] == "Lake Cold Store"


async def test_head_is_anchored_each_minute(world: World) -> None:
    """The child's head is kept once a minute, here and in the own journal, and answered."""
    child = await world.child()
    await child.events(child.event())
    first = (await child.beat()).json()
    assert (first["anchored_seq"], first["anchored_head"]) == (1, child.chain.head)
    assert first["clock_ns"] == world.clock.now_ns()
    await child.events(child.event("clear"))
    world.pass_time(30)
    assert (await child.beat()).json()["anchored_seq"] == 1
    world.pass_time(30)
    assert (await child.beat()).json()["anchored_seq"] == 2
    anchors = [(entry.detail["seq"], entry.detail["head"]) for entry in await world.own("anchor")]
    assert anchors[-1] == (2, child.chain.head)
    assert len(anchors) == 2


@pytest.mark.parametrize("change", [{"head": "f" * 64}, {"last_seq": 1, "head": "a" * 64}])
async def test_rewritten_journal_is_a_fork(world: World, change: dict[str, Any]) -> None:
    """A head that is not the anchored one, or not that of the event stored here, shows a fork."""
    child = await world.child()
    await child.events(child.event(), child.event("clear"))
    await child.beat()
    await child.beat(**change)
    assert len(await world.own("fork")) == 1


async def test_an_overtaken_heartbeat_accuses_nobody(world: World) -> None:
    """What was sent before the link broke, and comes after what was sent since, changes nothing."""
    child = await world.child()
    await child.events(child.event())
    old = {"last_seq": 1, "head": child.chain.head, "clock_ns": world.clock.now_ns()}
    world.pass_time(61)
    await child.events(child.event("clear"))
    await child.beat()
    answer = (await child.beat(**old)).json()
    assert (answer["anchored_seq"], answer["anchored_head"]) == (2, child.chain.head)
    # Nothing was made since, and the clock alone tells them apart.
    await child.beat(clock_ns=old["clock_ns"])
    assert await world.rows("SELECT last_seq, clock_ns FROM heartbeat") == [
        (2, world.clock.now_ns())
    ]
    assert await world.own("fork") == []
    # From before a restart it is old as well.
    first = child.epoch
    child.new_epoch()
    await child.beat()
    await child.beat(epoch=first, **old)
    assert await world.rows("SELECT last_seq, epoch FROM heartbeat") == [(2, child.epoch)]
    assert await world.own("fork") == []


@pytest.mark.parametrize("anew", [False, True])
async def test_a_journal_that_ends_before_its_anchor_is_a_fork(world: World, *, anew: bool) -> None:
    """Said twice by one process, or once by a new one, it is believed that entries are gone."""
    child = await world.child()
    short, head = child.chain.seq, child.chain.head
    await child.events(child.event(), child.event("clear"))
    await child.beat()
    said = 0
    if anew:
        child.new_epoch()
    while not await world.own("fork"):
        world.pass_time(15)
        await child.beat(last_seq=short, head=head)
        said += 1
    assert said == (1 if anew else 2)
    (entry,) = await world.own("fork")
    assert "ends before the anchored entry 2" in str(entry.detail["reason"])
    assert await world.rows("SELECT last_seq FROM heartbeat") == [(short,)]


async def test_a_clock_that_was_set_back_is_believed(world: World) -> None:
    """A node that goes on with an earlier clock is heard with its second heartbeat."""
    child = await world.child()
    await child.beat()
    hour = 3600 * NANOSECONDS
    for _ in range(2):
        world.pass_time(15)
        await child.beat(clock_ns=world.clock.now_ns() - hour)
    assert await world.rows("SELECT clock_ns FROM heartbeat") == [(world.clock.now_ns() - hour,)]


async def test_pairing_again_ends_a_fork(world: World) -> None:
    """A fork stays shown until the node is paired again, which silences the clone."""
    child = await world.child()
    await child.send(("inventory", child.inventory()), ("event", child.event()))
    await child.beat(head="f" * 64)
    viewer = await world.person("li", Role.VIEWER, "330106")

    async def fork() -> str:
        (row,) = (await viewer.get("/api/v1/nodes")).json()["nodes"]
        return str(row["fork"])

    await child.beat()
    assert await fork()
    await world.pair(child)
    assert not await fork()


async def test_a_look_reads_only_what_is_due(world: World) -> None:
    """What a look asks each second is found by an index, however much there is that is not due."""

    async def steps(statement: str, *parameters: Any) -> list[str]:
        rows = await world.rows(f"EXPLAIN QUERY PLAN {statement}", *parameters)
        return [str(row[3]) for row in rows if "INDEX" in str(row[3])]

    stale = await steps(STALE, 1, 1, 1)
    assert [step.split("INDEX ")[1] for step in stale] == [
        "latest_fresh (fresh=? AND stale_ns<?)",
        "latest_received (fresh=? AND received_ns>?)",
    ]
    assert "epoch_place (node=?)" in " ".join(await steps(SPEAKING))
    plan = await world.rows(f"EXPLAIN QUERY PLAN {SPEAKING}")
    assert [row[3] for row in plan if "TEMP" in row[3] or row[3] == "SCAN e"] == []
    (overdue,) = await steps(OVERDUE, "parent")
    assert "INDEX copy_escalated (escalated_to=? AND receipt_ns=? AND escalated_ns>?)" in overdue


async def test_unreadable_heartbeat_is_answered(world: World) -> None:
    """A heartbeat that is none is answered 400."""
    child = await world.child()
    answer = await child.client.post(wire.HEARTBEAT, content=b"{}", headers=child.headers)
    assert answer.status_code == 400
