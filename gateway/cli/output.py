"""How commands speak: tables for people, one JSON line for scripts, problems on their own lines."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.model import NANOSECONDS, Contribution

SiteOption = Annotated[Path, typer.Option("--config", help="The site file.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def say(figures: Mapping[str, object], *, as_json: bool) -> None:
    """Print figures as one JSON line, or a line each."""
    if as_json:
        typer.echo(json.dumps(figures, ensure_ascii=False))
        return
    for key, value in figures.items():
        told = value
        if isinstance(value, Mapping):
            told = [f"{name}: {each}" for name, each in value.items()]
        if isinstance(told, (list, tuple)):
            typer.echo(f"{key}:" if told else f"{key}: none")
            for each in told:
                typer.echo(f"  {each}")
        else:
            typer.echo(f"{key}: {'-' if told is None else told}")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns under their headings; without rows, nothing."""
    if not rows:
        return
    whole = [[shown(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(width(row[column]) for row in whole) for column in range(len(headings))]
    for row in whole:
        cells = (cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def shown(text: str) -> str:
    """Return a text on one line; what a terminal would obey is escaped, letters are kept."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def width(text: str) -> int:
    """Return the columns a text takes on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def local(time_ns: int) -> str:
    """Return a time as the clock on this machine's wall shows it."""
    return f"{datetime.fromtimestamp(time_ns // NANOSECONDS).astimezone():%Y-%m-%d %H:%M:%S}"


def amount(value: float | None, unit: str) -> str:
    """Return a value with its unit, of a plain number none; a dash where there is no value."""
    return "-" if value is None else f"{value:g} {'' if unit == '1' else unit}".rstrip()


def owes(contributions: Sequence[Contribution]) -> str:
    """Return whom an anomaly owes most to, each with how far it is off; empty for none."""
    told = [
        each.tag if each.offset is None else f"{each.tag} ({each.offset:+.1f} sd)"
        for each in contributions
    ]
    return f"owes most to {', '.join(told)}" if told else ""


def complain(problems: Sequence[str]) -> NoReturn:
    """Print every problem and leave with 1."""
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1)
