"""The demo: it says at once what is in its way, and runs with either broker."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from gateway.roles import demo
from gateway.roles.demo import DemoError, check_port, child, run_demo
from gateway.simulation.broker import free_port


def test_a_taken_port_is_told_at_once() -> None:
    """Who listens on the screen's port is no reason to wait a minute; the way out is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoError, match=f"port {port} .*make demo PORT={port + 10}"):
            check_port(port)
    check_port(port)


def test_a_part_that_ends_is_told_at_once(tmp_path: Path) -> None:
    """A part that ends before it is ready shows its last words without waiting for the minute."""
    begun = time.monotonic()
    with (
        child(tmp_path, "centre", tmp_path / "absent.toml", []) as part,
        pytest.raises(DemoError, match=r"centre ended; it said:\s+.*absent\.toml"),
    ):
        part.wait_for("listens")
    assert time.monotonic() - begun < demo.START_S / 2


@pytest.mark.more
@pytest.mark.timeout(240)
@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_a_minute_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: str
) -> None:
    """With Mosquitto or without, every alarm arrives once, the trend before the level."""
    if broker == "amqtt":
        monkeypatch.setattr(demo, "mosquitto", lambda: None)
    elif demo.mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    figures = tmp_path / "figures.json"
    status = run_demo(port=free_port(), minutes=1, speed=1.0, language="zh", figures=figures)
    told = json.loads(figures.read_text())
    assert (status, told["lost"], told["duplicated"], told["unexpected"]) == (0, 0, 0, 0)
    assert told["alarms_at_centre"] == told["alarms_raised"] > 0
    assert told["trend_lead_s"] > 0
    assert told["p99_ms"] < 1000
