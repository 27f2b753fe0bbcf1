"""Commands without a browser: the alarms that stand, and an operator's orders."""

from __future__ import annotations

import difflib
import getpass
import heapq
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from device_profiles.instant import from_nanoseconds
from gateway.alarms import store as alarm_store
from gateway.alarms.lifecycle import Status
from gateway.cli.journal import backwards
from gateway.cli.output import JsonOption, SiteOption, amount, complain, local, owes, say, table
from gateway.cli.stores import is_running, last_written_ns, open_store, site_of
from gateway.db import Database
from gateway.model import NANOSECONDS, AlarmEvent, Cause, State, Suppression, decode_event
from gateway.northbound import wire

if TYPE_CHECKING:
    from gateway.pipeline.plant import Plant

alarms = typer.Typer(no_args_is_help=True, help="The alarms of a site, without a browser.")


def named(operator: str) -> str:
    """Refuse a name without ink: the journal must answer who."""
    if not operator.strip():
        raise typer.BadParameter('is blank; write who does it, as in --operator "Li Lei"')
    return operator.strip()


def short(comment: str) -> str:
    """Refuse a comment that no parent would take."""
    if len(comment) > MOST_COMMENT:
        raise typer.BadParameter(f"{len(comment)} characters; at most {MOST_COMMENT} are taken")
    return comment


AlarmArgument = Annotated[str, typer.Argument(help="node/tag/rule", show_default=False)]
OperatorOption = Annotated[
    str,
    typer.Option("--operator", help="Who does it.", show_default=False, callback=named),
]
CommentOption = Annotated[
    str, typer.Option("--comment", help="Why, in at most 1000 characters.", callback=short)
]
UntilOption = Annotated[float, typer.Option("--hours", min=0.01, help="For how long.")]
ORDER_LIFE_S = 60
#: As a centre's screen takes.
MOST_COMMENT = 1000
#: Entries of the journal that a list looks through for what raised an alarm.
LOOK_BACK = 20_000
#: Points, and alarms that ever moved, that a name that is none is compared with.
COMPARED = 200
#: Standing alarms that an error names.
TOLD = 10
ASIDE = {
    Suppression.SHELVED: "shelved",
    Suppression.BY_DESIGN: "suppressed by design",
    Suppression.OUT_OF_SERVICE: "out of service",
}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(alarms, name="alarms")


