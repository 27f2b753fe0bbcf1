"""When PUBACK leaves, for what, in which order and on which connection: seen from the broker."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.southbound import fence as fence_module
from gateway.southbound.arrivals import Receipt
from gateway.southbound.client import FOUND, ROOM_BYTES
from tests.gateway.southbound.contract.frames import (
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBSCRIBE,
    Publish,
    answer,
    connack,
    filters,
    publish,
)
from tests.gateway.southbound.contract.scripted import Line, Scripted
from tests.gateway.southbound.session import session, until


def messages(*identifiers: int, dup: bool = False) -> list[Publish]:
    """A message at QoS 1 for each identifier, which is its payload too."""
    return [
        Publish(b"plant/a/v", b"%d" % each, 1, identifier=each, dup=dup) for each in identifiers
    ]


async def through(line: Line, link: object) -> None:
    """Wait until everything that the session has sent so far has come."""
    before = len(line.of(PUBLISH))
    assert link.publish("plant/probe/v", b"", qos=0)  # type: ignore[attr-defined]
    await line.took(PUBLISH, before + 1)


async def test_nothing_is_acknowledged_before_the_caller_says_so(scripted: Scripted) -> None:
    """Delivered is not durable: PUBACK leaves for what the caller named, and for nothing else."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(*messages(1, 2, 3), Publish(b"plant/a/v", b"QoS 0"))
        await heard.took(4)
        await through(line, link)
        assert line.of(PUBACK) == []
        (receipt,) = [each for each in heard.receipts if len(each)]
        first, rest = receipt.split(2)
        link.acknowledge([first])
        await through(line, link)
        assert line.identifiers() == [1, 2]
        link.acknowledge([rest])
        await through(line, link)
        assert line.identifiers() == [1, 2, 3]
        assert all(packet == (0x40, packet.body[:2]) for packet in line.of(PUBACK))


async def test_acknowledgements_leave_in_order_of_arrival(scripted: Scripted) -> None:
    """Identifiers in any order, a packet no buffer holds among them: PUBACK as they came."""
    order = [65_535, 1, 300, 299, 2, 40_000, 7]
    large = Publish(b"plant/a/v", bytes(ROOM_BYTES + 1), 1, identifier=299)
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(*(large if m.identifier == 299 else m for m in messages(*order)))
        await heard.took(len(order))
        assert [message.mid for message in heard.messages] == order
        link.acknowledge(heard.receipts)
        await line.took(PUBACK, len(order))
        assert line.identifiers() == order


async def test_thousands_at_once_are_acknowledged_in_order(scripted: Scripted) -> None:
    """More packets than the table of one search holds: all come, all are acknowledged in order."""
    order = list(range(1, 2 * FOUND + 500))
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(*(m._replace(topic=b"t", payload=b"") for m in messages(*order)))
        await heard.took(len(order))
        link.acknowledge(heard.receipts)
        await line.took(PUBACK, len(order))
        assert line.identifiers() == order


async def test_an_acknowledgement_never_leaves_on_another_connection(scripted: Scripted) -> None:
    """What is owed on a lost connection is owed no more: the broker repeats it on the next."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(*messages(1, 2))
        await heard.took(2)
        old = list(heard.receipts)
        line.cut()
        scripted.connack = connack(five=scripted.five, present=True)
        line = await scripted.line(2)
        await until(lambda: link.connected)
        line.publish(*messages(1, 2, dup=True))
        await heard.took(4)
        link.acknowledge(old)
        link.acknowledge([Receipt(link.connection + 1, np.array([1, 2], np.int32))])
        await through(line, link)
        assert line.of(PUBACK) == []
        link.acknowledge(heard.receipts)
        await through(line, link)
        assert line.identifiers() == [1, 2]
        assert [message.dup for message in heard.messages] == [False, False, True, True]


async def test_nothing_is_owed_while_nobody_is_connected(scripted: Scripted) -> None:
    """Until the next session stands acknowledging and publishing do nothing, and say so."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(*messages(1))
        await heard.took(1)
        scripted.connack = b""
        line.cut()
        await until(lambda: len(scripted.lines) == 2)
        link.acknowledge(heard.receipts)
        assert not link.connected
        assert not link.publish("plant/a/v", b"x")
        line = scripted.lines[1]
        line.send(connack(five=scripted.five))
        await until(lambda: link.connected)
        await through(line, link)
        assert line.of(PUBACK) == []
        assert [said.topic for said in line.published()] == [b"plant/probe/v"]


async def test_an_identifier_is_a_new_message_after_its_acknowledgement(
    scripted: Scripted,
) -> None:
    """Once acknowledged, the same identifier is another message, whatever DUP says."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        for turn in range(3):
            line.publish(*messages(9, dup=turn == 1))
            await heard.took(turn + 1)
            link.acknowledge(heard.receipts[-1:])
            await line.took(PUBACK, turn + 1)
        assert line.identifiers() == [9, 9, 9]
        assert heard.bodies == [b"9", b"9", b"9"]


async def test_what_nobody_wants_is_acknowledged_all_the_same(scripted: Scripted) -> None:
    """A topic that nobody asked for, and one that is no UTF-8, are owed a PUBACK like others."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(
            Publish(b"nobody/asked", b"1", 1, identifier=5),
            Publish(b"plant/\xff\xfe/v", b"2", 1, identifier=6),
        )
        await heard.took(2)
        link.acknowledge(heard.receipts)
        await line.took(PUBACK, 2)
        assert line.identifiers() == [5, 6]


