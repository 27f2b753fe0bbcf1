"""The pages people read, taken apart: text, blocks, tables; and lists from the source."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import typer

from gateway.cli import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SITE_FILE = ROOT / "docs" / "site-file.md"
METRICS = ROOT / "docs" / "metrics.md"
TROUBLE = ROOT / "docs" / "troubleshooting.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^([ ]*)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:[\w./-]*/)?hazgate (?=[a-z-])")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    language: str
    text: str


def name_of(page: Path) -> str:
    """Return a page's path as a test id shows it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, those in lists too."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(name_of(page), match[2], textwrap.dedent(match[3])) for match in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def command_lines(page: Path) -> Iterator[str]:
    """Yield every command line of `hazgate` that a page prints, from its first word after it."""
    for block in blocks(page):
        if block.language == "sh":
            yield from _commands(block.text.splitlines())
        elif block.language == "console":
            lines = block.text.splitlines()
            yield from _commands(line[2:] for line in lines if line.startswith("$ "))
    yield from _commands(span for span in _SPAN.findall(prose(page)) if "COMMAND" not in span)


def _commands(lines: Iterator[str] | list[str]) -> Iterator[str]:
    for line in lines:
        match = re.match(rf"(?:sudo -u [\w-]+ )?{_COMMAND.pattern}", line.strip())
        if match:
            yield line.strip()[match.end() :]


def leaves() -> dict[tuple[str, ...], click.Command]:
    """Return every command of the program by its words."""

    def walk(command: object, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield words, command
            return
        for word, child in children.items():
            yield from walk(child, (*words, word))

    return dict(walk(typer.main.get_command(app), ()))  # type: ignore[arg-type]


def options(command: click.Command) -> set[str]:
    """Return the options of a command that its help shows."""
    return {
        opt
        for parameter in command.params
        if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False)
        for opt in parameter.opts
        if opt != "--help"
    }


def problem_of(line: str) -> str:
    """Return why the program would not take a command line, or nothing.

    A group or a command alone, as prose names it, is taken; with arguments it must parse.
    """
    words = shlex.split(line.partition(" | ")[0])
    known = leaves()
    for length in (2, 1):
        command = known.get(tuple(words[:length]))
        if command is None:
            continue
        rest = words[length:]
        unknown = [w for w in rest if w.startswith("--") and w.partition("=")[0] not in {
            *options(command), "--help",
        }]  # fmt: skip
        if unknown:
            return f"{line}: no option {unknown[0]}"
        if rest and rest != ["--help"]:
            try:
                command.make_context(command.name, list(rest))
            except Exception as error:  # noqa: BLE001 - whatever the parser refuses is the finding
                return f"{line}: {error!r}"
        return ""
    groups = {path[0] for path in known if len(path) > 1}
    return "" if len(words) == 1 and words[0] in groups else f"{line}: no such command"


def row_of(text: str, key: str) -> list[str] | None:
    """Return the cells of the first table row whose first cell holds `key` in backticks."""
    for line in text.splitlines():
        if line.startswith("| "):
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            if f"`{key}`" in cells[0]:
                return cells
    return None


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of level 2 or 3, up to the next of any level."""
    match = re.search(
        rf"^###? {re.escape(heading)}$(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE
    )
    if match is None:
        raise LookupError(f"no section {heading!r}")
    return match[1]


def missing(text: str, names: set[str]) -> set[str]:
    """Return the names that stand in no first cell of the text's tables."""
    return {name for name in names if row_of(text, name) is None}


def classes_named(suffix: str) -> set[str]:
    """Return the public classes of the shipped packages whose name ends so."""
    found: set[str] = set()
    for package in ("gateway", "detectors", "device_profiles"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and node.name.endswith(suffix):
                    found.add(node.name)
    return {name for name in found if not name.startswith("_")}


def texts_given(path: Path, *names: str, place: int) -> set[str]:
    """Return the literal texts that a file gives to calls of these names, at one place."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
            argument = node.args[place] if len(node.args) > place else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found.add(argument.value)
    return found
