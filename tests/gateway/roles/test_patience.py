"""Requests that are begun and not finished hold nothing; what the centre makes wait is not cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.northbound import wire
from gateway.roles import centre as role
from gateway.roles import patience
from gateway.supervision.api import stream as stream_module
from tests.gateway.supervision.world import NOON_NS, World, opened

HEAD = b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = HEAD + b"Content-Length: 60000\r\n\r\n"
WHOLE = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with asyncio.timeout(60), opened(tmp_path / "centre", ManualClock(NOON_NS)) as made:
        yield made


async def cut(world: World, sent: bytes, *, drip: bytes = b"") -> bool:
    """Whether the centre ends a connection on which this was sent, and goes on being sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.running.port)
    writer.write(sent)
    with suppress(ConnectionError):
        async with asyncio.timeout(30):
            while not reader.at_eof():
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await reader.read(1000)
                writer.write(drip)
                await writer.drain()
    writer.close()
    return True


@pytest.mark.parametrize(
    ("sent", "drip"),
    [
        (b"", b""),
        (HEAD, b""),
        (BODY, b""),
        (HEAD, b"x"),
        (BODY, b" "),
        (WHOLE + HEAD, b""),
        (WHOLE + BODY, b""),
        (b"GET /api/v1/alarms HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", b"x"),
    ],
    ids=["nothing", "head", "body", "head-drip", "body-drip", "second", "second-body", "refused"],
)
async def test_half_a_request_is_cut(
    world: World, monkeypatch: pytest.MonkeyPatch, sent: bytes, drip: bytes
) -> None:
    """A request that does not come to its end is cut off, also one that drips."""
    monkeypatch.setattr(patience, "PATIENCE_S", 0.3)
    assert await cut(world, sent, drip=drip)


async def test_a_stream_outlasts_the_patience(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has asked and listens is never cut."""
    monkeypatch.setattr(patience, "PATIENCE_S", 0.1)
    monkeypatch.setattr(stream_module, "PING_S", 0.05)
    async with world.stream(await world.admin()) as stream:
        for _ in range(20):
            await stream.next("ping")


async def test_a_slow_link_gets_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large request that keeps coming is taken, however long it takes in all."""
    monkeypatch.setattr(patience, "PATIENCE_S", 1.5)
    monkeypatch.setattr(patience, "LEAST_BYTES", 1000)
    child = await world.child()
    sent = wire.encode(wire.Intake(node="gw1", life=child.life, epoch=child.epoch, items=[]))

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b" " * 2000
            await asyncio.sleep(0.4)
        yield sent

    answer = await child.client.post(wire.INTAKE, content=slowly(), headers=child.headers)
    assert answer.status_code == 200


async def test_connections_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound requests are answered 503, and served again when others have left."""
    monkeypatch.setattr(role, "CONNECTIONS", 4)
    async with asyncio.timeout(60), opened(tmp_path / "centre", ManualClock(NOON_NS)) as world:
        idle = [await asyncio.open_connection("127.0.0.1", world.running.port) for _ in range(4)]
        path = f"{world.running.url}/api/v1/health"
        async with httpx.AsyncClient() as client:
            assert (await client.get(path)).status_code == 503
            for _, writer in idle:
                writer.close()
            while (await client.get(path)).status_code == 503:
                await asyncio.sleep(0)
