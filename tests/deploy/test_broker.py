"""The shipped broker: a device speaks for itself alone, and a gateway is never held back."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import pytest

from gateway.clock import ManualClock
from gateway.simulation.broker import mosquitto
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.mqtt import BrokerSession
from gateway.southbound.settings import BrokerSettings
from tests.deploy.shipped import ACL, acl
from tests.deploy.site_broker import GATEWAY, HOST, SiteBroker, certificates_in, password

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]
FILTERS = ("plant/ar1/nh3-01", "plant/ar1/nh3-02", "plant/cs2/pit-01")
IN_FLIGHT_BY_DEFAULT, QUEUED_BY_DEFAULT = 20, 1000


@dataclass
class Heard:
    """What a gateway's session heard, and how often it was told of a change."""

    messages: list[Message] = field(default_factory=list)
    fenced: list[bool] = field(default_factory=list)
    changes: list[str | None] = field(default_factory=list)

    @property
    def payloads(self) -> list[bytes]:
        """Payloads in arrival order."""
        return [message.payload for message in self.messages]


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    deadline = asyncio.get_running_loop().time() + 60
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, what
        await asyncio.sleep(0.01)


@asynccontextmanager
async def gateway(
    settings: BrokerSettings, heard: Heard, *, acknowledge: bool = True
) -> AsyncIterator[BrokerSession]:
    """Run the session of a gateway whose clock stands: no fence is given up for its age."""

    def deliver(arrivals: Arrivals) -> bool:
        found = [arrivals.message(index) for index in range(len(arrivals))]
        others = [message for message in found if not message.own]
        heard.messages += others
        heard.fenced += [arrivals.fenced] * len(others)
        if acknowledge:
            session.acknowledge([arrivals.receipt()])
        return True

    session = BrokerSession(
        settings,
        node=GATEWAY,
        filters=FILTERS,
        clock=ManualClock(1),
        deliver=deliver,
        changed=heard.changes.append,
    )
    async with session:
        await until(lambda: session.connected, f"no session: {heard.changes}")
        yield session


@pytest.mark.parametrize("device", sorted(set(acl()) - {GATEWAY, "siren-panel"}))
async def test_device_speaks_for_itself_alone(broker: SiteBroker, device: str) -> None:
    """What a device says on its own topic arrives; on any other topic it says nothing."""
    heard = Heard()
    own = next(iter(acl()[device]))
    others = {topic for topics in acl().values() for topic in topics if "#" not in topic} - {own}
    async with gateway(broker.settings(), heard), broker.client(device) as client:
        for topic in sorted(others):
            await client.publish(topic, b"forged", qos=1)
        await client.publish(own, b"own", qos=1)
        await until(lambda: b"own" in heard.payloads, "the device's own message")
    assert [(message.topic, message.payload) for message in heard.messages] == [(own, b"own")]


async def test_devices_hear_nothing(broker: SiteBroker) -> None:
    """A device that subscribes to everything hears neither its neighbours nor the siren."""
    async with (
        gateway(broker.settings(), Heard()) as session,
        broker.client("siren-panel") as panel,
        broker.client("nh3-01") as device,
        broker.client("nh3-02") as spy,
    ):
        await spy.subscribe("#", qos=1)
        await panel.subscribe("#", qos=1)
        await device.publish("plant/ar1/nh3-01", b"12.5", qos=1)
        assert session.publish("site/siren", b"on")
        command = await asyncio.wait_for(anext(aiter(panel.messages)), 30)
        assert (str(command.topic), command.payload) == ("site/siren", b"on")
        # The answer to this comes after everything that the broker sent before.
        await spy.publish("plant/ar1/nh3-02", b"0", qos=1)
        assert len(spy.messages) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"username": None, "password": None},
        {"password": "wrong"},
        {"username": "nobody", "password": "at all"},
    ],
    ids=["anonymous", "wrong password", "unknown user"],
)
@pytest.mark.parametrize("version", [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5])
async def test_strangers_are_refused(
    broker: SiteBroker, change: dict[str, str | None], version: aiomqtt.ProtocolVersion
) -> None:
    """Nobody comes in without a user and the password of that user."""
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed"):
        async with broker.client("nh3-01", protocol=version, **change):
            pytest.fail("it came in")


