"""What a running process has loaded, asked of the process itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.simulation.broker import free_port
from tests.chain.site import site_text

DEADLINE_S = 100
#: Runs the command line as `hazgate` does, and tells at the end what was loaded.
PROGRAM = """
import atexit, json, sys
atexit.register(lambda: print("LOADED", json.dumps(sorted(sys.modules)), flush=True))
from gateway.cli import main
main()
"""
EXPORTS = {f"gateway.northbound.exports.{kind}" for kind in ("mqtt", "webhook", "alerting", "cap")}
OF_A_CENTRE = {"fastapi", "starlette", "uvicorn", "argon2", "gateway.supervision"}


def loaded_by(*arguments: str, cwd: Path, until: str) -> set[str]:
    """Start the program, stop it once it has said `until`, and return what it had loaded."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd,
    )  # fmt: skip
    deadline = threading.Timer(DEADLINE_S, process.kill)
    deadline.start()
    told: list[str] = []
    loaded: set[str] = set()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            told.append(line)
            if until in line:
                process.send_signal(signal.SIGTERM)
            if line.startswith("LOADED "):
                loaded = set(json.loads(line.removeprefix("LOADED ")))
        process.wait(DEADLINE_S)
    finally:
        deadline.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    assert process.returncode == 0, "".join(told)
    assert loaded, "".join(told)
    return loaded


@pytest.mark.timeout(2 * DEADLINE_S)
def test_an_edge_without_a_screen_loads_nothing_of_a_centre(tmp_path: Path) -> None:
    """A running edge with parent and metrics has no FastAPI, no uvicorn, no argon2, no centre."""
    nobody = free_port()
    text = site_text(f"mqtt://127.0.0.1:{nobody}", parent=f"http://127.0.0.1:{nobody}",
                     code_file=str(tmp_path / "none.code"), points=2)  # fmt: skip
    path = tmp_path / "site.toml"
    path.write_text(f'{text}\n[metrics]\nlisten = "127.0.0.1:{free_port()}"\n', encoding="utf-8")
    loaded = loaded_by("edge", "--config", str(path), "--log-json", cwd=tmp_path, until="broker")
    assert loaded & OF_A_CENTRE == set()
    # It exports nothing: no kind of export is loaded, and no client of theirs.
    assert not {"aiomqtt", *EXPORTS} & loaded
    # What it must have loaded: else it was stopped before it had begun.
    assert {"gateway.roles.edge.node", "gateway.northbound.uplink", "numba", "paho"} <= loaded


@pytest.mark.parametrize("command", [("--help",), ("check", "--help"), ("profiles", "list")])
def test_a_command_loads_only_what_it_needs(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Commands that run nothing load neither role's weight: no numba, no FastAPI."""
    loaded = loaded_by(*command, cwd=tmp_path, until="no line has this")
    assert loaded & (OF_A_CENTRE | {"numba", "duckdb", "amqtt"}) == set()
