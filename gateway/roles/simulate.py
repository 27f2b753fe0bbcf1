"""`hazgate simulate`: a site's devices, played to any broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import aiomqtt

from gateway.clock import SystemClock
from gateway.model import NANOSECONDS
from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import Site
from gateway.simulation.incidents import DEMO, demo_scenario, quiet
from gateway.simulation.plant import Ramp, Scenario, SimulatedPlant, tags_of
from gateway.simulation.player import Player

SCENARIOS: Final = ("quiet", "leak")
#: mqtt:// without a port.
PORT: Final = 1883
FOREVER_S: Final = 10 * 365 * 86_400.0


def address(broker: str) -> tuple[str, int]:
    """Return host and port of a broker's address.

    Raises
    ------
    ValueError
        It is none, or one that this command cannot speak to.
    """
    try:
        parts = urlsplit(broker)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        parts, host, port = urlsplit(""), None, PORT
    if parts.scheme == "mqtts" or parts.username or parts.password:
        raise ValueError(
            f"{broker}: the simulator speaks without TLS and without a password; give it a "
            "listener of its own, as in mqtt://127.0.0.1:1883"
        )
    if parts.scheme != "mqtt" or not host or parts.path not in {"", "/"}:
        meant = f"mqtt://{broker.rpartition('//')[2]}" if "." in broker else "mqtt://127.0.0.1:1883"
        raise ValueError(f"{broker}: is no broker address; write mqtt://host:port, as in {meant}")
    return host, port


async def run_simulation(
    site: Site,
    broker: str,
    *,
    rate: float,
    scenario: str,
    seconds: float | None,
    seed: int,
    told: Callable[[int], None] = lambda _: None,
) -> int:
    """Publish until the time is over; return the messages sent.

    Parameters
    ----------
    told
        Called with the messages sent so far: 0 once connected, then after each round.

    Raises
    ------
    OSError
        The broker cannot be reached.
    ValueError
        Its address is none.
    """
    host, port = address(broker)
    clock = SystemClock()
    signals = quiet(site.plant.points)
    signals.update({tag: signal for tag, signal in DEMO.items() if tag in signals})
    script = Scenario(name="quiet")
    if scenario == "leak":
        script = leak(site.plant, seconds or 600.0)
    player = Player(
        site.plant, SimulatedPlant(signals, script, seed), clock=clock, period_s=1.0 / rate
    )
    try:
        async with aiomqtt.Client(host, port) as client:
            told(0)
            until = clock.now_ns() + int((seconds or FOREVER_S) * NANOSECONDS)
            await player.play(client, until_ns=until, wait=asyncio.sleep, told=told)
    except aiomqtt.MqttError as error:
        raise OSError(str(error)) from error
    return player.record.messages


def leak(plant: Plant, length_s: float) -> Scenario:
    """Return the demo's script for its own site; for another, a leak at the first point."""
    script = demo_scenario(length_s)
    if set(tags_of(script)) <= {point.tag for point in plant.points}:
        return script
    first = plant.points[0]
    low = first.low if first.low is not None else 0.0
    high = first.high if first.high is not None else 100.0
    ramp = Ramp(
        tag=first.tag, start_s=0.25 * length_s, rise_s=0.4 * length_s, hold_s=0.1 * length_s,
        decay_s=0.05 * length_s, height=0.9 * (high - low),
    )  # fmt: skip
    return Scenario(name="leak", ramps=(ramp,))
