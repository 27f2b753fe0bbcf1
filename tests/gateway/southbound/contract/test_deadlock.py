"""A broker that is killed as the session tells that it stands."""

from __future__ import annotations

import faulthandler
import socket
import struct
import sys
import threading

import pytest

from gateway.clock import SystemClock
from gateway.southbound.mqtt import BrokerSession
from gateway.southbound.settings import BrokerSettings
from tests.gateway.southbound.contract.frames import SUBSCRIBE, connack, frames, suback
from tests.gateway.southbound.session import until


def serve(server: socket.socket, reset: threading.Event, *, five: bool) -> None:
    """Greet and grant, then reset; the second connection is kept."""
    for last in (False, True):
        with server.accept()[0] as line:
            line.recv(65_536)
            line.sendall(connack(five=five))
            packet = next(p for p in frames(line.recv(65_536)) if p.kind == SUBSCRIBE)
            line.sendall(suback(packet.identifier, b"\x01\x01", five=five))
            if not last:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while last and line.recv(65_536):
                pass
        reset.set()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_a_reset_while_the_session_tells_that_it_stands(version: str) -> None:
    """What is published then fails, and the session is made anew: nothing waits for ever."""
    faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)
    stood: list[None] = []
    reset = threading.Event()

    def changed(lost: str | None) -> None:
        if lost is None:
            stood.append(lost)
            assert reset.wait(30)
            link.publish("plant/siren", b"on")
            link.publish("plant/siren", b"on")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(
            target=serve, args=(server, reset), kwargs={"five": version == "5"}
        ).start()
        url = f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        link = BrokerSession(
            BrokerSettings.model_validate({"url": url, "version": version}),
            node="gw",
            filters=("plant/+/v",),
            clock=SystemClock(),
            deliver=lambda _: True,
            changed=changed,
        )
        async with link:
            await until(lambda: len(stood) == 2)
    faulthandler.cancel_dump_traceback_later()
