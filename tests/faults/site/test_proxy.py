"""The proxy does to bytes what its weather says, and the tap reads what passes it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.site.proxy import DOWN, UP, Proxy, Request, Weather
from tests.faults.site.tap import Tap

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PATIENCE_S = 10.0


@asynccontextmanager
async def echoing(*, watch: object = None) -> AsyncIterator[Proxy]:
    """A proxy before a server that says everything again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Proxy(port, chance=random.Random(1), watch=watch) as proxy:  # type: ignore[arg-type]
        yield proxy
    server.close()


async def asked(proxy: Proxy, data: bytes) -> bytes:
    """Say something through the proxy and return the answer; empty when the connection ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(data)
            return await reader.readexactly(len(data))
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("weather", [Weather(), Weather(slice_bytes=1), Weather(latency_s=0.01)])
async def test_fair_weather_brings_everything(weather: Weather) -> None:
    """Sliced, late or neither: what was said arrives whole."""
    async with echoing() as proxy:
        proxy.weather = weather
        assert await asked(proxy, b"a" * 300) == b"a" * 300


async def test_an_answer_is_lost_after_the_work_was_done() -> None:
    """The request reached the server, its answer nobody, and the connection is reset."""
    passed: list[tuple[str, bytes]] = []
    async with echoing(watch=lambda _, direction, data: passed.append((direction, data))) as proxy:
        proxy.weather = Weather(lost_answers=1.0)
        assert await asked(proxy, b"request") == b""
        assert (UP, b"request") in passed
        assert proxy.done == {"lost answer": 1}


async def test_a_request_is_reset_when_it_has_gone_up() -> None:
    """Not before its body is whole."""
    async with echoing() as proxy:
        proxy.weather = Weather(reset_requests=1.0)
        assert await asked(proxy, b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nab") != b""
        assert await asked(proxy, b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nabcd") == b""


async def test_what_froze_goes_on_and_what_was_swallowed_does_not() -> None:
    """Frozen bytes come when it thaws; a half-open connection answers nothing."""
    async with echoing() as proxy:
        proxy.weather = Weather(frozen=True)
        waiting = asyncio.create_task(asked(proxy, b"ice"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        proxy.weather = Weather()
        assert await waiting == b"ice"
        proxy.weather = Weather(swallowing=True)
        waiting = asyncio.create_task(asked(proxy, b"gone"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        proxy.cut()
        assert await waiting == b""


def test_requests_end_where_their_length_says() -> None:
    """Also when two come together, and when one comes in pieces."""
    request = Request()
    assert not request.whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na")
    assert request.whole(b"bc")
    assert request.whole(b"GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")


def test_the_tap_hears_which_messages_were_acknowledged() -> None:
    """By packet identifier, in either version, however the bytes are cut."""
    heard: list[tuple[str, bytes]] = []
    tap = Tap(lambda topic, payload, _: heard.append((topic, payload)))
    connect = bytes([0x10, 10, 0, 4, *b"MQTT", 5, 2, 0, 60])
    publish = bytes([0x32, 11, 0, 3, *b"a/b", 0, 7, 2, 1, 1, *b"x"])
    for number, version in ((1, 5), (2, 4)):
        hello = connect[:8] + bytes([version]) + connect[9:]
        body = publish if version == 5 else bytes([0x32, 8, 0, 3, *b"a/b", 0, 7, *b"x"])
        tap.watch(number, UP, hello)
        for byte in body:
            tap.watch(number, DOWN, bytes([byte]))
        tap.watch(number, UP, bytes([0x40, 2, 0, 9]))
        tap.watch(number, UP, bytes([0x40, 2, 0, 7]))
    assert heard == [("a/b", b"x")] * 2
    assert (tap.sent, tap.acknowledged, tap.most_in_flight) == (2, 2, 1)
