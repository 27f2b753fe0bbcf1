"""The fence stands while a queue from before may still be coming, and not for ever."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from gateway.clock import ManualClock
from gateway.southbound.arrivals import MARKER
from gateway.southbound.fence import AGAIN_S, FENCE_S, FORBIDDEN, LAST_S, QUEUED, Fence

SECOND = 1_000_000_000


def look(fence: Fence, clock: ManualClock, at_s: float, *, paused: bool = False) -> bool:
    """Whether the fence stands at this second, looked at as a connection does."""
    clock.set(int(at_s * SECOND))
    if paused:
        fence.excuse()
    fence.look()
    return fence.stands


def test_a_fence_that_does_not_come_back_falls() -> None:
    """Where nothing comes, the broker holds nothing back: it is taken down after its time."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock)
    fence.put_up()
    assert look(fence, clock, FENCE_S)
    assert not look(fence, clock, FENCE_S + 0.1)


def test_a_queue_that_is_still_coming_keeps_it_up() -> None:
    """However slow the machine, what waited is not taken for live after ten seconds."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock)
    fence.put_up()
    for second in range(1, int(LAST_S)):
        assert look(fence, clock, second)
        fence.wait()


def test_messages_without_end_do_not_keep_it_up_for_ever() -> None:
    """A broker that forbids the topic in silence blinds no delay and no silence for long."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock)
    fence.put_up()
    for second in range(1, int(LAST_S) + 1):
        assert look(fence, clock, second)
        fence.wait()
    assert not look(fence, clock, LAST_S + 0.1)


def test_a_pause_counts_for_nothing() -> None:
    """While nothing is read nothing can come back: what makes it fall counts from there."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock)
    fence.put_up()
    for second in range(1, 200):
        assert look(fence, clock, second, paused=True)
    assert look(fence, clock, 199 + FENCE_S)
    assert not look(fence, clock, 199.1 + FENCE_S)


@pytest.mark.parametrize("every", [1, 2, 9])
def test_pauses_now_and_then_hold_time_no_longer(every: int) -> None:
    """A slow board amid a long queue: it is said again and told by its age, whatever the pauses."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock, known=True)
    fence.put_up()
    again = []
    for second in range(1, int(LAST_S) + 2):
        assert fence.holds
        clock.set(second * SECOND)
        if second % every == 0:
            fence.excuse()
        if fence.look():
            again.append(second)
    assert again == [11, 22, 33, 44, 55]
    assert fence.stands
    assert fence.overdue
    assert not fence.holds


def test_pauses_do_not_keep_up_what_a_broker_forbids() -> None:
    """Told at its age, it falls after a minute that was not paused: here every other second is."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock)
    fence.put_up()
    for second in range(1, 2 * int(LAST_S) + 1):
        assert look(fence, clock, second, paused=second % 2 == 0)
        assert fence.overdue == (second > LAST_S)
        fence.wait()
    assert not look(fence, clock, 2 * LAST_S + 1)
    assert not fence.overdue


def test_where_it_has_come_back_before_only_its_return_takes_it_down() -> None:
    """A queue of hours on a slow board, a line that stalls amid it: what follows is not live."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock, known=True)
    fence.put_up()
    assert look(fence, clock, 5 * FENCE_S)
    assert fence.holds
    assert look(fence, clock, 60 * LAST_S)
    fence.take_down()
    assert not fence.stands


def test_one_that_is_overdue_is_told_and_lets_time_run() -> None:
    """A silence behind it must become an alarm: it is no reason to be blind for ever."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock, known=True)
    fence.put_up()
    assert look(fence, clock, LAST_S)
    assert fence.holds
    assert not fence.overdue
    assert look(fence, clock, LAST_S + 0.1)
    assert fence.overdue
    assert not fence.holds
    fence.take_down()
    assert not fence.overdue
    fence.put_up()
    assert fence.holds


@pytest.mark.parametrize("marked", [False, True])
def test_the_log_tells_a_long_queue_from_a_broker_that_forbids(*, marked: bool) -> None:
    """Where not even a marker has come back in a minute, nobody should wait for a queue."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock, known=True)
    for begin in (0, 1000):
        clock.set(begin * SECOND)
        fence.put_up()
        if marked:
            fence.hear(MARKER)
        with capture_logs() as logs:
            assert look(fence, clock, begin + LAST_S + 1)
        assert [each["event"] for each in logs] == [QUEUED if marked else FORBIDDEN]


def test_a_broker_without_a_session_of_ours_is_another_one() -> None:
    """What the one before did is no proof: there the fence falls as where nothing ever came."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock, known=True)
    fence.forget()
    fence.put_up()
    assert not look(fence, clock, FENCE_S + 0.1)
    fence.hear(MARKER)
    fence.put_up()
    assert look(fence, clock, 5 * LAST_S)
    fence.hear(fence.said)
    assert not fence.stands


def test_it_is_said_again_while_it_stands() -> None:
    """A broker whose queue is full drops it: another comes behind what still waits."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock, known=True)
    fence.put_up()
    said = fence.said
    again = []
    for second in range(1, 36):
        clock.set(second * SECOND)
        if fence.look():
            again.append(second)
    assert again == [AGAIN_S + 1, 2 * (AGAIN_S + 1), 3 * (AGAIN_S + 1)]
    assert fence.said == said
