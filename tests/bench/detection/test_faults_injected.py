"""Injected faults are found, clear nothing, and a product that is broken shows."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from bench.detection.faults.injected import Group, Outcome, conditions, inject, lead_in, payload
from bench.detection.faults.kinds import KINDS, NORMAL, Moment, Seen
from bench.detection.faults.parameters import PARAMETERS
from bench.detection.faults.result import found
from bench.detection.faults.site import new_plant
from detectors.admission import GOOD
from device_profiles.quality import Quality
from gateway.alarms.definitions import NO_DATA
from gateway.pipeline import engine, health

NAMED = {each.name: each for each in PARAMETERS.instruments}
NOBODY: frozenset[str] = frozenset()
#: Ten seconds between readings, a loop, limits on both sides: everything happens to it.
LOOP = "pressure, loop, 10 s"
#: A latched limit, sentinels, a fault flag, air that reads 0.
HEAD = "combustible"


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Faults of both, once each."""
    return [*inject(1, only=LOOP), *inject(1, only=HEAD)]


def asked(some: list[Outcome]) -> list[Outcome]:
    """Those of which something is asked."""
    return [each for each in some if each.fault.kind.asked]


def test_faults_are_found_in_their_time(outcomes: list[Outcome]) -> None:
    """Each kind of fault happens in each condition that it can, and is found."""
    assert {each.fault.name for each in asked(outcomes)} == {
        name for name, kind in KINDS.items() if kind.asked
    }
    assert found(asked(outcomes)).within == 1.0
    assert {each.condition for each in outcomes} == {"normal", "high", "low", "rate", "trend"}


def test_what_should_stand_when_a_fault_begins_stands(outcomes: list[Outcome]) -> None:
    """Nothing could clear an alarm that is not there."""
    stands = {"high": "h", "low": "l", "rate": "rate", "trend": "trend"}
    for each in outcomes:
        if each.condition != NORMAL:
            assert stands[each.condition] in each.stood


def test_no_fault_clears_an_alarm(outcomes: list[Outcome]) -> None:
    """Not one of those that stood returns while its sensor is broken."""
    assert found(asked(outcomes)).cleared == 0
    assert found(asked(outcomes)).stood > 100


def test_times_are_told(outcomes: list[Outcome]) -> None:
    """Silence takes three intervals, a bad reading none, saturation what the site file says."""
    for each in outcomes:
        if each.fault.kind.rule == NO_DATA:
            assert 30.0 <= each.delay <= each.stated == 31.0
        if each.fault.name in {"sentinel", "no number", "below range", "above range"}:
            assert each.delay == each.stated == 0.0
        if each.fault.name == "saturated":
            assert 59.0 <= each.delay <= each.stated == 70.0


@pytest.mark.parametrize("table", ["stuck", "saturated"])
def test_a_watch_that_is_switched_off_finds_nothing(table: str) -> None:
    """Without its table in the site file the share of faults found falls below what is asked."""
    some = asked(Group(NAMED[LOOP], "high", 1, frozenset({table})).outcomes())
    assert found(some).within < 0.99
    assert not any(each.found for each in some if each.fault.name == table)
    assert all(each.found for each in some if each.fault.name != table)


def test_a_product_without_the_fault_rule_is_below_what_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Were only the range watched, sentinels and unreadable numbers would not be found."""
    monkeypatch.setattr(health, "FAULTS", (health.reason.BELOW,))
    some = asked(Group(NAMED[HEAD], NORMAL, 1, NOBODY).outcomes())
    lost = {each.fault.name for each in some if not each.found}
    assert lost == {"sentinel", "no number"}
    assert found(some).within < 0.99


def test_a_product_that_waits_too_long_for_silence_is_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four intervals instead of three, and no silence is found within its time."""
    monkeypatch.setattr("gateway.pipeline.point_rules.SILENT_INTERVALS", 4)
    some = asked(Group(NAMED[HEAD], NORMAL, 1, NOBODY).outcomes())
    assert not any(each.found for each in some if each.fault.name == "silent")


