"""Every command explains itself by an example, and wrong usage is told apart from problems."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from typer.main import get_command

from gateway import __version__
from gateway.cli import app
from tests.gateway.cli.shell import hazgate

#: What DESIGN promises, and what a script may rely on.
PROMISED = {
    "demo", "edge", "centre", "check", "replay", "simulate", "pair", "profiles list",
    "profiles show", "profiles test", "profiles new", "alarms list", "alarms ack", "alarms shelve",
    "alarms unshelve", "alarms reset", "alarms out-of-service", "journal verify",
}  # fmt: skip


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by its full name."""
    waiting = [("", get_command(app))]
    while waiting:
        name, command = waiting.pop()
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name.strip(), command
        else:
            waiting += [(f"{name} {key}", each) for key, each in inner.items()]


ALL = dict(commands())


def test_the_promised_commands_are_there() -> None:
    """None of the documented ones is missing."""
    assert set(ALL) >= PROMISED


@pytest.mark.parametrize("name", sorted(ALL))
def test_its_help_shows_an_example_that_it_would_take(name: str) -> None:
    """The example names the command itself, and options that it has."""
    text = " ".join((ALL[name].help or "").split())
    assert f"Example: hazgate {name}" in text
    options = {option for parameter in ALL[name].params for option in parameter.opts}
    example = text.split("Example: ")[1]
    assert set(re.findall(r"(?<=\s)--[a-z-]+", example)) <= options
    required = {
        parameter.opts[0]
        for parameter in ALL[name].params
        if parameter.required and parameter.opts[0].startswith("--")
    }
    assert all(option in example for option in required)


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_unknown_option_is_wrong_usage(name: str) -> None:
    """Status 2, never 1: a script tells a typing mistake from a problem found."""
    assert hazgate(*name.split(), "--no-such-option").exit_code == 2


@pytest.mark.parametrize("name", ["explode", "alarms explode", "alarms ack", "check", "replay"])
def test_an_unknown_command_or_a_missing_argument_is_wrong_usage(name: str) -> None:
    """Status 2, and no traceback."""
    assert hazgate(*name.split()).exit_code == 2


def test_help_is_good() -> None:
    """Status 0 for whoever asks."""
    found = hazgate("--help")
    assert found.exit_code == 0
    assert "alarms" in found.stdout


def test_the_version_is_told() -> None:
    """What is installed, for whoever reports a fault."""
    found = hazgate("--version")
    assert (found.exit_code, found.stdout) == (0, f"hazgate {__version__}\n")