@alarms.command("list")
def list_(config: SiteOption, *, as_json: JsonOption = False) -> None:
    """List the alarms that stand, and those that were put aside.

    Example: hazgate alarms list --config site.toml
    """
    site = site_of(config)
    database = open_store(site)
    statuses, entries = alarm_store.load(database)
    standing = {alarm: status for alarm, status in sorted(statuses.items()) if status.standing}
    raised = raises(database, standing)
    points = site.plant.points
    names = dict(zip(points.tags, points.names, strict=True))
    found = [
        Standing(status, decode_event(entries[alarm]), raised.get(alarm), names)
        for alarm, status in standing.items()
    ]
    running, written_ns = is_running(site.folder), last_written_ns(database)
    if as_json:
        as_of = from_nanoseconds(written_ns, "iso8601")
        rows = [each.figures() for each in found]
        say({"alarms": rows, "edge_runs": running, "last_written": as_of}, as_json=True)
        return
    if not running:
        typer.echo(f"NOT LIVE: no edge runs on this store; as it stood at {local(written_ns)}")
    headings: tuple[str, ...] = (
        "state", "priority", "raised", "value", "limit", "alarm", "put aside", "point",
    )  # fmt: skip
    reasons, lines = [owes(each.event.owes) for each in found], [each.cells() for each in found]
    if any(reasons):
        headings = (*headings, "why")
        lines = [(*line, why) for line, why in zip(lines, reasons, strict=True)]
    table(headings, lines)
    aside = sum(status.suppression != Suppression.NONE for status in standing.values())
    stand = sum(status.state != State.NORMAL for status in standing.values())
    typer.echo(f"{stand} alarm(s) stand" + (f"; {aside} put aside" if aside else ""))


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of the list: where an alarm stands, its last event, and the one that raised it."""

    status: Status
    event: AlarmEvent
    raised: AlarmEvent | None
    names: dict[str, str]

    def cells(self) -> tuple[str, ...]:
        """Return what a person reads."""
        event, raised, status = self.event, self.raised, self.status
        active = raised if status.state != State.NORMAL else None
        aside = ASIDE.get(status.suppression, "")
        return (
            status.state.value,
            event.priority,
            local(active.source_ns) if active else "-",
            amount(active.value, active.unit) if active else "-",
            amount(event.limit, event.unit),
            event.alarm,
            f"{aside} until {local(status.suppressed_until_ns)}" if aside else "-",
            self.names.get(event.tag, ""),
        )

    def figures(self) -> dict[str, object]:
        """Return what a script reads: `value` is that of the last move."""
        event, raised, status = self.event, self.raised, self.status
        until = status.suppressed_until_ns
        return {
            "alarm": event.alarm,
            "tag": event.tag,
            "name": self.names.get(event.tag, ""),
            "state": status.state.value,
            "suppression": status.suppression.value,
            "suppressed_until": from_nanoseconds(until, "iso8601") if until else None,
            "priority": event.priority,
            "revision": status.revision,
            "raised": from_nanoseconds(raised.source_ns, "iso8601") if raised else None,
            "raised_value": raised.value if raised else None,
            "value": event.value,
            "unit": event.unit,
            "limit": event.limit,
            "contributions": [msgspec.to_builtins(each) for each in event.owes],
        }


def raises(database: Database, standing: dict[str, Status]) -> dict[str, AlarmEvent]:
    """Return the event that raised each of these alarms, as far back as is quickly read."""
    found: dict[str, AlarmEvent] = {}
    for event in islice(backwards(database), LOOK_BACK):
        if len(found) == len(standing):
            break
        if event.alarm in standing and event.cause in {Cause.RAISE, Cause.CARRY}:
            found.setdefault(event.alarm, event)
    return found


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
    site = site_of(config)
    database = open_store(site, writing=True)
    statuses, _ = alarm_store.load(database)
    if alarm not in statuses and alarm not in site.plant.definitions:
        standing = sorted(a for a, status in statuses.items() if status.standing)
        moved = heapq.nlargest(COMPARED, statuses, key=partial(shared, alarm))
        known = {*moved, *near(alarm, site.plant)}
        complain([unknown(alarm, sorted(known), standing)])
    if not is_running(site.folder):
        complain([f"{site.folder}: no edge runs on this store; start it and give the order again"])
    now = time.time_ns()
    body = wire.Order(
        id=f"local-{secrets.token_hex(8)}",
        action=cause.value,
        alarm=alarm,
        revision=statuses.get(alarm, Status()).revision,
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


def near(alarm: str, plant: Plant) -> Iterator[str]:
    """Yield the alarms of the points whose tags are most like what was written.

    A site may have millions of alarms: comparing with each letter by letter would take minutes.
    """
    parts = alarm.removeprefix(f"{plant.node}/").split("/")
    tag = parts[-2] if len(parts) > 1 else parts[0]
    like = heapq.nlargest(COMPARED, plant.points.numbers, key=partial(shared, tag))
    for each in like:
        for definition in plant.definitions.of(plant.points.numbers[each]):
            yield definition.alarm


def shared(one: str, other: str) -> int:
    """Return how much two words have in common at their ends: all of one, but for a slip."""
    pairs = (zip(one[::step], other[::step], strict=False) for step in (1, -1))
    return sum(sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], each)) for each in pairs)


def unknown(alarm: str, known: list[str], standing: list[str]) -> str:
    """Return what to say to who names an alarm that is none: the one that was meant, or a few."""
    meant = [each for each in known if each.endswith(f"/{alarm}")]
    meant = meant or difflib.get_close_matches(alarm, known, n=3)
    if meant:
        return f"{alarm}: no such alarm here; did you mean {' or '.join(meant[:3])}?"
    told = ", ".join(standing[:TOLD]) or "none"
    more = f" and {len(standing) - TOLD} more" if len(standing) > TOLD else ""
    return f"{alarm}: no such alarm here; write node/tag/rule; standing: {told}{more}"


def wait_for(database: Database, identity: str) -> str:
    """Return the outcome of an order, or say that no edge took it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done = database.execute("SELECT done FROM desk_order WHERE id = ?", (identity,))
        if done and done[0][0]:
            for event in islice(backwards(database), 50):
                if event.kind == "order" and event.detail.get("order") == identity:
                    reason = event.detail.get("reason")
                    return f"{event.detail.get('result')}{': ' if reason else ''}{reason or ''}"
        time.sleep(0.1)
    return "waiting: nobody has taken the order yet; does the program run? It expires in a minute"
