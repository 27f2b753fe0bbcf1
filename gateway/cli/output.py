"""How commands speak: figures as lines or as one JSON line, problems on their own lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

SiteOption = Annotated[Path, typer.Option("--config", help="The site file.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def say(figures: Mapping[str, object], *, as_json: bool) -> None:
    """Print figures as one JSON line, or a line each."""
    if as_json:
        typer.echo(json.dumps(figures, ensure_ascii=False))
        return
    for key, value in figures.items():
        typer.echo(f"{key}: {value}")


def complain(problems: Sequence[str]) -> NoReturn:
    """Print every problem and leave with 1."""
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1)
