"""When what rests on late data sounds: soon, but not while a backlog is still handed over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.model import NANOSECONDS
from gateway.pipeline.plant import Plant
from gateway.roles.edge.confirming import MANY
from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.gateway.roles.edge.edge import running, write_site
from tests.gateway.roles.edge.test_source_times import plant_of, told
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import DEVICE, HEAD, START

#: How far the gateway's clock is ahead of its devices', s.
AHEAD = 7200.0
NORMAL, HIGH = 20.0, 150.0
#: A node looks as often a second.
LOOKS = 10


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return plant_of(tmp_path)


VOTE = """[[derived]]
tag = "V"
area = "A1"
vote = { of = ["T0", "T1"], need = 2 }
limits = { h = 90 }
"""
OLD = b'{"x": 150.0}'


def said_at(made: float, value: float) -> bytes:
    """What a device says that made a reading at a second, by its own clock."""
    return f'{{"ts": {round((START / NANOSECONDS + made) * 1000)}, "x": {value}}}'.encode()


def causes(wired: Wired) -> list[str]:
    return [event.cause for event in told(wired)]


def timed(folder: Path, more: str = "") -> Plant:
    """Two devices that state their times, and what else there is."""
    path = folder / "site.toml"
    devices = (DEVICE.format(n=n, interval="20s") + "range = [0, 1000]\n" for n in (0, 1))
    stated = (
        each.replace('"\n[[device.point', '"\ntime = "/ts"\n[[device.point') for each in devices
    )
    path.write_text(HEAD + "".join(stated) + more, encoding="utf-8")
    return load_site(path).plant


def play(wired: Wired, said: Iterable[tuple[float, float, float]], *, until: float) -> list[float]:
    """Let a device say things, each at a second, made by its own clock at another, of a value.

    The node looks every tenth of a second meanwhile.

    Returns
    -------
    list
        When an alarm was confirmed, s.
    """
    look = 1
    for at, made, value in said:
        while look / LOOKS < at:
            wired.moment(look / LOOKS)
            look += 1
        wired.moment(at, said_at(made, value))
    for number in range(look, round(until * LOOKS) + 1):
        wired.moment(number / LOOKS)
    events = [event for event in told(wired) if event.cause == "confirm"]
    return [(event.received_ns - START) / NANOSECONDS for event in events]


def test_a_clock_that_is_ahead_keeps_no_siren_waiting(plant: Plant) -> None:
    """The first that is ever heard of a device is two hours old, and high: it sounds in 0.6 s."""
    wired = Wired(plant)
    (confirmed,) = play(wired, [(0.75, 0.75 - AHEAD, HIGH)], until=5)
    assert [(e.cause, e.historical) for e in told(wired)] == [("raise", True), ("confirm", False)]
    assert 1.25 <= confirmed <= 1.35
    assert [each.alarm for each in wired.line.desk.sounding()] == ["gw/T0/h"]


@pytest.mark.parametrize("rate", [1, 3, 20])
def test_readings_that_go_on_at_their_own_pace_are_not_waited_for(plant: Plant, rate: int) -> None:
    """However many a device says a second, what is late by as much each time is no backlog."""
    said = [(n / rate + 0.01, n / rate - AHEAD, HIGH if n >= rate else NORMAL)
            for n in range(10 * rate)]  # fmt: skip
    (confirmed,) = play(Wired(plant), said, until=12)
    assert 1.5 <= confirmed <= 1.65


@pytest.mark.parametrize("apart", [0.001, 0.1, 0.4])
def test_a_backlog_that_comes_back_to_normal_sounds_nothing(plant: Plant, apart: float) -> None:
    """What was high for most of it is historical, and no siren is heard."""
    said = [(n * apart, n - AHEAD, HIGH if n < 4 else NORMAL) for n in range(6)]
    wired = Wired(plant)
    assert play(wired, said, until=20) == []
    assert [(e.cause, e.historical) for e in told(wired)] == [("raise", True)]


def test_a_backlog_that_ends_high_sounds_within_two_seconds(plant: Plant) -> None:
    """However long it was: what it says last is in alarm, and nobody knows better."""
    said = [(n / 10, 60.0 * n - AHEAD, HIGH) for n in range(10)]
    (confirmed,) = play(Wired(plant), said, until=5)
    assert 2.0 <= confirmed <= 2.1
    said = [(n / 10, 60.0 * n - AHEAD, HIGH if n >= 25 else NORMAL) for n in range(100)]
    (confirmed,) = play(Wired(plant), said, until=12)
    assert 4.5 <= confirmed <= 4.6


@pytest.mark.parametrize("at", [0, 5, 15, 25, 35, 45])
def test_what_was_high_within_a_backlog_sounds_nothing(plant: Plant, at: int) -> None:
    """Wherever in it that was, and however often a second its readings come."""
    said = [(n / 10, 60.0 * n - AHEAD, HIGH if at <= n < at + 4 else NORMAL) for n in range(60)]
    wired = Wired(plant)
    assert play(wired, said, until=15) == []
    assert [(e.cause, e.historical) for e in told(wired)] == [("raise", True)]


def test_a_device_that_came_on_time_is_given_two_seconds(plant: Plant) -> None:
    """Its clock and ours are right: what is late is a backlog, and its line may be slow."""
    on_time = [(n, n - 0.1, NORMAL) for n in range(1, 4)]
    slow = [(100 + 0.7 * n, 10.0 + n, HIGH if n < 2 else NORMAL) for n in range(5)]
    wired = Wired(plant)
    assert play(wired, on_time + slow, until=110) == []
    wired = Wired(plant)
    (confirmed,) = play(wired, [*on_time, (100, 10, HIGH)], until=110)
    assert 102.0 <= confirmed <= 102.1


def test_a_second_backlog_is_waited_for_like_the_first(plant: Plant) -> None:
    """Also while an alarm of the first still stands on what is no longer so."""
    said = [(0.1, 0.1 - AHEAD, HIGH), (0.2, 60.1 - AHEAD, NORMAL)]
    said += [(n + 0.1, n + 60.1 - AHEAD, NORMAL) for n in range(1, 10)]
    said += [(20 + n / 5, 70 + n - AHEAD, HIGH if n < 3 else NORMAL) for n in range(6)]
    wired = Wired(plant)
    assert play(wired, said, until=30) == []
    assert [event.cause for event in told(wired)] == ["raise"]


def test_what_comes_and_goes_sounds(plant: Plant) -> None:
    """A leak that puffs, of a device whose clock lost two minutes: late data clear nothing."""
    said = [(n, n - 0.1, NORMAL) for n in range(1, 4)]
    said += [(200 + n, 80.0 + n, NORMAL if n % 2 else HIGH) for n in range(20)]
    (confirmed,) = play(Wired(plant), said, until=220)
    assert confirmed <= 206


def test_a_fresh_reading_waits_for_nothing(plant: Plant) -> None:
    """A backlog rose and fell, and stands on what is over; now it is high: that is live at once."""
    backlog = [(110 + n / 10, 20.0 + n, HIGH if n < 2 else NORMAL) for n in range(4)]
    said = [(1, 0.9, NORMAL), *backlog, (110.55, 110.5, HIGH)]
    (confirmed,) = play(Wired(plant), said, until=125)
    assert confirmed == pytest.approx(110.55)


def test_what_is_late_again_is_waited_for_again(plant: Plant) -> None:
    """What was said on time since, without a time so that it cleared nothing, is no reason."""
    wired = Wired(plant)
    play(wired, [(1, 0.9, NORMAL), (100, 10, HIGH)], until=100)
    wired.moment(100.1, b'{"x": 20.0}')
    for number in range(1002, 1100):
        wired.moment(number / LOOKS)
    wired.moment(400, said_at(300, HIGH))
    wired.moment(400.1)
    wired.moment(400.2, said_at(301, NORMAL))
    for number in range(4003, 4100):
        wired.moment(number / LOOKS)
    assert causes(wired) == ["raise"]


def test_so_does_one_without_a_time_behind_a_queue(plant: Plant) -> None:
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
        line = wired.line
        wired = Wired(plant, snapshot=line.engine.snapshot(), second=112,
                      statuses=line.desk.statuses, entries=line.desk.entries)  # fmt: skip
    wired.held = True
    for number in range(1121, 1150):
        wired.moment(number / LOOKS)
    wired.moment(115, said_at(12, HIGH))
    wired.held = False
    wired.moment(115.1)
    wired.moment(115.3, said_at(13, NORMAL))
    for number in range(1154, 1250):
        wired.moment(number / LOOKS)
    assert "confirm" not in causes(wired)


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
    for number in range(16, 60):
        wired.moment(number / LOOKS)
    assert causes(wired) == ["raise"]


def test_what_has_a_time_is_waited_for_in_such_a_queue_too(plant: Plant) -> None:
    """Two seconds, though the queue is slow: half a second says nothing of it."""
    wired = Wired(plant)
    wired.moment(1, said_at(1 - AHEAD, HIGH), fenced=True)
    wired.moment(1.9)
    wired.moment(2, said_at(2 - AHEAD, NORMAL), fenced=True)
    for number in range(21, 60):
        wired.moment(number / LOOKS)
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
    for number in range(36, 80):
        wired.moment(number / LOOKS)
    assert causes(wired) == ["raise"]


def test_a_broker_that_waits_for_us_says_nothing(plant: Plant) -> None:
    """While it may send no more, that nothing comes is no sign that a device has ended."""
    wired = Wired(plant)
    wired.moment(0.5, said_at(0.5 - AHEAD, HIGH))
    wired.line.owed.accepted += 1
    for number in range(6, 25):
        wired.moment(number / LOOKS)
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
    again = Wired(plant, snapshot=wired.line.engine.snapshot(), second=1,
                  statuses=wired.line.desk.statuses, entries=wired.line.desk.entries)  # fmt: skip
    again.moment(2.4)
    assert causes(again) == []
    again.moment(2.5)
    assert causes(again) == ["confirm"]


def test_a_restart_forgets_that_the_clock_was_right(plant: Plant) -> None:
    """It may have been lost with the machine's power: half a second is enough again."""
    wired = Wired(plant)
    play(wired, [(n, n - 0.1, NORMAL) for n in range(1, 4)], until=4)
    again = Wired(plant, snapshot=wired.line.engine.snapshot(), second=7200)
    again.moment(7200.5, said_at(5, HIGH))
    again.moment(7201.0)
    assert causes(again) == ["raise", "confirm"]


