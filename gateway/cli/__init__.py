"""The command line. Exit status: 0 good, 1 problems found, 2 wrong usage."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from gateway import __version__
from gateway.cli import alarms, files, journal, outbox, pair, replay, retire, run, site, train
from gateway.db import StoreError
from gateway.lifeline import tie


def show_version(wanted: bool) -> None:  # noqa: FBT001 - as the parser calls it
    """Print the version and end, where it was asked for."""
    if wanted:
        typer.echo(f"hazgate {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="hazgate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=show_version, help="Tell and end.")
    ] = False,
) -> None:
    """Gateway for high-hazard sites: sensors by MQTT in, durable alarms out."""


for module in (run, site, replay, train, files, alarms, outbox, journal, pair, retire):
    module.register(app)


#: What a missing module belongs to: a centre installs no numba, an edge no FastAPI.
EXTRAS: Final = {
    "numba": "edge", "numpy": "edge", "paho": "edge", "duckdb": "edge",
    "fastapi": "centre", "uvicorn": "centre", "argon2": "centre",
    "aiomqtt": "mqtt", "amqtt": "demo", "influxdb_client": "influx",
}  # fmt: skip


def main() -> None:
    """Entry point of the `hazgate` command."""
    tie()
    try:
        app()
    except StoreError as error:
        sys.exit(str(error))
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        sys.exit(
            f"this command needs {error.name}, which is not installed here; install it with: "
            f'pip install "hazgate[{extra}]"'
        )
