"""Events to a real broker: what it acknowledges has left, and what it refuses has not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from gateway.northbound.exports.mqtt import Mqtt
from gateway.northbound.exports.settings import MqttExport
from gateway.northbound.exports.topics import NoTopicError, topic_of
from gateway.simulation import broker as brokers
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.gateway.northbound.exports.receiving import Node
from tests.gateway.northbound.site import until

pytestmark = pytest.mark.broker
TOPIC = "hazgate/v1/330106003000/gw1/alarms"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    if mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as started:
        yield started


def export(port: int) -> MqttExport:
    return MqttExport(name="city", kind="mqtt", url=f"mqtt://127.0.0.1:{port}")


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[list[aiomqtt.Message]]:
    """Somebody who hears everything under the topic's root."""
    heard: list[aiomqtt.Message] = []

    async def hear(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            heard.append(message)  # noqa: PERF401 - each is seen as it comes

    options = {"protocol": aiomqtt.ProtocolVersion.V5}
    async with aiomqtt.Client("127.0.0.1", port, **options) as client:  # type: ignore[arg-type]
        await client.subscribe("hazgate/v1/#", qos=1)
        task = asyncio.create_task(hear(client))
        yield heard
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_events_arrive_in_order_at_their_topic(node: Node, broker: LocalBroker) -> None:
    """CloudEvents at QoS 1, not retained, one topic a node, in the order they were made."""
    made = node.tell_many(450)
    async with listening(broker.port) as heard:
        async with node.courier(Mqtt(export(broker.port), node="gw1")):
            await until(lambda: node.left == 0)
        await until(lambda: len(heard) == 450)
    assert {(str(m.topic), m.qos, m.retain) for m in heard} == {(TOPIC, 1, False)}
    assert {m.properties.ContentType for m in heard} == {"application/cloudevents+json"}
    ids = [json.loads(message.payload)["id"] for message in heard]
    assert ids == [f"gw1/{event.life}/{event.seq}" for event in made]


async def test_what_the_broker_refuses_stays_in_the_outbox(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PUBACK that says "not authorized" is no receipt; once it is allowed, everything leaves."""
    if mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    acl = tmp_path / "acl"
    acl.write_text("topic read hazgate/#\n", encoding="utf-8")
    rules = f"{brokers.CONFIGURATION}user root\nacl_file {acl}\n"
    monkeypatch.setattr(brokers, "CONFIGURATION", rules)
    node.tell_many(10)
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with node.courier(Mqtt(export(broker.port), node="gw1")) as courier:
            await until(lambda: "Not authorized" in courier._reason)
            assert node.left == 10
            broker.stop()
            acl.write_text("topic readwrite hazgate/#\n", encoding="utf-8")
            broker.start()
            await until(lambda: node.left == 0)
    assert node.dead() == []


async def test_a_broker_that_goes_and_comes_loses_nothing(node: Node, broker: LocalBroker) -> None:
    """Events made while it is away wait; the next session takes them, each once in the outbox."""
    taken: set[str] = set()
    async with node.courier(Mqtt(export(broker.port), node="gw1")) as courier:
        first = node.tell_many(50)
        courier.wake()
        await until(lambda: node.left == 0)
        broker.stop()
        second = node.tell_many(300)
        courier.wake()
        await until(lambda: bool(courier._reason))
        assert node.left == 300
        broker.start()
        async with listening(broker.port) as heard:
            await until(lambda: node.left == 0)
            await until(lambda: bool(heard))
            taken = {json.loads(message.payload)["id"] for message in heard}
    assert len(first) == 50
    assert taken <= {f"gw1/{event.life}/{event.seq}" for event in second}


async def test_a_name_that_is_no_level_reaches_no_topic(node: Node, broker: LocalBroker) -> None:
    """A division or node with a wildcard or a slash would be published in another's place."""
    for division in ("", "+", "#", "a/b", "a\x00", "x" * 65):
        with pytest.raises(NoTopicError):
            topic_of(node.tell(division=division))
    good = node.tell()
    outcome = await (client := Mqtt(export(broker.port), node="gw1")).deliver(node.parcels())
    await client.close()
    assert outcome.taken == [good.seq]
    assert len(outcome.refused) == 6
