"""What goes first: live alarms overtake an hour of backlog, and no alarm overtakes itself."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.db import Database, StoreBrokenError
from gateway.model import decode_event
from gateway.northbound import outbox, wire
from gateway.northbound.source import Whole
from tests.gateway.northbound.site import Answer, Gateway, Parent, until
from tests.gateway.northbound.test_uplink_reports import summary
from tests.gateway.supervision.world import World

BACKLOG = 20_000


async def test_a_live_alarm_overtakes_an_hour_of_backlog(gateway: Gateway, parent: Parent) -> None:
    """With 20,000 events waiting, an alarm that moves now is in the next post but one."""
    gateway.make(BACKLOG)
    async with gateway.uplink(parent.url) as uplink:
        for number in range(5):
            posts = len(parent.intakes)
            await until(lambda posts=posts: len(parent.intakes) > posts + 2)  # type: ignore[misc]
            before = len(parent.intakes)
            (live,) = gateway.make(1)
            uplink.wake()
            await until(lambda live=live: live in parent.of_kind("event"))  # type: ignore[misc]
            place = next(
                n for n, post in enumerate(parent.intakes)
                if live in [bytes(item.body) for item in post.items]
            )  # fmt: skip
            # One post may be under way, and one be chosen already.
            assert place <= before + 1, number
            assert gateway.waiting() > 500
        await until(lambda: gateway.waiting() == 0)
    assert parent.doubled == []
    assert len(set(parent.of_kind("event"))) == BACKLOG + 5


async def test_a_real_centre_has_the_live_alarm_first(gateway: Gateway, world: World) -> None:
    """A real centre shows present state and live alarms long before it has the whole backlog."""
    child = await world.child("gw1")
    made = gateway.make(3_000)
    gateway.present = made[:2]
    async with gateway.uplink(world.running.url, child.token) as uplink:
        await until(lambda: uplink.connected)
        assert len(await world.rows("SELECT alarm FROM mirror")) >= 2
        made += gateway.make(1)
        uplink.wake()
        async with asyncio.timeout(30):
            while not await world.rows("SELECT seq FROM event WHERE seq = 3001"):
                await asyncio.sleep(0.01)
        assert gateway.waiting() > 1_000
        await until(lambda: gateway.waiting() == 0)
    assert [row[0] for row in await world.rows("SELECT entry FROM event ORDER BY seq")] == made
    assert await world.rows("SELECT fork FROM node WHERE node = 'gw1'") == [("",)]


async def test_an_alarm_does_not_overtake_itself(gateway: Gateway, parent: Parent) -> None:
    """What an alarm has waiting goes before its live event, and other alarms wait for neither."""
    gateway.make(2_000)
    past = gateway.make(3, alarm="gw1/T/h")
    gateway.make(2_000)
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: len(parent.intakes) > 2)
        now = gateway.make(1, alarm="gw1/T/h")
        uplink.wake()
        await until(lambda: gateway.waiting() == 0)
    sent = parent.of_kind("event")
    places = [sent.index(entry) for entry in past + now]
    assert places == sorted(places)
    # The four went together, ahead of what was made between them.
    assert places[3] - places[0] == 3
    assert places[3] < 3_000


async def test_one_alarm_s_long_past_delays_no_other(gateway: Gateway, parent: Parent) -> None:
    """An alarm with thousands of events waiting holds up its own live event, nobody else's."""
    gateway.make(4_000, alarm="gw1/CHATTER/h")
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: len(parent.intakes) > 1)
        (mine,) = gateway.make(1, alarm="gw1/CHATTER/h")
        (other,) = gateway.make(1, alarm="gw1/T/h")
        uplink.wake()
        await until(lambda: other in parent.of_kind("event"))
        assert mine not in parent.of_kind("event")
        await until(lambda: gateway.waiting() == 0)
    chatter = [
        decode_event(entry).seq
        for entry in parent.of_kind("event")
        if decode_event(entry).alarm == "gw1/CHATTER/h"
    ]
    assert chatter == sorted(chatter)


