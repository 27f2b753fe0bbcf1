"""Frames: against their plain form, and what a frame holds, leaves out and never makes up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.admission import BAD, FENCED, GOOD, SECOND, UNCERTAIN, UNTIMED
from detectors.frames import ROOM, FrameMember, FrameParams, Frames
from detectors.reason import MISSING, SHIFT
from tests.detectors.naive_frames import NaiveFrames

PERIOD = 60 * SECOND
START = 28_333_333 * PERIOD
HOUR = 60 * PERIOD
POINTS = 9
A, B, C, OTHER = 2, 5, 7, 0
PARAMS = (
    FrameParams(8, PERIOD, (FrameMember(B, 3 * PERIOD), FrameMember(A, PERIOD))),
    FrameParams(
        8, 40 * SECOND, tuple(FrameMember(point, 90 * SECOND) for point in (A, B, C))
    ),
)  # fmt: skip

Reading = tuple[int, int, int, float, int]
#: Kind of frame, origin, time, received, values as bits.
Row = tuple[int, int, int, int, bytes]

numbers = st.one_of(st.floats(-9, 9), st.sampled_from([math.nan, math.inf, 0.0, -0.0, 1e308]))
steps = st.one_of(
    st.integers(-70 * SECOND, 70 * SECOND),
    st.sampled_from([0, 1, SECOND, PERIOD, PERIOD, -PERIOD, 2 * PERIOD, HOUR, 30 * HOUR]),
)
grades = st.sampled_from([GOOD] * 7 + [UNCERTAIN, UNTIMED, BAD, FENCED, BAD | MISSING << SHIFT])
reading = st.tuples(
    st.sampled_from([A, B, C, A, B, C, OTHER]),
    steps,
    st.sampled_from([0, 1, SECOND, 90 * SECOND]),
    numbers,
    grades,
)
actions = st.lists(
    st.one_of(reading, reading, reading, st.sampled_from(["restart", "set back", "nudged"])),
    max_size=90,
)


def timeline(entries: list[Reading | str]) -> list[Reading | str]:
    """Turn steps into instants, some of them on whole periods; at the end all are read again."""
    now, found = START, []
    for entry in entries:
        if entry in {"set back", "nudged"}:
            now -= HOUR if entry == "set back" else 15 * SECOND
        elif isinstance(entry, str):
            found.append(entry)
        else:
            point, step, delay, value, grade = entry
            time = now + step
            now = max(now, time)
            found.append((point, time, time + delay, value, grade))
    return [*found, *((point, now + HOUR, now + HOUR, 1.0, GOOD) for point in (A, B, C))]


def feed(frames: Frames, batch: list[Reading], begin: int = 0) -> list[Row]:
    """Give one batch to the kernel; return what each kind told, by origin."""
    columns = list(zip(*batch, strict=True)) if batch else [()] * 5
    told = frames.take(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.uint8),
    )
    rows = [
        (kind, begin + int(origin), int(time), int(came), value.tobytes())
        for kind, each in enumerate(told)
        for origin, time, came, value in zip(*each, strict=True)
    ]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def run(entries: list[Reading | str], *, size: int = 1000) -> tuple[list[Row], Frames]:
    """Run a timeline in batches of at most `size`, with restarts in between."""
    frames = Frames(POINTS, PARAMS)
    found: list[Row] = []
    waiting: list[Reading] = []
    done = 0
    for entry in [*entries, "restart"]:
        if not isinstance(entry, str):
            waiting.append(entry)
            continue
        for begin in range(0, len(waiting), size):
            found += feed(frames, waiting[begin : begin + size], done + begin)
        done += len(waiting)
        waiting.clear()
        before, frames = frames, Frames(POINTS, PARAMS)
        frames.state[:], frames.seats[:] = before.state, before.seats
    return found, frames


def plain(entries: list[Reading | str]) -> list[Row]:
    """What the plain form tells."""
    twins = [NaiveFrames(params) for params in PARAMS]
    found: list[Row] = []
    readings = [entry for entry in entries if not isinstance(entry, str)]
    for at, entry in enumerate(readings):
        for kind, twin in enumerate(twins):
            told = twin.take(*entry)
            if told is not None:
                found.append((kind, at, told[0], told[1], np.array(told[2]).tobytes()))
    return found


@settings(max_examples=300, deadline=None)
@given(actions, st.integers(1, 7))
def test_the_kernel_agrees_with_the_plain_form(entries: list[Reading | str], size: int) -> None:
    """Gaps, late, bad and doubtful readings, a clock set back, restarts, any batches: the same."""
    events = timeline(entries)
    expected = plain(events)
    whole, after = run(events)
    cut, other = run(events, size=size)
    assert whole == expected
    assert cut == expected
    assert after.state.tobytes() == other.state.tobytes()
    assert after.seats.tobytes() == other.seats.tobytes()


@settings(max_examples=100, deadline=None)
@given(actions)
def test_times_only_increase(entries: list[Reading | str]) -> None:
    """While no clock is set back each kind of frame comes once, later than the one before it."""
    events = timeline([entry for entry in entries if entry not in {"set back", "nudged"}])
    came = START
    for at, event in enumerate(events):
        if not isinstance(event, str):
            # One that comes before another has come is what shows that a clock was set back.
            came = max(came, event[2])
            events[at] = (*event[:2], came, *event[3:])
    for kind, params in enumerate(PARAMS):
        times = [row[2] for row in run(events)[0] if row[0] == kind]
        assert times == sorted(set(times))
        assert all(time % params.period_ns == 0 for time in times)


def one(*readings: tuple[int, float, float] | tuple[int, float, float, int]) -> list[Row]:
    """Frames of the first kind from readings of (point, seconds, value, grade), on time."""
    batch = []
    for point, seconds, value, *grade in readings:
        time = START + int(seconds * SECOND)
        batch.append((point, time, time, value, grade[0] if grade else GOOD))
    return [row for row in feed(Frames(POINTS, PARAMS), batch) if row[0] == 0]


def values(row: Row) -> list[float]:
    """The values of a frame: of B, then of A."""
    return np.frombuffer(row[4]).tolist()


def test_a_frame_has_what_was_newest_at_its_time() -> None:
    """A value at the boundary belongs to it, one after it does not; the first after it closes."""
    (row,) = one((A, 10, 1.0), (B, 30, 2.0), (A, 60, 3.0), (B, 61, 4.0))
    assert row[1:4] == (3, START + PERIOD, START + 61 * SECOND)
    assert values(row) == [2.0, 3.0]
    assert one((A, 10, 1.0), (B, 30, 2.0), (A, 60, 3.0), (B, 60, 4.0)) == []


def test_what_is_too_old_is_missing() -> None:
    """A value serves for as long as its member's hold, to the nanosecond, and then is missing."""
    others = ((A, 0, 1.0), (A, 61, 1.0), (A, 121, 1.0), (A, 181, 1.0))
    on_time = [str(values(row)) for row in one((B, -60, 2.0), *others)]
    assert on_time == ["[2.0, nan]", "[2.0, 1.0]", "[2.0, 1.0]", "[nan, 1.0]"]
    too_old = [str(values(row)) for row in one((B, -60 - 1e-6, 2.0), *others)]
    assert too_old[:3] == ["[2.0, nan]", "[2.0, 1.0]", "[nan, 1.0]"]


