"""Every alarm of a site as it will behave: the limits, delays and deadbands that were resolved.

A pack's numbers stand in no site file. An engineer must see them before the gas does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.limit import LimitParams
from detectors.rate import RateParams
from detectors.rules import Params, Rule
from device_profiles.duration import format_duration
from gateway.alarms.definitions import AlarmDefinition
from gateway.pipeline.device_clocks import CLOCK, patience_ns
from gateway.pipeline.plant import Plant

#: Columns of the list for people, in the order of the fields of a row.
COLUMNS: Final = (
    "alarm", "limit", "unit", "on-delay", "off-delay", "deadband", "latch", "priority", "basis",
    "converted from",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """One alarm; what it does not have is None.

    Parameters
    ----------
    limit, deadband
        In `unit`; of a rate, in `unit` per second.
    on_delay, off_delay
        As a site file writes them. Of a "no data" alarm, the silence after which it rises; of a
        clock, for how long it must be wrong, and right.
    standard, clause
        Empty where the limit is the site's own.
    converted
        From which unit of the device, by what; empty where it reports in `unit`.
    """

    alarm: str
    limit: float | None
    unit: str
    on_delay: str
    off_delay: str
    deadband: float | None
    latch: bool
    priority: str
    standard: str
    clause: str
    converted: str

    def cells(self) -> tuple[str, ...]:
        """Return the row for people, under `COLUMNS`."""
        return (
            self.alarm,
            "-" if self.limit is None else f"{self.limit:g}",
            self.unit or "-",
            self.on_delay,
            self.off_delay,
            "-" if self.deadband is None else f"{self.deadband:g}",
            "yes" if self.latch else "no",
            self.priority,
            f"{self.standard} {self.clause}".strip() or "-",
            self.converted or "-",
        )


def alarm_rows(plant: Plant) -> Iterator[AlarmRow]:
    """Yield every alarm of a plant's points, in the plant's order: by the clock after by rules.

    Parameters
    ----------
    plant
        A bound site.
    """
    for point, number in enumerate(plant.point_sets.tolist()):
        alarms = plant.definitions.of(point)
        conversion = plant.points.kinds[plant.points.kind[point]].conversion
        for definition, rule in zip(alarms, plant.rule_sets[number], strict=False):
            yield _ruled(definition, rule, conversion)
    for point, silence_ns in enumerate(plant.points.silence_ns.tolist()):
        definition = plant.definitions[plant.silence_row + point]
        yield _row(definition, limit=None, deadband=None, delays=(silence_ns, 0), unit="")
    for sparse in plant.definitions.sparse:
        first, points = plant.definitions.sparse_rows(sparse.definition.rule)
        clock = sparse.definition.rule == CLOCK
        waits = patience_ns(plant.points, points) if clock else np.zeros(points.size, np.int64)
        for place, wait_ns in enumerate(waits.tolist()):
            definition = plant.definitions[first + place]
            yield _row(definition, limit=None, deadband=None, delays=(wait_ns, wait_ns), unit="")


def table(rows: Iterator[AlarmRow]) -> Iterator[str]:
    """Yield the lines of the list for people, its columns aligned."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(map(str.ljust, line, widths)).rstrip()


def _ruled(definition: AlarmDefinition, rule: Rule, conversion: str) -> AlarmRow:
    per_second = "/s" if isinstance(rule.params, RateParams) else ""
    return _row(
        definition,
        limit=rule.params.limit if isinstance(rule.params, RateParams) else definition.limit,
        deadband=_deadband(rule.params),
        delays=(rule.on_delay, rule.off_delay),
        unit=f"{definition.unit}{per_second}",
        converted=conversion,
    )


def _deadband(params: Params) -> float | None:
    return params.deadband if isinstance(params, LimitParams | RateParams) else None


def _row(
    definition: AlarmDefinition,
    *,
    limit: float | None,
    deadband: float | None,
    delays: tuple[int, int],
    unit: str,
    converted: str = "",
) -> AlarmRow:
    return AlarmRow(
        alarm=definition.alarm,
        limit=limit,
        unit=unit,
        on_delay=format_duration(delays[0]),
        off_delay=format_duration(delays[1]),
        deadband=deadband,
        latch=definition.latch,
        priority=definition.priority.value,
        standard=definition.standard,
        clause=definition.clause,
        converted=converted,
    )
