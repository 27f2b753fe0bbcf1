"""When what rests on late data sounds: soon, but not while a backlog is still handed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.pipeline.plant import Plant
from gateway.roles.edge.confirming import MANY
from gateway.roles.edge.site import load_site
from tests.gateway.roles.edge.late import AHEAD, HIGH, NORMAL, causes, play, said_at, wait
from tests.gateway.roles.edge.test_source_times import plant_of, told
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import DEVICE, HEAD

VOTE = """[[derived]]
tag = "V"
area = "A1"
vote = { of = ["T0", "T1"], need = 2 }
limits = { h = 90 }
"""


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return plant_of(tmp_path)


def timed(folder: Path, more: str = "") -> Plant:
    """Two devices that state their times, and what else there is."""
    path = folder / "site.toml"
    devices = (DEVICE.format(n=n, interval="20s") + "range = [0, 1000]\n" for n in (0, 1))
    stated = (
        each.replace('"\n[[device.point', '"\ntime = "/ts"\n[[device.point') for each in devices
    )
    path.write_text(HEAD + "".join(stated) + more, encoding="utf-8")
    return load_site(path).plant


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
    wait(wired, 100.1, 109.9)
    wired.moment(400, said_at(300, HIGH))
    wired.moment(400.1)
    wired.moment(400.2, said_at(301, NORMAL))
    wait(wired, 400.2, 409.9)
    assert causes(wired) == ["raise"]


def test_what_was_over_sounds_no_sooner(plant: Plant) -> None:
    """Than what was not: of a backlog it is the next that counts, and the next."""
    said = [(1000 + n / 10, 10.0 * n + 10, HIGH if n in {30, 32} else NORMAL) for n in range(60)]
    for known in ([], [(1, 0.9, NORMAL)]):
        assert play(Wired(plant), [*known, *said], until=1020) == []
    wired = Wired(plant)
    for number, value in enumerate((HIGH, NORMAL, HIGH)):
        wired.moment(1 + number / 10, b'{"x": %d}' % value, fenced=True)
    wired.moment(1.4)
    assert causes(wired) == ["raise"]


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
    wait(wired, 1.2, 2.9)
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
    wait(wired, 2, 5)
    assert len(asked) == 4
