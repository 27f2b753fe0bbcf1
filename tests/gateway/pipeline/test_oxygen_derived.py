"""In too little oxygen a catalytic sensor still raises what is derived from it."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from device_profiles.quality import Quality
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch
from tests.gateway.pipeline.derived import SECOND, START
from tests.gateway.pipeline.needing import GAS, OXYGEN, device
from tests.gateway.pipeline.needing import plant as bind

LIMITS = "limits = { h = 25, hh = 50, deadband = 1 }"
VOTE = '[[derived]]\ntag = "V"\narea = "CS1"\nvote = {{ of = ["GT-1", "GT-2"], need = {} }}\n'
VOTE_25 = VOTE.format(1) + "limits = { h = 25 }\n"
STEL = (
    '[[derived]]\ntag = "E"\narea = "CS1"\nexposure = { of = "GT-1", measure = "stel" }\n'
    "limits = { h = 15 }\n"
)
SPREAD = (
    '[[derived]]\ntag = "S"\narea = "CS1"\nspread = { of = ["GT-1", "GT-2"] }\nlimits = { h = 5 }\n'
)
DEVIATION = (
    '[[derived]]\ntag = "D"\narea = "CS1"\ndeviation = { of = "GT-1", from = "GT-2" }\n'
    "limits = { h = 5 }\n"
)


def site(folder: Path, own: str, *derived: str) -> Plant:
    """Two devices with gas and oxygen, and what is derived from them."""
    gas = GAS.replace(LIMITS.replace("{", "{{").replace("}", "}}"), own)
    return bind(folder, device(1, gas, OXYGEN), device(2, gas, OXYGEN), *derived)


def rises(plant: Plant, *, oxygen: float, gas: float) -> set[str]:
    """What rises when the gas comes, and the oxygen goes."""
    engine, found = Engine(plant), set()
    for second in range(20):
        said = {"OT-": oxygen, "GT-": gas} if second >= 10 else {"OT-": 20.9, "GT-": 1.0}
        now = START + second * SECOND
        rows = [
            (plant.points.numbers[f"{kind}{n}"], now, now, value, int(Quality.GOOD))
            for kind, value in said.items()
            for n in (1, 2)
        ]
        edges = engine.process(ReadingBatch.from_rows(rows))[0]
        found |= {plant.definitions.alarm(edge.row) for edge in edges if edge.active}
    return {alarm.removeprefix("gw/") for alarm in found}


@pytest.mark.parametrize("own", ["", "limits = {{ h = 50 }}"], ids=["no limit", "a higher one"])
@pytest.mark.parametrize("need", [1, 2])
@pytest.mark.parametrize("oxygen", [20.9, 5.0])
def test_a_vote_rises_at_its_limit_with_oxygen_and_without(
    tmp_path: Path, own: str, need: int, oxygen: float
) -> None:
    """Both read too low and yet show its limit, whatever limits they have themselves."""
    plant = site(tmp_path, own, VOTE.format(need) + "limits = { h = 25 }\n")
    told = rises(plant, oxygen=oxygen, gas=40.0)
    assert "V/h" in told
    assert ("GT-1/low_oxygen" in told) == (oxygen < 10)
    assert "V/h" not in rises(plant, oxygen=oxygen, gas=24.0)


def test_a_member_that_reads_too_low_does_not_vote_against_an_alarm(tmp_path: Path) -> None:
    """Below the limit it is lost, which counts towards action, though its spread is watched too."""
    plant = site(tmp_path, "", VOTE_25, SPREAD)
    assert "V.usable/degraded" in rises(plant, oxygen=5.0, gas=1.0)


@pytest.mark.parametrize("derived", [SPREAD, DEVIATION])
def test_a_difference_is_told_in_low_oxygen_too(tmp_path: Path, derived: str) -> None:
    """One sensor shows gas below its own limit, the other none: what is apart is told."""
    plant = site(tmp_path, "limits = {{ h = 50 }}", derived)
    engine, found = Engine(plant), set()
    for second, (oxygen, gas) in enumerate([(20.9, 1.0), (5.0, 20.0), (5.0, 20.0)]):
        now = START + second * SECOND
        said = {"OT-1": oxygen, "OT-2": oxygen, "GT-1": gas, "GT-2": 1.0}
        rows = [(plant.points.numbers[tag], now, now, said[tag], 0) for tag in said]
        edges = engine.process(ReadingBatch.from_rows(rows))[0]
        found |= {plant.definitions.alarm(edge.row) for edge in edges if edge.active}
    assert {"gw/S/h", "gw/D/h"} & found


@pytest.mark.parametrize(
    ("own", "derived", "limit"),
    [
        (LIMITS, (), 25.0),
        ("", (), -inf),
        ("limits = { l = 5 }", (), -inf),
        ("", (VOTE_25,), 25.0),
        ("limits = { h = 20 }", (VOTE_25,), 20.0),
        ("limits = { h = 50 }", (VOTE_25, STEL), 15.0),
        (LIMITS, (STEL,), 15.0),
        (LIMITS, (SPREAD,), -inf),
        (LIMITS, (DEVIATION,), -inf),
        (LIMITS, (SPREAD, VOTE_25), 25.0),
    ],
)
def test_the_lowest_limit_that_rests_on_a_sensor_counts(
    tmp_path: Path, own: str, derived: tuple[str, ...], limit: float
) -> None:
    """Its own or that of a vote or an exposure; where a difference is watched, any value."""
    plant = site(tmp_path, own.replace("{", "{{").replace("}", "}}"), *derived)
    assert plant.wards[0].limit == limit
