"""The broker session on a real Mosquitto: order, manual acknowledgement, fence, back-pressure."""

from __future__ import annotations

import asyncio
import getpass
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
import trustme
from structlog.testing import capture_logs

from gateway.simulation import broker as simulated
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.gateway.southbound.session import say, session, until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]
versions = pytest.mark.parametrize("version", ["3.1.1", "5"])
PLUGINS = sorted(Path("/usr/lib").glob("**/mosquitto_dynamic_security.so"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as running:
        yield running


def stated(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Let the next broker's configuration say more."""
    # Mosquitto started by root turns into another user, who may not read a test's folder.
    own = f"user {getpass.getuser()}"
    text = simulated.CONFIGURATION + "".join(f"{line}\n" for line in (own, *lines))
    monkeypatch.setattr(simulated, "CONFIGURATION", text)


@versions
async def test_messages_are_handed_over_in_the_order_they_came(
    broker: LocalBroker, version: str
) -> None:
    """Every message of every filter comes once, in arrival order, with topic and payload whole."""
    async with session(broker.port, "plant/+/v", "other/x", version=version) as (link, heard):
        await until(lambda: link.connected)
        assert heard.changes == [None]
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            for number in range(600):
                topic = "other/x" if number % 3 == 0 else f"plant/d{number % 7}/v"
                await client.publish(topic, b"%d" % number, qos=int(number < 300))
            await client.publish("plant/d1/w", b"nobody asked for this", qos=1)
            await client.publish("plant/d1/v", b"last", qos=1)
        await until(lambda: b"last" in heard.bodies)
        link.acknowledge(heard.receipts)
        assert heard.bodies == [b"%d" % number for number in range(600)] + [b"last"]
        assert {message.topic for message in heard.messages if message.payload == b"3"} == {
            "other/x"
        }
        assert not any(message.dup or message.fenced for message in heard.messages)


@versions
async def test_messages_that_waited_in_the_broker_are_fenced(
    broker: LocalBroker, version: str
) -> None:
    """What came while the session was away is marked until the fence has come back, not later."""
    async with session(broker.port, version=version) as (link, heard):
        await until(lambda: link.connected)
        assert not link.fenced
    await say(broker.port, "plant/a/v", *(b"%d" % n for n in range(300)))
    async with session(broker.port, version=version) as (link, heard):
        await until(lambda: link.connected)
        await heard.took(300)
        await until(lambda: not link.fenced)
        await say(broker.port, "plant/a/v", b"live")
        await heard.took(301)
        link.acknowledge(heard.receipts)
        assert heard.bodies == [*(b"%d" % n for n in range(300)), b"live"]
        assert [message.fenced for message in heard.messages] == [True] * 300 + [False]


async def test_a_new_session_is_not_fenced(broker: LocalBroker) -> None:
    """Without a session from before nothing can have waited: nothing is marked."""
    async with session(broker.port) as (link, heard):
        await until(lambda: link.connected)
        await say(broker.port, "plant/a/v", b"1")
        (message,) = await heard.took(1)
        assert not message.fenced


@versions
async def test_another_broker_is_known_by_what_it_delivers_itself(
    broker: LocalBroker, version: str
) -> None:
    """That one before it gave the node its own messages proves nothing of it; a marker does."""
    async with session(broker.port, version=version, heard_itself=True) as (link, heard):
        await until(lambda: link.connected)
        assert not link.heard_itself
        link.mark()
        await until(lambda: heard.markers == 1)
        assert link.heard_itself
    # The same one, which kept the session, has proved it.
    async with session(broker.port, version=version, heard_itself=True) as (link, _):
        await until(lambda: link.connected)
        assert link.heard_itself


async def test_a_password_file_that_is_missing_is_told_and_tried_again(
    broker: LocalBroker, tmp_path: Path
) -> None:
    """A secret that cannot be read names its file; nothing crashes, and it may appear later."""
    secret = tmp_path / "password"
    named = {"username": "gw", "password_file": str(secret)}
    async with session(broker.port, **named) as (link, heard):
        await until(lambda: len(heard.changes) >= 2)
        assert str(secret) in str(heard.changes[0])
        secret.write_text("x")
        await until(lambda: link.connected)


@pytest.mark.skipif(not PLUGINS, reason="Mosquitto's dynamic security plugin is not installed")
async def test_a_refused_subscription_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that grants the session but not the topics is told: how many, where to look."""
    rules = tmp_path / "rules.json"
    acl = {"publishClientSend": True, "publishClientReceive": True, "unsubscribe": True}
    deny = [{"acltype": "subscribePattern", "topic": "secret/#", "allow": False}]
    role = {"rolename": "gw", "acls": deny}
    group = {"groupname": "all", "roles": [{"rolename": "gw"}], "clients": []}
    rules.write_text(
        json.dumps(
            {
                "defaultACLAccess": {**acl, "subscribe": True},
                "clients": [], "groups": [group], "roles": [role], "anonymousGroup": "all",
            }
        )
    )  # fmt: skip
    stated(monkeypatch, f"plugin {PLUGINS[0]}", f"plugin_opt_config_file {rules}")
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker, capture_logs() as logs:
        async with session(broker.port, "plant/+/v", "secret/a") as (link, heard):
            await until(lambda: link.connected)
            await say(broker.port, "plant/a/v", b"1")
            await heard.took(1)
    told = [entry for entry in logs if "refused subscriptions" in entry["event"]]
    assert [(entry["refused"], entry["of"], entry["log_level"]) for entry in told] == [
        (1, 3, "error")
    ]


@versions
async def test_a_paused_session_leaves_messages_with_the_broker(
    broker: LocalBroker, version: str
) -> None:
    """Paused, nothing is read and nothing lost; resumed, everything comes in order."""
    async with (
        session(broker.port, version=version) as (link, heard),
        session(broker.port, version=version, node="other") as (control, beside),
    ):
        await until(lambda: link.connected and control.connected)
        link.pause()
        link.pause()
        await say(broker.port, "plant/a/v", *(b"%d" % n for n in range(200)))
        await beside.took(200)
        assert heard.messages == []
        link.resume()
        link.resume()
        await heard.took(200)
        assert heard.bodies == [b"%d" % n for n in range(200)]
        link.acknowledge(heard.receipts)
        await say(broker.port, "plant/a/v", b"after")
        await heard.took(201)


@versions
async def test_a_megabyte_comes_whole(broker: LocalBroker, version: str) -> None:
    """A payload far larger than one read of the socket is put together before it is handed over."""
    body = bytes(range(256)) * 4000
    async with session(broker.port, version=version) as (link, heard):
        await until(lambda: link.connected)
        await say(broker.port, "plant/a/v", body, b"small")
        await heard.took(2)
        assert heard.bodies == [body, b"small"]


async def test_more_filters_than_one_packet_holds_are_all_subscribed(broker: LocalBroker) -> None:
    """A site of a thousand topics is subscribed in pieces before the session counts as standing."""
    topics = [f"plant/d{number}/v" for number in range(1000)]
    async with session(broker.port, *topics) as (link, heard):
        await until(lambda: link.connected)
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            for topic in topics:
                await client.publish(topic, b"1", qos=0)
            await client.publish(topics[0], b"end", qos=1)
        await until(lambda: b"end" in heard.bodies)
        assert {message.topic for message in heard.messages} == set(topics)


async def test_a_retained_message_is_marked(broker: LocalBroker) -> None:
    """What the broker kept for new subscribers says so; the same message live does not."""
    await say(broker.port, "plant/a/v", b"old", retain=True)
    async with session(broker.port) as (link, heard):
        await until(lambda: link.connected)
        await heard.took(1)
        await say(broker.port, "plant/a/v", b"new", retain=True)
        await heard.took(2)
        assert [(m.payload, m.retain) for m in heard.messages] == [(b"old", True), (b"new", False)]


async def test_a_topic_that_is_no_utf8_disturbs_nothing(broker: LocalBroker) -> None:
    """Topics in any script are handed over as written."""
    async with session(broker.port, "厂区/+/v") as (link, heard):
        await until(lambda: link.connected)
        await say(broker.port, "厂区/氨/v", b"1")
        await heard.took(1)
        assert heard.messages[0].topic == "厂区/氨/v"


def certified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the next broker a certificate, signed by the authority in `ca`, not by `other-ca`."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(folder / "key")
    own.cert_chain_pems[0].write_to_path(folder / "cert")
    authority.cert_pem.write_to_path(folder / "ca")
    trustme.CA().cert_pem.write_to_path(folder / "other-ca")
    stated(monkeypatch, f"certfile {folder}/cert", f"keyfile {folder}/key")


async def test_a_burst_over_tls_comes_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With mqtts a burst comes whole, also what TLS had ready before the socket said so."""
    certified(tmp_path, monkeypatch)
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}"
        context = ssl.create_default_context(cafile=str(tmp_path / "ca"))
        async with session(broker.port, url=url, ca_file=str(tmp_path / "ca")) as (link, heard):
            await until(lambda: link.connected)
            async with aiomqtt.Client("127.0.0.1", broker.port, tls_context=context) as client:
                bodies = [b"%d" % number * 500 for number in range(400)]
                await asyncio.gather(*(client.publish("plant/a/v", b, qos=1) for b in bodies))
            await heard.took(400)
            assert sorted(heard.bodies) == sorted(bodies)
            link.acknowledge(heard.receipts)


# paho leaves a socket whose handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_broker_whose_certificate_nobody_signed_for_us_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another authority's certificate is refused before anything is said, and the reason told."""
    certified(tmp_path, monkeypatch)
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        url, wrong = f"mqtts://127.0.0.1:{broker.port}", str(tmp_path / "other-ca")
        async with session(broker.port, url=url, ca_file=wrong) as (link, heard):
            await until(lambda: bool(heard.changes))
            assert "certificate" in str(heard.changes[0]).lower()
            assert not link.connected
