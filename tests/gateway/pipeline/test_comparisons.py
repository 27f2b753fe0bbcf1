"""Only instruments that measure the same thing are compared, and only for what that can tell."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import numpy as np
import pytest

from detectors.deviation import DeviationParams
from detectors.vote import MemberFacts
from gateway.pipeline.comparisons import farthest, widest
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.derived import HEAD
from tests.gateway.pipeline.test_bad_site import problems

HEAD_OF_GAS = """[[device]]
id = "d{n}"
profile = "generic/json"
area = "{area}"
topic = "plant/d{n}"
time = "/ts"
[[device.point]]
channel = "gas"
tag = "AT-{n}"
pointer = "/v"
unit = "{unit}"
interval = "1s"
range = [0, {top}]
"""
OTHER_AREA = '[[area]]\nid = "ME5"\nname = "Furnace"\nhazard = "metallurgy"\n'
METHANE = 'convert = {{ from = "{}", lel = 5.0, basis = "IEC 60079-20-1:2010" }}\n'
PROPANE = 'convert = { from = "%vol", lel = 1.7, basis = "IEC 60079-20-1:2010" }\n'
COMPARED = '[[derived]]\ntag = "X"\narea = "CS1"\nlimits = {{ h = {h} }}\n{how}\n'
VOTE = 'vote = { of = ["AT-1", "AT-2"], need = 1 }'
SPREAD = 'spread = { of = ["AT-1", "AT-2"] }'


def point(n: int, *, area: str = "CS1", unit: str = "%LEL", top: int = 100, more: str = "") -> str:
    """A head of its own device."""
    return HEAD_OF_GAS.format(n=n, area=area, unit=unit, top=top) + more


def site(folder: Path, one: str, other: str, *, how: str, h: float = 25) -> Path:
    """Two heads, and what compares them."""
    path = folder / "site.toml"
    compared = COMPARED.format(how=how, h=h)
    path.write_text(HEAD + OTHER_AREA + one + other + compared, encoding="utf-8")
    return path


@pytest.mark.parametrize("how", [VOTE, SPREAD])
@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (point(1), point(2, more=PROPANE), "AT-2 has basis 'LEL 1.7 %vol, IEC 60079-20-1:2010'"),
        (point(1, more=METHANE.format("%vol")), point(2, more=PROPANE), "AT-1 'LEL 5 %vol, IEC"),
        (point(1), point(2, area="ME5"), "AT-2 has hazard 'metallurgy', AT-1 'confined_space'"),
    ],
    ids=["native and converted", "two gases", "two hazards"],
)
def test_a_unit_that_means_another_thing_is_not_compared(
    tmp_path: Path, one: str, other: str, words: str, how: str
) -> None:
    """20 %LEL of one gas are not 20 %LEL of another; and a sentence is told once."""
    [found] = problems(site(tmp_path, one, other, how=how))
    assert f"derived[0].{how.partition(' ')[0]}: " in found
    assert words in found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (point(1), point(2)),
        (point(1, more=METHANE.format("%vol")), point(2, more=METHANE.format("ppm"))),
        (point(1, unit="ppm"), point(2, unit="ppm", more='convert = { from = "%vol" }\n')),
    ],
    ids=["as reported", "one limit", "ppm"],
)
def test_one_meaning_in_another_unit_is_compared(tmp_path: Path, one: str, other: str) -> None:
    """What the devices report in is no matter where the point's unit means the same."""
    assert load_site(site(tmp_path, one, other, how=VOTE)).plant.derivations


def test_a_spread_reaches_over_both_ranges(tmp_path: Path) -> None:
    """A limit that only the wider member can bring about is one."""
    one, other = point(1), point(2, top=200)
    assert load_site(site(tmp_path, one, other, how=SPREAD, h=150)).plant.derivations
    [found] = problems(site(tmp_path, one, other, how=SPREAD, h=201))
    assert "derived[0].limits.h: " in found
    facts = MemberFacts("A", "gas", "ppm", 0.0, None)
    assert widest([facts]) is None


def test_what_only_tells_how_fast_it_moves_is_taken(tmp_path: Path) -> None:
    """A vote with a rate and no limit raises an alarm."""
    path = site(tmp_path, point(1), point(2), how=VOTE + "\nrate = { limit = 1 }")
    path.write_text(path.read_text().replace("limits = { h = 25 }\n", ""), encoding="utf-8")
    assert load_site(path).plant.derivations


@pytest.mark.parametrize("unit", ["K", "%"])
@pytest.mark.parametrize("point", [(0.0, 50.0), (-20.0, 30.0), (-9.0, -3.0)])
@pytest.mark.parametrize("other", [(2.0, 10.0), (-5.0, 10.0), (0.0, 4.0), (-4.0, -1.0)])
@pytest.mark.parametrize("curve", [(), ((-5.0, 1.0), (3.0, 8.0), (10.0, 4.0))])
def test_no_deviation_lies_beyond(
    point: tuple[float, float],
    other: tuple[float, float],
    curve: tuple[tuple[float, float], ...],
    unit: str,
) -> None:
    """Nothing that the two members can mean gives more; and without a curve the ends are met."""
    percent = unit == "%"
    params = DeviationParams(curve, percent=percent)
    one, two = MemberFacts("A", "t", "K", *point), MemberFacts("B", "t", "K", *other)
    bases = np.linspace(*other, 201)
    aims = np.interp(bases, *zip(*curve, strict=True)) if curve else bases
    values = np.linspace(*point, 201)[:, None]
    if percent:
        aims = aims[aims > 0]
    told = farthest(params, one, two)
    if not aims.size:
        assert told is None
        return
    assert told is not None
    off = (values - aims) * (100.0 / aims if percent else 1.0)
    assert told[0] - 1e-9 <= off.min()
    assert off.max() <= told[1] + 1e-9
    if not curve:
        met = [
            abs(end - seen) < 1e-6 for end, seen in zip(told, (off.min(), off.max()), strict=True)
        ]
        assert met == [isfinite(end) for end in told]


def test_without_a_range_nothing_is_known() -> None:
    """A deviation from a point that states no range may be anything."""
    one = MemberFacts("A", "t", "K", 0.0, 1.0)
    assert farthest(DeviationParams(), one, MemberFacts("B", "t", "K", None, None)) is None
