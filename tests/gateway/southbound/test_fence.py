"""The fence stands while a queue from before may still be coming, and not for ever."""

from __future__ import annotations

from gateway.clock import ManualClock
from gateway.southbound.fence import AGAIN_S, FENCE_S, LAST_S, Fence

SECOND = 1_000_000_000


def look(fence: Fence, clock: ManualClock, at_s: float) -> bool:
    """Whether the fence stands at this second."""
    clock.set(int(at_s * SECOND))
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
    """While nothing is read nothing can come back: all counts anew from there."""
    clock = ManualClock()
    fence = Fence("hazgate/gw/fence", clock)
    fence.put_up()
    for second in range(1, 200):
        assert look(fence, clock, second)
        fence.excuse()
    assert look(fence, clock, 199 + FENCE_S)
    assert not look(fence, clock, 199.1 + FENCE_S)


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
