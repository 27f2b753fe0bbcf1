"""What every kind of detector keeps to. A kind without an example of itself here fails."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.admission import BAD
from detectors.bank import Bank
from detectors.drift import DriftParams
from detectors.fall import FallParams
from detectors.limit import LimitParams
from detectors.noise import NoiseParams
from detectors.rate import RateParams
from detectors.reason import ABOVE, FAULT, SHIFT, ReasonParams
from detectors.rules import KIND, Rule
from detectors.run import RunParams
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams
from tests.detectors.twins import (
    LATE,
    SECOND,
    START,
    STATE,
    Action,
    Reading,
    Site,
    actions,
    agree,
    bits,
    feed,
    numbers,
    one,
    run,
    timeline,
)

FAULTY = BAD | ABOVE << SHIFT


@dataclass(frozen=True)
class Example:
    """A detector, numbers that matter to it, and values, 1 s apart, that begin it and end it."""

    params: object
    thresholds: tuple[float, ...]
    begins: Sequence[float]
    ends: Sequence[float]
    grade: int = 0

    def rules(self) -> list[Rule]:
        """The detector at once and with delays."""
        return [
            Rule(self.params),  # type: ignore[arg-type]
            Rule(self.params, on_delay=2 * SECOND, off_delay=3 * SECOND),  # type: ignore[arg-type]
        ]

    def story(self) -> list[Reading]:
        """Readings of one point that begin its rule and end it."""
        values = [*((value, self.grade) for value in self.begins), *((v, 0) for v in self.ends)]
        return [
            (0, START + n * SECOND, START + n * SECOND, value, grade)
            for n, (value, grade) in enumerate(values)
        ]


EXAMPLES = {
    "high": Example(LimitParams(10.1, high=True, deadband=0.7), (10.1, 9.4), [10.1], [9.0]),
    "low": Example(LimitParams(-5.0, high=False, strict=True), (-5.0,), [-5.1], [-5.0]),
    "rate": Example(RateParams(2.0, deadband=0.5, tau_s=2.0, gap_s=30.0), (2.0,),
                    [n * 3.0 for n in range(9)], [24.0] * 9),
    "trend": Example(TrendParams(20.0, high=True, tau_s=2.0, horizon_s=30.0, gap_s=30.0), (20.0,),
                     [n * 0.5 for n in range(24)], [12.0] * 9),
    "stuck": Example(StuckParams(0.1, 10.0, zero_band=0.5), (0.1, 0.5), [3.0] * 11, [5.0]),
    "reason": Example(ReasonParams((FAULT, ABOVE)), (), [7.0], [7.0], grade=FAULTY),
    "spike": Example(SpikeParams(5.0, 3.0, 3, 60.0), (5.0, 2.5),
                     [0.0, 9.0] * 3 + [0.0], [0.0] * 60),
    "noise": Example(NoiseParams(4.0, 30), (4.0, -4.0), [0.0, 9.0] * 6, [0.0] * 40),
    "fall": Example(FallParams(1.0, 10.0, 3600.0, deadband=0.2), (1.0, 0.5, 20.9, 19.9),
                    [20.9] * 11 + [19.5], [20.9]),
    "drift": Example(DriftParams(1.0, 5.0, 60.0), (-1.0, -0.5), [-2.0] * 12, [1.0] * 12),
    "run": Example(RunParams(1.0, 3, 30.0), (1.0,), [1.1] * 3, [1.0] * 3),
}  # fmt: skip

every = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def values(example: Example) -> st.SearchStrategy[float]:
    """Numbers of every sort, those near the detector's own among them."""
    return numbers(*example.thresholds)


def streams(example: Example) -> st.SearchStrategy[list[Action]]:
    """What may happen to one point, from nothing at all on."""
    return st.lists(actions(1, values(example)), max_size=40)


def test_every_kind_has_an_example() -> None:
    """No kind of detector escapes this list, and no example is of a kind that is gone."""
    assert {type(example.params) for example in EXAMPLES.values()} == set(KIND)


@every
def test_it_begins_and_ends_on_what_it_is_for(example: Example) -> None:
    """The values it is made for begin it, those after them end it: the checks have substance."""
    bank = Bank([0], [LATE], [[Rule(example.params)]], [0])  # type: ignore[arg-type]
    edges = feed(bank, example.story())
    assert [edge.began for edge in edges] == [True, False]
    assert edges[0].at < len(example.begins) <= edges[1].at


@every
@settings(max_examples=60)
@given(data=st.data())
def test_it_agrees_with_its_plain_twin(example: Example, data: st.DataObject) -> None:
    """NaN, infinities, -0, denormals, rounding at its thresholds: kernel and plain form agree."""
    site = one(*example.rules())
    happened = data.draw(streams(example))
    # The story first: most random values never bring a detector that far.
    story: list[tuple[str, Reading | int]] = [("read", reading) for reading in example.story()]
    agree(site, [*(story if data.draw(st.booleans()) else []), *timeline(happened)])


@every
@settings(max_examples=30)
@given(data=st.data())
def test_batches_and_restarts_change_nothing(example: Example, data: st.DataObject) -> None:
    """Readings cut into any batches, and a restart between any two, give the same to the bit."""
    site = one(*example.rules())
    happened = data.draw(streams(example))
    events = [("read", reading) for reading in example.story()] + timeline(happened)
    events = [event for event in events if event[0] != "restart"]
    whole, bank = run(site, events)
    cut, other = run(site, events, size=data.draw(st.integers(1, 7)))
    assert cut == whole
    interrupted, third = run(site, [each for event in events for each in (event, ("restart", 0))])
    assert interrupted == whole
    for name in STATE:
        kept = getattr(bank.state, name).tobytes()
        assert getattr(other.state, name).tobytes() == kept
        assert getattr(third.state, name).tobytes() == kept


