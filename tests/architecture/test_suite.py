"""What every test of this suite keeps to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("test_*.py"))
LONGEST_SLEEP_S = 0.2
#: Lets a recording played in real time run out: its last message does not announce itself.
EXEMPT = {"chain/test_live_and_replay.py": 1}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name.startswith("test_"):
            yield node


def without_promise(tree: ast.AST) -> list[str]:
    """Tests whose docstring is not one line that ends as a sentence."""
    return [
        function.name
        for function in functions(tree)
        if not (text := ast.get_docstring(function) or "")
        or "\n" in text
        or not text.endswith((".", "?", "!"))
    ]


def long_sleeps(tree: ast.AST) -> list[int]:
    """Lines of sleeps for a fixed time; in a loop that looks at something they are polling."""
    polling = {
        inner
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
        for inner in ast.walk(loop)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, int | float)
        and node.args[0].value >= LONGEST_SLEEP_S
        and node not in polling
    ]


def test_every_test_states_its_promise() -> None:
    """Every test function says in one sentence what it holds."""
    assert FILES
    found = {
        str(path.relative_to(TESTS)): names
        for path in FILES
        if (names := without_promise(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_no_test_sleeps_instead_of_waiting() -> None:
    """No test sleeps a fixed time in the hope that something has happened by then."""
    found = {
        str(path.relative_to(TESTS)): lines
        for path in sorted(TESTS.rglob("*.py"))
        if (lines := long_sleeps(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert all(len(lines) <= EXEMPT.get(name, 0) for name, lines in found.items()), found


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('def test_a():\n    """It holds."""', []),
        ("def test_a():\n    pass", ["test_a"]),
        ('async def test_a():\n    """It\n    holds."""', ["test_a"]),
        ('class A:\n    def test_a(self):\n        """no sentence"""', ["test_a"]),
        ("def other():\n    pass", []),
    ],
)
def test_the_scan_for_promises_sees(code: str, names: list[str]) -> None:
    """The scan finds tests without a sentence, wherever they stand, and no others."""
    assert without_promise(ast.parse(code)) == names


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("time.sleep(1)", [1]),
        ("async def f():\n    await asyncio.sleep(0.5)", [2]),
        ("while not done():\n    time.sleep(0.5)", []),
        ("time.sleep(0.1)\ntime.sleep(wait)", []),
    ],
)
def test_the_scan_for_sleeps_sees(code: str, lines: list[int]) -> None:
    """The scan finds fixed sleeps and lets polling and short ones be."""
    assert long_sleeps(ast.parse(code)) == lines
