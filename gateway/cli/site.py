"""Commands about a site file: check it, play its devices."""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from gateway.cli.output import JsonOption, SiteOption, complain, say
from gateway.config import ConfigError, examine, located, parse, unreadable, unwritable

if TYPE_CHECKING:  # a centre never loads numba, not even to be checked
    from gateway.pipeline.alarm_list import AlarmRow
    from gateway.pipeline.plant import Plant

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
    alarms: Annotated[
        bool, typer.Option("--alarms", help="List every alarm with its limits and delays.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the files of sites and centres and tell every problem, each with its line.

    For a statutory alarm it also tells how long detection takes: interval + T90 + on-delay.

    Example: hazgate check site.toml
    """
    problems: list[str] = []
    times: list[str] = []
    plants: list[Plant] = []
    for path in files:
        try:
            plant, found = check_one(path)
        except ConfigError as error:
            problems += error.problems
            continue
        plants += [plant] if plant is not None else []
        times += found
    points = sum(len(plant.points) for plant in plants)
    count = sum(len(plant.definitions) for plant in plants)
    if as_json:
        figures: dict[str, object] = {
            "files": len(files), "points": points, "alarms": count,
            "problems": problems, "statutory_response": times,
        }  # fmt: skip
        if alarms:
            figures["alarm_rows"] = [asdict(row) for row in rows_of(plants)]
        say(figures, as_json=True)
    else:
        told = [*problems, *(listed(plants) if alarms else ()), *(f"statutory: {t}" for t in times)]
        for line in told:
            typer.echo(line)
        if not problems:
            typer.echo(f"{len(files)} file(s), {points} points, {count} alarms: no problems")
    raise typer.Exit(1 if problems else 0)


def rows_of(plants: list[Plant]) -> Iterator[AlarmRow]:
    """Yield every alarm of these plants, of which a site may have millions."""
    from gateway.pipeline.alarm_list import alarm_rows

    return chain.from_iterable(map(alarm_rows, plants))


def listed(plants: list[Plant]) -> Iterator[str]:
    """Yield the lines of the list of alarms."""
    from gateway.pipeline.alarm_list import table

    return table(rows_of(plants))


def check_one(path: Path) -> tuple[Plant | None, list[str]]:
    """Check one file, whatever it is; return a site's plant, and how long statutory alarms take.

    Raises
    ------
    ConfigError
        With every problem.
    """
    kind = kind_of(path)
    if kind == "profile":
        told = (
            f"{path}:1: is a device profile, no site; put it below a folder profiles, as "
            "profiles/vendor/model.toml, and run: hazgate profiles test"
        )
        raise ConfigError([told])
    if kind == "site":
        return check_site(path)
    check_centre(path)
    return None, []


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

    document, text = parse(path)
    settings, found = examine(document, CentreSettings, folder=path.absolute().parent)
    problems = []
    if settings is not None:
        for key in ("cert", "key"):
            file = getattr(settings.listen, key)
            why = unreadable(file) if file is not None else None
            if why is not None:
                found.append((("listen", key), why))
        why = unwritable(Path(settings.store.folder))
        if why is not None:
            found.append((("store", "folder"), why))
        ca_file = settings.parent.ca_file if settings.parent is not None else None
        if ca_file is not None and (why := unreadable(ca_file)) is not None:
            found.append((("parent", "ca_file"), why))
        if settings.divisions.file is not None:
            try:
                read(Path(settings.divisions.file))
            except DivisionsError as error:
                problems.append(str(error))
    problems = located(found, path=path, text=text) + problems
    if problems:
        raise ConfigError(problems)


def check_site(path: Path) -> tuple[Plant, list[str]]:
    """Check a site file; return its plant, and how long its statutory alarms take.

    Raises
    ------
    ConfigError
        With every problem.
    """
    from gateway.pipeline.response import responses
    from gateway.roles.edge.site import inspect_site

    plant = inspect_site(path, now_ns=time.time_ns()).plant
    return plant, [str(response) for response in responses(plant)]


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
