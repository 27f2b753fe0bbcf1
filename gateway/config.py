"""Files that people write: read, checked and bound, with every problem told at once.

A problem reads ``file:line: key: what, allowed, next step``. A text that is no TOML tells its one
syntax error alone, since nothing after it can be understood. Reading a file never connects
anywhere.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo

from device_profiles.problems import describe_syntax, dotted, explain
from device_profiles.toml_lines import Path as KeyPath
from device_profiles.toml_lines import locate

M = TypeVar("M", bound=BaseModel)
#: Where systemd puts a service's secrets when it starts it, and nobody before (LoadCredential).
CREDENTIALS: Final = Path("/run/credentials")
Problem = tuple[KeyPath, str]


def beside(written: str, info: ValidationInfo) -> str:
    """Return a path as the file that names it means it: relative to that file's folder."""
    folder = (info.context or {}).get("folder")
    return str(folder / written) if isinstance(folder, Path) else written


#: A path in a file that people write.
WrittenPath = Annotated[str, AfterValidator(beside)]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table that a file names, where a part of its content stands."""

    table: Path
    line: int


class Written(BaseModel):
    """A table of a file that people write: frozen, and with no key that is not a field."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ConfigError(Exception):
    """A file cannot be used; `problems` holds one line for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def read(path: Path, *, kind: str = "TOML file") -> str:
    """Return a file's text.

    Raises
    ------
    ConfigError
        It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigError([f"{path}:1: cannot be read: {why}; give a UTF-8 {kind}"]) from error


def parse(path: Path) -> tuple[dict[str, Any], str]:
    """Return the document of a TOML file, and its text.

    Raises
    ------
    ConfigError
        It cannot be read or is no TOML.
    """
    text = read(path)
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([describe_syntax(error, source=str(path), text=text)]) from error


def examine(
    document: Mapping[str, Any], model: type[M], *, folder: Path
) -> tuple[M | None, list[Problem]]:
    """Return the checked content of a document, or None and every problem at its key path.

    Parameters
    ----------
    document
        As parsed.
    model
        What it may say.
    folder
        What its relative paths are relative to.
    """
    context = {"folder": folder}
    try:
        return model.model_validate(document, context=context), []
    except ValidationError as error:
        found = explain(error, model)
        unknown = [each["loc"] for each in error.errors() if each["type"] == "extra_forbidden"]
    if unknown:  # an unknown key hides what the other keys of its table are together
        try:
            model.model_validate(_without(document, unknown), context=context)
        except ValidationError as error:
            found = list(dict.fromkeys([*found, *explain(error, model)]))
    return None, found


def load(path: Path, model: type[M]) -> tuple[M, str]:
    """Return the checked content of a TOML file, and its text.

    Raises
    ------
    ConfigError
        With every problem of the file.
    """
    document, text = parse(path)
    content, found = examine(document, model, folder=path.absolute().parent)
    if content is None:
        raise ConfigError(located(found, path=path, text=text))
    return content, text


def located(
    problems: Sequence[Problem],
    *,
    path: Path,
    text: str,
    rows: Mapping[KeyPath, Row] = MappingProxyType({}),
) -> list[str]:
    """Return problems at key paths as lines of the file, in its order, then those of its tables.

    Parameters
    ----------
    problems
        Pairs of key path and text.
    path
        The file.
    text
        Its TOML.
    rows
        The key paths whose content stands in a row of a table that the file names.
    """
    tables = list(dict.fromkeys(row.table for row in rows.values()))
    found: list[tuple[int, int, str]] = []
    for key, what in problems:
        heads = (key[:length] for length in range(len(key), 0, -1))
        head = next((each for each in heads if each in rows), None)
        if head is None:
            found.append((0, locate(text, key), f"{dotted(key)}: {what}"))
        else:
            column = f"{dotted(key[len(head) :])}: " if key != head else ""
            row = rows[head]
            found.append((1 + tables.index(row.table), row.line, f"{column}{what}"))
    files = [path, *tables]
    return [f"{files[number]}:{line}: {message}" for number, line, message in sorted(found)]


def unreadable(file: str) -> str | None:
    """Say why a file that is named cannot be read by who asks; None where it can."""
    path = Path(file)
    try:
        with path.open("rb"):
            return None
    except FileNotFoundError:
        if path.is_relative_to(CREDENTIALS):
            return None
        return f"{file}: no such file; put it there, or name another"
    except OSError as error:
        return (
            f"{file} cannot be read: {error.strerror}; give its user the right, or check as the "
            "user who runs it"
        )


def unwritable(folder: Path) -> str | None:
    """Say why a folder cannot be made or written by who asks; None where it can.

    It is tried with a folder that is removed at once, in the nearest parent that exists: what a
    system call answers about rights is not what a read-only disk does.
    """
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".check-", dir=there):
            return None
    except OSError as error:
        act = "written" if there == folder.absolute() else f"made in {there}"
        return (
            f"{folder} cannot be {act}: {error.strerror}; name another folder, or check as the "
            "user who runs it"
        )


def _without(document: Mapping[str, Any], paths: Sequence[KeyPath]) -> dict[str, Any]:
    """Return a copy of a document that lacks the keys at `paths`."""
    copy: Any = deepcopy(dict(document))
    for path in paths:
        table = copy
        for step in path[:-1]:
            table = table[step]
        del table[path[-1]]
    result: dict[str, Any] = copy
    return result
