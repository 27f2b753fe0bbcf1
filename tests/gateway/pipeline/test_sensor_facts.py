"""Heights that a profile states of its sensor need not be written again in a site file."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.drift import DriftParams
from detectors.limit import LimitParams
from detectors.noise import NoiseParams
from detectors.rules import Params
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.derived import HEAD
from tests.gateway.pipeline.test_bad_site import problems

FACTS = "noise = 2\nspike = 50\nzero_drift = 5\nsaturates = 900\nnoise_floor = 0.5\n"
PROFILE = """id = "acme/gas"
title_en = "Gas"
title_zh = "Gas"
vendor = "Acme"
model = "Gas"
payload = "json"
time = "/ts"
interval = "1s"
[channel.nh3]
pointer = "/nh3"
quantity = "nh3"
unit = "ppm"
range = [-20, 1000]
{facts}[[example]]
payload = '{{"ts": 1767225600, "nh3": 12}}'
expect = {{ nh3 = 12 }}
"""
POINT = """[[device]]
id = "d1"
profile = "acme/gas"
area = "CS1"
topic = "plant/d1"
[[device.point]]
channel = "nh3"
tag = "AT-1"
"""
HEALTH = """health = { spikes = { longest = "3s", count = 2, within = "1min" }, noise = {}, \
zero = { below_for = "10min" }, saturated = { after = "1min" } }
stuck = { after = "1h" }
""".replace("\\\n", "")


def write(folder: Path, point: str = HEALTH, facts: str = FACTS) -> Path:
    """A site of one point whose profile states these facts."""
    profiles = folder / "profiles" / "acme"
    profiles.mkdir(parents=True)
    (profiles / "gas.toml").write_text(PROFILE.format(facts=facts))
    path = folder / "site.toml"
    path.write_text(HEAD + POINT + point)
    return path


def rules(plant: Plant) -> dict[str, Params]:
    """What is watched at the point, by the name of the alarm."""
    names = (each.rule for each in plant.definitions.of(0))
    return dict(zip(names, (each.params for each in plant.rule_sets[0]), strict=False))


def test_what_the_profile_states_is_taken(tmp_path: Path) -> None:
    """Healthy noise turns back by three of its deviations; the other heights are as stated."""
    found = rules(load_site(write(tmp_path)).plant)
    assert found["spikes"] == SpikeParams(50.0, 3.0, 2, 60.0)
    assert found["noise"] == NoiseParams(6.0, 60)
    assert found["zero_below"] == DriftParams(5.0, 300.0, 1800.0)
    assert found["saturated"] == LimitParams(900.0, high=True)
    assert found["stuck"] == StuckParams(0.5, 3600.0)


def test_what_the_site_states_wins(tmp_path: Path) -> None:
    """A height in the site file stands above the profile's."""
    own = HEALTH.replace("noise = {}", "noise = { height = 9 }").replace(
        "after =", "at = 800, after =", 1
    )
    found = rules(load_site(write(tmp_path, own)).plant)
    assert found["noise"] == NoiseParams(9.0, 60)
    assert found["saturated"] == LimitParams(800.0, high=True)


def test_facts_are_in_the_points_unit(tmp_path: Path) -> None:
    """A conversion takes them along."""
    unit = 'unit = "mg/m3"\nconvert = { from = "ppm", molar_mass = 17.031, temperature = 20 }\n'
    found = rules(load_site(write(tmp_path, unit + HEALTH)).plant)
    spikes, stuck = found["spikes"], found["stuck"]
    assert isinstance(spikes, SpikeParams)
    assert isinstance(stuck, StuckParams)
    factor = 17.031 / 24.055
    assert spikes.height == pytest.approx(50 * factor, rel=1e-4)
    assert stuck.floor == pytest.approx(0.5 * factor, rel=1e-4)


@pytest.mark.parametrize(
    ("facts", "unit"),
    [("", ""), (FACTS, 'unit = "mV"\nscale = 2\nrange = [0, 10]\n')],
    ids=["nothing stated", "stated of another unit"],
)
def test_what_nobody_states_is_asked_for(tmp_path: Path, facts: str, unit: str) -> None:
    """Each missing height at its key; what a profile says in ppm says nothing of a voltage."""
    found = problems(write(tmp_path, unit + HEALTH, facts))
    for key in ("spikes.height", "noise.height", "zero.tolerance", "saturated.at"):
        assert any(f"point[0].health.{key}: is missing; acme/gas states no" in p for p in found)
    assert any("point[0].stuck: acme/gas states no noise_floor" in each for each in found)
