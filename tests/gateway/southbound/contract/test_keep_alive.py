"""Is the other end alive: PINGREQ in time, and a connection that says nothing is made anew."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress

import pytest

from gateway.simulation.broker import mosquitto
from tests.gateway.southbound.contract.conftest import Site
from tests.gateway.southbound.contract.frames import (
    PINGREQ,
    PUBLISH,
    SUBSCRIBE,
    Packet,
    Publish,
    connack,
)
from tests.gateway.southbound.contract.scripted import Line, Scripted
from tests.gateway.southbound.session import Tap, session, until

SERVER_KEEP_ALIVE, ASSIGNED = b"\x13\x00\x01", b"\x12\x00\x05other"


class Hole(Tap):
    """A line into which everything falls while it is deaf: both ways, the end too."""

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, **_: bool
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(65_536):
                if not self.deaf:
                    writer.write(piece)
        while self.deaf:
            await asyncio.sleep(0.01)
        writer.transport.abort()


def hasten(link: object) -> None:
    """Let a session that has not begun keep alive each second: less than a site file may state."""
    settings = link.settings  # type: ignore[attr-defined]
    link.settings = settings.model_copy(update={"keep_alive_s": 1})  # type: ignore[attr-defined]


async def test_the_keep_alive_is_stated_and_kept(scripted: Scripted) -> None:
    """CONNECT states it, and a session that has nothing to say sends PINGREQ within it."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        hasten(link)
        line = await scripted.line()
        assert line.said[0].body[8:10] == b"\x00\x01"
        await line.took(PINGREQ, 2)
        assert all(packet == (0xC0, b"") for packet in line.of(PINGREQ))
        assert heard.changes == [None]
        assert len(scripted.lines) == 1


@pytest.mark.parametrize("scripted", ["3.1.1"], indirect=True)
async def test_a_flood_does_not_keep_pingreq_back(scripted: Scripted) -> None:
    """While messages come in without a pause PINGREQ leaves, and its answer is found among them."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        hasten(link)
        line = await scripted.line()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while len(line.of(PINGREQ)) < 2:
            line.publish(*[Publish(b"plant/a/v", b"x" * 50)] * 100)
            await asyncio.sleep(0)
            assert loop.time() - begun < 30
        assert heard.changes == [None]
        assert len(scripted.lines) == 1
        assert len(heard.messages) > 1000


@pytest.mark.parametrize("scripted", ["5"], indirect=True)
async def test_acknowledging_alone_does_not_hide_a_broker_that_is_gone(
    scripted: Scripted,
) -> None:
    """A session that only sends asks all the same whether the other end is there."""
    scripted.pongs = False
    async with session(scripted.port, version=scripted.version) as (link, heard):
        hasten(link)
        line = await scripted.line()
        line.publish(Publish(b"plant/a/v", b"x", 1, identifier=1))
        await heard.took(1)
        while not line.ended:
            link.acknowledge(heard.receipts)
            await asyncio.sleep(0.01)
        assert len(line.of(PINGREQ)) >= 1
        await scripted.line(2)


@pytest.mark.parametrize("scripted", ["3.1.1"], indirect=True)
async def test_a_broker_that_answers_no_pingreq_is_left(scripted: Scripted) -> None:
    """No PINGRESP: the connection is given up, told, and made anew."""
    scripted.pongs = False
    async with session(scripted.port, version=scripted.version) as (link, heard):
        hasten(link)
        line = await scripted.line()
        await line.gone()
        assert len(line.of(PINGREQ)) == 1
        scripted.pongs = True
        await scripted.line(2)
        await until(lambda: heard.changes[-1] is None and len(heard.changes) == 3)
        assert "Keep alive" in str(heard.changes[1])


@pytest.mark.broker
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
@pytest.mark.parametrize(
    "site", ["3.1.1", pytest.param("5 over TLS", marks=pytest.mark.more)], indirect=True
)
# paho leaves a socket whose handshake was broken off to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_half_open_connection_is_found(site: Site) -> None:
    """The line swallows all and says nothing, not even that it ends: it is left and made anew."""
    async with (
        Hole(site.port) as hole,
        session(0, **site.settings(hole.port)) as (link, heard),
    ):
        hasten(link)
        await until(lambda: link.connected)
        hole.deaf = True
        await until(lambda: len(heard.changes) >= 2)
        assert "Keep alive" in str(heard.changes[1])
        hole.deaf = False
        await until(lambda: link.connected)
        await site.say("plant/a/v", b"there again")
        await heard.took(1)


async def test_the_server_keep_alive_replaces_ours() -> None:
    """MQTT 5: what CONNACK states is kept, not what CONNECT asked for."""
    async with Scripted("5") as broker:
        broker.connack = connack(five=True, properties=SERVER_KEEP_ALIVE)
        async with session(broker.port, version="5", keep_alive_s=3600) as (_, heard):
            line = await broker.line()
            assert line.said[0].body[8:10] == b"\x0e\x10"
            await line.took(PINGREQ, 2)
            assert heard.changes == [None]


async def test_the_shortest_keep_alive_is_not_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """PINGREQ leaves within the second that a server states, not when it has passed."""
    came: list[tuple[int, float]] = []
    answer = Scripted._answer

    def noted(broker: Scripted, line: Line, packet: Packet) -> None:
        came.append((packet.kind, asyncio.get_running_loop().time()))
        answer(broker, line, packet)

    monkeypatch.setattr(Scripted, "_answer", noted)
    gaps: list[float] = []
    async with Scripted("5") as broker:
        broker.connack = connack(five=True, properties=SERVER_KEEP_ALIVE)
        async with session(broker.port, version="5", keep_alive_s=3600):
            # What a busy machine holds up is late once, not each time.
            for number in range(1, 4):
                came.clear()
                line = await broker.line(number)
                await line.took(PINGREQ, 2)
                first, *others = (at for kind, at in came if kind in {SUBSCRIBE, PINGREQ})
                gaps += [at - before for before, at in itertools.pairwise([first, *others])]
                line.cut()
    assert len(gaps) >= 6
    assert max(min(gaps[0::2]), min(gaps[1::2])) <= 1.0


async def test_a_server_without_keep_alive_is_not_asked_all_the_time() -> None:
    """MQTT 5: a server that states 0 wants no PINGREQ, and gets none."""
    async with Scripted("5") as broker:
        broker.connack = connack(five=True, properties=b"\x13\x00\x00")
        async with session(broker.port, version="5") as (link, heard):
            line = await broker.line()
            await until(lambda: link.connected)
            connection = link._line
            assert connection is not None
            client = connection._client
            looks: list[object] = []
            misc = client.loop_misc
            client.loop_misc = lambda: looks.append(misc())  # type: ignore[method-assign]
            await until(lambda: len(looks) > 3)
            assert link.publish("plant/mark", b"mark")
            await line.took(PUBLISH)
            assert line.of(PINGREQ) == []
            assert heard.changes == [None]


async def test_an_assigned_identifier_is_not_taken_up() -> None:
    """Our identifier names the session on every connection, whatever a broker assigns."""
    async with Scripted("5") as broker:
        broker.connack = connack(five=True, properties=ASSIGNED)
        async with session(broker.port, version="5"):
            for number in itertools.count(1):
                line = await broker.line(number)
                assert b"\x00\x0ahazgate-gw" in line.said[0].body
                assert b"other" not in line.said[0].body
                if number == 2:
                    break
                line.cut()
