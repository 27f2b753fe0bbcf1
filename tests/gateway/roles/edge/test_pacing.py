"""When messages are made durable: half the window, and the window learned where none is stated."""

from __future__ import annotations

from gateway.roles.edge.pacing import CONFIRMATIONS, FIRST_GUESS, Pacing

SECOND = 1_000_000_000


def test_half_of_a_stated_window_is_made_durable() -> None:
    """Not before half the messages the broker may have in flight wait, and then at once."""
    pacing = Pacing(100)
    assert [pacing.arrived(1, monotonic_ns=0) for _ in range(50)] == [False] * 49 + [True]
    pacing.durable(50, monotonic_ns=0)
    assert not pacing.arrived(49, monotonic_ns=0)
    assert pacing.arrived(1, monotonic_ns=0)


def test_without_a_stated_window_a_small_one_is_assumed() -> None:
    """Under MQTT 3.1.1 half of ten is enough, since a broker may keep to twenty."""
    pacing = Pacing(None)
    assert pacing.window == FIRST_GUESS
    assert [pacing.arrived(1, monotonic_ns=0) for _ in range(5)] == [False] * 4 + [True]


def test_a_wider_window_is_learned_from_what_waits() -> None:
    """More messages in flight than thought possible prove a wider window."""
    pacing = Pacing(None)
    assert pacing.arrived(300, monotonic_ns=0)
    assert pacing.window == 300
    pacing.durable(300, monotonic_ns=0)
    assert not pacing.arrived(149, monotonic_ns=0)


def test_a_narrower_window_is_learned_from_pauses() -> None:
    """A broker that stops at one number again and again, and goes on at once, is at its window."""
    pacing = Pacing(1000)
    for turn in range(CONFIRMATIONS):
        assert not pacing.arrived(20, monotonic_ns=turn)
        assert not pacing.limited
        pacing.paused()
        pacing.durable(20, monotonic_ns=turn)
    assert pacing.arrived(10, monotonic_ns=9)
    assert pacing.limited
    assert pacing.window == 20


def test_devices_that_speak_together_are_no_window() -> None:
    """The same number each second, with nothing after the acknowledgement, limits nothing."""
    pacing = Pacing(1000)
    for second in range(40):
        pacing.arrived(200, monotonic_ns=second * SECOND)
        pacing.paused()
        pacing.durable(200, monotonic_ns=second * SECOND + 5_000_000)
    assert pacing.window == 1000
    assert not pacing.limited


def test_pauses_at_changing_numbers_teach_nothing() -> None:
    """Traffic that pauses by itself is no window."""
    pacing = Pacing(1000)
    for turn in range(40):
        count = 20 + turn % 7
        pacing.arrived(count, monotonic_ns=turn)
        pacing.paused()
        pacing.durable(count, monotonic_ns=turn)
    assert pacing.window == 1000
    assert not pacing.limited


def test_a_window_found_too_narrow_is_widened_again() -> None:
    """A broker that sends more than was learned corrects it."""
    pacing = Pacing(1000)
    for turn in range(CONFIRMATIONS + 1):
        pacing.arrived(20, monotonic_ns=turn)
        pacing.paused()
        pacing.durable(20, monotonic_ns=turn)
    pacing.arrived(30, monotonic_ns=9)
    assert (pacing.window, pacing.limited) == (30, False)


def test_a_pause_means_something_above_twenty_messages_a_second() -> None:
    """Slow traffic is synced by age alone: flash wears. The last second and this one count."""
    pacing = Pacing(1000)
    pacing.arrived(20, monotonic_ns=0)
    assert not pacing.busy
    pacing.arrived(1, monotonic_ns=SECOND - 1)
    assert pacing.busy
    pacing.arrived(1, monotonic_ns=SECOND)
    assert pacing.busy
    pacing.arrived(1, monotonic_ns=3 * SECOND)
    assert not pacing.busy
