"""`journal verify` on a file that SQLite opens and that holds no journal."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.cli.shell import hazgate


def test_an_empty_file_is_no_journal(tmp_path: Path) -> None:
    """A store cut to nothing is told as a problem: status 1 and a line that names it."""
    path = tmp_path / "store.db"
    path.write_bytes(b"")
    found = hazgate("journal", "verify", path)
    assert found.exit_code == 1
    assert str(path) in found.stderr
