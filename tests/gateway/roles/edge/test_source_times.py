"""What becomes of a reading whose time is late, old, early, missing or written otherwise.

Each case is a policy of the architecture's "Time": what quality the reading has, whether it may
raise, and whether it may clear. Raw times that are not believed stay beside ours in the event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from device_profiles.quality import Quality, Verdict
from gateway.model import NANOSECONDS, AlarmEvent
from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import load_site
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import DEVICE, HEAD, START

S = START // NANOSECONDS
AT = 100  # the second at which the reading in question comes


class Said(NamedTuple):
    """What a case says at second `AT`, and what must become of it."""

    time: str
    quality: Quality
    raises: bool
    clears: bool
    #: Of an event that it raises.
    historical: bool = False
    offset_s: int = 0


def iso(second: float, zone: str) -> str:
    return f'"{datetime.fromtimestamp(S + second, UTC):%Y-%m-%dT%H:%M:%S}{zone}"'


NEWEST = S + AT - 1
CASES = {
    "on time, s": Said(str(S + AT), Quality.GOOD, raises=True, clears=True),
    "on time, ms": Said(str((S + AT) * 1000), Quality.GOOD, raises=True, clears=True),
    "on time, us": Said(str((S + AT) * 10**6), Quality.GOOD, raises=True, clears=True),
    "on time, ns": Said(str((S + AT) * 10**9), Quality.GOOD, raises=True, clears=True),
    "on time, UTC": Said(iso(AT, "Z"), Quality.GOOD, raises=True, clears=True),
    "on time, Beijing": Said(iso(AT + 8 * 3600, "+08:00"), Quality.GOOD, raises=True, clears=True),
    "a second late": Said(str(S + AT - 0.5), Quality.GOOD, raises=True, clears=True),
    "late, newer": Said(str(NEWEST + 1), Quality.GOOD, raises=True, clears=False, historical=True),
    "out of order": Said(str(NEWEST - 3), Quality.GOOD, raises=True, clears=False, historical=True),
    "another of one time": Said(str(NEWEST), Quality.GOOD, raises=True, clears=False),
    "three seconds ahead": Said(str(S + AT + 3), Quality.GOOD, raises=True, clears=True),
    "ten minutes ahead": Said(
        str(S + AT + 600), Quality.TIME_FUTURE, raises=True, clears=False, offset_s=600
    ),
    "a zone east taken for UTC": Said(
        iso(AT + 8 * 3600, "Z"), Quality.TIME_FUTURE, raises=True, clears=False, offset_s=8 * 3600
    ),
    "missing": Said("null", Quality.TIME_MISSING, raises=True, clears=False),
    "no zone": Said(iso(AT, ""), Quality.TIME_IMPLAUSIBLE, raises=True, clears=False),
    "1970": Said("12", Quality.TIME_IMPLAUSIBLE, raises=True, clears=False),
    "negative": Said("-1", Quality.TIME_IMPLAUSIBLE, raises=True, clears=False),
    "a leap second": Said(
        '"2026-06-30T23:59:60Z"', Quality.TIME_IMPLAUSIBLE, raises=True, clears=False
    ),
    "words": Said('"now"', Quality.TIME_IMPLAUSIBLE, raises=True, clears=False),
}
#: How much later than its time this one comes: its queue held it.
HELD = {"late, newer": 300}


def plant_of(folder: Path) -> Plant:
    path = folder / "site.toml"
    device = DEVICE.format(n=0, interval="20s").replace(
        'topic = "p/0"', 'topic = "p/0"\ntime = "/ts"'
    )
    path.write_text(HEAD + device, encoding="utf-8")
    return load_site(path).plant


def told(wired: Wired) -> list[AlarmEvent]:
    events = [each.event for work in wired.work for each in work.transitions]
    return [event for event in events if event.rule == "h"]


def say(wired: Wired, second: int, time: str, value: float) -> None:
    wired.second(second, f'{{"ts": {time}, "x": {value}}}'.encode())


def before(wired: Wired, value: float) -> None:
    """What the device said until then, rightly dated."""
    for second in range(AT):
        say(wired, second, str(S + second), value)


@pytest.mark.parametrize("name", CASES)
def test_what_a_time_lets_a_reading_do(tmp_path: Path, name: str) -> None:
    """Its quality is stated; it raises what it must, and clears only what it may."""
    case, second = CASES[name], AT + HELD.get(name, 0)
    normal, alarmed = Wired(plant_of(tmp_path)), Wired(plant_of(tmp_path))
    before(normal, 20.0)
    say(normal, second, case.time, 150.0)
    judged = normal.line.engine.judged
    assert judged is not None
    assert judged.quality.tolist() == [case.quality]
    assert [(e.cause, e.historical) for e in told(normal)] == [("raise", case.historical)]
    event = told(normal)[-1]
    assert event.quality == case.quality.name
    received = START + second * NANOSECONDS + NANOSECONDS // 2
    assert event.received_ns == received
    if case.quality.verdict != Verdict.GOOD:
        assert event.source_ns == received
    assert round(event.clock_offset_ns / NANOSECONDS) == case.offset_s

    before(alarmed, 150.0)
    say(alarmed, second, case.time, 20.0)
    assert [e.cause for e in told(alarmed)] == ["raise", "clear"][: 1 + case.clears]
    assert case.raises


def test_a_reading_told_twice_counts_once(tmp_path: Path) -> None:
    """Equal time, equal value: it is counted, and moves nothing."""
    wired = Wired(plant_of(tmp_path))
    before(wired, 20.0)
    held = wired.line.metrics.duplicates._value.get()
    say(wired, AT, str(NEWEST), 20.0)
    assert wired.line.metrics.duplicates._value.get() == held + 1
    assert told(wired) == []


def test_late_data_that_stand_in_alarm_become_live(tmp_path: Path) -> None:
    """Two seconds after a backlog raised it, what still stands is confirmed, and sounds."""
    wired = Wired(plant_of(tmp_path))
    before(wired, 20.0)
    for late in range(5):
        say(wired, AT + 300, str(S + AT + late), 150.0)
    assert [(e.cause, e.historical) for e in told(wired)] == [("raise", True)]
    for second in range(AT + 301, AT + 305):
        wired.second(second)
    assert [(e.cause, e.historical) for e in told(wired)] == [("raise", True), ("confirm", False)]


def test_a_start_in_1970_and_ntp_later(tmp_path: Path) -> None:
    """Until the date comes everything is ahead: it raises, and clears nothing. Then all is GOOD."""
    wired = Wired(plant_of(tmp_path), step_ns=-START)
    say(wired, 0, str(S), 20.0)
    for second in range(1, 50):
        say(wired, second, str(S + second), 150.0)
    for second in range(50, 60):
        say(wired, second, str(S + second), 20.0)
    assert [(e.cause, e.quality) for e in told(wired)] == [("raise", "TIME_FUTURE")]
    event = told(wired)[0]
    # Our time, and beside it what the device's was: 1970 and the date.
    assert event.source_ns < 100 * NANOSECONDS
    assert event.source_ns + event.clock_offset_ns == START + NANOSECONDS
    wired.clock.step_ns = 0
    for second in range(60, 63):
        say(wired, second, str(S + second), 20.0)
    assert [(e.cause, e.quality) for e in told(wired)][1:] == [("clear", "GOOD")]
    assert told(wired)[-1].source_ns == START + 60 * NANOSECONDS
    assert not wired.line.liveness.silent.any()
