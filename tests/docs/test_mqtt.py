"""The page of MQTT statements: every row names what it is about, where it is met, and its test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, section

PAGE = ROOT / "docs" / "mqtt.md"
TEXT = PAGE.read_text(encoding="utf-8")
SUITE = ROOT / "tests" / "gateway" / "southbound" / "contract"
TABLES = ["What the standards ask", "Where we depart from them"]
NUMBER = re.compile(r"-|section \d(\.\d+)+|\d\.\d+\.\d+-\d+(, \d\.\d+\.\d+-\d+)*")
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table under a heading, each as its cells."""
    lines = [line for line in section(TEXT, heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[1:]]


def names_in(path: Path) -> set[str]:
    """Return the names of the tests that stand in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    return {name for name in names if name.startswith("test_")}


def faults(row: list[str]) -> list[str]:
    """Return what is wrong with one row."""
    if len(row) != 5:
        return [f"{len(row)} cells"]
    old, new, _, _, shown = row
    found = [f"{cell} is no statement" for cell in (old, new) if not NUMBER.fullmatch(cell)]
    if old == new == "-":
        found.append("no statement at all")
    named = TEST.findall(shown)
    if not named or TEST.sub("", shown).strip(", "):
        found.append(f"{shown} names no test")
    for file, test in named:
        if not (SUITE / file).exists() or test not in names_in(SUITE / file):
            found.append(f"{file}::{test} does not exist")
    return found


@pytest.mark.parametrize("heading", TABLES)
def test_every_statement_has_its_test(heading: str) -> None:
    """Each row has statement numbers of the standards and names tests that exist."""
    found = rows(heading)
    assert len(found) >= 3
    assert {row[2]: faults(row) for row in found if faults(row)} == {}


def test_every_statement_is_met_somewhere() -> None:
    """The modules named beside the statements are the session's."""
    for row in rows(TABLES[0]):
        named = re.findall(r"`(southbound/\w+\.py)`", row[3])
        assert named, row
        assert all((ROOT / "gateway" / name).exists() for name in named), row


def test_every_test_of_the_keep_alive_serves_a_statement() -> None:
    """What the suite shows of one statement is on the page: a new test is not forgotten there."""
    found = [TEST.findall(row[4]) for heading in TABLES for row in rows(heading)]
    named = {test for row in found for _, test in row}
    assert names_in(SUITE / "test_keep_alive.py") <= named
    assert names_in(SUITE / "test_cuts.py") <= named


def test_a_row_without_its_test_is_found() -> None:
    """Negative control: an invented test, a wrong number and a row without a test are told."""
    good = rows(TABLES[0])[0]
    assert faults(good) == []
    assert faults([*good[:4], "`test_cuts.py::test_invented`"])
    assert faults([*good[:4], "`test_invented.py::test_invented`"])
    assert faults([*good[:4], "by reading"])
    assert faults(["3.1", *good[1:]])
    assert faults(["-", "-", *good[2:]])
    assert faults(good[:4])
