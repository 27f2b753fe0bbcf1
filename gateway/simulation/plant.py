"""What sensors would say: a base value, a daily cycle, noise, faults and incidents.

Deterministic: the same seed and the same instants give the same values. Noise is first-order
autoregressive, since real sensors smooth; its size is given as a standard deviation. Nothing here
is taken from a site: the figures are plausible, and serve to exercise the program.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

DAY_S = 86_400.0


class FaultKind(StrEnum):
    """How a sensor fails."""

    SILENT = "silent"
    STUCK = "stuck"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A point's normal life, in its unit.

    Parameters
    ----------
    base, cycle, noise
        Mean, amplitude of the daily cycle, standard deviation of the noise.
    low, high
        What the sensor can report.
    resolution
        Values are rounded to multiples of this.
    memory
        Autoregression of the noise from one sample to the next, 0 to below 1.
    """

    base: float
    cycle: float = 0.0
    noise: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    resolution: float = 0.01
    memory: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """An excursion: rises, holds, decays exponentially; all in seconds of the run."""

    tag: str
    start_s: float
    rise_s: float
    hold_s: float
    decay_s: float
    height: float

    def at(self, second: float) -> float:
        """Return what it adds at an instant of the run."""
        since = second - self.start_s
        if since < 0:
            return 0.0
        if since < self.rise_s:
            return self.height * since / self.rise_s
        after = since - self.rise_s - self.hold_s
        return self.height if after < 0 else self.height * math.exp(-after / self.decay_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A sensor fault between two instants of the run, s."""

    tag: str
    kind: FaultKind
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens during a run."""

    name: str
    ramps: tuple[Ramp, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class SimulatedPlant:
    """Points and what they read now.

    Parameters
    ----------
    signals
        Tag -> its normal life.
    scenario
        What happens.
    seed
        Of the noise.
    """

    signals: Mapping[str, Signal]
    scenario: Scenario
    seed: int = 1
    _noise: dict[str, float] = field(default_factory=dict)
    _stuck: dict[str, float] = field(default_factory=dict)
    _generators: dict[str, np.random.Generator] = field(default_factory=dict)

    def __post_init__(self) -> None:
        streams = np.random.SeedSequence(self.seed).spawn(len(self.signals))
        self._generators = {
            tag: np.random.default_rng(stream)
            for tag, stream in zip(self.signals, streams, strict=True)
        }

    def read(self, tag: str, *, second: float, time_of_day_s: float) -> float | None:
        """Return what a sensor says at an instant of the run; None when it is silent.

        NaN stands for a sensor that speaks and has no value.
        """
        signal = self.signals[tag]
        innovation = float(self._generators[tag].standard_normal())
        previous = self._noise.get(tag, innovation)
        fresh = signal.memory * previous + math.sqrt(1 - signal.memory**2) * innovation
        self._noise[tag] = fresh
        value = signal.base + signal.cycle * math.sin(2 * math.pi * time_of_day_s / DAY_S)
        value += signal.noise * fresh
        value += sum(ramp.at(second) for ramp in self.scenario.ramps if ramp.tag == tag)
        value = min(max(value, signal.low), signal.high)
        value = round(value / signal.resolution) * signal.resolution
        return self._through_fault(tag, second, round(value, 6))

    def _through_fault(self, tag: str, second: float, value: float) -> float | None:
        for fault in self.scenario.faults:
            if fault.tag != tag or not fault.start_s <= second < fault.end_s:
                continue
            if fault.kind == FaultKind.SILENT:
                return None
            if fault.kind == FaultKind.BROKEN:
                return math.nan
            return self._stuck.setdefault(tag, value)
        return value


def tags_of(scenario: Scenario) -> Sequence[str]:
    """Return the tags that a scenario touches."""
    return sorted({ramp.tag for ramp in scenario.ramps} | {f.tag for f in scenario.faults})
