"""Commands about the journal: what happened, and whether it was altered since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gateway.cli.output import JsonOption, SiteOption, amount, complain, local, owes, say, table
from gateway.cli.stores import FILES, open_store, site_of, store_file
from gateway.db import Database, StoreError
from gateway.journal import as_bytes, verify
from gateway.model import AlarmEvent, Cause, decode_event

journal = typer.Typer(no_args_is_help=True, help="The journal that cannot be altered.")
#: Entries read at once, from the newest back.
CHUNK = 500
#: Characters of a detail without a blank, beyond which it is a hash that nobody reads.
LONGEST = 40


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(journal, name="journal")


@journal.command("list")
def list_(
    config: SiteOption,
    *,
    tag: Annotated[str, typer.Option(help="Of this point alone.")] = "",
    last: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what happened, the newest last: alarms that rose, and who did what to them.

    Example: hazgate journal list --config site.toml --tag AR1-AT-101 --last 20
    """
    try:
        found = newest(open_store(site_of(config)), last, tag)
    except StoreError as error:
        complain([str(error)])
    except msgspec.DecodeError as error:
        complain([f"the journal is not readable ({error}); run: hazgate journal verify"])
    if as_json:
        say({"entries": [msgspec.to_builtins(event) for event in found]}, as_json=True)
        return
    headings = ("time", "what", "state", "alarm", "value", "limit", "who", "why")
    table(headings, [cells(event) for event in found])
    typer.echo(f"{len(found)} entries" if found else "no entry")


def newest(database: Database, count: int, tag: str) -> list[AlarmEvent]:
    """Return the newest entries, of one point where a tag is given, in their order."""
    found: list[AlarmEvent] = []
    for event in backwards(database):
        # An order that was refused names its alarm and no point.
        if not tag or event.tag == tag or event.alarm.split("/")[1:2] == [tag]:
            found.append(event)
            if len(found) == count:
                break
    return found[::-1]


def backwards(database: Database) -> Iterator[AlarmEvent]:
    """Yield the entries of a journal, the newest first, a part at a time."""
    before = 2**63 - 1
    while rows := database.execute(
        "SELECT seq, entry FROM journal WHERE seq < ? ORDER BY seq DESC LIMIT ?", (before, CHUNK)
    ):
        for seq, entry in rows:
            yield decode_event(as_bytes(entry))
            before = seq


def cells(event: AlarmEvent) -> tuple[str, ...]:
    """Return an entry as people read it."""
    moved = f"{event.before} -> {event.after}" if event.before != event.after else event.after
    what, why = event.cause, event.comment
    if event.kind == "order":
        # How an order ended: what was asked, and of a refused one the reason.
        what = f"{event.detail.get('action', 'order')} {event.detail.get('result', '')}".rstrip()
        why = str(event.detail.get("reason") or why)
    elif event.kind != "alarm":
        told = [f"{key} {short(value)}" for key, value in event.detail.items() if value != ""]
        what, why = event.kind, ", ".join([why, *told] if why else told)
    elif event.cause == Cause.RAISE:
        # What follows in the same occurrence says the same.
        why = owes(event.owes)
    return (
        local(event.source_ns), what, moved, event.alarm, amount(event.value, event.unit),
        amount(event.limit, event.unit), event.operator or "-", why,
    )  # fmt: skip


def short(value: object) -> str:
    """Return a detail; of a long hash the begin."""
    text = str(value)
    return text if len(text) <= LONGEST or " " in text else f"{text[:12]}..."


@journal.command("verify")
def verify_(
    store: Annotated[
        Path,
        typer.Argument(help="Store of an edge or a centre: folder or file.", show_default=False),
    ],
    *,
    key: Annotated[str, typer.Option(help="Public key that must have signed (hex).")] = "",
    as_json: JsonOption = False,
) -> None:
    """Check a journal from its first entry: chain, sequence, signatures, anchors.

    Example: hazgate journal verify data
    """
    path = store_file(store)
    try:
        found = verify(Database(path, FILES.get(path.name, "edge"), read_only=True), key=key)
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
