"""A bank follows a step of the machine's clock: what a point remembers stays as old as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.admission import GOOD, NEVER, SECOND, UNTIMED
from detectors.bank import Bank
from detectors.clock_step import OURS
from detectors.limit import LimitParams
from detectors.rules import Rule

START = 1_790_000_000 * SECOND
HOUR = 3600 * SECOND


class One:
    """A bank of one point with an on-delay of ten seconds, and the clock it is fed by."""

    def __init__(self, *, own: bool) -> None:
        rule = Rule(LimitParams(10.0, high=True), on_delay=10 * SECOND)
        self.bank = Bank([0], [60 * SECOND], [(rule,)], [0])
        self.own, self.step, self.ahead = own, 0, 0 if own else OURS

    def set_clock(self, step: int) -> None:
        self.step += step
        self.bank.set_clock(step, np.array([self.ahead], np.int64))

    def hear(self, second: int, value: float) -> None:
        """Take a reading as it comes in: by the device's time while it can be."""
        source, received = START + second * SECOND, START + second * SECOND + self.step
        distance = source - received
        grade = GOOD
        if not self.own:
            source = received
        elif distance > 5 * SECOND:
            source, grade, self.ahead = received, UNTIMED, distance
        else:
            self.ahead = 0
        one = np.array([source], np.int64), np.array([received], np.int64)
        self.bank.take(np.zeros(1, np.int32), *one, np.array([value]), np.array([grade], np.uint8))

    def tick(self, second: int) -> bool:
        """Let a second pass; return whether the rule began."""
        return bool(self.bank.tick(START + second * SECOND + self.step))


STEPS = [-HOUR, HOUR, -SECOND, SECOND, -600 * SECOND, -START, 360_000 * HOUR]


@pytest.mark.parametrize("own", [True, False], ids=["device's time", "our time"])
@pytest.mark.parametrize("silent", [True, False], ids=["silent", "speaking"])
@pytest.mark.parametrize("step", STEPS)
def test_an_on_delay_outlasts_a_step(*, step: int, own: bool, silent: bool) -> None:
    """It runs out when its time has passed: not at the step, and not anew from it."""
    one = One(own=own)
    # A device's clock may be five seconds ahead. Ours, set back by less, cannot be told from one
    # that is right: where nothing more is heard, the delay runs out that much later.
    later = -step // SECOND if own and silent and -5 * SECOND <= step < 0 else 0
    began = []
    for second in range(20):
        if second == 4:
            one.set_clock(step)
        if second == 0 or not silent:
            one.hear(second, 20.0)
        if one.tick(second) or one.bank.is_active(0):
            began.append(second)
            break
    assert began == [10 + later]


@given(steps=st.lists(st.integers(-5, 5).map(lambda n: n * 600 * SECOND), max_size=8))
def test_steps_one_after_the_other_lose_nothing(steps: list[int]) -> None:
    """However a clock is set, and set again, a delay of a device that goes on speaking runs out."""
    one = One(own=True)
    for second in range(11):
        if 1 <= second <= len(steps):
            one.set_clock(steps[second - 1])
        one.hear(second, 20.0)
        one.tick(second)
        assert one.bank.is_active(0) == (second >= 10)


def test_a_forward_step_makes_no_reading_late() -> None:
    """An hour's step of ours is no delay of the device's: what it says still clears."""
    one = One(own=True)
    one.hear(0, 20.0)
    one.tick(10)
    one.set_clock(HOUR)
    one.hear(11, 1.0)
    assert not one.bank.is_active(0)
    assert one.bank.newest(0).time == START + 11 * SECOND
    assert one.bank.heard[0] == START + 11 * SECOND + HOUR


def test_late_data_are_late_after_a_step_as_before() -> None:
    """What comes two minutes late clears nothing, whatever the clock was set by."""
    one = One(own=True)
    one.hear(0, 20.0)
    one.tick(10)
    one.set_clock(HOUR)
    one.step += 120 * SECOND  # it took two minutes to come
    one.hear(11, 1.0)
    assert one.bank.is_active(0)


def test_what_was_never_heard_stays_so() -> None:
    """A step gives no point a past."""
    one = One(own=True)
    one.set_clock(HOUR)
    state = one.bank.state
    assert (state.points["last"] == NEVER).all()
    assert (state.points["heard"] == NEVER).all()
    assert (state.devices["start"] == NEVER).all()
