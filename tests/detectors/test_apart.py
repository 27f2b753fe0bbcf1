"""One sensor's trouble is its own: whatever it says, the others are judged as if it said nothing.

A kernel raises no exception: it divides as numpy does, makes no array, and its parameters were
checked before it ran. So what can go wrong is a number, and it can go wrong in one point's state
only.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.admission import LARGEST
from detectors.drift import DriftParams
from detectors.fall import FallParams
from detectors.limit import LimitParams
from detectors.noise import NoiseParams
from detectors.rate import RateParams
from detectors.reason import FAULT, ReasonParams
from detectors.rules import KIND, LONGEST, Rule
from detectors.run import RunParams
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams
from tests.detectors.twins import SECOND, START, STATE, Reading, Site, bits, feed, told

POINTS = 20
WILD = 7
#: One of every kind, with numbers that a site could state.
USUAL = (
    LimitParams(10.0, high=True, deadband=1.0),
    ReasonParams((FAULT,)),
    RateParams(2.0, tau_s=3.0),
    TrendParams(20.0, high=True, tau_s=3.0, horizon_s=60.0),
    StuckParams(0.01, 20.0),
    SpikeParams(5.0, 3.0, 3, 60.0),
    NoiseParams(3.0, 30),
    FallParams(2.0, 10.0, 60.0),
    DriftParams(2.0, 10.0, 60.0),
    RunParams(20.0, 3, 30.0),
)
#: And with the widest and the narrowest that are allowed.
ODD = (
    LimitParams(1.7e308, high=True, deadband=1.7e308),
    ReasonParams(tuple(range(1, 32))),
    RateParams(5e-324, tau_s=5e-324, gap_s=1.7e308),
    TrendParams(-1.7e308, high=False, tau_s=1e9, horizon_s=1e9, significance=5e-324, gap_s=1e9),
    StuckParams(1.7e308, 1.7e308, zero_band=5e-324),
    SpikeParams(5e-324, 1.7e308, 1_000_000_000, 5e-324),
    NoiseParams(5e-324, 1_000_000_000),
    FallParams(1.7e308, 1.7e308, 5e-324, deadband=1e308),
    DriftParams(1.7e308, 5e-324, 1.7e308),
    RunParams(-1.7e308, 1_000_000, 5e-324),
)
SITE = Site(
    [
        [Rule(params, on_delay=SECOND) for params in USUAL],
        [Rule(params, on_delay=LONGEST, off_delay=LONGEST) for params in ODD],
    ],
    devices=range(POINTS),
    point_sets=[int(point == WILD) for point in range(POINTS)],
)
NUMBERS = [
    math.nan,
    math.inf,
    -math.inf,
    1.7e308,
    -1.7e308,
    LARGEST,
    -LARGEST,
    5e-324,
    -5e-324,
    0.0,
    -0.0,
    1e9,
    -9999.0,
]


def sane(second: int) -> list[Reading]:
    """One reading of every point but the wild one: a walk with jumps, faults and quiet times."""
    chance = np.random.default_rng(second)
    time = START + second * SECOND
    found = []
    for point in range(POINTS):
        value = 8.0 * math.sin(second / (5.0 + point)) + float(chance.normal(0.0, 0.5))
        if chance.random() < 0.05:
            value += 30.0
        if second % 100 > 70:
            value = float(point)
        grade = 2 if chance.random() < 0.02 else 0
        found.append((point, time, time, value, grade))
    return [reading for reading in found if reading[0] != WILD]


def wild(second: int) -> list[Reading]:
    """Many readings of the wild point, of every sort, at times that lie far apart or not at all."""
    chance = np.random.default_rng(second)
    times = START + np.array([0, second, second, -second, 1 << 29, second + 1], np.int64) * SECOND
    return [
        (WILD, int(time), int(max(time, START)), NUMBERS[chance.integers(len(NUMBERS))], grade)
        for time in times
        for grade in chance.choice(5, 3).tolist()
    ]


def test_every_kind_is_tried() -> None:
    """Both lists hold one detector of every kind there is."""
    assert {type(params) for params in USUAL} == {type(params) for params in ODD} == set(KIND)


def test_a_wild_sensor_changes_nothing_for_the_others() -> None:
    """With one point gone wild, the others' edges and all that is kept of them are the same."""
    alone, beside = SITE.bank(), SITE.bank()
    rows = range(int(alone.first[WILD]), int(alone.first[WILD + 1]))
    expected, found = [], []
    for second in range(1, 400):
        expected += feed(alone, sane(second)) + alone.tick(START + second * SECOND)
        mixed = wild(second)
        for reading in sane(second):
            mixed.insert(reading[0], reading)
        found += feed(beside, mixed) + beside.tick(START + second * SECOND)
    assert [bits(edge) for edge in found if edge.row not in rows] == [bits(e) for e in expected]
    assert len(expected) > 500
    memory = range(int(alone.first_memory[WILD]), int(alone.first_memory[WILD + 1]))
    own = {"points": [WILD], "devices": [WILD], "delays": rows, "memory": memory}
    for name in STATE:
        one, other = getattr(alone.state, name), getattr(beside.state, name)
        others = np.setdiff1d(np.arange(one.size), own[name])
        for part in one.dtype.names:
            assert one[part][others].tobytes() == other[part][others].tobytes()


def test_a_sensor_that_was_wild_is_watched_again() -> None:
    """After numbers that no difference can be taken of, every detector finds what it is for."""
    rules = [Rule(params) for params in USUAL]
    bank = Site([rules], [0], [0]).bank()
    for second in range(50):
        value = NUMBERS[second % len(NUMBERS)]
        feed(bank, [(0, START + second * SECOND, START + second * SECOND, value, 0)])
    assert np.isfinite(bank.state.memory["kept"]).all()
    # After a pause, as for whoever goes to mend it; what is usual is learnt anew beside that.
    calm = [5.0] * 1000
    stories = [
        ([11.0] * 5, LimitParams),
        ([math.nan], ReasonParams),
        ([5.0 - 3.0 * n for n in range(12)], RateParams),
        ([5.0 + 0.3 * n for n in range(40)], TrendParams),
        ([1.0] * 22, StuckParams),
        ([15.0, 5.0] * 3, SpikeParams),
        ([5.0, 15.0] * 15, NoiseParams),
        ([2.0] * 5, FallParams),
        ([-5.0] * 60, DriftParams),
        ([21.0] * 5, RunParams),
    ]
    second = 10_000
    seen = set()
    for story, kind in stories:
        for value in [*calm, *story]:
            second += 1
            time = START + second * SECOND
            # Calm, but not stuck.
            moved = value + 0.02 * (second % 2)
            for edge in feed(bank, [(0, time, time, moved if kind != StuckParams else value, 0)]):
                if edge.began:
                    seen.add(type(USUAL[edge.row]))
    assert seen == set(KIND)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.7e308, -1.7e308, 1.000001e150])
def test_a_number_that_no_instrument_means_is_a_fault(value: float) -> None:
    """It raises the sensor's fault and no limit, and clears none that stands."""
    rules = [Rule(LimitParams(10.0, high=True)), Rule(ReasonParams((FAULT,)))]
    bank = Site([rules], [0], [0]).bank()
    numbers = [11.0, value, -value, LARGEST]
    story = [(0, START + n * SECOND, START + n * SECOND, each, 0) for n, each in enumerate(numbers)]
    assert told(feed(bank, story)) == [(0, True, 0.0), (1, True, 1.0), (1, False, 3.0)]
