"""A full disk, a real one: alarms go into the reserve, readings are shed and counted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.simulation.broker import LocalBroker

UNSHARE = ["unshare", "--map-root-user", "--mount"]


def may_mount() -> bool:
    """Whether this user may mount a disk of memory in a namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    probe = subprocess.run(
        [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True
    )
    return probe.returncode == 0


@pytest.mark.broker
@pytest.mark.skipif(not may_mount(), reason="no mount namespace may be made here")
def test_a_full_disk_keeps_alarms_and_counts_readings(tmp_path: Path, broker: LocalBroker) -> None:
    """Full for seconds under load, then free: no alarm lost, every reading stored or counted."""
    module = ["-m", "tests.gateway.roles.edge.full_disk", str(tmp_path), str(broker.port)]
    done = subprocess.run(
        [*UNSHARE, sys.executable, *module],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["started_again"] == []
    assert found["full"] == ["raise", "clear"]
    assert found["sound_while_full"] == 0
    assert found["raised"] == found["raises"] > 2
    assert sum(found["shed_events"]) == found["shed"] > 0
    # Events that count need the reserve as well: a few, not one a batch.
    assert len(found["shed_events"]) < 10
    assert found["damage"] == []
    assert found["problems"] == []
