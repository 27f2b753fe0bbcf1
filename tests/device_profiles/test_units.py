"""Units of a gas in air: the numbers of the tables, and what a conversion must be told."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.schema import Channel
from device_profiles.units import BASES, UNITS, Conversion, how_to_convert, molar_volume

METHANE = Conversion(
    source="ppm", target="mg/m3", molar_mass=16.043, temperature=20.0, lel=5.0, basis=BASES[0]
)
#: Molar mass, and mg/m3 of one ppm at 20 and at 25 degC, as printed with three digits.
GASES = {
    "CH4": (16.043, 0.667, 0.656), "H2": (2.016, 0.0838, 0.0824), "NH3": (17.031, 0.708, 0.696),
    "CO": (28.010, 1.164, 1.145), "H2S": (34.08, 1.417, 1.393), "CO2": (44.010, 1.830, 1.799),
    "SO2": (64.066, 2.663, 2.619), "Cl2": (70.906, 2.948, 2.898), "toluene": (92.14, 3.830, 3.766),
    "xylene": (106.17, 4.414, 4.340), "acetone": (58.08, 2.414, 2.374),
    "ethanol": (46.07, 1.915, 1.883), "propane": (44.096, 1.833, 1.802),
    "benzene": (78.11, 3.247, 3.193), "ethyl acetate": (88.11, 3.663, 3.601),
}  # fmt: skip
#: mg/m3, molar mass, temperature, ppm as printed or computed elsewhere.
LIMITS = [
    (20, 28.010, 20, "17.2"), (20, 28.010, 25, "17.5"), (200, 28.010, 20, "172"),
    (200, 28.010, 25, "175"), (20, 17.031, 20, "28.2"), (30, 17.031, 20, "42.4"),
    (9000, 44.010, 20, "4919"), (18000, 44.010, 20, "9838"), (9000, 44.010, 25, "5003"),
    (18000, 44.010, 25, "10006"), (3, 78.11, 20, "0.92"), (6, 78.11, 20, "1.85"),
    (50, 92.14, 20, "13.1"), (100, 92.14, 20, "26.1"), (5, 64.066, 20, "1.88"),
    (10, 64.066, 20, "3.75"), (1, 70.906, 20, "0.34"), (30, 28.010, 0, "24.0"),
    (10, 34.08, 0, "6.58"), (30, 28.010, 20, "25.8"), (10, 34.08, 20, "7.06"),
]  # fmt: skip


@pytest.mark.parametrize(("temperature", "volume"), [(0, 22.414), (20, 24.055), (25, 24.465)])
def test_the_volume_of_a_mole(temperature: float, volume: float) -> None:
    """At one atmosphere it is what every table has."""
    assert round(molar_volume(temperature), 3) == volume


@pytest.mark.parametrize(("molar_mass", "at_20", "at_25"), GASES.values(), ids=GASES)
def test_what_one_ppm_weighs(molar_mass: float, at_20: float, at_25: float) -> None:
    """The factors of fifteen gases, to the digits that are printed."""
    for temperature, printed in ((20.0, at_20), (25.0, at_25)):
        gas = replace(METHANE, molar_mass=molar_mass, temperature=temperature)
        assert gas.factor == pytest.approx(printed, abs=0.0005)


@pytest.mark.parametrize(("mass", "molar_mass", "temperature", "ppm"), LIMITS)
def test_limits_in_ppm(mass: float, molar_mass: float, temperature: float, ppm: str) -> None:
    """What known limits in mg/m3 are in ppm, the Chinese pairs among them at their 0 degC."""
    gas = Conversion(
        source="mg/m3", target="ppm", molar_mass=molar_mass, temperature=float(temperature)
    )
    digits = len(ppm.partition(".")[2])
    assert f"{mass * gas.factor:.{digits}f}" == ppm


@pytest.mark.parametrize(
    ("volume", "lel", "share"),
    [(0.5, 4.4, 11.4), (0.5, 5.0, 10.0), (0.2, 1.7, 11.8), (0.2, 2.1, 9.5), (0.2, 1.1, 18.2)],
)
def test_shares_of_the_explosive_limit(volume: float, lel: float, share: float) -> None:
    """The limits of GB 30871 in %LEL, which depend on whose explosive limit it is."""
    gas = Conversion(source="%vol", target="%LEL", lel=lel, basis=BASES[1])
    assert round(volume * gas.factor, 1) == share


def test_volumes_convert_exactly() -> None:
    """Ten thousand ppm are one %vol, both ways, without a digit lost."""
    assert Conversion(source="%vol", target="ppm").factor == 10_000.0
    assert Conversion(source="ppm", target="%vol").factor == 0.0001


def test_thin_air_holds_less() -> None:
    """At four fifths of the pressure one ppm weighs four fifths."""
    assert replace(METHANE, pressure=81.06).factor == pytest.approx(0.8 * METHANE.factor)


@pytest.mark.parametrize(("one", "two", "three"), list(permutations(UNITS, 3)))
def test_every_way_round_leads_to_the_same(one: str, two: str, three: str) -> None:
    """There and back is one, and a detour changes nothing."""
    there = replace(METHANE, source=one, target=two).factor
    back = replace(METHANE, source=two, target=one).factor
    on = replace(METHANE, source=two, target=three).factor
    direct = replace(METHANE, source=one, target=three).factor
    assert there * back == pytest.approx(1.0)
    assert there * on == pytest.approx(direct)


@given(st.floats(0.001, 1000), st.floats(-1000, 1000), st.floats(0.01, 1e5), st.floats(0, 1))
def test_a_folded_channel_is_the_converted_value(
    scale: float, offset: float, span: float, share: float
) -> None:
    """Whatever the channel's own scale, range and noise floor: all of it is in the new unit."""
    channel = Channel(
        quantity="ch4",
        unit="ppm",
        scale=scale,
        offset=offset,
        range=(-span, span),
        noise_floor=span,
    )
    folded = METHANE.fold(channel)
    raw = share * span
    value = (raw * scale + offset) * METHANE.factor
    slack = 1e-9 * (abs(raw * scale) + abs(offset)) * METHANE.factor
    assert raw * folded.scale + folded.offset == pytest.approx(value, abs=slack)
    assert folded.range == (-span * METHANE.factor, span * METHANE.factor)
    assert folded.noise_floor == span * METHANE.factor
    assert folded.unit == "mg/m3"
    assert METHANE.fold(channel.model_copy(update={"noise_floor": None})).noise_floor is None


