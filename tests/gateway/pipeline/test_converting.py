"""A point in the unit that its rule prints, of a device that reports in another."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.stuck import StuckParams
from device_profiles.quality import Quality
from device_profiles.units import molar_volume
from gateway.pipeline.alarm_list import alarm_rows
from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.test_bad_site import SITE, problems

HEAD = SITE[: SITE.index("[[area]]")] + (
    '[[area]]\nid = "CS1"\nname = "Tank"\nhazard = "confined_space"\n'
    '[[device]]\nid = "d1"\nprofile = "generic/multigas-4"\narea = "CS1"\ntopic = "plant/d1"\n'
)
OPEN = HEAD.replace("generic/multigas-4", "generic/json")
NH3 = (
    '[[device.point]]\nchannel = "nh3"\npointer = "/nh3"\ntag = "CS1-AT-101"\nunit = "mg/m3"\n'
    'rules = ["confined.nh3_mg_m3"]\nrange = [0, 700]\n'
    'convert = { from = "ppm", molar_mass = 17.031, temperature = 20 }\n'
)
CO = (
    '[[device.point]]\nchannel = "co"\ntag = "CS1-AT-102"\nunit = "mg/m3"\n'
    'convert = { from = "ppm", molar_mass = 28.010, temperature = 20 }\n'
)
METHANE = (
    '[[device.point]]\nchannel = "combustible"\ntag = "CS1-AT-103"\nunit = "%vol"\n'
    'oxygen = "none"\n'
    'rules = ["confined.combustible_lel_from_4"]\n'
    'convert = { from = "%LEL", lel = 5.0, basis = "GB/T 50493-2019 app. A" }\n'
)
PPM_TO_MASS = 28.010 / molar_volume(20.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


def load(path: Path, text: str) -> Plant:
    path.write_text(text, encoding="utf-8")
    return load_site(path).plant


def refused(path: Path, text: str) -> list[str]:
    """What is told of a file, without its name."""
    path.write_text(text, encoding="utf-8")
    return [each.removeprefix(f"{path}:") for each in problems(path)]


def values(plant: Plant, payload: str) -> list[tuple[float, str]]:
    """Value and quality of each point that a payload gives."""
    decoded = plant.devices[0].plan.decode(payload.encode())
    names = (Quality(quality).name for quality in decoded.qualities)
    return list(zip(decoded.values, names, strict=True))


def test_a_device_in_ppm_meets_a_limit_in_mass(path: Path) -> None:
    """The reading is converted; the limit stays what the standard prints."""
    plant = load(path, OPEN + NH3)
    ((value, quality),) = values(plant, '{"ts": 1767225600, "nh3": 100}')
    assert (value, quality) == (pytest.approx(70.80, abs=0.01), "GOOD")
    assert [each.limit for each in plant.definitions][:2] == [30.0, 60.0]
    assert plant.points[0].unit == "mg/m3"


def test_range_and_scale_of_the_profile_follow(path: Path) -> None:
    """1000 ppm of CO are 1164 mg/m3: the end of the scale is GOOD, beyond it is BAD."""
    plant = load(path, HEAD + CO)
    payload = '{{"ts": 1767225600, "o2": 20.9, "lel": 0, "h2s": 0, "co": {}}}'
    assert values(plant, payload.format(1000)) == [(1000 * PPM_TO_MASS, "GOOD")]
    assert values(plant, payload.format(0)) == [(0.0, "GOOD")]
    assert values(plant, payload.format(1001))[0][1] == "ABOVE_RANGE"
    assert values(plant, payload.format(65535))[0][1] == "SENTINEL"
    assert (plant.points[0].low, plant.points[0].high) == (0.0, 1000 * PPM_TO_MASS)


def test_a_limit_beyond_the_converted_range_is_refused(path: Path) -> None:
    """1200 mg/m3 are more than the device can measure, 1100 are not."""
    load(path, HEAD + CO + "limits = { h = 1100 }\n")
    [told] = refused(path, HEAD + CO + "limits = { h = 1200 }\n")
    assert "h = 1200 mg/m3 is outside what the device measures [0, 1164.41]" in told


def test_a_share_of_the_explosive_limit_is_a_volume(path: Path) -> None:
    """12 %LEL of methane are 0.6 %vol, above the 0.5 %vol of GB 30871."""
    plant = load(path, HEAD + METHANE)
    payload = '{"ts": 1767225600, "o2": 20.9, "lel": 12, "h2s": 0, "co": 0}'
    assert values(plant, payload) == [(pytest.approx(0.6), "GOOD")]
    assert plant.points[0].high == pytest.approx(5.0)


def test_a_range_of_the_sites_own_is_in_the_points_unit(path: Path) -> None:
    """Nothing is done to it: the site wrote it in the unit of the point."""
    plant = load(path, HEAD + CO + "range = [0, 500]\n")
    assert (plant.points[0].low, plant.points[0].high) == (0.0, 500.0)
    payload = '{"ts": 1767225600, "o2": 20.9, "lel": 0, "h2s": 0, "co": 450}'
    assert values(plant, payload)[0][1] == "ABOVE_RANGE"


def test_the_ends_of_a_scaled_range_stay_good(path: Path, tmp_path: Path) -> None:
    """A transmitter's 4 and 20 mA are the ends of its range after any conversion."""
    profiles = tmp_path / "profiles" / "acme"
    profiles.mkdir(parents=True)
    for number, (scale, offset, span) in enumerate([(6.25, -25.0, 100), (0.3, -1.2, 4.8)]):
        (profiles / f"loop-{number}.toml").write_text(
            f'id = "acme/loop-{number}"\ntitle_en = "Loop"\ntitle_zh = "Loop"\nvendor = "Acme"\n'
            f'model = "Loop"\npayload = "json"\ntime = "/ts"\ninterval = "1s"\n[channel.co]\n'
            f'pointer = "/ma"\nquantity = "co"\nunit = "ppm"\nscale = {scale}\noffset = {offset}\n'
            f"range = [0, {span}]\nnoise_floor = 0.5\n"
            '[[example]]\npayload = \'{"ts": 1767225600, "ma": 12}\'\n'
            f"expect = {{ co = {12 * scale + offset} }}\n",
            encoding="utf-8",
        )
        for molar_mass in (2.016, 16.043, 28.01, 78.11, 106.17):
            point = CO.replace("28.010", str(molar_mass))
            site = HEAD.replace("generic/multigas-4", f"acme/loop-{number}") + point
            plant = load(path, site + 'stuck = { after = "1h" }\n')
            for current in (4, 20):
                payload = f'{{"ts": 1767225600, "ma": {current}}}'
                assert values(plant, payload)[0][1] == "GOOD", (molar_mass, current)
            (stuck,) = (r.params for r in plant.rule_sets[0] if isinstance(r.params, StuckParams))
            assert stuck.floor == pytest.approx(0.5 * molar_mass / molar_volume(20.0))


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("molar_mass = 28.010, ", "", 20, "convert.molar_mass: is missing; mg/m3 depends on it"),
        (", temperature = 20", "", 20, "convert.temperature: is missing; mg/m3 depends on it"),
        ("temperature = 20", "temperature = 293", 20, "293 cannot be; it is in degC; kelvin"),
        ("temperature = 20", "temperature = 20, lel = 5.0", 20, "convert.lel: has no part in ppm"),
        ('from = "ppm"', 'from = "%vol"', 20, "'%vol' is not 'ppm', in which generic/multigas-4"),
        ('unit = "mg/m3"\n', "", 19, "convert: the point is in ppm, as the device reports"),
        ('unit = "mg/m3"', 'unit = "kPa"', 19, "unit: 'kPa' is none of ppm, %vol, %LEL, mg/m3"),
        ('from = "ppm", ', "", 20, "convert.from: is missing"),
        ("temperature = 20", 'temperature = "20"', 20, "convert.temperature: input should be"),
        ("temperature = 20", "temperature_c = 20", 20, "unknown key; did you mean 'temperature'?"),
        ('unit = "mg/m3"', 'unit = "mg/m3"\nscale = 1.16\nrange = [0, 1000]', 22, "beside scale"),
        ('unit = "mg/m3"', 'unit = "mg/m3"\noffset = 1', 21, "beside scale or offset"),
    ],
)  # fmt: skip
def test_what_a_conversion_lacks_is_told(
    path: Path, old: str, new: str, line: int, words: str
) -> None:
    """One problem, at its line, that says what to write."""
    assert CO.count(old) == 1
    [told] = refused(path, HEAD + CO.replace(old, new))
    assert words in told
    assert told.startswith(f"{line}: "), told


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"GB/T 50493-2019 app. A"', '"my book"', "known: GB/T 50493-2019 app. A, IEC 60079-20-1"),
        (', basis = "GB/T 50493-2019 app. A"', "", "convert.basis: is missing; %LEL depends on it"),
        ("lel = 5.0, ", "", "convert.lel: is missing; %LEL depends on it"),
    ],
)
def test_an_explosive_limit_without_a_basis_is_refused(
    path: Path, old: str, new: str, words: str
) -> None:
    """Standards differ by up to 24 %: whose limit it is must be one that is known."""
    [told] = refused(path, HEAD + METHANE.replace(old, new))
    assert words in told