async def test_the_anonymous_are_refused_on_their_own_account(
    tmp_path: Path, certificates: Path
) -> None:
    """No user is no entry, also where nothing else asks for a user."""
    without = ("use_username_as_clientid",)
    with SiteBroker(tmp_path / "mosquitto", certificates, without=without) as broker:
        async with broker.client("nh3-01"):
            pass
        with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed"):
            async with broker.client("nh3-01", username=None, password=None):
                pytest.fail("it came in")


async def test_no_plain_text(broker: SiteBroker) -> None:
    """A client without TLS is not spoken to, whatever it knows."""
    for port in (broker.password_port, broker.certificate_port):
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client(
                HOST, port, username="nh3-01", password=password("nh3-01"), timeout=1
            ):
                pytest.fail("it came in")


async def test_gateway_by_certificate(broker: SiteBroker) -> None:
    """On the second listener the certificate's name is the user: gateway and device come in."""
    heard = Heard()
    settings = broker.certified("nh3-01")
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.load_cert_chain(str(settings.cert_file), settings.key_file)
    device = aiomqtt.Client(HOST, broker.certificate_port, tls_context=context)
    async with gateway(broker.certified(), heard), device:
        await device.publish("plant/ar1/nh3-02", b"forged", qos=1)
        await device.publish("plant/ar1/nh3-01", b"own", qos=1)
        await until(lambda: heard.messages, "the device's message")
    assert heard.payloads == [b"own"]


@pytest.mark.parametrize("held", [False, True], ids=["none", "of another authority"])
async def test_certificate_is_demanded(broker: SiteBroker, tmp_path: Path, *, held: bool) -> None:
    """Without a certificate of this authority the second listener lets nobody in."""
    settings = broker.certified()
    context = ssl.create_default_context(cafile=settings.ca_file)
    if held:
        other = certificates_in(tmp_path / "other", [GATEWAY])
        context.load_cert_chain(str(other / f"{GATEWAY}.crt"), str(other / f"{GATEWAY}.key"))
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(
            HOST,
            broker.certificate_port,
            tls_context=context,
            username=GATEWAY,
            password=password(GATEWAY),
            timeout=1,
        ):
            pytest.fail("it came in")


@pytest.mark.parametrize("allowed", [True, False], ids=["shipped", "without its line"])
async def test_fence_comes_back(tmp_path: Path, certificates: Path, *, allowed: bool) -> None:
    """After a reconnect the gateway's fence comes back to it; without its line it never does."""
    fence = f"topic readwrite hazgate/{GATEWAY}/fence\n"
    text = ACL.read_text(encoding="utf-8")
    assert fence in text
    access = text if allowed else text.replace(fence, "")
    with SiteBroker(tmp_path / "mosquitto", certificates, access=access) as broker:
        async with gateway(broker.settings(), Heard()):
            pass
        async with broker.client("nh3-01") as device:
            await device.publish("plant/ar1/nh3-01", b"waited", qos=1)
            heard = Heard()
            async with gateway(broker.settings(), heard) as session:
                if allowed:
                    await until(lambda: not session.fenced, "the fence came back")
                await device.publish("plant/ar1/nh3-01", b"after", qos=1)
                await until(lambda: b"after" in heard.payloads, "a message behind the fence")
                assert session.fenced is not allowed
    assert list(zip(heard.payloads, heard.fenced, strict=True)) == [
        (b"waited", True),
        (b"after", not allowed),
    ]


@pytest.mark.parametrize("held", [True, False], ids=["shipped", "without the option"])
async def test_no_device_takes_the_gateways_session(
    tmp_path: Path, certificates: Path, *, held: bool
) -> None:
    """A device that connects with the gateway's client id does not throw the gateway out."""
    without = () if held else ("use_username_as_clientid",)
    with SiteBroker(tmp_path / "mosquitto", certificates, without=without) as broker:
        heard = Heard()
        async with (
            gateway(broker.settings(), heard) as session,
            broker.client("nh3-01", identifier=f"hazgate-{GATEWAY}") as device,
        ):
            if held:
                await device.publish("plant/ar1/nh3-01", b"still here", qos=1)
                await until(lambda: heard.messages, "the message")
                assert session.connection == 1
            else:
                await until(lambda: len(heard.changes) > 1, "the gateway is thrown out")
        assert bool(heard.messages) is held


