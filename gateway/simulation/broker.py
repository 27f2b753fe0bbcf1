"""A broker for demo and tests: Mosquitto where it is installed, else amqtt."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

#: Below 32768, where the kernel begins to choose (ip_local_port_range); above what services take.
PORTS = range(20_000, 32_000)
RANDOM = secrets.SystemRandom()
#: Ports given of late: who asked may not listen yet.
GIVEN: deque[int] = deque(maxlen=1_000)
MOSQUITTO_PATHS = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")
CONFIGURATION = """listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 10000
max_queued_messages 100000
persistence {persistence}
persistence_location {folder}/
log_type error
"""
AMQTT = """
import asyncio, logging
from amqtt.broker import Broker
logging.disable(logging.CRITICAL)
config = {{
    "listeners": {{"default": {{"type": "tcp", "bind": "127.0.0.1:{port}"}}}},
    "plugins": {{"amqtt.plugins.authentication.AnonymousAuthPlugin": {{"allow_anonymous": True}}}},
}}
async def run():
    broker = Broker(config)
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(run())
"""


def mosquitto() -> str | None:
    """Return the program, also where Debian hides it from ordinary users' PATH."""
    found = shutil.which("mosquitto")
    return found or next((path for path in MOSQUITTO_PATHS if Path(path).exists()), None)


def free_port() -> int:
    """Return a TCP port that nobody listens on now.

    From below those the kernel gives to connections: one it gives itself may be a connection's of
    any process by the time somebody listens there, or between an end and the next start. None is
    given twice by one process soon after.
    """
    while True:
        port = RANDOM.choice(PORTS)
        if port in GIVEN:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            GIVEN.append(port)
            return port


class LocalBroker:
    """A broker on loopback for the length of a block.

    Parameters
    ----------
    folder
        For its configuration and what it keeps.
    persistent
        Keep sessions over a restart.
    program
        Path of Mosquitto, or None for amqtt (MQTT 3.1.1 only).
    """

    def __init__(
        self, folder: Path, *, persistent: bool = False, program: str | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.program = program
        self._persistent = persistent
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def version(self) -> str:
        """The newest MQTT it speaks."""
        return "5" if self.program else "3.1.1"

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and return when it accepts connections.

        Raises
        ------
        ConnectionError
            It did not come up within ten seconds.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.program is None:
            command = [sys.executable, "-c", AMQTT.format(port=self.port)]
        else:
            path = self.folder / "mosquitto.conf"
            path.write_text(
                CONFIGURATION.format(
                    port=self.port,
                    folder=self.folder,
                    persistence=str(self._persistent).lower(),
                ),
                encoding="utf-8",
            )
            command = [self.program, "-c", str(path)]
        with (self.folder / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.02)
            else:
                return
        log = (self.folder / "broker.log").read_text(encoding="utf-8", errors="replace")
        raise ConnectionError(f"{command[0]} did not come up on port {self.port}: {log[-500:]}")

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        self.end(signal.SIGTERM)

    def end(self, number: signal.Signals) -> None:
        """Send it a signal that ends it and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=10)
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it runs, and go on."""
        if self._process is not None:
            self._process.send_signal(number)
