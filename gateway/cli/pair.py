"""The command that pairs a site, or a centre, with its parent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import complain
from gateway.cli.site import kind_of
from gateway.cli.stores import site_of
from gateway.config import ConfigError, load

if TYPE_CHECKING:
    from gateway.northbound.settings import ParentSettings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(pair)


def pair(
    config: Annotated[
        Path,
        typer.Option(
            "--config", help="The file of the site, or of the centre.", show_default=False
        ),
    ],
    code: Annotated[str, typer.Option(help="The one-time code of the centre.", show_default=False)],
) -> None:
    """Pair a site, or a centre, with its parent by a one-time code.

    Example: hazgate pair --config site.toml --code 7KQ2M-...
    """
    from gateway.northbound.pairing import PairingError
    from gateway.northbound.pairing import pair as buy

    node, parent, folder = _centre_of(config) if kind_of(config) == "centre" else _site_of(config)
    if parent is None:
        complain([f"{config}:1: parent: is missing; write [parent] with its url"])
    try:
        buy(parent, folder, code, node=node)
    except PairingError as error:
        complain([str(error)])
    typer.echo(f"paired as {node}")


def _site_of(config: Path) -> tuple[str, ParentSettings | None, Path]:
    site = site_of(config)
    return site.settings.node.id, site.settings.parent, site.folder


def _centre_of(config: Path) -> tuple[str, ParentSettings | None, Path]:
    from gateway.roles.centre import CentreSettings

    try:
        settings, _ = load(config, CentreSettings)
    except ConfigError as error:
        complain(error.problems)
    return settings.node.id, settings.parent, Path(settings.store.folder)
