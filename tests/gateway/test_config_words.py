"""What must be written where, told in words: no pattern of the program reaches a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from device_profiles.hazards import RuleSet, Template
from device_profiles.problems import PATTERNS
from device_profiles.schema import Profile
from gateway.config import ConfigError, load
from gateway.northbound.exports.field_map import FieldMap
from gateway.roles.centre import CentreSettings
from gateway.roles.edge.settings import NodeSettings, SiteFile


class OneTable(BaseModel):
    """A file with the table of a node alone."""

    node: NodeSettings


FILES = (SiteFile, CentreSettings, FieldMap, Profile, RuleSet, Template)


def patterns(schema: Any) -> Iterator[str]:
    """Yield every pattern in a JSON schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        yield from (each for inner in schema.values() for each in patterns(inner))
    elif isinstance(schema, list):
        yield from (each for inner in schema for each in patterns(inner))


def without_words(model: type[BaseModel]) -> set[str]:
    return set(patterns(model.model_json_schema())) - PATTERNS.keys()


@pytest.mark.parametrize("model", FILES, ids=lambda model: model.__name__)
def test_every_pattern_has_words(model: type[BaseModel]) -> None:
    """Each form that a key must have is written out for people."""
    assert without_words(model) == set()


def test_no_words_stand_for_nothing() -> None:
    """A pattern that no file has any more leaves no words behind."""
    used = {each for model in FILES for each in patterns(model.model_json_schema())}
    # The names of a dictionary's keys stand in the schema in another place.
    assert PATTERNS.keys() - used <= {r"^[a-z][a-z0-9_]{0,62}$"}


def test_a_pattern_without_words_is_found() -> None:
    """Negative control: a form that is not written out is noticed, deep inside as well."""

    class Inner(BaseModel):
        plate: str = Field(pattern="^[A-Z]{3}$")

    class Outer(BaseModel):
        inner: tuple[Inner, ...] = ()

    assert without_words(Outer) == {"^[A-Z]{3}$"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"gw1"', '"gw 1"', 'node.id: must be letters, digits, ".", "_" and "-", at most 64'),
        ('"330106003000"', '"Hangzhou"', "node.division: must be 6 to 12 digits"),
        ('"330106003000"', '"33010600300000"', "node.division: must be 6 to 12 digits"),
    ],
)
def test_a_form_is_told_in_words(tmp_path: Path, old: str, new: str, told: str) -> None:
    """The site's names and codes: what is allowed, and what was written."""
    text = '[node]\nid = "gw1"\ndivision = "330106003000"\nenterprise = { name = "E" }\n'
    file = tmp_path / "site.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        load(file, OneTable)
    [problem] = refused.value.problems
    assert told in problem
    assert problem.endswith(f"not {new.replace(chr(34), chr(39))}")
    assert "pattern" not in problem
