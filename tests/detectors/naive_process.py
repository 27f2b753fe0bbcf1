"""The process detector in plain Python, one number at a time, in the kernels' order of sums."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from detectors.process import Verdict
from detectors.process_model import ProcessModel

Vector = list[float]
#: As in the kernels: of a direction, less than this share of squares is rounding.
DEPENDENT = 1e-20


def squared(vector: Vector) -> float:
    """Sum of squares, from the first to the last."""
    total = 0.0
    for each in vector:
        total += each * each
    return total


def left_out(weights: Vector, scores: Vector, basis: list[Vector]) -> Vector:
    """Scores less what one value with these weights explains; the basis has its direction then."""
    direction = list(weights)
    for before in basis:
        share = 0.0
        for one, other in zip(before, direction, strict=True):
            share += one * other
        direction = [d - share * b for d, b in zip(direction, before, strict=True)]
    if len(basis) == len(scores) or squared(direction) <= DEPENDENT * squared(weights):
        return scores
    size = math.sqrt(squared(direction))
    direction = [d / size for d in direction]
    basis.append(direction)
    share = 0.0
    for one, other in zip(direction, scores, strict=True):
        share += one * other
    return [s - share * d for s, d in zip(scores, direction, strict=True)]


@dataclass
class NaiveProcess:
    """The newest frames, the newest first; a frame that is not known is all NaN."""

    model: ProcessModel
    last: int | None = None
    frames: list[Vector] = field(default_factory=list)
    squares: list[Vector] = field(default_factory=list)
    whole: int = 0
    judged: int | None = None
    over: int = 0
    calm: int = 0
    active: bool = False

    def __post_init__(self) -> None:
        self.weights = self.model.weights.tolist()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Know no frame."""
        points, order = len(self.model.points), self.model.order
        self.frames = [[math.nan] * points for _ in range(self.model.frames)]
        self.squares = [[0.0] * (order + 1) for _ in range(self.model.frames)]
        self.whole = 0

    def push(self, frame: Vector) -> None:
        """Take a frame as the newest."""
        self.frames = [frame, *self.frames[:-1]]
        self.whole = 0 if any(map(math.isnan, frame)) else self.whole + 1

    def scored(self, age: int, order: int) -> tuple[Vector, list[Vector], list[tuple[int, int]]]:
        """Scores of a frame, the directions left out, and the values missing (lag, point)."""
        points = len(self.model.points)
        scores, missing = [0.0] * points, []
        for lag in range(order + 1):
            for point in range(points):
                value = self.frames[age + lag][point]
                if math.isnan(value):
                    missing.append((lag, point))
                    continue
                weights = self.weights[order * (order + 1) // 2 + lag][point]
                scores = [s + value * w for s, w in zip(scores, weights, strict=True)]
        basis: list[Vector] = []
        if len(missing) <= points:
            for lag, point in missing:
                weights = self.weights[order * (order + 1) // 2 + lag][point]
                scores = left_out(weights, scores, basis)
        return scores, basis, missing

    def square(self, order: int) -> float:
        """T2 of the newest frame, the least it can be."""
        scores, _, missing = self.scored(0, order)
        return 0.0 if len(missing) > len(scores) else squared(scores)

    def given(self, age: int) -> int:
        """How many frames before it a frame is judged by."""
        return min(self.model.order, self.model.frames - 1 - age)

    def take(self, time: int, values: Vector) -> tuple[int, float, bool]:
        """Verdict, ratio, whether the alarm stands."""
        model = self.model
        steps = 1
        if self.last is not None:
            steps = (time - self.last + model.period_ns // 2) // model.period_ns
        if steps < 1:
            return Verdict.IGNORED, math.nan, self.active
        if steps > model.frames:
            self.begin_anew()
            steps = 1
        for _ in range(steps - 1):
            self.push([math.nan] * len(values))
            self.squares = [[0.0] * (model.order + 1), *self.squares[:-1]]
        self.last = time
        self.push(
            [
                (value - mean) / scale if math.isfinite(value) else math.nan
                for value, mean, scale in zip(
                    values, model.mean.tolist(), model.scale.tolist(), strict=True
                )
            ]
        )
        newest = [self.square(order) for order in range(model.order + 1)]
        self.squares = [newest, *self.squares[:-1]]
        total = 0.0
        for age in range(model.frames):
            total += self.squares[age][self.given(age)]
        ratio = total / model.limit
        verdict = Verdict.BEYOND
        if ratio <= 1.0:
            verdict = Verdict.WITHIN if self.whole >= model.frames else Verdict.UNKNOWN
        self.count(verdict, time)
        shown = math.inf if math.isnan(ratio) else ratio
        return verdict, shown, self.active

    def count(self, verdict: Verdict, time: int) -> None:
        """Raise or clear after enough of a kind in a row."""
        if verdict is Verdict.UNKNOWN:
            return
        model = self.model
        if self.judged is None or time - self.judged > model.frames * model.period_ns:
            self.over = self.calm = 0
        self.judged = time
        self.over = self.over + 1 if verdict is Verdict.BEYOND else 0
        self.calm = self.calm + 1 if verdict is Verdict.WITHIN else 0
        if self.over >= self.model.consecutive:
            self.active = True
        elif self.calm >= self.model.consecutive:
            self.active = False

    def offsets(self) -> Vector:
        """How far each point is off, the same in all frames: the least squares over the scores."""
        points = len(self.model.points)
        explained, weighed = [0.0] * points, [0.0] * points
        for age in range(self.model.frames):
            order = self.given(age)
            scores, known, missing = self.scored(age, order)
            if len(missing) > points:
                continue
            for point in range(points):
                direction = [0.0] * points
                for lag in range(order + 1):
                    if (lag, point) not in missing:
                        weights = self.weights[order * (order + 1) // 2 + lag][point]
                        direction = [d + w for d, w in zip(direction, weights, strict=True)]
                for gone in known:
                    share = 0.0
                    for one, other in zip(gone, direction, strict=True):
                        share += one * other
                    direction = [d - share * g for d, g in zip(direction, gone, strict=True)]
                for one, score in zip(direction, scores, strict=True):
                    explained[point] += one * score
                    weighed[point] += one * one
        return [e / w if w > 0.0 else math.nan for e, w in zip(explained, weighed, strict=True)]

    def falls(self) -> Vector:
        """How far the statistic falls without each point."""
        points = len(self.model.points)
        falls = [0.0] * points
        for age in range(self.model.frames):
            order = self.given(age)
            scores, known, missing = self.scored(age, order)
            if len(missing) > points:
                continue
            for point in range(points):
                rest, basis = scores, list(known)
                for lag in range(order + 1):
                    if not math.isnan(self.frames[age + lag][point]):
                        weights = self.weights[order * (order + 1) // 2 + lag][point]
                        rest = left_out(weights, rest, basis)
                falls[point] += squared(scores) - squared(rest)
        return falls