def test_every_fact_in_the_channels_unit_is_converted() -> None:
    """Noise, spike, drift and saturation follow the unit; oxygen and time have one of their own."""
    facts = {"noise": 1.0, "spike": 50.0, "zero_drift": 5.0, "saturates": 900.0}
    other = {"principle": "catalytic", "min_oxygen": 10.0, "calibration": "90d"}
    said = {"quantity": "ch4", "unit": "ppm", "range": (0, 1000), **facts, **other}
    channel = Channel.model_validate(said)
    folded = METHANE.fold(channel)
    for key, value in facts.items():
        assert getattr(folded, key) == value * METHANE.factor
    assert (folded.min_oxygen, folded.calibration) == (10.0, channel.calibration)


def test_a_current_is_folded_with_the_scale_of_its_range() -> None:
    """4 and 20 mA stand for the ends of the converted range."""
    said = {"quantity": "ch4", "unit": "ppm", "range": (0, 1000), "signal": "4-20mA"}
    folded = METHANE.fold(Channel.model_validate(said))
    assert folded.scale * 4 + folded.offset == pytest.approx(0.0, abs=1e-9)
    assert folded.scale * 20 + folded.offset == pytest.approx(folded.range[1])


@pytest.mark.parametrize(("source", "target"), list(permutations(UNITS, 2)))
def test_what_a_site_is_told_to_write_converts(source: str, target: str) -> None:
    """Each key that is named is needed, and with all of them nothing is missing."""
    values = {"molar_mass": 16.043, "temperature": 20.0, "lel": 5.0, "basis": BASES[0]}
    told = how_to_convert(source, target) or ""
    assert told.startswith(f'convert = {{ from = "{source}"')
    keys = re.findall(r", (\w+) = \.\.\.", told)
    full = Conversion(source=source, target=target, **{key: values[key] for key in keys})
    assert list(full.problems()) == []
    for key in keys:
        [(at, text)] = replace(full, **{key: None}).problems()
        assert at == key
        assert text.startswith("is missing; ")
        assert (source in text) or (target in text)
    spare = replace(full, **{key: value for key, value in values.items() if key not in keys})
    assert {at for at, _ in spare.problems()} == set(values) - set(keys)


