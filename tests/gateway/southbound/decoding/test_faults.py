"""What a failed sensor sends, from its bytes to what the bank is told of it."""

from __future__ import annotations

import math

import pytest

from detectors.admission import BAD, UNCERTAIN, VERDICT
from detectors.limit import LimitParams
from detectors.reason import ABOVE, BELOW, FAULT, MISSING, SHIFT, WARMING
from detectors.rules import Rule
from device_profiles.quality import Quality
from gateway.pipeline.engine import GRADES
from gateway.southbound.decoding.bulk import BulkDecoder
from tests.detectors.twins import START, feed, one
from tests.gateway.southbound.decoding.fleet import bind, decode, judged, profile_of, told

SENSOR = bind(
    profile_of(
        {
            "x": {
                "range": [0, 100],
                "sentinels": [65535, -9999],
                "fault_pointer": "/status",
                "fault_values": ["bad"],
                "warm_up_pointer": "/status",
                "warm_up_values": ["warm-up"],
                "unit_pointer": "/unit",
                "unit_values": ["ppm"],
            },
        }
    ),
    time="received",
)
CURRENT = bind(profile_of({"x": {"range": [0, 100], "signal": "4-20mA"}}), time="received")
DECODER = BulkDecoder([SENSOR, CURRENT])

#: Whose payload, its text, what it must be, what the bank is told, and whether the kernel decides.
VECTORS = [
    (1, '{"x": 3.5}', Quality.DEVICE_FAULT, FAULT, True),
    (1, '{"x": 3.6}', Quality.DEVICE_FAULT, FAULT, True),
    (1, '{"x": 3.7}', Quality.BELOW_RANGE, BELOW, True),
    (1, '{"x": 20.7}', Quality.ABOVE_RANGE, ABOVE, True),
    (1, '{"x": 21}', Quality.DEVICE_FAULT, FAULT, True),
    (1, '{"x": 21.1}', Quality.DEVICE_FAULT, FAULT, True),
    (1, '{"x": 65535}', Quality.DEVICE_FAULT, FAULT, True),
    (1, '{"x": -9999}', Quality.DEVICE_FAULT, FAULT, True),
    (0, '{"x": 65535}', Quality.SENTINEL, FAULT, True),
    (0, '{"x": -9999}', Quality.SENTINEL, FAULT, True),
    (0, '{"x": NaN}', Quality.NOT_FINITE, FAULT, False),
    (0, '{"x": Infinity}', Quality.NOT_FINITE, FAULT, False),
    (0, '{"x": -Infinity}', Quality.NOT_FINITE, FAULT, False),
    (0, '{"x": 1e400}', Quality.NOT_FINITE, FAULT, True),
    (0, '{"x": 5, "status": "bad"}', Quality.DEVICE_FAULT, FAULT, True),
    (0, '{"status": "bad", "x": 5}', Quality.DEVICE_FAULT, FAULT, True),
    (0, '{"x": 5, "unit": "%vol"}', Quality.WRONG_TYPE, FAULT, False),
    (0, '{"unit": "mg/m3", "x": 5}', Quality.WRONG_TYPE, FAULT, False),
    (0, '{"status": "warm-up"}', Quality.MISSING, MISSING, True),
    (0, '{"x": 5, "status": "warm-up"}', Quality.WARMING_UP, WARMING, True),
    (0, '{"status": "warm-up", "x": 5.000000000000000001}', Quality.WARMING_UP, WARMING, True),
]
LIMIT = Rule(LimitParams(limit=50.0, high=True))


@pytest.mark.parametrize(("device", "payload", "quality", "reason", "quick"), VECTORS)
def test_what_a_failed_sensor_sends_is_never_normal(
    device: int, payload: str, quality: Quality, reason: int, *, quick: bool
) -> None:
    """Judge, kernel and grade agree that it is BAD with its reason, or UNCERTAIN in a warm-up."""
    bulk = decode(DECODER, [payload.encode()], [device])
    assert told(bulk, 0) == judged([SENSOR, CURRENT][device], payload.encode())
    assert Quality(int(bulk.quality[0])) is quality
    assert DECODER.slow == (not quick)
    grade = int(GRADES[quality])
    assert grade & VERDICT == (UNCERTAIN if quality is Quality.WARMING_UP else BAD)
    assert grade >> SHIFT == reason


@pytest.mark.parametrize(("device", "payload"), [each[:2] for each in VECTORS])
def test_what_a_failed_sensor_sends_clears_nothing(device: int, payload: str) -> None:
    """An alarm that stands is held by each of them, and ended by the next GOOD reading below."""
    bulk = decode(DECODER, [payload.encode()], [device])
    value, grade = float(bulk.value[0]), int(GRADES[int(bulk.quality[0])])
    bank = one(LIMIT).bank()
    second = 10**9
    (raised,) = feed(bank, [(0, START, START, 60.0, 0)])
    assert raised.began
    late = START + second
    assert feed(bank, [(0, late, late, value, grade)]) == []
    late += second
    (ended,) = feed(bank, [(0, late, late, 5.0, 0)])
    assert not ended.began


@pytest.mark.parametrize(
    ("payload", "began"), [('{"x": 60, "status": "warm-up"}', True), ('{"x": 60}', True)]
)
def test_a_sensor_that_warms_up_still_raises(payload: str, *, began: bool) -> None:
    """A high number in a warm-up raises its alarm as a certain one does."""
    bulk = decode(DECODER, [payload.encode()], [0])
    grade = int(GRADES[int(bulk.quality[0])])
    (edge,) = feed(one(LIMIT).bank(), [(0, START, START, float(bulk.value[0]), grade)])
    assert edge.began == began


def test_drift_below_zero_is_a_good_reading_of_a_current() -> None:
    """3.95 mA is what was measured: GOOD, negative, not clipped to 0."""
    bulk = decode(DECODER, [b'{"x": 3.95}'], [1])
    assert (bulk.value.tolist(), bulk.quality.tolist()) == ([-0.3125], [Quality.GOOD])


def test_a_warm_up_told_of_many_leaves_the_readings_of_others_alone() -> None:
    """A warm-up whose number never comes is MISSING, and its neighbours are what they were."""
    payloads = [b'{"status":"warm-up"}', b'{"x":5}', b'{"status":"warm-up","x":5}', b'{"x":null}']
    bulk = decode(DECODER, payloads, [0, 0, 0, 0])
    meant = [Quality.MISSING, Quality.GOOD, Quality.WARMING_UP, Quality.MISSING]
    assert bulk.quality.tolist() == meant
    assert [math.isnan(each) for each in bulk.value] == [True, False, False, True]
    assert DECODER.slow == 0
