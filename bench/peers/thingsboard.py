"""ThingsBoard IoT Gateway as a peer: an MQTT connector in, a stand-in platform out."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.broker import Broker
from bench.frames import connect
from bench.peers import PeerError
from bench.peers.environment import Environment
from bench.peers.process import process, said
from bench.peers.stand_in import Platform, platform
from bench.peers.tally import IDLE_S, TOPICS
from bench.workload import STATIONS, messages

START_S: Final = 180.0
#: The gateway announces a device on its first message, one after the other.
ROUND_S: Final = 30.0
QUIET_S: Final = 2.0
LOOK_S: Final = 0.02
#: Warm messages are older than those measured, which claim to be of the last 30 s.
BEFORE_MS: Final = 60_000
#: The gateway asks the network for updates; here it finds nobody.
NOBODY: Final = "http://127.0.0.1:9"


class Gateway:
    """A gateway that has announced every device."""

    def __init__(self, running: subprocess.Popen[str], to: Platform, wanted: int) -> None:
        self._running = running
        self._platform = to
        self._wanted = wanted
        self._before = 0

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running.pid

    def warm(self, broker: Broker, folder: Path) -> None:
        """Send every device once, again and again, until the platform knows them all."""
        deadline = time.monotonic() + START_S
        now = time.time_ns() // 1_000_000
        with connect(broker.port, "warm") as sock:
            while len(self._platform.devices) < STATIONS.devices:
                if self._running.poll() is not None or time.monotonic() > deadline:
                    raise PeerError(f"did not start: {said(folder)}")
                known, started = len(self._platform.devices), time.monotonic()
                sock.sendall(
                    b"".join(messages(STATIONS, STATIONS.devices, qos=0, now_ms=now - BEFORE_MS))
                )
                self._announced(known, started)
        while (seen := self._platform.values) != self._before:
            self._before = seen
            time.sleep(QUIET_S)

    def finish(self) -> tuple[int, float]:
        """Wait until all has arrived at the platform, or nothing comes any more."""
        values = len(STATIONS.channels)
        begin = time.monotonic()
        while True:
            taken = (self._platform.values - self._before) // values
            last = max(begin, self._platform.last_s)
            if taken >= self._wanted or time.monotonic() - last > IDLE_S:
                return taken, last
            time.sleep(LOOK_S)

    def _announced(self, known: int, started: float) -> None:
        """Wait for the first of a round, then for as long as others follow."""
        last = started
        while time.monotonic() - last < (QUIET_S if known else IDLE_S):
            time.sleep(LOOK_S)
            now = len(self._platform.devices)
            if now > known:
                known, last = now, time.monotonic()
            if now == STATIONS.devices or time.monotonic() - started > ROUND_S:
                return


@contextmanager
def thingsboard(
    environment: Environment, broker: Broker, *, qos: int, wanted: int, folder: Path
) -> Iterator[Gateway]:
    """Run a gateway between our broker and a platform; its devices are announced at the start."""
    above = folder / "platform"
    above.mkdir()
    with platform(above) as to:
        configure(environment, folder, platform=to.port, broker=broker.port, qos=qos)
        command = [
            str(environment.python),
            "-c",
            "from thingsboard_gateway.tb_gateway import daemon; daemon()",
        ]
        where = {
            "TB_GW_CONFIG_DIR": str(folder),
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOBODY),
        }
        with process(command, folder=folder, environment=where) as running:
            peer = Gateway(running, to, wanted)
            peer.warm(broker, folder)
            yield peer


def configure(
    environment: Environment, folder: Path, *, platform: int, broker: int, qos: int
) -> None:
    """Write its configuration: the one it comes with, but for where its two sides are."""
    shipped = environment.packages / "thingsboard_gateway" / "config"
    general = json.loads((shipped / "tb_gateway.json").read_text(encoding="utf-8"))
    general["thingsboard"] |= {
        "host": "127.0.0.1",
        "port": platform,
        "remoteConfiguration": False,
        "security": {"type": "accessToken", "accessToken": "bench"},
    }
    general["connectors"] = [{"type": "mqtt", "name": "bench", "configuration": "mqtt.json"}]
    (folder / "logs").mkdir()
    (folder / "logs.json").write_bytes((shipped / "logs.json").read_bytes())
    _write(folder / "tb_gateway.json", general)
    _write(folder / "mqtt.json", connector(broker, qos))


def connector(broker: int, qos: int) -> dict[str, Any]:
    """Return the connector: a device a topic, four values a message."""
    series = [
        {"type": "double", "key": each.name, "value": f"${{{each.name}}}"}
        for each in STATIONS.channels
    ]
    device = {
        "deviceNameExpressionSource": "topic",
        "deviceNameExpression": "(?<=bench/)(.*)",
        "deviceProfileExpressionSource": "constant",
        "deviceProfileExpression": "station",
    }
    converter = {"type": "json", "deviceInfo": device, "attributes": [], "timeseries": series}
    return {
        "broker": {
            "host": "127.0.0.1",
            "port": broker,
            "clientId": "thingsboard",
            "version": 5,
            "maxMessageNumberPerWorker": 10,
            "maxNumberOfWorkers": 100,
            "security": {"type": "anonymous"},
        },
        "mapping": [{"topicFilter": TOPICS, "subscriptionQos": qos, "converter": converter}],
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
