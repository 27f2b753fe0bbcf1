"""Node-RED as a peer: mqtt in, json, one stateless threshold, a counter."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from bench.broker import Broker
from bench.frames import connect, publish
from bench.peers import PeerError
from bench.peers.environment import Environment
from bench.peers.process import process, said
from bench.peers.tally import IDLE_S, TOPICS
from bench.workload import STATIONS
from gateway.simulation.broker import free_port

START_S: Final = 120.0
PROBE_S: Final = 1.0
QUIET_S: Final = 0.5
LOOK_FIRST_S: Final = 0.1
LOOK_OFTEN_S: Final = 0.02
LOOK_SELDOM_S: Final = 0.5
COUNTER: Final = Path(__file__).with_name("counter.js")


class NodeRed:
    """A Node-RED whose flow runs, its counter read over HTTP as the edge's metrics are."""

    def __init__(self, running: subprocess.Popen[str], port: int, wanted: int) -> None:
        self._running = running
        self._port = port
        self._wanted = wanted
        self._before = 0

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running.pid

    def taken(self) -> int:
        """Return how many messages passed the threshold's node."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", "/taken")
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise PeerError(f"its counter answered {answer.status}")
            return int(answer.read())
        finally:
            connection.close()

    def subscribed(self, broker: Broker, folder: Path) -> None:
        """Wait until a message comes through, and until no other is on its way."""
        deadline = time.monotonic() + START_S
        with connect(broker.port, "probe") as sock:
            while not self._came(PROBE_S):
                if self._running.poll() is not None or time.monotonic() > deadline:
                    raise PeerError(f"did not start: {said(folder)}")
                sock.sendall(publish(b"bench/d0000", b'{"nh3":20.0}', qos=0, number=1))
        while (now := self.taken()) != self._before:
            self._before = now
            time.sleep(QUIET_S)

    def finish(self) -> tuple[int, float]:
        """Wait until all is counted or the count stands still.

        It looks the more often the nearer the end is, as the edge is looked at.
        """
        begin = last = time.monotonic()
        taken = 0
        wait = LOOK_FIRST_S
        while taken < self._wanted and time.monotonic() - last < IDLE_S:
            time.sleep(wait)
            now = self.taken() - self._before
            if now > taken:
                taken, last = now, time.monotonic()
            left = (last - begin) * (self._wanted - taken) / max(1, taken)
            wait = min(LOOK_SELDOM_S, max(LOOK_OFTEN_S, left / 2))
        return taken, last

    def _came(self, within_s: float) -> bool:
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            # It listens before its nodes are there.
            with suppress(OSError, PeerError):
                if self.taken():
                    return True
            time.sleep(0.1)
        return False


@contextmanager
def node_red(
    environment: Environment, broker: Broker, *, qos: int, wanted: int, folder: Path
) -> Iterator[NodeRed]:
    """Run Node-RED with the flow; it is subscribed when the block begins."""
    port = free_port()
    (folder / "flows.json").write_text(json.dumps(flow(broker.port, qos)), encoding="utf-8")
    (folder / "settings.js").write_text(settings(folder, port), encoding="utf-8")
    nodes = folder / "nodes"
    nodes.mkdir()
    (nodes / "counter.js").write_bytes(COUNTER.read_bytes())
    # Without a page for the editor a node is not loaded, even where there is no editor.
    (nodes / "counter.html").write_text("", encoding="utf-8")
    program = environment.modules / "node-red" / "red.js"
    command = [str(environment.node), str(program), "--settings", str(folder / "settings.js")]
    with process(command, folder=folder, environment={}) as running:
        peer = NodeRed(running, port, wanted)
        peer.subscribed(broker, folder)
        yield peer


def flow(broker: int, qos: int) -> list[dict[str, Any]]:
    """Return the flow: MQTT to JSON to the threshold, and from both its sides to the counter."""
    limit = STATIONS.channels[0].limits[2]
    rules = [{"t": "gte", "v": str(limit), "vt": "num"}, {"t": "else"}]
    nodes: list[dict[str, Any]] = [
        {"id": "in", "type": "mqtt in", "topic": TOPICS, "qos": str(qos), "datatype": "utf8",
         "broker": "broker", "inputs": 0, "wires": [["json"]]},
        {"id": "json", "type": "json", "property": "payload", "action": "obj",
         "wires": [["threshold"]]},
        {"id": "threshold", "type": "switch", "property": "payload.nh3", "propertyType": "msg",
         "rules": rules, "checkall": "false", "outputs": 2, "wires": [["count"], ["count"]]},
        {"id": "count", "type": "bench-counter", "wires": []},
    ]  # fmt: skip
    # A node without a place on the canvas passes for a configuration.
    placed = [{**node, "z": "flow", "x": 100, "y": 100} for node in nodes]
    return [
        {"id": "flow", "type": "tab", "label": "bench"},
        {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(broker),
         "clientid": "node-red", "autoConnect": True, "protocolVersion": "4", "keepalive": "60",
         "cleansession": True},
        *placed,
    ]  # fmt: skip


def settings(folder: Path, port: int) -> str:
    """Return a settings file: no editor, nothing asked of the network, warnings only."""
    wanted = {
        "flowFile": str(folder / "flows.json"),
        "userDir": str(folder),
        "uiHost": "127.0.0.1",
        "uiPort": port,
        "httpAdminRoot": False,
        "telemetry": {"enabled": False, "updateNotification": False},
        "logging": {"console": {"level": "warn", "metrics": False, "audit": False}},
    }
    return f"module.exports = {json.dumps(wanted)};\n"