@pytest.mark.parametrize(
    ("wrong", "key", "words"),
    [
        ({"source": "kPa"}, "from", "'kPa' is none of ppm, %vol, %LEL, mg/m3"),
        ({"target": "kPa"}, "unit", "'kPa' is none of"),
        ({"target": "ppm"}, "", "as the device reports"),
        ({"temperature": 293.15}, "temperature", "kelvin less 273.15"),
        ({"pressure": 1013.25}, "pressure", "kPa; one atmosphere is 101.325"),
        ({"pressure": 0.0}, "pressure", "0 cannot be"),
        ({"molar_mass": 0.017031}, "molar_mass", "g/mol; hydrogen"),
        ({"molar_mass": -17.0}, "molar_mass", "-17 cannot be"),
    ],
)
def test_what_cannot_be_is_told(wrong: dict[str, object], key: str, words: str) -> None:
    """Another unit, a number in kelvin or hPa, a mass that no gas has."""
    right = Conversion(source="ppm", target="mg/m3", molar_mass=17.031, temperature=20.0)
    [(at, text)] = replace(right, **wrong).problems()
    assert (at, words in text) == (key, True), text


@pytest.mark.parametrize(
    ("wrong", "key", "words"),
    [
        ({"basis": "the data sheet"}, "basis", "no known basis; known: GB/T 50493-2019 app. A"),
        ({"lel": 0.05}, "lel", "0.05 cannot be; it is in %vol"),
        ({"lel": 50_000.0}, "lel", "50000 cannot be"),
        ({"temperature": 20.0}, "temperature", "has no part in %vol to %LEL; remove it"),
        ({"pressure": 90.0}, "pressure", "has no part in %vol to %LEL; remove it"),
    ],
)
def test_an_explosive_limit_has_a_known_basis(
    wrong: dict[str, object], key: str, words: str
) -> None:
    """Whose it is must be told, and it is in %vol; what does not matter is not written."""
    right = Conversion(source="%vol", target="%LEL", lel=5.0, basis=BASES[2])
    assert list(right.problems()) == []
    [(at, text)] = replace(right, **wrong).problems()
    assert (at, words in text) == (key, True), text


def test_what_has_problems_has_no_factor() -> None:
    """A conversion that lacks something is an error, and not a factor of one."""
    for lacking in (
        Conversion(source="ppm", target="mg/m3", molar_mass=17.031),
        Conversion(source="%vol", target="%LEL"),
        Conversion(source="bar", target="ppm"),
    ):
        with pytest.raises(ValueError, match="problems"):
            assert lacking.factor


def test_units_that_do_not_convert_have_no_hint() -> None:
    """Pressures and lengths are not gases; a unit needs no conversion to itself."""
    assert how_to_convert("bar", "kPa") is None
    assert how_to_convert("ppm", "ppm") is None


@pytest.mark.parametrize(
    ("conversion", "text"),
    [
        (METHANE, "ppm x 0.666927 (16.043 g/mol, 20 degC, 101.325 kPa)"),
        (
            Conversion(source="%vol", target="%LEL", lel=5.0, basis=BASES[0]),
            "%vol x 20 (LEL 5 %vol, GB/T 50493-2019 app. A)",
        ),
        (Conversion(source="ppm", target="%vol"), "ppm x 0.0001"),
    ],
)
def test_a_conversion_tells_what_it_rests_on(conversion: Conversion, text: str) -> None:
    """The factor, and each number behind it."""
    assert str(conversion) == text