def test_what_is_derived_from_late_data_sounds_as_soon(tmp_path: Path) -> None:
    """A vote of two, both of them two hours late by our clock."""
    wired = Wired(timed(tmp_path, VOTE))
    for device in (0, 1):
        wired.moment(0.5 + device / 100, said_at(0.5 - AHEAD, HIGH), topic=f"p/{device}")
    wired.moment(1.1)
    events = [each.event for work in wired.work for each in work.transitions]
    assert [e.cause for e in events if e.tag == "V"] == ["raise", "confirm"]


def test_a_device_is_known_while_somebody_waits_for_one(tmp_path: Path) -> None:
    """What it said a minute ago, beside an alarm of another, is no sign that it has ended now."""
    wired = Wired(timed(tmp_path))
    wired.moment(1, said_at(1 - AHEAD, NORMAL), topic="p/1")
    wired.moment(1.1, said_at(1 - AHEAD, HIGH), topic="p/0")
    wired.moment(1.2, said_at(1.1 - AHEAD, NORMAL), topic="p/1")
    for number in range(13, 30):
        wired.moment(number / LOOKS)
    assert causes(wired) == ["raise", "confirm"]
    wired.moment(60, said_at(60 - AHEAD, HIGH), topic="p/1")
    wired.moment(60.4)
    assert causes(wired)[2:] == ["raise"]
    wired.moment(60.5)
    assert causes(wired)[2:] == ["raise", "confirm"]


def test_in_a_flood_all_are_looked_at_once_a_second(tmp_path: Path) -> None:
    """Thousands that are over, and wait for a reading that says so, keep nobody from the gas."""
    path = tmp_path / "site.toml"
    devices = "".join(DEVICE.format(n=n, interval="20s") for n in range(MANY + 1))
    path.write_text(HEAD + devices, encoding="utf-8")
    wired = Wired(load_site(path).plant)
    for at, value in ((1.0, HIGH), (1.1, NORMAL)):
        for device in range(MANY + 1):
            wired.moment(at, b'{"x": %d}' % value, topic=f"p/{device}", fenced=True)
    asked = list[int]()
    live = wired.line.engine.live
    wired.line.engine.live = lambda alarms: asked.append(1) or live(alarms)
    for number in range(21, 51):
        wired.moment(number / LOOKS)
    assert len(asked) == 4
