"""Fitting a process: from the frames of a plant in normal running to means, weights and a limit.

Every choice is made on those frames alone. They are cut into ten blocks, and what a block shows is
judged by a model of the nine others: blocked cross-validation, since frames near each other are
alike and a single one would not be unseen.

* The order: one is added while that lowers the determinant of the covariance of the one-step errors
  in unseen blocks, which depends neither on units nor on how points are combined.
* No order is taken for which there are not twice as many frames as a score has weights: with fewer
  an estimated covariance costs more than half of the power (I. S. Reed, J. D. Mallett and L. E.
  Brennan, doi:10.1109/TAES.1974.307893).
* The limit: the quantile of the statistic in unseen blocks, and at least so high that none of them
  raises an alarm. A model of nine blocks finds unseen frames stranger than one of all ten does, by
  a factor known for T2 of a new observation, which is taken off (N. D. Tracy, J. C. Young and R. L.
  Mason, doi:10.1080/00224065.1992.12015232).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.process import ProcessDetector
from detectors.process_model import Floats, ProcessModel, most_frames, some

Ints = npt.NDArray[np.int64]

#: Blocks of the cross-validation: ten, as R. Kohavi advises (IJCAI 1995).
BLOCKS: Final = 10
#: Frames for each weight of a score, at least.
FRAMES_A_WEIGHT: Final = 2
#: Variance, of 1, at which nothing but rounding is left of a point once others are known.
EXACT: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model, and the share of frames in unseen blocks that are beyond its limit."""

    model: ProcessModel
    beyond: float


def fit(
    times: npt.ArrayLike,
    frames: npt.ArrayLike,
    points: Sequence[str],
    period_ns: int,
    *,
    consecutive: int = 6,
    false_alarms: float = 0.01,
) -> ProcessModel:
    """Do as `fitted`, for whom the model alone concerns."""
    return fitted(
        times,
        frames,
        points,
        period_ns,
        consecutive=consecutive,
        false_alarms=false_alarms,
    ).model


def fitted(
    times: npt.ArrayLike,
    frames: npt.ArrayLike,
    points: Sequence[str],
    period_ns: int,
    *,
    consecutive: int = 6,
    false_alarms: float = 0.01,
) -> Fit:
    """Fit a process on frames of normal running.

    Parameters
    ----------
    times
        Shape (samples,), int64, ns; where frames are missing there is a gap, which nothing spans.
    frames
        Shape (samples, points), in the unit of each point.
    points
        Tags, in the order of the columns.
    period_ns
        From frame to frame, ns.
    consecutive
        So many frames in a row beyond the limit raise; six as in Chiang, Russell and Braatz, "Fault
        Detection and Diagnosis in Industrial Systems" (2001).
    false_alarms
        Share of normal frames that may be beyond the limit.

    Raises
    ------
    ValueError
        The history cannot be fitted; every problem, one a line.
    """
    asked = _Asked(
        np.asarray(times, np.int64),
        np.asarray(frames, np.float64),
        tuple(points),
        period_ns,
        consecutive,
        false_alarms,
    )
    if problems := asked.misshapen() or asked.unfit():
        raise ValueError("\n".join(f"history of a process: {each}" for each in problems))
    frame = asked.frame
    order = _order(asked, asked.runs((frame - frame.mean(axis=0)) / frame.std(axis=0, ddof=1)))
    model = _weighed(asked, asked.runs(frame), order)
    limit, beyond = _limit(asked, asked.runs(frame), order)
    return Fit(replace(model, limit=limit), beyond)


