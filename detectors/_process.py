"""The kernels behind `ProcessDetector`: a frame's T2 by order, the statistic, and what points add.

The newest frames stand in a ring of rows; a frame's age counts those that came after it. Sums are
taken in the order of the loops, so the compiled form and a plain one agree to the last bit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.admission import NEVER
from detectors.arrays import Records
from detectors.jit import entry, kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNKNOWN, WITHIN, BEYOND, IGNORED = 0, 1, 2, 3
#: What is left of a direction below this share (of squares) is rounding: it leads nowhere new.
DEPENDENT: Final = 1e-20

#: What is remembered beside the frames: time of the newest, ns, NEVER before the first; its row;
#: how many in a row had every value; time of the newest with a verdict, NEVER before the first;
#: verdicts in a row beyond, and within; whether the alarm stands.
PROCESS: Final = np.dtype(
    [(name, "i8") for name in ("last", "head", "whole", "judged", "over", "calm", "active")]
)


@kernel
def back(head: int, age: int, rows: int) -> int:
    """Return the row of the frame that came `age` frames before the newest."""
    return head - age if head >= age else head - age + rows


@kernel
def score(window: Floats, head: int, age: int, weights: Floats, order: int, scores: Floats) -> int:
    """Score a frame given the `order` before it, missing values as the mean; count the missing."""
    rows, points = window.shape
    first = order * (order + 1) // 2
    missing = 0
    for at in range(points):
        scores[at] = 0.0
    for lag in range(order + 1):
        row = back(head, age + lag, rows)
        for point in range(points):
            value = window[row, point]
            if np.isnan(value):
                missing += 1
            else:
                for at in range(points):
                    scores[at] += value * weights[first + lag, point, at]
    return missing


@kernel
def leave_out(
    weights: Floats, block: int, point: int, scores: Floats, basis: Floats, rank: int
) -> int:
    """Take out of the scores all that one value can explain; return how many directions are out.

    The value's weights, less their part in the directions before, are one more direction (modified
    Gram-Schmidt).
    """
    points = scores.size
    whole = 0.0
    for at in range(points):
        weight = weights[block, point, at]
        basis[rank, at] = weight
        whole += weight * weight
    for before in range(rank):
        share = 0.0
        for at in range(points):
            share += basis[before, at] * basis[rank, at]
        for at in range(points):
            basis[rank, at] -= share * basis[before, at]
    left = 0.0
    for at in range(points):
        left += basis[rank, at] * basis[rank, at]
    if rank == points or left <= DEPENDENT * whole:
        return rank
    size = np.sqrt(left)
    share = 0.0
    for at in range(points):
        basis[rank, at] /= size
        share += basis[rank, at] * scores[at]
    for at in range(points):
        scores[at] -= share * basis[rank, at]
    return rank + 1


@kernel
def leave_out_missing(
    window: Floats, head: int, age: int, weights: Floats, order: int, scores: Floats, basis: Floats
) -> int:
    """Take out of the scores all that missing values could explain; return the directions out."""
    rows, points = window.shape
    first = order * (order + 1) // 2
    rank = 0
    for lag in range(order + 1):
        row = back(head, age + lag, rows)
        for point in range(points):
            if np.isnan(window[row, point]):
                rank = leave_out(weights, first + lag, point, scores, basis, rank)
    return rank


@kernel
def sum_of_squares(scores: Floats) -> float:
    """Return T2 of scores."""
    total = 0.0
    for at in range(scores.size):
        total += scores[at] * scores[at]
    return total


@kernel
def square(
    window: Floats, head: int, weights: Floats, order: int, scores: Floats, basis: Floats
) -> float:
    """Return T2 of the newest frame given the `order` before it; the least where a value lacks."""
    missing = score(window, head, 0, weights, order, scores)
    if missing > scores.size:
        return 0.0
    if missing > 0:
        leave_out_missing(window, head, 0, weights, order, scores, basis)
    return sum_of_squares(scores)


@kernel
def given(age: int, rows: int, order: int) -> int:
    """Return how many frames before it a frame is judged by: `order`, or as many as are left."""
    return min(order, rows - 1 - age)


@kernel
def pool(squares: Floats, head: int) -> float:
    """Return the statistic: the sum of T2 of the newest frames, each given those before it."""
    rows = squares.shape[0]
    total = 0.0
    for age in range(rows):
        total += squares[back(head, age, rows), given(age, rows, squares.shape[1] - 1)]
    return total


@kernel
def forget(state: Records, window: Floats, squares: Floats) -> None:
    """Begin anew: no frame is known."""
    state.whole = 0
    for row in range(window.shape[0]):
        for point in range(window.shape[1]):
            window[row, point] = np.nan
        for order in range(squares.shape[1]):
            squares[row, order] = 0.0


@kernel
def skip(state: Records, window: Floats, squares: Floats) -> None:
    """Let a frame pass that did not come: nothing is known of it, so each T2 may be 0."""
    state.whole = 0
    state.head = state.head + 1 if state.head + 1 < window.shape[0] else 0
    for point in range(window.shape[1]):
        window[state.head, point] = np.nan
    for order in range(squares.shape[1]):
        squares[state.head, order] = 0.0


@kernel
def count(
    state: Records, verdict: int, time: int, period: int, rows: int, consecutive: int
) -> None:
    """Take a verdict: so many in a row raise or clear; UNKNOWN does neither, and breaks no run.

    A run does not outlast the frames it rests on: it begins anew where none of those that are
    looked at had a verdict, as `detectors.run` has it. An alarm that stands goes on.
    """
    if verdict == UNKNOWN:
        return
    if state.judged == NEVER or time - state.judged > rows * period:
        state.over = 0
        state.calm = 0
    state.judged = time
    state.over = state.over + 1 if verdict == BEYOND else 0
    state.calm = state.calm + 1 if verdict == WITHIN else 0
    if state.over >= consecutive:
        state.active = 1
    elif state.calm >= consecutive:
        state.active = 0


@entry
def judge(
    times: Ints,
    frames: Floats,
    mean: Floats,
    scale: Floats,
    weights: Floats,
    limit: float,
    period: int,
    consecutive: int,
    memory: Records,
    window: Floats,
    squares: Floats,
    scores: Floats,
    basis: Floats,
    verdicts: npt.NDArray[np.int8],
    ratios: Floats,
    active: Bools,
) -> None:
    """Judge frames; `ProcessDetector.take` says what goes in and comes out."""
    state = memory[0]
    rows, points = window.shape
    for index in range(times.size):
        steps = 1
        if state.last != NEVER:
            steps = (times[index] - state.last + period // 2) // period
        verdicts[index] = IGNORED
        ratios[index] = np.nan
        if steps >= 1:
            if steps > rows:
                forget(state, window, squares)
                steps = 1
            for _ in range(steps - 1):
                skip(state, window, squares)
            state.last = times[index]
            state.head = state.head + 1 if state.head + 1 < rows else 0
            state.whole += 1
            for point in range(points):
                value = frames[index, point]
                if np.isfinite(value):
                    window[state.head, point] = (value - mean[point]) / scale[point]
                else:
                    window[state.head, point] = np.nan
                    state.whole = 0
            for order in range(squares.shape[1]):
                squares[state.head, order] = square(
                    window, state.head, weights, order, scores, basis
                )
            ratio = pool(squares, state.head) / limit
            # Where no double holds it, it is beyond: a NaN here comes of values, not of none.
            ratios[index] = np.inf if np.isnan(ratio) else ratio
            verdict = BEYOND
            if ratio <= 1.0:
                verdict = WITHIN if state.whole >= rows else UNKNOWN
            count(state, verdict, times[index], period, rows, consecutive)
            verdicts[index] = verdict
        active[index] = state.active == 1


@entry
def contribute(
    window: Floats,
    head: int,
    weights: Floats,
    order: int,
    scores: Floats,
    basis: Floats,
    falls: Floats,
    offsets: Floats,
    weighed: Floats,
) -> None:
    """Add up how far each T2 of the statistic falls without each point, all its lags unknown.

    Of each point's own offset, the same in all frames, `offsets` adds up what it explains of the
    scores, and `weighed` what one deviation of it would: their quotient is its least squares.
    """
    rows, points = window.shape
    for age in range(rows):
        before = given(age, rows, order)
        if score(window, head, age, weights, before, scores[0]) > points:
            continue
        known = leave_out_missing(window, head, age, weights, before, scores[0], basis)
        whole = sum_of_squares(scores[0])
        first = before * (before + 1) // 2
        for point in range(points):
            for at in range(points):
                scores[1, at] = 0.0
            for lag in range(before + 1):
                if not np.isnan(window[back(head, age + lag, rows), point]):
                    for at in range(points):
                        scores[1, at] += weights[first + lag, point, at]
            for gone in range(known):
                share = 0.0
                for at in range(points):
                    share += basis[gone, at] * scores[1, at]
                for at in range(points):
                    scores[1, at] -= share * basis[gone, at]
            for at in range(points):
                offsets[point] += scores[1, at] * scores[0, at]
                weighed[point] += scores[1, at] * scores[1, at]
            for at in range(points):
                scores[1, at] = scores[0, at]
            rank = known
            for lag in range(before + 1):
                if not np.isnan(window[back(head, age + lag, rows), point]):
                    rank = leave_out(weights, first + lag, point, scores[1], basis, rank)
            falls[point] += whole - sum_of_squares(scores[1])
