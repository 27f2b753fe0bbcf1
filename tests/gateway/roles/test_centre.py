"""The centre as a process: it starts, says where, and stops when told."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from pydantic import ValidationError

from gateway.clock import ManualClock, SystemClock
from gateway.roles.centre import (
    CentreSettings,
    ListenSettings,
    RunningCentre,
    _bound,
    open_centre,
    run_centre,
)
from tests.gateway.supervision.world import Child, pairing_body

START = """
import asyncio, sys
from gateway.clock import SystemClock
from gateway.roles.centre import CentreSettings, run_centre
settings = CentreSettings.model_validate(
    {
        "node": {"id": "county"},
        "listen": {"address": "127.0.0.1:0"},
        "store": {"folder": sys.argv[1]},
    }
)
def tell(centre):
    print("ready", centre.url, flush=True)
asyncio.run(run_centre(settings, clock=SystemClock(), ready=tell))
print("stopped", flush=True)
"""


def settings(folder: Path, **tables: Any) -> CentreSettings:
    return CentreSettings.model_validate(
        {
            "node": {"id": "county"},
            "listen": {"address": "127.0.0.1:0"},
            "store": {"folder": str(folder / "centre")},
            **tables,
        }
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_starts_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    """A process prints its first password once, answers, and ends cleanly on a signal."""

    def run() -> list[str]:
        command = [sys.executable, "-c", START, str(tmp_path)]
        lines = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if line.startswith("ready "):
                    answer = httpx.get(line.split()[1] + "/api/v1/health")
                    assert answer.json()["status"] == "ok"
                    process.send_signal(number)
            assert process.wait(20) == 0
        return lines

    first, second = run(), run()
    assert sum("password" in line for line in first) == 1
    assert sum("password" in line for line in second) == 0
    assert first[-1] == second[-1] == "stopped\n"


async def test_cancellation_stops(tmp_path: Path) -> None:
    """Cancelling the role closes the listener and the store, with a stream open."""
    ready: asyncio.Future[RunningCentre] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_centre(settings(tmp_path), clock=SystemClock(), ready=ready.set_result)
    )
    running = await ready
    async with httpx.AsyncClient(base_url=running.url) as client:
        body = {"name": "admin", "password": running.first_password}
        await client.post("/api/v1/session", json=body)
        async with client.stream("GET", "/api/v1/events") as stream:
            assert stream.status_code == 200
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        with pytest.raises(httpx.ConnectError):
            await client.get("/api/v1/health")


async def test_tls(tmp_path: Path) -> None:
    """With certificate and key it speaks TLS only, and its cookie is marked Secure."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "centre.crt", tmp_path / "centre.key"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    listen = {"address": "127.0.0.1:0", "cert": str(cert), "key": str(key)}
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with open_centre(settings(tmp_path, listen=listen), clock=SystemClock()) as running:
        assert running.url.startswith("https://")
        async with httpx.AsyncClient(base_url=running.url, verify=trusting) as client:
            body = {"name": "admin", "password": running.first_password}
            answer = await client.post("/api/v1/session", json=body)
            assert "; secure" in answer.headers["Set-Cookie"].lower()
            assert "Strict-Transport-Security" in answer.headers


async def test_listed_nodes_get_a_code(tmp_path: Path) -> None:
    """A node that is listed finds a code in a file only the owner reads, until it is paired."""
    tables = {"pairing": {"nodes": ["gw1"]}}
    path = tmp_path / "centre" / "pairing-gw1.code"
    for _ in range(2):
        async with open_centre(settings(tmp_path, **tables), clock=ManualClock(1)) as running:
            code = path.read_text().strip()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # One that died before it kept what it was answered asks again with the same code, also of a
    # centre that was started anew; until it speaks the code lies there.
    for _ in range(2):
        async with open_centre(settings(tmp_path, **tables), clock=ManualClock(1)) as running:
            code = path.read_text().strip()
            async with httpx.AsyncClient(base_url=running.url) as client:
                answer = await client.post("/api/v1/pair", json=pairing_body(code))
                assert answer.json()["node"] == "gw1"
                other = await client.post("/api/v1/pair", json=pairing_body(code, "another"))
                assert other.status_code == 403
    async with open_centre(settings(tmp_path, **tables), clock=ManualClock(2)) as running:
        assert path.read_text().strip() == code
        async with httpx.AsyncClient(base_url=running.url) as client:
            child = Child("gw1", client, ManualClock(2), token="a token")
            assert (await child.beat()).status_code == 200
    async with open_centre(settings(tmp_path, **tables), clock=ManualClock(3)):
        assert not path.exists()


async def test_store_is_private(tmp_path: Path) -> None:
    """Folder, database and key are readable by their owner only."""
    async with open_centre(settings(tmp_path), clock=ManualClock(1)):
        folder = tmp_path / "centre"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("centre.sqlite", "node.key"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


async def test_taken_address_is_told(tmp_path: Path) -> None:
    """A second centre on the same address fails at once and leaves the first alone."""
    async with open_centre(settings(tmp_path), clock=ManualClock(1)) as running:
        taken = {"address": f"127.0.0.1:{running.port}"}
        with pytest.raises(OSError, match=r"(?i)address"):
            async with open_centre(settings(tmp_path / "b", listen=taken), clock=ManualClock(1)):
                pytest.fail("it must not start")


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "centre.example:1"])
def test_other_machines_come_by_tls(tmp_path: Path, address: str) -> None:
    """An address that other machines reach needs a certificate, or the word that a proxy has it."""
    with pytest.raises(ValidationError, match="give cert and key, listen on"):
        settings(tmp_path, listen={"address": address})
    for listen in ({"behind_tls": True}, {"cert": "a", "key": "b"}):
        assert settings(tmp_path, listen={"address": address, **listen}).listen.secure


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])
def test_this_machine_comes_as_it_likes(tmp_path: Path, address: str) -> None:
    """On loopback a centre needs no TLS, and its cookies do not ask for it."""
    assert not settings(tmp_path, listen={"address": address}).listen.secure


@pytest.mark.parametrize(
    "tables",
    [
        {"node": {"id": "a b"}},
        {"node": {}},
        {"listen": {"address": "nowhere"}},
        {"listen": {"address": "127.0.0.1:99999"}},
        {"listen": {"cert": "a"}},
        {"extra": {}},
        {"store": {"path": "x"}},
    ],
)
def test_bad_settings_are_refused(tmp_path: Path, tables: dict[str, Any]) -> None:
    """Unknown keys, half a TLS pair and impossible addresses are refused."""
    with pytest.raises(ValidationError):
        settings(tmp_path, **tables)


async def test_an_answer_is_sent_at_once() -> None:
    """What a centre writes waits for no acknowledgement of what it wrote before."""
    options: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours = writer.get_extra_info("socket")
        options.set_result(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with _bound(ListenSettings(address="127.0.0.1:0")) as listener:
        async with await asyncio.start_server(met, sock=listener) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await options
            writer.close()
            await writer.wait_closed()
