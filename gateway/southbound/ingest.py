"""Messages to readings: route, decode, judge the time. What cannot be decoded is kept.

A time that is missing or implausible is replaced by the received time and the reading is UNCERTAIN:
it raises like GOOD and never clears. A retained message without a time of its own tells what once
was, and behind a fence one cannot tell when: both meet fixed limits only.

Messages that one read brings came one after the other: of those whose time is ours each is a
nanosecond later than the one before, so that the last of a point is its newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.clock_step import FUTURE as FUTURE_NS
from detectors.clock_step import OURS as OUR_TIME
from detectors.jit import entry
from device_profiles.quality import Quality
from gateway.northbound.spool import Quarantined
from gateway.observe import Metrics
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.decoding.bulk import NO_TIME, BulkDecoder
from gateway.southbound.packets import DUP, FLAGS, PAYLOAD, PAYLOAD_END, RETAIN
from gateway.southbound.repeats import Repeats
from gateway.southbound.router import Router
from gateway.southbound.topics import NOBODY, OURS, TopicTable

#: Bytes kept of a payload in quarantine.
KEPT_BYTES: Final = 4096
#: Payloads kept of one batch of messages; the rest is counted only.
KEPT_PAYLOADS: Final = 64
#: Messages known again at least, and readings at most: what memory allows.
LEAST_WINDOW: Final = 1000
#: Windows of readings that are remembered. One is in flight; but of what a broker repeats, messages
#: without a usable time are kept anew each time, and push out the others of the same window.
WINDOWS: Final = 2
MOST_REPEATED: Final = 2_000_000
# Plain numbers: a kernel knows no enumeration.
GOOD, FUTURE, RETAINED, FENCED = (
    int(each) for each in (Quality.GOOD, Quality.TIME_FUTURE, Quality.RETAINED, Quality.FENCED)
)

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint8]


@entry
def stamp(
    first: Ints,
    device: Numbers,
    begins: Numbers,
    source: Ints,
    doubt: Codes,
    flags: Numbers,
    received: int,
    fenced: bool,
    point: Numbers,
    time: Ints,
    quality: Codes,
    ahead: Ints,
) -> None:
    """Give each reading its point and its time, and the doubt that its time lends it.

    Parameters
    ----------
    first, device
        Where each message's readings begin, shape (n + 1,), and whose it is, shape (n,); none of a
        negative number has readings.
    begins
        First point of each device.
    source, doubt
        What the payload says (ns, or `NO_TIME`), and GOOD, TIME_MISSING or TIME_IMPLAUSIBLE.
    flags
        First byte of each packet: a retained message may be old, and nothing in it says how old.
    received, fenced
        Of all of them: when they were read, ns, and whether they may have waited in a queue.
    point, time, quality
        Shape (readings,): the first two are written, a GOOD quality takes the doubt.
    ahead
        Shape (devices,), written: 0 where a device's usable readings bear its time, `OUR_TIME`
        where they bear the received one, else by how much its time is too far ahead, ns.
    """
    for row in range(device.size):
        at = int(source[row])
        why = int(doubt[row])
        distance = 0
        if at == NO_TIME:
            at = received + row
            distance = OUR_TIME
            if flags[row] & RETAIN:
                why = RETAINED
            elif fenced:
                why = FENCED
        elif at > received + FUTURE_NS:
            distance = at - received
            at = received + row
            why = FUTURE
        for reading in range(first[row], first[row + 1]):
            point[reading] = begins[device[row]] + reading - first[row]
            time[reading] = at
            if quality[reading] == GOOD:
                quality[reading] = why
                ahead[device[row]] = distance


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch of messages held."""

    batch: ReadingBatch
    quarantined: tuple[Quarantined, ...]


class Ingest:
    """Turns messages into readings of a plant's points.

    Parameters
    ----------
    plant
        Devices with their compiled plans.
    metrics
        Counts what comes and what cannot be used.
    window
        Messages that a broker may have in flight to us, and may repeat.
    """

    def __init__(self, plant: Plant, metrics: Metrics, *, window: int = 1000) -> None:
        self._metrics = metrics
        self._decoder = BulkDecoder([device.plan for device in plant.devices])
        self._begins = np.array([device.points[0] for device in plant.devices], np.int32)
        #: Of each device, as `stamp` writes it.
        self.ahead = np.zeros(len(plant.devices), np.int64)
        self.router = Router((device.topic, n) for n, device in enumerate(plant.devices))
        widest = max((len(device.points) for device in plant.devices), default=1)
        self.repeats = Repeats(min(MOST_REPEATED, WINDOWS * max(LEAST_WINDOW, window) * widest))

    def warm_up(self) -> None:
        """Compile every kernel of this stage, or load it, before the first message."""
        self._decoder.warm_up()
        TopicTable().add(b"any", 0)
        self.take(Arrivals.of([Message("", b"", own=True)], received_ns=0))

    def take(self, arrivals: Arrivals) -> Taken:
        """Decode messages, in order; one of the gateway's own has no readings."""
        device = self.router.route(arrivals)
        kept: list[Quarantined] = []
        for index in np.flatnonzero(device == NOBODY).tolist():
            self._metrics.unrouted.inc()
            self._keep(kept, arrivals, index, "unrouted: no device owns this topic")
        spans = arrivals.spans
        found = self._decoder.decode(
            arrivals.buffer,
            np.ascontiguousarray(spans[:, PAYLOAD]),
            np.ascontiguousarray(spans[:, PAYLOAD_END]),
            np.maximum(device, NOBODY),
        )
        for index, reason in found.errors:
            # The device spoke and nothing is known of its points: they are UNDECODABLE, which is
            # BAD: never silence, never normal.
            self._metrics.quarantined.labels("undecodable").inc()
            self._keep(kept, arrivals, index, f"undecodable: {reason}")
        count = found.value.size
        point, time = np.empty(count, np.int32), np.empty(count, np.int64)
        flags = np.ascontiguousarray(spans[:, FLAGS])
        stamp(
            found.first,
            device,
            self._begins,
            found.time_ns,
            found.time_quality,
            flags,
            arrivals.received_ns,
            arrivals.fenced,
            point,
            time,
            found.quality,
            self.ahead,
        )
        received = np.full(count, arrivals.received_ns, np.int64)
        batch = ReadingBatch(point, time, received, found.value, found.quality)
        if len(self.repeats) and (flags & DUP).any():
            batch = self._new(batch, np.repeat(flags & DUP, np.diff(found.first)) != 0)
        self._metrics.messages.inc(len(arrivals) - int(np.count_nonzero(device == OURS)))
        self._metrics.readings.inc(len(batch))
        return Taken(batch, tuple(kept))

    def _new(self, batch: ReadingBatch, asked: npt.NDArray[np.bool_]) -> ReadingBatch:
        """Return the readings without those that messages with the DUP flag repeat."""
        repeated = asked & self.repeats.repeated(batch)
        self._metrics.duplicates.inc(int(np.count_nonzero(repeated)))
        return batch.where(~repeated)

    def _keep(self, kept: list[Quarantined], arrivals: Arrivals, index: int, reason: str) -> None:
        if len(kept) < KEPT_PAYLOADS:
            payload = arrivals.payload(index)
            kept.append(
                Quarantined(
                    topic=arrivals.topic(index),
                    reason=reason,
                    at_ns=arrivals.received_ns,
                    size=len(payload),
                    payload=payload[:KEPT_BYTES],
                )
            )
