"""Payload to values, with a quality for each: the only way a device's bytes become readings.

Nothing here is dropped and nothing becomes "normal". A channel that is missing, of the wrong type,
not finite, a sentinel, out of range, in another unit or flagged by the device is BAD with its
reason, and its neighbours keep theirs. A payload that cannot be read at all is a `DecodeError`
whose reason goes to quarantine; no other exception leaves this module, whatever the bytes. Pure: no
clock, no files, no log.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from device_profiles.bindings import Bound, ChannelBinding, resolve_bindings, resolve_time
from device_profiles.instant import parse_utc_offset, to_nanoseconds
from device_profiles.pointer import ABSENT, resolve
from device_profiles.quality import Quality
from device_profiles.schema import Profile

#: Bytes. A detector's message has hundreds; this bounds what one hostile message may cost.
MAX_PAYLOAD: Final = 256 * 1024
#: Brackets within brackets. Fixed here, since the interpreter's own limit depends on who calls.
MAX_NESTING: Final = 64

_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?i:nan|inf|infinity)")
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_MAX_DIGITS = 400
_QUOTED = 60

# Plain ints: an IntEnum member costs a lookup for every reading.
_GOOD = int(Quality.GOOD)
_MISSING = int(Quality.MISSING)
_WRONG_TYPE = int(Quality.WRONG_TYPE)
_NOT_FINITE = int(Quality.NOT_FINITE)
_SENTINEL = int(Quality.SENTINEL)
_BELOW = int(Quality.BELOW_RANGE)
_ABOVE = int(Quality.ABOVE_RANGE)
_FAULT = int(Quality.DEVICE_FAULT)
_WARMING = int(Quality.WARMING_UP)

#: A channel's quick test: its key (None where the test does not apply), the first key of its fault
#: flag (None where it has none; no JSON key is None), and what makes a number valid.
Row = tuple[str | None, str | None, float, float, float, float, frozenset[float], Bound]
# Integers up to here cannot overflow the product with any sensible scale.
_EXACT = 2.0**53
_NO_FIELDS: dict[str | None, object] = {}

_read_json = msgspec.json.Decoder().decode


class DecodeError(ValueError):
    """A payload that cannot be read at all; `reason` says why, and what to do about it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What one payload says, aligned with the bindings of its plan.

    Parameters
    ----------
    time_ns
        Source time in nanoseconds since 1970 UTC; None where the received time stands in for it.
    time_quality
        GOOD (also where the profile says "received"), TIME_MISSING or TIME_IMPLAUSIBLE.
    values
        In the point's unit. NaN where there is no number; a value out of range or flagged by the
        device is kept, for people to see.
    qualities
        Codes of `Quality`: GOOD, WARMING_UP, which is UNCERTAIN, or one that is BAD.
    """

    time_ns: int | None
    time_quality: Quality
    values: list[float]
    qualities: list[int]


class Plan:
    """A profile compiled for the points of one device; `decode` is its only act.

    Made by `compile_plan`; immutable, shareable between devices with the same points.
    """

    __slots__ = (
        "_rows",
        "bound",
        "channels",
        "payload",
        "time",
        "time_format",
        "utc_offset_minutes",
    )

    def __init__(
        self, profile: Profile, time: str | None, bindings: Sequence[ChannelBinding]
    ) -> None:
        #: What each channel does to its raw number, in the order of values and qualities.
        self.bound = resolve_bindings(profile, bindings)
        self._rows = tuple(_row(each) for each in self.bound)
        #: Where the source time stands; None where the received time is the source time.
        self.time = resolve_time(profile, time)
        #: "json", "number" or "chirpstack".
        self.payload = profile.payload
        #: How the source time is written.
        self.time_format = profile.time_format
        zone = profile.utc_offset
        #: The zone of times that name none; None where such times are not to be trusted.
        self.utc_offset_minutes = None if zone is None else parse_utc_offset(zone)
        #: Names of the channels, in the order of values and qualities.
        self.channels = tuple(each.channel for each in self.bound)

    def decode(self, payload: bytes) -> Decoded:
        """Return the values and qualities in `payload`.

        Raises
        ------
        DecodeError
            Empty, larger than `MAX_PAYLOAD`, deeper than `MAX_NESTING`, not JSON (or not a number),
            not an object or array, or an uplink that was not decoded by its network server.

        Notes
        -----
        Where a key is written twice, the last one counts. NaN and Infinity, which are not JSON but
        are sent, and numbers beyond a double make their channel NOT_FINITE and leave the others
        alone. Missing and null are MISSING; booleans, lists, objects and (without ``text``) strings
        are WRONG_TYPE. A fault flag that is not sent reports no fault, a unit that is not sent (or
        null) is that of the profile. A number in another unit is no number of this channel:
        WRONG_TYPE, without a value, whatever it is. A fault wins over all else; that a device warms
        up makes a GOOD reading WARMING_UP, and no other.
        """
        size = len(payload)
        if size > MAX_PAYLOAD:
            raise DecodeError(
                f"{size} bytes; at most {MAX_PAYLOAD} are read: send smaller messages"
            )
        if self.payload == "number":
            return self._channels(_number(payload), None, Quality.GOOD)
        document = _document(payload)
        if not isinstance(document, dict | list):
            raise DecodeError(
                f"the payload is {_kind(document)}, not an object or array; use a profile with"
                ' payload = "number" for devices that send a bare number'
            )
        if self.payload == "chirpstack":
            _require_object(document)
        if self.time is None:
            return self._channels(document, None, Quality.GOOD)
        written = resolve(document, self.time)
        if written is ABSENT or written is None:
            return self._channels(document, None, Quality.TIME_MISSING)
        time_ns = to_nanoseconds(
            written, self.time_format, utc_offset_minutes=self.utc_offset_minutes
        )
        quality = Quality.TIME_IMPLAUSIBLE if time_ns is None else Quality.GOOD
        return self._channels(document, time_ns, quality)

    def _channels(self, document: object, time_ns: int | None, quality: Quality) -> Decoded:
        values = []
        codes = []
        fields = document if type(document) is dict else _NO_FIELDS
        for key, flag, scale, offset, low, high, sentinels, bound in self._rows:
            # A number in range under one key, with no flag beside it, is what nearly every reading
            # is. Whatever fails this test, NaN and infinity too, is judged by `_channel`.
            raw = fields.get(key)
            if type(raw) is float or (type(raw) is int and -_EXACT <= raw <= _EXACT):
                value = raw * scale + offset
                if low <= value <= high and raw not in sentinels and flag not in fields:
                    values.append(value)
                    codes.append(_GOOD)
                    continue
            value, code = _channel(document, bound)
            values.append(value)
            codes.append(code)
        return Decoded(time_ns, quality, values, codes)


def compile_plan(
    profile: Profile, *, channels: Sequence[ChannelBinding], time: str | None = None
) -> Plan:
    """Return the plan that reads a device's payloads into its points.

    Parameters
    ----------
    profile
        The device type.
    channels
        The points' channels; values come in this order.
    time
        What the device states instead of the profile: a JSON pointer or "received".

    Raises
    ------
    BindingError
        Naming every channel that does not fit the profile.
    """
    return Plan(profile, time, channels)


def _row(bound: Bound) -> Row:
    told = bound.warming is not None or bound.unit is not None
    key = bound.steps[0][0] if len(bound.steps) == 1 and not told else None
    flag = bound.fault.steps[0][0] if bound.fault is not None and bound.fault.steps else None
    return key, flag, bound.scale, bound.offset, bound.low, bound.high, bound.sentinels, bound


def _channel(document: object, bound: Bound) -> tuple[float, int]:
    raw = resolve(document, bound.steps)
    if type(raw) is float or type(raw) is int:
        value, code = _scaled(raw, bound)
    elif raw is ABSENT or raw is None:
        value, code = math.nan, _MISSING
    elif bound.text and isinstance(raw, str) and _is_number(raw):
        value, code = _scaled(float(raw), bound)
    else:
        value, code = math.nan, _WRONG_TYPE
    if bound.unit is not None:
        unit = resolve(document, bound.unit.steps)
        if unit is not ABSENT and unit is not None and not bound.unit.holds(unit):
            value, code = math.nan, _WRONG_TYPE
    if bound.fault is not None and bound.fault.holds(resolve(document, bound.fault.steps)):
        return value, _FAULT
    if code == _GOOD and bound.warming is not None:
        warming = resolve(document, bound.warming.steps)
        code = _WARMING if bound.warming.holds(warming) else _GOOD
    return value, code


def _scaled(raw: float, bound: Bound) -> tuple[float, int]:
    if raw in bound.sentinels:
        return math.nan, _SENTINEL
    try:
        value = raw * bound.scale + bound.offset
    except OverflowError:  # an integer beyond a double
        return math.nan, _NOT_FINITE
    if not math.isfinite(value):
        return math.nan, _NOT_FINITE
    return value, judged(value, bound)


def judged(value: float, bound: Bound) -> int:
    """Return the code of quality of a finite value in the point's unit: where it lies."""
    if value < bound.low:
        return _FAULT if value <= bound.failed_low else _BELOW
    if value > bound.high:
        return _FAULT if value >= bound.failed_high else _ABOVE
    return _GOOD


