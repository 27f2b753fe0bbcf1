"""Sensor trouble is an alarm of its own class, at every point, with the first reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device_profiles.quality import Quality
from gateway.alarms.definitions import AlarmDefinition, Level
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.derived import HEAD, SECOND, START
from tests.gateway.pipeline.test_bad_site import problems

POINT = """[[device]]
id = "d1"
profile = "generic/multigas-4"
area = "CS1"
topic = "plant/d1"
[[device.point]]
channel = "combustible"
tag = "AT-1"
oxygen = "none"
range = [-5, 100]
limits = { h = 10 }
[[device.point]]
channel = "o2"
tag = "AT-2"
limits = { l = 19.5 }
"""
HEALTH = """health = { zero = { tolerance = 2, below_for = "10s", above_for = "20s" }, \
saturated = { at = 99, after = "5s" }, spikes = { height = 20, longest = "3s", count = 2, \
within = "1min" }, noise = { height = 3 }, fall = { amount = 0.5, tau = "10s", hold = "1min" } }
""".replace("\\\n", "")


def engine(folder: Path, health: str = "") -> Engine:
    """An engine for a catalytic cell and an oxygen cell."""
    path = folder / "site.toml"
    path.write_text(HEAD + POINT.replace("limits = { h = 10 }\n", "limits = { h = 10 }\n" + health))
    return Engine(load_site(path).plant)


def at(second: float, value: float, quality: Quality = Quality.GOOD, point: int = 0) -> Row:
    """A reading that was taken at once."""
    now = START + int(second * SECOND)
    return (point, now, now, value, int(quality))


def told(engine: Engine, rows: list[Row]) -> list[tuple[str, bool, int]]:
    """What rises and returns, and the second in which it did."""
    found, alarm = [], engine.plant.definitions.alarm
    for row in rows:
        edges = engine.process(ReadingBatch.from_rows([row]))[0] + engine.tick(row[1])
        found += [
            (alarm(e.row).partition("/")[2], e.active, (e.time_ns - START) // SECOND) for e in edges
        ]
    return found


def definition(engine: Engine, alarm: str) -> AlarmDefinition:
    """One alarm of the site."""
    found = engine.plant.definitions.get(f"gw/{alarm}")
    assert found is not None
    return found


#: What has an alarm of its own, or says nothing of the point.
OTHERWISE = {Quality.MISSING, Quality.ABOVE_RANGE, Quality.LOW_OXYGEN}


@pytest.mark.parametrize("quality", [q for q in Quality if q.verdict == 2 and q not in OTHERWISE])
def test_a_reading_without_a_value_is_a_fault_at_once(tmp_path: Path, quality: Quality) -> None:
    """Whatever makes it BAD: the first such reading raises, only good ones for a while end it."""
    own = engine(tmp_path)
    rows = [at(0, 1.0), at(1, np.nan, quality), at(2, np.nan, quality)]
    assert told(own, rows) == [("AT-1/fault", True, 1)]
    assert told(own, [at(3, 1.0), at(4, 1.0)]) == []
    assert told(own, [at(5, 1.0), at(6, 1.0)]) == [("AT-1/fault", False, 6)]


def test_a_fault_never_clears_an_alarm_that_stands(tmp_path: Path) -> None:
    """A gas alarm stands through every reading without a value."""
    own = engine(tmp_path)
    assert ("AT-1/h", True, 1) in told(own, [at(0, 1.0), at(1, 50.0)])
    rows = [at(2 + n, np.nan, q) for n, q in enumerate(Quality) if q.verdict == 2]
    assert not [edge for edge in told(own, rows) if edge[0] == "AT-1/h"]


def test_beyond_the_range_is_beyond_the_limit(tmp_path: Path) -> None:
    """A flooded catalytic cell sounds, and waits for a reset; oxygen has no high limit to sound."""
    own = engine(tmp_path)
    assert told(own, [at(0, 1.0), at(1, np.nan, Quality.ABOVE_RANGE)]) == [
        ("AT-1/over_range", True, 1)
    ]
    flooded = definition(own, "AT-1/over_range")
    assert (flooded.sounds, flooded.latch, flooded.level) == (True, True, Level.FAULT)
    oxygen = definition(own, "AT-2/over_range")
    assert (oxygen.sounds, oxygen.latch) == (False, False)


def test_warming_up_for_too_long_is_a_fault(tmp_path: Path) -> None:
    """The profile states two minutes: after them the cell is not ready, it is broken."""
    own = engine(tmp_path)
    rows = [at(second, 0.0, Quality.WARMING_UP) for second in range(130)]
    assert told(own, rows) == [("AT-1/warm_up", True, 120)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-3.0] * 12, [("AT-1/zero_below", True, 10)]),
        ([-0.4] * 12 + [-6.0] + [-0.4] * 5, [("AT-1/fall", True, 12), ("AT-1/fall", False, 13)]),
        ([4.0] * 25, [("AT-1/zero_above", True, 20)]),
        ([0.0, 30.0, 0.0, 0.0, 30.0, 0.0], [("AT-1/spikes", True, 5)]),
        ([0.0, 30.0, 30.0, 30.0, 30.0, 30.0, 30.0], []),
        ([5.0] * 15 + [4.0] * 3, [("AT-1/fall", True, 15)]),
    ],
    ids=["below", "a dip", "above", "spikes", "a step", "fall"],
)
def test_what_is_stated_is_watched(
    tmp_path: Path, values: list[float], expected: list[tuple[str, bool, int]]
) -> None:
    """Each kind of trouble raises its own alarm; the limits of the plant are not its matter."""
    own = engine(tmp_path, HEALTH)
    found = told(own, [at(second, value) for second, value in enumerate(values)])
    assert [each for each in found if each[0] != "AT-1/h"] == expected


def test_saturation_and_noise_are_watched(tmp_path: Path) -> None:
    """A value that hangs at the top, and one that jitters, each has its alarm."""
    hanging = told(engine(tmp_path, HEALTH), [at(second, 99.5) for second in range(8)])
    assert ("AT-1/saturated", True, 5) in hanging
    jitter = np.random.default_rng(1).normal(5.0, 5.0, 300).clip(0, 9)
    found = told(engine(tmp_path, HEALTH), [at(n, v) for n, v in enumerate(jitter.tolist())])
    assert "AT-1/noise" in {name for name, _, _ in found}


def test_what_is_not_stated_is_not_watched(tmp_path: Path) -> None:
    """Without the table a drifting, jumping or falling value is no fault."""
    own = engine(tmp_path)
    values = [-3.0] * 20 + [0.0, 30.0] * 10 + [99.5] * 20 + [5.0] * 20
    found = told(own, [at(second, value) for second, value in enumerate(values)])
    assert {name for name, _, _ in found} == {"AT-1/h"}


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (("tolerance = 2", "tolerance = 0"), "health.zero.tolerance", "greater than 0"),
        (("tolerance = 2, ", ""), "health.zero.tolerance", "is missing"),
        (("count = 2", "count = 0"), "health.spikes.count", "greater than or equal to 1"),
        (("height = 3", "height = 3, readings = 9"), "health.noise.readings", "equal to 30"),
        (("amount = 0.5", "amount = 0.5, deadband = 1"), "health.fall", "deadband < amount"),
        (("saturated = {", "saturate = {"), "health.saturate", "did you mean 'saturated'?"),
        (("at = 99", "at = 200"), "health.saturated", "outside what the device measures"),
    ],
)
def test_what_cannot_work_is_refused(
    tmp_path: Path, change: tuple[str, str], key: str, words: str
) -> None:
    """Each mistake is told at its key, with what is allowed."""
    path = tmp_path / "site.toml"
    assert change[0] in HEALTH
    health = HEALTH.replace(*change, 1)
    path.write_text(HEAD + POINT.replace("h = 10 }\n", "h = 10 }\n" + health, 1))
    found = problems(path)
    assert any(f"point[0].{key}" in each and words in each for each in found), found
