"""Nothing is compiled while messages wait: the first one is as fast as the rest."""

from __future__ import annotations

import importlib
import pkgutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numba.core.registry
import pytest

import detectors
from gateway import southbound
from gateway.clock import SystemClock
from gateway.observe import Metrics
from gateway.pipeline.engine import Engine
from gateway.roles.edge.site import load_site
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.client import new_client
from gateway.southbound.ingest import Ingest
from gateway.southbound.mqtt import BrokerSession
from gateway.southbound.settings import BrokerSettings
from tests.gateway.southbound.test_client import packet
from tests.gateway.southbound.test_ingest import NOW, SITE


def compiled() -> Iterator[tuple[str, int]]:
    """Every kernel of the product, and for how many kinds of arguments it is compiled."""
    for package in (detectors, southbound):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                if isinstance(value, numba.core.registry.CPUDispatcher):
                    yield f"{module.__name__}.{name}", len(value.signatures)


@pytest.mark.parametrize("five", [False, True])
def test_no_kernel_is_compiled_after_the_warm_up(tmp_path: Path, *, five: bool) -> None:
    """Whatever way a message takes, the kernels it meets were there before it."""
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    plant = load_site(tmp_path / "site.toml").plant
    engine, ingest = Engine(plant), Ingest(plant, Metrics())
    session = BrokerSession(
        BrokerSettings(url="mqtt://127.0.0.1:1", version="5" if five else "3.1.1"),
        node="gw",
        filters=ingest.router.filters,
        clock=SystemClock(),
        deliver=lambda _: True,
        changed=lambda _: None,
    )
    for stage in (engine, ingest, session):
        stage.warm_up()
    before = dict(compiled())
    assert len(before) > 20
    said = [
        b'{"ts": %d, "a": 12.5, "b": [5]}' % (NOW // 1_000_000),
        b'{"ts": "2026-09-21T12:00:00Z", "a": 1.2345678901234567, "b": [0]}',
        b'{"a": null}',
        b'{"a": "12", "b": {"0": 1}}',
        b"{",
        b"\xff",
    ]
    messages = [Message("plant/d1/v", payload, 1, mid=7) for payload in said]
    messages += [Message("nobody", b"x"), Message("hazgate/gw/fence", b"marker", own=True)]
    # As the session meets them: in its client's buffer, from its socket.
    ours, broker = socket.socketpair()
    client = new_client(session.settings, "gw")
    client._sock = ours
    broker.sendall(b"".join(packet(message, five=five) for message in messages))
    client.receive()
    buffer, spans, _ = client.published(session._own, five=five)
    assert len(spans) == len(messages)
    engine.process(ingest.take(Arrivals(buffer=buffer, spans=spans, received_ns=NOW)).batch)
    client._sock = None
    ours.close()
    broker.close()
    for each in ([], messages[:1], messages):
        taken = ingest.take(Arrivals.of(each, received_ns=NOW))
        engine.process(taken.batch)
    engine.tick(NOW)
    assert dict(compiled()) == before
