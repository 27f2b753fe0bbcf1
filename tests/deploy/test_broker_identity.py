"""The shipped broker: nobody speaks in another's name, by whatever way MQTT offers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import aiomqtt
import pytest
from aiomqtt import Will

from gateway.simulation.broker import mosquitto
from tests.deploy.site_broker import GATEWAY, SiteBroker
from tests.deploy.test_broker import Heard, gateway, until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]
OWN, OTHERS = "plant/ar1/nh3-01", "plant/ar1/nh3-02"
#: Topics of others, of the broker and of the gateway.
FOREIGN = (
    OTHERS, "plant/cs2/pit-01", f"hazgate/{GATEWAY}/fence", "site/siren", "plant/ar1/nh3-01/x",
    "$SYS/broker/uptime", f"$share/g/{OTHERS}",
)  # fmt: skip


@pytest.mark.parametrize(
    "identifier", ["+", "#", "a/b", f"hazgate-{GATEWAY}", GATEWAY, "nh3-02", "$SYS", "%u"]
)
async def test_an_id_gives_nobody_anothers_rights(broker: SiteBroker, identifier: str) -> None:
    """A client id that is a wildcard, a path or another's name changes nothing: the user counts."""
    heard = Heard()
    async with (
        gateway(broker.settings(), heard) as session,
        broker.client("nh3-01", identifier=identifier) as device,
    ):
        await device.publish(OTHERS, b"forged", qos=1)
        await device.publish(OWN, b"own", qos=1)
        await until(lambda: b"own" in heard.payloads, "the device's own message")
        assert session.connection == 1
    assert [(m.topic, m.payload) for m in heard.messages] == [(OWN, b"own")]


@pytest.mark.parametrize("topic", FOREIGN)
@pytest.mark.parametrize("retain", [False, True], ids=["", "retained"])
async def test_a_topic_of_others_is_refused(
    broker: SiteBroker, topic: str, *, retain: bool
) -> None:
    """Neither now nor, retained, for whoever subscribes next."""
    heard = Heard()
    async with gateway(broker.settings(), heard):
        # A topic that none may have ends the connection of whoever writes to it.
        with suppress(aiomqtt.MqttError):
            async with broker.client("nh3-01") as device:
                await device.publish(topic, b"forged", qos=1, retain=retain)
        async with broker.client("nh3-01") as device:
            await device.publish(OWN, b"own", qos=1)
            await until(lambda: b"own" in heard.payloads, "the device's own message")
    async with (
        broker.client("siren-panel") as panel,
        gateway(broker.settings(), heard),
    ):
        await panel.subscribe("#", qos=1)
        async with broker.client("nh3-01") as device:
            await device.publish(OWN, b"then", qos=1)
            await until(lambda: b"then" in heard.payloads, "the device's next message")
        assert len(panel.messages) == 0
    assert b"forged" not in heard.payloads


async def test_a_last_will_is_not_anothers(broker: SiteBroker) -> None:
    """What a device leaves to be said when it is gone is said on its own topic or not at all."""
    heard = Heard()
    async with gateway(broker.settings(), heard):
        for topic, payload in ((OTHERS, b"forged"), (OWN, b"gone")):
            with suppress(aiomqtt.MqttError):
                async with broker.client("nh3-01", will=Will(topic, payload, qos=1)) as device:
                    # Without a word: the connection is cut, and the broker speaks the will.
                    device._client._sock_close()
        await until(lambda: b"gone" in heard.payloads, "the device's own will")
    assert b"forged" not in heard.payloads


@pytest.mark.parametrize(
    "wish", ["#", "plant/#", OTHERS, "$SYS/#", "$share/g/plant/#", "$share/g/#", "site/siren"]
)
async def test_no_way_of_subscribing_hears_others(broker: SiteBroker, wish: str) -> None:
    """Neither as a share of somebody's messages, nor the broker's own figures."""
    heard = Heard()
    async with (
        gateway(broker.settings(), heard) as session,
        broker.client("nh3-02") as device,
        broker.client("nh3-01", protocol=aiomqtt.ProtocolVersion.V5) as spy,
    ):
        with suppress(aiomqtt.MqttError):
            await spy.subscribe(wish, qos=1)
        for number in range(10):
            await device.publish(OTHERS, str(number), qos=1)
        assert session.publish("site/siren", b"on")
        await until(lambda: len(heard.payloads) == 10, "every message")
        with suppress(aiomqtt.MqttError, TimeoutError):
            # What comes before the answer to this would lie there.
            await asyncio.wait_for(spy.publish(OWN, b"0", qos=1), 10)
        assert len(spy.messages) == 0


async def test_without_the_list_each_of_these_gets_through(
    tmp_path: Path, certificates: Path
) -> None:
    """Negative control: where all may do all, the will, the retained and the share are heard."""
    access = "topic readwrite #\n" + "".join(
        f"user {user}\ntopic readwrite #\n" for user in (GATEWAY, "nh3-01")
    )
    heard = Heard()
    with SiteBroker(tmp_path / "mosquitto", certificates, access=access) as broker:
        async with broker.client("nh3-01") as device:
            await device.publish(OTHERS, b"retained", qos=1, retain=True)
        async with gateway(broker.settings(), heard) as session:
            with suppress(aiomqtt.MqttError):
                async with broker.client("nh3-01", will=Will(OTHERS, b"will", qos=1)) as device:
                    device._client._sock_close()
            await until(lambda: {b"retained", b"will"} <= set(heard.payloads), "what was forged")
            async with broker.client("nh3-01", protocol=aiomqtt.ProtocolVersion.V5) as spy:
                await spy.subscribe("$share/g/site/#", qos=1)
                assert session.publish("site/siren", b"on")
                await asyncio.wait_for(anext(aiter(spy.messages)), 30)
