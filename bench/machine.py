"""The line that says on what a bench ran: figures without it mean little."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from pathlib import Path

from gateway.simulation.broker import mosquitto


def machine() -> str:
    """Return processor, cores, load before, where stores lie, system, Python, broker: one line."""
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load:.1f} at the start, "
        f"stores on {_file_system()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {_broker()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system() -> str:
    """Return the kind of file system of temporary folders: on tmpfs a sync costs nothing."""
    folder = Path(tempfile.gettempdir()).resolve()
    kinds = {}
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, at, kind, *_ = line.split()
        kinds[Path(at)] = kind
    return next((kinds[at] for at in (folder, *folder.parents) if at in kinds), "unknown")


def _broker() -> str:
    program = mosquitto()
    if program is None:
        return "no Mosquitto"
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    return said.partition("\n")[0].replace("version ", "") or "Mosquitto"
