"""The same detectors in plain Python, reading by reading: slow, and easy to check by eye.

The kernels must agree with this to the last bit: spans of time are compared as doubles of
nanoseconds. The demo counts lost alarms with it from the simulator's own record, and the tests
compare every kernel with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from detectors import reference_sensor
from detectors.drift import DriftParams
from detectors.fall import FallParams
from detectors.limit import LimitParams
from detectors.noise import NoiseParams
from detectors.rate import RateParams
from detectors.reason import FAULT, NONE, SHIFT, ReasonParams
from detectors.rules import Params
from detectors.run import RunParams
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

#: Beyond this a number is no value.
LARGEST = 1e150
SECOND = 1_000_000_000
BUCKET = 600 * SECOND
AHEAD = 6 * SECOND
GOOD, UNCERTAIN, BAD, FENCED, UNTIMED = 0, 1, 2, 3, 4
VERDICT = 7


@dataclass
class Device:
    """A device's usual delay: the minimum over the present and the previous ten minutes."""

    start: int | None = None
    now: int = 0
    before: int = 0

    def usual(self, delay: int, received: int) -> int:
        """Take one delay (ns) and return the minimum."""
        delay = max(delay, 0)
        if self.start is None or received < self.start - AHEAD:
            self.start, self.now, self.before = received, delay, 0
        elif received - self.start >= 2 * BUCKET:
            self.start, self.before, self.now = received, min(delay, self.now), delay
        elif received - self.start >= BUCKET:
            self.start, self.before, self.now = self.start + BUCKET, self.now, delay
        else:
            self.now = min(self.now, delay)
        return self.minimum

    @property
    def minimum(self) -> int:
        """The usual delay, ns."""
        return min(self.now, self.before)


@dataclass
class Point:
    """What is remembered of a point's readings."""

    device: Device
    late_after: int
    last: int | None = None
    grade: int = GOOD
    value: float = math.nan
    quiet_until: int | None = None
    heard: int | None = None

    def forget(self) -> None:
        """Know nothing of it: the clock of this machine was set back."""
        self.last = self.heard = self.quiet_until = None
        self.grade, self.value = GOOD, math.nan

    def admit(self, time: int, received: int, value: float, grade: int) -> tuple[str, bool]:
        """Return the effect's name and whether the reading is historical."""
        behind, verdict = self.behind(time), grade & VERDICT
        if verdict == BAD or not abs(value) <= LARGEST:
            late = received - time - self.device.minimum > self.late_after
            if late:
                self.wait(received)
            return "hold", late or behind
        if time == self.last and grade == self.grade and value == self.value:
            return "ignore", False
        same = time == self.last and verdict in {GOOD, UNCERTAIN}
        if behind and not same:
            return "fixed", True
        late = False
        if verdict in {GOOD, UNCERTAIN}:
            late = received - time - self.device.usual(received - time, received) > self.late_after
        self.last, self.grade, self.value = time, grade, value
        if verdict == FENCED:
            return "fixed", True
        if late:
            self.wait(received)
            return "raise", True
        if same:
            return "raise", False
        self.heard = time if abs(received - time) < SECOND else received
        return ("full" if verdict == GOOD else "raise"), False

    def behind(self, time: int) -> bool:
        """Return whether a time is not newer than the last accepted."""
        return self.last is not None and time <= self.last

    def wait(self, received: int) -> None:
        """Let the clock not judge it: late data are coming."""
        if self.quiet_until is None or received > self.quiet_until + 2 * SECOND:
            self.quiet_until = received + 2 * SECOND

    @staticmethod
    def reason(value: float, grade: int) -> int:
        """Return why a reading is not GOOD; what has no value and no reason is a fault."""
        verdict, reason = grade & VERDICT, grade >> SHIFT
        if verdict == BAD:
            return FAULT if reason == NONE else reason
        return reason if abs(value) <= LARGEST else FAULT


