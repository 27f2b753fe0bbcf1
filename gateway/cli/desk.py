"""Commands without a browser: the alarms, the journal, pairing."""

from __future__ import annotations

import getpass
import os
import secrets
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gateway.alarms import store as alarm_store
from gateway.cli.output import JsonOption, SiteOption, complain, say
from gateway.config import ConfigError
from gateway.db import Database, StoreError
from gateway.journal import verify
from gateway.model import NANOSECONDS, Cause, decode_event
from gateway.northbound import wire

alarms = typer.Typer(no_args_is_help=True, help="The alarms of a site, without a browser.")
journal = typer.Typer(no_args_is_help=True, help="The journal that cannot be altered.")


def named(operator: str) -> str:
    """Refuse a name without ink: the journal must answer who."""
    if not operator.strip():
        raise typer.BadParameter('is blank; write who does it, as in --operator "Li Lei"')
    return operator.strip()


AlarmArgument = Annotated[str, typer.Argument(help="node/tag/rule", show_default=False)]
OperatorOption = Annotated[
    str,
    typer.Option("--operator", help="Who does it.", show_default=False, callback=named),
]
CommentOption = Annotated[str, typer.Option("--comment", help="Why.")]
UntilOption = Annotated[float, typer.Option("--hours", min=0.01, help="For how long.")]
ORDER_LIFE_S = 60


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(alarms, name="alarms")
    app.add_typer(journal, name="journal")
    app.command()(pair)


@alarms.command("list")
def list_(config: SiteOption, *, as_json: JsonOption = False) -> None:
    """List the alarms that stand.

    Example: hazgate alarms list --config site.toml
    """
    with_store = open_store(config)
    statuses, entries = alarm_store.load(with_store)
    rows = []
    for alarm, status in sorted(statuses.items()):
        if status.standing:
            event = decode_event(entries[alarm])
            rows.append(
                {
                    "alarm": alarm,
                    "state": status.state.value,
                    "suppression": status.suppression.value,
                    "priority": event.priority,
                    "revision": status.revision,
                    "value": event.value,
                    "unit": event.unit,
                    "limit": event.limit,
                }
            )
    if as_json:
        say({"alarms": rows}, as_json=True)
        return
    for row in rows:
        typer.echo(
            f"{row['state']:6} {row['priority']:8} {row['alarm']}  "
            f"{row['value']} {row['unit']} (limit {row['limit']}, revision {row['revision']})"
        )
    typer.echo(f"{len(rows)} alarm(s) stand")


@alarms.command()
def ack(
    alarm: AlarmArgument, config: SiteOption, operator: OperatorOption, comment: CommentOption = ""
) -> None:
    """Acknowledge an alarm.

    Example: hazgate alarms ack gw1/AR1-AT-101/h --config site.toml --operator "Li Lei"
    """
    order(config, alarm, Cause.ACKNOWLEDGE, operator, comment)


@alarms.command()
def reset(
    alarm: AlarmArgument, config: SiteOption, operator: OperatorOption, comment: CommentOption = ""
) -> None:
    """Reset a latched alarm whose condition has ended.

    Example: hazgate alarms reset gw1/CS2-AT-201/confined.oxygen.l --config site.toml --operator Li
    """
    order(config, alarm, Cause.RESET, operator, comment)


@alarms.command()
def shelve(
    alarm: AlarmArgument,
    config: SiteOption,
    operator: OperatorOption,
    comment: CommentOption,
    hours: UntilOption = 1.0,
) -> None:
    """Shelve an alarm for a while (at most 8 h; statutory gas alarms cannot be).

    Example: hazgate alarms shelve gw1/T1/h --config site.toml --operator Li --comment "pump test"
    """
    order(config, alarm, Cause.SHELVE, operator, comment, hours=hours)


@alarms.command()
def unshelve(
    alarm: AlarmArgument, config: SiteOption, operator: OperatorOption, comment: CommentOption = ""
) -> None:
    """End a shelving.

    Example: hazgate alarms unshelve gw1/T1/h --config site.toml --operator Li
    """
    order(config, alarm, Cause.UNSHELVE, operator, comment)


@alarms.command("out-of-service")
def out_of_service(
    alarm: AlarmArgument,
    config: SiteOption,
    operator: OperatorOption,
    comment: CommentOption,
    hours: UntilOption = 8.0,
) -> None:
    """Declare an outage: reason and substitute measure in the comment.

    Example: hazgate alarms out-of-service gw1/T1/h --config site.toml --operator Li
    --comment "calibration; portable detector in place" --hours 2
    """
    order(config, alarm, Cause.OUT_OF_SERVICE, operator, comment, hours=hours)


