"""The minutes of an exposure: how readings become one-minute means, and means become values.

The state stands here whole; `detectors.exposure` says when a minute ends and a session begins.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.admission import GOOD, NEVER, SECOND, UNCERTAIN
from detectors.arrays import Records, new_records
from detectors.jit import kernel

MINUTE: Final = 60 * SECOND
MILLISECOND: Final = SECOND // 1000
MINUTE_MS: Final = MINUTE // MILLISECOND
SHORT: Final = 15
LONG: Final = 480
#: Per cent of a window that GOOD readings must cover.
ENOUGH: Final = 75

# What an exposure tells: three values, then the coverage of each in per cent.
STEL, TWA_SUM, TWA_MOVING = 0, 1, 2
STEL_COVERAGE, SUM_COVERAGE, MOVING_COVERAGE = 3, 4, 5
OUTPUTS: Final = 6


#: What is remembered. Times in ns, NEVER for none.
#:
#: ========== ================================================================================
#: last       source time of the last accepted reading; `value` and `grade` are this reading's
#: until      when that reading holds no longer
#: heard      newest time of any reading, a BAD one too
#: told       end of the last minute that was told
#: minute     number of the open minute since 1970
#: usable     of the open minute, time that has data, ns; `good` of it by GOOD readings
#: rest       integral of (value - base) over the open minute: equal values give exactly theirs
#: elapsed    minutes since the session began, without the open one; with `total`, the sum of
#:            their means, and of them `all_usable` and `all_good`, ms
#: marker     last value of the session's marker, NaN for none, told at `marked`
#: ended      1 after the session has ended, until the reading that begins the next
#: means      of the last 480 minutes, each at its number in the session modulo 480; NaN for a
#:            minute without data; with `usable_ms` and `good_ms`
#: ========== ================================================================================
EXPOSURE: Final = np.dtype(
    [
        ("last", "i8"),
        ("until", "i8"),
        ("heard", "i8"),
        ("told", "i8"),
        ("minute", "i8"),
        ("usable", "i8"),
        ("good", "i8"),
        ("base", "f8"),
        ("rest", "f8"),
        ("elapsed", "i8"),
        ("total", "f8"),
        ("all_usable", "i8"),
        ("all_good", "i8"),
        ("marker", "f8"),
        ("marked", "i8"),
        ("value", "f8"),
        ("grade", "i8"),
        ("ended", "i8"),
        ("outputs", "f8", (OUTPUTS,)),
        ("grades", "i8", (OUTPUTS,)),
        ("means", "f8", (LONG,)),
        ("usable_ms", "u2", (LONG,)),
        ("good_ms", "u2", (LONG,)),
    ]
)


def new_exposures(count: int) -> Records:
    """Return the state of `count` exposures that have seen nothing, an `EXPOSURE` each."""
    states = new_records(count, EXPOSURE)
    for field in ("last", "until", "heard", "told", "minute", "marked"):
        states[field] = NEVER
    for field in ("value", "marker", "means", "outputs"):
        states[field] = np.nan
    states["ended"] = 1
    return states


@kernel
def stand(state: Records, end: int) -> None:
    """Let the last reading stand in the open minute, up to `end` or as long as it holds."""
    span = min(end, state.until) - max(state.last, state.minute * MINUTE)
    if span <= 0:
        return
    if state.usable == 0:
        state.base = state.value
        state.rest = 0.0
    state.rest += (state.value - state.base) * span
    state.usable += span
    if state.grade == GOOD:
        state.good += span


@kernel
def keep(state: Records) -> None:
    """Put the open minute among the means, and open the next."""
    mean = state.base + state.rest / state.usable
    at = state.elapsed % LONG
    state.means[at] = np.nan
    state.usable_ms[at] = 0
    state.good_ms[at] = 0
    # Numbers so far apart that no double holds their difference: a minute without data.
    if np.isfinite(mean):
        usable, good = state.usable // MILLISECOND, state.good // MILLISECOND
        state.means[at] = mean
        state.usable_ms[at] = usable
        state.good_ms[at] = good
        state.total += mean
        state.all_usable += usable
        state.all_good += good
    state.elapsed += 1
    state.minute += 1
    state.usable = 0
    state.good = 0


@kernel
def skip(state: Records, minute: int) -> None:
    """Go on to a later minute; those between have no data."""
    gap = minute - state.minute
    for back in range(min(gap, LONG)):
        at = (state.elapsed + gap - 1 - back) % LONG
        state.means[at] = np.nan
        state.usable_ms[at] = 0
        state.good_ms[at] = 0
    state.elapsed += gap
    state.minute = minute


@kernel
def tell(state: Records, zero: bool) -> None:
    """Write the outputs at the end of the newest minute."""
    short, usable, good = window(state, zero, SHORT)
    note(state, STEL, STEL_COVERAGE, short, usable, good, SHORT)
    long, usable, good = window(state, zero, LONG)
    note(state, TWA_MOVING, MOVING_COVERAGE, long, usable, good, LONG)
    sum_of_all = state.total / LONG
    note(state, TWA_SUM, SUM_COVERAGE, sum_of_all, state.all_usable, state.all_good, state.elapsed)


@kernel
def window(state: Records, zero: bool, width: int) -> tuple[float, int, int]:
    """Return the mean of the last `width` minutes that have data, and their cover, ms.

    Differences from the newest minute are added up: equal minutes have exactly their mean, which
    then meets a limit that is equal to it.
    """
    newest = state.means[(state.elapsed - 1) % LONG]
    base = newest if np.isfinite(newest) else 0.0
    known = min(state.elapsed, width)
    count, rest, usable, good = 0, 0.0, 0, 0
    if zero:
        count = width - known
        rest = count * (0.0 - base)
        usable = count * MINUTE_MS
        good = usable
    for back in range(known):
        at = (state.elapsed - 1 - back) % LONG
        mean = state.means[at]
        if np.isfinite(mean):
            count += 1
            rest += mean - base
            usable += int(state.usable_ms[at])
            good += int(state.good_ms[at])
    return (base + rest / count if count > 0 else np.nan), usable, good


@kernel
def note(
    state: Records, output: int, coverage: int, value: float, usable: int, good: int, width: int
) -> None:
    """Write one value with its coverage."""
    state.outputs[output] = value
    state.grades[output] = GOOD if 100 * good >= ENOUGH * width * MINUTE_MS else UNCERTAIN
    state.outputs[coverage] = 100.0 * usable / (width * MINUTE_MS)
    state.grades[coverage] = GOOD
