"""How often a busy socket is read: seldom enough to take much at once, never when it would cost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from bench.frames import connect, publish
from gateway.clock import SystemClock
from gateway.simulation.broker import LocalBroker, mosquitto
from gateway.southbound.arrivals import Arrivals
from gateway.southbound.client import BufferedClient
from gateway.southbound.mqtt import BrokerSession
from gateway.southbound.settings import BrokerSettings
from gateway.southbound.socket_watch import APART_S, SocketWatch
from tests.gateway.southbound.session import until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]
BURST = b"".join(publish(b"plant/a/v", b"1", qos=0, number=0) for _ in range(100))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as running:
        yield running


class Reader:
    """A session that notes when it was read, and whether it rested meanwhile."""

    def __init__(self, broker: LocalBroker, *, room: bool) -> None:
        self.room = room
        self.read_s: list[float] = []
        self.rested = 0
        self.count = 0
        self.session = BrokerSession(
            BrokerSettings(url=f"mqtt://127.0.0.1:{broker.port}"),
            node="gw",
            filters=["plant/+/v"],
            clock=SystemClock(),
            deliver=self.deliver,
            changed=lambda _: None,
        )

    def deliver(self, arrivals: Arrivals) -> bool:
        self.count += len(arrivals)
        line = self.session._line
        assert line is not None
        # A read that brought more than the table holds is handed over in parts.
        if line.watch.read_at not in self.read_s[-1:]:
            self.read_s.append(line.watch.read_at)
        asyncio.get_running_loop().call_soon(self._look, line.watch)
        return self.room

    def _look(self, watch: SocketWatch) -> None:
        self.rested += watch.resting


async def flooded(broker: LocalBroker, *, room: bool) -> Reader:
    """Flood a session with messages that come piece by piece."""
    reader = Reader(broker, room=room)
    async with reader.session:
        await until(lambda: reader.session.connected)
        with connect(broker.port, "device") as device:
            for _ in range(100):
                await asyncio.to_thread(device.sendall, BURST)
            await until(lambda: reader.count == 100 * 100)
    return reader


async def test_reads_of_a_busy_socket_are_apart(broker: LocalBroker) -> None:
    """While messages stream in, what comes within a millisecond is taken together."""
    reader = await flooded(broker, room=True)
    # One read may follow another at once: it tells that the socket is busy.
    gaps = [b - a for a, b in zip(reader.read_s, reader.read_s[2:], strict=False)]
    assert min(gaps) >= 0.9 * APART_S


class Streaming:
    """A client that has read something each time it is asked."""

    unannounced = False

    def __init__(self) -> None:
        self.reads = 0

    def receive(self) -> bool:
        self.reads += 1
        return True

    def want_write(self) -> bool:
        return False


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(("apart", "rests"), [(1.9 * APART_S, True), (2.1 * APART_S, False)])
async def test_a_socket_that_is_read_twice_in_a_moment_is_left_alone(
    ends: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    *,
    apart: float,
    rests: bool,
) -> None:
    """A second read within two milliseconds says that the socket is busy; a later one does not."""
    loop = asyncio.get_running_loop()
    client = Streaming()
    watch = SocketWatch(cast("BufferedClient", client), ends[0], take=lambda: True)
    now = loop.time()
    with monkeypatch.context() as frozen:
        frozen.setattr(loop, "time", lambda: now)
        watch.read()
        now += apart
        watch.read()
    assert watch.resting is rests
    if rests:
        watch.read()
        assert client.reads == 2
        await until(lambda: client.reads >= 3)
    watch.close()


async def test_a_broker_that_waits_for_us_is_never_kept_waiting(broker: LocalBroker) -> None:
    """Where the in-flight window is small, the socket is read as soon as it is readable."""
    reader = await flooded(broker, room=False)
    assert reader.rested == 0


async def test_a_message_after_a_quiet_moment_is_read_at_once(broker: LocalBroker) -> None:
    """A site that speaks once a second pays nothing for the pace of a busy one."""
    reader = Reader(broker, room=True)
    loop = asyncio.get_running_loop()
    async with reader.session:
        await until(lambda: reader.session.connected)
        with connect(broker.port, "device") as device:
            for number in range(5):
                quiet = loop.time() + 5 * APART_S
                await until(lambda quiet=quiet: loop.time() > quiet)
                device.sendall(publish(b"plant/a/v", b"1", qos=0, number=0))
                await until(lambda wanted=number + 1: reader.count == wanted)
    assert reader.rested == 0
