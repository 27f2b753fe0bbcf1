"""The line that says on what a bench ran: figures without it mean little."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from gateway.simulation.broker import mosquitto


def machine() -> str:
    """Return processor, cores, load before the bench, system, Python and broker on one line."""
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load:.1f} at the start, "
        f"Linux {platform.release()}, Python {platform.python_version()}, {_broker()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _broker() -> str:
    program = mosquitto()
    if program is None:
        return "no Mosquitto"
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    return said.partition("\n")[0].replace("version ", "") or "Mosquitto"