@alarms.command("in-service")
def in_service(
    alarm: AlarmArgument, config: SiteOption, operator: OperatorOption, comment: CommentOption = ""
) -> None:
    """End an outage.

    Example: hazgate alarms in-service gw1/T1/h --config site.toml --operator Li
    """
    order(config, alarm, Cause.IN_SERVICE, operator, comment)


def console_user() -> str:
    """Return who types: the account, and who became it by sudo."""
    user, person = getpass.getuser(), os.environ.get("SUDO_USER")
    return f"{person} as {user}" if person and person != user else user


def order(
    config: Path, alarm: str, cause: Cause, operator: str, comment: str, *, hours: float = 0.0
) -> None:
    """Put an order into the store; the running edge applies it, and the result is an event."""
    database = open_store(config, writing=True)
    statuses, _ = alarm_store.load(database)
    if alarm not in statuses:
        known = ", ".join(sorted(a for a, s in statuses.items() if s.standing)) or "none stands"
        complain([f"{alarm}: this alarm never moved here; standing: {known}"])
    now = time.time_ns()
    body = wire.Order(
        id=f"local-{secrets.token_hex(8)}",
        action=cause.value,
        alarm=alarm,
        revision=statuses[alarm].revision,
        operator=f"{operator} ({console_user()} at the console)",
        comment=comment,
        expires_ns=now + ORDER_LIFE_S * NANOSECONDS,
        to_ns=now + int(hours * 3600 * NANOSECONDS) if hours else 0,
    )
    database.execute(
        "INSERT INTO desk_order (id, body, made_ns) VALUES (?, ?, ?)",
        (body.id, msgspec.json.encode(body), now),
    )
    result = wait_for(database, body.id)
    typer.echo(result)
    raise typer.Exit(0 if result.startswith("applied") else 1)


def wait_for(database: Database, identity: str) -> str:
    """Return the outcome of an order, or say that no edge took it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done = database.execute("SELECT done FROM desk_order WHERE id = ?", (identity,))
        if done and done[0][0]:
            rows = database.execute("SELECT entry FROM journal ORDER BY seq DESC LIMIT 50")
            for (entry,) in rows:
                event = decode_event(entry)
                if event.kind == "order" and event.detail.get("order") == identity:
                    reason = event.detail.get("reason")
                    return f"{event.detail.get('result')}{': ' if reason else ''}{reason or ''}"
        time.sleep(0.1)
    return "waiting: no edge has taken the order yet; is it running? It expires in a minute"


@journal.command("verify")
def verify_(
    store: Annotated[Path, typer.Argument(help="Store folder or file.", show_default=False)],
    *,
    key: Annotated[str, typer.Option(help="Public key that must have signed (hex).")] = "",
    as_json: JsonOption = False,
) -> None:
    """Check a journal from its first entry: chain, sequence, signatures, anchors.

    Example: hazgate journal verify data
    """
    path = store / "store.db" if store.is_dir() else store
    try:
        database = Database(path, "edge", read_only=True)
        found = verify(database, key=key)
    except StoreError as error:
        complain([str(error)])
    say(
        {
            "entries": found.entries,
            "segments": found.segments,
            "signed_to": found.signed_to,
            "anchored_to": found.anchored_to,
            "not_anchored": found.entries - found.anchored_to,
            "problems": list(found.problems),
        },
        as_json=as_json,
    )
    raise typer.Exit(1 if found.problems else 0)


def pair(
    config: SiteOption,
    code: Annotated[str, typer.Option(help="The one-time code of the centre.", show_default=False)],
) -> None:
    """Pair a site with its parent by a one-time code.

    Example: hazgate pair --config site.toml --code 7KQ2M-...
    """
    from gateway.northbound.pairing import PairingError
    from gateway.northbound.pairing import pair as buy
    from gateway.roles.edge.site import load_site

    try:
        site = load_site(config)
    except ConfigError as error:
        complain(error.problems)
    parent = site.settings.parent
    if parent is None:
        complain([f"{config}:1: parent: is missing; write [parent] with its url"])
    try:
        buy(parent, site.folder, code, node=site.settings.node.id)
    except PairingError as error:
        complain([str(error)])
    typer.echo(f"paired as {site.settings.node.id}")


def open_store(config: Path, *, writing: bool = False) -> Database:
    """Open the store of a site, or say why it cannot be."""
    from gateway.roles.edge.site import load_site

    try:
        site = load_site(config)
        path = site.folder / "store.db"
        if not path.exists():
            complain([f"{path}: no store yet; start the edge first"])
        return Database(path, "edge", read_only=not writing)
    except ConfigError as error:
        complain(error.problems)
    except StoreError as error:
        complain([str(error)])
