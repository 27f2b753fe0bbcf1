"""Three clocks, the same two questions."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock, ScaledClock, SystemClock
from gateway.model import NANOSECONDS


@given(instants=st.lists(st.integers(0, 2**62)))
def test_a_manual_clock_never_goes_back(instants: list[int]) -> None:
    """It stands at the latest instant it was set to."""
    clock = ManualClock()
    latest = 0
    for instant in instants:
        clock.set(instant)
        latest = max(latest, instant)
        assert (clock.now_ns(), clock.monotonic_ns()) == (latest, latest)


def test_the_system_clock_is_the_machines() -> None:
    """Its time lies between two looks at the machine's, and its monotonic time does not go back."""
    clock = SystemClock()
    before, now, after = time.time_ns(), clock.now_ns(), time.time_ns()
    assert before <= now <= after
    first, second = clock.monotonic_ns(), clock.monotonic_ns()
    assert first <= second


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0])
def test_a_scaled_clock_runs_at_its_speed(monkeypatch: pytest.MonkeyPatch, speed: float) -> None:
    """From the origin on, both of its times pass `speed` times as fast as the machine's."""
    machine = [1_790_000_000 * NANOSECONDS]
    monkeypatch.setattr(time, "time_ns", lambda: machine[0])
    monkeypatch.setattr(time, "monotonic_ns", lambda: machine[0] - 5)
    origin = machine[0]
    clock = ScaledClock(speed, origin)
    assert (clock.now_ns(), clock.monotonic_ns()) == (origin, 0)
    machine[0] += 10 * NANOSECONDS
    assert clock.now_ns() - origin == clock.monotonic_ns() == int(10 * NANOSECONDS * speed)


def test_processes_of_one_demo_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks of one origin and speed show the same time, whenever each was made."""
    machine = [1_790_000_000 * NANOSECONDS]
    monkeypatch.setattr(time, "time_ns", lambda: machine[0])
    origin = machine[0]
    first = ScaledClock(60.0, origin)
    machine[0] += 7 * NANOSECONDS
    second = ScaledClock(60.0, origin)
    assert first.now_ns() == second.now_ns() == origin + 420 * NANOSECONDS
