"""Leaks and settled steps, and the truth about them: when each starts and when H is reached."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.detection.leaks.parameters import PARAMETERS
from bench.detection.leaks.points import Point, draw, new_point, style_of

Floats = npt.NDArray[np.float64]
LEAKS: Final = ("slow", "fast", "pulsed")
#: A leak that has passed H does not grow beyond this, of H.
MOST: Final = 3.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to one point.

    Parameters
    ----------
    kind, seed
        One of `LEAKS`, or "steps"; which of its kind.
    point
        Before its first second.
    start, reach
        Seconds: when it starts, and when the concentration at the sensor first is H without noise;
        of a step, when the level counts as settled.
    added
        What it adds to the background in each second from 0 on, of H.
    """

    kind: str
    seed: int
    point: Point
    start: int
    reach: int
    added: Floats

    def readings(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return its times (ns) and values, from the normal data before it on; only once."""
        times, values = np.empty(self.added.size, np.int64), np.empty(self.added.size)
        count = self.point.read(0, self.added, times, values)
        return times[:count], values[:count]


def new_event(kind: str, seed: int) -> Event:
    """Return event `seed` of a kind."""
    chance = Random(f"{kind} {seed} event")
    # Consecutive seeds of one half, so that each half has the shares of the file.
    point = new_point(kind, seed, style_of(seed // 2))
    start = round(draw(chance, PARAMETERS.events.before))
    if kind == "steps":
        lasts = round(PARAMETERS.steps.settled)
        grown = np.full(
            lasts + round(PARAMETERS.events.after), draw(chance, PARAMETERS.steps.height)
        )
        return Event(kind, seed, point, start, start + lasts, _after(start, grown))
    lasts = round(draw(chance, getattr(PARAMETERS.leaks, kind)))
    grown = _growth(chance, lasts, pulsed=kind == "pulsed")
    # The second in which it is highest by then: the last, unless it comes and goes.
    reached = int(np.argmax(grown[: lasts + 1]))
    reach = start + reached
    grown *= (1.0 - point.level(reach)) / grown[reached]
    return Event(kind, seed, point, start, reach, _after(start, np.minimum(grown, MOST)))


def _after(start: int, grown: Floats) -> Floats:
    return np.concatenate([np.zeros(start), grown])


def _growth(chance: Random, lasts: int, *, pulsed: bool) -> Floats:
    """Return what a leak adds from its start on, 1 after `lasts` seconds if it does not pause."""
    leaks = PARAMETERS.leaks
    passed = np.arange(lasts + round(PARAMETERS.events.after) + 1) / lasts
    bend = draw(chance, leaks.bend)
    grown = passed if bend == 0.0 else np.expm1(-bend * passed) / math.expm1(-bend)
    if not pulsed:
        return np.minimum(grown, 10.0 * MOST)
    period = draw(chance, leaks.pulse_period)
    on = np.arange(passed.size) % period < period * draw(chance, leaks.pulse_on)
    stays = math.exp(-1.0 / draw(chance, leaks.pulse_decay))
    there, now = np.empty(passed.size), 0.0
    for second, comes in enumerate(np.where(on, grown, 0.0).tolist()):
        now = stays * now + (1.0 - stays) * comes
        there[second] = now
    return there
