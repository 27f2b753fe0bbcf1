"""The whole site from the shipped files: broker, centre and edge, paired by the command, by TLS."""

from __future__ import annotations

import asyncio
import re
import shlex
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.alarms.actions import SirenCommand
from gateway.simulation.broker import free_port, mosquitto
from tests.deploy.shipped import CENTRE, SITE, UNITS, as_shipped, unit
from tests.deploy.site_broker import GATEWAY, HOST, SiteBroker, certificates_in, make, password

START_S = 90.0
ALARM = f"{GATEWAY}/AR1-AT-101/ammonia.machine_room.h"
decode_command = msgspec.json.Decoder(SirenCommand).decode


class Machine:
    """The places that the shipped files name, below one folder, and what runs there.

    Parameters
    ----------
    folder
        Stands for the root of the file system.
    broker
        Runs.
    """

    def __init__(self, folder: Path, broker: SiteBroker) -> None:
        self.folder = folder
        self.metrics = free_port()
        self.centre = free_port()
        self._broker = broker
        (folder / "etc/hazgate/tls").mkdir(parents=True)
        self._secret("edge", "broker-password", password(GATEWAY))
        authority = certificates_in(folder / "site-ca")
        assert make("server", authority, "centre", "centre.example", HOST).returncode == 0
        self._secret("centre", "centre-key", (authority / "centre.key").read_text())
        for name, made in (
            ("ca.crt", broker.folder / "tls" / "ca.crt"),
            ("centre-ca.crt", authority / "ca.crt"),
            ("centre.crt", authority / "centre.crt"),
        ):
            (folder / "etc/hazgate/tls" / name).write_bytes(made.read_bytes())
        for path in (SITE, SITE.with_name("points.csv"), CENTRE):
            text = self.here(path.read_text(encoding="utf-8"))
            (folder / "etc/hazgate" / path.name).write_text(text, encoding="utf-8")

    def here(self, text: str) -> str:
        """Return a text with its paths below the folder, and its addresses on loopback."""
        text = re.sub(r"(?<![\w.:/])/(?=(?:etc|var|run)/)", f"{self.folder}/", text)
        site, centre = as_shipped(SITE), as_shipped(CENTRE)
        for shipped, now in (
            (site["broker"]["url"], f"mqtts://{HOST}:{self._broker.password_port}"),
            (site["parent"]["url"], f"https://{HOST}:{self.centre}"),
            (site["metrics"]["listen"], f"{HOST}:{self.metrics}"),
            (centre["listen"]["address"], f"{HOST}:{self.centre}"),
        ):
            text = text.replace(f'"{shipped}"', f'"{now}"')
        return text

    @contextmanager
    def service(self, role: str) -> Iterator[Path]:
        """Start what the unit starts; yield the file it speaks into; stop it as systemd does."""
        service = unit(UNITS[role])["Service"]
        for kind, places in (("lib", "StateDirectory"), ("cache", "CacheDirectory")):
            for place in service.get(places, []):
                (self.folder / "var" / kind / place).mkdir(parents=True, mode=0o700)
        words = self.folder / f"{role}.log"
        with words.open("wb") as output:
            process = subprocess.Popen(
                self.command(self.here(service["ExecStart"][0])), stdout=output, stderr=output
            )
        try:
            yield words
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0, words.read_text(encoding="utf-8")

    def command(self, line: str) -> list[str]:
        """Return a shipped command line with the program of this environment."""
        program, *rest = shlex.split(line)
        assert program.endswith("/bin/hazgate")
        return [sys.executable, "-m", "gateway", *rest]

    def _secret(self, role: str, name: str, content: str) -> None:
        path = self.folder / "run/credentials" / UNITS[role].name / name
        path.parent.mkdir(parents=True)
        path.write_text(content, encoding="utf-8")


async def said(words: Path, text: str) -> str:
    """Return what a service said once it contains a text."""
    await until(lambda: text in words.read_text(encoding="utf-8"), f"{text}: {words.read_text()}")
    return words.read_text(encoding="utf-8")


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    deadline = asyncio.get_running_loop().time() + START_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, what
        await asyncio.sleep(0.05)


@pytest.mark.broker
@pytest.mark.timeout(300)
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
async def test_a_leak_is_an_alarm_at_siren_and_centre(tmp_path: Path, broker: SiteBroker) -> None:
    """From shipped files alone, a payload over TLS sounds the siren and is an alarm above."""
    machine = Machine(tmp_path / "machine", broker)
    store = machine.folder / "var/lib/hazgate"
    with ExitStack() as stack:
        centre = stack.enter_context(machine.service("centre"))
        login = re.search(r"admin with password (\S+)", await said(centre, "with password"))
        assert login is not None
        edge = stack.enter_context(machine.service("edge"))
        await said(edge, "not paired")
        await said(edge, "subscribed")
        code = (store / "centre" / f"pairing-{GATEWAY}.code").read_text(encoding="ascii").strip()
        pair = f"/opt/hazgate/bin/hazgate pair --config /etc/hazgate/site.toml --code {code}"
        paired = await asyncio.to_thread(
            subprocess.run,
            machine.command(machine.here(pair)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert paired.stdout == f"paired as {GATEWAY}\n", paired.stderr
        await said(edge, "connected to the parent")
        async with broker.client("siren-panel") as panel, broker.client("nh3-01") as device:
            await panel.subscribe("site/siren", qos=1)
            quiet = decode_command(bytes((await anext(aiter(panel.messages))).payload))
            assert (quiet.on, quiet.alarms) == (False, [])
            reading = {"ts": time.time_ns() // 1_000_000, "nh3": 500}
            await device.publish("plant/ar1/nh3-01", msgspec.json.encode(reading), qos=1)
            async for message in panel.messages:
                command = decode_command(bytes(message.payload))
                if command.on:
                    break
        assert ALARM in command.alarms
        trusting = ssl.create_default_context(
            cafile=str(machine.folder / "etc/hazgate/tls/centre-ca.crt")
        )
        address = f"https://{HOST}:{machine.centre}"
        async with httpx.AsyncClient(base_url=address, verify=trusting, trust_env=False) as client:
            session = await client.post(
                "/api/v1/session", json={"name": "admin", "password": login[1]}
            )
            assert session.status_code == httpx.codes.OK
            deadline = asyncio.get_running_loop().time() + START_S
            while ALARM not in (answer := await client.get("/api/v1/alarms")).text:
                assert asyncio.get_running_loop().time() < deadline, answer.text
                await asyncio.sleep(0.05)
            counters = await client.get(f"http://{HOST}:{machine.metrics}/metrics")
        assert "hazgate_broker_connected 1.0" in counters.text
        assert "hazgate_parent_connected 1.0" in counters.text
    assert (store / "edge" / "parent.token").stat().st_mode & 0o077 == 0
