from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from device_profiles.hazards import HazardClass, LevelRule, RuleSet, load_packs, load_templates
from device_profiles.problems import ProfileError
from device_profiles.registry import SHIPPED

PACKS = load_packs()
TEMPLATES = load_templates()
LEVELS = [(packed, rule) for packed in PACKS.values() for rule in packed.level]
GASES = {"nh3", "o2", "h2s", "co", "co2", "combustible", "toxic"}
AMMONIA = (SHIPPED / "hazards" / "ammonia.toml").read_text(encoding="utf-8")

#: The shipped numbers once more, as rule set, level, operator, limit, unit, source, confidence.
#: A changed number must be changed twice, and seen.
PRINTED = """\
ammonia.equipment_room h >= 150 ppm | GB 50072-2021 | 7.4.3-1 | V
ammonia.machine_room h >= 150 ppm | GB 50072-2021 | 7.4.1-1 | V
ammonia.machine_room_explosive hh >= 25 %LEL | GB 50072-2021 | 7.4.1-2 | V
chemicals.combustible_gas h >= 25 %LEL | GB/T 50493-2019 | 5.5.2 | V2
chemicals.combustible_gas hh >= 50 %LEL | GB/T 50493-2019 | 5.5.2 | V2
chemicals.toxic_gas h >= 100 %OEL | GB/T 50493-2019 | 5.5.2 | V2
chemicals.toxic_gas hh >= 200 %OEL | GB/T 50493-2019 | 5.5.2 | V2
chemicals.toxic_gas_idlh h >= 5 %IDLH | GB/T 50493-2019 | 5.5.2 | V2
chemicals.toxic_gas_idlh hh >= 10 %IDLH | GB/T 50493-2019 | 5.5.2 | V2
confined.co h >= 24 ppm | GBZ 2.1-2019 | PC-STEL | V2
confined.co hh >= 48 ppm | GB/T 50493-2019 | 5.5.2 | C
confined.co2_mg_m3 h >= 18000 mg/m3 | GBZ 2.1-2019 | PC-STEL | V2
confined.co_mg_m3 h >= 30 mg/m3 | GBZ 2.1-2019 | PC-STEL | V2
confined.co_mg_m3 hh >= 60 mg/m3 | GB/T 50493-2019 | 5.5.2 | V2
confined.combustible h >= 10 %LEL | GB 46768-2025 | 5.9.1 b) | V
confined.combustible hh >= 25 %LEL | GB/T 50493-2019 | 5.5.2 | V2
confined.combustible_lel_below_4 h >= 0.2 %vol | GB 30871-2022 | 6.4 c), 5.3.2 b) | V
confined.combustible_lel_from_4 h >= 0.5 %vol | GB 30871-2022 | 6.4 c), 5.3.2 a) | V
confined.h2s h >= 7 ppm | GBZ 2.1-2019 | MAC | C
confined.h2s hh >= 14 ppm | GB/T 50493-2019 | 5.5.2 | C
confined.h2s_mg_m3 h >= 10 mg/m3 | GBZ 2.1-2019 | MAC | V2
confined.h2s_mg_m3 hh >= 20 mg/m3 | GB/T 50493-2019 | 5.5.2 | V2
confined.nh3_mg_m3 h >= 30 mg/m3 | GBZ 2.1-2019 | PC-STEL | V2
confined.nh3_mg_m3 hh >= 60 mg/m3 | GB/T 50493-2019 | 5.5.2 | V2
confined.oxygen l < 19.5 %vol | GB 46768-2025 | 5.9.1 a) | V
confined.oxygen h >= 23.5 %vol | GB 46768-2025 | 5.9.1 a) | V
confined.oxygen_hazchem l < 19.5 %vol | GB 30871-2022 | 6.4 a) | V
confined.oxygen_hazchem h > 21 %vol | GB 30871-2022 | 6.4 a) | V
dust.collector_inlet hh > 70 degC | AQ 4273-2016 | 5.1.4 c) | V2
dust.pressure_difference l < -20 % | AQ 4273-2016 | 5.1.4 b) | V2
dust.pressure_difference h > 20 % | AQ 4273-2016 | 5.1.4 b) | V2
metal.gas_area h >= 24 ppm | GB 6222-2005 |  | V2
metal.gas_area hh >= 160 ppm | GB 6222-2005 |  | V2
spray.large_booth h >= 25 %LEL | JB/T 10413-2005 | 5.1.9 | V2
spray.large_booth hh >= 50 %LEL | GB/T 50493-2019 | 5.5.2 | V2
spray.mixing_room h >= 25 %LEL | GB/T 50493-2019 | 5.5.2 | V2
spray.mixing_room hh >= 50 %LEL | GB/T 50493-2019 | 5.5.2 | V2
"""


def printed(packed: RuleSet, rule: LevelRule) -> str:
    limit = f"{packed.id} {rule.level} {rule.op} {rule.limit:g} {packed.unit}"
    return f"{limit} | {rule.standard} | {rule.clause} | {rule.confidence}"


def test_the_limits_are_those_of_the_standards() -> None:
    """Every shipped limit, unit, operator, clause and confidence is as written down here."""
    assert [printed(*level) for level in LEVELS] == PRINTED.splitlines()


def test_every_hazard_class_has_a_pack() -> None:
    """No class of site is left without a rule."""
    assert {packed.hazard for packed in PACKS.values()} == set(get_args(HazardClass))


