"""Loads the hazard packs: limits that standards print, each with its clause and our confidence.

A pack gives defaults and bounds; the site file decides. Nothing ships that was not found in a
source: confidence V (the clause itself was read), V2 (a secondary source quotes it) or C (computed
from such a value by a formula in the note). Everything else, and what is superseded, lies in
``templates/`` and says ``basis = "unverified"``. Limits stay in the unit in which their standard
prints them; deadband and delays are this project's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from device_profiles.duration import DurationNs
from device_profiles.problems import PathProblemsError, ProfileError
from device_profiles.registry import SHIPPED, read_model
from device_profiles.schema import Described, Flag, Name, NotEmpty, Number, Text, Unit
from device_profiles.toml_lines import Path as KeyPath
from device_profiles.toml_lines import locate

HazardClass = Literal[
    "confined_space",
    "combustible_dust",
    "ammonia_refrigeration",
    "spray_painting",
    "metallurgy",
    "hazardous_chemicals",
]
LevelName = Literal["hh", "h", "l", "ll"]
Operator = Literal[">=", ">", "<=", "<"]

_HIGH = ("h", "hh")
_ORDER = ("ll", "l", "h", "hh")
_Long = Annotated[str, Field(min_length=1, max_length=600)]
_Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]


class LevelRule(Described):
    """One limit of a rule set, with where it comes from.

    `op` says when the condition holds (``value op limit``): ">=" for h and hh, "<=" for l and ll,
    unless the standard says otherwise. `bound` is True where the standard's number bounds a site's
    own limit (at most this for h and hh, at least this for l and ll). `clause` is empty where the
    source names none, `effective_from` is None where the date was not found; `effective_to` is the
    last day in force, None where none is set.
    """

    level: LevelName
    limit: Number
    op: Operator
    latch: Flag
    priority: Literal["critical", "high", "medium", "low"]
    shelvable: Flag
    bound: Flag
    standard: Text
    clause: Annotated[str, Field(max_length=60)]
    confidence: Literal["V", "V2", "C"]
    effective_from: date | None = None
    effective_to: date | None = None
    action_en: Text
    action_zh: Text
    note: _Long | None = None

    @model_validator(mode="before")
    @classmethod
    def _default_operator(cls, data: object) -> object:
        if isinstance(data, dict) and "op" not in data and isinstance(data.get("level"), str):
            return {**data, "op": ">=" if data["level"] in _HIGH else "<="}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[tuple[KeyPath, str]] = []
        allowed = (">=", ">") if self.level in _HIGH else ("<=", "<")
        if self.op not in allowed:
            text = f"{self.op!r} at level {self.level}; use {' or '.join(allowed)}"
            problems.append((("op",), text))
        needed = {"V2": "secondary source", "C": "computed"}.get(self.confidence)
        if needed is not None and needed not in (self.note or ""):
            problems.append((("note",), f"confidence {self.confidence} must say {needed!r} here"))
        first, last = self.effective_from, self.effective_to
        if first is not None and last is not None and first > last:
            problems.append((("effective_to",), f"{last} lies before effective_from {first}"))
        if problems:
            raise PathProblemsError(problems)
        return self


class Engineering(Described):
    """Deadband and delays: engineering defaults of this project, for a site to change.

    They stand in no standard. The deadband (in the unit of the rule set) and the off-delay hold an
    alarm back from returning; only the on-delay holds one back from rising, and it is zero for gas.
    """

    basis: Literal["engineering default of this project, not statutory"]
    deadband: Annotated[Number, Field(ge=0)]
    on_delay: DurationNs
    off_delay: DurationNs


class RuleSet(Described):
    """Limits for one quantity in one kind of place; a site file names it: ammonia.machine_room."""

    id: _Id
    hazard: HazardClass
    title_en: Text
    title_zh: Text
    quantity: Name
    unit: Unit
    note: _Long | None = None
    engineering: Engineering
    level: Annotated[tuple[LevelRule, ...], NotEmpty]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        counts = Counter(rule.level for rule in self.level)
        problems: list[tuple[KeyPath, str]] = [
            (("level",), f"{name} stands {count} times; keep one")
            for name, count in counts.items()
            if count > 1
        ]
        by_name = {rule.level: rule.limit for rule in self.level}
        present = [name for name in _ORDER if name in by_name]
        for lower, upper in pairwise(present):
            if by_name[lower] >= by_name[upper]:
                text = f"{lower} = {by_name[lower]:g} and {upper} = {by_name[upper]:g}"
                problems.append((("level",), f"{text}; need ll < l < h < hh"))
        if problems:
            raise PathProblemsError(problems)
        return self


class Template(Described):
    """A number in use that was not found in a standard in force: for a site to copy and justify.

    It is no default and no bound. `why` says what is missing.
    """

    id: _Id
    hazard: HazardClass
    title_en: Text
    title_zh: Text
    quantity: Name
    unit: Unit
    level: LevelName
    limit: Number
    op: Operator
    basis: Literal["unverified"]
    standard: Annotated[str, Field(max_length=200)]
    why: _Long


class _Pack(Described):
    rule_set: Annotated[tuple[RuleSet, ...], NotEmpty]


class _Templates(Described):
    template: Annotated[tuple[Template, ...], NotEmpty]


RowT = TypeVar("RowT", RuleSet, Template)


def load_packs(folder: Path = SHIPPED / "hazards") -> Mapping[str, RuleSet]:
    """Return every shipped rule set by id, sorted; ids begin with the name of their pack's file.

    Parameters
    ----------
    folder
        Where the packs lie, one file for each.

    Raises
    ------
    ProfileError
        The problems of all packs together.
    """
    problems: list[str] = []
    found: dict[str, RuleSet] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            pack, text = read_model(path, _Pack)
        except ProfileError as error:
            problems += error.problems
            continue
        problems += _collect(pack.rule_set, found, path=path, lines=(text, "rule_set"))
    return _finished(found, problems)


def load_templates(folder: Path = SHIPPED / "templates") -> Mapping[str, Template]:
    """Return every unverified template by id, sorted. They are shown to people and applied by none.

    Raises
    ------
    ProfileError
        The problems of all files together.
    """
    problems: list[str] = []
    found: dict[str, Template] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            templates, text = read_model(path, _Templates)
        except ProfileError as error:
            problems += error.problems
            continue
        problems += _collect(templates.template, found, path=path, lines=(text, "template"))
    return _finished(found, problems)


def _collect(
    rows: tuple[RowT, ...], found: dict[str, RowT], *, path: Path, lines: tuple[str, str]
) -> list[str]:
    problems = []
    text, key = lines
    for index, row in enumerate(rows):
        where = f"{path}:{locate(text, (key, index, 'id'))}: {key}[{index}].id"
        if row.id.partition(".")[0] != path.stem:
            problems.append(f"{where}: {row.id!r} is in pack {path.stem!r}; begin it with that")
        if row.id in found:
            problems.append(f"{where}: {row.id!r} exists already; choose another name")
        found[row.id] = row
    return problems


def _finished(found: dict[str, RowT], problems: list[str]) -> Mapping[str, RowT]:
    if problems:
        raise ProfileError(problems)
    return MappingProxyType(dict(sorted(found.items())))
