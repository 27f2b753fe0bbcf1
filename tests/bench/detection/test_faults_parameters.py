"""The frozen parameters of faults and healthy instruments: nobody changes them unawares."""

from __future__ import annotations

import hashlib

import pytest

from bench.detection.faults.kinds import KINDS
from bench.detection.faults.parameters import FILE, PARAMETERS, PROFILES
from bench.detection.faults.site import HEALTH, new_plant
from device_profiles.loop import FAILED, MEASURED
from device_profiles.registry import load_profile
from gateway.pipeline.settings import HealthSettings

#: Of the file, and of the profiles of the instruments in the order of their names.
FROZEN = "aed88781311c2b11cfea8a90e0b0625c0eb661876d53f4a9c0ac4a2f9b9b0ab8"
PROFILES_FROZEN = "b50dfe1f3dfdefca63b5eebb292fe25ef0b09b2d313108a228b5d0b1459f7d34"


def test_the_parameters_are_those_of_the_result() -> None:
    """Whoever changes faults, healthy data or instruments changes this hash, and measures anew."""
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == FROZEN
    found = hashlib.sha256()
    for path in sorted(PROFILES.rglob("*.toml")):
        found.update(path.read_bytes())
    assert found.hexdigest() == PROFILES_FROZEN


def test_the_instruments_are_what_the_contract_names() -> None:
    """Half read exactly 0; some are coarse, some report on change, some each quarter of an hour."""
    kinds = PARAMETERS.instruments
    assert sum(each.of_hundred for each in kinds) == 100
    assert sum(each.of_hundred for each in kinds if each.clean) == 50
    assert sum(each.of_hundred for each in kinds if each.every == 900) >= 10
    assert sum(each.of_hundred for each in kinds if each.signal.moved) >= 10
    coarse = [each for each in kinds if each.signal.step >= each.signal.noise]
    assert sum(each.of_hundred for each in coarse) >= 10
    assert PARAMETERS.healthy.days >= 14


def test_every_watch_of_a_sensor_is_on() -> None:
    """Nothing is quiet because nobody looks: each rule of health is bound, most at every point."""
    plant = new_plant([PARAMETERS.instrument_of(number) for number in range(100)])
    rules = {
        each.name: {rule.rule for rule in kind.rules if rule.level in HEALTH}
        for each, kind in zip(
            {one.name: one for one in map(PARAMETERS.instrument_of, range(100))}.values(),
            plant.definitions.kinds,
            strict=True,
        )
    }
    always = {"fault", "over_range", "saturated", "spikes", "noise", "fall"}
    assert all(always <= own for own in rules.values())
    assert set().union(*rules.values()) == always | {"stuck", "zero_below", "zero_above"}
    tables = set().union(*(each.point["health"] for each in PARAMETERS.instruments))
    assert tables == set(HealthSettings.model_fields)


def test_a_stuck_value_is_watched_for_wherever_a_noise_floor_is_stated() -> None:
    """The profile decides; no instrument with a noise floor goes without."""
    for each in PARAMETERS.instruments:
        profile = load_profile(PROFILES / f"{each.profile}.toml")
        stated = profile.channel[each.point["channel"]].noise_floor is not None
        assert stated == ("stuck" in each.point), each.name


def test_currents_are_those_of_the_recommendation() -> None:
    """What is no measurement lies between the currents of NE 43, what is a failure beyond them."""
    faults = PARAMETERS.faults
    assert FAILED[0] < faults.below[0] < faults.below[1] < MEASURED[0]
    assert MEASURED[1] < faults.above[0] < faults.above[1] < FAILED[1]
    assert faults.failed_low[1] <= FAILED[0]
    assert faults.failed_high[0] >= FAILED[1]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_fault_has_a_rule_of_health(name: str) -> None:
    """What must tell of a fault is an alarm of a sensor, at some instrument."""
    plant = new_plant(PARAMETERS.instruments)
    rules = {
        definition.rule
        for point in range(len(plant.points))
        for definition in plant.definitions.of(point)
        if definition.level in HEALTH
    }
    assert KINDS[name].rule in rules