def test_what_is_not_the_clause_itself_says_so() -> None:
    """A limit from a secondary source, or computed, carries that in its note."""
    for _, rule in LEVELS:
        if rule.confidence != "V":
            assert "secondary source" in (rule.note or "")


def test_gas_and_oxygen_cannot_be_shelved() -> None:
    """No operator can put a gas or oxygen rule aside."""
    assert [
        packed.id for packed, rule in LEVELS if packed.quantity in GASES and rule.shelvable
    ] == []


def test_second_levels_and_confined_spaces_latch() -> None:
    """A gas alarm of the second level, and every one of a confined space, stays until a reset."""
    latching = {
        (packed.id, rule.level)
        for packed, rule in LEVELS
        if (rule.level == "hh" and packed.quantity in GASES) or packed.hazard == "confined_space"
    }
    assert latching == {(packed.id, rule.level) for packed, rule in LEVELS if rule.latch}


def test_no_gas_alarm_waits() -> None:
    """The default on-delay of a gas rule is zero."""
    delayed = {packed.id for packed in PACKS.values() if packed.engineering.on_delay}
    assert delayed == {"dust.pressure_difference"}


def test_fresh_air_ends_every_oxygen_condition() -> None:
    """The deadband of an oxygen rule lets 20.9 %vol clear it."""
    for packed in PACKS.values():
        for rule in packed.level:
            if packed.quantity == "o2":
                band = packed.engineering.deadband
                assert rule.limit - band > 20.9 if rule.level == "h" else rule.limit + band < 20.9


def test_nothing_superseded_ships() -> None:
    """A clause that is out of force is a template at most."""
    assert [packed.id for packed, rule in LEVELS if rule.effective_to is not None] == []
    assert "superseded" in TEMPLATES["spray.large_booth_2006"].why


def test_templates_are_no_rules() -> None:
    """An unverified number is marked so, and no rule set bears its name."""
    assert {template.basis for template in TEMPLATES.values()} == {"unverified"}
    assert set(TEMPLATES).isdisjoint(PACKS)


def test_dates_are_read_as_dates() -> None:
    """The day on which a standard came into force is a day."""
    assert PACKS["ammonia.machine_room"].level[0].effective_from == date(2021, 12, 1)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('op = ">="', 'op = "<="', "ammonia.toml:21: rule_set[0].level[0].op: '<=' at level h"),
        ('"V"', '"V2"', "rule_set[0].level[0].note: confidence V2 must say 'secondary source'"),
        ('"V"', '"GK"', "ammonia.toml:28: rule_set[0].level[0].confidence: input should be 'V'"),
        (
            "2021-12-01",
            "2021-12-01\neffective_to = 2021-11-30",
            "30: rule_set[0].level[0].effective_to",
        ),
        ("not statutory", "statutory", "rule_set[0].engineering.basis: input should be 'engineer"),
        ("latch = false", "latch = 0", "ammonia.toml:22: rule_set[0].level[0].latch: must be true"),
        ("ammonia.machine_room", "gas.machine_room", "begin it with that"),
        ("machine_room_explosive", "machine_room", "ammonia.toml:34: rule_set[1].id: 'ammonia.mac"),
        (
            "ammonia_refrigeration",
            "ammonia",
            "rule_set[0].hazard: input should be 'confined_space'",
        ),
        ("5.0", "-5.0", "rule_set[0].engineering.deadband: input should be greater than"),
    ],
)
def test_a_mistake_in_a_pack_is_told(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """A pack that contradicts itself or hides its source does not load, and says where."""
    assert old in AMMONIA
    path = tmp_path / "ammonia.toml"
    path.write_text(AMMONIA.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_packs(tmp_path)
    assert problem in str(caught.value)


def test_levels_stand_in_order_and_once() -> None:
    """A second level below the first, or a level given twice, is refused."""
    raw = PACKS["chemicals.combustible_gas"].model_dump(exclude={"engineering", "level"})
    levels = [rule.model_dump() for rule in PACKS["chemicals.combustible_gas"].level]
    engineering = {
        "basis": "engineering default of this project, not statutory",
        "deadband": 0.5,
        "on_delay": "0s",
        "off_delay": "30s",
    }
    for bad, text in (
        ([levels[0] | {"limit": 60.0}, levels[1]], "need ll < l < h < hh"),
        ([levels[0], levels[0]], "stands 2 times"),
    ):
        with pytest.raises(ValueError, match=text):
            RuleSet.model_validate({**raw, "engineering": engineering, "level": bad})


def test_the_operator_follows_the_level_unless_stated() -> None:
    """A high level rises at its limit, and so does a low one."""
    raw = PACKS["confined.oxygen"].level[0].model_dump(exclude={"op"})
    assert LevelRule.model_validate(raw).op == "<="
    assert LevelRule.model_validate({**raw, "level": "h"}).op == ">="


@pytest.mark.parametrize("load", [load_packs, load_templates])
def test_a_broken_file_is_told(tmp_path: Path, load: Callable[[Path], object]) -> None:
    """A file that is not TOML, or empty, is an error of the pack, not an empty pack."""
    (tmp_path / "a.toml").write_text("= 1", encoding="utf-8")
    (tmp_path / "b.toml").write_text("", encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load(tmp_path)
    assert len(caught.value.problems) == 2
