"""Calibrations and gas tests that are overdue: by the clock, once, until a new date is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gateway.config import ConfigError
from gateway.pipeline.overdue import LATE, Overdue
from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import inspect_site, load_site
from gateway.roles.replay import replay_file
from tests.gateway.pipeline.derived import SECOND
from tests.gateway.pipeline.needing import GAS, OXYGEN, PROFILE, device, write
from tests.gateway.pipeline.test_bad_site import problems

DAY = 86_400 * SECOND
#: 2026-06-01, midnight in UTC.
JUNE = 20_605 * DAY
YEARLY = PROFILE.replace("min_oxygen = 10", 'min_oxygen = 10\ncalibration = "180d"')
DATED = "calibrated = 2026-06-01"


def plant(folder: Path, more: str, profile: str = YEARLY) -> Plant:
    """A gas and an oxygen point, more said of the first."""
    return load_site(path_of(folder, more, profile)).plant


def path_of(folder: Path, more: str, profile: str = YEARLY) -> Path:
    path = write(folder, device(1, GAS, OXYGEN, more=more))
    (folder / "profiles" / "acme" / "cat.toml").write_text(profile, encoding="utf-8")
    return path


def told(overdue: Overdue, plant: Plant, *now_ns: int) -> list[tuple[str, bool, int]]:
    """What a tick at each of these instants tells."""
    return [
        (plant.definitions.alarm(each.row), each.active, each.time_ns)
        for now in now_ns
        for each in overdue.tick(now)
    ]


def test_a_calibration_is_overdue_when_its_interval_has_passed(tmp_path: Path) -> None:
    """Not a second before, once, and nothing is looked at between."""
    site = plant(tmp_path, DATED)
    overdue, due = Overdue(site), JUNE + 180 * DAY
    assert told(overdue, site, JUNE, due - SECOND) == []
    assert overdue.next_due() == due
    assert told(overdue, site, due, due + SECOND) == [("gw/GT-1/calibration_overdue", True, due)]
    assert overdue.next_due() == LATE
    definition = site.definitions.get("gw/GT-1/calibration_overdue")
    assert definition is not None
    assert (definition.sounds, definition.area, definition.title_zh) == (False, "CS1", "校准逾期")
    assert site.definitions.get("gw/OT-1/calibration_overdue") is None


def test_a_restart_raises_nothing_twice_and_a_new_date_ends_it(tmp_path: Path) -> None:
    """What stood is known; another file, with a newer date, is all that ends it."""
    late = JUNE + 200 * DAY
    alarm = "gw/GT-1/calibration_overdue"
    old = plant(tmp_path, DATED)
    assert told(Overdue(old, [alarm, "gw/GT-1/h"]), old, late, late + SECOND) == []
    new = plant(tmp_path, "calibrated = 2026-12-10")
    overdue = Overdue(new, [alarm])
    assert told(overdue, new, late, late + SECOND) == [(alarm, False, late)]
    assert overdue.next_due() == JUNE + (192 + 180) * DAY


def test_who_says_no_date_was_never_calibrated(tmp_path: Path) -> None:
    """The profile asks for it and the file is silent: the gateway starts, and says so."""
    site = plant(tmp_path, "")
    assert told(Overdue(site), site, JUNE) == [("gw/GT-1/calibration_overdue", True, JUNE)]
    unasked = plant(tmp_path, "", PROFILE)
    assert unasked.definitions.get("gw/GT-1/calibration_overdue") is None
    assert told(Overdue(unasked), unasked, JUNE) == []
    assert Overdue(unasked).next_due() == LATE


def test_a_gas_test_has_its_own_interval(tmp_path: Path) -> None:
    """The site's own; never tested is overdue at once."""
    site = plant(tmp_path, f'{DATED}\ngas_test = "30d"\ngas_tested = 2026-06-11T08:00:00+08:00')
    overdue = Overdue(site)
    assert told(overdue, site, JUNE + 40 * DAY - SECOND) == []
    (first,) = told(overdue, site, JUNE + 40 * DAY)
    assert first[:2] == ("gw/GT-1/gas_test_overdue", True)
    never = plant(tmp_path, f'{DATED}\ngas_test = "30d"')
    assert told(Overdue(never), never, JUNE)[0][0] == "gw/GT-1/gas_test_overdue"


