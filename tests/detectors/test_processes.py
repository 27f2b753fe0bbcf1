"""The processes of a site: from readings to verdicts, each on its own, and the rule over them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.admission import BAD, GOOD, SECOND
from detectors.bank import Bank
from detectors.derived import Derived
from detectors.frames import FrameMember, FrameParams, Frames
from detectors.process import ProcessDetector, Verdict
from detectors.process_model import ProcessModel
from detectors.processes import FAILED, LARGEST, NO_VERDICT, Processed, Processes
from detectors.rules import Rule
from detectors.run import RunParams

Floats = npt.NDArray[np.float64]
PERIOD = 10 * SECOND
START = 1_700_000_000 * SECOND
#: Three members of one process, two of another that shares the last; their derived points.
MEMBERS = ((0, 1, 2), (2, 3))
DERIVED = (4, 5)


def model(points: int, consecutive: int = 6) -> ProcessModel:
    """Independent points of mean 0 and deviation 1, and a limit that random frames pass at times.

    A frame given the one before it is expected at half of that.
    """
    one = np.eye(points)
    return ProcessModel(
        points=tuple(f"p{number}" for number in range(points)),
        period_ns=PERIOD,
        consecutive=consecutive,
        order=1,
        limit=9.0 * points,
        mean=np.zeros(points),
        scale=np.ones(points),
        weights=np.array([one, one, -0.5 * one]),
        samples=1,
        false_alarms=0.01,
    )


MODELS = tuple(model(len(each)) for each in MEMBERS)
PARAMS = tuple(
    FrameParams(point, PERIOD, tuple(FrameMember(each, 3 * PERIOD) for each in members))
    for point, members in zip(DERIVED, MEMBERS, strict=True)
)
Reading = tuple[int, int, int, float, int]


def run_of(each: ProcessModel) -> RunParams:
    """The rule over a process's ratio."""
    return RunParams(1.0, each.consecutive, (each.frames + 0.5) * each.period_ns / SECOND)


def feed(processes: Processes, batch: list[Reading]) -> Processed:
    """Give one batch to the processes."""
    columns = list(zip(*batch, strict=True)) if batch else [()] * 5
    return processes.take(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.uint8),
    )


def rows(derived: Derived) -> list[tuple[int, int, int, bytes, int]]:
    """Derived readings without their origins, values as bits."""
    return [
        (int(p), int(t), int(r), np.float64(v).tobytes(), int(g))
        for _, p, t, r, v, g in zip(*derived, strict=True)
    ]


def readings(frames: list[list[float]], *, begin: int = 0) -> list[Reading]:
    """Frames of the points 0 to 3, one a period; a NaN is a BAD reading."""
    found = []
    for number, frame in enumerate(frames):
        time = START + (begin + number) * PERIOD
        found += [
            (point, time, time, value, GOOD if math.isfinite(value) else BAD)
            for point, value in enumerate(frame)
        ]
    return found


