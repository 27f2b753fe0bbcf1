"""A centre of a million alarms is there again soon after it was killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.db import Database
from gateway.supervision.store import FILE
from tests.gateway.roles.test_centre import START

ALARMS = 1_000_000
AGAIN_S = 10.0
#: Of them one in a hundred stands.
MIRROR = """
INSERT INTO mirror (node, alarm, life, revision, seq, occurrence, state, suppression, standing,
    priority, tag, area, hazard, rule, raised_ns, changed_ns, received_ns, value, quality, entry,
    order_id, owner)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
SELECT 'gw' || (i % 200), 'gw' || (i % 200) || '/T' || i || '/h', 'l', 2, i, 1,
    CASE WHEN i % 100 THEN 'NORM' ELSE 'UNACK' END, 'none', i % 100 = 0,
    'high', 'T' || i, 'A1', 'ammonia_refrigeration', 'h', i, i, i, 120.0, 'good', x'7b7d', '', ''
FROM n
"""
EVENTS = """
INSERT INTO event (node, life, seq, epoch, kind, alarm, hazard, hash, entry, received_ns)
SELECT node, life, seq, 'e', 'alarm', alarm, hazard, '', entry, received_ns FROM mirror
"""


@contextmanager
def started(folder: Path) -> Iterator[float]:
    """Start a centre and kill it at the end; yield after how long it answers, s."""
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", START, str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if line.startswith("ready"))
            url = line.split()[1]
            assert httpx.get(f"{url}/api/v1/health").status_code == httpx.codes.OK
            yield time.monotonic() - began
        finally:
            process.kill()


@pytest.mark.more
@pytest.mark.timeout(300)
def test_a_million_alarms_are_there_within_ten_seconds(tmp_path: Path) -> None:
    """Killed and started again it answers, however much it keeps, and keeps all of it."""
    with started(tmp_path):
        pass
    database = Database(tmp_path / FILE, "centre")
    with database.transaction():
        database.execute(MIRROR, (ALARMS,))
        database.execute(EVENTS)
    database.close()
    for _ in range(2):
        with started(tmp_path) as seconds:
            assert seconds <= AGAIN_S
    database = Database(tmp_path / FILE, "centre")
    assert database.execute("SELECT COUNT(*), SUM(standing) FROM mirror") == [(ALARMS, 10_000)]
    database.close()
