"""A step of the gateway's clock, as the spool keeps it and the engine follows it.

What moves the engine stands in the spool, so this does: by how much the clock was set, and which
devices' readings did not bear their own time just then. A derived point has the time of its
members; it moves as the first of them does.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.pipeline.plant import Plant


class ClockStep(msgspec.Struct, frozen=True, kw_only=True):
    """The clock was set, by `step_ns`, to `at_ns`.

    Parameters
    ----------
    points, ahead
        The first point of each device whose readings did not bear its own time, and by how much
        that is ahead of ours, as `detectors.clock_step.follow` reads it.
    """

    at_ns: int
    step_ns: int
    points: list[int]
    ahead: list[int]


encode_step = msgspec.msgpack.Encoder().encode
decode_step = msgspec.msgpack.Decoder(ClockStep).decode


def step_of(plant: Plant, ahead: npt.NDArray[np.int64], *, at_ns: int, step_ns: int) -> ClockStep:
    """Return a step that comes now.

    Parameters
    ----------
    ahead
        Of each device that reports, as `gateway.southbound.ingest.stamp` writes it.
    """
    devices = np.flatnonzero(ahead)
    return ClockStep(
        at_ns=at_ns,
        step_ns=step_ns,
        points=[plant.devices[device].points[0] for device in devices.tolist()],
        ahead=ahead[devices].tolist(),
    )


def ahead_of(plant: Plant, step: ClockStep) -> npt.NDArray[np.int64]:
    """Return the same of each of the plant's devices, derived points among them.

    Points of which the plant knows nothing (a negative number) are passed over.
    """
    points = plant.points
    found = np.zeros(len(points.device_ids), np.int64)
    for point, ahead in zip(step.points, step.ahead, strict=True):
        if point >= 0:
            found[points.device[point]] = ahead
    for derived, member in _sources(plant):
        # In the order of the plant: what is derived from a derived point stands behind it.
        found[points.device[derived]] = found[points.device[member]]
    return found


def _sources(plant: Plant) -> list[tuple[int, int]]:
    """Return each derived point with the first point that it is derived from, members first."""
    pairs = [
        (point, each.members[0].point)
        for each in plant.derivations
        for point in (each.point, each.counter)
        if point is not None
    ]
    pairs += [(point, each.base) for each in plant.exposures for point in each.derived.values()]
    pairs += [(each.point, each.members[0].point) for each in plant.frames]
    return sorted(pairs)
