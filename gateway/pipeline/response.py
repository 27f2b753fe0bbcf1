"""How long it takes until a statutory limit is an alarm: what a site's engineer must know.

The time from the gas at the sensor to the alarm is at most the interval of the readings, plus the
sensor's response (T90, the time to 90 % of a step, as its profile states it), plus the rule's
on-delay. Transport comes on top and is measured, not stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.pipeline.plant import Plant

SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The parts of one alarm's response, s; `t90_s` is None where the profile states none."""

    alarm: str
    standard: str
    clause: str
    interval_s: float
    t90_s: float | None
    on_delay_s: float

    @property
    def total_s(self) -> float:
        """The sum of what is known: a lower bound where T90 is not stated."""
        return self.interval_s + (self.t90_s or 0.0) + self.on_delay_s

    def __str__(self) -> str:
        t90 = "not stated" if self.t90_s is None else f"{self.t90_s:g} s"
        least = "at least " if self.t90_s is None else ""
        basis = f"{self.standard} {self.clause}".strip()
        return (
            f"{self.alarm} ({basis}): interval {self.interval_s:g} s + T90 {t90} + on-delay "
            f"{self.on_delay_s:g} s = {least}{self.total_s:g} s"
        )


def responses(plant: Plant) -> Iterator[Response]:
    """Yield the response of every alarm that a standard asks for, in the plant's order."""
    asked = [any(each.standard for each in kind.rules) for kind in plant.definitions.kinds]
    for index, kind in enumerate(plant.points.kind.tolist()):
        if not asked[kind]:
            continue
        point, rules = plant.points[index], plant.rule_sets[plant.point_sets[index]]
        channel = plant.devices[point.device].profile.channel.get(point.channel)
        t90 = channel.t90 if channel is not None else None
        for definition, rule in zip(plant.definitions.of(index), rules, strict=False):
            if definition.standard:
                yield Response(
                    alarm=definition.alarm,
                    standard=definition.standard,
                    clause=definition.clause,
                    interval_s=point.interval_ns / SECOND,
                    t90_s=None if t90 is None else t90 / SECOND,
                    on_delay_s=rule.on_delay / SECOND,
                )