def walk(count: int, seed: int) -> list[list[float]]:
    """Frames that are normal, far off for a while, with values missing now and then."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(count, 4))
    values[count // 3 : count // 2] += 5.0
    values[chance.random((count, 4)) < 0.02] = np.nan
    return values.tolist()


value = st.one_of(st.floats(-3, 3), st.sampled_from([5.0, -6.0, 9.0, math.nan, 1e300]))
frame = st.lists(value, min_size=3, max_size=3)
#: Periods since the frame before: mostly one.
step = st.sampled_from([1] * 14 + [2, 3, 5, 6, 7, 8, 30])
stretch = st.tuples(step, st.integers(1, 9), frame)


@settings(max_examples=200, deadline=None)
@given(st.lists(stretch, min_size=1, max_size=14), st.integers(3, 6))
def test_the_rule_over_the_ratio_is_the_alarm_of_the_detector(
    stretches: list[tuple[int, int, list[float]]], consecutive: int
) -> None:
    """Missing values, lost frames, wild ones: rule and `active` agree at each frame."""
    own = model(3, consecutive)
    times, frames, at = [], [], 0
    for steps, count, values in stretches:
        for number in range(count):
            at += steps if number == 0 else 1
            times.append(START + at * PERIOD)
            frames.append(values)
    expected = ProcessDetector(own).take(times, frames)
    # UNCERTAIN, not BAD, where a value is missing: dated, so that even a frame of none is told.
    batch = [
        (point, time, time, number, GOOD) if math.isfinite(number) else (point, time, time, 0.0, 1)
        for time, values in zip(times, frames, strict=True)
        for point, number in enumerate(values)
    ]
    end = times[-1] + 1
    derived = feed(Processes(5, [PARAMS[0]], [own]), [*batch, (0, end, end, 0.0, GOOD)]).derived
    assert derived.time.tolist() == times
    known = np.isin(expected.verdict, [Verdict.WITHIN, Verdict.BEYOND])
    assert ((derived.grade == GOOD) == known).all()
    assert (derived.value[known] == np.minimum(expected.ratio[known], LARGEST)).all()
    # Never late: what is closed long after its time may raise, and clears nothing.
    bank = Bank(np.zeros(5), [1 << 60] * 5, [[], [Rule(run_of(own))]], [0, 0, 0, 0, 1])
    edges, _ = bank.take(*derived[1:])
    moves = {edge.at: edge.began for edge in edges}
    active = False
    for number, wanted in enumerate(expected.active.tolist()):
        active = moves.get(number, active)
        assert active == wanted


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_batches_and_restarts_change_nothing(size: int) -> None:
    """Cut anywhere, and with everything copied to a new program in between, the same comes out."""
    batch = readings(walk(90, 1))
    whole = feed(Processes(6, PARAMS, MODELS), batch)
    processes = Processes(6, PARAMS, MODELS)
    found, owed = [], {}
    for begin in range(0, len(batch), size):
        told = feed(processes, batch[begin : begin + size])
        found += rows(told.derived)
        owed |= told.owed
        before, processes = processes, Processes(6, PARAMS, MODELS)
        for number in range(2):
            pairs = zip(before.parts(number), processes.parts(number), strict=True)
            for (_, kept), (_, anew) in pairs:
                anew[...] = np.frombuffer(kept.tobytes(), kept.dtype).reshape(kept.shape)
    assert found == rows(whole.derived)
    assert str(sorted(owed.items())) == str(sorted(whole.owed.items()))
    assert len(owed) > 20


def test_a_state_that_is_not_kept_changes_something() -> None:
    """Negative control: each part of the state matters, so the test above can fail."""
    batch = readings(walk(90, 1))
    for left_out in ("frames", "seats", "memory", "window", "squares"):
        whole, first, again = (Processes(6, PARAMS, MODELS) for _ in range(3))
        expected = rows(feed(whole, batch).derived)
        found = rows(feed(first, batch[:148]).derived)
        for (name, kept), (_, anew) in zip(first.parts(0), again.parts(0), strict=True):
            if name != left_out:
                anew[...] = kept
        for (_, kept), (_, anew) in zip(first.parts(1), again.parts(1), strict=True):
            anew[...] = kept
        assert found + rows(feed(again, batch[148:]).derived) != expected, left_out


def test_readings_are_of_frames_in_the_order_of_what_closed_them() -> None:
    """A shared member closes a frame of each process; without a verdict it says nothing new."""
    told = feed(Processes(6, PARAMS, MODELS), readings([[0.1] * 4] * 9)).derived
    assert told.origin.tolist() == sorted(told.origin.tolist())
    assert set(told.point.tolist()) == set(DERIVED)
    first = [grade for point, grade in zip(told.point, told.grade, strict=True) if point == 4][:4]
    assert first == [NO_VERDICT] * 4


def test_whom_a_frame_owes_most_to_stands_beside_it() -> None:
    """A member that is off alone is named first, with its share and its signed offset."""
    frames = [[0.1, -0.1, 0.1, 0.0] for _ in range(30)]
    for each in frames[20:]:
        each[1] = -8.0
    told = feed(Processes(6, PARAMS, MODELS), readings(frames))
    times = {time for point, time in told.owed if point == 4}
    assert times == {START + n * PERIOD for n in range(20, 29)}
    for owed in told.owed.values():
        assert owed[0].member == 1
        assert -9.0 < owed[0].offset < 0.0
        assert 0.9 < owed[0].share <= 1.0
    assert not any(point == 5 for point, _ in told.owed)


def test_a_value_without_measure_is_beyond(recwarn: pytest.WarningsRecorder) -> None:
    """What no double holds is told as the largest number: it raises, and hides nothing."""
    frames = [[0.1] * 4 for _ in range(20)]
    for each in frames[10:]:
        each[0] = 1e300
    told = feed(Processes(6, PARAMS, MODELS), readings(frames)).derived
    own = told.point == 4
    assert (told.value[own][10:] == LARGEST).all()
    assert (told.grade[own][10:] == GOOD).all()
    assert not recwarn.list


def test_a_process_that_fails_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own point is BAD, a fault, and begins anew; another process and later frames go on."""
    processes = Processes(6, PARAMS, MODELS)
    healthy = rows(feed(Processes(6, PARAMS, MODELS), readings(walk(60, 5))).derived)
    whole, real = readings(walk(60, 5)), ProcessDetector.take
    broken = {START + 20 * PERIOD, START + 40 * PERIOD}

    def take(self: ProcessDetector, times: list[int], frames: list[Floats]) -> object:
        if len(self.model.points) == 3 and times[0] in broken:
            self.state.squares[:] = 1e9  # half of a change
            raise FloatingPointError
        return real(self, times, frames)

    monkeypatch.setattr(ProcessDetector, "take", take)
    found = rows(feed(processes, whole).derived)
    assert [row for row in found if row[0] == 5] == [row for row in healthy if row[0] == 5]
    own = [row for row in found if row[0] == 4]
    assert [row[1] for row in own if row[4] == FAILED] == sorted(broken)
    assert own[:20] == [row for row in healthy if row[0] == 4][:20]
    # Anew: as many frames without a verdict as after a start, then as if it had begun there.
    after = feed(Processes(6, PARAMS, MODELS), readings(walk(60, 5)[41:], begin=41)).derived
    assert own[41:] == [row for row in rows(after) if row[0] == 4]


