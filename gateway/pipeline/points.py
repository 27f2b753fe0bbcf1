"""The points of a site: what stands under each tag, and the dense index the arrays use.

A site may have half a million points of a few kinds. What points of a kind share stands once; of
each point only its tag, its name, its kind and its device are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A channel of a device under a tag; `index` is its place in every array."""

    index: int
    tag: str
    name: str
    device: int
    device_id: str
    channel: str
    area: str
    hazard: str
    unit: str
    low: float | None
    high: float | None
    interval_ns: int
    silence_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointKind:
    """What is the same at points that are described alike; as the fields of a `Point`.

    `conversion` says how the unit comes about, empty where the device reports in it.
    """

    channel: str
    area: str
    hazard: str
    unit: str
    low: float | None
    high: float | None
    interval_ns: int
    silence_ns: int
    conversion: str = ""


class Points(Sequence[Point]):
    """The points of a site in dense order; each is made when it is asked for.

    Parameters
    ----------
    numbers
        Tag -> index, in the order of the indices.
    names
        For people, of each point.
    kinds, kind
        What points share, and which of it is each point's, shape (points,).
    device_ids, device
        Of all devices, and whose each point is, shape (points,). A derived point is its own device,
        ``@`` and its tag.
    """

    def __init__(
        self,
        numbers: Mapping[str, int],
        names: Sequence[str],
        *,
        kinds: Sequence[PointKind],
        kind: npt.NDArray[np.int32],
        device_ids: Sequence[str],
        device: npt.NDArray[np.int32],
    ) -> None:
        self.numbers = numbers
        self.tags = tuple(numbers)
        self.names = tuple(names)
        self.kinds = tuple(kinds)
        self.kind = kind
        self.device = device
        self.device_ids = tuple(device_ids)

    def __len__(self) -> int:
        return len(self.tags)

    @overload
    def __getitem__(self, index: int) -> Point: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Point, ...]: ...
    def __getitem__(self, index: int | slice) -> Point | tuple[Point, ...]:
        """Return the point, or the points, at this place."""
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        tag, index = self.tags[index], range(len(self))[index]
        kind, device = self.kinds[self.kind[index]], int(self.device[index])
        return Point(
            index=index,
            tag=tag,
            name=self.names[index],
            device=device,
            device_id=self.device_ids[device],
            channel=kind.channel,
            area=kind.area,
            hazard=kind.hazard,
            unit=kind.unit,
            low=kind.low,
            high=kind.high,
            interval_ns=kind.interval_ns,
            silence_ns=kind.silence_ns,
        )

    @property
    def interval_ns(self) -> npt.NDArray[np.int64]:
        """Expected interval of each point."""
        return np.array([kind.interval_ns for kind in self.kinds], np.int64)[self.kind]

    @property
    def silence_ns(self) -> npt.NDArray[np.int64]:
        """Silence of each point after which it is an alarm."""
        return np.array([kind.silence_ns for kind in self.kinds], np.int64)[self.kind]