def test_what_is_not_good_is_missing_and_no_older_value_stands_for_it() -> None:
    """After an UNCERTAIN or a BAD reading the value before it is not taken for the present one."""
    for grade in (UNCERTAIN, UNTIMED, BAD):
        (row,) = one((A, 10, 1.0), (B, 20, 2.0), (B, 30, 9.0, grade), (A, 61, 1.0))
        assert str(values(row)) == "[nan, 1.0]"
    for grade in (FENCED, BAD | MISSING << SHIFT):
        (row,) = one((A, 10, 1.0), (B, 20, 2.0), (B, 30, 9.0, grade), (A, 61, 1.0))
        assert values(row) == [2.0, 1.0]


def test_of_one_instant_the_last_value_counts_and_a_bad_one_for_good() -> None:
    """A clock of whole seconds: the second is its member's newest; after a fault none is."""
    (row,) = one((A, 10, 1.0), (B, 20, 2.0), (B, 20, 7.0), (A, 61, 1.0))
    assert values(row) == [7.0, 1.0]
    for grade in (UNCERTAIN, UNTIMED, BAD):
        for after in ((), ((B, 20, 2.0),)):
            said = ((A, 10, 1.0), (B, 20, 2.0), (B, 20, 9.0, grade), *after, (A, 61, 1.0))
            (row,) = one(*said)
            assert str(values(row)) == "[nan, 1.0]"


