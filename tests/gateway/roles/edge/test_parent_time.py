"""An order ends by the time of the centre above, as far as that is known and can be believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.roles.edge.authority import LONGEST_NS
from gateway.roles.edge.ended import KEPT_NS
from gateway.roles.edge.parent_time import FARTHEST_NS, OLDEST_NS, OWN, PARENT, ParentTime, Told
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import running, stored, until, write_site
from tests.gateway.roles.edge.test_signed_orders import DELEGATE, ends, give, order
from tests.gateway.roles.edge.test_signed_orders import PARENT as SITE_PARENT

HOUR = 3600 * NANOSECONDS
NOW = 1_790_000_000 * NANOSECONDS


def test_the_parents_time_goes_on() -> None:
    """What it answered is carried on by the clock that nobody sets."""
    clock = ManualClock(NOW)
    times = ParentTime(clock)
    assert times.now("parent") == Told(NOW, OWN)
    times.answered("parent", NOW - HOUR)
    clock._now += 7
    assert times.now("parent") == Told(NOW - HOUR + 7, PARENT)
    assert times.now("screen") == Told(NOW + 7, OWN)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_time_too_far_off_is_not_believed(sign: int) -> None:
    """Half a day to either side, and no more."""
    times = ParentTime(ManualClock(NOW))
    times.answered("parent", NOW + sign * FARTHEST_NS)
    assert times.now("parent").whose == PARENT
    times.answered("parent", NOW + sign * (FARTHEST_NS + 1))
    assert times.now("parent") == Told(NOW, OWN)


def test_an_old_answer_says_nothing() -> None:
    """A parent that has been away for ten minutes is not asked."""
    clock = ManualClock(NOW)
    times = ParentTime(clock)
    times.answered("parent", NOW - HOUR)
    clock._now += OLDEST_NS
    assert times.now("parent").whose == PARENT
    clock._now += 1
    assert times.now("parent").whose == OWN


def test_no_order_outlives_the_memory_of_those_that_ended() -> None:
    """A parent that moves its time from one bound to the other lets none come twice."""
    assert LONGEST_NS + 2 * FARTHEST_NS < KEPT_NS


@pytest.mark.broker
@pytest.mark.parametrize("known", [True, False])
async def test_an_edge_an_hour_ahead_takes_orders(
    tmp_path: Path, broker: LocalBroker, *, known: bool
) -> None:
    """By its parent's clock they are in time; where that is unknown its own refuses them."""
    more = SITE_PARENT + DELEGATE
    async with running(write_site(tmp_path, port=broker.port, more=more)) as edge:
        await edge.say(150.0)
        await until(lambda: edge.sounding == {"gw/A/h"})
        there = edge.node.clock.now_ns() - HOUR
        if known:
            edge.node.upward._answered("parent", there)
        made: wire.Order = order(edge, "ack", "acknowledge", expires_ns=there + 60 * NANOSECONDS)
        late = order(edge, "late", "acknowledge", expires_ns=there - NANOSECONDS)
        give(edge, late, made)
        await until(lambda: ends(stored(tmp_path / "data"), "ack"))
    events = stored(tmp_path / "data")
    assert ends(events, "ack") == [("order", "applied" if known else "refused")]
    assert ends(events, "late") == [("order", "refused")]
    (said,) = [e for e in events if e.kind == "order" and e.detail.get("order") == "late"]
    assert (PARENT if known else OWN) in str(said.detail["reason"])
