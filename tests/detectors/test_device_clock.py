"""For how long a device's clock has been right, wrong or slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.admission import BAD, FENCED, GOOD, NEVER, UNCERTAIN, UNTIMED
from detectors.arrays import Records
from detectors.device_clock import NOTHING, RIGHT, SLOW, WRONG, new_runs, watch
from detectors.reason import CLOCK, FAULT, SHIFT, UNDATED, WARMING
from tests.detectors.naive_clock import NaiveClocks

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_790_000_000 * SECOND
#: Points 0 and 1 are of one device, 2 is of another, which may be late by ten minutes; 3 of none.
DEVICES = [0, 0, 1, -1]
MOST = [MINUTE, 10 * MINUTE]
FALSE, NONE = UNTIMED | CLOCK << SHIFT, UNTIMED | UNDATED << SHIFT

#: Point, time, received, grade.
Reading = tuple[int, int, int, int]


@dataclass
class Watch:
    """Runs, and whether any is watched."""

    runs: Records = field(default_factory=lambda: new_runs(len(MOST)))
    busy: bool = False

    def feed(self, readings: Sequence[Reading]) -> Records:
        """Take readings in one go; return the runs."""
        columns = list(zip(*readings, strict=True)) or [()] * 4
        self.busy = watch(
            np.array(columns[0], np.int32),
            np.array(columns[1], np.int64),
            np.array(columns[2], np.int64),
            np.array(columns[3], np.uint8),
            np.array(DEVICES, np.int32),
            np.array(MOST, np.int64),
            min(MOST),
            self.busy,
            self.runs,
        )
        return self.runs

    def of(self, device: int) -> tuple[int, int]:
        """What a device's run is of, and for how long it has lasted, s."""
        run = self.runs[device]
        return int(run["of"]), int(run["last"] - run["since"]) // SECOND


def at(second: float, grade: int = GOOD, *, late: float = 0.0, point: int = 0) -> Reading:
    """A reading that came at this second."""
    now = START + int(second * SECOND)
    return (point, now - int(late * SECOND), now, grade)


def test_a_run_of_impossible_times_lasts_until_one_is_right() -> None:
    """Both points of the device speak for its clock; a right reading ends the run."""
    own = Watch()
    own.feed([at(n, FALSE if n % 2 else NONE, point=n % 2) for n in range(60)])
    assert own.of(0) == (WRONG, 59)
    own.feed([at(60), at(61)])
    assert own.of(0) == (RIGHT, 1)
    own.feed([at(62, FALSE)])
    assert own.of(0) == (WRONG, 0)


def test_what_has_trouble_of_its_own_says_nothing_of_the_clock() -> None:
    """A fault, a warm-up and what waited behind a fence neither begin a run nor end one."""
    others = (BAD | FAULT << SHIFT, UNCERTAIN | WARMING << SHIFT, FENCED)
    own = Watch()
    own.feed([at(n, grade) for n, grade in enumerate(others)])
    assert (own.of(0)[0], own.busy) == (NOTHING, False)
    own.feed([at(3, FALSE), *(at(n, grade) for n, grade in enumerate(others, 4)), at(9, FALSE)])
    assert own.of(0) == (WRONG, 6)


def test_right_readings_are_passed_over_while_nobody_is_watched() -> None:
    """In a site whose clocks are right nothing is written at all."""
    own = Watch()
    own.feed([at(n, point=n % 4, late=n % 60) for n in range(100)])
    assert own.busy is False
    assert own.runs.tolist() == new_runs(2).tolist()


def test_a_clock_that_is_slow_is_late_by_as_much_each_time() -> None:
    """Its readings are GOOD; each is late by what the first was, give or take the transport."""
    own = Watch()
    own.feed([at(n, late=90.0 + 20 * (n % 2)) for n in range(700)])
    assert own.of(0) == (SLOW, 699)


def test_a_backlog_that_drains_is_no_slow_clock() -> None:
    """Two hours are handed over at twice the pace: each run ends after a minute of it."""
    own, longest = Watch(), 0
    for second in range(7200):
        own.feed([at(second, late=7200.0 - second)])
        of, lasted = own.of(0)
        longest = max(longest, lasted if of == SLOW else 0)
    assert longest == 60
    assert own.of(0)[0] == RIGHT


def test_each_device_has_its_own_patience() -> None:
    """Five minutes are slow for one device and usual for another; one is never asked."""
    own = Watch()
    own.feed([at(n, late=300.0, point=point) for n in range(9) for point in (0, 2, 3)])
    assert own.of(0) == (SLOW, 8)
    assert own.of(1)[0] == NOTHING


def test_a_step_back_of_this_clock_begins_anew() -> None:
    """What was counted by the clock that was false is forgotten."""
    own = Watch()
    own.feed([at(n, FALSE) for n in range(30)])
    own.feed([at(-3600 + n, FALSE) for n in range(5)])
    assert own.of(0) == (WRONG, 4)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([0, 500, 1000, 30_000, -20_000]),
        st.sampled_from([0, 0, 400, 2000, 59_000, 61_000, 100_000, 130_000, 900_000, -4000]),
        st.sampled_from([GOOD] * 4 + [FALSE, NONE, FENCED, BAD, UNCERTAIN | WARMING << SHIFT]),
    ),
    max_size=60,
)


@given(STEPS, st.sets(st.integers(0, 60)))
def test_the_kernel_and_plain_python_agree_however_readings_are_cut(
    steps: list[tuple[int, int, int, int]], cuts: set[int]
) -> None:
    """Every field of every run, all at once or cut at random."""
    now, readings, naive = START, [], NaiveClocks(DEVICES, MOST)
    for point, after, late, grade in steps:
        now += after * 1_000_000
        readings.append((point, now - late * 1_000_000, now, grade))
        naive.take(*readings[-1])
    whole, cut, begin = Watch(), Watch(), 0
    whole.feed(readings)
    for end in (*sorted(each for each in cuts if each < len(readings)), len(readings)):
        cut.feed(readings[begin:end])
        begin = end
    expected = [
        (
            NEVER if run.since is None else run.since,
            NEVER if run.last is None else run.last,
            run.delay,
            run.of,
            int(run.watched),
        )
        for run in naive.runs
    ]
    assert whole.runs.tolist() == cut.runs.tolist() == expected
    assert whole.busy is cut.busy is any(run.watched for run in naive.runs)