def test_frames_in_which_nobody_spoke_are_left_out() -> None:
    """After hours of silence the open frame closes, and the next is that of the new reading."""
    told = one((A, 10, 1.0), (B, 20, 2.0), (A, 7000, 1.0), (B, 7100, 2.0))
    assert [row[2] for row in told] == [START + PERIOD, START + 117 * PERIOD]
    assert str(values(told[1])) == "[nan, 1.0]"


def test_a_late_reading_changes_no_frame_and_serves_the_next() -> None:
    """What comes after its frame has closed opens nothing, and is its member's newest still."""
    told = one((A, 10, 1.0), (B, 20, 2.0), (A, 61, 1.5), (B, 59, 7.0), (A, 121, 1.0))
    assert [(row[2], values(row)) for row in told] == [
        (START + PERIOD, [2.0, 1.0]),
        (START + 2 * PERIOD, [7.0, 1.5]),
    ]


def test_a_clock_that_was_set_back_a_little_tells_no_frame_twice() -> None:
    """Seconds back across a boundary: what was told is not told again, and the next is whole."""
    told = one(
        *((A, 50, 1.0), (B, 51, 2.0), (A, 70, 1.0)),
        *((A, 55, 1.5), (B, 56, 2.5), (A, 61, 1.6), (B, 121, 2.0)),
    )
    assert [(row[2] - START, values(row)) for row in told] == [
        (PERIOD, [2.0, 1.0]),
        (2 * PERIOD, [2.5, 1.6]),
    ]


def test_a_reading_that_is_bad_closes_nothing() -> None:
    """Its time may be ours: only what a device dated closes a frame."""
    assert one((A, 10, 1.0), (B, 20, 2.0), (A, 90, 1.0, BAD), (OTHER, 500, 1.0)) == []


def test_more_frames_than_one_call_holds_are_all_told() -> None:
    """A long batch closes many times what there is room for: each frame once, in order."""
    batch = [
        (point, START + n * PERIOD + point, START + n * PERIOD + point, float(n), GOOD)
        for n in range(4 * ROOM)
        for point in (A, B)
    ]
    told = [row for row in feed(Frames(POINTS, PARAMS), batch) if row[0] == 0]
    assert [row[2] for row in told] == [START + n * PERIOD for n in range(1, 4 * ROOM)]
    assert [values(row) for row in told] == [[float(n - 1)] * 2 for n in range(1, 4 * ROOM)]


@pytest.mark.parametrize(
    ("period", "members", "words"),
    [
        (0, [(0, 1), (1, 1)], "above 0"),
        (5, [(0, 5)], "at least two"),
        (5, [(0, 5), (0, 5)], "each once"),
        (5, [(0, 5), (1, 4)], "for a period at least"),
    ],
)
def test_frames_that_could_not_be_are_refused(
    period: int, members: list[tuple[int, int]], words: str
) -> None:
    """No period, one member, one twice, a value that would never last to its frame."""
    with pytest.raises(ValueError, match=words):
        FrameParams(9, period, tuple(FrameMember(*each) for each in members))


def test_a_site_without_frames_tells_nothing() -> None:
    """No frames, no member: nothing, and no error."""
    assert feed(Frames(POINTS, []), [(A, START, START, 1.0, GOOD)]) == []
    Frames(POINTS, PARAMS).warm_up()
