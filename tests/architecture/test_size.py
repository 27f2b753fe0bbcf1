"""A file is read in one sitting: none that is written by hand grows past 400 lines."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
ROOMS = ("gateway", "detectors", "device_profiles", "bench", "deploy", "tests")


def written() -> list[Path]:
    return sorted(
        path
        for room in ROOMS
        for suffix in ("py", "js", "css")
        for path in (ROOT / room).rglob(f"*.{suffix}")
        if "vendor" not in path.parts
    )


def test_there_is_something_to_measure() -> None:
    """The rooms are where this test looks for them."""
    names = {path.name for path in written()}
    assert {"node.py", "bank.py", "decode.py", "app.js", "screen.css"} <= names


@pytest.mark.parametrize("path", written(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_too_long(path: Path) -> None:
    """At most 400 lines: past that it has two subjects."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
