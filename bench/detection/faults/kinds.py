"""Kinds of sensor faults: what a device then writes, which rule must tell of it, and how soon."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

from bench.detection.faults.parameters import PARAMETERS, Instrument
from bench.detection.leaks.points import draw
from detectors.admission import SECOND
from device_profiles.bindings import Bound
from device_profiles.duration import parse_duration
from gateway.alarms.definitions import NO_DATA
from gateway.pipeline.plant import SILENT_INTERVALS

NORMAL: Final = "normal"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fault knows of its point: its instrument, and how a number becomes a value.

    Parameters
    ----------
    floor
        The noise floor that the profile states; None where it states none.
    """

    instrument: Instrument
    bound: Bound
    floor: float | None

    @property
    def loop(self) -> bool:
        """Whether the device sends a current."""
        return math.isfinite(self.bound.failed_low)

    @property
    def pause(self) -> float:
        """The longest pause between two messages of a healthy device, s."""
        return self.instrument.signal.silent or float(self.instrument.every)

    def raw(self, value: float) -> str:
        """Return a value as the device writes it; what is within the range stays within it."""
        low, high, bound = self.bound.low, self.bound.high, self.bound
        number = (value - bound.offset) / bound.scale
        if low <= value <= high and not low <= number * bound.scale + bound.offset <= high:
            number = math.nextafter(number, (0.5 * (low + high) - bound.offset) / bound.scale)
        return repr(number)

    def said(self, table: str, key: str) -> float:
        """Return a number of ``stuck`` or of a ``health`` table; a duration in seconds."""
        point: dict[str, Any] = self.instrument.point
        said = point[table][key] if table in point else point["health"][table][key]
        return parse_duration(said) / SECOND if isinstance(said, str) else float(said)

    def watches(self, table: str) -> bool:
        """Whether the site file has this table."""
        return table in self.instrument.point or table in self.instrument.point["health"]


class Moment(NamedTuple):
    """One message of a fault.

    Parameters
    ----------
    number, second
        Which it is, from 0 on, and seconds since the first.
    last, usual
        The last healthy reading, and the mean of the last ones.
    depth
        How bad this fault is, in [0, 1).
    """

    number: int
    second: float
    last: float
    usual: float
    depth: float
    chance: Random


#: What a device writes in a moment: the text of the number (and what follows it); "" for a message
#: without a number, "{" for a message that is cut off, None for no message.
Style = Callable[[Seen, Moment], str | None]


def text(*texts: str | None) -> Style:
    """Return what writes one of these."""
    return lambda _, now: now.chance.choice(texts)


def below(seen: Seen, now: Moment) -> str:
    """Write a value, or a current, below the range and not yet a failure."""
    if seen.loop:
        return repr(draw(now.chance, PARAMETERS.faults.below))
    low, high = seen.bound.low, seen.bound.high
    return seen.raw(low - draw(now.chance, PARAMETERS.faults.outside) * (high - low))


def above(seen: Seen, now: Moment) -> str:
    """Write one above it."""
    if seen.loop:
        return repr(draw(now.chance, PARAMETERS.faults.above))
    low, high = seen.bound.low, seen.bound.high
    return seen.raw(high + draw(now.chance, PARAMETERS.faults.outside) * (high - low))


def failed_low(_: Seen, now: Moment) -> str:
    """Write a current that says that the device failed, or that its wire is broken."""
    return repr(draw(now.chance, PARAMETERS.faults.failed_low))


def failed_high(_: Seen, now: Moment) -> str:
    """Write one at the other end."""
    return repr(draw(now.chance, PARAMETERS.faults.failed_high))


def pinned(seen: Seen, _: Moment) -> str:
    """Hang at the end of what the device can send."""
    return seen.raw(seen.bound.high)


def hanging(seen: Seen, now: Moment) -> str:
    """Move between where it saturates and the end."""
    at = seen.said("saturated", "at")
    return seen.raw(at + (seen.bound.high - at) * now.chance.random())


def frozen(seen: Seen, now: Moment) -> str:
    """Repeat the last reading."""
    return seen.raw(now.last)


def trembling(seen: Seen, now: Moment) -> str:
    """Repeat it with less than the noise floor about it."""
    most = PARAMETERS.faults.trembles * (seen.floor or 0.0)
    return seen.raw(now.last + most * (2.0 * now.chance.random() - 1.0))


def spiking(seen: Seen, now: Moment) -> str:
    """Jump away in each fourth message."""
    if now.number % 4 != 1:
        return seen.raw(now.last)
    height = draw(now.chance, PARAMETERS.faults.spikes) * seen.said("spikes", "height")
    fits = now.last + height <= seen.bound.high
    return seen.raw(now.last + height if fits else now.last - height)


