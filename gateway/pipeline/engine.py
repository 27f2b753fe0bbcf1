"""The engine: batches of readings become detections. A function of its input alone.

Whatever moves it is a record of the spool: readings, and the clock ticks that fired something. So
the same records give the same detections, live, in replay, and after a crash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from detectors._debounce import ACTIVE
from detectors.admission import (
    BAD,
    FENCED,
    GOOD,
    GRADE,
    HEARD,
    LAST,
    QUIET,
    UNCERTAIN,
    UNKNOWN,
    UNTIMED,
)
from detectors.bank import Bank, Counts, Edge, Rule
from detectors.limit import LimitParams
from detectors.reference import judge_limit
from device_profiles.quality import Quality, Verdict
from gateway.model import Detection
from gateway.pipeline.plant import LATE_NS, SILENT_INTERVALS, Plant
from gateway.readings import ReadingBatch

SNAPSHOT_VERSION: Final = 1
#: What the bank may know of a quality byte.
GRADES = np.full(256, BAD, np.uint8)
for _quality in Quality:
    if _quality.verdict == Verdict.GOOD:
        GRADES[_quality] = GOOD
    elif _quality in {Quality.FENCED, Quality.RETAINED}:
        GRADES[_quality] = FENCED
    elif _quality in {Quality.TIME_MISSING, Quality.TIME_IMPLAUSIBLE, Quality.TIME_FUTURE}:
        GRADES[_quality] = UNTIMED
    elif _quality.verdict == Verdict.UNCERTAIN:
        GRADES[_quality] = UNCERTAIN


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """State of the bank by name, so that it survives a changed site file.

    `points` maps tags, `devices` device ids and `rows` alarm ids to the bytes of their state; a row
    also holds the hash of its rule, and is taken up again only by the very same rule.
    """

    v: int = SNAPSHOT_VERSION
    points: dict[str, bytes]
    devices: dict[str, bytes]
    rows: dict[str, tuple[str, bytes]]


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
            plant.points.device.tolist(),
            np.maximum(LATE_NS, SILENT_INTERVALS * plant.points.interval_ns).tolist(),
            [
                Rule(point, *rule)
                for point, number in enumerate(plant.point_sets.tolist())
                for rule in plant.rule_sets[number]
            ],
        )

    def process(self, batch: ReadingBatch) -> tuple[list[Detection], Counts]:
        """Return the edges that these readings make, in their order, and what became of them."""
        placed, counts = self.place(batch)
        return [detection for _, detection in placed], counts

    def place(self, batch: ReadingBatch) -> tuple[list[tuple[int, Detection]], Counts]:
        """Do as `process`, each edge with the index of the reading that made it."""
        edges, counts = self.bank.take(
            batch.point, batch.time_ns, batch.received_ns, batch.value, GRADES[batch.quality]
        )
        return [(edge.at, self._detection(edge, batch)) for edge in edges], counts

    def tick(self, now_ns: int) -> list[Detection]:
        """Return the edges of delays that have run out by the whole second `now_ns`."""
        return [self._detection(edge, None) for edge in self.bank.tick(now_ns)]

    def warm_up(self) -> None:
        """Compile the kernels, or load them, before the first reading."""
        self.bank.warm_up()

    @property
    def heard(self) -> npt.NDArray[np.int64]:
        """When each point last had usable data that came on time, ns; very negative for never."""
        return self.bank.point_times[:, HEARD]

    def next_due(self) -> int:
        """Return the earliest whole second at which a delay could run out; very late for none."""
        return self.bank.next_due()

    def live(self, alarms: Iterable[str], now_ns: int) -> list[str]:
        """Return those of these alarms that are live by `now_ns`, though they rest on late data.

        The late data of their point has ended, and its newest reading is still in alarm: an old
        value that came after a newer, normal one is no reason for a siren.
        """
        found = []
        for alarm in alarms:
            number = self._number(alarm)
            if number is None:
                continue
            rule, point = self.plant.rule(number), self.plant.point_of(number)
            if int(self.bank.point_times[point, QUIET]) > now_ns:
                continue
            if isinstance(rule.params, LimitParams):
                value = float(self.bank.point_values[point, 0])
                if judge_limit(rule.params, value)[1]:
                    continue
            found.append(alarm)
        return found

    def snapshot(self) -> bytes:
        """Return the whole state, keyed by tag, device and alarm."""
        bank = self.bank
        plant = self.plant
        hashes = self._hashes
        return msgspec.msgpack.encode(
            Snapshot(
                points={
                    point.tag: bank.point_times[index].tobytes()
                    + bank.point_values[index].tobytes()
                    for index, point in enumerate(plant.points)
                },
                devices={
                    device.id: bank.devices[index].tobytes()
                    for index, device in enumerate(plant.devices)
                },
                rows={
                    plant.definitions.alarm(number): (
                        hashes[number],
                        bank.ints[row].tobytes() + bank.floats[row].tobytes(),
                    )
                    for row, number in enumerate(bank.order)
                },
            )
        )

    def restore(self, body: bytes) -> None:
        """Take up a snapshot; what it does not know, or knows of another rule, starts anew."""
        state = msgspec.msgpack.decode(body, type=Snapshot)
        bank = self.bank
        for index, point in enumerate(self.plant.points):
            saved = state.points.get(point.tag)
            if saved is not None:
                _split(saved, bank.point_times[index], bank.point_values[index])
        for index, device in enumerate(self.plant.devices):
            saved = state.devices.get(device.id)
            if saved is not None:
                bank.devices[index] = np.frombuffer(saved, np.int64)
        hashes = self._hashes
        for row, number in enumerate(bank.order):
            kept = state.rows.get(self.plant.definitions.alarm(number))
            if kept is not None and kept[0] == hashes[number]:
                _split(kept[1], bank.ints[row], bank.floats[row])

    def standing(self) -> list[Detection]:
        """Return the rules that are active now, each as an edge at its point's last reading."""
        found = []
        for row, number in enumerate(self.bank.order):
            if self.bank.ints[row, ACTIVE] == 1:
                point = int(self.bank.row_point[row])
                time_ns = int(self.bank.point_times[point, LAST])
                value = float(self.bank.point_values[point, 0])
                found.append(Detection(number, True, time_ns, time_ns, value))
        return found

    def inside(self, alarm: str) -> bool:
        """Whether the newest reading of an alarm's point is GOOD and inside the alarm's limit.

        An alarm that is no fixed limit asks for the GOOD reading alone, one of no point for none.
        """
        number = self._number(alarm)
        if number is None:
            return True
        rule, point = self.plant.rule(number), self.plant.point_of(number)
        times = self.bank.point_times[point]
        good = int(times[GRADE]) == GOOD and not times[UNKNOWN]
        value = float(self.bank.point_values[point, 0])
        if isinstance(rule.params, LimitParams):
            begins, _ = judge_limit(rule.params, value)
            return good and math.isfinite(value) and not begins
        return good

    def _number(self, alarm: str) -> int | None:
        """Return the number of an alarm's rule; None for an alarm without one."""
        number = self.plant.definitions.find(alarm)
        return number if number is not None and number < self.plant.silence_row else None

    def align(self, standing: Mapping[str, bool]) -> None:
        """Make each rule as active as its alarm: for rules that start anew under a standing alarm.

        Parameters
        ----------
        standing
            Alarm id -> whether its condition holds, as the desk knows it.
        """
        wanted = np.zeros(self.plant.silence_row, bool)
        for alarm, holds in standing.items():
            number = self._number(alarm) if holds else None
            if number is not None:
                wanted[number] = True
        # The bank's rows are the plant's rules in their order: point by point.
        for row in np.flatnonzero(wanted != (self.bank.ints[:, ACTIVE] == 1)).tolist():
            self.bank.set_active(row, active=bool(wanted[row]))

    @cached_property
    def _hashes(self) -> list[str]:
        sets = self.plant.hashes
        return [each for number in self.plant.point_sets.tolist() for each in sets[number]]

    def _detection(self, edge: Edge, batch: ReadingBatch | None) -> Detection:
        reading = None if batch is None or edge.at < 0 else batch
        return Detection(
            row=self.bank.order[edge.row],
            active=edge.began,
            time_ns=edge.time,
            received_ns=edge.time if reading is None else int(reading.received_ns[edge.at]),
            value=edge.value,
            predicted_ns=edge.predicted,
            quality=0 if reading is None else int(reading.quality[edge.at]),
            historical=edge.historical,
        )


def _split(saved: bytes, ints: npt.NDArray[np.int64], floats: npt.NDArray[np.float64]) -> None:
    cut = ints.nbytes
    ints[:] = np.frombuffer(saved[:cut], np.int64)
    floats[:] = np.frombuffer(saved[cut:], np.float64)
