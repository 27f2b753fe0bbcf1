"""Commands that run: the two roles, and the demo."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import SiteOption, complain
from gateway.clock import ScaledClock, SystemClock
from gateway.config import ConfigError, load
from gateway.db import StoreError, StoreInUseError
from gateway.model import Clock
from gateway.observe import start_log
from gateway.watchdog import Watchdog

SpeedOption = Annotated[float, typer.Option(hidden=True, min=0.1, max=1000.0)]
OriginOption = Annotated[int, typer.Option(hidden=True)]
LogJson = Annotated[bool, typer.Option("--log-json", help="Log lines as JSON.")]


class Language(StrEnum):
    """What the demo's plant is named in."""

    ZH = "zh"
    EN = "en"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(edge)
    app.command()(centre)
    app.command()(demo)


def edge(
    config: SiteOption,
    *,
    log_json: LogJson = False,
    clock_speed: SpeedOption = 1.0,
    clock_origin: OriginOption = 0,
) -> None:
    """Run the gateway of a site.

    Example: hazgate edge --config site.toml
    """
    from gateway.roles.edge.anew import execute_again, leave, restart
    from gateway.roles.edge.run import run_edge
    from gateway.roles.edge.site import start_site

    start_log(json=log_json)
    try:
        site, wrong = start_site(config)
        for each in wrong:
            typer.echo(each, err=True)
        with Watchdog(restart) as watchdog:
            clock = clock_of(clock_speed, clock_origin)
            reason = asyncio.run(run_edge(site, clock=clock, watchdog=watchdog, leave=leave))
    except ConfigError as error:
        complain(error.problems)
    except StoreInUseError as error:
        complain([str(error)])
    if reason:
        execute_again(reason)


def centre(
    config: Annotated[Path, typer.Option("--config", help="The file of the centre.")],
    *,
    reset_password: Annotated[
        str, typer.Option(help="Give this account a new password and print it once.")
    ] = "",
    show_key: Annotated[
        bool,
        typer.Option("--show-key", help="Print the key that its orders are known by, and end."),
    ] = False,
    log_json: LogJson = False,
    clock_speed: SpeedOption = 1.0,
    clock_origin: OriginOption = 0,
) -> None:
    """Run a supervision centre with its screen.

    Example: hazgate centre --config centre.toml
    """
    from gateway.roles.centre import CentreSettings, RunningCentre, run_centre
    from gateway.supervision.divisions import DivisionsError

    try:
        settings, _ = load(config, CentreSettings)
        if show_key:
            typer.echo(key_of(Path(settings.store.folder)))
            return
        start_log(json=log_json)
        # Heartbeats come by the machine's own clock, however fast the demo's runs.
        watch = settings.watch.stretched(clock_speed)
        settings = settings.model_copy(update={"watch": watch})
        clock = clock_of(clock_speed, clock_origin)
        with Watchdog(left_to_the_supervisor) as watchdog:

            def ready(_: RunningCentre) -> None:
                watchdog.follow()
                watchdog.ready()

            asyncio.run(run_centre(settings, clock=clock, ready=ready, renew=reset_password))
    except ConfigError as error:
        complain(error.problems)
    except (DivisionsError, StoreError) as error:
        complain([str(error)])
    except OSError as error:
        complain([f"{config}: the centre cannot start: {error}; is its address free and its own?"])


def left_to_the_supervisor(_why: str) -> None:
    """Begin nothing anew in this process: whoever started a centre starts it again."""


def key_of(folder: Path) -> str:
    """Return the public key of the centre whose store lies there; it is made at the first start."""
    from gateway.identity import load_key, public_hex

    if not (folder / "node.key").exists():
        complain([f"{folder}: has no key yet; start the centre once, then ask again"])
    return public_hex(load_key(folder))


def demo(
    *,
    port: Annotated[int, typer.Option(help="Where the screen listens.")] = 8080,
    minutes: Annotated[float, typer.Option(min=1, help="How long it runs.")] = 10.0,
    speed: Annotated[float, typer.Option(min=0.1, max=600, help="How fast time passes.")] = 1.0,
    language: Annotated[
        Language | None,
        typer.Option(help="Of the plant's names; the terminal's when none is given."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here too.")] = None,
) -> None:
    """Run a broker, a simulated plant of all six hazard classes, a gateway and a centre.

    Example: hazgate demo --minutes 1
    """
    from gateway.roles.demo import run_demo

    raise typer.Exit(
        run_demo(port=port, minutes=minutes, speed=speed, language=language, figures=json)
    )


def clock_of(speed: float, origin_ns: int) -> Clock:
    """Return the machine's clock, or the demo's faster one."""
    return SystemClock() if speed == 1.0 else ScaledClock(speed, origin_ns)
