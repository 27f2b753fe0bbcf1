"""The lines of the contract: a real Mosquitto in every version and transport, a scripted one."""

from __future__ import annotations

import getpass
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest
import trustme

from gateway.simulation import broker as simulated
from gateway.simulation.broker import LocalBroker, free_port, mosquitto
from gateway.southbound import mqtt
from tests.gateway.southbound.contract.scripted import Scripted


@dataclass(frozen=True)
class Site:
    """A Mosquitto with a plain and an encrypted listener, and how the session reaches it."""

    broker: LocalBroker
    version: str
    tls_port: int = 0
    authority: str = ""

    @property
    def port(self) -> int:
        """The port that the session speaks to."""
        return self.tls_port or self.broker.port

    def settings(self, port: int = 0) -> dict[str, str]:
        """What the session is told of the broker, at that port if there is one."""
        scheme = "mqtts" if self.tls_port else "mqtt"
        said = {"version": self.version, "url": f"{scheme}://127.0.0.1:{port or self.port}"}
        return said | ({"ca_file": self.authority} if self.tls_port else {})

    async def say(
        self, topic: str, *bodies: bytes, qos: int = 1, retain: bool = False, fast: bool = False
    ) -> None:
        """Publish; return when the broker has taken everything."""
        context = ssl.create_default_context(cafile=self.authority) if self.tls_port else None
        async with aiomqtt.Client("127.0.0.1", self.port, tls_context=context) as client:
            for body in bodies[:-1] if fast else ():
                await client.publish(topic, body, qos=0, retain=retain)
            for body in bodies[-1:] if fast else bodies:
                await client.publish(topic, body, qos=qos, retain=retain)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that was lost is tried again at once: no test waits for patience."""
    monkeypatch.setattr(mqtt, "RETRY_FIRST_S", 0.005)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority and a certificate it gave to loopback."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(folder / "key")
    own.cert_chain_pems[0].write_to_path(folder / "cert")
    authority.cert_pem.write_to_path(folder / "ca")
    return folder


@pytest.fixture(params=["3.1.1", "5", "3.1.1 over TLS", "5 over TLS"])
def site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    """A running Mosquitto that keeps sessions, in each version over each transport."""
    version, _, encrypted = request.param.partition(" over ")
    # Mosquitto started by root turns into another user, who may not read a test's folder.
    lines = [f"user {getpass.getuser()}"]
    tls_port = free_port() if encrypted else 0
    if encrypted:
        lines += [
            f"listener {tls_port} 127.0.0.1",
            f"certfile {certificates}/cert",
            f"keyfile {certificates}/key",
        ]
    text = simulated.CONFIGURATION + "".join(f"{line}\n" for line in lines)
    monkeypatch.setattr(simulated, "CONFIGURATION", text)
    folder = tmp_path / "broker"
    with LocalBroker(folder, persistent=True, program=mosquitto()) as broker:
        yield Site(broker, version, tls_port, str(certificates / "ca"))


@pytest.fixture(params=["3.1.1", "5"])
async def scripted(request: pytest.FixtureRequest) -> AsyncIterator[Scripted]:
    """A broker that keeps to the test's script, in each version."""
    async with Scripted(request.param) as broker:
        yield broker
