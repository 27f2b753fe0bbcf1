"""Process: whether many points together behave as the plant that was fitted, frame by frame.

The statistic is minus twice the logarithm of the likelihood of the newest frames, but for a
constant: the sum of T2 of each of them, given the `order` frames before it, or as many of them as
are left (`detectors.process_model`). So both a broken relation between points and a plant that
leaves its region, however slowly, add up. It is told as its ratio to the limit: above 1 is beyond.
The newest frames are fewer than have to be beyond in a row, so that no single wild frame raises.

A value that is missing is never taken for a normal one. All that it could explain is taken out of
the scores: each T2 is then the least it can be, whatever the value was; where more values are
missing than a frame has, that is 0. If even the least is beyond, the frame is BEYOND; else it is
UNKNOWN, which raises nothing and clears nothing. A frame that did not come is one without any
value, and after so many that none of the newest frames came the window begins anew; so does a run
of verdicts after as long without one. That there is no verdict for long is told as any silence is.

The contribution of a point is how far the statistic falls where the point is taken for unknown: the
reconstruction-based contribution of C. F. Alcala and S. J. Qin,
doi:10.1016/j.automatica.2009.02.027, for all lags of the point at once. Where one point alone
moves, none has a greater one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors._process import BEYOND, IGNORED, PROCESS, UNKNOWN, WITHIN, contribute, judge
from detectors.admission import NEVER
from detectors.arrays import Records, new_records
from detectors.process_model import Floats, ProcessModel

Bools = npt.NDArray[np.bool_]


class Verdict(IntEnum):
    """What is known once a frame has come."""

    UNKNOWN = UNKNOWN
    WITHIN = WITHIN
    BEYOND = BEYOND
    IGNORED = IGNORED  # not after the frame before, or less than half a period after it


class Contribution(NamedTuple):
    """A point's part in the statistic.

    `fall` is in limits; `deviation` is of its newest value from the mean, in standard deviations,
    NaN where it has none. `offset` is how far it is off what the others and the frames before lead
    to expect, in standard deviations: taken for the same in all frames looked at, the least
    squares; NaN where nothing tells. A sensor that drifts may stay near its mean, and be far off.
    """

    point: str
    fall: float
    deviation: float
    offset: float


@dataclass(frozen=True, slots=True)
class Judgements:
    """What became of frames; each has the shape (frames,).

    Parameters
    ----------
    verdict
        A `Verdict` each.
    ratio
        Statistic over limit, the least it can be where values are missing; NaN where IGNORED.
    active
        Whether the alarm stands after the frame.
    """

    verdict: npt.NDArray[np.int8]
    ratio: Floats
    active: Bools


@dataclass(frozen=True, slots=True)
class ProcessState:
    """All that frames change, as arrays that may be copied whole.

    Parameters
    ----------
    memory
        One `PROCESS`.
    window
        Shape (frames, points): the newest frames in deviations, a ring; NaN for missing.
    squares
        Shape (frames, order + 1): T2 of each of them by order.
    """

    memory: Records
    window: Floats
    squares: Floats


class ProcessDetector:
    """A plant that is watched: what is normal of it, and its newest frames."""

    def __init__(self, model: ProcessModel) -> None:
        points = len(model.points)
        self.model = model
        self.state = ProcessState(
            new_records(1, PROCESS),
            np.full((model.frames, points), np.nan),
            np.zeros((model.frames, model.order + 1)),
        )
        self.state.memory["last"] = self.state.memory["judged"] = NEVER
        # Scores of all points known, and of one left out; directions left out, and one to work in.
        self._scores = np.empty((2, points))
        self._basis = np.empty((points + model.order + 2, points))

    def take(self, times: npt.ArrayLike, frames: npt.ArrayLike) -> Judgements:
        """Judge frames in the order they come.

        Parameters
        ----------
        times
            Shape (frames,), int64, source time of each, ns.
        frames
            Shape (frames, points), in the model's order and units; what is not finite is missing.
        """
        model = self.model
        time = np.ascontiguousarray(times, np.int64)
        frame = np.ascontiguousarray(frames, np.float64)
        if time.ndim != 1 or frame.shape != (time.size, len(model.points)):
            raise ValueError(
                f"frames of the shape {frame.shape}, times of {time.shape}: a time for each frame, "
                f"and in each a value for every of the {len(model.points)} points, is needed"
            )
        found = Judgements(
            np.empty(time.size, np.int8),
            np.empty(time.size),
            np.empty(time.size, np.bool_),
        )
        judge(
            time,
            frame,
            model.mean,
            model.scale,
            model.weights,
            model.limit,
            model.period_ns,
            model.consecutive,
            self.state.memory,
            self.state.window,
            self.state.squares,
            self._scores[0],
            self._basis,
            found.verdict,
            found.ratio,
            found.active,
        )
        return found

    def contributions(self, most: int = 5) -> list[Contribution]:
        """Return the points that the statistic owes most to at present, the greatest first."""
        model, state = self.model, self.state
        head = int(state.memory[0]["head"])
        falls, offsets, weighed = np.zeros((3, len(model.points)))
        contribute(
            state.window,
            head,
            model.weights,
            model.order,
            self._scores,
            self._basis,
            falls,
            offsets,
            weighed,
        )
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # of wild values: an infinite one, or none
            offsets /= np.where(weighed > 0.0, weighed, np.nan)
        order = np.argsort(-falls, kind="stable")[:most]
        return [
            Contribution(
                model.points[at],
                float(falls[at] / model.limit),
                float(state.window[head, at]),
                float(offsets[at]),
            )
            for at in order
        ]

    def begin_anew(self) -> None:
        """Know no frame and no run of verdicts; an alarm that stands goes on."""
        state = self.state
        for name in ("head", "whole", "over", "calm"):
            state.memory[name] = 0
        state.memory["last"] = state.memory["judged"] = NEVER
        state.window[:] = np.nan
        state.squares[:] = 0.0


def warm_up() -> None:
    """Compile every kernel on a detector of its own, so that the first frame does not wait."""
    one = np.ones(1)
    model = ProcessModel(("one",), 1, 1, 0, 1.0, 0.0 * one, one, one.reshape(1, 1, 1), 1, 0.5)
    detector = ProcessDetector(model)
    detector.take([0, 1], [[0.0], [np.nan]])
    detector.contributions()
