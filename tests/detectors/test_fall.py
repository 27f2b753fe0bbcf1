"""A fall is told against what is usual here: oxygen that goes before any limit is reached."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from detectors.fall import FallParams
from detectors.rules import Rule
from tests.detectors.twins import SECOND, at_once, feed, one

HOUR = 360  # readings, 10 s apart
PARAMS = FallParams(0.5, 3600.0, 4 * 3600.0, deadband=0.1)
AIR = 20.9
Floats = npt.NDArray[np.float64]


def edges(value: Floats, params: FallParams = PARAMS) -> list[tuple[int, bool]]:
    """Return at which readings, 10 s apart, the rule begins and ends."""
    readings = at_once(value.tolist(), every=10 * SECOND)
    return [(edge.at, edge.began) for edge in feed(one(Rule(params)).bank(), readings)]


def air(hours: float, level: float = AIR, *, noise: float = 0.03) -> Floats:
    count = int(hours * HOUR)
    return level + np.random.default_rng(count).normal(0.0, noise, count)


def slope(hours: float, begin: float, end: float) -> Floats:
    return np.linspace(begin, end, int(hours * HOUR))


@pytest.mark.parametrize("minutes", [0, 1, 10, 30])
def test_oxygen_that_goes_is_told_long_before_its_limit(minutes: float) -> None:
    """Half a %vol lost, at once or within half an hour, raises; its return ends it."""
    lost = slope(minutes / 60, AIR, AIR - 0.6)
    value = np.concatenate([air(3), lost, air(1, AIR - 0.6), air(3)])
    found = edges(value)
    assert [began for _, began in found] == [True, False]
    assert 3 * HOUR <= found[0][0] <= 3 * HOUR + lost.size + 3
    assert found[1][0] >= 4 * HOUR + lost.size


def test_a_fall_teaches_nothing_while_it_must_stand() -> None:
    """For as long as is stated the usual value does not follow; then the fall is the usual one."""
    patient = FallParams(0.5, 3600.0, 48 * 3600.0)
    (began, ended) = edges(np.concatenate([air(3), air(47, AIR - 0.7), air(1)]), patient)
    assert (began[0] // HOUR, ended[0] // HOUR) == (3, 50)
    (began, ended) = edges(np.concatenate([air(3), air(47, AIR - 0.7), air(1)]))
    assert (began[0] // HOUR, ended[0] // HOUR) == (3, 3 + 4 + 1)


def test_a_slow_drift_is_followed() -> None:
    """A sensor that drifts by a quarter %vol a day, as weather and age do, raises nothing."""
    value = slope(24 * 8, AIR, AIR - 2.0)
    assert edges(value + air(24 * 8, 0.0)) == []


def test_an_adjusted_sensor_has_a_new_usual_value() -> None:
    """Up by a calibration: after the stated time a fall is told from the new value."""
    value = np.concatenate([air(3, 20.3), air(6, AIR), air(1, AIR - 0.6)])
    assert [at // HOUR for at, began in edges(value) if began] == [9]
    # Too early: the old value is still the usual one.
    value = np.concatenate([air(3, 20.3), air(2, AIR), air(1, AIR - 0.6)])
    assert edges(value) == []


def test_more_than_usual_is_no_fall_and_does_not_become_usual_at_once() -> None:
    """An hour of enriched air raises nothing, nor does its end."""
    assert edges(np.concatenate([air(3), air(1, 22.5), air(3)])) == []


def test_the_first_value_is_not_the_usual_one_for_ever() -> None:
    """A sensor that begins far off and settles within its watching time is known by its mean."""
    assert edges(np.concatenate([[35.0], air(5)])) == []
    ((at, began),) = edges(np.concatenate([[35.0], air(5), air(1, AIR - 0.6)]))
    assert began
    assert 1 + 5 * HOUR <= at <= 4 + 5 * HOUR


def test_nothing_is_judged_before_it_was_watched() -> None:
    """Within the first time constant there is no usual value to fall from."""
    assert edges(np.concatenate([air(0.4), air(0.5, AIR - 2.0)])) == []


def test_coarse_steps_and_noise_are_no_fall() -> None:
    """Steps of 0.1 and noise of a sixth of the amount raise nothing in ten days."""
    assert edges(np.round(air(240, noise=0.08), 1)) == []


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ((0.0, 60.0, 60.0), "amount"),
        ((1.0, 60.0, 60.0, 1.0), "deadband"),
        ((1.0, 0.0, 60.0), "tau"),
        ((1.0, 60.0, np.inf), "hold"),
    ],
)
def test_what_cannot_be_a_fall_is_refused(wrong: tuple[float, ...], what: str) -> None:
    """An amount, deadband or time that cannot be is refused by its name."""
    with pytest.raises(ValueError, match=rf"fall .*{what}="):
        FallParams(*wrong)
