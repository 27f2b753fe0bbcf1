"""Commands about device profiles."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from device_profiles.duration import format_duration
from device_profiles.instant import from_nanoseconds
from device_profiles.problems import ProfileError
from device_profiles.registry import NOT_VENDORS, load_registry
from device_profiles.schema import Profile
from device_profiles.vectors import run_vectors, summary
from gateway.cli.output import JsonOption, SiteOption, complain, local, say, table
from gateway.cli.stores import site_of

if TYPE_CHECKING:
    from gateway.northbound.spool import Quarantined

#: Where a site keeps its own profiles, beside its file; found here without being named.
OWN: Final = Path("profiles")


def own_folder(folder: Path | None) -> Path | None:
    """Return the named folder, else `profiles` in the current directory where there is one."""
    return folder if folder is not None or not OWN.is_dir() else OWN


FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        callback=own_folder,
        help="Profiles of your own; the folder profiles here unless named.",
    ),
]
profiles = typer.Typer(no_args_is_help=True, help="Device profiles and their test vectors.")

#: Fields that are nanoseconds here and texts in the file.
DURATIONS: Final = {"interval", "keep_alive", "t90", "warm_up", "calibration"}
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
    if as_json:
        say(rows, as_json=True)
        return
    table(("profile", "channels"), list(rows.items()))


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
    told = found[profile]
    figures = told.model_dump(mode="json", exclude={"example"})
    if as_json:
        say(figures, as_json=True)
        return
    del figures["channel"]
    say(
        {key: written(key, value) for key, value in figures.items() if value is not None},
        as_json=False,
    )
    for name, channel in told.channel.items():
        typer.echo(f"channel {name}:")
        for key, value in channel.model_dump(mode="json").items():
            if value not in (None, []):
                typer.echo(f"  {key}: {written(key, value)}")


def written(key: str, value: object) -> str:
    """Return a value as a profile's file has it: a duration with its unit, a list in brackets."""
    if key in DURATIONS and isinstance(value, int):
        return format_duration(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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

    site = site_of(config)
    found = newest_quarantined(site.folder / "spool", count)
    if as_json:
        rows = {
            f"{from_nanoseconds(each.at_ns, 'iso8601')} {each.topic}": (
                f"{each.reason} ({each.size} bytes): {payload_of(each)!r}"
            )
            for each in found
        }
        say(rows, as_json=True)
        return
    if not found:
        typer.echo("no payload waits in quarantine")
    table(
        ("time", "topic", "reason", "bytes", "payload"),
        [
            (local(each.at_ns), each.topic, each.reason, str(each.size), payload_of(each))
            for each in found
        ],
    )


def payload_of(quarantined: Quarantined) -> str:
    """Return the begin of a payload as text, whatever it is."""
    return quarantined.payload[:200].decode(errors="replace")


@profiles.command()
def new(
    profile: str,
    *,
    folder: Annotated[Path, typer.Option("--folder", help="Where profiles of your own lie.")] = OWN,
) -> None:
    """Write a profile to begin with. Its id is in lower case, vendor and model as you write them.

    Example: hazgate profiles new Acme/Gas-7
    """
    vendor, _, model = profile.partition("/")
    identity = profile.lower()
    text = TEMPLATE.format(id=identity, vendor=vendor, model=model)
    try:
        Profile.model_validate(tomllib.loads(text))
    except ValueError:
        complain([f"{profile!r} is no profile's name; write vendor/model, as in acme/gas-7"])
    if identity.partition("/")[0] in NOT_VENDORS or identity in load_registry():
        complain([f"{identity}: this name is taken; choose another vendor's"])
    path = folder / f"{identity}.toml"
    if path.exists():
        complain([f"{path}: is there already; choose another name"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        complain([f"{path}: cannot be written: {error.strerror}; name another folder"])
    named = "" if folder == OWN else f" --folder {folder}"
    typer.echo(f"{path}: written; now run: hazgate profiles test{named}")
