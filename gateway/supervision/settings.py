"""What the centre's file says of how it watches its children.

No number here is a statute's: each is this project's own, and its reason stands beside it. The
bound of `lost_after` keeps the promise that a lost gateway is an alarm within a minute.
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field

from device_profiles.duration import NANOSECONDS_PER_UNIT, DurationNs, PositiveDurationNs
from gateway.config import Written, WrittenPath

SECOND: Final = NANOSECONDS_PER_UNIT["s"]
MINUTE: Final = NANOSECONDS_PER_UNIT["min"]
#: Two heartbeats come within 30 s; with a look each second and a commit, 55 s are told within 60.
SHORTEST_LOST, LONGEST_LOST = 31 * SECOND, 55 * SECOND


class WatchSettings(Written):
    """When the centre raises its own alarms about a child.

    Parameters
    ----------
    lost_after
        Three heartbeats have not come: one may be lost on the way, two are a coincidence.
    return_after
        Eight heartbeats in a row end what the silence or its like has raised: a link that goes up
        and down is one alarm, not one a minute.
    lag_events, lag_for
        Two full posts wait, and did so for two minutes: a healthy link sends many in a second.
    lag_age
        The outbox was not empty at a single heartbeat for so long.
    clock_bound, clock_for
        The difference from which times of two sites can no longer be put in one order; four
        heartbeats, so that no single slow request decides.
    coverage_below, coverage_for
        One point that fails has an alarm of its own at the site; a tenth of them is a blind spot.
    """

    lost_after: Annotated[DurationNs, Field(ge=SHORTEST_LOST, le=LONGEST_LOST)] = 45 * SECOND
    return_after: PositiveDurationNs = 2 * MINUTE
    lag_events: Annotated[int, Field(ge=1)] = 1000
    lag_for: DurationNs = 2 * MINUTE
    lag_age: PositiveDurationNs = 10 * MINUTE
    clock_bound: PositiveDurationNs = 5 * SECOND
    clock_for: DurationNs = MINUTE
    coverage_below: Annotated[float, Field(gt=0, le=1)] = 0.9
    coverage_for: DurationNs = 3 * MINUTE

    def stretched(self, speed: float) -> Self:
        """Return them for a clock that runs so fast: heartbeats come by the machine's own."""
        names = [name for name, value in self if isinstance(value, int) and name != "lag_events"]
        longer = {name: int(getattr(self, name) * max(speed, 1.0)) for name in names}
        return self.model_copy(update=longer)


class DepartmentSettings(Written):
    """The table of departments and routes; without one nobody is sent a copy."""

    file: WrittenPath | None = None