def test_a_unit_that_could_be_converted_says_how(path: Path) -> None:
    """The hint is what the site then writes, but for the numbers."""
    lacking = "\n".join(each for each in CO.splitlines() if "convert" not in each)
    [told] = refused(path, HEAD + lacking + "\n")
    assert (
        "unit: 'mg/m3' is not 'ppm', in which generic/multigas-4 reports; write that unit, or "
        'add convert = { from = "ppm", molar_mass = ..., temperature = ... }'
    ) in told
    [told] = refused(path, HEAD + lacking.replace("mg/m3", "kPa") + "\n")
    assert "fold the conversion into scale, with range" in told


def test_a_rule_in_another_unit_says_how(path: Path) -> None:
    """A point in ppm whose rule prints mg/m3 is told the unit and the conversion to write."""
    plain = NH3.replace('unit = "mg/m3"', 'unit = "ppm"').partition("convert")[0]
    [told] = refused(path, OPEN + plain)
    assert (
        'prints its limits in mg/m3, the point is in ppm; write unit = "mg/m3" and add '
        'convert = { from = "ppm", molar_mass = ..., temperature = ... }'
    ) in told


def test_a_printed_pair_is_not_recomputed(path: Path) -> None:
    """CO 30 mg/m3 and 24 ppm are one limit, printed twice: the device's unit decides."""
    [told] = refused(path, HEAD + CO + 'rules = ["confined.co_mg_m3"]\n')
    assert "confined.co_mg_m3 and confined.co print the same limits in mg/m3 and ppm" in told
    assert 'take confined.co with unit = "ppm", without convert' in told
    plain = '[[device.point]]\nchannel = "co"\ntag = "CS1-AT-102"\n'
    [told] = refused(path, HEAD + plain + 'rules = ["confined.co_mg_m3"]\n')
    assert "take confined.co, which prints them in ppm" in told
    [told] = refused(path, HEAD + plain + 'unit = "mg/m3"\nrules = ["confined.co_mg_m3"]\n')
    assert "write that unit, and take confined.co, which prints its limits in it" in told
    plant = load(path, HEAD + plain + 'rules = ["confined.co"]\n')
    assert [each.limit for each in plant.definitions][:2] == [24.0, 48.0]


