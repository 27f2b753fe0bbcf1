"""The command that learns how a process behaves in normal running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import JsonOption, SiteOption, complain, say
from gateway.config import ConfigError


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(train)


def train(
    config: SiteOption,
    tag: Annotated[str, typer.Option(help="The derived point.", show_default=False)],
    input_files: Annotated[
        list[Path],
        typer.Option(
            "--input",
            help="Normal running: CSV or Parquet; as often as there are files.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The model file; as the site file names it.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit the model of a process on recordings of normal running.

    Example: hazgate train --config site.toml --tag R1-UX-101 --input normal.csv
    """
    from gateway.roles.edge.site import load_untrained
    from gateway.roles.train import (
        TrainingError,
        history_text,
        process_of,
        write_model,
    )
    from gateway.roles.train import train as fit
    from gateway.southbound.recording import RecordingError

    def told(line: str) -> None:
        typer.echo(line, err=True)

    try:
        site = load_untrained(config)
        settings, frames = process_of(site, tag)
        target = out if out is not None else Path(settings.model)
        if target.exists() and not force:
            # Told before the work, not after it.
            complain([f"{target}: is there already; write over it with --force, or name --out"])
        if not target.absolute().parent.is_dir():
            complain([f"{target}: its folder is not there; make it, or name another with --out"])
        found = fit(site.plant, frames, input_files, told=told)
        size = write_model(found.model, target)
    except ConfigError as error:
        complain(error.problems)
    except (RecordingError, TrainingError) as error:
        complain(str(error).splitlines())
    model = found.model
    if not as_json:
        typer.echo(history_text(model.samples, (found.swings, found.slowest)))
    figures: dict[str, object] = {
        "model": str(target),
        "bytes": size,
        "points": len(model.points),
        "frames_used": model.samples,
        "frames_left_out": found.left_out,
        "swings": round(found.swings, 1),
        "slowest": found.slowest,
        "order": model.order,
        "limit": round(model.limit, 4),
        "false_alarms_unseen": round(found.beyond, 5),
        "consecutive": model.consecutive,
    }
    say(figures, as_json=as_json)