async def test_what_had_changed_goes_before_what_was_made_then(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node's present state is told before events that came after it, however close they are."""
    pending: list[wire.Item] = []
    armed = False

    async def changes(_: str) -> list[wire.Item]:
        told = pending.copy()
        pending.clear()
        return told

    async def store(act: Callable[[Database], Any]) -> Any:
        nonlocal armed
        if armed:
            # Just before the events are looked for: too late for who asked already.
            armed = False
            state = wire.Present(life=gateway.identity.life, seq=gateway.chain.seq, alarms=[])
            pending.append(wire.item("present", "later", wire.encode(state)))
            gateway.make(1)
        return await gateway.store(act)

    source = replace(gateway.source(), changes=changes, store=store)
    monkeypatch.setattr(gateway, "source", lambda: source)
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: uplink.connected and parent.kinds()[-1:] == ["present"])
        told = len(parent.kinds())
        armed = True
        uplink.wake()
        await until(lambda: "event" in parent.kinds())
    assert parent.kinds()[told:] == ["present", "event"]


@given(
    moves=st.lists(
        st.one_of(
            st.tuples(st.just("make"), st.integers(0, 4)),
            st.tuples(st.just("connect"), st.just(0)),
            st.tuples(st.just("live"), st.integers(1, 4)),
            st.tuples(st.just("backlog"), st.integers(1, 4)),
        ),
        max_size=80,
    )
)
def test_order_holds_in_any_interleaving(moves: list[tuple[str, int]]) -> None:
    """However making, connecting and posts follow each other, each alarm arrives in order."""
    database = Database(None, "edge")
    seq, after = 0, 0
    arrived: list[outbox.Row] = []
    for move, number in [*moves, ("connect", 0), *([("backlog", 4)] * 80)]:
        if move == "make":
            seq += 1
            alarm = f"gw1/T{number}/h" if number else ""
            with database.transaction():
                outbox.append(database, [outbox.Row(seq, alarm, b"%d" % seq)], ["parent"])
            continue
        if move == "connect":
            after = seq
            continue
        if move == "live":
            post = outbox.live(database, "parent", number, after=after)
        else:
            post = outbox.oldest(database, "parent", number, up_to=after)
        assert len(post) <= number
        arrived += post
        outbox.received(database, "parent", [row.seq for row in post])
    assert sorted(row.seq for row in arrived) == list(range(1, seq + 1))
    by_alarm: dict[str, list[int]] = defaultdict(list)
    for row in arrived:
        if row.alarm:
            by_alarm[row.alarm].append(row.seq)
    assert all(seqs == sorted(seqs) for seqs in by_alarm.values())
    assert outbox.size(database, "parent") == (0, 0)
    database.close()


async def test_a_crash_between_receipt_and_removal_doubles_nothing(
    gateway: Gateway, world: World
) -> None:
    """A gateway that dies after the centre stored a post, before it notes it, doubles nothing."""
    child = await world.child("gw1")
    made = gateway.make(1_200)
    sound, calls = gateway.act, 0

    def dying(asked: object) -> object:
        nonlocal calls
        calls += getattr(asked, "__name__", "") == "settle"
        if calls > 1:
            raise StoreBrokenError("the power is cut")
        return sound(asked)  # type: ignore[arg-type]

    gateway.act = dying
    async with gateway.uplink(world.running.url, child.token):
        await until(lambda: calls > 1)
    waiting = gateway.waiting()
    stored = await world.rows("SELECT seq FROM event")
    assert 0 < 1_200 - waiting < len(stored) < 1_200
    gateway.act = sound
    async with gateway.uplink(world.running.url, child.token):
        await until(lambda: gateway.waiting() == 0)
    assert [row[0] for row in await world.rows("SELECT entry FROM event ORDER BY seq")] == made


