"""What could never begin, or begins at a healthy sensor, is refused at its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.derived import HEAD
from tests.gateway.pipeline.test_bad_site import problems
from tests.gateway.pipeline.test_sensor_facts import FACTS, POINT, PROFILE, write

#: At a point that measures -20 to 1000 ppm each second: all of this can begin.
SOUND = """health = { spikes = { height = 50, longest = "3s", count = 5, within = "1h" }, \
noise = { height = 15 }, zero = { tolerance = 5, below_for = "10min", above_for = "8h" }, \
saturated = { at = 995, after = "1min" }, fall = { amount = 50, tau = "1h", hold = "1d" } }
stuck = { after = "1h", zero_band = 2 }
limits = { h = 25, hh = 100 }
rate = { limit = 15 }
trend = { horizon = "5min", tau = "4s" }
""".replace("\\\n", "")


def test_what_can_begin_is_taken(tmp_path: Path) -> None:
    """Each of these numbers is one that a site may need."""
    assert load_site(write(tmp_path, SOUND)).plant.rule_sets


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("height = 50", "height = 1020", "health.spikes.height", "as high as all that the device"),
        ("noise = { height = 15", "noise = { height = 2e3", "health.noise.height", "never begin"),
        ("amount = 50", "amount = 1020", "health.fall.amount", "[-20, 1000]: it could never"),
        ('longest = "3s"', 'longest = "999ms"', "health.spikes.longest", "reports every 1s"),
        ('longest = "3s"', 'longest = "61min"', "health.spikes.longest", "longer than within"),
        ("count = 5", "count = 1801", "health.spikes.count", "1801 spikes do not fit into"),
        ("zero_band = 2", "zero_band = 1000", "stuck.zero_band", "nothing could ever be stuck"),
        ('after = "1h"', 'after = "999ms"', "stuck.after", "any two equal readings"),
        ("at = 995", "at = -20", "health.saturated.at", "every value would be saturated"),
        ("at = 995", "at = 1001", "health.saturated.at", "outside what the device measures"),
        ("at = 995", "at = 25", "health.saturated.at", "not above the high limit 25"),
        ("tolerance = 5", "tolerance = 20", "health.zero.below_for", "let range reach below -20"),
        ("tolerance = 5", "tolerance = 1000", "health.zero.tolerance", "zero_above could never"),
        ("limit = 15", "limit = 102", "rate.limit", "a step over all that the device measures"),
        ("limit = 15", 'limit = 6120, per = "1min"', "rate.limit", "less than 6120 over tau = 10s"),
        ("limit = 15", 'limit = 0.001, tau = "25h"', "rate.tau", "take 1d or less"),
        ('tau = "4s"', 'tau = "499ms"', "trend.tau", "take 500ms or more"),
        ('tau = "4s"', "significance = 10.1", "trend.significance", "take 3"),
    ],
)
def test_what_could_not_is_refused(
    tmp_path: Path, old: str, new: str, key: str, words: str
) -> None:
    """One mistake, one problem, at the number that a person has to change."""
    assert old in SOUND
    [found] = problems(write(tmp_path, SOUND.replace(old, new, 1)))
    assert f"point[0].{key}: " in found
    assert words in found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("height = 50", "height = 1019"),
        ("amount = 50", "amount = 1019"),
        ('longest = "3s"', 'longest = "1s"'),
        ("count = 5", "count = 1800"),
        ("zero_band = 2", "zero_band = 999"),
        ("at = 995", "at = 26"),
        ("at = 995", "at = 1000"),
        ("tolerance = 5", "tolerance = 19"),
        ("limit = 15", "limit = 101"),
        ('tau = "4s"', 'tau = "500ms"'),
        ('tau = "4s"', "significance = 10"),
    ],
)
def test_what_just_can_is_taken(tmp_path: Path, old: str, new: str) -> None:
    """A bound refuses nothing that could begin."""
    assert old in SOUND
    assert load_site(write(tmp_path, SOUND.replace(old, new, 1))).plant.rule_sets


def test_what_the_profile_states_is_held_to_the_points_range(tmp_path: Path) -> None:
    """A site that narrows the range makes a height of the profile impossible."""
    health = 'health = { spikes = { longest = "3s", count = 2, within = "1min" } }\n'
    [found] = problems(write(tmp_path, "range = [0, 50]\n" + health))
    assert "point[0].health.spikes.height: 50 is as high as" in found


def test_a_zero_is_watched_on_one_side_alone(tmp_path: Path) -> None:
    """Where no reading lies below zero only the drift up is watched for; nothing is no watch."""
    up = 'range = [0, 100]\nhealth = { zero = { above_for = "8h" } }\n'
    names = {each.rule for each in load_site(write(tmp_path / "a", up)).plant.definitions.of(0)}
    assert "zero_above" in names
    assert "zero_below" not in names
    [found] = problems(write(tmp_path / "b", "health = { zero = { tolerance = 5 } }\n"))
    assert "health.zero: watches nothing" in found


def test_a_current_reaches_beyond_its_range(tmp_path: Path) -> None:
    """From 3.8 mA on a loop measures: a zero that is down by a little shows."""
    signal = FACTS + 'signal = "4-20mA"\n'
    profile = PROFILE.replace("[-20, 1000]", "[0, 100]").replace(
        "expect = {{ nh3 = 12", "expect = {{ nh3 = 50"
    )
    folder = tmp_path / "profiles" / "acme"
    folder.mkdir(parents=True)
    signal = signal.replace("spike = 50", "spike = 20").replace("saturates = 900", "saturates = 99")
    (folder / "gas.toml").write_text(profile.format(facts=signal), encoding="utf-8")
    path = write_point(tmp_path, 'health = { zero = { tolerance = 1.2, below_for = "10min" } }\n')
    assert load_site(path).plant.rule_sets
    path = write_point(tmp_path, 'health = { zero = { tolerance = 1.3, below_for = "10min" } }\n')
    [found] = problems(path)
    assert "[-1.25, 103.125]: zero_below could never begin" in found


def write_point(folder: Path, more: str) -> Path:
    """A site whose profile lies there already."""
    path = folder / "site.toml"
    path.write_text(HEAD + POINT + more, encoding="utf-8")
    return path


@pytest.mark.parametrize("pause", ["1s", "10min"])
def test_a_device_that_reports_on_change_may_be_silent(tmp_path: Path, pause: str) -> None:
    """What a healthy one says again after its keep-alive is not stuck."""
    profile = PROFILE.replace('interval = "1s"', f'interval = "1s"\nkeep_alive = "{pause}"')
    folder = tmp_path / "profiles" / "acme"
    folder.mkdir(parents=True)
    (folder / "gas.toml").write_text(profile.format(facts=FACTS), encoding="utf-8")
    found = problems_or_none(write_point(tmp_path, 'stuck = { after = "5min" }\n'))
    assert ["shorter than 10min" in each for each in found] == ([True] if pause == "10min" else [])


def problems_or_none(path: Path) -> list[str]:
    """Every problem of a site that may have none."""
    try:
        load_site(path)
    except ConfigError as error:
        return list(error.problems)
    return []
