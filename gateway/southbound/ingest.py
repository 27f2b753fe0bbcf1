"""Messages to readings: route, decode, judge the time. What cannot be decoded is kept.

A time that is missing or implausible is replaced by the received time and the reading is UNCERTAIN:
it raises like GOOD and never clears. A retained message without a time of its own tells what once
was, and behind a fence one cannot tell when: both meet fixed limits only.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device_profiles.decode import DecodeError
from device_profiles.quality import Quality
from gateway.northbound.spool import Quarantined
from gateway.observe import Metrics
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.southbound.message import Message
from gateway.southbound.router import Router

#: A source time this far ahead of the clock is another clock's mistake, not transport.
FUTURE_NS: Final = 5_000_000_000
#: Bytes kept of a payload in quarantine.
KEPT_BYTES: Final = 4096
#: Readings known again when their messages are repeated; more than any in-flight window holds.
REMEMBERED: Final = 200_000
#: Payloads kept of one batch of messages; the rest is counted only.
KEPT_PAYLOADS: Final = 64


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
    """

    def __init__(self, plant: Plant, metrics: Metrics) -> None:
        self._devices = plant.devices
        self._metrics = metrics
        self.router = Router((device.topic, n) for n, device in enumerate(plant.devices))
        # Each reading with the turn in which it was taken last.
        self._taken: dict[Row, int] = {}
        self._order: deque[tuple[int, list[Row]]] = deque()
        self._turn = 0
        self._remembered = 0

    def remember(self, batch: ReadingBatch) -> None:
        """Know these readings again if the broker repeats their messages.

        A broker repeats what was not acknowledged, also what is already in the spool; taken twice
        it would look like old data that crosses a limit. Only messages with the DUP flag are
        compared, so a device's own repetition is judged as what it is.
        """
        rows: list[Row] = [
            (point, time_ns, 0, value, quality)
            for point, time_ns, value, quality in zip(
                batch.point.tolist(),
                batch.time_ns.tolist(),
                batch.value.tolist(),
                batch.quality.tolist(),
                strict=True,
            )
        ]
        self._turn += 1
        self._taken.update(dict.fromkeys(rows, self._turn))
        self._order.append((self._turn, rows))
        self._remembered += len(rows)
        # The oldest go first: the newest are what a broker repeats.
        while self._remembered > REMEMBERED and len(self._order) > 1:
            turn, oldest = self._order.popleft()
            self._remembered -= len(oldest)
            for row in oldest:
                if self._taken.get(row) == turn:
                    del self._taken[row]

    def take(self, messages: Sequence[Message]) -> Taken:
        """Decode messages, in order.

        Parameters
        ----------
        messages
            As they came from the broker; one behind a fence may have waited in a queue.
        """
        rows: list[Row] = []
        kept: list[Quarantined] = []
        for message in messages:
            try:
                found = self._rows(message)
            except LookupError:
                self._metrics.unrouted.inc()
                self._keep(kept, message, "unrouted: no device owns this topic")
                continue
            except DecodeError as error:
                self._metrics.quarantined.labels("undecodable").inc()
                self._keep(kept, message, f"undecodable: {error.reason}")
                rows += self._unknown(message)
                continue
            if message.dup and self._taken:
                found = [row for row in found if not self._repeated(row)]
            rows += found
        self._metrics.messages.inc(len(messages))
        self._metrics.readings.inc(len(rows))
        return Taken(ReadingBatch.from_rows(rows), tuple(kept))

    def _rows(self, message: Message) -> list[Row]:
        number = self.router.find(message.topic)
        if number is None:
            raise LookupError(message.topic)
        device = self._devices[number]
        decoded = device.plan.decode(message.payload)
        time_ns, doubt = judge_time(
            decoded.time_ns,
            decoded.time_quality,
            message.received_ns,
            retained=message.retain,
            fenced=message.fenced,
        )
        return [
            (point, time_ns, message.received_ns, value, quality or doubt)
            for point, value, quality in zip(
                device.points, decoded.values, decoded.qualities, strict=True
            )
        ]

    def _unknown(self, message: Message) -> list[Row]:
        # The device spoke and nothing is known of its points: BAD, never silence, never normal.
        number = self.router.find(message.topic)
        points = self._devices[number].points if number is not None else ()
        received = message.received_ns
        return [(p, received, received, math.nan, int(Quality.UNDECODABLE)) for p in points]

    def _repeated(self, row: Row) -> bool:
        repeated = (*row[:2], 0, *row[3:]) in self._taken
        if repeated:
            self._metrics.duplicates.inc()
        return repeated

    def _keep(self, kept: list[Quarantined], message: Message, reason: str) -> None:
        if len(kept) < KEPT_PAYLOADS:
            kept.append(
                Quarantined(
                    topic=message.topic,
                    reason=reason,
                    at_ns=message.received_ns,
                    size=len(message.payload),
                    payload=message.payload[:KEPT_BYTES],
                )
            )


def judge_time(
    source_ns: int | None, time_quality: int, received_ns: int, *, retained: bool, fenced: bool
) -> tuple[int, int]:
    """Return the source time to use, and the quality it lends the reading (0 for GOOD).

    Parameters
    ----------
    source_ns
        What the payload says, ns; None where it says nothing usable.
    time_quality
        GOOD, TIME_MISSING or TIME_IMPLAUSIBLE of the decoder.
    received_ns
        When the message arrived.
    retained, fenced
        The message may be old, and nothing in it says how old.
    """
    if source_ns is not None:
        if source_ns > received_ns + FUTURE_NS:
            return received_ns, int(Quality.TIME_FUTURE)
        return source_ns, int(time_quality)
    if retained:
        return received_ns, int(Quality.RETAINED)
    if fenced:
        return received_ns, int(Quality.FENCED)
    return received_ns, int(time_quality)