@every
@settings(max_examples=30)
@given(data=st.data())
def test_points_know_nothing_of_each_other(example: Example, data: st.DataObject) -> None:
    """Three points in any order of their indices: each has the edges it has alone."""
    happened = data.draw(st.lists(actions(3, values(example)), max_size=60))
    readings = [value for verb, value in timeline(happened) if verb == "read"]
    order = data.draw(st.permutations(range(3)))
    rules = example.rules()
    site = Site([rules], [0, 1, 2], [0, 0, 0])
    moved = [(order[reading[0]], *reading[1:]) for reading in readings]  # type: ignore[index]
    together = feed(site.bank(), moved)  # type: ignore[arg-type]
    for point in range(3):
        alone = [(0, *reading[1:]) for reading in readings if reading[0] == point]  # type: ignore[index]
        first = order[point] * len(rules)
        found = [
            bits(e._replace(row=e.row - first)) for e in together if e.row // 2 == order[point]
        ]
        assert found == [bits(edge) for edge in feed(one(*rules).bank(), alone)]  # type: ignore[arg-type]


@every
@settings(max_examples=30)
@given(data=st.data(), seconds=st.integers(-1_600_000_000, 1_600_000_000))
def test_the_day_does_not_matter(example: Example, data: st.DataObject, seconds: int) -> None:
    """The same readings on another day give the same edges on that day."""
    site = one(*example.rules())
    shift = seconds * SECOND
    readings = [*example.story(), *_readings(data.draw(streams(example)))]
    moved = [(p, time + shift, came + shift, *rest) for p, time, came, *rest in readings]
    found = feed(site.bank(), moved)  # type: ignore[arg-type]
    back = [
        edge._replace(
            time=edge.time - shift, predicted=edge.predicted - shift if edge.predicted else 0
        )
        for edge in found
    ]
    assert [bits(edge) for edge in back] == [bits(edge) for edge in feed(site.bank(), readings)]


@every
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -9999.0])
def test_what_is_no_value_moves_nothing(example: Example, bad: float) -> None:
    """At any place of a story a BAD reading moves no memory, and no delay but of its reason."""
    if isinstance(example.params, ReasonParams):
        pytest.skip("what is no value is what it is for")
    site = one(*example.rules())
    story = example.story()
    expected = [bits(edge) for edge in feed(site.bank(), story)]
    for place in range(1, len(story)):
        _, time, came, *_ = story[place]
        holes = [*story[:place], (0, time - 1, came, bad, BAD), *story[place:]]
        assert [bits(edge) for edge in feed(site.bank(), holes)] == expected


@every
def test_what_it_keeps_stays_finite(example: Example) -> None:
    """Numbers at the ends of what a double holds leave no infinity behind, and no standing rule."""
    bank = Bank([0], [LATE], [[Rule(example.params)]], [0])  # type: ignore[arg-type]
    wild = [1.7e308, -1.7e308, 5e-324, -1.7e308, 1.7e308, 1.7e308, -1.7e308, 0.0] * 3
    usual = example.ends[-1]
    values = [*wild, *[usual, usual + 1.0] * 40, *example.ends]
    story = [(0, START + n * SECOND, START + n * SECOND, v, 0) for n, v in enumerate(values)]
    for reading in story:
        feed(bank, [reading])
        assert np.isfinite(bank.state.memory["kept"]).all()
    again = [
        (0, time + 1000 * SECOND, came + 1000 * SECOND, value, grade)
        for _, time, came, value, grade in example.story()
    ]
    feed(bank, again)
    assert bank.active_rows() == []


@pytest.mark.parametrize(
    "count",
    [4_000, pytest.param(1_000_000, marks=[pytest.mark.more, pytest.mark.timeout(600)])],
)
@every
def test_a_long_walk_agrees_with_the_plain_twin(example: Example, count: int) -> None:
    """Waves, calm and loud, with jumps, gaps, late and bad readings: the last bit agrees."""
    chance = np.random.default_rng(7)
    middle = example.thresholds[0] if example.thresholds else 0.0
    step = np.arange(count)
    part = step // 150 % 4
    wave, loud = np.array([10.0, 10.0, 10.0, 0.0])[part], np.array([0.0, 0.3, 8.0, 0.1])[part]
    walk = middle + wave * np.sin(step / 50.0) + loud * chance.normal(0.0, 1.0, count)
    walk[chance.random(count) < 0.01] += 40.0
    spacing = chance.choice(
        [SECOND, SECOND // 3, 7 * SECOND, 900 * SECOND], count, p=[0.7, 0.2, 0.09, 0.01]
    )
    # To the nanosecond, for what is rounded in it.
    time = START + np.cumsum(spacing + chance.integers(0, SECOND // 10, count))
    delay = chance.choice([0, SECOND, 90 * SECOND], count, p=[0.97, 0.02, 0.01])
    grade = chance.choice([0, 1, FAULTY], count, p=[0.96, 0.02, 0.02])
    readings = list(
        zip(
            [0] * count,
            time.tolist(),
            (time + delay).tolist(),
            walk.tolist(),
            grade.tolist(),
            strict=True,
        )
    )
    found = agree(one(*example.rules()), [("read", reading) for reading in readings])
    assert found


def _readings(happened: list[Action]) -> list[Reading]:
    begin = 3600 * SECOND
    return [
        (value[0], value[1] + begin, value[2] + begin, value[3], value[4])
        for verb, value in timeline(happened)
        if verb == "read" and not isinstance(value, int)
    ]
