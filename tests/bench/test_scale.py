"""Engine and desk by size: the workload moves the share of alarms that it says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench.scale import SHARES, measure


def test_the_share_of_alarms_is_what_is_said() -> None:
    """Readings to one transition, as counted at the desk, are near what was asked for."""
    size = measure(500, 20_000)
    assert len(size.rates) == len(size.found) == len(SHARES)
    assert all(rate > 1_000 for rate in size.rates)
    for share, found in zip(SHARES, size.found, strict=True):
        assert 0.5 * share < found < 2 * share
    assert size.tick_ms > 0
    assert size.snapshot_ms > 0
    assert size.rss_mb > 50


@pytest.mark.more
def test_scale_ends_with_its_figures() -> None:
    """Each size is a row and has its figures."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "scale", "--most", "100", "--readings", "5000"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["p100_1in10_readings_per_s"] > 1_000
    assert figures["p100_bind_s"] > 0