def least_samples(points: int, consecutive: int, false_alarms: float) -> int:
    """Return how many frames without a gap a fit needs: for its weights, and to set its limit."""
    windows = ceil(1.0 / false_alarms / BLOCKS)
    return max(FRAMES_A_WEIGHT * points, BLOCKS * (windows + most_frames(consecutive) - 1))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What `fit` was given, and what is wrong with it."""

    time: Ints
    frame: Floats
    points: tuple[str, ...]
    period_ns: int
    consecutive: int
    false_alarms: float

    def misshapen(self) -> list[str]:
        """Return what keeps one from looking at the numbers at all."""
        found = []
        shape, count = self.frame.shape, len(self.points)
        if len(shape) != 2 or shape[1:] != (count,) or self.time.shape != shape[:1] or 0 in shape:
            found.append(
                f"frames of the shape {shape}, times of {self.time.shape}, {count} points; a row "
                "for each time and a column for each point is needed"
            )
        if twice := [tag for at, tag in enumerate(self.points) if tag in self.points[:at]]:
            found.append(f"{some(twice)} given twice; give each point once")
        if min(self.period_ns, self.consecutive) < 1:
            found.append(
                f"a period of {self.period_ns} ns and {self.consecutive} frames in a row; both are "
                "whole numbers above 0"
            )
        if not 0.0 < self.false_alarms < 1.0:
            found.append(f"false alarms {self.false_alarms}; a share between 0 and 1, as in 0.01")
        return found

    def unfit(self) -> list[str]:
        """Return what is wrong with the times and values."""
        found = []
        if (back := np.flatnonzero(self._steps() < 1)).size:
            found.append(
                f"times: frame {back[0] + 1} comes less than half a period after frame {back[0]}, "
                f"{back.size} such in all; sort the frames by time, leave out what is there twice"
            )
        runs = self.runs(self.frame)
        if not self.enough(runs, 0):
            least = least_samples(len(self.points), self.consecutive, self.false_alarms)
            apart = (
                f", {np.median(np.diff(self.time)) * 1e-9:g} s apart" if self.time[1:].size else ""
            )
            found.append(
                f"{len(self.frame)} frames{apart}, in {len(runs)} stretches without a gap; at "
                f"least {least} are needed, one period ({self.period_ns * 1e-9:g} s) apart: give a "
                "longer history"
            )
        missing = np.sum(~np.isfinite(self.frame), axis=0)
        if lost := [f"{tag} ({n})" for tag, n in zip(self.points, missing, strict=True) if n]:
            found.append(
                f"frames without a value of {some(lost)}; leave out these frames, a gap does no "
                "harm, or these points"
            )
        if still := [
            tag for tag, each in zip(self.points, self.frame.T, strict=True) if _still(each)
        ]:
            found.append(
                f"constant, all the time or but for a tenth of it: {some(still)}; leave these "
                "points out, how they vary cannot be learnt"
            )
        return found

    def runs(self, frame: Floats) -> list[Floats]:
        """Return the frames in stretches without a gap."""
        return np.split(frame, np.flatnonzero(self._steps() != 1) + 1)

    def enough(self, runs: Sequence[Floats], order: int) -> bool:
        """Return whether there is enough for the weights of an order, and for its limit."""
        weighed = sum(max(0, len(run) - order) for run in runs)
        needed = FRAMES_A_WEIGHT * len(self.points) * (order + 1)
        length = most_frames(self.consecutive)
        unseen = [max(0, len(run) - length + 1) for inside, _ in _cut(runs) for run in inside]
        return weighed >= needed and sum(unseen) * self.false_alarms >= 1.0

    def _steps(self) -> Ints:
        """Return how many periods lie between one time and the next."""
        return (np.diff(self.time) + self.period_ns // 2) // self.period_ns


def _still(column: Floats) -> bool:
    """Return whether a point has but one value outside some block: nine tenths show no spread."""
    for _, others in _cut([column]):
        known = np.concatenate(others)
        known = known[np.isfinite(known)]
        if known.size and np.ptp(known) == 0.0:
            return True
    return False


def _cut(runs: Sequence[Floats]) -> list[tuple[list[Floats], list[Floats]]]:
    """Return the frames of each block, and all others; what lies on two sides stays parted."""
    edges = [sum(map(len, runs)) * number // BLOCKS for number in range(BLOCKS + 1)]
    cuts = []
    for begin, end in pairwise(edges):
        inside, outside, at = [], [], 0
        for run in runs:
            first, last = max(begin - at, 0), max(end - at, 0)
            inside.append(run[first:last])
            outside += [run[:first], run[last:]]
            at += len(run)
        cuts.append(([run for run in inside if len(run)], [run for run in outside if len(run)]))
    return cuts


def _windows(runs: Sequence[Floats], order: int) -> tuple[Floats, Floats]:
    """Return the frames with `order` others before them, and in a row each what was before them."""
    long = [run for run in runs if len(run) > order]
    lagged = [
        np.vstack([run[order - lag : len(run) - lag] for run in long]) for lag in range(order + 1)
    ]
    return lagged[0], np.hstack(lagged[1:]) if order else np.empty((len(lagged[0]), 0))


def _coefficients(present: Floats, past: Floats) -> Floats:
    """Return how a frame is expected from the frames before it: the least squares."""
    return np.asarray(np.linalg.lstsq(past, present, rcond=None)[0], np.float64)


def _weighed(asked: _Asked, runs: Sequence[Floats], order: int) -> ProcessModel:
    """Return a model of these frames, up to this order, whose limit is 1."""
    every = np.vstack(runs)
    mean, scale = every.mean(axis=0), every.std(axis=0, ddof=1)
    deviations = [(run - mean) / scale for run in runs]
    count = len(asked.points)
    blocks = []
    for given in range(order + 1):
        present, past = _windows(deviations, given)
        coefficients = _coefficients(present, past)
        errors = present - past @ coefficients
        covariance = errors.T @ errors / (len(errors) - 1)
        _require_free(covariance, asked.points)
        # With L the Cholesky factor, e inv(L)' has as its sum of squares e' inv(covariance) e.
        whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
        blocks.append(whitening)
        blocks += [-each @ whitening for each in coefficients.reshape(given, count, count)]
    return ProcessModel(
        points=asked.points,
        period_ns=int(asked.period_ns),
        consecutive=int(asked.consecutive),
        order=order,
        limit=1.0,
        mean=mean,
        scale=scale,
        weights=np.array(blocks),
        samples=len(every),
        false_alarms=float(asked.false_alarms),
    )


def _require_free(covariance: Floats, points: Sequence[str]) -> None:
    """Refuse points of which one is known once the others are, so that no error is left."""
    variances, directions = np.linalg.eigh(covariance)
    if variances[0] > EXACT:
        return
    share = np.abs(directions[:, 0])
    bound = [points[at] for at in np.argsort(-share) if share[at] > share.max() * BLOCKS**-2]
    raise ValueError(
        f"history of a process: {some(bound)}: one follows exactly from the others, or from frames "
        "before; leave one of them out"
    )


def _order(asked: _Asked, runs: Sequence[Floats]) -> int:
    """Return the order: one more as long as unseen frames are expected better."""
    order = 0
    while order + 1 < most_frames(asked.consecutive) and asked.enough(runs, order + 1):
        if _unseen_error(runs, order + 1, order + 1) >= _unseen_error(runs, order, order + 1):
            break
        order += 1
    return order


def _unseen_error(runs: Sequence[Floats], order: int, skipped: int) -> float:
    """Return the logarithm of the determinant of the covariance of errors in unseen blocks.

    The first `skipped` frames of each stretch of a block are not counted, so that two orders are
    compared on the same frames.
    """
    errors = []
    for inside, outside in _cut(runs):
        coefficients = _coefficients(*_windows(outside, order))
        long = [run[skipped - order :] for run in inside if len(run) > skipped]
        if long:
            present, past = _windows(long, order)
            errors.append(present - past @ coefficients)
    every = np.vstack(errors)
    return float(np.linalg.slogdet(every.T @ every / len(every))[1])


def _limit(asked: _Asked, runs: Sequence[Floats], order: int) -> tuple[float, float]:
    """Return the limit, and the share of what unseen blocks show that is beyond it.

    It is the quantile of what they show, and no alarm in any of them.
    """
    frames = most_frames(asked.consecutive)
    shown, lasting = [], []
    for inside, outside in _cut(runs):
        model = _weighed(asked, outside, order)
        share = _usual(model, runs) / _usual(model, outside)
        for run in inside:
            times = np.arange(len(run)) * model.period_ns
            ratio = ProcessDetector(model).take(times, run).ratio[frames - 1 :] * share
            shown.append(ratio)
            if len(ratio) >= model.consecutive:
                in_a_row = np.lib.stride_tricks.sliding_window_view(ratio, model.consecutive)
                lasting.append(in_a_row.min(axis=1).max())
    # Type 6: in the mean as large a share of new frames is beyond it as was asked for.
    every = np.concatenate(shown)
    quantile = np.quantile(every, 1.0 - asked.false_alarms, method="weibull")
    limit = float(max(quantile, *lasting))
    return limit, float(np.mean(every > limit))


def _usual(model: ProcessModel, runs: Sequence[Floats]) -> float:
    """Return the mean of the statistic of new frames, where the model was fitted on these."""
    windows = sum(max(0, len(run) - model.order) for run in runs)

    def squares(frames: int) -> float:
        weights = frames * len(model.points)
        return weights * (windows**2 - 1) / (windows * (windows - weights - 2))

    # T2 of a frame given others is T2 of all of them less that of the others.
    pooled = model.frames - model.order
    return pooled * (squares(model.order + 1) - squares(model.order)) + squares(model.order)
