"""The departments beside a tier ("1+X": the committee and the departments in charge), and routes.

A file names each department with its division and the hazard classes in its charge, and says which
alarms are copied to whom, how soon a receipt is due, and who hears of it when none comes: further
departments, such as the committee's office, and last the tier above. All problems of the file are
told at once. A class or division that nobody is sent an alarm of is told as a warning: a table may
be filled step by step, and a centre that does not start watches nobody.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, get_args

from pydantic import Field

from device_profiles.duration import PositiveDurationNs
from device_profiles.hazards import HazardClass
from gateway.config import ConfigError, Problem, Written, load, located
from gateway.model import Priority
from gateway.supervision.divisions import Division

#: In the place of a department: the tier above.
PARENT: Final = "parent"
EVERY: Final = "*"
RANKS: Final = {priority.value: rank for rank, priority in enumerate(Priority)}

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Row = tuple[str, str, str, int, int, str]


class Department(Written):
    """A department: where it stands, and what is in its charge.

    Parameters
    ----------
    hazards
        None for all classes, and for what is of none: the centre's own alarms about gateways.
    """

    id: Identifier
    name: Annotated[str, Field(min_length=1)]
    division: Annotated[str, Field(min_length=1)]
    hazards: tuple[HazardClass, ...] = ()
    priority: Priority = Priority.LOW


class Route(Written):
    """Which alarms go to whom.

    Parameters
    ----------
    hazards
        None for all that each department is in charge of.
    division
        With everything under it; none for each department's own.
    escalate
        Who hears of it in turn, each after `receipt`: ids of departments, and last "parent".
    """

    to: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    hazards: tuple[HazardClass, ...] = ()
    division: str = ""
    priority: Priority = Priority.LOW
    receipt: PositiveDurationNs
    escalate: tuple[Identifier, ...] = ()


class DepartmentFile(Written):
    """A file of departments."""

    department: tuple[Department, ...] = ()
    route: tuple[Route, ...] = ()


def read(path: Path, divisions: Sequence[Division]) -> DepartmentFile:
    """Read a file of departments.

    Parameters
    ----------
    divisions
        The tree; where it is empty every code contains only itself.

    Raises
    ------
    ConfigError
        With every problem, each with its line.
    """
    content, text = load(path, DepartmentFile)
    found = [*_department_problems(content, divisions), *_route_problems(content, divisions)]
    if found:
        raise ConfigError(located(found, path=path, text=text))
    return content


def blind_spots(
    content: DepartmentFile, divisions: Sequence[Division], *, division: str = ""
) -> list[str]:
    """Return the hazard classes and divisions of which no department would be sent an alarm.

    Parameters
    ----------
    division
        That of the centre: what lies outside is not asked about.
    """
    parents = {each.code: each.parent for each in divisions}
    above = set(parents.values())
    places = [code for code in parents if code not in above] or sorted(
        {each.division for each in content.department}
    )
    if division in parents:
        places = [code for code in places if _within(code, division, parents)]
    rows = list(rows_of(content))
    missing: dict[str, list[str]] = {}
    for place, hazard in itertools.product(places, get_args(HazardClass)):
        if not any(
            kind in {hazard, EVERY} and _within(place, code, parents) for _, kind, code, *_ in rows
        ):
            missing.setdefault(hazard, []).append(place)
    return [
        f"hazard class {hazard}: no department is sent an alarm of it in division "
        f"{', '.join(codes) if len(codes) < len(places) else 'of any code'}; add a [[route]]"
        for hazard, codes in missing.items()
    ]


def rows_of(content: DepartmentFile) -> Iterator[Row]:
    """Yield the routes as the store has them: a row per department, class and division."""
    known = {each.id: each for each in content.department}
    for route in content.route:
        for identity in route.to:
            department = known[identity]
            steps = [step for step in route.escalate if step != identity]
            hazards = route.hazards or department.hazards or (EVERY,)
            rank = max(RANKS[route.priority], RANKS[department.priority])
            for hazard in hazards:
                yield (
                    identity,
                    hazard,
                    route.division or department.division,
                    rank,
                    route.receipt,
                    json.dumps(steps),
                )


def _department_problems(
    content: DepartmentFile, divisions: Sequence[Division]
) -> Iterator[Problem]:
    codes, seen = {each.code for each in divisions}, set[str]()
    for number, department in enumerate(content.department):
        key = ("department", number)
        if department.id == PARENT:
            yield (*key, "id"), f'"{PARENT}" stands for the tier above; choose another id'
        if department.id in seen:
            yield (*key, "id"), f'"{department.id}" stands above already; a department has one id'
        seen.add(department.id)
        if codes and department.division not in codes:
            yield (*key, "division"), _unknown(department.division)


def _unknown(code: str) -> str:
    return f"{code} has no row in the table of divisions; add it, or name another"


def _route_problems(content: DepartmentFile, divisions: Sequence[Division]) -> Iterator[Problem]:
    # Of two with one id the first counts; that there are two is told beside.
    named = reversed(content.department)
    known = {each.id: each for each in named if each.id != PARENT}
    parents = {each.code: each.parent for each in divisions}
    for number, route in enumerate(content.route):
        key = ("route", number)
        if parents and route.division and route.division not in parents:
            yield (*key, "division"), _unknown(route.division)
        own = {known[each].division for each in route.to if each in known}
        places = {route.division} if route.division else own
        for place, identity in enumerate(route.to):
            where = (*key, "to", place)
            if identity not in known:
                yield where, _stranger(identity)
                continue
            yield from _charge(route, known[identity], where)
            if route.division:
                yield from _reach(known[identity], places, where, parents)
        for place, identity in enumerate(route.escalate):
            where = (*key, "escalate", place)
            if identity in known:
                yield from _reach(known[identity], places, where, parents)
            elif identity != PARENT:
                yield where, _stranger(identity)
            elif place < len(route.escalate) - 1:
                yield where, f'"{PARENT}" is the last that can hear of it; put it at the end'


def _stranger(identity: str) -> str:
    if identity == PARENT:
        return f'"{PARENT}" only hears of what nobody received; put it at the end of escalate'
    return f'"{identity}" is no department of this file; add a [[department]], or name another'


def _charge(
    route: Route, department: Department, where: tuple[str | int, ...]
) -> Iterator[Problem]:
    foreign = sorted(set(route.hazards) - set(department.hazards)) if department.hazards else []
    if foreign:
        listed = ", ".join(foreign)
        what = f'"{department.id}" is not in charge of {listed}; add it there, or name another'
        yield where, what


def _reach(
    department: Department,
    places: Iterable[str],
    where: tuple[str | int, ...],
    parents: Mapping[str, str],
) -> Iterator[Problem]:
    """Yield the divisions of a route that a department sees nothing of."""
    for code in sorted(places):
        if not _within(code, department.division, parents):
            at = f'"{department.id}" stands in division {department.division}'
            yield where, f"{at} and sees nothing of {code}; name a department above it"


def _within(code: str, above: str, parents: Mapping[str, str]) -> bool:
    """Return whether a division is another or lies under it, by the rows alone."""
    seen: set[str] = set()
    while code not in seen:
        if code == above:
            return True
        seen.add(code)
        code = parents.get(code, code)
    return False
