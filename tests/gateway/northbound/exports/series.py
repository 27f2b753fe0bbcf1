"""A real VictoriaMetrics on loopback, and what it holds."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from gateway.simulation.broker import free_port


def victoria_metrics() -> str | None:
    """The program, where it is installed."""
    return shutil.which("victoria-metrics") or shutil.which("victoria-metrics-prod")


class SeriesServer:
    """A server that may be stopped and started on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
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

    def start(self) -> None:
        """Start it and return when it is ready."""
        program = victoria_metrics()
        assert program is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    program,
                    f"-httpListenAddr=127.0.0.1:{self.port}",
                    f"-storageDataPath={self.folder / 'data'}",
                    "-retentionPeriod=100y",
                ],
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health", trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                assert self._process.poll() is None, (self.folder / "server.log").read_text()
                time.sleep(0.05)
        raise TimeoutError(f"{program} is not ready after 30 s")

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def held(self, field: str) -> dict[tuple[str, str], dict[int, float]]:
        """Every sample of a field: (node, tag) -> time in ms -> value."""
        httpx.get(f"{self.url}/internal/force_flush", trust_env=False).raise_for_status()
        answer = httpx.get(
            f"{self.url}/api/v1/export",
            params={"match[]": f"reading_{field}", "reduce_mem_usage": "1"},
            trust_env=False,
        )
        answer.raise_for_status()
        found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
        for line in answer.text.splitlines():
            series = json.loads(line)
            key = series["metric"]["node"], series["metric"]["tag"]
            found[key].update(zip(series["timestamps"], series["values"], strict=True))
        return dict(found)
