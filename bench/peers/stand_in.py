"""A stand-in for a ThingsBoard platform: what a gateway needs of it, and a count of what comes.

A Mosquitto takes the gateway's messages. A client beside it answers the request for the session's
limits (none) and counts the data points that arrive. It stores nothing: the platform is not what
is measured.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.broker import INFLIGHT, QUEUED, Broker
from bench.peers import PeerError

REQUEST: Final = "v1/devices/me/rpc/request/"
RESPONSE: Final = "v1/devices/me/rpc/response/"
CONNECT: Final = "v1/gateway/connect"
TELEMETRY: Final = "v1/gateway/telemetry"
#: An empty limit is none.
NO_LIMITS: Final = {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""}
SESSION: Final = {
    "maxPayloadSize": 65_536,
    "maxInflightMessages": 1_000,
    "rateLimits": NO_LIMITS,
    "gatewayRateLimits": NO_LIMITS,
}
SUBSCRIBE_S: Final = 20.0


class Platform:
    """What arrived so far.

    Parameters
    ----------
    port
        Of the broker the gateway connects to.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.devices: set[str] = set()
        self.values = 0
        self.last_s = time.monotonic()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="platform")
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.message_callback_add(f"{REQUEST}+", self._on_request)
        self._client.message_callback_add(CONNECT, self._on_device)
        self._client.message_callback_add(TELEMETRY, self._on_telemetry)

    def open(self) -> None:
        """Subscribe."""
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        if not self._subscribed.wait(SUBSCRIBE_S):
            raise PeerError("its platform could not subscribe")

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, *_: Any) -> None:
        self._client.subscribe([(f"{REQUEST}+", 1), (CONNECT, 1), (TELEMETRY, 1)])

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed.set()

    def _on_request(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        if json.loads(message.payload).get("method") == "getSessionLimits":
            number = message.topic.removeprefix(REQUEST)
            self._client.publish(RESPONSE + number, json.dumps(SESSION), qos=1)

    def _on_device(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.devices.add(json.loads(message.payload)["device"])

    def _on_telemetry(
        self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage
    ) -> None:
        sets = [each for device in json.loads(message.payload).values() for each in device]
        self.values += sum(len(each["values"]) for each in sets)
        self.last_s = time.monotonic()


@contextmanager
def platform(folder: Path) -> Iterator[Platform]:
    """Run a platform for the length of a block."""
    with Broker(folder, inflight=INFLIGHT, queued=QUEUED) as broker:
        one = Platform(broker.port)
        one.open()
        try:
            yield one
        finally:
            one.close()