def test_a_site_may_calibrate_more_often_than_it_must(tmp_path: Path) -> None:
    """Its own interval counts; a longer one than the sensor's is refused."""
    site = plant(tmp_path, f'{DATED}\ncalibration = "90d"')
    assert told(Overdue(site), site, JUNE + 90 * DAY)[0][1]
    (problem,) = problems(path_of(tmp_path, f'{DATED}\ncalibration = "181d"'))
    assert "point[0].calibration: 181d is longer than 180d" in problem
    free = plant(tmp_path, f'{DATED}\ncalibration = "181d"', PROFILE)
    assert told(Overdue(free), free, JUNE + 181 * DAY)[0][1]


def test_a_clock_that_is_set_back_takes_back_what_it_raised(tmp_path: Path) -> None:
    """Raised by a clock that was years ahead, it ends when that is set right."""
    site = plant(tmp_path, DATED)
    overdue = Overdue(site)
    found = told(overdue, site, JUNE + 4000 * DAY, JUNE + DAY, JUNE + 2 * DAY)
    assert [each[1:] for each in found] == [(True, JUNE + 4000 * DAY), (False, JUNE + DAY)]
    assert overdue.next_due() == JUNE + 180 * DAY


def test_a_whole_plant_is_told_in_turn(tmp_path: Path) -> None:
    """All were calibrated on one day: so many a second, each with the second it fell due."""
    path = write(tmp_path, *(device(n, GAS, OXYGEN, more=DATED) for n in range(10)))
    (tmp_path / "profiles" / "acme" / "cat.toml").write_text(YEARLY, encoding="utf-8")
    site = load_site(path).plant
    overdue, due = Overdue(site, most=4), JUNE + 180 * DAY
    sizes = [len(told(overdue, site, due + n * SECOND)) for n in range(5)]
    assert sizes == [4, 4, 2, 0, 0]


def test_points_that_differ_in_their_dates_alone_are_of_one_kind(tmp_path: Path) -> None:
    """A site with a date of its own at each of half a million points has a few kinds of them."""
    dated = (device(n, GAS, OXYGEN, more=f"calibrated = 2026-06-{n:02}") for n in range(1, 9))
    path = write(tmp_path, *dated)
    (tmp_path / "profiles" / "acme" / "cat.toml").write_text(YEARLY, encoding="utf-8")
    site = load_site(path).plant
    assert len(site.definitions.kinds) == 2
    assert np.diff(site.deadlines[0].at_ns).tolist() == [DAY] * 7


@pytest.mark.parametrize(
    ("more", "profile", "key", "words"),
    [
        (DATED, PROFILE, "calibrated", 'how often; write it, as in calibration = "180d"'),
        ("gas_tested = 2026-06-01", YEARLY, "gas_tested", 'as in gas_test = "30d"'),
        ("calibrated = 2026-06-01T08:00:00", YEARLY, "calibrated", "names no zone"),
        ('calibrated = "1 June"', YEARLY, "calibrated", "is no date; write it as 2026-06-01"),
        ("calibrated = 2026", YEARLY, "calibrated", "2026 is no date"),
        ('gas_test = "0d"', YEARLY, "gas_test", "0d"),
        ('gas_test = "23h"', YEARLY, "gas_test", "23h is shorter than 1d"),
        (f'{DATED}\ncalibration = "180min"', YEARLY, "calibration", "is shorter than 1d"),
        ("calibrated = 0206-06-01", YEARLY, "calibrated", "the year 206 is not within 1970 to"),
        ("calibrated = 0001-01-01T00:00:00+14:00", YEARLY, "calibrated", "the year 1 is not"),
        ("calibrated = 2926-06-01", YEARLY, "calibrated", "the year 2926 is not within 1970 to"),
        ("calibrated = 9999-12-31T23:59:59-23:00", YEARLY, "calibrated", "mend the year"),
    ],
)
def test_a_date_that_leads_to_nothing_is_refused(
    tmp_path: Path, more: str, profile: str, key: str, words: str
) -> None:
    """Each at its key, with what to write."""
    found = problems(path_of(tmp_path, more, profile))
    assert len(found) == 1
    assert f"device[0].point[0].{key}: " in found[0]
    assert words in found[0]


@pytest.mark.parametrize("date", ["1970-01-01", "2261-12-31T23:59:59.9-23:59"])
def test_every_year_that_a_clock_can_have_starts(tmp_path: Path, date: str) -> None:
    """What would fall due beyond the last instant that ns can tell does so then."""
    site = plant(tmp_path, f'calibrated = {date}\ngas_test = "3650d"\ngas_tested = {date}')
    assert all(each.at_ns.dtype == np.int64 for each in site.deadlines)
    assert told(Overdue(site), site, JUNE) == (
        [("gw/GT-1/calibration_overdue", True, JUNE), ("gw/GT-1/gas_test_overdue", True, JUNE)]
        if date.startswith("1970")
        else []
    )