def test_a_product_that_lets_bad_clear_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a value below the range taken for a good one, the high alarm would return on it."""
    grades = engine.GRADES.copy()
    grades[Quality.BELOW_RANGE] = GOOD
    monkeypatch.setattr(engine, "GRADES", grades)
    some = asked(Group(NAMED[HEAD], "high", 1, NOBODY).outcomes())
    assert sum(each.cleared for each in some if each.fault.name == "below range") > 0
    assert not any(each.found for each in some if each.fault.name == "below range")


def test_a_fault_looks_the_same_each_time() -> None:
    """The same seeds give the same faults and the same outcomes; others give others."""
    first, again = (Group(NAMED[LOOP], "rate", 2, NOBODY).outcomes() for _ in range(2))
    assert first == again
    delays = [[each.delay for each in first if each.fault.seed == seed] for seed in (0, 1)]
    assert delays[0] != delays[1]


def test_seconds_that_are_passed_over_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged in each single second, as an edge does, every fault has the same outcome."""
    short = Group(NAMED[LOOP], "high", 1, NOBODY).outcomes()
    monkeypatch.setattr(engine.Engine, "next_due", lambda _: 0)
    assert Group(NAMED[LOOP], "high", 1, NOBODY).outcomes() == short


def test_a_latched_limit_is_among_those_that_stand() -> None:
    """The combustible head's limit waits for a reset, and a fault is no reset."""
    limits = [each for each in new_plant([NAMED[HEAD]]).definitions.of(0) if each.rule == "h"]
    assert [each.latch for each in limits] == [True]


def seen(name: str) -> Seen:
    """What a fault knows of an instrument."""
    device = new_plant([NAMED[name]]).devices[0]
    floor = device.profile.channel[NAMED[name].point["channel"]].noise_floor
    return Seen(NAMED[name], device.plan.bound[0], floor)


@pytest.mark.parametrize("name", KINDS)
def test_a_device_in_trouble_writes_what_the_profile_calls_trouble(name: str) -> None:
    """Through the plan of its device, each style has the quality that its kind stands for."""
    meant = {
        "below range": {Quality.BELOW_RANGE},
        "above range": {Quality.ABOVE_RANGE},
        "NE 43 current": {Quality.DEVICE_FAULT},
        "sentinel": {Quality.SENTINEL, Quality.DEVICE_FAULT},
        "no number": {Quality.NOT_FINITE, Quality.WRONG_TYPE, Quality.DEVICE_FAULT},
        "silent": {Quality.MISSING},
    }.get(name, {Quality.GOOD})
    chance = Random(name)
    for own in map(seen, NAMED):
        plan = new_plant([own.instrument]).devices[0].plan
        last = sum(own.instrument.signal.base) / 2
        for style, write in KINDS[name].styles.items():
            if style == "cut off" or not KINDS[name].fits(own, style, NORMAL):
                continue
            for number in range(10):
                written = write(own, Moment(number, 9e3, last, last, chance.random(), chance))
                if written is not None:
                    decoded = plan.decode(payload(1_790_000_000_000_000_000, written))
                    code = Quality(decoded.qualities[0])
                    assert code in meant, (own.instrument.name, style, written)


def test_what_leads_to_an_alarm_passes_its_limit_or_comes_near() -> None:
    """A level goes beyond it, down for a low one; a rate and a trend stay before it."""
    for instrument in PARAMETERS.instruments:
        base = sum(instrument.signal.base) / 2
        for condition in conditions(instrument):
            added = lead_in(condition, instrument, base, Random(1))
            limits = instrument.point["limits"]
            if condition == NORMAL:
                assert not added.any()
            elif condition == "low":
                assert base + added[-1] < limits["l"]
            else:
                beyond = base + added.max() > limits["h"]
                assert beyond == (condition == "high")
            assert math.isfinite(float(np.abs(added).max()))
