"""The Tennessee Eastman process: how many faulty frames the process detector misses, how late.

The data are those of L. H. Chiang, E. L. Russell and R. D. Braatz, "Fault Detection and Diagnosis
in Industrial Systems" (2001): 52 points each 3 minutes, and in each test file a fault after the
160th frame. Their yardstick is the share of faulty frames that pass as normal, at a share of false
alarms held to 1 % on normal data, and the delay until six frames in a row are beyond a limit.
Faults 3 and 9 are left out, as is usual: nothing in the measurements shows them.
"""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench import BenchError
from detectors.process import ProcessDetector, Verdict, warm_up
from detectors.process_fit import fit
from detectors.process_model import ProcessModel, encode

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FAULTS: Final = (1, 2, 4, 5, 6, 7, 8, 10)
PERIOD_MIN: Final = 3
PERIOD_NS: Final = PERIOD_MIN * 60 * 1_000_000_000
#: Frames before the fault begins.
BEFORE: Final = 160
#: The share of normal test frames that the yardstick's limit lets through.
YARDSTICK: Final = 0.01


@dataclass(frozen=True, slots=True)
class TepFault:
    """A fault: the share of its frames missed, and minutes until it raised, infinite for never."""

    number: int
    missed: float
    delay_min: float


@dataclass(frozen=True, slots=True)
class TepScore:
    """What one limit does.

    Parameters
    ----------
    limit
        As a ratio to the limit of the fit.
    false_alarm_rate
        Share of the normal test frames judged that are beyond.
    false_events
        How often so many normal test frames in a row as raise were beyond.
    """

    limit: float
    faults: tuple[TepFault, ...]
    false_alarm_rate: float
    false_events: int

    @property
    def mean_missed(self) -> float:
        """Share of faulty frames missed, the mean of the faults."""
        return float(np.mean([each.missed for each in self.faults]))

    @property
    def mean_delay_min(self) -> float:
        """Minutes until a fault raised, the mean of the faults."""
        return float(np.mean([each.delay_min for each in self.faults]))


@dataclass(frozen=True, slots=True)
class TepResult:
    """The fitted model's facts, the score of its own limit and that of the yardstick's.

    `own` has a limit from the normal training frames alone; `yardstick` one that 1 % of the normal
    test frames pass, as in the literature.
    """

    samples: int
    points: int
    order: int
    file_bytes: int
    own: TepScore
    yardstick: TepScore


def read(path: Path) -> tuple[tuple[str, ...], Floats]:
    """Return the tags and the values of one file, shape (frames, points)."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
    except (OSError, EOFError, ValueError) as error:
        raise BenchError(f"{path}: {error}; HAZGATE_TEP names the folder of the data") from error
    return tuple(head[1:]), np.array([row[1:] for row in rows], np.float64)


def run(folder: Path) -> TepResult:
    """Fit on the normal training frames of the folder and judge its test files.

    Raises
    ------
    BenchError
        A file is missing or cannot be read.
    """
    points, history = read(folder / "normal_train.csv.gz")
    model = fit(_times(len(history)), history, points, PERIOD_NS)
    return judge(model, folder)


def judge(model: ProcessModel, folder: Path) -> TepResult:
    """Judge the test files of the folder by a model."""
    names = {number: folder / f"fault{number:02}_test.csv.gz" for number in FAULTS}
    faulty = {number: _ratios(model, path) for number, path in names.items()}
    normal = _ratios(model, folder / "normal_test.csv.gz")
    judged = normal[model.frames - 1 :]
    return TepResult(
        samples=model.samples,
        points=len(model.points),
        order=model.order,
        file_bytes=len(encode(model)),
        own=score(1.0, faulty, judged, model.consecutive),
        yardstick=score(
            float(np.quantile(judged, 1.0 - YARDSTICK)), faulty, judged, model.consecutive
        ),
    )


def frames_per_s(folder: Path, seconds: float = 1.0) -> float:
    """Return how many frames of all points one core judges a second, given in batches."""
    points, history = read(folder / "normal_train.csv.gz")
    _, frames = read(folder / "normal_test.csv.gz")
    detector = ProcessDetector(fit(_times(len(history)), history, points, PERIOD_NS))
    warm_up()
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        times = _times(len(frames)) + count * PERIOD_NS
        found = detector.take(times, frames)
        if (found.verdict == Verdict.IGNORED).any():
            raise AssertionError("a frame was not judged")
        count += len(frames)
    return count / spent


def figures(result: TepResult) -> Mapping[str, float]:
    """Return what a bench reports."""
    return {
        "tep_mean_missed": round(result.own.mean_missed, 5),
        "tep_false_alarm_rate": round(result.own.false_alarm_rate, 5),
        "tep_false_events": result.own.false_events,
        "tep_mean_delay_min": round(result.own.mean_delay_min, 2),
        "tep_yardstick_mean_missed": round(result.yardstick.mean_missed, 5),
        "tep_yardstick_false_events": result.yardstick.false_events,
        "tep_yardstick_mean_delay_min": round(result.yardstick.mean_delay_min, 2),
    }


def table(result: TepResult) -> str:
    """Return the result for people."""
    own, other = result.own, result.yardstick
    head = (
        f"Tennessee Eastman: {result.points} points, fitted on {result.samples} normal frames, "
        f"order {result.order}, {result.file_bytes:,} bytes"
    )
    lines = [
        head,
        f"{'':>12}  {'limit from normal_train':^23}  {'1 % of normal_test':^23}",
        f"{'fault':>12}" + 2 * f"  {'missed':>11} {'delay, min':>11}",
    ]
    lines += [
        f"{a.number:>12}  {a.missed:>11.4f} {a.delay_min:>11.0f}  {b.missed:>11.4f} "
        f"{b.delay_min:>11.0f}"
        for a, b in zip(own.faults, other.faults, strict=True)
    ]
    lines += [
        f"{'mean':>12}"
        + "".join(
            f"  {each.mean_missed:>11.4f} {each.mean_delay_min:>11.1f}" for each in (own, other)
        ),
        f"{'normal_test':>12}"
        + "".join(
            f"  {each.false_alarm_rate:>10.2%} {each.false_events:>5} alarms"
            for each in (own, other)
        ),
    ]
    return "\n".join(lines)


def _times(count: int) -> npt.NDArray[np.int64]:
    return PERIOD_NS * np.arange(count)


def _ratios(model: ProcessModel, path: Path) -> Floats:
    """Return the ratio to the model's limit of each frame of a file."""
    points, frames = read(path)
    model.require(points)
    return ProcessDetector(model).take(_times(len(frames)), frames).ratio


def score(limit: float, faulty: Mapping[int, Floats], normal: Floats, consecutive: int) -> TepScore:
    """Return what a limit does to the ratios of the files with a fault and of normal frames."""
    faults = []
    for number, ratios in faulty.items():
        beyond = ratios[BEFORE:] > limit
        raised = _raised(beyond, consecutive)
        delay = PERIOD_MIN * (raised[0] + 1) if raised else np.inf
        faults.append(TepFault(number, float(1.0 - beyond.mean()), float(delay)))
    return TepScore(
        limit=limit,
        faults=tuple(faults),
        false_alarm_rate=float(np.mean(normal > limit)),
        false_events=len(_raised(normal > limit, consecutive)),
    )


def _raised(beyond: Bools, consecutive: int) -> list[int]:
    """Return the frames at which so many in a row were beyond, once for each row of them."""
    raised, row = [], 0
    for at, is_beyond in enumerate(beyond.tolist()):
        row = row + 1 if is_beyond else 0
        if row == consecutive:
            raised.append(at)
    return raised
