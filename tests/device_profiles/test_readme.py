from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from device_profiles.hazards import Engineering, LevelRule, RuleSet, load_packs
from device_profiles.quality import Quality, Verdict
from device_profiles.registry import SHIPPED, load_profile, load_registry
from device_profiles.schema import Channel, Example, Profile
from device_profiles.vectors import run_vectors

TEXT = (SHIPPED / "README.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("model", [Profile, Channel, Example, RuleSet, LevelRule, Engineering])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    """A field that a file may hold stands in a table of the reference."""
    named = set(re.findall(r"`([a-z0-9_]+)`", "\n".join(ROWS)))
    assert set(model.model_fields) <= named


@pytest.mark.parametrize("name", [*load_registry(), *load_packs()])
def test_every_shipped_id_is_listed(name: str) -> None:
    """What ships is in the tables."""
    assert any(row.startswith(f"| `{name}` |") for row in ROWS)


def test_the_listed_limits_are_the_shipped_ones() -> None:
    """The table of rule sets prints the limits that the packs hold."""
    for packed in load_packs().values():
        row = next(row for row in ROWS if row.startswith(f"| `{packed.id}` |"))
        for rule in packed.level:
            assert f"{rule.level} {rule.op} {rule.limit:g}" in row
            assert packed.unit in row


def test_every_bad_quality_is_explained() -> None:
    """Each reason for which a reading is BAD stands in the table of qualities."""
    for quality in Quality:
        if quality.verdict is Verdict.BAD:
            assert quality.name in TEXT


def test_the_profile_of_the_ten_minutes_works(tmp_path: Path) -> None:
    """The example of the reference loads, and its own examples hold."""
    (text,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "acme" / "nh3-500.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    results = run_vectors([load_profile(path)])
    assert len(results) == 3
    assert all(result.passed for result in results)
