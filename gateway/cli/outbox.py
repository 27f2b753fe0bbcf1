"""What waits for the parent, the screen and the exports, and what they will never take."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from device_profiles.instant import from_nanoseconds
from gateway.cli.alarms import ORDER_LIFE_S, CommentOption, OperatorOption, console_user, wait_for
from gateway.cli.output import JsonOption, SiteOption, complain, local, say, table
from gateway.cli.stores import home_of, is_running
from gateway.model import NANOSECONDS, decode_event
from gateway.northbound import dead_letters
from gateway.northbound.dead_letters import DISCARD, RETRY, Release

outbox = typer.Typer(
    no_args_is_help=True, help="Events that wait, and dead letters: what a receiver rejects."
)

#: Dead letters that a list shows.
SHOWN: Final = 500
SeqOption = Annotated[
    int, typer.Option("--seq", min=0, help="Number of the event, as the list shows it.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every dead letter.")]
ReceiverOption = Annotated[
    str, typer.Option("--receiver", help="Only this one's: parent, screen, export:NAME.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(outbox, name="outbox")


@outbox.command("list")
def list_(config: SiteOption, *, as_json: JsonOption = False) -> None:
    """List how many events wait for each receiver, and the dead letters.

    Example: hazgate outbox list --config site.toml
    """
    database = home_of(config).open()
    waiting = {
        receiver: {"events": events, "bytes": octets}
        for receiver, events, octets in database.execute(
            "SELECT destination, events, bytes FROM outbox_size ORDER BY destination"
        )
    }
    total = dead_letters.count(database)
    letters = [
        (letter, decode_event(letter.entry)) for letter in dead_letters.listed(database, SHOWN)
    ]
    if as_json:
        rows = [
            {
                "receiver": letter.receiver,
                "seq": letter.seq,
                "kind": event.kind,
                "alarm": event.alarm,
                "cause": event.cause,
                "rejected": from_nanoseconds(letter.at_ns, "iso8601"),
                "reason": letter.reason,
            }
            for letter, event in letters
        ]
        say({"waiting": waiting, "dead_letters": rows, "total": total}, as_json=True)
        return
    for receiver, each in waiting.items():
        typer.echo(f"{receiver}: {each['events']} event(s) wait, {each['bytes']} bytes")
    table(
        ("receiver", "seq", "rejected", "event", "alarm", "reason"),
        [
            (
                letter.receiver,
                str(letter.seq),
                local(letter.at_ns),
                event.cause or event.kind,
                event.alarm or "-",
                letter.reason,
            )
            for letter, event in letters
        ],
    )
    more = f"; the newest {SHOWN} are shown" if total > SHOWN else ""
    typer.echo(f"{total} dead letter(s){more}")


@outbox.command()
def retry(
    config: SiteOption,
    operator: OperatorOption,
    comment: CommentOption = "",
    seq: SeqOption = 0,
    receiver: ReceiverOption = "",
    *,
    every: AllOption = False,
) -> None:
    """Send dead letters again, once their cause is mended.

    Example: hazgate outbox retry --all --config site.toml --operator "Li Lei"
    """
    release(config, RETRY, operator, comment, seq=seq, receiver=receiver, every=every)


@outbox.command()
def discard(
    config: SiteOption,
    operator: OperatorOption,
    comment: CommentOption,
    seq: SeqOption = 0,
    receiver: ReceiverOption = "",
    *,
    every: AllOption = False,
) -> None:
    """Give dead letters up: the receiver keeps a gap, the journal keeps the events.

    Example: hazgate outbox discard --seq 42 --config site.toml --operator Li --comment "old store"
    """
    release(config, DISCARD, operator, comment, seq=seq, receiver=receiver, every=every)


def release(
    config: Path, action: str, operator: str, comment: str, *, seq: int, receiver: str, every: bool
) -> None:
    """Put the decision into the store; the running node carries it out and journals it."""
    if bool(seq) == every:
        raise typer.BadParameter("name one event by --seq, or every one by --all")
    home = home_of(config)
    database = home.open(writing=True)
    if not is_running(home.folder):
        told = f"no {home.migrations} runs on this store; start it and give the order again"
        complain([f"{home.folder}: {told}"])
    now = time.time_ns()
    order = Release(
        id=f"local-{secrets.token_hex(8)}",
        action=action,
        operator=f"{operator} ({console_user()} at the console)",
        comment=comment,
        expires_ns=now + ORDER_LIFE_S * NANOSECONDS,
        receiver=receiver,
        seq=seq,
    )
    database.execute(
        "INSERT INTO desk_order (id, body, made_ns) VALUES (?, ?, ?)",
        (order.id, msgspec.json.encode(order), now),
    )
    result = wait_for(database, order.id)
    typer.echo(result)
    raise typer.Exit(0 if result.startswith("applied") else 1)
