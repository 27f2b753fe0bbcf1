"""The command that runs a recording through a site's rules, or through two sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.output import JsonOption, SiteOption, complain, local, say, table
from gateway.config import ConfigError
from gateway.model import NANOSECONDS

if TYPE_CHECKING:
    from gateway.roles.replay import Difference, ReplaySummary

#: Names that a line tells before it says how many more there are.
TOLD: Final = 10


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(replay)


def replay(
    config: SiteOption,
    input_file: Annotated[
        Path, typer.Option("--input", help="CSV or Parquet, wide or long.", show_default=False)
    ],
    *,
    out: Annotated[Path | None, typer.Option(help="One event per line.")] = None,
    compare: Annotated[Path | None, typer.Option(help="Another site file: how it differs.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Readings at once; changes speed only.")] = 4096,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the devices.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Run recorded readings through a site's rules.

    Example: hazgate replay --config site.toml --input readings.csv --out alarms.jsonl
    """
    from gateway.roles.edge.site import load_site
    from gateway.roles.replay import differences, replay_file
    from gateway.southbound.recording import RecordingError

    def one(path: Path, target: Path | None) -> ReplaySummary:
        site = load_site(path)
        return replay_file(site, input_file, target, batch=batch, workers=workers)

    try:
        found = one(config, out)
        other = one(compare, None) if compare is not None else None
    except ConfigError as error:
        complain(error.problems)
    except RecordingError as error:
        complain([str(error)])
    between = differences(found, other) if other is not None else {}
    if not as_json:
        tell_replay(found)
        if other is not None:
            tell_difference(other, between)
        return
    figures: dict[str, object] = {
        "readings": found.readings,
        "events": found.events,
        "days": round(found.days, 4),
        "alarms_raised": sum(found.raised.values()),
        "alarms_a_day": round(found.a_day, 3),
        "by_alarm": dict(sorted(found.raised.items())),
        "no_number": found.unread,
        "not_in_site": list(found.unknown),
    }
    if other is not None:
        figures["compared_alarms_a_day"] = round(other.a_day, 3)
        figures["differences"] = {alarm: asdict(each) for alarm, each in between.items()}
    say(figures, as_json=True)


def tell_replay(found: ReplaySummary) -> None:
    """Print what a replay found, alarm by alarm, with when each first and last rose."""
    if found.readings:
        typer.echo(
            f"{found.readings} readings, {local(found.first_ns)} to {local(found.last_ns)}: "
            f"{found.events} events, {sum(found.raised.values())} alarms, {rate(found)}"
        )
    else:
        typer.echo("no readings of this site's points")
    if found.unread:
        typer.echo(f"{found.unread} cells hold no number: each a BAD reading")
    if found.unknown:
        more = f" and {len(found.unknown) - TOLD} more" if len(found.unknown) > TOLD else ""
        typer.echo(f"not in the site: {', '.join(found.unknown[:TOLD])}{more}")
    rows = []
    for alarm, count in sorted(found.raised.items()):
        times = found.raises(alarm)
        held = f"{found.active_ns(alarm) / NANOSECONDS:g} s"
        rows.append((alarm, str(count), local(times[0]), local(times[-1]), held))
    table(("alarm", "raised", "first", "last", "held"), rows)


def tell_difference(other: ReplaySummary, between: Mapping[str, Difference]) -> None:
    """Print what the second rule set does otherwise."""
    typer.echo(f"compared: {sum(other.raised.values())} alarms, {rate(other)}")
    rows = [
        (
            alarm,
            f"{each.raised:+d}",
            "-" if each.first_s is None else later(each.first_s),
            f"{each.same}",
            f"{each.active_s:+g} s",
        )
        for alarm, each in between.items()
    ]
    table(("alarm", "raised", "first", "at the same time", "held"), rows)
    if not between:
        typer.echo("no difference: every alarm rises and returns at the same times")


def later(seconds: float) -> str:
    """Return a shift in time as people say it."""
    if not seconds:
        return "the same"
    return f"{abs(seconds):g} s {'later' if seconds > 0 else 'earlier'}"


def rate(found: ReplaySummary) -> str:
    """Return alarms a day, or why there is no such figure."""
    if found.days * 24 < 1:
        return "less than an hour: too short for alarms a day"
    return f"{found.a_day:.3g} a day"
