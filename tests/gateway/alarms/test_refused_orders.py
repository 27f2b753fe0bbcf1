"""What the desk refuses, for which reason, and what it then says is possible."""

from __future__ import annotations

import pytest

from gateway.alarms.desk import Desk
from gateway.alarms.requests import MAX_SHELVE_NS, ORDERS, RefusedError, possible
from gateway.model import Cause, State, Suppression
from tests.gateway.alarms.desks import (
    DEFINITIONS,
    GAS,
    HIGH,
    HOUR,
    NOW,
    ROWS,
    edge,
    make_desk,
    reason,
    request,
)


def test_reset_is_refused_while_the_condition_is_true() -> None:
    """A reset does not quiet what is still true, and the refusal names what is possible."""
    desk = make_desk()
    desk.detect(edge(GAS))
    assert reason(desk, Cause.RESET, GAS) == "not_possible"
    with pytest.raises(RefusedError, match=r"state UNACK; possible: acknowledge, out-of-service$"):
        desk.order(request(desk, Cause.RESET, GAS), now_ns=NOW)


@pytest.mark.parametrize("alarm", [HIGH, GAS])
@pytest.mark.parametrize("aside", [None, Cause.SHELVE, Cause.OUT_OF_SERVICE])
@pytest.mark.parametrize("moves", ["", "raise", "raise ack", "raise clear", "raise clear ack"])
def test_what_is_said_to_be_possible_is(alarm: str, aside: Cause | None, moves: str) -> None:
    """In every state the possible orders are named, exactly those, and none of the plant's."""

    def stand() -> Desk:
        desk = make_desk()
        for move in moves.split():
            if move == "ack":
                desk.order(request(desk, Cause.ACKNOWLEDGE, alarm), now_ns=NOW)
            else:
                desk.detect(edge(alarm, active=move == "raise"))
        if aside is not None and (aside, alarm) != (Cause.SHELVE, GAS):
            desk.order(request(desk, aside, alarm), now_ns=NOW)
        return desk

    taken = []
    for cause in sorted(ORDERS):
        desk = stand()
        try:
            desk.order(request(desk, cause, alarm), now_ns=NOW)
        except RefusedError:
            continue
        taken.append(cause.value)
    desk = stand()
    assert possible(DEFINITIONS[ROWS[alarm]], desk.status(alarm)) == taken


def test_a_stale_order_is_refused() -> None:
    """An order that saw another revision, older or newer, is refused and says so."""
    desk = make_desk()
    desk.detect(edge())
    seen = desk.status(HIGH).revision
    desk.detect(edge(active=False))
    assert reason(desk, Cause.ACKNOWLEDGE, revision=seen) == "stale_revision"
    assert reason(desk, Cause.ACKNOWLEDGE, revision=seen + 2) == "stale_revision"
    desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW)
    assert desk.status(HIGH).state == State.NORMAL


def test_the_same_order_twice_is_done_once() -> None:
    """Two operators who press at the same moment make one acknowledgement."""
    desk = make_desk()
    desk.detect(edge())
    order = request(desk, Cause.ACKNOWLEDGE)
    desk.order(order, now_ns=NOW)
    with pytest.raises(RefusedError) as refused:
        desk.order(order, now_ns=NOW)
    assert refused.value.reason == "stale_revision"


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in ORDERS])
def test_no_order_speaks_for_the_plant(cause: Cause) -> None:
    """What only the plant or the clock does cannot be ordered."""
    assert reason(make_desk(), cause) == "not_an_order"


def test_an_unknown_alarm_is_refused() -> None:
    """An order for an alarm that this node does not have is refused by name."""
    assert reason(make_desk(), Cause.ACKNOWLEDGE, "gw1/T9/h", revision=0) == "unknown_alarm"


def test_statutory_alarms_are_not_shelved() -> None:
    """A statutory rule is not shelved, and the refusal names its clause; an outage is declared."""
    desk = make_desk()
    desk.detect(edge(GAS))
    assert reason(desk, Cause.SHELVE, GAS) == "not_shelvable"
    with pytest.raises(RefusedError, match=r"GB 30871 6\.3"):
        desk.order(request(desk, Cause.SHELVE, GAS), now_ns=NOW)
    desk.order(request(desk, Cause.OUT_OF_SERVICE, GAS), now_ns=NOW)
    assert desk.status(GAS).suppression == Suppression.OUT_OF_SERVICE


@pytest.mark.parametrize("cause", sorted(ORDERS))
@pytest.mark.parametrize("operator", ["", " \t\n\u3000"])
def test_an_order_says_who_gives_it(cause: Cause, operator: str) -> None:
    """Nothing is done in nobody's name: the journal answers who."""
    desk = make_desk()
    desk.detect(edge())
    assert reason(desk, cause, operator=operator) == "no_operator"


@pytest.mark.parametrize("cause", [Cause.SHELVE, Cause.OUT_OF_SERVICE])
@pytest.mark.parametrize("comment", ["", " \t\n"])
def test_a_suppression_needs_a_reason(cause: Cause, comment: str) -> None:
    """Nothing is suppressed without a comment of some ink."""
    assert reason(make_desk(), cause, comment=comment) == "no_reason"


@pytest.mark.parametrize(
    ("cause", "until", "allowed"),
    [
        (Cause.SHELVE, NOW, False),
        (Cause.SHELVE, NOW - 1, False),
        (Cause.SHELVE, 0, False),
        (Cause.SHELVE, NOW + 1, True),
        (Cause.SHELVE, NOW + MAX_SHELVE_NS, True),
        (Cause.SHELVE, NOW + MAX_SHELVE_NS + 1, False),
        (Cause.OUT_OF_SERVICE, NOW, False),
        (Cause.OUT_OF_SERVICE, NOW + 48 * HOUR, True),
    ],
)
def test_a_suppression_ends(cause: Cause, until: int, *, allowed: bool) -> None:
    """A suppression has an end ahead of now; a shelving one within eight hours."""
    desk = make_desk()
    if not allowed:
        assert reason(desk, cause, until_ns=until) == "bad_end"
        return
    desk.order(request(desk, cause, until_ns=until), now_ns=NOW)
    assert desk.status(HIGH).suppressed_until_ns == until


def test_a_shelving_that_is_too_long_says_how_long() -> None:
    """The refusal tells what was asked beside what may be."""
    desk = make_desk()
    for asked, told in ((20 * HOUR - 1, "20 h"), (8 * HOUR + 1, "8.01 h")):
        with pytest.raises(RefusedError, match=f"h: {told} is too long; shelve within 8 h"):
            desk.order(request(desk, Cause.SHELVE, until_ns=NOW + asked), now_ns=NOW)
    with pytest.raises(RefusedError, match=r"must lie ahead$"):
        desk.order(request(desk, Cause.SHELVE, until_ns=NOW), now_ns=NOW)
