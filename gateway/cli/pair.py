"""The command that pairs a site with its parent."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.output import SiteOption, complain
from gateway.cli.stores import site_of


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(pair)


def pair(
    config: SiteOption,
    code: Annotated[str, typer.Option(help="The one-time code of the centre.", show_default=False)],
) -> None:
    """Pair a site with its parent by a one-time code.

    Example: hazgate pair --config site.toml --code 7KQ2M-...
    """
    from gateway.northbound.pairing import PairingError
    from gateway.northbound.pairing import pair as buy

    site = site_of(config)
    parent = site.settings.parent
    if parent is None:
        complain([f"{config}:1: parent: is missing; write [parent] with its url"])
    try:
        buy(parent, site.folder, code, node=site.settings.node.id)
    except PairingError as error:
        complain([str(error)])
    typer.echo(f"paired as {site.settings.node.id}")
