"""Commands and targets as the pages print them, held against the program and the Makefile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import (
    CONTRIBUTING,
    PAGES,
    README,
    ROOT,
    command_lines,
    leaves,
    name_of,
    options,
    problem_of,
    row_of,
    section,
)

COMMANDS = leaves()
TABLE = section(README.read_text(encoding="utf-8"), "Commands")
TARGETS = re.findall(
    r"^([a-z-]+):.*?##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_and_option_is_in_the_table(words: tuple[str, ...]) -> None:
    """The README's table has each command, with exactly the options it takes."""
    row = row_of(TABLE, " ".join(words))
    assert row is not None
    assert set(re.findall(r"`(--[a-z-]+)`", row[2])) == options(COMMANDS[words])


def test_the_table_names_no_command_that_is_not_there() -> None:
    """Each row of the table is a command of the program."""
    listed = re.findall(r"^\| `([^`]+)` \|", TABLE, re.MULTILINE)
    assert {tuple(words.split()) for words in listed} == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_printed_command_line_parses(page: Path) -> None:
    """Whoever copies a command line from a page gets no usage error."""
    assert [problem for line in command_lines(page) if (problem := problem_of(line))] == []


def test_the_readme_prints_command_lines() -> None:
    """The search finds what it looks for: the ten minutes are made of commands."""
    assert len(list(command_lines(README))) >= 8


@pytest.mark.parametrize(
    "line",
    [
        "check --invented site.toml",
        "invented",
        "alarms invented",
        "pair --config site.toml",
        "demo --minutes soon",
        "journal verify data extra",
    ],
)
def test_an_invented_command_line_is_found(line: str) -> None:
    """Negative control: a command, option, or argument that is not there is a problem."""
    assert problem_of(line)


def test_every_target_is_described_and_exists() -> None:
    """The targets of `make help` stand in the contributors' table, and no other does."""
    listed = re.findall(
        r"^\| `make ([a-z-]+)` \|", CONTRIBUTING.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed) == sorted(TARGETS)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_target_a_page_names_exists(page: Path) -> None:
    """`make NAME` in a page is a target of the Makefile."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:`|^|; )make ([a-z-]+)", text, re.MULTILINE)
    assert set(named) <= set(TARGETS)