@pytest.mark.parametrize("raised", [True, False], ids=["shipped", "by default"])
async def test_in_flight_limit(tmp_path: Path, certificates: Path, *, raised: bool) -> None:
    """A gateway that speaks MQTT 3.1.1 gets more than 20 messages before it acknowledges any."""
    without = () if raised else ("max_inflight_messages",)
    with SiteBroker(tmp_path / "mosquitto", certificates, without=without) as broker:
        heard = Heard()
        settings = broker.settings(version="3.1.1")
        async with (
            gateway(settings, heard, acknowledge=False),
            broker.client("nh3-01") as device,
        ):
            for number in range(200):
                await device.publish("plant/ar1/nh3-01", str(number), qos=1)
            # At QoS 0 a message waits for no acknowledgement: it comes after all that may come.
            await device.publish("plant/ar1/nh3-01", b"last", qos=0)
            await until(lambda: b"last" in heard.payloads, "the message at QoS 0")
        waiting = sum(1 for message in heard.messages if message.qos)
        assert waiting == (200 if raised else IN_FLIGHT_BY_DEFAULT)


@pytest.mark.parametrize("raised", [True, False], ids=["shipped", "by default"])
async def test_queue_limit(tmp_path: Path, certificates: Path, *, raised: bool) -> None:
    """More than 1,000 messages wait for a gateway that is away, and none of them is lost."""
    without = () if raised else ("max_queued_messages",)
    count = 2 * QUEUED_BY_DEFAULT
    with SiteBroker(tmp_path / "mosquitto", certificates, without=without) as broker:
        async with gateway(broker.settings(), Heard()):
            pass
        async with broker.client("nh3-01", max_inflight_messages=200) as device:
            for number in range(count):
                await device.publish("plant/ar1/nh3-01", str(number), qos=1)
            heard = Heard()
            async with gateway(broker.settings(), heard) as session:
                await until(lambda: not session.fenced, "everything that waited")
        waited = [int(payload) for payload in heard.payloads]
        assert waited == sorted(waited)
        assert (len(waited) == count) is raised


async def test_queue_outlives_a_restart(broker: SiteBroker) -> None:
    """What waits for a gateway is there after the broker was stopped and started."""
    async with gateway(broker.settings(), Heard()):
        pass
    async with broker.client("nh3-01") as device:
        for number in range(50):
            await device.publish("plant/ar1/nh3-01", str(number), qos=1)
    broker.stop()
    broker.start()
    heard = Heard()
    async with gateway(broker.settings(), heard):
        await until(lambda: len(heard.messages) == 50, "what waited")
    assert heard.payloads == [str(number).encode() for number in range(50)]


async def test_new_device_after_a_reload(broker: SiteBroker) -> None:
    """A device that is added while the broker runs is let in after a reload, and heard."""
    program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    heard = Heard()
    async with gateway(broker.settings(), heard) as session:
        with (broker.folder / "acl").open("a", encoding="utf-8") as access:
            access.write("\nuser nh3-03\ntopic write plant/ar1/nh3-01\n")
        words = [program, "-b", str(broker.folder / "passwords"), "nh3-03", password("nh3-03")]
        await asyncio.to_thread(subprocess.run, words, check=True, capture_output=True)
        with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed"):
            async with broker.client("nh3-03"):
                pytest.fail("it came in before the reload")
        broker.reload()
        deadline = asyncio.get_running_loop().time() + 30
        while not heard.messages:
            assert asyncio.get_running_loop().time() < deadline
            with suppress(aiomqtt.MqttError):
                async with broker.client("nh3-03") as device:
                    await device.publish("plant/ar1/nh3-01", b"new", qos=1)
            await asyncio.sleep(0.05)
        assert session.connection == 1
    assert set(heard.payloads) == {b"new"}


def test_the_broker_has_no_complaint(broker: SiteBroker) -> None:
    """Mosquitto starts with the shipped configuration and warns of nothing in it."""
    warnings = [line for line in broker.log().splitlines() if "warning" in line.lower()]
    assert [line for line in warnings if "run as root" not in line] == []
