"""Which calls there are to die at, and that a death comes to exactly one of them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.simulation.broker import mosquitto
from tests.faults.catalogue import Case, load_catalogue
from tests.faults.laboratory import run_case
from tests.faults.site.program import until
from tests.faults.syscalls import strace
from tests.faults.syscalls.calls import ANY, Call, Mark, Point, listed, points, split
from tests.faults.syscalls.held import HELD
from tests.faults.syscalls.sweep import LOAD
from tests.faults.t01_calls import SEGMENT, cases, spread

STORE = Path("/data/store")
needs_strace = pytest.mark.skipif(bool(strace.trouble()), reason=strace.trouble())
#: Syncs a first file three times, and a second twice in this thread and three times in another.
THREADS = """
import os, sys, threading
def sync(name, times):
    file = os.open(sys.argv[1] + name, os.O_RDWR | os.O_CREAT)
    for _ in range(times):
        try:
            os.fdatasync(file)
            print(name, "done")
        except OSError:
            print(name, "failed")
sync("/a", 3)
sync("/b", 2)
other = threading.Thread(target=sync, args=("/b", 3))
other.start()
other.join()
"""
#: A module that says that it runs, and ends.
MODULE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('ran')"


def test_calls_are_read_with_their_files() -> None:
    """By descriptor or by path, from the store's folder; another's file is none of the store's."""
    text = """
7 write(3</data/store/spool/0.seg>, ""..., 12) = 12
8 fsync(10</data/store> <unfinished ...>
7 unlink("/data/store/store.db-wal") = 0
8 <... fsync resumed>) = 0
8 fsync(9</data>) = 0
7 renameat2(AT_FDCWD</root>, "/data/store/a.new", AT_FDCWD</root>, "/data/store/a", 0) = 0
7 write(2</data/edge.log>, ""..., 80) = 80
7 write(5<socket:[77]>, ""..., 1) = 1
7 --- SIGTERM {si_signo=SIGTERM} ---
7 pwrite64(8</data/store/store.db-journal>(deleted), ""..., 512, 0) = 512
"""
    assert listed(text, STORE) == [
        Call("7", "write", "spool/0.seg"),
        Call("8", "fsync", "."),
        Call("7", "unlink", "store.db-wal"),
        Call("8", "fsync", ".."),
        Call("7", "renameat2", "a.new"),
        Call("7", "write", ""),
        Call("7", "write", ""),
        Call("7", "pwrite64", "store.db-journal"),
    ]


def test_a_call_is_named_by_its_file_and_number() -> None:
    """A name that no other run has is told by the call alone; what is no file of the store, not."""
    calls = [
        Call("1", "write", "a"),
        Call("1", "write", ""),
        Call("1", "write", "a"),
        Call("2", "fsync", "snapshots/snapshot-1-3f.bin"),
        Call("2", "fsync", "snapshots"),
    ]
    found, shadowed = points("p", calls)
    assert found == [
        Point("p", "write", "a", 1),
        Point("p", "write", "a", 2),
        Point("p", "fsync", ANY, 1),
        Point("p", "fsync", "snapshots", 1),
    ]
    assert not shadowed
    assert [Point.read(str(point)) for point in found] == found


def test_a_call_that_another_thread_would_die_of_is_shadowed_until_a_mark() -> None:
    """The second thread's first sync is not the first: behind a mark it is."""
    calls = [
        Call("1", "fdatasync", "wal"),
        Call("1", "rename", "key"),
        Call("2", "fdatasync", "wal"),
    ]
    assert points("p", calls)[1] == [calls[2]]
    parts = split(calls, {"p": None, "q": Mark("rename", "key")})
    assert parts == {"p": calls[:2], "q": calls[2:]}
    assert points("q", parts["q"]) == ([Point("q", "fdatasync", "wal", 1)], [])


def test_a_plan_holds_every_point_and_a_short_one_each_call() -> None:
    """No point is left out or twice; the first run of a plan tells how many there are of each."""
    every = [Point("start", "write", "a", n) for n in range(1, 31)]
    every += [Point("load 3", "fsync", "b", 1)]
    planned = cases(every)
    spelled = [text for case in planned for text in case.what.partition(";")[0].split(",")]
    assert [Point.read(text) for text in spelled] == every
    assert sum(case.faults for case in planned) == 31
    assert planned[0].what.endswith(";fsync=1 write=30")
    assert spread(every) == [every[0], every[29], every[30]]


def test_what_only_some_dry_runs_came_to_is_named_apart() -> None:
    """Such points are tried too, in runs of their own, which say so."""
    points = [Point("load 3", "write", "a", n) for n in range(1, 5)]
    sure, perhaps = cases(points[:2], points[2:])
    assert sure.what.endswith(";write=2")
    assert perhaps.what == f"{points[2]},{points[3]};perhaps"
    assert (perhaps.number, perhaps.faults) == (1, 2)


@needs_strace
def test_strace_counts_for_each_thread_and_file(tmp_path: Path) -> None:
    """`when=2` of a file is the second of each thread on it: what the plan of T01 rests on."""
    command = [
        "strace", "-f", "-qq", "-o", "/dev/null", "-P", str(tmp_path / "b"),
        "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=2",
        sys.executable, "-c", THREADS, str(tmp_path),
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    states = [line.removeprefix("/") for line in said.splitlines()]
    assert states == [
        "a done", "a done", "a done",
        "b done", "b failed",
        "b done", "b failed", "b done",
    ]  # fmt: skip


@needs_strace
async def test_who_is_held_runs_when_it_is_let_go_and_dies_before_its_call(tmp_path: Path) -> None:
    """It stands still with nothing done; it is killed, and the call had no effect."""
    (tmp_path / "module_of_test.py").write_text(MODULE)
    told = tmp_path / "told"
    command = [*HELD, sys.executable, "-m", "module_of_test", str(told)]
    search = f"{tmp_path}:{Path(__file__).parents[3]}"
    for death, status in (("write:signal=SIGKILL:when=1", -signal.SIGKILL), ("", 0)):
        process = subprocess.Popen(command, env={"PYTHONPATH": search})
        await until(lambda: strace.stopped(process.pid), 60)  # noqa: B023
        assert not told.exists()
        if death:
            call, _, what = death.partition(":")
            async with strace.Attached(process.pid, call, what, file=told):
                process.send_signal(signal.SIGCONT)
                assert await asyncio.to_thread(process.wait, 60) == status
            assert told.read_text() == ""
            told.unlink()
        else:
            process.send_signal(signal.SIGCONT)
            assert await asyncio.to_thread(process.wait, 60) == status
            assert told.read_text() == "ran"


@pytest.mark.more
@pytest.mark.broker
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
@needs_strace
@pytest.mark.timeout(600)
async def test_a_point_that_no_death_comes_to_is_a_violation() -> None:
    """Negative control: a reading syncs its segment once; at a second sync nobody dies."""
    there, nowhere = (f"load {n}:fdatasync:{SEGMENT}:{n + 1}" for n in range(2))
    assert set(LOAD) >= {"load 0", "load 1"}
    found = await run_case(
        load_catalogue()["T01"],
        Case(number=0, seed=1, faults=2, what=f"{there},{nowhere}"),
        keep=None,
    )
    assert list(found.violations) == ["I10"]
    assert [nowhere in text for text in found.violations["I10"]] == [True]
    assert found.faults == 1
    assert found.figures["points tried again"] == 1
