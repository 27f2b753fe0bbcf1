"""A real Mosquitto for one measurement, with the in-flight window that is wanted."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench import BenchError
from bench.frames import connect
from gateway.simulation.broker import free_port, mosquitto

START_S: Final = 20.0
#: The limits that a site raises; Mosquitto's own are 20 in flight and 1,000 queued.
INFLIGHT: Final = 1_000
QUEUED: Final = 100_000


class Broker:
    """Mosquitto on loopback for the length of a block.

    Parameters
    ----------
    folder
        For its configuration.
    inflight
        Messages in flight to one client, or None for Mosquitto's default of 20.
    queued
        Messages that may wait for one client.
    """

    def __init__(self, folder: Path, *, inflight: int | None, queued: int) -> None:
        self.port = free_port()
        self._path = folder / "mosquitto.conf"
        window = "" if inflight is None else f"max_inflight_messages {inflight}\n"
        self._path.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            f"log_type none\nset_tcp_nodelay true\n{window}max_queued_messages {queued}\n",
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, as a site file states it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        program = mosquitto()
        if program is None:
            raise BenchError("mosquitto is not installed; on Debian: apt-get install mosquitto")
        self._process = subprocess.Popen([program, "-c", str(self._path)])
        deadline = time.monotonic() + START_S
        while True:
            try:
                connect(self.port, "probe").close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    raise BenchError(f"{program} did not come up: {error}") from error
                time.sleep(0.02)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