@dataclass
class Row:
    """One rule of one point: its delays and whatever its detector remembers."""

    params: Params
    on_delay: int = 0
    off_delay: int = 0
    active: bool = False
    on_since: int | None = None
    off_since: int | None = None
    time: int | None = None
    elapsed: float = 0.0
    spacing: float = 0.0
    start: int = 0
    memory: dict[str, float] = field(default_factory=dict)

    def due(self) -> int | None:
        """Return the whole second (ns) at which a pending on-delay fires."""
        if self.active or self.on_since is None:
            return None
        return -(-(self.on_since + self.on_delay) // SECOND) * SECOND

    def restart(self) -> None:
        """Let delays and detector begin anew; an active rule stays so."""
        self.on_since = self.off_since = self.time = None
        self.elapsed, self.start, self.memory = 0.0, 0, {}

    def begin(self) -> None:
        """Become active."""
        self.active, self.on_since, self.off_since = True, None, None

    def settle(self, time: int, effect: str, *, begins: bool, ends: bool) -> bool | None:
        """Return True when the rule began, False when it ended, None otherwise."""
        if self.active:
            if not ends:
                if effect != "fixed":
                    self.off_since = None
                return None
            if effect != "full":
                return None
            if self.off_since is None:
                self.off_since = time
            if time - self.off_since < self.off_delay:
                return None
            self.active, self.off_since = False, None
            return False
        if begins:
            if effect == "fixed" and self.on_delay > 0:
                return None
            if self.on_since is None:
                self.on_since = time
            if time - self.on_since < self.on_delay:
                return None
            self.begin()
            return True
        if effect == "full":
            self.on_since = None
        return None

    def judge(self, time: int, value: float, reason: int) -> tuple[bool, bool, int]:
        """Return (begins, ends, predicted crossing or 0) for one reading."""
        match self.params:
            case LimitParams():
                return (*judge_limit(self.params, value), 0)
            case ReasonParams():
                begins = reason in self.params.reasons
                return begins, not begins, 0
            case RateParams():
                return (*self._rate(self.params, time, value), 0)
            case TrendParams():
                return self._trend(self.params, time, value)
            case StuckParams():
                return (*self._stuck(self.params, time, value), 0)
            case SpikeParams():
                return (*reference_sensor.spike(self, self.params, time, value), 0)
            case NoiseParams():
                return (*reference_sensor.noise(self, self.params, time, value), 0)
            case FallParams():
                return (*reference_sensor.fall(self, self.params, time, value), 0)
            case RunParams():
                return (*reference_sensor.run(self, self.params, time, value), 0)
            case DriftParams():
                return (*reference_sensor.drift(self, self.params, time, value), 0)

    def since_last(self, time: int, gap_s: float) -> float | None:
        """Return seconds since the last value, or None when watching starts anew here."""
        before, last = self.time, self.elapsed
        self.step(time)
        self.spacing = last or self.elapsed
        if before is None or self.elapsed > gap_s * 1e9:
            self.start = time
            return None
        return self.elapsed * 1e-9

    def step(self, time: int) -> None:
        """Take the time of one value: how long after the one before, ns."""
        before, self.time = self.time, time
        self.elapsed = 0.0 if before is None else float(time - before)

    def _rate(self, rule: RateParams, time: int, value: float) -> tuple[bool, bool]:
        if self.since_last(time, rule.gap_s) is None:
            self.memory = {"median": value, "rate": 0.0, "previous": value}
            return False, False
        dt, before, rate = self.spacing * 1e-9, self.memory["median"], self.memory["rate"]
        median = clamp(before, self.memory["previous"], value)
        rate += (median - before - dt * rate) * (1.0 / (rule.tau_s + dt))
        self.memory = {"median": median, "rate": rate, "previous": value}
        if float(time - self.start) < rule.tau_s * 1e9:
            return False, False
        seen = abs(rate) if rule.direction == 0 else rate * rule.direction
        return seen >= rule.limit, seen < rule.limit - rule.deadband

    def _trend(self, rule: TrendParams, time: int, value: float) -> tuple[bool, bool, int]:
        dt = self.since_last(time, rule.gap_s)
        if dt is None:
            self.memory = {"once": value, "twice": value, "thrice": value, "bend": 0.0}
            return False, False, 0
        once, twice, thrice, mean = self.memory.values()
        weight = dt / (rule.tau_s + dt)
        once += weight * (value - once)
        twice += weight * (once - twice)
        thrice += weight * (twice - thrice)
        rise = once - twice
        bend = abs(rise - (twice - thrice))
        age = float(time - self.start) * 1e-9
        share = weight * (1.0 / 100.0) if age >= 100.0 * rule.tau_s else dt / age
        mean += share * (bend - mean)
        self.memory = {"once": once, "twice": twice, "thrice": thrice, "bend": mean}
        if age < 3.0 * rule.tau_s:
            return False, False, 0
        sign = 1.0 if rule.high else -1.0
        distance, towards = (rule.limit - (once + rise)) * sign, rise * sign
        if distance <= 0.0 or (rule.limit - value) * sign <= 0.0:
            return False, False, 0
        reach = rule.horizon_s / rule.tau_s
        doubt = rule.significance * (math.sqrt(4.0 / 3.0) * math.sqrt(math.pi / 2.0)) * mean
        if distance > rule.release * reach * (towards - 0.5 * doubt):
            return False, True, 0
        if distance > reach * (towards - doubt):
            return False, False, 0
        return True, False, time + int(distance / towards * rule.tau_s * 1e9)

    def _stuck(self, rule: StuckParams, time: int, value: float) -> tuple[bool, bool]:
        anchor = self.memory.get("anchor")
        still = (
            anchor is not None and abs(value - anchor) <= rule.floor and abs(value) > rule.zero_band
        )
        if not still:
            self.memory = {"anchor": value}
            self.start = time
            return False, True
        return float(time - self.start) >= rule.duration_s * 1e9, False


def clamp(value: float, one: float, other: float) -> float:
    """Return what lies between two numbers and is nearest to a value: the median of the three."""
    return max(min(one, other), min(value, max(one, other)))


def judge_limit(rule: LimitParams, value: float) -> tuple[bool, bool]:
    """Return (begins, ends) of a fixed limit."""
    if rule.high:
        begins = value > rule.limit if rule.strict else value >= rule.limit
        ends = value < rule.limit - rule.deadband
    else:
        begins = value < rule.limit if rule.strict else value <= rule.limit
        ends = value > rule.limit + rule.deadband
    return begins, (not begins if rule.deadband == 0.0 else ends)


@dataclass
class Found:
    """An edge in the words of `detectors.bank.Edge`."""

    at: int
    row: int
    began: bool
    time: int
    value: float
    predicted: int
    historical: bool


class Reference:
    """The bank in plain Python: `rules` of (point, row), in the bank's row order."""

    def __init__(self, points: list[Point], rules: list[tuple[int, Row]]) -> None:
        self.points = points
        self.rules = rules

    def take(
        self, at: int, point: int, time: int, received: int, value: float, grade: int
    ) -> list[Found]:
        """Run one reading; `at` is what the edges name as its index."""
        state = self.points[point]
        if state.last is not None and state.last > received + AHEAD:
            state.forget()
            for owner, row in self.rules:
                if owner == point:
                    row.restart()
        usable, same = state.value, time == state.last
        effect, historical = state.admit(time, received, value, grade)
        reason = state.reason(value, grade)
        timeless = effect == "fixed" or same
        seen: tuple[type, ...] = (LimitParams, ReasonParams) if timeless else (object,)
        if effect == "hold":
            # Nothing but the rules on its reason sees it.
            seen = (ReasonParams,)
            effect = "fixed" if state.behind(time) else "raise"
        found: list[Found] = []
        if effect == "ignore":
            return found
        for number, (owner, row) in enumerate(self.rules):
            if owner != point or not isinstance(row.params, seen):
                continue
            due = row.due()
            if effect != "fixed" and due is not None and due < time:
                row.begin()
                found.append(Found(at, number, True, due, usable, 0, historical))
            begins, ends, predicted = row.judge(time, value, reason)
            edge = row.settle(time, effect, begins=begins, ends=ends)
            if edge is not None:
                found.append(Found(at, number, edge, time, value, predicted, historical))
        return found

    def tick(self, now: int) -> list[Found]:
        """Let on-delays run out by the clock."""
        found: list[Found] = []
        for number, (owner, row) in enumerate(self.rules):
            due, point = row.due(), self.points[owner]
            if due is None or due + point.device.minimum > now:
                continue
            if point.quiet_until is not None and now < point.quiet_until:
                continue
            row.begin()
            found.append(Found(-1, number, True, due, point.value, 0, False))
        return found
