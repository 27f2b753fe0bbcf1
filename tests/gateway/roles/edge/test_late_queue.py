"""When what rests on late data sounds, behind a queue, a restart, a lost broker or a set clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.model import NANOSECONDS
from gateway.pipeline.plant import Plant
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.gateway.roles.edge.edge import running, write_site
from tests.gateway.roles.edge.late import (
    AHEAD,
    HIGH,
    NORMAL,
    causes,
    play,
    restarted,
    said_at,
    wait,
)
from tests.gateway.roles.edge.test_source_times import plant_of
from tests.gateway.roles.edge.wired import Wired

OLD = b'{"x": 150.0}'


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return plant_of(tmp_path)


def test_a_fresh_reading_without_a_time_waits_for_nothing(plant: Plant) -> None:
    """What waited rose and fell, and stands on what is over; what is said now is live at once."""
    wired = Wired(plant)
    wired.moment(1, OLD, fenced=True)
    wired.moment(1.1, b'{"x": 20.0}', fenced=True)
    wired.moment(5)
    assert causes(wired) == ["raise"]
    wired.moment(5.05, OLD)
    assert causes(wired) == ["raise", "confirm"]


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_over_is_waited_for_behind_a_fence(
    plant: Plant,
    restart: bool,  # noqa: FBT001
) -> None:
    """An old value at the end of a queue, the next of the device just behind it."""
    wired = Wired(plant)
    play(wired, [(1, 0.9, NORMAL), (100, 10, HIGH), (100.1, 11, NORMAL)], until=110)
    if restart:
        wired = restarted(wired, second=112)
    wired.held = True
    wait(wired, 112, 114.9)
    wired.moment(115, said_at(12, HIGH))
    wired.held = False
    wired.moment(115.1)
    wired.moment(115.3, said_at(13, NORMAL))
    wait(wired, 115.3, 124.9)
    assert "confirm" not in causes(wired)


def test_what_was_over_behind_a_fence_is_not_live_as_it_falls(plant: Plant) -> None:
    """It rose, was over, and rose again while nobody looked; its device still hands over."""
    for first in (said_at(103, NORMAL), b'{"x": 20.0}'):
        wired = Wired(plant)
        play(wired, [(1, 0.9, NORMAL)], until=100)
        wired.held = True
        wired.moment(181, said_at(102, HIGH))
        wired.moment(182, first)
        wired.moment(260, said_at(190, HIGH))
        wired.held = False
        wired.moment(260.1)
        wired.moment(260.3, said_at(191, NORMAL))
        wait(wired, 260.3, 269.9)
        assert causes(wired) == ["raise"]


@pytest.mark.parametrize(("says", "at"), [(101.4 - 3600, 101.5), (None, 102.1)])
def test_a_clock_set_back_before_a_restart_keeps_nobody_waiting(
    plant: Plant, says: float | None, at: float
) -> None:
    """What the store says of times is of another clock; what comes on time is live at once."""
    wired = Wired(plant)
    play(wired, [(1, 0.9, NORMAL), (100, 10, HIGH)], until=100)
    wired.clock.step_ns = -3600 * NANOSECONDS
    wired.moment(100.1)
    again = restarted(wired, second=101, step_ns=-3600 * NANOSECONDS)
    again.moment(at - 0.2)
    assert causes(again) == []
    again.moment(at, None if says is None else said_at(says, HIGH))
    assert causes(again) == ["confirm"]


def test_a_restart_that_follows_a_step_waits_too(plant: Plant) -> None:
    """What was over before it is not live by a due time that has passed."""
    wired = Wired(plant)
    play(wired, [(1, 0.9, NORMAL), (100, 10, HIGH), (100.1, 11, NORMAL)], until=112)
    again = restarted(wired, second=112, known_ns=wired.clock.now_ns(), shows_ns=-30 * NANOSECONDS)
    again.held = True
    again.moment(115, said_at(12, HIGH))
    again.held = False
    again.moment(115.1)
    again.moment(115.3, said_at(13, NORMAL))
    wait(again, 115.3, 124.9)
    assert "confirm" not in causes(again)


def test_behind_a_fence_nothing_is_confirmed(plant: Plant) -> None:
    """What waited at the broker may be over; it is judged when the queue has passed."""
    wired = Wired(plant)
    wired.held = True
    assert play(wired, [(0.5, 0.5 - AHEAD, HIGH)], until=10) == []
    wired.held = False
    wired.moment(10.1)
    assert causes(wired) == ["raise", "confirm"]


def test_a_queue_that_comes_for_too_long_is_waited_for_as_it_comes(plant: Plant) -> None:
    """Delays run again then, and the next of the queue may still say that it is over."""
    wired = Wired(plant)
    for number, value in enumerate([HIGH, HIGH, HIGH, NORMAL, NORMAL]):
        wired.moment(1 + number / 10, b'{"x": %d}' % value, fenced=True)
    wait(wired, 1.5, 5.9)
    assert causes(wired) == ["raise"]


def test_what_has_a_time_is_waited_for_in_such_a_queue_too(plant: Plant) -> None:
    """Two seconds, though the queue is slow: half a second says nothing of it."""
    wired = Wired(plant)
    wired.moment(1, said_at(1 - AHEAD, HIGH), fenced=True)
    wired.moment(1.9)
    wired.moment(2, said_at(2 - AHEAD, NORMAL), fenced=True)
    wait(wired, 2, 5.9)
    assert causes(wired) == ["raise"]


@pytest.mark.parametrize("how", [{"fenced": True}, {"retain": True}])
def test_what_only_the_broker_kept_is_live_after_half_a_second(
    plant: Plant, how: dict[str, bool]
) -> None:
    """Of what has no time nobody knows how old it is; what is said now is heard by then."""
    wired = Wired(plant)
    wired.moment(1, OLD, **how)
    wired.moment(1.4)
    assert causes(wired) == ["raise"]
    wired.moment(1.5)
    assert causes(wired) == ["raise", "confirm"]


def test_taking_confirms_nothing(plant: Plant) -> None:
    """A second in which a program stood still is no second in which nothing came."""
    wired = Wired(plant)
    play(wired, [(0.5, 0.5 - AHEAD, HIGH)], until=0.5)
    wired.moment(3.5, said_at(100 - AHEAD, NORMAL))
    wait(wired, 3.5, 7.9)
    assert causes(wired) == ["raise"]


def test_a_broker_that_waits_for_us_says_nothing(plant: Plant) -> None:
    """While it may send no more, that nothing comes is no sign that a device has ended."""
    wired = Wired(plant)
    wired.moment(0.5, said_at(0.5 - AHEAD, HIGH))
    wired.line.owed.accepted += 1
    wait(wired, 0.5, 2.4)
    assert causes(wired) == ["raise"]
    wired.moment(2.5)
    assert causes(wired) == ["raise", "confirm"]


def test_a_broker_that_is_away_says_nothing(plant: Plant) -> None:
    """What it holds may say that it is over, and comes when it is back."""
    wired = Wired(plant)
    wired.moment(0.5, said_at(0.5 - AHEAD, HIGH))
    wired.line.confirming.lost()
    wired.moment(2.4)
    assert causes(wired) == ["raise"]
    wired.moment(2.5)
    assert causes(wired) == ["raise", "confirm"]


@pytest.mark.broker
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
async def test_a_node_tells_that_its_broker_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as it knows, and not that it is back."""
    told = list[bool]()
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            monkeypatch.setattr(edge.node.line.confirming, "lost", lambda: told.append(True))
            edge.node._broker_changed(None)
            assert told == []
            edge.node._broker_changed("refused")
            assert told == [True]


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_clock_that_is_set_meanwhile_changes_no_wait(plant: Plant, step_s: int) -> None:
    """An hour forward is not half a second without a reading, and an hour back no hour more."""
    for known, at, made in (([], 0.5, -3600.0), ([(0.1, 0.0, NORMAL)], 100.5, 10.0)):
        wired = Wired(plant)
        play(wired, [*known, (at, made, HIGH)], until=at + 0.1)
        wired.clock.step_ns = step_s * NANOSECONDS
        for later in (0.2, 1.9):
            wired.moment(at + later)
            assert causes(wired) == ["raise"]
        wired.moment(at + 2)
        assert causes(wired) == ["raise", "confirm"]


def test_a_restart_waits_for_what_is_left_of_it(plant: Plant) -> None:
    """What a device still hands over then is waited for as without it."""
    wired = Wired(plant)
    wired.moment(0.5, said_at(0.5 - AHEAD, HIGH))
    again = restarted(wired, second=1)
    again.moment(2.4)
    assert causes(again) == []
    again.moment(2.5)
    assert causes(again) == ["confirm"]


def test_a_restart_forgets_that_the_clock_was_right(plant: Plant) -> None:
    """It may have been lost with the machine's power: half a second is enough again."""
    wired = Wired(plant)
    play(wired, [(n, n - 0.1, NORMAL) for n in range(1, 4)], until=4)
    again = restarted(wired, second=7200)
    again.moment(7200.5, said_at(5, HIGH))
    again.moment(7201.0)
    assert causes(again) == ["raise", "confirm"]
