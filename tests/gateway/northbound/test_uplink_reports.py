"""What goes up beside events: summaries, answers to orders, heartbeats."""

from __future__ import annotations

import msgspec
import pytest

from gateway.northbound import outbox, sending, wire
from gateway.northbound.sending import PARTS_KEPT
from gateway.northbound.summary import PART, Part, Summaries
from gateway.northbound.uplink import SUMMARIES_KEPT
from gateway.readings import ReadingBatch
from tests.gateway.northbound.site import Answer, Gateway, Parent, until
from tests.gateway.supervision.world import World


def summary(number: int) -> Part:
    summaries = Summaries(["T1"])
    assert summaries.close(number) is None
    summaries.add(ReadingBatch.from_rows([(0, number, number, 1.0, 0)]))
    period = summaries.close(number + 1)
    assert period is not None
    (part,) = period.parts()
    return part


async def test_summaries_follow_in_order(gateway: Gateway, parent: Parent) -> None:
    """Summaries go up oldest first, some to a post, and never before the events that wait."""
    gateway.make(3)
    async with gateway.uplink(parent.url) as uplink:
        for number in range(50):
            uplink.offer(summary(number))
        await until(lambda: parent.kinds().count("summary") >= 50)
    sent = [
        msgspec.json.decode(body, type=wire.Summary).to_ns - 1 for body in parent.of_kind("summary")
    ]
    assert sent == list(range(50))
    kinds = parent.kinds()
    assert kinds.index("summary") > kinds.index("event")


async def test_an_hour_of_summaries_waits_and_the_oldest_are_shed(
    gateway: Gateway, parent: Parent
) -> None:
    """Summaries are bounded: the oldest beyond it are shed and counted, the rest delivered."""
    uplink = gateway.uplink(parent.url)
    for number in range(SUMMARIES_KEPT + 25):
        uplink.offer(summary(number))
    assert gateway.metrics.summaries_shed.collect()[0].samples[0].value == 25
    async with uplink:
        await until(lambda: parent.kinds().count("summary") >= SUMMARIES_KEPT)
    sent = [
        msgspec.json.decode(body, type=wire.Summary).to_ns - 1 for body in parent.of_kind("summary")
    ]
    assert sent == list(range(25, SUMMARIES_KEPT + 25))


async def test_a_large_plant_goes_up_in_parts(gateway: Gateway, parent: Parent) -> None:
    """Each point of a period that needs many messages is told once, each message stored."""
    tags = [f"T{number}" for number in range(2 * PART + 1)]
    summaries = Summaries(tags)
    summaries.add(ReadingBatch.from_rows([(n, 1, 1, float(n), 0) for n in range(len(tags))]))
    period = summaries.close(1)
    assert period is not None
    async with gateway.uplink(parent.url) as uplink:
        for part in period.parts():
            uplink.offer(part)
        await until(lambda: parent.kinds().count("summary") >= 3)
    sent = [msgspec.json.decode(body, type=wire.Summary) for body in parent.of_kind("summary")]
    assert [point.tag for each in sent for point in each.points] == tags
    assert parent.doubled == []


def test_no_plant_is_too_large_to_be_bounded(gateway: Gateway, parent: Parent) -> None:
    """What waits is an hour at a plant of some messages a period, and less at a larger one."""
    uplink = gateway.uplink(parent.url)
    part = summary(1)
    for _ in range(SUMMARIES_KEPT * PARTS_KEPT + 25):
        uplink.offer(part._replace(of=PARTS_KEPT + 100))
    assert gateway.metrics.summaries_shed.collect()[0].samples[0].value == 25


async def test_summaries_that_met_an_outage_are_sent_again(
    gateway: Gateway, parent: Parent
) -> None:
    """A summary leaves the queue with the parent's answer, not before."""
    parent.script += [Answer(takes=True), Answer(500)]
    async with gateway.uplink(parent.url) as uplink:
        for number in range(3):
            uplink.offer(summary(number))
        await until(lambda: len([key for key in parent.stored if "/s" in key]) == 3)
    assert parent.doubled == []


