"""The command line in this process: what it prints, and its exit status."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from gateway.cli import app


def hazgate(*arguments: object) -> Result:
    """Run one command; a traceback is a failure, whatever its status."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def figures(result: Result) -> dict[str, Any]:
    """The one JSON object a command printed; a node in the same process may log beside it."""
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found
