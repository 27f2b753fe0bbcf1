"""Files that people write: read, checked and bound, with every problem told at once.

A problem reads ``file:line: key: what, allowed, next step``. A text that is no TOML tells its one
syntax error alone, since nothing after it can be understood. Reading a file never connects
anywhere.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError, ValidationInfo

from device_profiles.problems import describe, describe_syntax, dotted
from device_profiles.toml_lines import Path as KeyPath
from device_profiles.toml_lines import locate

M = TypeVar("M", bound=BaseModel)
#: Columns of a table of points that are numbers, and the one that is a list.
NUMBERS = frozenset({"scale", "offset"})


def beside(written: str, info: ValidationInfo) -> str:
    """Return a path as the file that names it means it: relative to that file's folder."""
    folder = (info.context or {}).get("folder")
    return str(folder / written) if isinstance(folder, Path) else written


#: A path in a file that people write.
WrittenPath = Annotated[str, AfterValidator(beside)]


class ConfigError(Exception):
    """A file cannot be used; `problems` holds one line for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def read(path: Path) -> str:
    """Return a file's text.

    Raises
    ------
    ConfigError
        It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}:1: cannot be read: {error}; give a UTF-8 TOML file"]) from error


def load(
    path: Path, model: type[M], *, prepare: Callable[[dict[str, Any], Path], None] | None = None
) -> tuple[M, str]:
    """Return the checked content of a TOML file, and its text.

    Parameters
    ----------
    path
        The file.
    model
        What it may say.
    prepare
        Completes the parsed document in place (tables of points); may raise `ConfigError`.
    """
    text = read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([describe_syntax(error, source=str(path), text=text)]) from error
    if prepare is not None:
        prepare(document, path)
    try:
        context = {"folder": path.absolute().parent}
        return model.model_validate(document, context=context), text
    except ValidationError as error:
        raise ConfigError(describe(error, model, source=str(path), text=text)) from error


def located(problems: Sequence[tuple[KeyPath, str]], *, path: Path, text: str) -> list[str]:
    """Return problems at key paths as lines of the file, in its order."""
    lines = [(locate(text, key), f"{dotted(key)}: {what}") for key, what in problems]
    return [f"{path}:{line}: {message}" for line, message in sorted(lines)]


def add_point_tables(document: dict[str, Any], path: Path) -> None:
    """Read each device's ``points = "points.csv"`` into its points.

    Columns are the keys of a point; ``limits.h`` and the like stand for tables, `rules` are
    separated by blanks. An empty cell says nothing.

    Raises
    ------
    ConfigError
        A table is missing or has a cell that cannot be read.
    """
    problems: list[str] = []
    devices = document.get("device")
    for device in devices if isinstance(devices, list) else []:
        name = device.get("points") if isinstance(device, dict) else None
        points = device.setdefault("point", []) if isinstance(name, str) else None
        if not isinstance(name, str) or not isinstance(points, list):
            continue  # the model says what is wrong with it
        table = path.parent / name
        try:
            # A table saved by a spreadsheet begins with a mark that is no part of its first column.
            rows = csv.DictReader(io.StringIO(read(table).removeprefix("\ufeff")))
            for row in rows:
                try:
                    points.append(point_from_row(row))
                except ValueError as error:
                    problems.append(f"{table}:{rows.line_num}: {error}")
        except ConfigError as error:
            problems += error.problems
        except csv.Error as error:
            problems.append(f"{table}:{rows.line_num}: {error}; write one point a line")
    if problems:
        raise ConfigError(problems)


def point_from_row(row: Mapping[str, str | None]) -> dict[str, Any]:
    """Return one row of a table of points as the document would say it."""
    if None in row:
        raise ValueError("has more cells than the first line has columns; quote a cell with commas")
    point: dict[str, Any] = {}
    for column, cell in row.items():
        text = (cell or "").strip()
        if not text:
            continue
        parent, _, key = column.rpartition(".")
        if parent and (row.get(parent) or "").strip():
            raise ValueError(f"{column}: stands beside a column {parent}; keep one of them")
        target = point.setdefault(parent, {}) if parent else point
        if column == "rules":
            target[key] = text.split()
        elif column == "range":
            target[key] = [number(part, column) for part in text.split()]
        elif column in NUMBERS or key in {"hh", "h", "l", "ll", "deadband"}:
            target[key] = number(text, column)
        else:
            target[key] = text
    return point


def number(text: str, column: str) -> float:
    """Return a cell's number, or say which cell is none."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{column}: {text!r} is no number; write it as 12.5") from None