async def test_answers_to_orders_survive_an_outage(gateway: Gateway, parent: Parent) -> None:
    """Readings that an order asked for are delivered once the parent answers again."""
    parent.script += [Answer(takes=True), Answer(503), Answer(500)]
    async with gateway.uplink(parent.url) as uplink:
        for number in range(3):
            uplink.answer(
                wire.Readings(order=f"o{number}", tag="T1", time_ns=[1], value=[2.0], quality=[0])
            )
        await until(lambda: len(set(parent.of_kind("readings"))) == 3)
    found = [msgspec.json.decode(body, type=wire.Readings) for body in parent.of_kind("readings")]
    assert sorted({readings.order for readings in found}) == ["o0", "o1", "o2"]


async def test_the_heartbeat_says_how_the_node_is(gateway: Gateway, parent: Parent) -> None:
    """The heartbeat names the journal's head; what the parent anchored is told to the node."""
    gateway.make(2)
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.anchors)
    beat = parent.beats[0]
    assert (beat.node, beat.life, beat.epoch) == (
        "gw1", gateway.identity.life, gateway.identity.epoch
    )  # fmt: skip
    assert (beat.last_seq, beat.head) == (2, gateway.chain.head)
    assert (beat.coverage, beat.trouble, beat.clock_ns) == (1.0, [], gateway.clock.now_ns())
    assert gateway.anchors[0] == (2, gateway.chain.head)


async def test_a_real_centre_anchors_the_journal(gateway: Gateway, world: World) -> None:
    """The centre anchors the head it is told, and the node learns of it."""
    child = await world.child("gw1")
    gateway.make(4)
    async with gateway.uplink(world.running.url, child.token):
        await until(lambda: gateway.anchors)
    assert gateway.anchors[0] == (4, gateway.chain.head)
    assert await world.rows("SELECT seq, head FROM anchor") == [(4, gateway.chain.head)]


async def test_an_alarm_never_waits_behind_old_summaries(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alarm that is made while an hour of summaries goes up is in the very next post."""
    monkeypatch.setattr(sending, "POST_BYTES", 400)
    made: list[bytes] = []

    def take(item: wire.Item) -> wire.Receipt:
        if item.kind == "summary" and not made:
            made.extend(gateway.make(1))
        return parent_take(item)

    parent_take = parent._take
    monkeypatch.setattr(parent, "_take", take)
    async with gateway.uplink(parent.url) as uplink:
        for number in range(50):
            uplink.offer(summary(number))
        await until(lambda: parent.kinds().count("summary") >= 50 and not gateway.waiting())
    kinds = [post.items[0].kind for post in parent.intakes]
    assert kinds[:3] == ["inventory", "summary", "event"]


async def test_a_parent_that_takes_small_posts_only(gateway: Gateway, parent: Parent) -> None:
    """A proxy's limit makes the posts smaller; nothing is lost, set aside, or sent for ever."""
    made = gateway.make(1100)
    parent.most = 200_000
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert parent.of_kind("event") == made
    assert gateway.dead() == []


async def test_what_no_parent_takes_stops_nothing(gateway: Gateway, parent: Parent) -> None:
    """An event too large for any post is a dead letter; an inventory too large is done without."""
    parent.most = 100_000
    gateway.present = gateway.make(400)
    event, entry = gateway.chain.seal("alarm", comment="x" * 150_000)
    with gateway.database.transaction():
        outbox.append(gateway.database, [outbox.Row(event.seq, "", entry)], ["parent"])
    after = gateway.make(2)
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert parent.of_kind("event")[-2:] == after
    assert [seq for seq, _ in gateway.dead()] == [event.seq]
    assert "inventory" in parent.kinds()
    assert "present" not in parent.kinds()
