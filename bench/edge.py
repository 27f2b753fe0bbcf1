"""The gateway under measurement: `hazgate edge` as it is shipped, watched from outside.

What it took is read from its own metrics. What became durable is counted in its spool, and what it
acknowledged is asked of the broker, which repeats the rest to whoever takes up the session.
"""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from bench import BenchError
from bench.broker import Broker
from bench.frames import PUBACK_BYTES, connect, scan
from bench.hardship import Hardship
from bench.workload import NODE, Shape, write_site
from gateway.model import AlarmEvent, decode_event
from gateway.northbound.spool import Kind, decode_readings, records
from gateway.simulation.broker import free_port

#: A first start compiles the kernels, on whatever machine.
START_S: Final = 180.0
#: What makes a process's number the number of its clock, as clock_getcpuclockid(3) does it.
CPU_CLOCK: Final = 2
#: Nothing more is taken for so long, and the edge is not at work: the rest was dropped on the way.
IDLE_S: Final = 5.0
AT_WORK: Final = 0.2
#: By the rules the oldest message waits 1 s for its acknowledgement at most; a slow disk is given
#: more.
SETTLE_S: Final = 2.0
STOP_S: Final = 120.0
REPEAT_S: Final = 1.0
LOOK_FIRST_S: Final = 0.1
LOOK_OFTEN_S: Final = 0.02
LOOK_SELDOM_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """What the edge had counted at an instant (monotonic, s)."""

    at_s: float
    counters: dict[str, float]

    def count(self, name: str) -> int:
        """Return a counter over all its labels."""
        wanted = f"hazgate_{name}_total"
        return int(
            sum(value for key, value in self.counters.items() if key.split("{")[0] == wanted)
        )

    @property
    def transitions(self) -> int:
        """Alarms raised and cleared."""
        moves = ("raise", "clear")
        return int(sum(self.counters.get(_event(cause), 0) for cause in moves))


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds: resident memory and its peak (MB), open descriptors, threads."""

    rss_mb: float
    descriptors: int
    threads: int
    peak_mb: float = 0.0


class EdgeProcess:
    """An edge with a new store for the length of a block, subscribed when the block begins.

    Parameters
    ----------
    folder
        For its site file, store and log.
    shape
        The plant it watches.
    broker
        Where it subscribes.
    version
        Of MQTT: 5 states a window of its own, 3.1.1 has the broker's.
    parent
        Address of the node above, if there is one.
    hardship
        A worse machine for it.
    """

    def __init__(
        self,
        folder: Path,
        shape: Shape,
        broker: Broker,
        *,
        version: str,
        parent: str = "",
        hardship: Hardship | None = None,
    ) -> None:
        self.store = folder / "data" / "store.db"
        self._folder = folder
        self._broker = broker
        self._hardship = hardship
        self._port = free_port()
        self._site = write_site(
            folder, shape, broker=broker.url, version=version, metrics=self._port, parent=parent
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self, environment: Mapping[str, str] | None = None) -> float:
        """Start it, on what its store holds; return the seconds until it had subscribed."""
        command = [sys.executable, "-m", "gateway", "edge", "--config", str(self._site)]
        begin = time.monotonic()
        with (self._folder / "edge.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._hardship.command(command) if self._hardship else command,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        if self._hardship:
            self._hardship.started(self._process.pid)
        try:
            self._subscribed()
        except BaseException:
            self.kill()
            raise
        return time.monotonic() - begin

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.kill()

    def look(self) -> Seen:
        """Read its metrics."""
        if self._process is None or self._process.poll() is not None:
            raise BenchError(f"the edge ended: {self._log()}")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return Seen(time.monotonic(), {name: float(value) for name, _, value in lines})

    def took(self, count: int, *, since: Seen, counter: str = "messages") -> Seen:
        """Wait until `count` messages are taken or none comes any more; return the last change.

        `counter` is what counts them: "messages", or "acknowledged_messages" once they are durable.
        It looks the more often the nearer the end is, so that the looking costs next to nothing
        and the end is known to a fiftieth of a second.
        """
        last, cpu = since, self.cpu_s()
        wait = LOOK_FIRST_S
        while True:
            time.sleep(wait)
            now = self.look()
            if now.count(counter) > last.count(counter):
                last, cpu = now, self.cpu_s()
            taken = now.count(counter) - since.count(counter)
            if taken >= count:
                return last
            still = now.at_s - last.at_s
            if still > IDLE_S and self.cpu_s() - cpu < AT_WORK * still:
                return last
            rate = taken / (now.at_s - since.at_s)
            left = (count - taken) / rate if rate else LOOK_SELDOM_S
            wait = min(LOOK_SELDOM_S, max(LOOK_OFTEN_S, left / 2))

    def cpu_s(self) -> float:
        """Return the processor time it has used, s."""
        if self._process is None:
            return 0.0
        # The kernel's own clock of a process: /proc counts in 10 ms, longer than a short run takes.
        return time.clock_gettime((~self._process.pid << 3) | CPU_CLOCK)

    def settled(self) -> Seen:
        """Give it time to store and acknowledge everything, and read its metrics."""
        time.sleep(SETTLE_S)
        return self.look()

    def unacknowledged(self) -> int:
        """Kill it, take up its session and return how many messages the broker repeats."""
        self.kill()
        room = memoryview(bytearray(1 << 22))
        held = 0
        with connect(self._broker.port, f"hazgate-{NODE}", resume=True) as sock:
            sock.settimeout(REPEAT_S)
            try:
                while held < len(room) and (came := sock.recv_into(room[held:])):
                    held += came
            except TimeoutError:
                pass
        _, found, _ = scan(
            np.frombuffer(room, np.uint8), held, np.zeros(PUBACK_BYTES << 16, np.uint8)
        )
        return found

    def stored(self) -> int:
        """Return how many readings its spool holds."""
        spool = self._folder / "data" / "spool"
        return sum(
            len(decode_readings(record.body))
            for record in records(spool, 0)
            if record.kind == Kind.READINGS
        )

    def events(self) -> list[AlarmEvent]:
        """Return what its journal holds, in order."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT entry FROM journal ORDER BY seq").fetchall()
        return [decode_event(entry) for (entry,) in rows]

    def footprint(self) -> Footprint:
        """Return what it holds now."""
        process = Path(f"/proc/{self._process.pid if self._process else 'self'}")
        status = dict(
            line.split(":", 1)
            for line in (process / "status").read_text(encoding="utf-8").splitlines()
        )
        return Footprint(
            rss_mb=int(status["VmRSS"].split()[0]) / 1024,
            descriptors=len(list((process / "fd").iterdir())),
            threads=int(status["Threads"]),
            peak_mb=int(status["VmHWM"].split()[0]) / 1024,
        )

    def stop(self) -> None:
        """End it as a service manager does, and wait until it has."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=STOP_S)
            self._ended()

    def kill(self) -> None:
        """End it at once: nothing is acknowledged on the way out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._ended()

    def _ended(self) -> None:
        if self._hardship:
            self._hardship.ended()

    def _subscribed(self) -> None:
        deadline = time.monotonic() + START_S
        while not self._connected():
            if time.monotonic() > deadline:
                raise BenchError(f"not subscribed within {START_S:g} s: {self._log()}")
            time.sleep(LOOK_OFTEN_S)

    def _connected(self) -> bool:
        try:
            return self.look().counters.get("hazgate_broker_connected") == 1.0
        except OSError:
            return False

    def _log(self) -> str:
        return (self._folder / "edge.log").read_text(encoding="utf-8", errors="replace")[-2000:]


def _event(cause: str) -> str:
    return f'hazgate_alarm_events_total{{cause="{cause}"}}'
