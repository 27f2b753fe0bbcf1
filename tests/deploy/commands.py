"""Command lines against the program: a command, its options and arguments, without running it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from typer.main import get_command

from gateway.cli import app

BIN = "/bin/hazgate"


def check(words: Sequence[str]) -> None:
    """Parse the words after ``hazgate`` as the program would; raise its own error for a mistake."""
    command = get_command(app)
    name, rest = "hazgate", list(words)
    context = None
    # Typer may bring a click of its own: a group is what finds commands.
    while hasattr(command, "resolve_command"):
        context = command.context_class(command, parent=context, info_name=name)
        name, command, rest = command.resolve_command(context, rest)
    command.make_context(name, rest, parent=context)


def hazgate_lines(text: str) -> list[list[str]]:
    """Return the words after ``hazgate`` of every command line in fenced blocks of a page."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            program = [n for n, word in enumerate(words) if word == "hazgate" or word.endswith(BIN)]
            if program:
                found.append(words[program[0] + 1 :])
    return found
