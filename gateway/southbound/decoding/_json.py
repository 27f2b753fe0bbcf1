"""Scanning JSON bytes: where a value ends, and what a number says. Certain or refused.

A scan refuses by returning -1; the message then goes to the judge, who finds the reason. It refuses
all that JSON (RFC 8259) refuses, and whatever is rarer than it is worth: unpaired surrogates,
numbers of more than `LONGEST` bytes, NaN and Infinity.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import kernel, step
from device_profiles.decode import MAX_NESTING

Bytes = npt.NDArray[np.uint8]

QUOTE: Final = ord('"')
BACKSLASH: Final = ord("\\")
COMMA: Final = ord(",")
COLON: Final = ord(":")
MINUS: Final = ord("-")
PLUS: Final = ord("+")
DOT: Final = ord(".")
ZERO: Final = ord("0")
NINE: Final = ord("9")
LOWER_E: Final = ord("e")
UPPER_E: Final = ord("E")
LOWER_U: Final = ord("u")
OPEN_LIST: Final = ord("[")
OPEN_OBJECT: Final = ord("{")
SPACE: Final = ord(" ")
TAB: Final = ord("\t")
NEWLINE: Final = ord("\n")
RETURN: Final = ord("\r")
#: From an opening bracket to its closing one, in ASCII for both kinds.
TO_CLOSE: Final = 2
_LOWER: Final = 0x20
_LOWER_A: Final = ord("a")

NULL_TEXT: Final = np.frombuffer(b"null", np.uint8).copy()
TRUE_TEXT: Final = np.frombuffer(b"true", np.uint8).copy()
FALSE_TEXT: Final = np.frombuffer(b"false", np.uint8).copy()
ESCAPES: Final = np.frombuffer(b'"\\/bfnrt', np.uint8).copy()

#: Bytes of a number. Python refuses to read whole numbers of thousands of digits.
LONGEST: Final = 64
#: Digits that fit 64 bits.
_DIGITS: Final = 19
_MOST_EXPONENT: Final = 9_999

# What a number is, as bits; 0 is refused. LONG: its digits are not those of the mantissa.
WHOLE: Final = 1
REAL: Final = 2
NEGATIVE: Final = 4
LONG: Final = 8

# A product or quotient of two doubles that are exact is rounded once (Clinger 1990).
_TENS: Final = np.array([10.0**power for power in range(23)])
_MOST_TENS: Final = 22
_EXACT: Final = 2**53

# UTF-8 (RFC 3629): lead bytes, and the first continuation that each allows.
ASCII: Final = 0x80
_TWO: Final = 0xC2
_THREE: Final = 0xE0
_FOUR: Final = 0xF0
_PAST: Final = 0xF5
_SURROGATE_LEAD: Final = 0xED
_LAST_LEAD: Final = 0xF4


@step
def blank(buffer: Bytes, at: int, end: int) -> int:
    """Return the first position from `at` on that holds no white space."""
    while at < end:
        byte = buffer[at]
        if byte > SPACE:
            return at
        # No set: a kernel would build it anew for each byte.
        if byte != SPACE and byte != NEWLINE and byte != RETURN and byte != TAB:
            return at
        at += 1
    return at


@kernel
def sequence(buffer: Bytes, at: int, end: int) -> int:
    """Return the bytes of the UTF-8 sequence at `at`, which is no ASCII; -1 where it is invalid."""
    lead = buffer[at]
    if lead < _TWO or lead >= _PAST:
        return -1
    size = 2 + (lead >= _THREE) + (lead >= _FOUR)
    if at + size > end:
        return -1
    low, high = 0x80, 0xBF
    # Overlong forms, surrogates, and what lies beyond U+10FFFF.
    if lead == _THREE:
        low = 0xA0
    elif lead == _SURROGATE_LEAD:
        high = 0x9F
    elif lead == _FOUR:
        low = 0x90
    elif lead == _LAST_LEAD:
        high = 0x8F
    if buffer[at + 1] < low or buffer[at + 1] > high:
        return -1
    for place in range(at + 2, at + size):
        if buffer[place] & 0xC0 != ASCII:
            return -1
    return size


@kernel
def escape(buffer: Bytes, at: int, end: int) -> int:
    """Return the bytes of the escape at `at`; -1 where it is none, or half of a surrogate pair."""
    if at + 1 >= end:
        return -1
    kind = buffer[at + 1]
    if kind != LOWER_U:
        for known in ESCAPES:
            if kind == known:
                return 2
        return -1
    if at + 6 > end:
        return -1
    code = 0
    for place in range(at + 2, at + 6):
        digit = int(buffer[place])
        if ZERO <= digit <= NINE:
            digit -= ZERO
        else:
            digit = (digit | _LOWER) - _LOWER_A + 10
            if digit < 10 or digit > 15:
                return -1
        code = code * 16 + digit
    return -1 if 0xD800 <= code <= 0xDFFF else 6


@kernel
def string(buffer: Bytes, at: int, end: int) -> tuple[int, bool]:
    """Return where the string that begins at `at` ends, quote included; and whether it is plain.

    Plain is one without escapes: its bytes are its text.
    """
    plain = True
    while at < end:
        byte = buffer[at]
        if byte == QUOTE:
            return at + 1, plain
        size = 1
        if byte == BACKSLASH:
            plain = False
            size = escape(buffer, at, end)
        elif byte < SPACE:
            size = -1
        elif byte >= ASCII:
            size = sequence(buffer, at, end)
        if size < 0:
            return -1, False
        at += size
    return -1, False


@kernel
def number(buffer: Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """Return where the number at `at` ends, its digits as one whole, its power of ten, its form.

    Where the digits do not fit 64 bits the form says LONG and the whole means nothing.
    """
    begin = at
    form = 0
    if at < end and buffer[at] == MINUS:
        form = NEGATIVE
        at += 1
    start = at
    mantissa = 0
    while at < end:
        digit = buffer[at] - ZERO
        if digit < 0 or digit > 9:
            break
        mantissa = mantissa * 10 + digit
        at += 1
    digits = at - start
    if digits == 0 or (digits > 1 and buffer[start] == ZERO):
        return -1, 0, 0, 0
    exponent = 0
    kind = WHOLE
    if at < end and buffer[at] == DOT:
        at += 1
        start = at
        while at < end:
            digit = buffer[at] - ZERO
            if digit < 0 or digit > 9:
                break
            mantissa = mantissa * 10 + digit
            at += 1
        exponent = start - at
        if exponent == 0:
            return -1, 0, 0, 0
        digits -= exponent
        kind = REAL
    if at < end and (buffer[at] == LOWER_E or buffer[at] == UPPER_E):
        at, power = _power(buffer, at + 1, end)
        if at < 0:
            return -1, 0, 0, 0
        exponent += power
        kind = REAL
    if at - begin > LONGEST:
        return -1, 0, 0, 0
    # Nineteen digits may have passed 2^63; more may have come round to anything.
    if digits > _DIGITS or mantissa < 0:
        form |= LONG
    return at, mantissa, exponent, form | kind


@kernel
def _power(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    negative = False
    if at < end and (buffer[at] == MINUS or buffer[at] == PLUS):
        negative = buffer[at] == MINUS
        at += 1
    start = at
    power = 0
    while at < end:
        digit = buffer[at] - ZERO
        if digit < 0 or digit > 9:
            break
        if power <= _MOST_EXPONENT:
            power = power * 10 + digit
        at += 1
    if at == start:
        return -1, 0
    return at, -power if negative else power


@step
def double(mantissa: int, exponent: int, form: int) -> tuple[float, bool]:
    """Return the double nearest to a number, and whether that is certain."""
    if form & LONG or mantissa > _EXACT:
        return 0.0, False
    raw = float(mantissa)
    if exponent < 0:
        if exponent < -_MOST_TENS:
            return 0.0, False
        raw /= _TENS[-exponent]
    elif exponent > 0:
        if exponent > _MOST_TENS:
            return 0.0, False
        raw *= _TENS[exponent]
    return -raw if form & NEGATIVE else raw, True


@kernel
def literal(buffer: Bytes, at: int, end: int) -> int:
    """Return where the null, true or false at `at` ends; -1 where there is none."""
    if _matches(buffer, at, end, NULL_TEXT) or _matches(buffer, at, end, TRUE_TEXT):
        return at + 4
    return at + 5 if _matches(buffer, at, end, FALSE_TEXT) else -1


@step
def _matches(buffer: Bytes, at: int, end: int, text: Bytes) -> bool:
    if at + text.size > end:
        return False
    for place in range(text.size):
        if buffer[at + place] != text[place]:
            return False
    return True


@kernel
def member(buffer: Bytes, at: int, end: int) -> int:
    """Return where the value of the member whose name is at `at` begins."""
    if at >= end or buffer[at] != QUOTE:
        return -1
    at, _ = string(buffer, at + 1, end)
    return -1 if at < 0 else colon(buffer, at, end)


@step
def colon(buffer: Bytes, at: int, end: int) -> int:
    """Return where the value behind the colon begins that follows the name ended at `at`."""
    at = blank(buffer, at, end)
    if at >= end or buffer[at] != COLON:
        return -1
    return blank(buffer, at + 1, end)


@kernel
def skip(buffer: Bytes, at: int, end: int, depth: int) -> int:
    """Return where the value at `at` ends; `depth` brackets are open around it."""
    outside = depth
    objects = 0  # A bit for each bracket: is it one of an object?
    while at < end:
        byte = buffer[at]
        if byte == QUOTE:
            at, _ = string(buffer, at + 1, end)
        elif byte == MINUS or ZERO <= byte <= NINE:
            at, _, _, _ = number(buffer, at, end)
        elif byte == OPEN_OBJECT or byte == OPEN_LIST:
            depth += 1
            if depth > MAX_NESTING:
                return -1
            objects = objects << 1 | (byte == OPEN_OBJECT)
            at = blank(buffer, at + 1, end)
            if at < end and buffer[at] == byte + TO_CLOSE:
                depth -= 1
                objects >>= 1
                at += 1
            else:
                if byte == OPEN_OBJECT:
                    at = member(buffer, at, end)
                if at < 0:
                    return -1
                continue
        else:
            at = literal(buffer, at, end)
        if at < 0:
            return -1
        at, depth, objects = _close(buffer, at, end, depth, outside, objects)
        if at < 0 or depth == outside:
            return at
    return -1


@kernel
def _close(
    buffer: Bytes, at: int, end: int, depth: int, outside: int, objects: int
) -> tuple[int, int, int]:
    # From the end of one value to the begin of the next, or to the end of the outermost.
    while depth > outside:
        at = blank(buffer, at, end)
        if at >= end:
            return -1, depth, objects
        byte = buffer[at]
        inside = objects & 1
        if byte == COMMA:
            at = blank(buffer, at + 1, end)
            return (member(buffer, at, end) if inside else at), depth, objects
        if byte != (OPEN_OBJECT if inside else OPEN_LIST) + TO_CLOSE:
            return -1, depth, objects
        at += 1
        depth -= 1
        objects >>= 1
    return at, depth, objects
