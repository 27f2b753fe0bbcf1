"""Points from a table: ``points = "points.csv"`` stands for as many ``[[device.point]]``.

Columns are the keys of a point; ``limits.h`` and the like stand for tables, `rules` and `range` are
separated by blanks. An empty cell says nothing. Every bad cell of every row is told, and each
problem of a point, whoever finds it, at the line of its row.

Devices may name the same table. It is read and checked once, and its sound points are the same
objects in each of them: a plant of 9,000 equal units has the points of one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from device_profiles.toml_lines import Path as KeyPath
from gateway.config import ConfigError, Problem, Row, read
from gateway.pipeline.settings import LEVELS, PointSettings

#: Columns that hold a number.
NUMBERS = frozenset(
    {
        *("scale", "offset"),
        *(f"convert.{key}" for key in ("molar_mass", "temperature", "pressure", "lel")),
        "limits.deadband",
        *(f"limits.{level}" for level in LEVELS),
        *(f"limits.{level}.{key}" for level in LEVELS for key in ("limit", "deadband")),
        *("trend.significance", "rate.limit", "stuck.zero_band"),
        *("health.spikes.height", "health.noise.height", "health.zero.tolerance"),
        *("health.saturated.at", "health.fall.amount", "health.fall.deadband"),
    }
)
#: Columns that hold a whole number.
COUNTS = frozenset({"health.spikes.count", "health.noise.readings"})
FLAGS = frozenset({"limits.latch", *(f"limits.{level}.latch" for level in LEVELS)})


@dataclass(slots=True)
class Table:
    """One table as it was read.

    Parameters
    ----------
    points
        What its rows say: a sound row as settings, another as the document would say it.
    lines
        Where each of them stands.
    problems
        Below the device that names the table.
    trouble_line
        Of what the table as a whole has.
    """

    path: Path
    points: list[PointSettings | dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    trouble_line: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The points of a table in one device: behind how many others, and the line of each."""

    table: Table
    behind: int
    lines: list[int]


@dataclass(frozen=True, slots=True)
class Tables:
    """What the tables of a document gave, and what could not be read.

    Parameters
    ----------
    placed
        By the number of the device.
    left_out
        Key paths of tables whose bad rows stand in an earlier device alone, to be told once.
    """

    placed: dict[int, Placed] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    left_out: list[KeyPath] = field(default_factory=list)

    def rows(self, keys: Iterable[KeyPath]) -> dict[KeyPath, Row]:
        """Return the row in which what is at these key paths stands, tables in their order."""
        found: dict[KeyPath, Row] = {}
        for key in sorted(keys, key=_number_of_device):
            match key:
                case ("device", int(device), "points", *_) if device in self.placed:
                    table = self.placed[device].table
                    if table.trouble_line is not None:
                        found["device", device, "points"] = Row(table.path, table.trouble_line)
                case ("device", int(device), "point", int(index), *_) if device in self.placed:
                    placed = self.placed[device]
                    if index >= placed.behind:
                        line = placed.lines[index - placed.behind]
                        found["device", device, "point", index] = Row(placed.table.path, line)
        return found


def _number_of_device(key: KeyPath) -> int:
    return key[1] if len(key) > 1 and isinstance(key[1], int) else -1


def add_point_tables(document: dict[str, Any], path: Path) -> Tables:
    """Read each device's table into the points of the document, in place.

    Parameters
    ----------
    document
        A parsed site file.
    path
        Where it lies: tables are named relative to its folder.
    """
    tables = Tables()
    read_before: dict[str, Table] = {}
    devices = document.get("device")
    for number, device in enumerate(devices if isinstance(devices, list) else []):
        name = device.get("points") if isinstance(device, dict) else None
        points = device.get("point", []) if isinstance(name, str) else None
        if not isinstance(name, str) or not isinstance(points, list):
            continue  # Where it is something else the model says what is wrong with it.
        first = name not in read_before
        table = read_before[name] if not first else _read(path.parent / name)
        read_before[name] = table
        behind = len(points)
        if first or table.trouble_line is not None:
            kept, lines = table.points, table.lines
            tables.problems.extend(
                (("device", number, *_behind(key, behind)), text) for key, text in table.problems
            )
        elif not table.bad:
            kept, lines = table.points, table.lines
        else:
            sound = [index for index in range(len(table.points)) if index not in table.bad]
            kept = [table.points[index] for index in sound]
            lines = [table.lines[index] for index in sound]
            tables.left_out.append(("device", number, "points"))
        device["point"] = [*points, *kept]
        tables.placed[number] = Placed(table, behind, lines)
    return tables


