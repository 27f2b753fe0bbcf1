"""What a point reads: background, lag, noise, dropouts and its way of reporting, second by second.

All numbers of a point come from its key (kind of data, seed) and ``parameters.toml``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.detection.leaks.chance import beginning, normal, uniform
from bench.detection.leaks.parameters import PARAMETERS, Range
from detectors.admission import SECOND
from detectors.arrays import Records, new_records
from detectors.jit import entry, kernel

DAY: Final = 86_400
MINUTE: Final = 60
#: Midnight before the first second of every point, ns.
START_NS: Final = 1_767_225_600 * SECOND
#: Kinds of data; a part of every key.
KINDS: Final = ("normal", "slow", "fast", "pulsed", "steps")

#: A point's numbers, drawn once (of H, s, and of H per second; `turbulence` is what the lag is
#: given so that its share of the noise is left behind it), and what changes: the concentration
#: behind the lag, the last reading and its second, the outage to come, the count of its chance.
RECORD: Final = np.dtype(
    [
        *((name, "f8") for name in ("base", "cycle", "phase", "drift")),
        *((name, "f8") for name in ("lag", "turbulence", "electronics")),
        *((name, "f8") for name in ("dead_zone", "step", "moved", "between", "outage")),
        *((name, "i8") for name in ("at_least", "interval")),
        *((name, "f8") for name in ("shown", "said")),
        *((name, "i8") for name in ("spoke", "fails", "returns")),
        ("count", "u8"),
    ]
)
NEVER: Final = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Point:
    """A point: how it reports, and its numbers (a `RECORD`)."""

    style: str
    record: Records

    def level(self, second: float) -> float:
        """Return its background without noise, of H."""
        return float(background(self.record[0], second))

    def read(
        self, first: int, added: npt.NDArray[np.float64], times: Records, values: Records
    ) -> int:
        """Write the readings of `added.size` seconds and return how many there are.

        Parameters
        ----------
        first
            The first second; the next call goes on where this one ends.
        added
            What a leak adds to the background, of H, shape (seconds,).
        times, values
            Filled: ns, and of H; at least as long as `added`.
        """
        return int(fill(self.record, first, added, times, values))


def style_of(number: int) -> str:
    """Return how point `number` of many reports: every hundred have the shares of the file."""
    place = number * 37 % 100  # 37 and 100 have no common divisor: mixed, and each place once
    for style, share in PARAMETERS.styles.items():
        if place < share:
            return style
        place -= share
    raise ValueError(f"the styles' shares are {PARAMETERS.styles}, they must make 100")


def new_point(kind: str, seed: int, style: str, *, louder: float = 1.0) -> Point:
    """Return point `seed` of a kind of data, as it is before its first second.

    Parameters
    ----------
    louder
        How many times the noise of the file.
    """
    chance = Random(f"{kind} {seed} point")
    sensor, around, reporting = PARAMETERS.sensor, PARAMETERS.background, PARAMETERS.reporting
    record = new_records(1, RECORD)
    clean = style == "zero"
    own = record[0]
    own["base"] = draw(chance, around.base) * (not clean)
    own["cycle"] = around.cycle * (not clean)
    own["phase"] = draw(chance, (0.0, DAY))
    own["drift"] = draw(chance, around.drift) / (30 * DAY) * (not clean)
    own["lag"] = lag = 1.0 - math.exp(-math.log(10.0) / sensor.t90)
    before = draw(chance, sensor.turbulent)
    own["turbulence"] = louder * sensor.noise * math.sqrt(before * (2.0 - lag) / lag)
    own["electronics"] = louder * sensor.noise * math.sqrt(1.0 - before)
    own["dead_zone"] = reporting.dead_zone if clean else -math.inf
    own["step"] = reporting.step if style == "coarse" else 0.0
    own["moved"] = reporting.moved if style == "on_change" else 0.0
    own["at_least"] = reporting.at_least if style == "on_change" else 0.0
    own["interval"] = reporting.quarter if style == "quarter_hour" else 1.0
    outages = PARAMETERS.dropouts
    own["outage"] = outages.mean
    own["between"] = outages.mean * (1.0 - outages.share) / outages.share
    own["shown"] = background(own, 0.0)
    own["spoke"] = own["fails"] = own["returns"] = NEVER
    own["count"] = beginning(KINDS.index(kind), seed)
    return Point(style, record)


def draw(chance: Random, between: Range) -> float:
    """Return a uniform number of a range."""
    low, high = between
    return low + (high - low) * chance.random()


@entry
def background(point: Records, second: float) -> float:
    """Return the concentration without leak and noise, of H."""
    turn = 2.0 * math.pi * (second + point.phase) / DAY
    level: float = point.base + point.cycle * math.sin(turn) + point.drift * second
    return level


@kernel
def waits(point: Records, mean: float) -> int:
    """Return a geometric number of seconds, at least 1."""
    return 1 + int(math.log(1.0 - uniform(point)) / math.log1p(-1.0 / mean))


@entry
def fill(
    points: Records,
    first: int,
    added: npt.NDArray[np.float64],
    times: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> int:
    """Write the readings of the one point in an array (`Point.read`)."""
    point = points[0]
    # What each second needs stays out of memory: a run is billions of them.
    lag, turbulence, electronics = point.lag, point.turbulence, point.electronics
    dead_zone, grid, interval = point.dead_zone, point.step, point.interval
    shown, fails, returns = point.shown, point.fails, point.returns
    level = background(point, first - first % MINUTE)
    written = 0
    for number in range(added.size):
        second = first + number
        if second % MINUTE == 0:
            level = background(point, second)
        shown += lag * (level + added[number] + turbulence * normal(point) - shown)
        value = shown + electronics * normal(point)
        if second >= returns:
            fails = second + waits(point, point.between)
            returns = fails + waits(point, point.outage)
        if second >= fails or (interval > 1 and second % interval != 0):
            continue
        if value < dead_zone:
            value = 0.0
        if grid > 0.0:
            value = grid * np.rint(value / grid)
        if abs(value - point.said) < point.moved and second - point.spoke < point.at_least:
            continue
        point.said = value
        point.spoke = second
        times[written] = START_NS + second * SECOND
        values[written] = value
        written += 1
    point.shown, point.fails, point.returns = shown, fails, returns
    return written
