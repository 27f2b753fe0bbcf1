"""The oxygen beside a plant's catalytic sensors at work: readings in, the same ones judged out.

What is remembered is part of the engine's state: it moves by readings alone, and a snapshot keeps
it by tag, as it keeps derived points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.admission import BAD, UNCERTAIN, UNTIMED
from detectors.companion import Companions, Ward
from detectors.reason import LOW_OXYGEN, OXYGEN_UNKNOWN, SHIFT
from device_profiles.quality import Quality
from gateway.pipeline.deriving import Kept
from gateway.readings import ReadingBatch

#: The quality of a reading by the grade that its oxygen gave it.
QUALITIES: Final = np.zeros(256, np.uint8)
QUALITIES[UNCERTAIN | OXYGEN_UNKNOWN << SHIFT] = Quality.OXYGEN_UNKNOWN
QUALITIES[UNCERTAIN | LOW_OXYGEN << SHIFT] = Quality.ALARM_IN_LOW_OXYGEN
QUALITIES[UNTIMED | LOW_OXYGEN << SHIFT] = Quality.ALARM_IN_LOW_OXYGEN
QUALITIES[BAD | LOW_OXYGEN << SHIFT] = Quality.LOW_OXYGEN
#: With which the name of what a snapshot keeps begins.
NAME: Final = "oxygen/"


class Judging:
    """Judges the readings of sensors that need oxygen.

    Parameters
    ----------
    tags
        Of all points, in dense order.
    wards
        The sensors, at least one.
    """

    def __init__(self, tags: Sequence[str], wards: Sequence[Ward]) -> None:
        self._companions = Companions(len(tags), wards)
        self._names = [f"{NAME}{tags[point]}" for point in self._companions.points.tolist()]

    def take(self, batch: ReadingBatch, grades: npt.NDArray[np.uint8]) -> ReadingBatch:
        """Return readings with the quality that their oxygen leaves them; change their grades.

        Parameters
        ----------
        grades
            As `detectors.bank.Bank.take` reads them; those of the sensors are changed in place.
        """
        before = grades.copy()
        changed = self._companions.judge(
            batch.point, batch.time_ns, batch.received_ns, batch.value, grades
        )
        if not changed:
            return batch
        judged = grades != before
        return replace(batch, quality=np.where(judged, QUALITIES[grades], batch.quality))

    def warm_up(self) -> None:
        """Compile the kernel, or load it, before the first reading."""
        self._companions.warm_up()

    def snapshot(self) -> list[Kept]:
        """Return the whole state."""
        state = self._companions.state
        return [
            Kept(name, "", state[place : place + 1].tobytes())
            for place, name in enumerate(self._names)
        ]

    def restore(self, kept: Sequence[Kept]) -> None:
        """Take up a state; a point that it does not know, or of another size, starts anew."""
        state = self._companions.state
        known = {each.name: each.body for each in kept if each.name.startswith(NAME)}
        for place, name in enumerate(self._names):
            body = known.get(name, b"")
            if len(body) == state.dtype.itemsize:
                state[place : place + 1] = np.frombuffer(body, state.dtype, 1)
