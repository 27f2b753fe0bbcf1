"""The command line. Exit status: 0 good, 1 problems found, 2 wrong usage."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.config import ConfigError
from gateway.observe import start_log

app = typer.Typer(
    name="hazgate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Gateway for high-hazard sites: sensors by MQTT in, durable alarms out.",
)
SiteOption = Annotated[Path, typer.Option("--config", help="The site file.", show_default=False)]


@app.command()
def edge(config: SiteOption) -> None:
    """Run the gateway of a site.

    Example: hazgate edge --config site.toml
    """
    from gateway.roles.edge.run import execute_again, run_edge
    from gateway.roles.edge.site import load_site

    start_log(json=False)
    try:
        site = load_site(config)
    except ConfigError as error:
        complain(error)
    reason = asyncio.run(run_edge(site))
    if reason:
        execute_again(reason)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Site files.", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check site files and tell every problem, each with its line.

    Example: hazgate check site.toml
    """
    from gateway.roles.edge.site import load_site

    problems: list[str] = []
    points = 0
    for path in files:
        try:
            points += len(load_site(path).plant.points)
        except ConfigError as error:
            problems += error.problems
    if as_json:
        say({"files": len(files), "points": points, "problems": problems}, as_json=True)
    else:
        for problem in problems:
            typer.echo(problem)
        if not problems:
            typer.echo(f"{len(files)} file(s), {points} points: no problems")
    raise typer.Exit(1 if problems else 0)


def complain(error: ConfigError) -> None:
    """Print every problem and leave with 1."""
    for problem in error.problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1)


def say(figures: dict[str, object], *, as_json: bool) -> None:
    """Print figures as one JSON line, or a line each."""
    if as_json:
        typer.echo(json.dumps(figures, ensure_ascii=False))
    else:
        for key, value in figures.items():
            typer.echo(f"{key}: {value}")


def main() -> None:
    """Entry point of the `hazgate` command."""
    app()
