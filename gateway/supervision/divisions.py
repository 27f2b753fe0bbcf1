"""The tree of divisions, read from a table with a row each and taken whole.

Columns: code, parent, name, level, valid_from, valid_to (dates; empty means always), and where a
file has them responsible and telephone: who answers for a grid cell. All problems of a file are
reported at once, each with its line.
"""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from gateway.db import Database, Row
from gateway.journal import digest
from gateway.model import NANOSECONDS
from gateway.supervision.write import Write

COLUMNS = ("code", "parent", "name", "level", "valid_from", "valid_to")
#: A file may lack these: who answers for a division, and how to reach them.
OPTIONAL = ("responsible", "telephone")
FOREVER_NS = 2**63 - 1


class DivisionsError(Exception):
    """The table is not one; the text lists every problem, a line each."""


@dataclass(frozen=True, slots=True)
class Division:
    """An administrative unit, a park or a grid cell, valid from one instant to before another."""

    code: str
    parent: str
    name: str
    level: str
    valid_from_ns: int = 0
    valid_to_ns: int = FOREVER_NS
    responsible: str = ""
    telephone: str = ""


def read(path: Path) -> list[Division]:
    """Read a table of divisions.

    Raises
    ------
    DivisionsError
        Missing columns, a code twice, a parent that is not there, a circle, a date that is none.
    """
    problems: list[str] = []
    found: dict[str, Division] = {}
    lines: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise DivisionsError(
                    f"{path}:1: columns {', '.join(missing)} are missing; the first line must name "
                    f"{','.join(COLUMNS)}"
                )
            for row in reader:
                division = _division(row, f"{path}:{reader.line_num}", problems)
                if division is None:
                    continue
                if division.code in found:
                    problems.append(
                        f"{path}:{reader.line_num}: code {division.code} stands in line "
                        f"{lines[division.code]} already; a code has one row"
                    )
                found.setdefault(division.code, division)
                lines.setdefault(division.code, reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DivisionsError(f"{path}: {error}; give a readable CSV file in UTF-8") from error
    problems += _tree_problems(path, found, lines)
    if problems:
        raise DivisionsError("\n".join(problems))
    return list(found.values())


def load(write: Write, divisions: list[Division]) -> bool:
    """Make these the divisions; return whether anything changed (then it is journalled)."""
    rows = sorted(astuple(division) for division in divisions)
    if rows == _rows(write.database):
        return False
    write.execute("DELETE FROM division")
    write.database.execute_many(
        "INSERT INTO division (code, parent, name, level, valid_from_ns, valid_to_ns, "
        "responsible, telephone) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    write.journal("divisions", detail={"rows": len(rows), "digest": digest(repr(rows).encode())})
    write.scopes_changed = True
    return True


def _rows(database: Database) -> list[Row]:
    return database.execute(
        "SELECT code, parent, name, level, valid_from_ns, valid_to_ns, responsible, telephone "
        "FROM division ORDER BY code"
    )


def _division(row: dict[str, str | None], where: str, problems: list[str]) -> Division | None:
    code, parent = (row["code"] or "").strip(), (row["parent"] or "").strip()
    if not code:
        problems.append(f"{where}: the code is empty; every division needs one")
        return None
    bounds: list[int] = []
    for name, absent in (("valid_from", 0), ("valid_to", FOREVER_NS)):
        text = (row[name] or "").strip()
        try:
            bounds.append(_instant(text) if text else absent)
        except ValueError:
            problems.append(f"{where}: {name} {text!r} is no date; write it like 2026-01-31")
            bounds.append(absent)
    if bounds[0] >= bounds[1]:
        problems.append(f"{where}: {code} ends before it begins; valid_to must be later")
    name, level, responsible, telephone = (
        (row.get(column) or "").strip() for column in ("name", "level", *OPTIONAL)
    )
    return Division(code, parent, name, level, bounds[0], bounds[1], responsible, telephone)


def _instant(text: str) -> int:
    day = date.fromisoformat(text)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NANOSECONDS


def _tree_problems(path: Path, found: dict[str, Division], lines: dict[str, int]) -> list[str]:
    problems: list[str] = []
    for code, division in found.items():
        where = f"{path}:{lines[code]}"
        if division.parent and division.parent not in found:
            problems.append(
                f"{where}: parent {division.parent} of {code} has no row; add it, or leave it empty"
            )
        above, seen = division.parent, {code}
        while above in found and above not in seen:
            seen.add(above)
            above = found[above].parent
        if above == code:
            problems.append(f"{where}: {code} lies under itself; one parent on the way is wrong")
    return problems