def _document(payload: bytes) -> object:
    if not payload or payload.isspace():
        raise DecodeError("the payload is empty; the device sent no reading")
    _refuse_nesting(payload)
    try:
        return _read_json(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error)
    try:
        # Reads NaN, Infinity and 1e400, so that one such channel does not take the others with it.
        return json.loads(payload.decode())
    except ValueError as error:
        raise DecodeError(f"not JSON: {reason}; it begins {payload[:_QUOTED]!r}") from error


def _refuse_nesting(payload: bytes) -> None:
    if payload.count(b"[") + payload.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    for match in _STRUCTURE.finditer(payload):
        if match[0] in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise DecodeError(f"nested deeper than {MAX_NESTING}; no device writes like that")
        elif match[0] in b"]}":
            depth -= 1


def _number(payload: bytes) -> float:
    text = payload.strip()
    if not text:
        raise DecodeError("the payload is empty; the device sent no reading")
    if len(text) > _MAX_DIGITS or not _NUMBER.fullmatch(text):
        raise DecodeError(f"not a plain number such as 12.3: it begins {payload[:_QUOTED]!r}")
    return float(text)


def _is_number(text: str) -> bool:
    short = text.isascii() and len(text) <= _MAX_DIGITS
    return short and _NUMBER.fullmatch(text.strip().encode()) is not None


def _require_object(document: dict[str, object] | list[object]) -> None:
    decoded = document.get("object") if isinstance(document, dict) else None
    if not isinstance(decoded, dict):
        raise DecodeError(
            'the uplink has no "object": give its device profile in ChirpStack a payload codec, and'
            " subscribe to .../event/up alone"
        )


def _kind(document: object) -> str:
    if document is None:
        return "null"
    if isinstance(document, bool):
        return "true or false"
    return "a text" if isinstance(document, str) else "a number"