def _behind(key: KeyPath, behind: int) -> KeyPath:
    """Return a key path of a table's point below a device that has points before it."""
    match key:
        case ("point", int(index), *rest):
            return ("point", behind + index, *rest)
    return key


def point_from_row(row: Mapping[str, str | None]) -> tuple[dict[str, Any], list[Problem]]:
    """Return one row as the document would say it, without its bad cells, and what these are."""
    point: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, cell in row.items():
        text = (cell or "").strip()
        if not text:
            continue
        path = tuple(column.split("."))
        parent = ".".join(path[:-1])
        if parent and parent not in NUMBERS and (row.get(parent) or "").strip():
            problems.append((path, f"stands beside a column {parent}; keep one of them"))
            continue
        try:
            value = _value(text, column)
        except ValueError as error:
            problems.append((path, str(error)))
            continue
        target = point
        for step in path[:-1]:
            target = target.setdefault(step, {})
        if any(other.startswith(f"{column}.") for other in row):
            # What is said of one limit stands in columns of its own beside the number.
            target.setdefault(path[-1], {})["limit"] = value
        else:
            target[path[-1]] = value
    return point, problems


def _read(path: Path) -> Table:
    table = Table(path)
    try:
        # A table saved by a spreadsheet begins with a mark that is no part of its first column.
        text = read(path, kind="CSV table").removeprefix("\ufeff")
    except ConfigError as error:
        table.trouble_line = 1
        told = (each.removeprefix(f"{path}:1: ") for each in error.problems)
        table.problems.extend((("points",), each) for each in told)
        return table
    reader = csv.DictReader(io.StringIO(text))
    try:
        if twice := sorted(_twice(reader.fieldnames or ())):
            table.trouble_line = 1
            table.problems.append((("points",), f"{', '.join(twice)}: each column stands once"))
        for row in reader:
            _add_row(table, row, reader.line_num)
    except csv.Error as error:
        table.trouble_line = reader.line_num
        table.problems.append((("points",), f"{error}; write one point a line"))
    return table


def _add_row(table: Table, row: dict[str | Any, Any], line: int) -> None:
    at: KeyPath = ("point", len(table.points))
    told = len(table.problems)
    # DictReader keeps what is beyond the last column under None.
    if row.pop(None, None) is not None:
        text = "has more cells than the first line has columns; quote a cell with commas"
        table.problems.append((at, text))
    point, problems = point_from_row(row)
    table.problems.extend(((*at, *key), text) for key, text in problems)
    table.lines.append(line)
    try:
        # With a problem told already it stays as written: the document's check tells the others.
        sound = PointSettings.model_validate(point) if len(table.problems) == told else None
    except ValidationError:
        sound = None
    if sound is None:
        table.bad.add(len(table.points))
    table.points.append(point if sound is None else sound)


def _twice(columns: object) -> Iterator[str]:
    seen: set[str] = set()
    for column in columns if isinstance(columns, list) else []:
        if column in seen:
            yield column
        seen.add(column)


def _value(text: str, column: str) -> object:
    if column == "rules":
        return text.split()
    if column == "range":
        return [_number(part) for part in text.split()]
    if column in NUMBERS:
        return _number(text)
    if column in COUNTS:
        if not text.isdecimal():
            raise ValueError(f"{text!r} is no whole number; write it as 60")
        return int(text)
    if column in FLAGS:
        if text not in {"true", "false"}:
            raise ValueError(f"must be true or false, not {text!r}")
        return text == "true"
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number; write it as 12.5") from None
