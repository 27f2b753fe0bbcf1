"""A broker, an edge and a centre as processes of their own, for a browser to look at."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from gateway.db import Database
from gateway.model import AlarmEvent, decode_event
from gateway.roles.demo import child, first_login
from gateway.simulation.broker import LocalBroker, free_port, mosquitto

NODE = "screen-gw"
DIVISION = "330106003000"
OTHER_DIVISION = "330106004000"
PASSWORD = "a password of this test"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")

SITE = """[node]
id = "{node}"
name = "Cold store"
division = "{division}"
enterprise = {{ name = "Northern Foods" }}
[broker]
url = "{broker}"
[parent]
url = "{parent}"
code_file = "{code}"
[[delegate]]
to = "centre"
[[area]]
id = "AR1"
name = "Machine room"
hazard = "ammonia_refrigeration"
"""
DEVICE = """
[[device]]
id = "{tag}"
profile = "generic/number"
area = "AR1"
topic = "plant/{tag}"
[[device.point]]
channel = "nh3"
tag = "{tag}"
name = "Ammonia {tag}"
unit = "ppm"
range = [0, 1000]
interval = "10min"
{rules}
"""
LIMITS = "limits = { h = 100, hh = 500, deadband = 5 }"
PACK = 'rules = ["ammonia.machine_room"]'


def missing() -> str:
    """Return what these tests need and this machine has not, or ""."""
    parts = {
        "chromium": chromium(),
        "mosquitto": mosquitto(),
        "mosquitto_pub": shutil.which("mosquitto_pub"),
    }
    return ", ".join(name for name, found in parts.items() if found is None)


def chromium() -> str | None:
    """Return the browser's program."""
    return next((found for name in CHROMIUMS if (found := shutil.which(name))), None)


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


@dataclass
class Plant:
    """What runs, and how to speak to it."""

    folder: Path
    broker: LocalBroker
    url: str
    administrator: tuple[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def publish(self, tag: str, value: float) -> None:
        """Send one value with `mosquitto_pub` and return when it has gone."""
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-q", "1"]
        subprocess.run([*command, "-t", f"plant/{tag}", "-m", f"{value:g}"], check=True, timeout=30)

    def kill(self, role: str) -> None:
        """End a process as a power cut would."""
        process = self.processes[role]
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)

    @contextmanager
    def client(self, account: str = "") -> Iterator[httpx.Client]:
        """Give a client of the API, logged in as the administrator unless another is named."""
        name, password = (account, PASSWORD) if account else self.administrator
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            login = {"name": name, "password": password}
            client.post("/api/v1/session", json=login).raise_for_status()
            yield client

    def add_account(self, name: str, division: str) -> None:
        """Make an operator of a division."""
        body = {"name": name, "password": PASSWORD, "role": "operator", "division": division}
        with self.client() as client:
            client.post("/api/v1/accounts", json=body).raise_for_status()

    def journal(self) -> list[AlarmEvent]:
        """Return what the edge itself has written down."""
        store = Database(self.folder / "data" / "store.db", "edge", read_only=True)
        rows = store.execute("SELECT entry FROM journal ORDER BY seq")
        store.close()
        return [decode_event(row[0]) for row in rows]


@contextmanager
def running(folder: Path, devices: dict[str, str]) -> Iterator[Plant]:
    """Run broker, centre and edge for the length of a block.

    Parameters
    ----------
    devices
        Rules by tag.
    """
    port = free_port()
    centre, site = folder / "centre.toml", folder / "site.toml"
    with ExitStack() as stack:
        broker = stack.enter_context(LocalBroker(folder / "broker", program=mosquitto()))
        centre.write_text(
            f'[node]\nid = "centre"\nname = "Centre"\ndivision = "330106000000"\n'
            f'[listen]\naddress = "127.0.0.1:{port}"\n[store]\nfolder = "{folder}/centre"\n'
            f'[pairing]\nnodes = ["{NODE}"]\n'
        )
        parts = {"node": NODE, "division": DIVISION, "broker": broker.url}
        parts |= {"parent": f"http://127.0.0.1:{port}"}
        parts |= {"code": f"{folder}/centre/pairing-{NODE}.code"}
        text = SITE.format(**parts)
        text += "".join(DEVICE.format(tag=tag, rules=rules) for tag, rules in devices.items())
        site.write_text(text)
        above = stack.enter_context(child(folder, "centre", centre, []))
        url, name, password = first_login(above)
        plant = Plant(folder, broker, url, (name, password), {"centre": above.process})
        edge = stack.enter_context(child(folder, "edge", site, []))
        plant.processes["edge"] = edge.process
        edge.wait_for("connected to the parent", also="subscribed")
        yield plant
