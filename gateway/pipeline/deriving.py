"""The derived points of a plant at work: readings of their members in, their own readings out.

What they remember is part of the engine's state: it moves by readings alone, and a snapshot keeps
it by tag, so that it survives a changed site file as everything else does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.admission import GOOD, UNCERTAIN
from detectors.arrays import Records
from detectors.derived import Derivation, Derivations, Derived
from detectors.exposure import ExposureParams
from detectors.exposures import Exposures
from detectors.frames import FrameParams
from detectors.process_model import ProcessModel, digest
from detectors.processes import Owed, Processes
from device_profiles.quality import Quality

#: The quality of a derived reading by the verdict of its grade.
QUALITIES: Final = np.full(256, Quality.NOT_COMPUTED, np.uint8)
QUALITIES[GOOD] = Quality.GOOD
QUALITIES[UNCERTAIN] = Quality.INCOMPLETE


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A record of the state: what it belongs to, the hash of what that is, and its bytes."""

    name: str
    hash: str
    body: bytes


class Row(NamedTuple):
    """A part of the state: its name, the hash of what it belongs to, and where it stands."""

    name: str
    hash: str
    array: Records


class Deriving:
    """Computes a plant's derived points.

    Parameters
    ----------
    tags
        Of all points, in dense order.
    count
        How many of them devices report; the derived ones stand behind.
    derivations, exposures, frames, models
        What the derived points are.
    """

    def __init__(
        self,
        tags: Sequence[str],
        count: int,
        *,
        derivations: Sequence[Derivation],
        exposures: Sequence[ExposureParams],
        frames: Sequence[FrameParams] = (),
        models: Sequence[ProcessModel | None] = (),
    ) -> None:
        self._derivations = Derivations(count, derivations) if derivations else None
        self._exposures = Exposures(len(tags), exposures) if exposures else None
        self._processes = Processes(len(tags), frames, models) if frames else None
        #: The rows of the state, those beside each other that are nothing without one another.
        self._rows = (
            *((row,) for row in self._find(tags, derivations, exposures)),
            *self._find_processes(tags, frames, models),
        )
        #: By point and time of a frame that the last readings closed and that is beyond: whom it
        #: owes most to.
        self.owed: dict[tuple[int, int], tuple[Owed, ...]] = {}

    def take(
        self,
        point: npt.NDArray[np.int32],
        time: npt.NDArray[np.int64],
        received: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
        grade: npt.NDArray[np.uint8],
    ) -> Derived:
        """Return what these readings of base points derive, in the order of their origins."""
        found = [
            part.take(point, time, received, value, grade)
            for part in (self._derivations, self._exposures)
            if part is not None
        ]
        if self._processes is not None:
            processed = self._processes.take(point, time, received, value, grade)
            found.append(processed.derived)
            self.owed = processed.owed
        joined = [np.concatenate(column) for column in zip(*found, strict=True)]
        # Stable: of one reading, what is derived from several members stands first.
        order = np.argsort(joined[0], kind="stable")
        return Derived(*(column[order] for column in joined))

    def warm_up(self) -> None:
        """Compile the kernels, or load them, before the first reading."""
        for part in (self._derivations, self._exposures, self._processes):
            if part is not None:
                part.warm_up()

    def snapshot(self) -> list[Kept]:
        """Return the whole state."""
        return [
            Kept(row.name, row.hash, row.array.tobytes()) for rows in self._rows for row in rows
        ]

    def restore(self, kept: Sequence[Kept]) -> None:
        """Take up a state; what it does not know, or knows of another function, starts anew.

        So does what has another size: another version kept something else of it.
        """
        known = {(each.name, each.hash): each.body for each in kept}
        for rows in self._rows:
            bodies = [known.get((row.name, row.hash), b"") for row in rows]
            if all(len(b) == row.array.nbytes for row, b in zip(rows, bodies, strict=True)):
                for row, body in zip(rows, bodies, strict=True):
                    row.array[...] = np.frombuffer(body, row.array.dtype).reshape(row.array.shape)

    def _find(
        self,
        tags: Sequence[str],
        derivations: Sequence[Derivation],
        exposures: Sequence[ExposureParams],
    ) -> list[Row]:
        rows = []
        if self._derivations is not None:
            state = self._derivations.state
            for place, point in enumerate(self._derivations.members.tolist()):
                rows.append(Row(f"member/{tags[point]}", "", _one(state.members, place)))
            for place, each in enumerate(derivations):
                members = [(tags[m.point], m.stale_after) for m in each.members]
                name = f"derived/{tags[each.point]}"
                what = _hash((each.function, members))
                rows.append(Row(name, what, _one(state.speech, place)))
        if self._exposures is not None:
            for place, exposure in enumerate(exposures):
                told = [(output, tags[point]) for output, point in exposure.derived.items()]
                marker = "" if exposure.marker < 0 else tags[exposure.marker]
                about = (exposure.mode, exposure.hold_ns, exposure.off_after_ns, marker, told)
                name = f"exposure/{tags[exposure.base]}/{told[0][1]}"
                rows.append(Row(name, _hash(about), _one(self._exposures.state, place)))
        return rows

    def _find_processes(
        self,
        tags: Sequence[str],
        frames: Sequence[FrameParams],
        models: Sequence[ProcessModel | None],
    ) -> Iterator[tuple[Row, ...]]:
        if self._processes is None:
            return
        for number, (each, model) in enumerate(zip(frames, models, strict=True)):
            members = [(tags[point], hold) for point, hold in each.members]
            what = _hash((each.period_ns, members, digest(model) if model else ""))
            name = f"process/{tags[each.point]}"
            parts = self._processes.parts(number)
            yield tuple(Row(f"{name}/{part}", what, array) for part, array in parts)


def _one(array: Records, place: int) -> Records:
    """Return one record as it stands in an array, to be copied from and into."""
    return array[place : place + 1]


def _hash(what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]
