"""paho-mqtt as its users write it: a callback that counts, and the library's own loop."""

from __future__ import annotations

from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.peers.tally import TOPICS, Tally, arguments


def main() -> None:
    """Subscribe and count; the library acknowledges after each callback."""
    asked = arguments()
    tally = Tally(asked.messages)
    client = mqtt.Client(CallbackAPIVersion.VERSION2)

    def on_connect(*_: Any) -> None:
        client.subscribe(TOPICS, asked.qos)

    def on_subscribe(*_: Any) -> None:
        tally.begin()

    def on_message(_client: mqtt.Client, _userdata: Any, _message: mqtt.MQTTMessage) -> None:
        tally.one()

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.connect("127.0.0.1", asked.port)
    client.loop_forever()


if __name__ == "__main__":
    main()
