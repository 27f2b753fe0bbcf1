"""The simulated plant: the same every time, within its range, and failing as it is told."""

from __future__ import annotations

import math

import pytest

from gateway.simulation.plant import Fault, FaultKind, Ramp, Scenario, Signal, SimulatedPlant

SIGNALS = {
    "A": Signal(base=10.0, noise=2.0, low=0.0, high=40.0, resolution=0.1),
    "B": Signal(base=5.0, cycle=1.0, noise=0.5, resolution=0.01),
}
QUIET = Scenario(name="quiet")


def readings(plant: SimulatedPlant, tag: str, seconds: int) -> list[float | None]:
    return [plant.read(tag, second=n, time_of_day_s=n) for n in range(seconds)]


def test_a_seed_gives_the_same_values_whoever_asks_first() -> None:
    """Every point has noise of its own: reading one moves no other."""
    one, other = SimulatedPlant(SIGNALS, QUIET, 7), SimulatedPlant(SIGNALS, QUIET, 7)
    first = readings(one, "A", 200)
    readings(other, "B", 50)
    assert readings(other, "A", 200) == first
    assert readings(SimulatedPlant(SIGNALS, QUIET, 8), "A", 200) != first


def test_values_stay_within_range_and_on_the_sensors_steps() -> None:
    """No sensor reports what it cannot."""
    leak = Ramp(tag="A", start_s=50, rise_s=50, hold_s=50, decay_s=10, height=100)
    plant = SimulatedPlant(SIGNALS, Scenario(name="leak", ramps=(leak,)), 1)
    found = [value for value in readings(plant, "A", 400) if value is not None]
    assert max(found) == 40.0
    assert min(found) >= 0.0
    assert all(math.isclose(value * 10, round(value * 10), abs_tol=1e-6) for value in found)
    assert 0.5 < max(found[:50]) - min(found[:50]) < 20


def test_a_ramp_rises_holds_and_decays() -> None:
    """It adds nothing before its start, its height while it holds, and dies away."""
    ramp = Ramp(tag="A", start_s=10, rise_s=10, hold_s=5, decay_s=10, height=100)
    assert [ramp.at(second) for second in (0, 9.9, 10, 15, 20, 24.9)] == [0, 0, 0, 50, 100, 100]
    assert ramp.at(35) == pytest.approx(100 / math.e)


def test_a_sensor_fails_for_its_time_only() -> None:
    """Silent, broken and stuck each show as themselves, and end."""
    faults = tuple(
        Fault(tag="A", kind=kind, start_s=10 * n, end_s=10 * n + 5)
        for n, kind in enumerate([FaultKind.SILENT, FaultKind.BROKEN, FaultKind.STUCK], start=1)
    )
    found = readings(SimulatedPlant(SIGNALS, Scenario(name="faults", faults=faults), 1), "A", 40)
    whole = readings(SimulatedPlant(SIGNALS, QUIET, 1), "A", 40)
    assert found[10:15] == [None] * 5
    assert all(value is not None and math.isnan(value) for value in found[20:25])
    assert found[30:35] == [whole[30]] * 5
    # A fault is in the sensor, not in the plant: around it nothing has changed.
    for begin, end in ((0, 10), (15, 20), (25, 30), (35, 40)):
        assert found[begin:end] == whole[begin:end]