@pytest.mark.parametrize("ahead", [2, 400])
def test_a_date_that_has_not_come_is_refused_by_check_alone(tmp_path: Path, ahead: int) -> None:
    """A mistyped year would put the alarm off; an edge whose clock is not set must start."""
    path = path_of(tmp_path, DATED)
    with pytest.raises(ConfigError) as found:
        inspect_site(path, now_ns=JUNE - ahead * DAY)
    (problem,) = found.value.problems
    assert "device[0].point[0].calibrated: lies in the future" in problem
    assert load_site(path).plant.deadlines


@pytest.mark.parametrize("behind", [-DAY, 0, DAY])
def test_a_date_of_today_is_one_in_every_zone(tmp_path: Path, behind: int) -> None:
    """East of Greenwich a day begins before it does in UTC."""
    assert inspect_site(path_of(tmp_path, DATED), now_ns=JUNE + behind).plant.deadlines


def test_a_table_states_dates_of_its_own(tmp_path: Path) -> None:
    """In a column, as a date or a time; each point of the table has its own."""
    (tmp_path / "unit.csv").write_text(
        "channel,tag,calibrated,gas_test,gas_tested\n"
        "gas,{device}-GT,2026-06-01,30d,2026-06-01T00:00:00Z\no2,{device}-OT,,,\n",
        encoding="utf-8",
    )
    path = write(tmp_path, device(1) + 'points = "unit.csv"\n')
    (tmp_path / "profiles" / "acme" / "cat.toml").write_text(YEARLY, encoding="utf-8")
    found = {each.rule: each.at_ns.tolist() for each in load_site(path).plant.deadlines}
    assert found == {
        "calibration_overdue": [JUNE + 180 * DAY], "gas_test_overdue": [JUNE + 30 * DAY],
    }  # fmt: skip


def test_another_date_is_another_configuration(tmp_path: Path) -> None:
    """A start tells by which configuration it runs: a new date is a new one."""
    hashes = {load_site(path_of(tmp_path, f"calibrated = 2026-06-0{day}")).hash for day in (1, 2)}
    assert len(hashes) == 2


def test_a_replay_runs_on_the_recordings_time(tmp_path: Path) -> None:
    """Overdue in the second it was, in any batch, on any number of workers."""
    path = path_of(tmp_path, f'{DATED}\ngas_test = "1d"')
    due = JUNE + 180 * DAY
    source = tmp_path / "r.csv"
    rows = [f"{due // SECOND + n},1,20.9" for n in range(-3, 5)]
    source.write_text("\n".join(["time,GT-1,OT-1", *rows]), encoding="utf-8")
    found = []
    for batch, workers in ((4096, 1), (1, 1), (64, 2)):
        out = tmp_path / f"{batch}.{workers}.jsonl"
        summary = replay_file(load_site(path), source, out, batch=batch, workers=workers)
        found.append(out.read_bytes())
    assert found[1:] == found[:1] * 2
    assert summary.moves == {
        "gw/GT-1/calibration_overdue": [due], "gw/GT-1/gas_test_overdue": [due - 3 * SECOND],
    }  # fmt: skip


def test_a_machine_that_starts_in_1970_ends_nothing(tmp_path: Path) -> None:
    """What is overdue is told once: a clock without a date ends nothing, and NTP raises nothing."""
    site = plant(tmp_path, DATED)
    due = JUNE + 180 * DAY
    overdue = Overdue(site, ["gw/GT-1/calibration_overdue"])
    assert told(overdue, site, *range(0, 7200 * SECOND, SECOND), due + DAY, due + 2 * DAY) == []


def test_a_clock_behind_what_was_known_is_doubted_for_an_hour(tmp_path: Path) -> None:
    """An image's date ends nothing while NTP may still come; a date that stays ends it."""
    site = plant(tmp_path, DATED)
    due = JUNE + 180 * DAY
    overdue = Overdue(site, ["gw/GT-1/calibration_overdue"])
    overdue.doubt(due + DAY)
    hour = range(JUNE, JUNE + 3600 * SECOND, SECOND)
    assert told(overdue, site, *hour, due + DAY) == []
    overdue.doubt(due + DAY)
    assert told(overdue, site, *hour) == []
    last = JUNE + 3600 * SECOND
    assert told(overdue, site, last) == [("gw/GT-1/calibration_overdue", False, last)]
