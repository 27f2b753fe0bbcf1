"""A loop that stands still is noticed by a thread of its own, and by nobody's clock."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import lifeline, watchdog
from gateway.watchdog import LIMIT, STATUS, TOLD, Watchdog

ROUND_S = 0.02
PROGRAM = """
import asyncio, sys, time
from gateway.watchdog import Watchdog

async def main(dog):
    dog.follow()
    dog.ready()
    print("ready", flush=True)
    await asyncio.sleep(float(sys.argv[1]))
    time.sleep(60)

with Watchdog(lambda _: None, round_s=0.05) as dog:
    asyncio.run(main(dog))
"""


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(tmp_path / "notify"))
        there.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield there


def said(there: socket.socket) -> list[str]:
    """All that waits in it."""
    found = []
    while True:
        try:
            found.append(there.recv(4096).decode())
        except BlockingIOError:
            return found


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def whys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why it began anew; where it cannot, the process ends: here it does not."""
    monkeypatch.setattr(watchdog.os, "_exit", lambda _: None)
    return []


async def test_a_loop_that_stands_is_restarted_and_where_it_stood_is_told(whys: list[str]) -> None:
    """What holds the loop up is named with file and line, innermost first."""
    stands = threading.Event()

    def again(why: str) -> None:
        whys.append(why)
        stands.set()

    with Watchdog(again, round_s=ROUND_S) as dog:
        dog.follow()
        dog.ready()
        await asyncio.sleep(3 * LIMIT * ROUND_S)
        assert whys == []
        assert stands.wait(30)
    (why,) = whys
    assert f"stood still for {LIMIT * ROUND_S:g} s in threading.py" in why
    assert "test_watchdog.py" in why


async def test_a_start_is_given_more_time(whys: list[str]) -> None:
    """A kernel that compiles and a long spool are no fault, until everything is built."""
    with Watchdog(whys.append, round_s=ROUND_S) as dog:
        dog.follow()
        time.sleep(2 * LIMIT * ROUND_S)  # noqa: ASYNC251 it is the fault
        assert whys == []


async def test_an_end_is_not_made_a_start(whys: list[str]) -> None:
    """What was told to end, and hangs in that, does not come to life again."""
    with Watchdog(whys.append, round_s=ROUND_S) as dog:
        dog.follow()
        dog.ready()
        dog.rest()
        time.sleep(2 * LIMIT * ROUND_S)  # noqa: ASYNC251
    assert whys == []


async def test_a_loop_that_gets_over_it_says_so(whys: list[str]) -> None:
    """A stall too short for a restart is told on the loop when it turns again; a short one not."""
    told: list[str] = []
    with Watchdog(whys.append, round_s=ROUND_S) as dog:
        dog.follow()
        dog.ready(told.append)
        time.sleep((TOLD - 3) * ROUND_S)  # noqa: ASYNC251
        await asyncio.sleep(3 * ROUND_S)
        assert told == []
        time.sleep((TOLD + 5) * ROUND_S)  # noqa: ASYNC251
        await until(lambda: told)
    assert "the event loop stood still for" in told[0]
    assert whys == []


async def test_the_service_manager_hears_each_beat_and_no_silence(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told when all is built, and of each round that the loop turned; of others not."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    with Watchdog(lambda _: None, round_s=ROUND_S) as dog:
        dog.follow()
        await until(lambda: any("EXTEND_TIMEOUT_USEC=" in each for each in said(heard)))
        dog.ready()
        assert "READY=1\nWATCHDOG_USEC=30000000" in said(heard)
        await until(lambda: "WATCHDOG=1" in said(heard))
        time.sleep(4 * ROUND_S)  # noqa: ASYNC251
        said(heard)
        time.sleep(6 * ROUND_S)  # noqa: ASYNC251
        assert said(heard) == []
    assert said(heard)[-1].endswith(f"WATCHDOG_USEC={watchdog.LIMIT_STARTING * 1_000_000}")


def test_a_child_does_not_speak_for_it(heard: socket.socket) -> None:
    """The screen beside an edge tells systemd nothing."""
    assert heard.fileno() > 0
    assert "NOTIFY_SOCKET" in os.environ
    assert "NOTIFY_SOCKET" not in lifeline.environment()


def started(seconds: float) -> subprocess.Popen[str]:
    """A process whose loop turns for so long and then stands."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_process_that_cannot_begin_anew_ends() -> None:
    """It ends with a status of its own, whatever holds its loop, and says why."""
    process = started(0.0)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == STATUS
    assert "watchdog: the event loop stood still" in errors


def test_a_process_that_was_stopped_is_not_restarted() -> None:
    """Rounds are counted, not time: one that nobody let run has missed none."""
    process = started(20.0)
    assert process.stdout is not None
    process.send_signal(signal.SIGSTOP)
    try:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        threading.Event().wait(3 * LIMIT * 0.05)
    finally:
        process.send_signal(signal.SIGCONT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    process.kill()
    process.communicate()
