"""The broker session over broken connections: what comes again, what is told, who is refused."""

from __future__ import annotations

import getpass
import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulation import broker as simulated
from gateway.simulation.broker import LocalBroker, mosquitto
from gateway.southbound import mqtt
from tests.gateway.southbound.session import Tap, owed, say, session, until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]
versions = pytest.mark.parametrize("version", ["3.1.1", "5"])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as running:
        yield running


class Drawn:
    """Draws no time at all, and remembers between which bounds."""

    def __init__(self) -> None:
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append((a, b))
        return 0.0


def hashed(password: str) -> str:
    """A password as Mosquitto's own file holds it: PBKDF2 of SHA-512, 101 rounds."""
    salt = bytes(range(12))
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${b64encode(salt).decode()}${b64encode(key).decode()}"


def stated(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Let the next broker's configuration say more."""
    # Mosquitto started by root turns into another user, who may not read a test's folder.
    own = f"user {getpass.getuser()}"
    text = simulated.CONFIGURATION + "".join(f"{line}\n" for line in (own, *lines))
    monkeypatch.setattr(simulated, "CONFIGURATION", text)


@versions
async def test_what_was_not_acknowledged_comes_again_and_nothing_else(
    broker: LocalBroker, version: str
) -> None:
    """After a broken connection the broker repeats, marked DUP, only what was not acknowledged."""
    async with (
        Tap(broker.port) as tap,
        session(tap.port, version=version) as (link, heard),
    ):
        await until(lambda: link.connected)
        await say(broker.port, "plant/a/v", *(b"%d" % n for n in range(6)))
        first = list(await heard.took(6))
        link.acknowledge(owed(first[:2]))
        # The broker reads in order: what comes back from here shows that it has read the two.
        assert link.publish("plant/mark/v", b"mark")
        await heard.took(7)
        heard.messages.clear()
        tap.cut()
        await until(lambda: len(heard.changes) == 3 and link.connected)
        again = list(await heard.took(5))
        assert [message.payload for message in again] == [b"2", b"3", b"4", b"5", b"mark"]
        assert all(message.dup for message in again)
        assert {message.connection for message in again} == {link.connection}
        assert link.connection > first[0].connection
        assert heard.changes[0] is None
        assert heard.changes[2] is None
        assert "lost" in str(heard.changes[1])


@versions
async def test_an_acknowledgement_is_never_sent_on_another_connection(
    broker: LocalBroker, version: str
) -> None:
    """Acknowledging messages of the connection before leaves the repeated ones unacknowledged."""
    async with (
        Tap(broker.port) as tap,
        session(tap.port, version=version) as (link, heard),
    ):
        await until(lambda: link.connected)
        await say(broker.port, "plant/a/v", b"0", b"1", b"2")
        old = list(await heard.took(3))
        for turn in range(2):
            heard.messages.clear()
            tap.cut()
            await until(lambda changes=3 + 2 * turn: len(heard.changes) >= changes)
            # The same packet ids again: only the connection tells the two apart.
            again = await heard.took(3)
            assert [message.mid for message in again] == [message.mid for message in old]
            link.acknowledge(owed(old))
            assert link.publish("plant/mark/v", b"mark", qos=0)
            await heard.took(4)
        link.acknowledge(owed(heard.messages[:3]))
        assert link.publish("plant/mark/v", b"mark", qos=0)
        await heard.took(5)
        heard.messages.clear()
        tap.cut()
        await until(lambda: len(heard.changes) == 7)
        await say(broker.port, "plant/a/v", b"new")
        await until(lambda: b"new" in heard.bodies)
        assert heard.bodies == [b"new"]


@versions
async def test_a_broker_that_is_away_is_tried_for_ever_and_told(
    tmp_path: Path, version: str
) -> None:
    """Away at the start, gone, and there again: each change is told, and the session comes back."""
    there = LocalBroker(tmp_path / "broker", program=mosquitto())
    async with session(there.port, version=version) as (link, heard):
        await until(lambda: len(heard.changes) >= 2)
        assert all("refused" in str(change) for change in heard.changes)
        assert not link.publish("plant/a/v", b"nowhere to go")
        for _ in range(2):
            heard.changes.clear()
            there.start()
            try:
                await until(lambda: link.connected)
                assert heard.changes[-1] is None
            finally:
                there.stop()
            await until(lambda: heard.changes[-1] is not None)
            assert not link.connected


@versions
async def test_a_wrong_password_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """A refused session says that the broker refused it, why, and where to look."""
    users, secret = tmp_path / "users", tmp_path / "password"
    users.write_text(f"gw:{hashed('right')}\n")
    secret.write_text("wrong\n")
    stated(monkeypatch, f"password_file {users}")
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        named = {"username": "gw", "password_file": str(secret)}
        async with session(broker.port, version=version, **named) as (link, heard):
            await until(lambda: len(heard.changes) >= 1)
            assert "the broker refused the session" in str(heard.changes[0])
            assert "check its users and ACL" in str(heard.changes[0])
            assert not link.connected
            # Put right while it runs: the next attempt reads the file again.
            secret.write_text("right\n")
            await until(lambda: link.connected)
            assert heard.changes[-1] is None


async def test_a_broker_that_is_away_is_tried_ever_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waits are drawn within ever wider bounds up to half a minute; a session begins them anew."""
    drawn = Drawn()
    monkeypatch.setattr(mqtt, "RANDOM", drawn)
    broker = LocalBroker(tmp_path / "broker", program=mosquitto())
    async with session(broker.port) as (link, _):
        await until(lambda: len(drawn.bounds) >= 10)
        with broker:
            await until(lambda: link.connected)
            away = len(drawn.bounds)
        await until(lambda: len(drawn.bounds) > away)
    assert [b for _, b in drawn.bounds[:10]] == [0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30]
    assert {a for a, _ in drawn.bounds} == {0.2}
    assert drawn.bounds[away] == (0.2, 0.4)
