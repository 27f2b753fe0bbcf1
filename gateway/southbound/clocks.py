"""A device whose clock is wrong: one alarm a device, at the first of its points.

Its readings are UNCERTAIN where their time cannot be: they clear nothing, and nobody sees why. Its
clock is wrong when readings have said so (`detectors.device_clock`) for three intervals, a minute
at least, without a right one between. It is slow when they have been late by as much for ten
minutes, over which a usual delay is the minimum (`detectors.admission`): by more than its transport
needs, which is `usual_delay` of the device, else that from which data are late at all. The alarm
ends when readings have been right for three intervals, a minute at least.

Judged at each whole second. It counts anew from a start and from a step of this machine's clock,
like silence; what stood stays until the clock was right. Readings from behind a fence say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from detectors.admission import BUCKET
from detectors.device_clock import RIGHT, SLOW, WRONG, new_runs, watch
from gateway.model import Detection
from gateway.pipeline.device_clocks import CLOCK, patience_ns
from gateway.pipeline.engine import GRADES
from gateway.pipeline.plant import Plant
from gateway.pipeline.telling import Telling, holding
from gateway.readings import ReadingBatch


class Clocks:
    """Watches the clocks of a plant's devices.

    Parameters
    ----------
    plant
        Tells which devices have a clock, and how far each may be late.
    standing
        Ids of alarms that stand already; those of other rules are passed over.
    most
        How many edges a tick hands out at most; None for all.
    """

    def __init__(
        self, plant: Plant, standing: Iterable[str] = (), *, most: int | None = None
    ) -> None:
        self.first_row, self.points = plant.definitions.sparse_rows(CLOCK)
        count = self.points.size
        owners = plant.points.device[self.points]
        places = np.full(len(plant.points.device_ids), -1, np.int32)
        places[owners] = np.arange(count, dtype=np.int32)
        #: The run of each point's device.
        self._devices = places[plant.points.device]
        self._patience = patience_ns(plant.points, self.points)
        stated = [plant.devices[owner].usual_delay for owner in owners.tolist()]
        self._delay = np.array(
            [own or usual for own, usual in zip(stated, self._patience.tolist(), strict=True)],
            np.int64,
        )
        self._least = int(self._delay.min(initial=np.iinfo(np.int64).max))
        rows = range(self.first_row, self.first_row + count)
        holds = holding(plant.definitions, standing, rows)
        self._telling = Telling(self.first_row, holds, most=most)
        self.begin()

    def begin(self) -> None:
        """Count anew: a start, or this machine's clock was set."""
        self._runs = new_runs(self.points.size)
        self._runs["watched"] = self._telling.holds
        self._busy = bool(self._telling.holds.any())

    def take(self, batch: ReadingBatch) -> None:
        """Take readings, in order, with the quality they came with."""
        self._busy = watch(
            batch.point,
            batch.time_ns,
            batch.received_ns,
            GRADES[batch.quality],
            self._devices,
            self._delay,
            self._least,
            self._busy,
            self._runs,
        )

    def next_due(self) -> int:
        """Return the earliest instant (ns) at which something could change; very late for never."""
        return 0 if self._busy or self._telling.waiting else int(np.iinfo(np.int64).max)

    def tick(self, now_ns: int) -> list[Detection]:
        """Return the devices whose clock went wrong or right by the whole second `now_ns`."""
        if self._busy:
            self._judge(now_ns)
        return self._telling.hand_out() if self._telling.waiting else []

    def _judge(self, now_ns: int) -> None:
        runs, holds = self._runs, self._telling.holds
        of, lasted = runs["of"], runs["last"] - runs["since"]
        patient = lasted >= self._patience
        wrong = (of == WRONG) & patient
        wrong |= (of == SLOW) & patient & (lasted >= BUCKET)
        right = (of == RIGHT) & patient
        self._telling.change(wrong & ~holds, holds=True, now_ns=now_ns)
        self._telling.change(right & holds, holds=False, now_ns=now_ns)
        # A right reading ends what had not yet come to an alarm: there is nothing more to watch.
        runs["watched"] = holds | ((runs["watched"] != 0) & (of != RIGHT))
        self._busy = bool(runs["watched"].any())

    def warm_up(self) -> None:
        """Compile the kernel, or load it, before the first reading."""
        self.take(ReadingBatch.from_rows([]))
