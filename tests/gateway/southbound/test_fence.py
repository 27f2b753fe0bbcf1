"""The fence stands while a queue from before may still be coming, and not for ever."""

from __future__ import annotations

from gateway.clock import ManualClock
from gateway.southbound.fence import FENCE_S, LAST_S, Fence

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
