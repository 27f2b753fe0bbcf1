"""Frames: readings of many points in, the values of all of them at whole multiples of a period out.

A frame stands at each multiple of its period of source time. It has of each member the newest value
that is no later than that, and no older than `hold`; it is closed by the first reading of a member
that is later. Nothing is made up: where no member spoke in a period its frame is left out, and a
value is missing (NaN) where the member's newest one is not GOOD or is too old. What comes later
than the frame it would have been in does not change that one; it may stand in the next.

Of one instant (a device's clock of whole seconds) the last value counts, and none where one of them
was not GOOD. A BAD reading takes its member's value away and closes nothing, for its time may be
ours. A reading from behind a fence, or one that says nothing of its point, says nothing here.
Members are known by their devices' clocks: one that is wrong by more than `hold` is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.admission import AHEAD, BAD, FENCED, GOOD, NEVER, VERDICT
from detectors.arrays import Records, new_records
from detectors.jit import entry, kernel
from detectors.reason import MISSING, SHIFT

ROOM: Final = 256  # frames one call of the kernel can hold before it is called again

#: A reading of a point is one of this seat of these frames.
FEED: Final = np.dtype([("frames", "i4"), ("seat", "i4")])
#: Seats of a kind of frame stand at `begin` to `end`; its period, ns.
TABLE: Final = np.dtype([("begin", "i4"), ("end", "i4"), ("period", "i8")])
#: Where the frame that is open stands, and the newest that was told, ns; NEVER for none.
FRAMES: Final = np.dtype([("open", "i8"), ("told", "i8")])
#: A member's newest reading: its source time, ns, NEVER for none; its value, NaN where not GOOD.
SEAT: Final = np.dtype([("time", "i8"), ("value", "f8")])
#: A frame that was told, its values apart: the reading that closed it, and of which kind it is.
TOLD: Final = np.dtype([("origin", "i8"), ("frames", "i8"), ("time", "i8"), ("received", "i8")])

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class FrameMember(NamedTuple):
    """A base point, and the age at which its value is too old for a frame, ns."""

    point: int
    hold: int


@dataclass(frozen=True, slots=True)
class FrameParams:
    """Frames of a derived point.

    Parameters
    ----------
    point
        The dense index of the point that is derived from them.
    period_ns
        From frame to frame, ns.
    members
        In the order of a frame's values, at least two.

    Raises
    ------
    ValueError
        The period or a hold is not above 0, or a member stands twice.
    """

    point: int
    period_ns: int
    members: tuple[FrameMember, ...]

    def __post_init__(self) -> None:
        if not 0 < self.period_ns < -NEVER:
            raise ValueError(f"frames each {self.period_ns} ns: the period must be above 0")
        points = [each.point for each in self.members]
        if len(points) < 2 or len(set(points)) < len(points):
            raise ValueError(
                f"frames of the points {points}: at least two, each once; what one point does its "
                "own rules tell"
            )
        for member in self.members:
            if not self.period_ns <= member.hold < -NEVER:
                raise ValueError(
                    f"frames each {self.period_ns} ns: {member}; a value holds for a period at "
                    "least, or a member that speaks once a frame would be missing"
                )


class Told(NamedTuple):
    """Frames of one kind, in order.

    Parameters
    ----------
    origin
        Index, in its batch, of the reading that closed each, shape (frames,).
    time, received
        Source time of each, and received time of what closed it, ns, shape (frames,).
    value
        Shape (frames, members); NaN where a value is missing.
    """

    origin: Ints
    time: Ints
    received: Ints
    value: Floats


class Frames:
    """The frames of a site and their state.

    Parameters
    ----------
    count
        How many points the members are among.
    params
        Of each kind of frame.
    """

    def __init__(self, count: int, params: Sequence[FrameParams]) -> None:
        seats = [
            (member.point, kind, member.hold)
            for kind, each in enumerate(params)
            for member in each.members
        ]
        feeds = sorted((point, kind, seat) for seat, (point, kind, _) in enumerate(seats))
        fed = list(dict.fromkeys(point for point, _, _ in feeds))
        #: The place of each point among those that feed a frame, -1 for none, shape (count,).
        self._slots = np.full(count, -1, np.int32)
        self._slots[fed] = np.arange(len(fed), dtype=np.int32)
        self._first = np.searchsorted([point for point, _, _ in feeds], [*fed, count])
        self._feeds = new_records(len(feeds), FEED)
        for place, (_, kind, seat) in enumerate(feeds):
            self._feeds[place] = (kind, seat)
        ends = np.cumsum([len(each.members) for each in params], dtype=np.int32)
        self._table = new_records(len(params), TABLE)
        self._table["end"], self._table["begin"][1:] = ends, ends[:-1]
        self._table["period"] = [each.period_ns for each in params]
        self._holds = np.array([hold for _, _, hold in seats], np.int64)
        widest = max((len(each.members) for each in params), default=0)
        room = max(ROOM, int(np.diff(self._first).max(initial=0)))
        self._told, self._values = new_records(room, TOLD), np.empty((room, widest))
        none = np.empty(0, np.int64)
        self._none = [Told(none, none, none, np.empty((0, len(each.members)))) for each in params]
        #: All that readings change: a `FRAMES` each, and a `SEAT` for each of their members.
        self.state = new_records(len(params), FRAMES)
        self.seats = new_records(len(seats), SEAT)
        self.state["open"] = self.state["told"] = self.seats["time"] = NEVER
        self.seats["value"] = np.nan

    def take(
        self,
        point: npt.NDArray[np.int32],
        time: Ints,
        received: Ints,
        value: Floats,
        grade: npt.NDArray[np.uint8],
    ) -> list[Told]:
        """Run readings, in order; return the frames that they closed, of each kind.

        Parameters
        ----------
        point, time, received, value, grade
            Shape (n,), as `detectors.bank.Bank.take` takes them.
        """
        told, values = [self._told[:0]], [self._values[:0]]
        start = 0
        while start < point.size:
            start, written = assemble(
                start,
                point,
                time,
                received,
                value,
                grade,
                self._slots,
                self._first,
                self._feeds,
                self._table,
                self._holds,
                self.state,
                self.seats,
                self._told,
                self._values,
            )
            if written:
                told.append(self._told[:written].copy())
                values.append(self._values[:written].copy())
        if len(told) == 1:
            return self._none
        every, frames = np.concatenate(told), np.concatenate(values)
        found = []
        for kind, each in enumerate(self._table):
            own = np.flatnonzero(every["frames"] == kind)
            rows = every[own]
            value = frames[own, : each["end"] - each["begin"]]
            found.append(Told(rows["origin"], rows["time"], rows["received"], value))
        return found

    def places(self, kind: int) -> slice:
        """Return where the seats of a kind of frame stand."""
        return slice(int(self._table["begin"][kind]), int(self._table["end"][kind]))

    def warm_up(self) -> None:
        """Compile the kernels on frames of their own, so that the first reading does not wait."""
        own = Frames(2, [FrameParams(2, 1, (FrameMember(0, 1), FrameMember(1, 1)))])
        one = np.ones(1, np.int64)
        own.take(np.zeros(1, np.int32), one, one, np.ones(1), np.zeros(1, np.uint8))


@kernel
def begin_anew(state: Records, seats: Records, received: int) -> None:
    """Know no member, after this machine's clock was set back, and no frame that lies ahead."""
    state.open = NEVER
    if state.told > received + AHEAD:
        state.told = NEVER
    for seat in range(seats.size):
        seats[seat].time = NEVER
        seats[seat].value = np.nan


