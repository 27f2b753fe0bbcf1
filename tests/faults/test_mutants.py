"""A mutant takes out what is there: a name that the program has no more would prove nothing."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

MUTANTS = sorted((Path(__file__).parent / "mutants").glob("*.py"))


def imported(tree: ast.AST) -> dict[str, object]:
    """Return what the module's imports of the program bind, in functions too.

    What it takes of the laboratory is left out: that may break things as it is imported.
    """
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway"):
            for name in node.names:
                module = importlib.import_module(str(node.module))
                if not hasattr(module, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")
                found[name.asname or name.name] = getattr(module, name.name)
    return found


def assigned(tree: ast.AST) -> Iterator[list[str]]:
    """Yield each dotted name that something is assigned to, in parts."""
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            parts = ast.unparse(target).split(".")
            if isinstance(target, ast.Attribute) and all(part.isidentifier() for part in parts):
                yield parts


def missing(text: str) -> list[str]:
    """Return the names that a mutant replaces, and that are not there."""
    tree = ast.parse(text)
    known, found = imported(tree), []
    for root, *parts in assigned(tree):
        owner = known.get(root)
        for part in parts if root in known else ():
            if not hasattr(owner, part):
                found.append(".".join([root, *parts]))
                break
            owner = getattr(owner, part)
    return found


@pytest.mark.parametrize("path", MUTANTS, ids=lambda path: path.stem)
def test_a_mutant_replaces_what_is_there(path: Path) -> None:
    """Moved or renamed, it is told here at once, and not by a control that catches nothing."""
    assert missing(path.read_text(encoding="utf-8")) == []


def test_a_name_that_is_not_there_is_found() -> None:
    """What an earlier program had."""
    text = "from gateway.roles.edge import node\nnode.no_such_name = print\n"
    assert missing(text) == ["node.no_such_name"]
