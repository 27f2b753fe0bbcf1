"""The real program on a machine whose clock is set: libfaketime stands before its wall clock.

The monotonic clock stays the machine's, as it does where somebody calls settimeofday.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiomqtt
import pytest

from gateway.model import NANOSECONDS, AlarmEvent
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.faults.judging.stores import spooled
from tests.gateway.roles.edge.edge import stored, until, verified, write_site

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
DELAY_S = 5
pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed"),
]


class Machine:
    """An edge as a process, and the hand on its clock."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self._offset = folder / "offset"
        self.set_clock(0)
        environment = {
            **os.environ,
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        command = [sys.executable, "-m", "gateway", "edge", "--config", str(site)]
        with (folder / "edge.log").open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def set_clock(self, ahead_s: int) -> None:
        """Let the machine's clock show so much more than the true time."""
        new = self._offset.with_suffix(".new")
        new.write_text(f"{ahead_s:+d}s\n", encoding="ascii")
        new.rename(self._offset)

    def events(self, kind: str) -> list[AlarmEvent]:
        """The journal's events: of a rule of the point A, or of a kind."""
        path = self.folder / "data"
        if not (path / "store.db").exists():
            return []
        return [e for e in stored(path) if e.kind == kind or (e.tag, e.rule) == ("A", kind)]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.mark.more
@pytest.mark.timeout(240)
@pytest.mark.parametrize("step_s", [3600, -3600, -1_700_000_000, 400_000_000])
async def test_a_real_process_outlives_its_clock(tmp_path: Path, step_s: int) -> None:
    """An on-delay lasts as long as it was, each step is one event, and the end is as before."""
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        path = write_site(tmp_path, port=broker.port)
        text = path.read_text(encoding="utf-8")
        text = text.replace("deadband = 5", f'deadband = 5, on_delay = "{DELAY_S}s"')
        path.write_text(text, encoding="utf-8")
        machine = Machine(tmp_path, path)
        try:
            log = tmp_path / "edge.log"
            await until(lambda: b"subscribed" in log.read_bytes(), 60)
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:

                async def say(value: float) -> None:
                    payload = json.dumps({"ts": time.time_ns() // 1_000_000, "a": value})
                    await client.publish("plant/d1", payload, qos=1)

                await say(20.0)
                began = time.monotonic()
                await say(150.0)
                # Of a device that is not known yet nobody could say what the clock was before.
                spool = tmp_path / "data" / "spool"
                await until(lambda: 150.0 in {value for *_, value in spooled(spool).readings})
                machine.set_clock(step_s)
                while not machine.events("h") and time.monotonic() - began < 30:
                    await say(150.0)
                    await asyncio.sleep(0.2)
                lasted = time.monotonic() - began
                machine.set_clock(0)
                await until(lambda: len(machine.events("clock")) == 2)
                while len(machine.events("h")) < 2 and time.monotonic() - began < 60:
                    await say(20.0)
                    await asyncio.sleep(0.2)
        finally:
            machine.end()
    assert DELAY_S - 0.5 <= lasted < DELAY_S + 5
    assert [event.cause for event in machine.events("h")] == ["raise", "clear"]
    steps = [int(event.detail["step_ns"] or 0) / NANOSECONDS for event in machine.events("clock")]
    assert steps == [pytest.approx(step_s, abs=0.5), pytest.approx(-step_s, abs=0.5)]
    own = [e.cause for e in stored(tmp_path / "data") if e.rule == "clock_set"]
    assert own == ["raise"]
    assert not verified(tmp_path / "data").problems
