"""The gateway's own clock is set, forward or back: nobody is blinded, nobody called silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.model import NANOSECONDS
from gateway.simulation.broker import LocalBroker, mosquitto
from gateway.southbound.arrivals import Arrivals
from tests.gateway.roles.edge import edge as harness
from tests.gateway.roles.edge.edge import running, stored, until, write_site

HOUR = 3600 * NANOSECONDS
pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]


class SettableClock(SystemClock):
    """The machine's clock, set by somebody."""

    def __init__(self) -> None:
        self.step_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.step_ns


@pytest.mark.parametrize("step_ns", [-HOUR, HOUR], ids=["back", "forward"])
async def test_clock_set_by_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_ns: int
) -> None:
    """A limit crossed after the clock was set raises and sounds; the step is journalled."""
    clock = SettableClock()
    monkeypatch.setattr(harness, "SystemClock", lambda: clock)
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            await edge.say(20.0)
            await until(lambda: edge.node.metrics.readings._value.get() >= 1)
            clock.step_ns = step_ns
            # The device's own clock is right: to the gateway it is an hour off from now on.
            await edge.say(150.0)
            await until(lambda: "gw/A/h" in edge.sounding)
            assert not edge.node.line.liveness.silent.any()
    kinds = [event.kind for event in stored(tmp_path / "data")]
    assert kinds.count("clock") == 1


async def test_a_connection_just_after_the_clock_was_set_blinds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence counts from the connection by the clock as it shows now, not from a step later."""
    clock = SettableClock()
    monkeypatch.setattr(harness, "SystemClock", lambda: clock)
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            node = edge.node
            clock.step_ns = HOUR
            node._broker_changed(None)
            node.line.advance()
            due = node.line.liveness.next_due(node.line.engine.heard) - clock.now_ns()
            assert due <= int(node.plant.points.silence_ns.max())


async def test_what_is_read_bears_the_time_of_both_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the line can tell by which clock it was read, wherever a step of one came between."""
    clock, read = SystemClock(), list[Arrivals]()
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            take = edge.node.line.take
            monkeypatch.setattr(
                edge.node.line, "take", lambda each: read.append(each) or take(each)
            )
            await edge.say(20.0)
            await until(lambda: edge.node.metrics.readings._value.get() >= 1)
    offset = clock.now_ns() - clock.monotonic_ns()
    assert read
    for each in read:
        assert each.monotonic_ns is not None
        assert each.received_ns - each.monotonic_ns == pytest.approx(offset, abs=NANOSECONDS // 10)
