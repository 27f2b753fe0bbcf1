"""A worse machine is worse by what it says, for the process that is meant and for no other."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import BenchError, capacity, hardship, throughput
from bench.hardship import QUARTER_BOX, SLOW_DISK, Hardship, Wanted

#: Ten syncs, then 0.5 s of work; prints seconds of the syncs, of the work, of the processor.
WORK = """
import os, sys, time
with open(sys.argv[1], "wb") as file:
    begin = time.monotonic()
    for _ in range(10):
        file.write(b"1")
        file.flush()
        os.fdatasync(file.fileno())
synced = time.monotonic() - begin
begin, cpu = time.monotonic(), time.process_time()
while time.process_time() - cpu < 0.5:
    pass
print(os.getpid(), synced, time.monotonic() - begin)
"""


def worked(worse: Hardship, file: Path) -> tuple[float, float]:
    """Return the seconds of ten syncs, and of half a second of processor time."""
    with subprocess.Popen(
        worse.command([sys.executable, "-c", WORK, str(file)]), stdout=subprocess.PIPE, text=True
    ) as process:
        worse.started(process.pid)
        said, _ = process.communicate(timeout=60)
    worse.ended()
    number, synced, busy = said.split()
    # It is the program itself that is watched, limited and killed, not a tracer around it.
    assert int(number) == process.pid
    return float(synced), float(busy)


def test_every_sync_is_slower(tmp_path: Path) -> None:
    """Each takes 20 ms more, and only those of the program."""
    with Hardship(SLOW_DISK) as worse:
        if worse.missing:
            pytest.skip(worse.missing)
        synced, _ = worked(worse, tmp_path / "file")
    assert synced >= 10 * 0.020
    assert "20 ms slower by strace" in worse.by


def test_a_quarter_of_a_core_is_a_quarter(tmp_path: Path) -> None:
    """Half a second of work takes two; the group is gone afterwards, and we are not in it."""
    with Hardship(QUARTER_BOX) as worse:
        if worse.missing:
            pytest.skip(worse.missing)
        synced, busy = worked(worse, tmp_path / "file")
        begin, cpu = time.monotonic(), time.process_time()
        while time.process_time() - cpu < 0.2:
            pass
        ours = time.monotonic() - begin
    assert synced >= 10 * 0.020
    assert busy >= 0.5 / 0.25 * 0.8
    assert ours < busy
    assert worse.by.startswith("0.25 core by ")
    assert not list(hardship.GROUPS.glob(f"**/hazgate-bench-{os.getpid()}"))


def test_no_hardship_changes_nothing() -> None:
    """A machine as it is runs the very command."""
    with Hardship(Wanted()) as worse:
        assert worse.command(["program", "-x"]) == ["program", "-x"]
        assert (worse.by, worse.missing) == ("", "")


def test_what_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without strace, control groups, systemd and cpulimit a quarter is refused with a reason."""
    monkeypatch.setattr(hardship, "GROUPS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with Hardship(QUARTER_BOX) as worse:
        assert "strace is not installed" in worse.missing
    with Hardship(Wanted(cores=0.25)) as worse:
        assert "neither systemd nor cpulimit" in worse.missing
    for bench in (throughput, capacity):
        with pytest.raises(BenchError, match="no quarter of a core here"):
            bench.run(argparse.Namespace(quarter=True))


def test_where_no_group_may_be_made_cpulimit_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without control groups and without systemd the share is held by stopping and going on."""
    limiter = shutil.which("cpulimit")
    if limiter is None:
        pytest.skip("cpulimit is not installed")
    (tmp_path / "cpulimit").symlink_to(limiter)
    monkeypatch.setattr(hardship, "GROUPS", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    with Hardship(Wanted(cores=0.25)) as worse:
        assert worse.by == "0.25 core by cpulimit"
        _, busy = worked(worse, tmp_path / "file")
    assert busy >= 0.5 / 0.25 * 0.6
