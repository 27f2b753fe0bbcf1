"""Points from a table: ``points = "points.csv"`` stands for as many ``[[device.point]]``.

Columns are the keys of a point; ``limits.h`` and the like stand for tables, `rules` and `range` are
separated by blanks. An empty cell says nothing. Every bad cell of every row is told, and each
problem of a point, whoever finds it, at the line of its row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device_profiles.toml_lines import Path as KeyPath
from gateway.config import ConfigError, Problem, Row, read

#: Keys of a point that are numbers, and keys of its limits that are.
NUMBERS = frozenset({"scale", "offset"})
LIMIT_NUMBERS = frozenset({"hh", "h", "l", "ll", "deadband"})
FLAGS = frozenset({"latch"})


@dataclass(frozen=True, slots=True)
class Tables:
    """What the tables of a document gave: the row of each point, and what could not be read."""

    rows: dict[KeyPath, Row] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


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
    devices = document.get("device")
    for number, device in enumerate(devices if isinstance(devices, list) else []):
        name = device.get("points") if isinstance(device, dict) else None
        points = device.setdefault("point", []) if isinstance(name, str) else None
        if isinstance(name, str) and isinstance(points, list):
            # Where it is something else the model says what is wrong with it.
            _read(path.parent / name, ("device", number), points, tables)
    return tables


def point_from_row(row: Mapping[str, str | None]) -> tuple[dict[str, Any], list[Problem]]:
    """Return one row as the document would say it, without its bad cells, and what these are."""
    point: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, cell in row.items():
        text = (cell or "").strip()
        if not text:
            continue
        parent, _, key = column.rpartition(".")
        if parent and (row.get(parent) or "").strip():
            text = f"stands beside a column {parent}; keep one of them"
            problems.append((tuple(column.split(".")), text))
            continue
        target = point.setdefault(parent, {}) if parent else point
        try:
            target[key] = _value(text, column)
        except ValueError as error:
            problems.append((tuple(column.split(".")), str(error)))
    return point, problems


def _read(table: Path, device: KeyPath, points: list[Any], tables: Tables) -> None:
    whole: KeyPath = (*device, "points")
    try:
        # A table saved by a spreadsheet begins with a mark that is no part of its first column.
        text = read(table, kind="CSV table").removeprefix("\ufeff")
    except ConfigError as error:
        tables.rows[whole] = Row(table, 1)
        told = (each.removeprefix(f"{table}:1: ") for each in error.problems)
        tables.problems.extend((whole, each) for each in told)
        return
    reader = csv.DictReader(io.StringIO(text))
    try:
        if twice := sorted(_twice(reader.fieldnames or ())):
            tables.rows[whole] = Row(table, 1)
            tables.problems.append((whole, f"{', '.join(twice)}: each column stands once"))
        for row in reader:
            at: KeyPath = (*device, "point", len(points))
            tables.rows[at] = Row(table, reader.line_num)
            # DictReader keeps what is beyond the last column under None.
            if row.pop(None, None) is not None:
                text = "has more cells than the first line has columns; quote a cell with commas"
                tables.problems.append((at, text))
            point, problems = point_from_row(row)
            points.append(point)
            tables.problems.extend(((*at, *key), text) for key, text in problems)
    except csv.Error as error:
        tables.rows[whole] = Row(table, reader.line_num)
        tables.problems.append((whole, f"{error}; write one point a line"))


def _twice(columns: object) -> Iterator[str]:
    seen: set[str] = set()
    for column in columns if isinstance(columns, list) else []:
        if column in seen:
            yield column
        seen.add(column)


def _value(text: str, column: str) -> object:
    parent, _, key = column.rpartition(".")
    if column == "rules":
        return text.split()
    if column == "range":
        return [_number(part) for part in text.split()]
    if column in NUMBERS or (parent and key in LIMIT_NUMBERS):
        return _number(text)
    if parent and key in FLAGS:
        if text not in {"true", "false"}:
            raise ValueError(f"must be true or false, not {text!r}")
        return text == "true"
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number; write it as 12.5") from None