def test_an_interrupt_is_no_failure_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what is not arithmetic's is not taken for a fault of one point."""

    def take(*_: object) -> object:
        raise KeyError

    monkeypatch.setattr(ProcessDetector, "take", take)
    with pytest.raises(KeyError):
        feed(Processes(6, PARAMS, MODELS), readings(walk(3, 1)))


def test_after_a_clock_was_set_back_it_begins_anew() -> None:
    """This machine's clock an hour back: frames are told at the earlier times, and judged again."""
    processes = Processes(6, PARAMS, MODELS)
    feed(processes, readings(walk(30, 7)))
    told = feed(processes, readings(walk(30, 7), begin=-360)).derived
    own = told.point == 4
    assert told.time[own].tolist() == [START + (n - 360) * PERIOD for n in range(29)]
    assert (told.grade[own][5:12] == GOOD).any()


def test_a_model_of_other_frames_is_refused() -> None:
    """The number of members and the period are those of the model."""
    with pytest.raises(ValueError, match="3 members"):
        Processes(6, [PARAMS[0]], [MODELS[1]])
    other = FrameParams(4, 2 * PERIOD, PARAMS[0].members)
    with pytest.raises(ValueError, match="each 20000000000 ns"):
        Processes(6, [other], [MODELS[0]])


def test_a_point_that_is_no_member_moves_nothing() -> None:
    """Readings of other points, however many, leave the state as it is."""
    processes = Processes(6, PARAMS, MODELS)
    feed(processes, readings(walk(12, 9)))
    before = [kept.tobytes() for number in range(2) for _, kept in processes.parts(number)]
    told = feed(processes, [(5, START + n * PERIOD, START, 1.0, GOOD) for n in range(99)])
    assert len(told.derived.point) == 0
    after = [kept.tobytes() for number in range(2) for _, kept in processes.parts(number)]
    assert after == before


def test_they_can_be_compiled_beforehand() -> None:
    """Warming up needs no reading; frames by themselves too."""
    Processes(6, PARAMS, MODELS).warm_up()
    Frames(6, PARAMS).warm_up()
