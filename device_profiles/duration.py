"""Durations: written by people as "10s" or "5min", kept by the program as integer nanoseconds.

One number, one unit, nothing else: a bare number has no unit to check, and "m" could be minutes or
months, so both are refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

NANOSECONDS_PER_UNIT = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
#: Ten years: no delay, interval or warm-up is longer, and the sum of two still fits in 64 bits.
MAX_DURATION_NS = 3_650 * NANOSECONDS_PER_UNIT["d"]

_FORM = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)\s?([a-z]+)", re.ASCII)
_ALLOWED = 'write a number and one of ns, us, ms, s, min, h, d, such as "250ms", "10s" or "5min"'


def parse_duration(text: str) -> int:
    """Return the nanoseconds that `text` names.

    Parameters
    ----------
    text
        A decimal number and a unit: ns, us, ms, s, min, h, d. One space between them is allowed.

    Returns
    -------
    int
        Nanoseconds, from 0 to `MAX_DURATION_NS`.

    Raises
    ------
    ValueError
        The text has another form, is longer than ten years, or is no whole number of nanoseconds.

    Examples
    --------
    >>> parse_duration("1.5s")
    1500000000
    """
    match = _FORM.fullmatch(text)
    if match is None or match[2] not in NANOSECONDS_PER_UNIT:
        raise ValueError(f"{text!r} is not a duration; {_ALLOWED}")
    exact = Decimal(match[1]) * NANOSECONDS_PER_UNIT[match[2]]
    if exact != int(exact):
        raise ValueError(f"{text!r} is not a whole number of nanoseconds; use fewer digits")
    if exact > MAX_DURATION_NS:
        raise ValueError(f"{text!r} is longer than ten years (3650d); use a shorter duration")
    return int(exact)


def format_duration(duration_ns: int) -> str:
    """Return the shortest text that `parse_duration` reads back as the same nanoseconds.

    Parameters
    ----------
    duration_ns
        Nanoseconds, not negative.
    """
    for unit in ("d", "h", "min", "s", "ms", "us"):
        whole, rest = divmod(duration_ns, NANOSECONDS_PER_UNIT[unit])
        if whole and not rest:
            return f"{whole}{unit}"
    return f"{duration_ns}ns" if duration_ns else "0s"


def _from_text(value: object) -> int:
    # A bare number fails here too: it has no unit.
    return parse_duration(str(value))


#: An integer number of nanoseconds in a pydantic model, written as text in the file.
DurationNs = Annotated[
    int,
    BeforeValidator(_from_text),
    WithJsonSchema({"type": "string", "examples": ["250ms", "10s", "5min"]}),
]
#: The same, but zero is refused: for intervals, which are divided by and waited for.
PositiveDurationNs = Annotated[DurationNs, Field(gt=0)]
