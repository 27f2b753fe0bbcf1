"""The command line. Exit status: 0 good, 1 problems found, 2 wrong usage."""

from __future__ import annotations

import typer

from gateway.cli import desk, files, run, site

app = typer.Typer(
    name="hazgate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Gateway for high-hazard sites: sensors by MQTT in, durable alarms out.",
)
for module in (run, site, files, desk):
    module.register(app)


def main() -> None:
    """Entry point of the `hazgate` command."""
    app()
