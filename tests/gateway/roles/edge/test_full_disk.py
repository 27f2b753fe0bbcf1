"""A full disk, a real one: alarms go into the reserve, readings are shed and counted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def on_a_small_disk(folder: Path, broker: LocalBroker, *how: str) -> dict[str, Any]:
    """Run an edge on a disk of its own, and return what was seen."""
    module = ["-m", "tests.gateway.roles.edge.full_disk", str(folder), str(broker.port), *how]
    done = subprocess.run(
        [*UNSHARE, sys.executable, *module],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.broker
@pytest.mark.skipif(not may_mount(), reason="no mount namespace may be made here")
def test_what_was_shed_before_a_stop_is_told_after_it(tmp_path: Path, broker: LocalBroker) -> None:
    """An event a minute counts what was shed and acknowledged; the next start tells the rest."""
    found = on_a_small_disk(tmp_path, broker, "stopped")
    assert found["left by the first"]
    assert sum(found["shed_events"]) == found["shed"] > 0
    assert (found["untold"], found["damage"], found["problems"]) == ([], [], [])


@pytest.mark.broker
@pytest.mark.skipif(not may_mount(), reason="no mount namespace may be made here")
def test_a_full_disk_keeps_alarms_and_counts_readings(tmp_path: Path, broker: LocalBroker) -> None:
    """Full for seconds under load, then free: no alarm lost, every reading stored or counted."""
    found = on_a_small_disk(tmp_path, broker)
    assert found["started_again"] == []
    assert found["full"] == ["raise", "clear"]
    assert found["sound_while_full"] == 0
    assert found["raised"] == found["raises"] > 2
    assert sum(found["shed_events"]) == found["shed"] > 0
    # Events that count need the reserve as well: a few, not one a batch.
    assert len(found["shed_events"]) < 10
    assert (found["untold"], found["damage"], found["problems"]) == ([], [], [])
