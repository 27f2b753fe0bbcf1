"""What a bench sees of programs that run: their metrics, and rows of their stores."""

from __future__ import annotations

import http.client
import urllib.request
from pathlib import Path
from typing import Final

from gateway.db import Database, StoreError

#: The state of an alarm, in the store of each role.
STATE: Final = {
    "edge": "SELECT state FROM alarm WHERE alarm = ?",
    "centre": "SELECT state FROM mirror WHERE alarm = ?",
}


def metric(port: int, name: str) -> float | None:
    """Return a metric, summed over its labels; None while the program does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            text = answer.read().decode()
    except (OSError, http.client.HTTPException):
        # It may execute itself anew in the middle of its answer.
        return None
    values = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith((f"hazgate_{name} ", f"hazgate_{name}{{"))
    ]
    return sum(values) if values else None


def rows(
    path: Path, role: str, sql: str, parameters: tuple[str, ...] = ()
) -> list[tuple[object, ...]]:
    """Return rows of a store; none while it cannot be read."""
    if not path.exists():
        return []
    try:
        database = Database(path, role, read_only=True)
    except StoreError:
        return []
    try:
        return database.execute(sql, parameters)
    except StoreError:
        return []
    finally:
        database.close()
