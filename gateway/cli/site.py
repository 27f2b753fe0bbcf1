"""Commands about a site file: check it, play its devices."""

from __future__ import annotations

import asyncio
import time
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from gateway.cli.output import JsonOption, SiteOption, complain, say
from gateway.config import ConfigError, load

#: Seconds between two lines of a running simulation.
PROGRESS_S: Final = 10.0


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(check)
    app.command()(simulate)


def check(
    files: Annotated[
        list[Path], typer.Argument(help="Files of sites and of centres.", show_default=False)
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Check the files of sites and centres and tell every problem, each with its line.

    For a statutory alarm it also tells how long detection takes: interval + T90 + on-delay.

    Example: hazgate check site.toml
    """
    problems: list[str] = []
    times: list[str] = []
    points = alarms = 0
    for path in files:
        try:
            kind = kind_of(path)
            if kind == "profile":
                problems.append(
                    f"{path}:1: is a device profile, no site; put it below a folder profiles, as "
                    "profiles/vendor/model.toml, and run: hazgate profiles test"
                )
                continue
            if kind == "centre":
                check_centre(path)
                continue
            found = check_site(path)
        except ConfigError as error:
            problems += error.problems
            continue
        points += found[0]
        alarms += found[1]
        times += found[2]
    if as_json:
        figures = {
            "files": len(files), "points": points, "alarms": alarms,
            "problems": problems, "statutory_response": times,
        }  # fmt: skip
        say(figures, as_json=True)
    else:
        for problem in problems:
            typer.echo(problem)
        for response in times:
            typer.echo(f"statutory: {response}")
        if not problems:
            typer.echo(f"{len(files)} file(s), {points} points, {alarms} alarms: no problems")
    raise typer.Exit(1 if problems else 0)


def kind_of(path: Path) -> Literal["site", "centre", "profile"]:
    """Return what a file is by its tables: a centre listens, a profile says how a device speaks."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return "site"
    if {"node", "broker", "area", "device"} & document.keys() <= {"node"}:
        if {"listen", "pairing", "divisions"} & document.keys():
            return "centre"
        if {"payload", "channel", "example"} & document.keys() and "node" not in document:
            return "profile"
    return "site"


def check_centre(path: Path) -> None:
    """Check a centre's file.

    Raises
    ------
    ConfigError
        With every problem.
    """
    from gateway.roles.centre import CentreSettings
    from gateway.supervision.divisions import DivisionsError, read

    settings, _ = load(path, CentreSettings)
    if settings.divisions.file is not None:
        try:
            read(Path(settings.divisions.file))
        except DivisionsError as error:
            raise ConfigError([str(error)]) from error


def check_site(path: Path) -> tuple[int, int, list[str]]:
    """Check a site file; return its points, its alarms, and how long statutory ones take.

    Raises
    ------
    ConfigError
        With every problem.
    """
    from gateway.pipeline.response import responses
    from gateway.roles.edge.site import load_site

    plant = load_site(path).plant
    times = [str(response) for response in responses(plant)]
    return len(plant.points), len(plant.definitions), times


def simulate(
    config: SiteOption,
    broker: Annotated[str, typer.Option(help="mqtt://host:port", show_default=False)],
    *,
    rate: Annotated[float, typer.Option(min=0.001, help="Messages a second of a device.")] = 1.0,
    scenario: Annotated[str, typer.Option(help="quiet or leak.")] = "quiet",
    seconds: Annotated[float, typer.Option(min=0, help="How long; 0 for ever.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 1,
) -> None:
    """Play a site's devices, in their own payload formats, to a broker.

    Example: hazgate simulate --config site.toml --broker mqtt://127.0.0.1:1883
    """
    from gateway.roles.edge.site import load_site
    from gateway.roles.simulate import SCENARIOS, run_simulation

    if scenario not in SCENARIOS:
        complain([f"scenario {scenario!r} is unknown; use one of {', '.join(SCENARIOS)}"])
    try:
        site = load_site(config)
    except ConfigError as error:
        complain(error.problems)
    progress = Progress(f"plays {len(site.plant.devices)} device(s) to {broker}; Ctrl-C ends it")
    try:
        asyncio.run(
            run_simulation(
                site, broker, rate=rate, scenario=scenario, seconds=seconds or None, seed=seed,
                told=progress.told,
            )
        )  # fmt: skip
    except KeyboardInterrupt:
        pass
    except ValueError as error:
        complain([str(error)])
    except OSError as error:
        complain([f"{broker}: cannot be reached: {error}; start the broker, or name another"])
    say({"messages": progress.sent}, as_json=False)


class Progress:
    """Tells on stderr that a simulation goes on: once connected, then every few seconds."""

    def __init__(self, first: str) -> None:
        self.sent = 0
        self._first = first
        self._next = 0.0

    def told(self, sent: int) -> None:
        """Take the messages sent so far."""
        self.sent = sent
        now = time.monotonic()
        if now >= self._next:
            typer.echo(f"{sent} messages" if self._next else self._first, err=True)
            self._next = now + PROGRESS_S
