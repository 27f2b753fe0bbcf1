"""`hazgate retire`: a gateway that was scrapped is no longer missed by its centre."""

from __future__ import annotations

import secrets
import time
from typing import Annotated

import msgspec
import typer

from gateway.cli.alarms import ORDER_LIFE_S, CommentOption, OperatorOption, console_user, wait_for
from gateway.cli.output import JsonOption, SiteOption, complain, say
from gateway.cli.stores import home_of, is_running
from gateway.model import NANOSECONDS
from gateway.northbound.dead_letters import Release

NodeArgument = Annotated[str, typer.Argument(help="The gateway, as the centre's list names it.")]


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(retire)


def retire(
    node: NodeArgument,
    config: SiteOption,
    operator: OperatorOption,
    comment: CommentOption,
    *,
    as_json: JsonOption = False,
) -> None:
    """Take a scrapped gateway out of service at its centre; `--config` names the centre's file.

    Its credential ends, its alarms leave the list, nobody counts it; its story stays.

    Example: hazgate retire gw1 --config centre.toml --operator "Li Lei" --comment "plant closed"
    """
    home = home_of(config)
    if home.migrations != "centre":
        complain([f"{config}: is no centre's file; a gateway is retired at the centre above it"])
    database = home.open(writing=True)
    if not is_running(home.folder):
        complain([f"{home.folder}: no centre runs on this store; start it and give it again"])
    now = time.time_ns()
    # A centre that was started by an older program takes it for one of its own orders, about dead
    # letters: there is none of this number.
    order = Release(
        seq=-1,
        id=f"local-{secrets.token_hex(8)}",
        action="retire",
        node=node,
        operator=f"{operator} ({console_user()} at the console)",
        comment=comment,
        expires_ns=now + ORDER_LIFE_S * NANOSECONDS,
    )
    database.execute(
        "INSERT INTO desk_order (id, body, made_ns) VALUES (?, ?, ?)",
        (order.id, msgspec.json.encode(order), now),
    )
    result, _, reason = wait_for(database, order.id).partition(": ")
    if as_json:
        say({"node": node, "result": result, "reason": reason}, as_json=True)
    else:
        typer.echo(f"{result}: {reason}")
    raise typer.Exit(0 if result == "applied" else 1)
