"""What a device says beside its number: that it warms up, and in which unit it reports."""

from __future__ import annotations

import math

import pytest

from device_profiles.quality import Quality
from tests.device_profiles.test_decode import decode_x

WARMS = {"warm_up_pointer": "/state", "warm_up_values": ["warm-up", True]}


@pytest.mark.parametrize(
    ("payload", "quality"),
    [
        ('{"x": 5, "state": "warm-up"}', Quality.WARMING_UP),
        ('{"state": true, "x": 5}', Quality.WARMING_UP),
        ('{"x": 5, "state": "ok"}', Quality.GOOD),
        ('{"x": 5, "state": 1}', Quality.GOOD),
        ('{"x": 5, "state": null}', Quality.GOOD),
        ('{"x": 5}', Quality.GOOD),
        ('{"state": "warm-up"}', Quality.MISSING),
        ('{"x": null, "state": "warm-up"}', Quality.MISSING),
        ('{"x": "5", "state": "warm-up"}', Quality.WRONG_TYPE),
        ('{"x": 65535, "state": "warm-up"}', Quality.SENTINEL),
        ('{"x": 101, "state": "warm-up"}', Quality.ABOVE_RANGE),
        ('{"x": 5, "state": "warm-up", "fault": 1}', Quality.DEVICE_FAULT),
    ],
)
def test_a_device_that_warms_up_is_uncertain_where_it_would_be_good(
    payload: str, quality: Quality
) -> None:
    """A warm-up takes a number its certainty, and makes no BAD reading better: faults win."""
    told = {**WARMS, "fault_pointer": "/fault", "fault_values": [1], "sentinels": [65535]}
    value, found = decode_x(payload, **told)
    assert found is quality
    assert (value == 5.0) == ('"x": 5,' in payload or payload.endswith('"x": 5}'))


@pytest.mark.parametrize(
    ("unit", "quality"),
    [
        ('"ppm"', Quality.GOOD),
        ('"PPM"', Quality.GOOD),
        ("2", Quality.GOOD),
        ("2.0", Quality.GOOD),
        ("null", Quality.GOOD),
        ('"%vol"', Quality.WRONG_TYPE),
        ('"Ppm"', Quality.WRONG_TYPE),
        ("3", Quality.WRONG_TYPE),
        ("true", Quality.WRONG_TYPE),
        ("{}", Quality.WRONG_TYPE),
        ('["ppm"]', Quality.WRONG_TYPE),
    ],
)
def test_a_number_in_another_unit_is_no_number_of_the_channel(unit: str, quality: Quality) -> None:
    """A device that was set to another unit is BAD without a value, not silently scaled."""
    told = {"unit_pointer": "/unit", "unit_values": ["ppm", "PPM", 2]}
    for payload in (f'{{"x": 5, "unit": {unit}}}', f'{{"unit": {unit}, "x": 5}}'):
        value, found = decode_x(payload, **told)
        assert found is quality
        assert math.isnan(value) == (quality is not Quality.GOOD)


def test_a_unit_that_is_not_stated_is_that_of_the_profile() -> None:
    """Who sends no unit reports as its data sheet says; a fault beside another unit is a fault."""
    told = {"unit_pointer": "/unit", "unit_values": ["ppm"]}
    assert decode_x('{"x": 5}', **told) == (5.0, Quality.GOOD)
    payload = '{"x": 5, "unit": "%vol", "fault": 1}'
    value, quality = decode_x(payload, **told, fault_pointer="/fault", fault_values=[1])
    assert quality is Quality.DEVICE_FAULT
    assert math.isnan(value)