def noisy(seen: Seen, now: Moment) -> str:
    """Read with many times the noise."""
    times = draw(Random(now.depth), PARAMETERS.faults.noise)
    value = now.usual + times * seen.said("noise", "height") * now.chance.gauss(0.0, 1.0)
    return seen.raw(min(max(value, seen.bound.low), seen.bound.high))


def drifting(seen: Seen, now: Moment) -> str:
    """Read less and less, from a usual value of 0 on."""
    faults = PARAMETERS.faults
    least, most = faults.drift
    depth = (least + (most - least) * now.depth) * seen.said("zero", "tolerance")
    noise = seen.instrument.signal.noise * now.chance.gauss(0.0, 1.0)
    return seen.raw(max(noise - depth * min(1.0, now.second / faults.drifts), seen.bound.low))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault.

    Parameters
    ----------
    rule
        What must tell of it.
    styles
        How it may look.
    needs
        The table of a site file without which nobody watches for it, "" for none.
    asked
        Whether something is asked of it; the others are told beside.
    valued
        Whether its messages have a usable value. What moves with the value, a rate or a trend, may
        end on that: nobody can know better yet.
    """

    rule: str
    styles: dict[str, Style]
    needs: str = ""
    asked: bool = True
    valued: bool = False

    @property
    def silent(self) -> bool:
        """Whether its messages say nothing of the point."""
        return self.rule == NO_DATA

    def stated(self, seen: Seen) -> float:
        """Return the stated time from its begin, s; 0 where the first message tells.

        Of a silence the begin is the last healthy reading.
        """
        if self.silent:
            return SILENT_INTERVALS * seen.pause + 1.0
        if self.needs in {"saturated", "stuck"}:
            return seen.said(self.needs, "after") + seen.instrument.every
        return 0.0

    def lasts(self, seen: Seen, chance: Random) -> float:
        """Return for how long one of this kind lasts, s."""
        faults, every = PARAMETERS.faults, seen.instrument.every
        if self.silent or self.needs in {"saturated", "stuck"}:
            return self.stated(seen) + round(draw(chance, faults.more)) * every
        if self.needs == "zero":
            return faults.drifts + seen.said("zero", "below_for") + faults.shows * every
        return (faults.shows if self.needs else round(draw(chance, faults.good))) * seen.pause

    def fits(self, seen: Seen, style: str, condition: str) -> bool:
        """Whether a point can have it in a condition, and is watched for it."""
        clean = seen.instrument.signal.base == (0.0, 0.0)
        if self.needs and not seen.watches(self.needs):
            return False
        if self.needs == "stuck":
            # Clean air reads 0 for weeks: within the zero band nobody can tell.
            return condition != NORMAL or not clean
        if self.needs == "saturated":
            # A value at the upper end is no low value any more.
            return condition != "low"
        if not self.asked:
            drifts = seen.loop and clean
            moves = not seen.instrument.signal.moved
            return condition == NORMAL and (drifts if self.needs == "zero" else moves)
        if style == "flagged":
            return seen.bound.fault is not None
        return seen.loop or style not in {"failed low", "failed high"}


KINDS: Final[dict[str, Kind]] = {
    "silent": Kind(
        rule=NO_DATA, styles={"gone": text(None), "null": text("null"), "absent": text("")}
    ),
    "below range": Kind(rule="fault", styles={"below": below}),
    "above range": Kind(rule="over_range", styles={"above": above}),
    "NE 43 current": Kind(
        rule="fault", styles={"failed low": failed_low, "failed high": failed_high}
    ),
    "sentinel": Kind(rule="fault", styles={"-9999": text("-9999"), "65535": text("65535")}),
    "no number": Kind(
        rule="fault",
        styles={
            "not finite": text("NaN", "Infinity", "-Infinity", "1e400"),
            "wrong type": text('"err"', "true", "[]", '{"x": 1}'),
            "cut off": text("{"),
            "flagged": text('1, "fault": true'),
        },
    ),
    "saturated": Kind(
        rule="saturated",
        styles={"pinned": pinned, "hanging": hanging},
        needs="saturated",
        valued=True,
    ),
    "stuck": Kind(
        rule="stuck", styles={"frozen": frozen, "trembling": trembling}, needs="stuck", valued=True
    ),
    "spikes": Kind(
        rule="spikes", styles={"spikes": spiking}, needs="spikes", asked=False, valued=True
    ),
    "noise": Kind(rule="noise", styles={"noise": noisy}, needs="noise", asked=False, valued=True),
    "zero drift": Kind(
        rule="zero_below", styles={"down": drifting}, needs="zero", asked=False, valued=True
    ),
}
