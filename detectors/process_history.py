"""Whether a history is long enough: how many times its slowest point swung while it was recorded.

Frames near each other are alike, so many of them may tell little: what counts is how many
independent values they are worth. That is their number over the integrated autocorrelation time,
``1 + 2 * sum of the autocorrelations`` (of an exponential one about twice its time constant). The
sum is cut off at five times itself, beyond which an estimate has noise alone (A. D. Sokal, "Monte
Carlo Methods in Statistical Mechanics", 1997, section 3).

How many are enough was measured on 307 generated plants of 6 to 25 points, with time constants of 3
to 150 frames and histories of 200 to 4000, fitted for 1 % of false alarms and judged on new frames:

============ ======== =======================
swings found beyond   alarms in 1000 frames
============ ======== =======================
8 to 10      7.4 %    1.6
10 to 15     3.0 %    0.7
15 to 20     1.7 %    0.3
20 to 30     1.2 %    0.15
30 to 100    1.1 %    0.06
above 100    0.9 %    0.03
============ ======== =======================

`tests/detectors/test_process_history.py` measures both ends anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.process_model import Floats

#: Autocorrelation times after which the sum is cut off.
WINDOW: Final = 5.0
#: Below so many a limit lets through clearly more than it was meant to.
ENOUGH: Final = 20


def swings(runs: Sequence[Floats]) -> Floats:
    """Return how many independent values each point has shown, shape (points,).

    Parameters
    ----------
    runs
        Stretches of frames without a gap, each of the shape (frames, points), all values finite.

    Notes
    -----
    A point that stands still has shown one. Whatever changes from frame to frame against itself is
    taken for independent: the count is never above that of the frames.
    """
    frames = np.vstack(runs)
    mean = frames.mean(axis=0)
    longest = max(map(len, runs))
    products, pairs = np.zeros((longest, frames.shape[1])), np.zeros(longest)
    for run in runs:
        size = len(run)
        pairs[:size] += np.arange(size, 0, -1)
        for point in range(frames.shape[1]):
            spectrum = np.fft.rfft(run[:, point] - mean[point], 2 * size)
            products[:size, point] += np.fft.irfft(np.abs(spectrum) ** 2, 2 * size)[:size]
    found = np.empty(frames.shape[1])
    for point, each in enumerate((products / pairs[:, None]).T):
        found[point] = len(frames) / _time(each, len(frames))
    return found


def _time(covariance: Floats, frames: int) -> float:
    """Return the integrated autocorrelation time, frames: at least one, at most all of them."""
    if not covariance[0] > 0.0:
        return float(frames)
    sums = 2.0 * np.cumsum(covariance / covariance[0]) - 1.0
    ends = np.flatnonzero(np.arange(len(sums)) >= WINDOW * sums)
    # Where it never ends, the history is shorter than what it would take to see an end.
    time = float(sums[ends[0]]) if ends.size else float(frames)
    return min(max(time, 1.0), float(frames))
