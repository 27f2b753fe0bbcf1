"""What else could watch a process, on the same data: the usual methods, in their plain form.

Each is fitted on the frames of ``normal_train`` alone, and its limits are set as those of the
product are: at the quantile of what unseen blocks show, a share of the false alarms to each of its
statistics. None was tuned beyond what its source states.

* Principal components (PCA): T2 of those that hold nine tenths of the variance, Q of the rest.
* The same of frames with the two before them (dynamic PCA; W. Ku, R. H. Storer and C. Georgakis,
  doi:10.1016/0169-7439(95)00076-3).
* Canonical variates (CVA): of what three frames tell of the three that follow, 29 states, T2 of
  them and Q of the rest (L. H. Chiang, E. L. Russell and R. D. Braatz, "Fault Detection and
  Diagnosis in Industrial Systems" (2001), who chose both numbers on this process).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bench.detection.tep import FAULTS, YARDSTICK, Floats, TepScore, read, score

#: Consecutive frames beyond a limit that raise, as of the product.
CONSECUTIVE: Final = 6
BLOCKS: Final = 10
HELD: Final = 0.9
DYNAMIC_LAGS: Final = 2
CVA_LAGS: Final = 3
CVA_STATES: Final = 29

#: From frames, shape (frames, points), to the statistics of each, shape (frames, statistics); the
#: first frames, which have not enough before them, are NaN.
Statistics = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Rival:
    """A method by its name, and how it is fitted on frames of normal running."""

    name: str
    fit: Callable[[Floats], Statistics]


@dataclass(frozen=True, slots=True)
class RivalResult:
    """What a method reaches with limits of its own, and with those of the yardstick."""

    name: str
    own: TepScore
    yardstick: TepScore

    def __str__(self) -> str:
        return f"{self.name:>28}" + "".join(
            f"  {each.mean_missed:>7.4f} {each.false_alarm_rate:>7.2%} {each.false_events:>6}"
            f" {each.mean_delay_min:>7.1f}"
            for each in (self.own, self.yardstick)
        )


def lagged(frame: Floats, lags: int) -> Floats:
    """Return each frame with the `lags` before it, shape (frames - lags, points * (lags + 1))."""
    return np.hstack([frame[lags - lag : len(frame) - lag] for lag in range(lags + 1)])


def padded(found: Floats, lags: int) -> Floats:
    """Return statistics with NaN for the frames that have not enough before them."""
    return np.vstack([np.full((lags, found.shape[1]), np.nan), found])


def principal(frame: Floats, lags: int) -> Statistics:
    """Fit principal components of frames with those before them."""
    mean, scale = frame.mean(axis=0), frame.std(axis=0, ddof=1)
    history = lagged((frame - mean) / scale, lags)
    variance, direction = np.linalg.eigh(np.cov(history.T))
    variance, direction = variance[::-1], direction[:, ::-1]
    kept = 1 + int(np.searchsorted(np.cumsum(variance) / variance.sum(), HELD))
    loading, spread = direction[:, :kept], variance[:kept]

    def statistics(given: Floats) -> Floats:
        row = lagged((given - mean) / scale, lags)
        scores = row @ loading
        rest = row - scores @ loading.T
        found = np.column_stack([(scores**2 / spread).sum(axis=1), (rest**2).sum(axis=1)])
        return padded(found, lags)

    return statistics


def canonical(frame: Floats) -> Statistics:
    """Fit canonical variates: what a frame and those before it tell of the frames that follow."""
    mean, scale = frame.mean(axis=0), frame.std(axis=0, ddof=1)
    window = lagged((frame - mean) / scale, 2 * CVA_LAGS - 1)
    half = window.shape[1] // 2
    # The newest stand first: the following frames, then those that tell of them.
    future, past = window[:, :half], window[:, half:]
    whitening = _whitening(np.cov(past.T))
    shared = past.T @ future / (len(window) - 1)
    left, _, _ = np.linalg.svd(whitening @ shared @ _whitening(np.cov(future.T)))
    kept = left[:, : min(CVA_STATES, half // 2)]
    states = kept.T @ whitening

    def statistics(given: Floats) -> Floats:
        row = lagged((given - mean) / scale, CVA_LAGS - 1)
        white, state = row @ whitening.T, row @ states.T
        rest = white - state @ kept.T
        return padded(
            np.column_stack([(state**2).sum(axis=1), (rest**2).sum(axis=1)]), CVA_LAGS - 1
        )

    return statistics


RIVALS: Final = (
    Rival("PCA", lambda frame: principal(frame, 0)),
    Rival("dynamic PCA", lambda frame: principal(frame, DYNAMIC_LAGS)),
    Rival("canonical variates", canonical),
)


def limits(rival: Rival, frame: Floats) -> Floats:
    """Return the limit of each statistic: its quantile in blocks that the fit did not see."""
    shown = []
    for block in np.array_split(np.arange(len(frame)), BLOCKS):
        # The seam between the two sides of a block is a few frames of hundreds.
        seen = np.delete(frame, block, axis=0)
        shown.append(rival.fit(seen)(frame[block]))
    every = np.vstack(shown)
    share = YARDSTICK / every.shape[1]
    return np.asarray(np.nanquantile(every, 1.0 - share, axis=0, method="weibull"))


def compete(folder: Path) -> list[RivalResult]:
    """Return what each method reaches on the files of the folder."""
    _, history = read(folder / "normal_train.csv.gz")
    _, normal = read(folder / "normal_test.csv.gz")
    faulty = {number: read(folder / f"fault{number:02}_test.csv.gz")[1] for number in FAULTS}
    results = []
    for rival in RIVALS:
        limit, fitted = limits(rival, history), rival.fit(history)
        ratio = {number: (fitted(each) / limit).max(axis=1) for number, each in faulty.items()}
        judged = (fitted(normal) / limit).max(axis=1)[CVA_LAGS:]
        scores = [
            score(float(each), ratio, judged, CONSECUTIVE)
            for each in (1.0, np.quantile(judged, 1.0 - YARDSTICK))
        ]
        results.append(RivalResult(rival.name, *scores))
    return results


def _whitening(covariance: Floats) -> Floats:
    """Return what makes data of this covariance uncorrelated, of variance 1."""
    variance, direction = np.linalg.eigh(covariance)
    return np.asarray(direction @ np.diag(1.0 / np.sqrt(variance)) @ direction.T)
