"""Payloads of many devices decoded at once: arrays in, arrays out, no object per reading.

What comes of a payload is what `Plan.decode` makes of it, bit for bit. A compiled kernel reads what
it is certain about, which is nearly all that devices send; each other message goes through
`Plan.decode` itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_profiles.decode import DecodeError, Plan
from device_profiles.instant import to_nanoseconds
from device_profiles.quality import Quality
from gateway.southbound.decoding import _layout as layout
from gateway.southbound.decoding._read import read
from gateway.southbound.decoding._values import settle
from gateway.southbound.decoding.tables import compile_tables

#: `Bulk.time_ns` where a payload gives no time to be trusted.
NO_TIME = layout.NO_TIME

_QUOTE = ord('"')
_NO_BYTES = np.zeros(0, np.uint8)
_NO_PLACES = np.zeros(0, np.int64)
_NO_DEVICES = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Bulk:
    """What payloads say, in the order they were given.

    Parameters
    ----------
    first : ndarray, shape (messages + 1,), int64
        Where the readings of each message begin; they stand in the order of its plan's channels.
    value : ndarray, shape (readings,), float64
        In the point's unit; NaN where there is no number.
    quality : ndarray, shape (readings,), uint8
        Codes of `Quality`: GOOD, WARMING_UP, or one that is BAD.
    time_ns : ndarray, shape (messages,), int64
        Source time in nanoseconds since 1970 UTC, or `NO_TIME`.
    time_quality : ndarray, shape (messages,), uint8
        GOOD, TIME_MISSING or TIME_IMPLAUSIBLE.
    errors
        The messages that cannot be decoded at all, each with the reason; their readings are
        UNDECODABLE, without a value or a time.
    """

    first: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    time_ns: npt.NDArray[np.int64]
    time_quality: npt.NDArray[np.uint8]
    errors: list[tuple[int, str]]


class BulkDecoder:
    """Decodes the payloads of devices with these plans. One thread at a time.

    Parameters
    ----------
    plans
        The plan of each device; equal ones are compiled once.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = tuple(plans)
        self._tables = compile_tables(self._plans)
        self._noted = np.empty((0, layout.NOTED_SIZE), np.int64)
        self._work = np.zeros(layout.SLOW_MESSAGES, np.int64)
        #: Messages of the last call that the kernel left to `Plan.decode`.
        self.slow = 0

    def warm_up(self) -> None:
        """Compile the kernels, or load them."""
        nothing = self.decode(_NO_BYTES, _NO_PLACES, _NO_PLACES, _NO_DEVICES)
        self._read_numbers(nothing, _NO_BYTES.data, 0)

    def decode(
        self,
        buffer: npt.NDArray[np.uint8],
        begin: npt.NDArray[np.int32] | npt.NDArray[np.int64],
        end: npt.NDArray[np.int32] | npt.NDArray[np.int64],
        device: npt.NDArray[np.int32],
    ) -> Bulk:
        """Return what payloads say.

        Parameters
        ----------
        buffer : ndarray, shape (bytes,), uint8
            Where the payloads lie. One that is read-only is copied.
        begin, end : ndarray, shape (messages,), int32 or int64
            Payload i is ``buffer[begin[i]:end[i]]``.
        device : ndarray, shape (messages,), int32
            Whose payload it is; -1 for nobody's, which gets no readings.

        Raises
        ------
        ValueError
            A payload lies outside the buffer, or belongs to a device that is none.
        """
        if not buffer.flags.writeable:
            buffer = buffer.copy()
        begins = np.ascontiguousarray(begin, np.int64)
        ends = np.ascontiguousarray(end, np.int64)
        device = np.ascontiguousarray(device, np.int32)
        tables = self._tables
        messages = device.size
        first = np.zeros(messages + 1, np.int64)
        tables.counts.take(device, mode="wrap").cumsum(out=first[1:])
        readings = int(first[-1])
        bulk = Bulk(
            first,
            np.empty(readings),
            np.empty(readings, np.uint8),
            np.empty(messages, np.int64),
            np.empty(messages, np.uint8),
            [],
        )
        self._make_room(messages, readings)
        if not read(
            buffer,
            begins,
            ends,
            device,
            tables.ints,
            tables.floats,
            tables.text,
            tables.plan_of,
            first,
            bulk.value,
            bulk.quality,
            bulk.time_ns,
            bulk.time_quality,
            self._noted,
            self._work,
        ):
            raise ValueError("a payload outside the buffer, or of no device that was given")
        _, numbers, times, self.slow, early = self._work[: layout.FRAMES].tolist()
        if numbers or times or self.slow or early:
            whole = buffer.data
            if numbers:
                self._read_numbers(bulk, whole, numbers)
            if early:
                # A warm-up was told, and no number came.
                told = bulk.quality == Quality.WARMING_UP
                bulk.quality[told & np.isnan(bulk.value)] = Quality.MISSING
            if times:
                self._read_times(bulk, whole, times, device)
            for message in self._work[layout.SLOW_MESSAGES :][: self.slow].tolist():
                payload = bytes(whole[begins[message] : ends[message]])
                self._judge(bulk, message, self._plans[device[message]], payload)
        return bulk

    def _make_room(self, messages: int, readings: int) -> None:
        if readings + messages > len(self._noted):
            self._noted = np.empty((2 * (readings + messages), layout.NOTED_SIZE), np.int64)
        if layout.SLOW_MESSAGES + messages > self._work.size:
            stamp = self._work[layout.STAMP]
            self._work = np.empty(layout.SLOW_MESSAGES + 2 * messages, np.int64)
            self._work[layout.STAMP] = stamp
        self._work[layout.NUMBERS : layout.FRAMES] = 0

    def _read_numbers(self, bulk: Bulk, whole: memoryview, many: int) -> None:
        places = self._noted[:many].tolist()
        raw = np.array([float(whole[begin:end]) for _, _, begin, end in places])
        settle(self._noted, raw, self._tables.floats, bulk.value, bulk.quality)

    def _read_times(
        self, bulk: Bulk, whole: memoryview, many: int, device: npt.NDArray[np.int32]
    ) -> None:
        for message, _, begin, end in self._noted[-many:].tolist():
            plan = self._plans[device[message]]
            written = (
                str(whole[begin + 1 : end - 1], "utf-8")
                if whole[begin] == _QUOTE
                else float(whole[begin:end])
            )
            time_ns = to_nanoseconds(
                written, plan.time_format, utc_offset_minutes=plan.utc_offset_minutes
            )
            if time_ns is not None:
                bulk.time_ns[message] = time_ns
                bulk.time_quality[message] = Quality.GOOD

    def _judge(self, bulk: Bulk, message: int, plan: Plan, payload: bytes) -> None:
        readings = slice(bulk.first[message], bulk.first[message + 1])
        try:
            decoded = plan.decode(payload)
        except DecodeError as error:
            bulk.errors.append((message, error.reason))
            bulk.value[readings] = math.nan
            bulk.quality[readings] = Quality.UNDECODABLE
            bulk.time_ns[message] = NO_TIME
            bulk.time_quality[message] = Quality.GOOD
            return
        bulk.value[readings] = decoded.values
        bulk.quality[readings] = decoded.qualities
        bulk.time_ns[message] = NO_TIME if decoded.time_ns is None else decoded.time_ns
        bulk.time_quality[message] = decoded.time_quality