def test_limits_of_different_clauses_are_no_pair(path: Path) -> None:
    """GB 30871 prints %vol and GB 46768 %LEL: a converted point may take the former."""
    load(path, HEAD + METHANE)
    [told] = refused(
        path, HEAD + METHANE.replace('"confined.combustible_lel_from_4"', '"confined.combustible"')
    )
    assert 'write unit = "%LEL" and remove convert' in told


def test_a_table_of_points_converts_too(path: Path, tmp_path: Path) -> None:
    """Its columns are the keys with a dot, and a number that is none is told at its line."""
    (tmp_path / "points.csv").write_text(
        "channel,tag,unit,convert.from,convert.molar_mass,convert.temperature\n"
        "co,T1,mg/m3,ppm,28.010,20\nh2s,T2,ppm,,,\n",
        encoding="utf-8",
    )
    site = HEAD + 'points = "points.csv"\n'
    plant = load(path, site)
    assert [point.high for point in plant.points] == [1000 * PPM_TO_MASS, 100.0]
    (tmp_path / "points.csv").write_text(
        "channel,tag,unit,convert.from,convert.molar_mass\nco,T1,mg/m3,ppm,heavy\n",
        encoding="utf-8",
    )
    path.write_text(site, encoding="utf-8")
    [told] = problems(path)
    where = f"{tmp_path / 'points.csv'}:2: convert.molar_mass"
    assert told == f"{where}: 'heavy' is no number; write it as 12.5"


def test_the_list_of_alarms_shows_the_conversion(path: Path) -> None:
    """An engineer sees from what, by how much and on which numbers, beside each limit."""
    rows = {
        row.alarm: row
        for row in alarm_rows(load(path, HEAD + METHANE + CO + "limits = { h = 30 }\n"))
    }
    assert rows["gw/CS1-AT-103/confined.combustible_lel_from_4.h"].converted == (
        "%LEL x 0.05 (LEL 5 %vol, GB/T 50493-2019 app. A)"
    )
    own = rows["gw/CS1-AT-102/h"]
    assert (own.limit, own.unit) == (30.0, "mg/m3")
    assert own.converted == "ppm x 1.16441 (28.01 g/mol, 20 degC, 101.325 kPa)"
    assert own.cells()[-1] == own.converted
    assert rows["gw/CS1-AT-102/no_data"].cells()[-1] == "-"
