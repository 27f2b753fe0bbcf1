"""The engine: batches of readings become detections. A function of its input alone.

Whatever moves it is a record of the spool: readings, and the clock ticks that fired something. So
the same records give the same detections, live, in replay, and after a crash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.admission import BAD, FENCED, GOOD, UNCERTAIN, UNTIMED
from detectors.bank import Bank, Counts, Edge
from detectors.limit import LimitParams
from detectors.reason import (
    ABOVE,
    BELOW,
    CLOCK,
    FAULT,
    LOW_OXYGEN,
    MISSING,
    NONE,
    OXYGEN_UNKNOWN,
    SHIFT,
    UNDATED,
    WARMING,
    ReasonParams,
)
from detectors.reference import judge_limit
from detectors.run import RunParams
from device_profiles.quality import Quality, Verdict
from gateway.model import Contribution, Detection
from gateway.pipeline import snapshot
from gateway.pipeline.clock_step import ClockStep, ahead_of
from gateway.pipeline.companions import Judging
from gateway.pipeline.deriving import QUALITIES, Deriving
from gateway.pipeline.names import Names, name_rules
from gateway.pipeline.plant import LATE_NS, SILENT_INTERVALS, Plant
from gateway.readings import ReadingBatch

#: What the bank may know of why a reading is not GOOD. What is not here is a fault.
REASONS: Final[dict[Quality, int]] = {
    Quality.MISSING: MISSING,
    Quality.BELOW_RANGE: BELOW,
    Quality.ABOVE_RANGE: ABOVE,
    Quality.WARMING_UP: WARMING,
    Quality.TIME_FUTURE: CLOCK,
    Quality.TIME_IMPLAUSIBLE: CLOCK,
    Quality.TIME_MISSING: UNDATED,
    Quality.LOW_OXYGEN: LOW_OXYGEN,
    Quality.ALARM_IN_LOW_OXYGEN: LOW_OXYGEN,
    Quality.OXYGEN_UNKNOWN: OXYGEN_UNKNOWN,
    # That it waited in a queue is nothing to complain of.
    Quality.FENCED: NONE,
    Quality.RETAINED: NONE,
}


def grade_of(quality: Quality) -> int:
    """Return a quality as the bank takes it: what the reading may do, and why it is not GOOD."""
    if quality.verdict == Verdict.GOOD:
        return GOOD
    if quality in {Quality.FENCED, Quality.RETAINED}:
        verdict = FENCED
    elif quality in {Quality.TIME_MISSING, Quality.TIME_IMPLAUSIBLE, Quality.TIME_FUTURE}:
        verdict = UNTIMED
    else:
        verdict = UNCERTAIN if quality.verdict == Verdict.UNCERTAIN else BAD
    return verdict | REASONS.get(quality, FAULT) << SHIFT


#: The grade of every quality byte; one that nobody knows is a fault.
GRADES: Final = np.full(256, BAD | FAULT << SHIFT, np.uint8)
for _quality in Quality:
    GRADES[_quality] = grade_of(_quality)


class Engine:
    """Runs a plant's rules.

    Parameters
    ----------
    plant
        The bound site.
    """

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.bank = Bank(
            plant.points.device,
            np.maximum(LATE_NS, SILENT_INTERVALS * plant.points.interval_ns),
            plant.rule_sets,
            plant.point_sets,
        )
        self._deriving: Deriving | None = None
        if plant.derivations or plant.exposures or plant.frames:
            self._deriving = Deriving(
                plant.points.tags,
                plant.reported,
                derivations=plant.derivations,
                exposures=plant.exposures,
                frames=plant.frames,
                models=plant.models,
            )
        self._judging = Judging(plant.points.tags, plant.wards) if plant.wards else None
        #: The last readings, with the quality by which they were judged.
        self.judged: ReadingBatch | None = None
        #: What the last readings derived: readings of points that no device reports.
        self.derived: ReadingBatch | None = None

    def process(self, batch: ReadingBatch) -> tuple[list[Detection], Counts]:
        """Return the edges that these readings make, in their order, and what became of them."""
        placed, counts = self.place(batch)
        return [detection for _, detection in placed], counts

    def place(self, batch: ReadingBatch) -> tuple[list[tuple[int, Detection]], Counts]:
        """Do as `process`, each edge with the index of the reading that made it."""
        grades = GRADES[batch.quality]
        if self._judging is not None:
            batch = self._judging.take(batch, grades)
        self.judged = batch
        arrays = (batch.point, batch.time_ns, batch.received_ns, batch.value)
        edges, counts = self.bank.take(*arrays, grades)
        found = [(edge.at, self._detection(edge, batch)) for edge in edges]
        if self._deriving is None:
            return found, counts
        made = self._deriving.take(*arrays, grades)
        self.derived = ReadingBatch(
            made.point, made.time, made.received, made.value, QUALITIES[made.grade]
        )
        edges, _ = self.bank.take(made.point, made.time, made.received, made.value, made.grade)
        found += [
            (int(made.origin[edge.at]), self._detection(edge, self.derived)) for edge in edges
        ]
        # Stable: what a reading itself makes, then what is derived from it, however it was cut.
        found.sort(key=itemgetter(0))
        return found, counts

    def tick(self, now_ns: int) -> list[Detection]:
        """Return the edges of delays that have run out by the whole second `now_ns`."""
        return [self._detection(edge, None) for edge in self.bank.tick(now_ns)]

    def set_clock(self, step: ClockStep) -> None:
        """Follow a step of the gateway's clock: no delay is run out by it, and none begins anew."""
        self.bank.set_clock(step.step_ns, ahead_of(self.plant, step))

    def warm_up(self) -> None:
        """Compile the kernels, or load them, before the first reading."""
        self.bank.warm_up()
        for part in (self._judging, self._deriving):
            if part is not None:
                part.warm_up()

    @property
    def heard(self) -> npt.NDArray[np.int64]:
        """When each point last had usable data that came on time, ns; very negative for never."""
        return self.bank.heard

    @property
    def quiet(self) -> npt.NDArray[np.int64]:
        """Until when late data are waited for, of each point, ns; very negative for none."""
        return self.bank.quiet

    def next_due(self) -> int:
        """Return the earliest whole second at which a delay could run out; very late for none."""
        return self.bank.next_due()

    def live(self, alarms: Iterable[str]) -> list[str]:
        """Return those of these alarms whose point's newest reading is still in alarm.

        An old value that came after a newer, normal one is no reason for a siren.
        """
        # Asked several times a second, while hundreds may wait: in columns, not one by one.
        rows = {row: alarm for alarm in alarms if (row := self._row(alarm)) is not None}
        numbers = np.fromiter(rows, np.int64, len(rows))
        points = np.searchsorted(self.plant.first, numbers, side="right") - 1
        places = (numbers - self.plant.first[points]).tolist()
        sets = self.plant.point_sets[points].tolist()
        newest = self.bank.newest_of(points)
        found = []
        for row, own, place, last in zip(numbers.tolist(), sets, places, newest, strict=True):
            params = self.plant.rule_sets[own][place].params
            if isinstance(params, LimitParams) and judge_limit(params, last.value)[1]:
                continue
            if isinstance(params, ReasonParams) and not last.unknown:
                reason = last.grade >> SHIFT
                if reason not in params.reasons:
                    continue
            found.append(rows[row])
        return found

    def snapshot(self) -> bytes:
        """Return the whole state, by tag, device and rule."""
        parts = [part for part in (self._judging, self._deriving) if part is not None]
        kept = [each for part in parts for each in part.snapshot()]
        return snapshot.encode(self.bank, self._names, kept)

    def restore(self, body: bytes) -> None:
        """Take up a snapshot; what it does not know, or knows of another rule, starts anew.

        Raises
        ------
        ValueError
            It is torn, or of a version that is not known: nothing was taken up.
        """
        derived = snapshot.restore(body, self.bank, self._names, node=self.plant.node)
        for part in (self._judging, self._deriving):
            if part is not None:
                # Refuses nothing: the bank has taken up its part already.
                part.restore(derived)

    def standing(self) -> list[Detection]:
        """Return the rules that are active now, each as an edge at its point's last reading."""
        found = []
        for row in self.bank.active_rows():
            newest = self.bank.newest(self.bank.point_of(row))
            time_ns = newest.time
            found.append(Detection(row, True, time_ns, time_ns, newest.value))
        return found

    def inside(self, alarm: str) -> bool:
        """Whether the newest reading of an alarm's point is GOOD and inside the alarm's limit.

        An alarm that is no fixed limit asks for the GOOD reading alone, one of no point for none.
        """
        row = self._row(alarm)
        if row is None:
            return True
        newest, rule = self.bank.newest(self.plant.point_of(row)), self.plant.rule(row)
        good = newest.grade == GOOD and not newest.unknown
        if isinstance(rule.params, LimitParams):
            begins, _ = judge_limit(rule.params, newest.value)
            return good and math.isfinite(newest.value) and not begins
        return good

    def point_of(self, alarm: str) -> int | None:
        """Return the point of an alarm's rule; None for an alarm without one."""
        row = self._row(alarm)
        return None if row is None else self.plant.point_of(row)

    def _row(self, alarm: str) -> int | None:
        """Return the row of an alarm's rule; None for an alarm without one."""
        number = self.plant.definitions.find(alarm)
        return number if number is not None and number < self.plant.silence_row else None

    def align(self, standing: Mapping[str, bool]) -> None:
        """Make each rule as active as its alarm: for rules that start anew under a standing alarm.

        Parameters
        ----------
        standing
            Alarm id -> whether its condition holds, as the desk knows it.
        """
        active = np.zeros(self.plant.silence_row, bool)
        for alarm, holds in standing.items():
            row = self._row(alarm) if holds else None
            if row is not None:
                active[row] = True
        self.bank.set_active(active)

    @cached_property
    def _names(self) -> bytes:
        """What the bank's arrays belong to, encoded: it does not change while this engine runs."""
        return names_of(self.plant).encode()

    def _detection(self, edge: Edge, batch: ReadingBatch | None) -> Detection:
        reading = None if batch is None or edge.at < 0 else batch
        return Detection(
            row=edge.row,
            active=edge.began,
            time_ns=edge.time,
            received_ns=edge.time if reading is None else int(reading.received_ns[edge.at]),
            value=edge.value,
            predicted_ns=edge.predicted,
            quality=0 if reading is None else int(reading.quality[edge.at]),
            historical=edge.historical,
            contributions=self._contributions(edge) if edge.began else (),
        )

    def _contributions(self, edge: Edge) -> tuple[Contribution, ...]:
        """Return whom an anomaly owes most to, where this edge began one."""
        if self._deriving is None or not isinstance(self.plant.rule(edge.row).params, RunParams):
            return ()
        point = self.plant.point_of(edge.row)
        tags = self.plant.points.tags
        frames = next(each for each in self.plant.frames if each.point == point)
        return tuple(
            Contribution.of(tags[frames.members[each.member].point], each.share, each.offset)
            for each in self._deriving.owed.get((point, edge.time), ())
        )


def names_of(plant: Plant) -> Names:
    """Return what a bank's arrays belong to; each kind of point is a set of its own."""
    kinds, first = np.unique(plant.points.kind, return_index=True)
    rules = {
        kind: plant.rule_sets[plant.point_sets[point]]
        for kind, point in zip(kinds.tolist(), first.tolist(), strict=True)
    }
    return Names(
        tags=tuple(plant.points.tags),
        devices=plant.points.device_ids,
        sets=tuple(
            name_rules([each.rule for each in alarms.rules], rules.get(kind, ()))
            for kind, alarms in enumerate(plant.definitions.kinds)
        ),
        point_sets=plant.points.kind.astype(np.int32).tobytes(),
    )
