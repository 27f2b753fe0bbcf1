"""Capture a broker's live traffic into a file: topics, payloads, QoS, retain, when each came."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bench import BenchError
from bench.connection import TIMEOUT_S, add_broker_arguments, broker_of, password
from bench.traffic import Captured, Header, Writer
from gateway.southbound.settings import BrokerSettings

TELL_S: Final = 10.0
#: What a recorder that is killed may lose.
FLUSH_S: Final = 0.5


class Recorder:
    """Follows a broker and writes what it passes on.

    Parameters
    ----------
    broker, topics
        Whom to follow, and the filters to subscribe to, at QoS 2: each message comes at its own.
    """

    def __init__(self, broker: BrokerSettings, topics: list[str]) -> None:
        self.losses = 0
        self.subscribed = threading.Event()
        self.refused = ""
        self._topics = topics
        self._broker = broker
        self._writer: Writer | None = None
        self._began = 0
        name = f"hazgate-record-{secrets.token_hex(4)}"
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._granted
        self._client.on_disconnect = self._lost
        self._client.on_message = self._take
        if broker.username:
            self._client.username_pw_set(broker.username, password(broker).decode())
        if broker.tls:
            self._client.tls_set(ca_certs=broker.ca_file)

    @property
    def messages(self) -> int:
        """How many have been written."""
        return self._writer.messages if self._writer else 0

    def follow(self, writer: Writer, stop: threading.Event, *, seconds: float) -> None:
        """Write until it is stopped or the time is over.

        Raises
        ------
        BenchError
            The broker cannot be reached, or refuses.
        """
        self._writer = writer
        self._began = time.monotonic_ns()
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except OSError as error:
            raise BenchError(f"{self._broker.url}: {error}") from error
        self._client.loop_start()
        try:
            if not self.subscribed.wait(TIMEOUT_S):
                raise BenchError(f"{self._broker.url}: {self.refused or 'no subscription granted'}")
            began = told = time.monotonic()
            while (left := began + seconds - time.monotonic()) > 0:
                if stop.wait(min(FLUSH_S, left)):
                    break
                writer.flush()
                if time.monotonic() - told > TELL_S:
                    told = time.monotonic()
                    sys.stderr.write(f"{writer.messages:,} messages\n")
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _connected(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.refused = str(reason)
            return
        client.subscribe([(topic, 2) for topic in self._topics])

    def _granted(
        self,
        _client: mqtt.Client,
        _data: object,
        _number: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self.refused = "the broker refuses the subscription"
            return
        self.subscribed.set()

    def _lost(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure and self.subscribed.is_set():
            self.losses += 1
            sys.stderr.write(
                f"the connection was lost ({reason}); what came meanwhile is missing\n"
            )

    def _take(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if self._writer is not None:
            self._writer.add(
                Captured(
                    time.monotonic_ns() - self._began,
                    message.topic.encode(),
                    bytes(message.payload),
                    message.qos,
                    message.retain,
                )
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this takes."""
    add_broker_arguments(parser)
    parser.add_argument("--topic", action="append", help="a filter, as often as wanted; # if none")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=60.0, help="or until it is interrupted")


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Capture until the time is over or somebody ends it, and say what was captured."""
    broker = broker_of(arguments)
    topics = arguments.topic or ["#"]
    recorder = Recorder(broker, topics)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    begin = time.monotonic()
    header = Header(began_ns=time.time_ns(), broker=broker.url, topics=topics)
    try:
        with arguments.out.open("xb") as file:
            recorder.follow(Writer(file, header), stop, seconds=arguments.seconds)
            size = file.tell()
    except FileExistsError as error:
        raise BenchError(f"{arguments.out}: is there already; name another file") from error
    except OSError as error:
        raise BenchError(f"{arguments.out}: cannot be written: {error}") from error
    seconds = time.monotonic() - begin
    print(f"{recorder.messages:,} messages, {size:,} bytes in {arguments.out}, {seconds:.1f} s")
    return {
        "messages": recorder.messages,
        "bytes": size,
        "seconds": round(seconds, 1),
        "connection_losses": recorder.losses,
        "sound": not recorder.losses,
    }
