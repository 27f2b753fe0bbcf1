"""The processes of a site: readings of their members in, readings of derived points out.

A derived point's value is the ratio of a process's statistic to its limit (`detectors.process`), in
a reading at the time of each frame (`detectors.frames`). A frame without a verdict is a BAD reading
of nothing new: it raises nothing and clears nothing, and too many of them are silence. A ratio that
is no value any more is told as the largest: it is beyond, and a fault would hide that.

Where the arithmetic of one process fails its reading is BAD, a fault, it begins anew, and the
others go on. So is each reading of a process without a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.admission import BAD, GOOD, LARGEST
from detectors.arrays import Records
from detectors.derived import Derived
from detectors.frames import Floats, FrameParams, Frames, Ints
from detectors.process import ProcessDetector, Verdict, warm_up
from detectors.process_model import ProcessModel
from detectors.reason import FAULT, MISSING, SHIFT

#: What numpy and compiled arithmetic raise; what is none of these is not one process's own trouble.
FAILURES: Final = (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError)
NO_VERDICT: Final = BAD | MISSING << SHIFT
FAILED: Final = BAD | FAULT << SHIFT


class Owed(NamedTuple):
    """A member's part in a frame that is beyond.

    Parameters
    ----------
    member
        Its place among the members.
    share
        Of the statistic, that falls away where the member is taken for unknown: 0 to 1. Shares of
        several overlap; they do not add up to 1.
    offset
        How far it is off what the others and the frames before lead to expect, standard deviations;
        NaN where nothing tells.
    """

    member: int
    share: float
    offset: float


class Processed(NamedTuple):
    """What frames made.

    Parameters
    ----------
    derived
        Readings of the derived points.
    owed
        By point and source time of a frame that is beyond: whom the statistic owes most to.
    """

    derived: Derived
    owed: dict[tuple[int, int], tuple[Owed, ...]]


class Processes:
    """The processes of a site and their state.

    Parameters
    ----------
    count
        How many points the site has.
    frames, models
        Of each process; a model has the points of the frames, in their order. Without one a
        process is blind: each of its frames makes a reading that says so.

    Raises
    ------
    ValueError
        A model has not as many points as its frames, or another period.
    """

    def __init__(
        self, count: int, frames: Sequence[FrameParams], models: Sequence[ProcessModel | None]
    ) -> None:
        for each, model in zip(frames, models, strict=True):
            if model and (len(each.members), each.period_ns) != (
                len(model.points),
                model.period_ns,
            ):
                raise ValueError(
                    f"process of point {each.point}: {len(each.members)} members each "
                    f"{each.period_ns} ns, its model has {len(model.points)} each "
                    f"{model.period_ns} ns"
                )
        self._params = tuple(frames)
        self._frames = Frames(count, frames)
        self._detectors = [ProcessDetector(model) if model else None for model in models]
        self._nothing = _derived([])

    def take(
        self,
        point: npt.NDArray[np.int32],
        time: Ints,
        received: Ints,
        value: Floats,
        grade: npt.NDArray[np.uint8],
    ) -> Processed:
        """Run readings, in order; return what the frames that they close tell.

        Parameters
        ----------
        point, time, received, value, grade
            Shape (n,), as `detectors.bank.Bank.take` takes them.
        """
        rows: list[tuple[int, int, int, int, float, int]] = []
        owed: dict[tuple[int, int], tuple[Owed, ...]] = {}
        told = self._frames.take(point, time, received, value, grade)
        for params, detector, each in zip(self._params, self._detectors, told, strict=True):
            for origin, at, came, frame in zip(*each, strict=True):
                ratio, verdict = self._judge(detector, int(at), frame)
                rows.append((int(origin), params.point, int(at), int(came), ratio, verdict))
                if detector and verdict == GOOD and ratio > 1.0:
                    owed[params.point, int(at)] = tuple(_owed(detector, ratio))
        if not rows:
            return Processed(self._nothing, owed)
        rows.sort(key=lambda row: row[0])
        return Processed(_derived(rows), owed)

    def parts(self, number: int) -> Iterator[tuple[str, Records]]:
        """Yield all that readings change of one process, by name: arrays to copy from and into."""
        yield "frames", self._frames.state[number : number + 1]
        yield "seats", self._frames.seats[self._frames.places(number)]
        detector = self._detectors[number]
        if detector is not None:
            yield "memory", detector.state.memory
            yield "window", detector.state.window
            yield "squares", detector.state.squares

    def warm_up(self) -> None:
        """Compile the kernels, or load them, before the first reading."""
        self._frames.warm_up()
        warm_up()

    @staticmethod
    def _judge(detector: ProcessDetector | None, time: int, frame: Floats) -> tuple[float, int]:
        """Return the value and the grade of the reading that a frame makes."""
        if detector is None:
            return np.nan, FAILED
        try:
            if time <= int(detector.state.memory["last"][0]):
                # Frames go back only where this machine's clock did (`detectors.frames`).
                detector.begin_anew()
            found = detector.take([time], [frame])
        except FAILURES:
            detector.begin_anew()
            return np.nan, FAILED
        verdict, ratio = Verdict(int(found.verdict[0])), float(found.ratio[0])
        if verdict in {Verdict.UNKNOWN, Verdict.IGNORED}:
            return np.nan, NO_VERDICT
        if np.isnan(ratio):
            detector.begin_anew()
            return np.nan, FAILED
        return min(ratio, LARGEST), GOOD


def _derived(rows: Sequence[tuple[int, int, int, int, float, int]]) -> Derived:
    """Return rows of a `Derived` as its columns."""
    columns = list(zip(*rows, strict=True)) or [()] * len(Derived._fields)
    types = (np.int64, np.int32, np.int64, np.int64, np.float64, np.uint8)
    return Derived(*(np.array(c, t) for c, t in zip(columns, types, strict=True)))


def _owed(detector: ProcessDetector, ratio: float) -> Iterator[Owed]:
    """Yield the members that the newest frame owes most to."""
    points = {tag: number for number, tag in enumerate(detector.model.points)}
    try:
        found = detector.contributions()
    except FAILURES:
        return  # That it is beyond is known all the same.
    for each in found:
        share = each.fall / ratio
        if 0.0 < share < np.inf:
            yield Owed(points[each.point], min(share, 1.0), each.offset)