async def test_qos_2_is_completed_exactly_once(scripted: Scripted) -> None:
    """A broker that sends QoS 2 unasked: one delivery however often it repeats, then PUBCOMP."""
    said = Publish(b"plant/a/v", b"x", 2, identifier=3)
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(said, said._replace(dup=True))
        await line.took(PUBREC, 2)
        assert heard.messages == []
        line.send(answer(PUBREL, 3))
        await heard.took(1)
        await through(line, link)
        assert line.of(PUBCOMP) == []
        link.acknowledge(heard.receipts)
        await line.took(PUBCOMP)
        assert (line.identifiers(PUBREC), line.identifiers(PUBCOMP)) == ([3, 3], [3])
        assert line.of(PUBACK) == []
        assert [(m.payload, m.qos) for m in heard.messages] == [(b"x", 2)]
        # The identifier is free again: the next is another message.
        line.publish(said._replace(payload=b"y"))
        await line.took(PUBREC, 3)
        line.send(answer(PUBREL, 3))
        await heard.took(2)
        assert heard.bodies == [b"x", b"y"]


async def test_the_fence_is_acknowledged_in_its_order(scripted: Scripted) -> None:
    """What waited, the fence, what is live: fenced up to the fence, acknowledged as they came."""
    five = scripted.five
    scripted.connack = connack(five=five, present=True)
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        await until(lambda: bool(line.published()))
        (fence,) = line.published()
        assert (fence.topic, fence.qos, fence.retain) == (b"hazgate/gw/fence", 1, False)
        marker = Publish(fence.topic, b"marker")
        foreign = fence._replace(payload=b"0123456789abcdef", identifier=3)
        echo = fence._replace(identifier=4)
        line.publish(*messages(1, 2), marker, foreign)
        await until(lambda: sum(len(each) for each in heard.receipts) == 3)
        assert link.fenced
        line.publish(echo, *messages(5), marker)
        await heard.took(3)
        assert not link.fenced
        assert [message.fenced for message in heard.messages] == [True, True, False]
        assert heard.markers == 2
        link.acknowledge(heard.receipts)
        await line.took(PUBACK, 5)
        assert line.identifiers() == [1, 2, 3, 4, 5]


async def test_a_fence_that_is_known_to_come_back_is_said_again_until_it_does(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the queue: what comes before it is old, what comes after it is live."""
    for name in ("FENCE_S", "LAST_S", "AGAIN_S"):
        monkeypatch.setattr(fence_module, name, 0.05)
    five = scripted.five
    scripted.connack = connack(five=five, present=True)
    async with session(scripted.port, version=scripted.version, heard_itself=True) as (link, heard):
        line = await scripted.line()
        await until(lambda: link.overdue)
        assert not link.holds
        await until(lambda: len(line.published()) >= 3)
        assert len({each.payload for each in line.published()}) == 1
        line.publish(*messages(1, 2))
        await heard.took(2)
        line.publish(line.published()[0]._replace(identifier=3), *messages(4))
        await heard.took(3)
        assert [message.fenced for message in heard.messages] == [True, True, False]
        assert not link.fenced
        assert not link.overdue


async def test_a_session_that_is_new_has_no_fence(scripted: Scripted) -> None:
    """Where the broker had no session nothing can have waited."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(*messages(1))
        await heard.took(1)
        await through(line, link)
        assert not heard.messages[0].fenced
        assert [message.topic for message in line.published()] == [b"plant/probe/v"]


async def test_what_we_published_is_not_sent_again(scripted: Scripted) -> None:
    """A command without its PUBACK ends with its connection: late is worse than not at all."""
    scripted.pubacks = False
    async with session(scripted.port, version=scripted.version) as (link, _):
        line = await scripted.line()
        await until(lambda: link.connected)
        assert link.publish("plant/fan/set", b"on")
        await line.took(PUBLISH)
        line.cut()
        scripted.connack = connack(five=scripted.five, present=True)
        line = await scripted.line(2)
        await line.took(PUBLISH)
        await through(line, link)
        assert [(said.topic, said.qos, said.dup) for said in line.published()] == [
            (b"hazgate/gw/fence", 1, False),
            (b"plant/probe/v", 0, False),
        ]


async def test_everything_is_asked_for_at_qos_1(scripted: Scripted) -> None:
    """The filters and the gateway's own topic are subscribed at QoS 1 and with no other option."""
    topics = [f"plant/d{number}/v" for number in range(450)]
    async with session(scripted.port, *topics, version=scripted.version) as (link, _):
        line = await scripted.line()
        await until(lambda: link.connected)
        asked = [each for p in line.of(SUBSCRIBE) for each in filters(p.body, five=scripted.five)]
        wanted = [*topics, "hazgate/gw/fence"]
        assert [(topic.decode(), options) for topic, options in asked] == [
            (topic, 1) for topic in wanted
        ]
        identifiers = [packet.identifier for packet in line.of(SUBSCRIBE)]
        assert len(identifiers) == len(set(identifiers)) > 1
        assert 0 not in identifiers
        assert all(packet.first == 0x82 for packet in line.of(SUBSCRIBE))


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_publishing_before_the_session_stands_is_refused(version: str) -> None:
    """Nothing is sent before CONNACK and SUBACK: the first packet of a connection is CONNECT."""
    async with Scripted(version) as broker:
        broker.connack = b""
        async with session(broker.port, version=version) as (link, _):
            await until(lambda: bool(broker.lines) and bool(broker.lines[0].said))
            assert not link.publish("plant/a/v", b"early")
            link.mark()
            line = broker.lines[0]
            line.send(connack(five=broker.five))
            await until(lambda: link.connected)
            assert [packet.kind for packet in line.said] == [1, SUBSCRIBE]
            assert link.publish("plant/a/v", b"now")
            await line.took(PUBLISH)
            assert publish(line.published()[0], five=broker.five)
