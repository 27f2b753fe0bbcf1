from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.bindings import BindingError, ChannelBinding
from device_profiles.decode import compile_plan
from device_profiles.loop import FAILED, MEASURED, over
from device_profiles.quality import Quality
from tests.device_profiles.test_decode import decode_x, profile_of

ENDS = st.floats(-1e6, 1e6)


def test_the_bounds_are_those_of_ne_43() -> None:
    """Measurement from 3.8 to 20.5 mA, failure from 3.6 mA down and from 21.0 mA up."""
    assert (MEASURED, FAILED) == ((3.8, 20.5), (3.6, 21.0))


@given(ENDS, st.floats(1e-3, 1e6))
def test_4_and_20_ma_are_the_ends_of_the_range(low: float, span: float) -> None:
    """The ends of a range come out at 4 and 20 mA, to within rounding, between the bounds."""
    high = low + span
    loop = over(low, high)
    assert loop.value(4.0) == pytest.approx(low, abs=1e-9 * max(1.0, abs(low)))
    assert loop.value(20.0) == pytest.approx(high, abs=1e-9 * max(1.0, abs(high)))
    assert not loop.blurred
    assert loop.failed[0] < loop.measured[0] < low < high < loop.measured[1] < loop.failed[1]


def test_a_range_too_fine_for_a_double_is_told() -> None:
    """Where rounding makes a failure and a measurement one value, the range is not usable."""
    assert over(1e16, 1e16 + 4).blurred
    assert not over(1e16, 1e16 + 1e6).blurred


CURRENTS = [
    (0, Quality.DEVICE_FAULT),
    (3.5, Quality.DEVICE_FAULT),
    (3.6, Quality.DEVICE_FAULT),
    (3.61, Quality.BELOW_RANGE),
    (3.79, Quality.BELOW_RANGE),
    (3.8, Quality.GOOD),
    (3.95, Quality.GOOD),
    (4, Quality.GOOD),
    (20, Quality.GOOD),
    (20.5, Quality.GOOD),
    (20.51, Quality.ABOVE_RANGE),
    (20.99, Quality.ABOVE_RANGE),
    (21, Quality.DEVICE_FAULT),
    (21.1, Quality.DEVICE_FAULT),
]


@pytest.mark.parametrize(("current", "quality"), CURRENTS)
@pytest.mark.parametrize("span", [(0, 100), (0, 0.3), (-40, 60), (15, 25), (0, 1e6), (-3, -1)])
def test_a_current_says_itself_whether_it_measures(
    current: float, quality: Quality, span: tuple[float, float]
) -> None:
    """The bounds of NAMUR NE 43 hold to the digit, whatever the range; the value is kept."""
    low, high = span
    value, found = decode_x(json.dumps({"x": current}), signal="4-20mA", range=[low, high])
    assert found is quality
    assert value == pytest.approx(low + (current - 4) / 16 * (high - low), abs=1e-9 * (high - low))


@pytest.mark.parametrize(("current", "quality"), CURRENTS)
def test_a_point_states_another_range_of_its_current(current: float, quality: Quality) -> None:
    """Range alone, or a scale that is that of the range, is another span of the same current."""
    profile = profile_of(signal="4-20mA")
    folded = {"scale": 3.125, "offset": -12.5, "low": -5e-11, "high": 50.0 + 5e-11}
    for told in ({"low": 0.0, "high": 50.0}, folded):
        plan = compile_plan(profile, channels=[ChannelBinding(channel="x", **told)])
        decoded = plan.decode(json.dumps({"x": current}).encode())
        assert decoded.qualities == [quality]
        assert decoded.values == [pytest.approx((current - 4) * 3.125, abs=1e-12)]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"scale": 6.25, "low": 0.0, "high": 50.0}, "4 and 20 mA are 12.5 and 112.5 by its scale"),
        ({"scale": 1.0, "offset": 0.0, "low": 0.0, "high": 50.0}, "state the range alone"),
        ({"low": 1e16, "high": 1e16 + 4}, "too fine"),
        ({"scale": 3.125}, "another scale is another unit"),
    ],
)
def test_a_current_is_not_scaled_past_its_range(told: dict[str, float], text: str) -> None:
    """A point whose scale and range disagree on what 4 and 20 mA are is refused."""
    profile = profile_of(signal="4-20mA")
    with pytest.raises(BindingError, match=text):
        compile_plan(profile, channels=[ChannelBinding(channel="x", **told)])