async def test_nobody_starves(gateway: Gateway, parent: Parent) -> None:
    """Backlog, summaries and answers each have a post in every round, live alarms before each."""
    gateway.make(4_000)
    async with gateway.uplink(parent.url) as uplink:
        for number in range(3):
            uplink.offer(summary(number))
            uplink.answer(
                wire.Readings(order=f"o{number}", tag="T1", time_ns=[1], value=[2.0], quality=[0])
            )
        await until(lambda: gateway.waiting() == 0 and parent.kinds().count("readings") >= 3)
    kinds = [post.items[0].kind for post in parent.intakes]
    assert kinds.index("summary") <= 4
    assert kinds.index("readings") <= 5
    assert kinds.count("event") >= 8
    last = len(kinds) - 1 - kinds[::-1].index("event")
    assert [kind for kind in kinds[:last] if kind in {"summary", "readings"}]


async def test_a_live_flood_starves_nobody(gateway: Gateway, parent: Parent) -> None:
    """While live alarms come with every post, the backlog goes down all the same."""
    gateway.make(1_500)
    take = parent._take
    flood = 30

    def taking(item: wire.Item) -> wire.Receipt:
        nonlocal flood
        if flood and item.kind == "event":
            flood -= 1
            gateway.make(1)
            uplink.wake()
        return take(item)

    parent._take = taking  # type: ignore[method-assign]
    async with gateway.uplink(parent.url) as uplink:
        uplink.offer(summary(1))
        await until(lambda: gateway.waiting() == 0 and parent.kinds().count("summary") == 1)
    assert len(set(parent.of_kind("event"))) == 1_530


async def test_much_that_is_told_whole_goes_in_posts_that_fit(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A centre's thousand nodes are told in posts of a bounded size, before any event."""
    body = msgspec.json.encode("x" * 3_000)

    async def whole(connection: str) -> Whole:
        items = (wire.item("present", f"{connection}/{n}", body) for n in range(1_200))
        return Whole(0, items)

    monkeypatch.setattr(gateway, "whole", whole)
    gateway.make(3)
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert parent.kinds() == ["present"] * 1_200 + ["event"] * 3
    assert parent.doubled == []
    for post in parent.intakes:
        assert len(post.items) <= wire.MAX_ITEMS
        assert sum(len(bytes(item.body)) for item in post.items) <= 512 * 1024


async def test_the_parent_refuses_what_is_told_whole(gateway: Gateway, parent: Parent) -> None:
    """Where the parent understands nothing of the present state it is away, and events wait."""
    gateway.make(3)
    parent.script += [Answer(400)] * 9
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    kinds = [[item.kind for item in post.items] for post in parent.intakes[:9]]
    assert kinds == [["inventory", "present"], ["inventory"], ["present"]] * 3
    assert gateway.dead() == []


async def test_a_backlog_that_is_turned_away_waits_alone(gateway: Gateway, parent: Parent) -> None:
    """429 to a post of backlog ends no connection: live alarms go on, it follows when asked for."""
    old = gateway.make(3)
    # The present state is taken; then the first of the backlog is turned away.
    parent.script += [Answer(takes=True), Answer(429, headers={"retry-after": "2"})]
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: len(parent.intakes) >= 2)
        turned = time.monotonic()
        live = gateway.make(2)
        uplink.wake()
        await until(lambda: set(live) <= set(parent.of_kind("event")))
        await until(lambda: gateway.waiting() == 3)
        await until(lambda: gateway.waiting() == 0)
        assert time.monotonic() - turned >= 2.0
        assert uplink.connected
    assert parent.kinds().count("present") == 1
    assert parent.of_kind("event")[-3:] == old


async def test_a_connection_made_anew_comes_no_earlier_than_it_was_asked_to(
    gateway: Gateway, parent: Parent
) -> None:
    """The turn that a backlog was given is its own, whatever breaks meanwhile."""
    old = gateway.make(3)
    parent.script += [
        Answer(takes=True), Answer(429, headers={"retry-after": "3"}), Answer(503),
    ]  # fmt: skip
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: len(parent.intakes) >= 2)
        turned = time.monotonic()
        gateway.make(1)
        uplink.wake()
        await until(lambda: parent.kinds().count("present") == 2)
        await until(lambda: gateway.waiting() == 0)
        assert time.monotonic() - turned >= 3.0
    assert set(parent.of_kind("event")) >= set(old)