@kernel
def close(state: Records, seats: Records, holds: Ints, values: Floats) -> None:
    """Write the values of the frame that is open, and close it."""
    for seat in range(seats.size):
        last = seats[seat].time
        fresh = last != NEVER and state.open - last <= holds[seat]
        values[seat] = seats[seat].value if fresh else np.nan
    state.told = state.open
    state.open = NEVER


@entry
def assemble(
    start: int,
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    value: Floats,
    grade: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.int32],
    first: Ints,
    feeds: Records,
    table: Records,
    holds: Ints,
    states: Records,
    seats: Records,
    told: Records,
    values: Floats,
) -> tuple[int, int]:
    """Take readings from `start` on; return (next reading, frames written).

    Stops before a reading that might close more frames than there is room left for.
    """
    written = 0
    for i in range(start, point.size):
        slot = slots[point[i]]
        if slot < 0:
            continue
        if written + first[slot + 1] - first[slot] > told.size:
            return i, written
        # So it is signed, as in `detectors._sweep`.
        given = grade[i] & 255
        verdict = given & VERDICT
        if verdict == FENCED or given == BAD | MISSING << SHIFT:
            continue
        now, arrived = time[i], received[i]
        for place in range(first[slot], first[slot + 1]):
            kind, number = feeds[place].frames, feeds[place].seat
            own, state, seat = table[kind], states[kind], seats[number]
            if seat.time > arrived + AHEAD:
                begin_anew(state, seats[own.begin : own.end], arrived)
            if now < seat.time:
                continue
            lost = now == seat.time and not np.isfinite(seat.value)
            if verdict == BAD or not np.isfinite(value[i]):
                seat.value = np.nan
                continue
            if state.open != NEVER and now > state.open:
                row = told[written]
                row.origin = i
                row.frames = kind
                row.time = state.open
                row.received = arrived
                close(
                    state,
                    seats[own.begin : own.end],
                    holds[own.begin : own.end],
                    values[written],
                )
                written += 1
            if state.open == NEVER and now > state.told:
                state.open = (now + own.period - 1) // own.period * own.period
            seat.time = now
            seat.value = value[i] if verdict == GOOD and not lost else np.nan
    return point.size, written
