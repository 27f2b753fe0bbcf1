"""What an edge tells by the clock beside silence: device clocks, and what is overdue."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles.quality import Quality
from gateway.model import NANOSECONDS
from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.gateway.pipeline.needing import GAS, OXYGEN, device, write
from tests.gateway.roles.edge.edge import running, stored, until, write_site
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_clocks import STATED, plant_of
from tests.gateway.southbound.test_liveness import START

AHEAD = f'{{"ts": {START // NANOSECONDS + 7200}, "x": 1, "y": 1}}'.encode()


def test_a_line_tells_a_wrong_clock_and_not_what_a_fence_held_back(tmp_path: Path) -> None:
    """Two hours ahead for a minute is an alarm; the same from behind a fence is none."""
    wired = Wired(plant_of(tmp_path, STATED))
    for number in range(1, 70):
        wired.second(number, AHEAD, fenced=True)
    assert wired.told == []
    for number in range(70, 140):
        wired.second(number, AHEAD)
    assert wired.told == [("T0", "raise", 131)]


def test_a_step_of_the_gateways_clock_is_not_the_devices_fault(tmp_path: Path) -> None:
    """What was counted before the gateway's clock was set counts no more."""
    wired = Wired(plant_of(tmp_path, STATED))
    for number in range(1, 100):
        wired.clock.step_ns = 0 if number < 50 else 3600 * NANOSECONDS
        wired.second(number, AHEAD)
    assert [each for each in wired.told if each[0]] == []  # the step itself has no tag


def test_a_summary_shows_the_quality_by_which_a_reading_was_judged(tmp_path: Path) -> None:
    """A screen must not show gas as GOOD that nobody can believe; the spool keeps what came."""
    text = device(1, GAS, OXYGEN).replace("plant/d1", "p/0")
    wired = Wired(load_site(write(tmp_path, text)).plant)
    said = f'{{"ts": {START // NANOSECONDS + 1}, "gas": 1.0, "o2": 5.0}}'.encode()
    wired.second(1, said)
    period = wired.line.summaries.close(START + 10 * NANOSECONDS)
    assert period is not None
    worst = dict(zip((period.tags[n] for n in period.point), period.worst.tolist(), strict=True))
    assert worst == {"OT-1": Quality.GOOD, "GT-1": Quality.LOW_OXYGEN}


@pytest.mark.broker
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
async def test_an_overdue_test_outlasts_restarts_and_ends_with_a_new_date(tmp_path: Path) -> None:
    """Raised once, however often the edge starts, until the file says that it was done."""
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        path = write_site(tmp_path, port=broker.port)
        text = path.read_text(encoding="utf-8")
        never = text.replace('tag = "B"', 'tag = "B"\ngas_test = "1000d"')
        for number, each in enumerate((never, never, never.replace("1000d", "3000d"))):
            path.write_text(each, encoding="utf-8")
            async with running(path) as edge:
                await until(lambda: edge.active("B/gas_test_overdue"))
                await edge.say(float(number), point="b")
        done = never.replace('"1000d"', '"3000d"\ngas_tested = 2026-06-01')
        path.write_text(done, encoding="utf-8")
        async with running(path) as edge:
            await until(lambda: not edge.active("B/gas_test_overdue"))
    events = [e.cause for e in stored(tmp_path / "data") if e.rule == "gas_test_overdue"]
    assert events == ["raise", "clear"]
