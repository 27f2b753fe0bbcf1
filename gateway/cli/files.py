"""Commands about device profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from device_profiles.instant import from_nanoseconds
from device_profiles.problems import ProfileError
from device_profiles.registry import load_registry
from device_profiles.vectors import run_vectors, summary
from gateway.cli.output import JsonOption, SiteOption, complain, say
from gateway.config import ConfigError

FolderOption = Annotated[Path | None, typer.Option("--folder", help="Profiles of your own.")]
profiles = typer.Typer(no_args_is_help=True, help="Device profiles and their test vectors.")

TEMPLATE = """# How this device speaks. Field reference: device_profiles/README.md
id = "{id}"
title_en = "{id}"
title_zh = "{id}"
vendor = "{vendor}"
model = "{model}"
payload = "json"
time = "/ts"
interval = "10s"

[channel.nh3]
pointer = "/nh3"
quantity = "nh3"
unit = "ppm"
range = [0, 1000]

[[example]]
payload = '{{"ts": 1767225600, "nh3": 12.5}}'
expect = {{ nh3 = 12.5 }}
"""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(profiles, name="profiles")


@profiles.command("list")
def list_(*, folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """List the profiles with their channels.

    Example: hazgate profiles list
    """
    try:
        found = load_registry(folder)
    except ProfileError as error:
        complain(error.problems)
    rows = {
        name: ", ".join(f"{key} [{c.unit}]" for key, c in profile.channel.items()) or "any channel"
        for name, profile in sorted(found.items())
    }
    say(rows, as_json=as_json)


@profiles.command()
def show(profile: str, *, folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """Show what a profile says.

    Example: hazgate profiles show generic/multigas-4
    """
    try:
        found = load_registry(folder)
    except ProfileError as error:
        complain(error.problems)
    if profile not in found:
        complain([f"{profile!r} is no known profile; known: {', '.join(sorted(found))}"])
    say(found[profile].model_dump(mode="json", exclude={"example"}), as_json=as_json)


@profiles.command("test")
def run_tests(*, folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """Run the examples that stand in the profiles.

    Example: hazgate profiles test --folder profiles
    """
    try:
        results = run_vectors(load_registry(folder).values())
    except ProfileError as error:
        complain(error.problems)
    failed = [result for result in results if not result.passed]
    for result in failed:
        for problem in result.problems:
            typer.echo(f"{result.profile}: example {result.number}: {problem}", err=True)
    say(summary(results), as_json=as_json)
    raise typer.Exit(1 if failed else 0)


@profiles.command()
def quarantine(
    config: SiteOption,
    *,
    count: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show payloads that could not be decoded, each with the reason: where a profile begins.

    Example: hazgate profiles quarantine --config site.toml
    """
    from gateway.northbound.spool import newest_quarantined
    from gateway.roles.edge.site import load_site

    try:
        site = load_site(config)
    except ConfigError as error:
        complain(error.problems)
    rows = {
        f"{from_nanoseconds(each.at_ns, 'iso8601')} {each.topic}": (
            f"{each.reason} ({each.size} bytes): {each.payload[:200].decode(errors='replace')!r}"
        )
        for each in newest_quarantined(site.folder / "spool", count)
    }
    if not rows and not as_json:
        typer.echo("no payload waits in quarantine")
    say(rows, as_json=as_json)


@profiles.command()
def new(profile: str, *, folder: Annotated[Path, typer.Option("--folder")]) -> None:
    """Write a profile to begin with.

    Example: hazgate profiles new acme/gas-7 --folder profiles
    """
    vendor, _, model = profile.partition("/")
    path = folder / vendor / f"{model}.toml"
    if not vendor or not model:
        complain([f"{profile!r}: write it as vendor/model"])
    if path.exists():
        complain([f"{path}: is there already; choose another name"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE.format(id=profile, vendor=vendor, model=model), encoding="utf-8")
    typer.echo(f"{path}: written; now run: hazgate profiles test --folder {folder}")
