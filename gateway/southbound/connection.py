"""One connection to the broker: from CONNECT until it is lost, whoever ends it.

paho-mqtt does the protocol (see `gateway.southbound.client` for what it does not) and tells here
what came of it. A connection is used once; the session makes the next.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import numpy as np
import numpy.typing as npt
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.observe import log
from gateway.southbound.arrivals import Arrivals, Message, own_topic
from gateway.southbound.client import CONNECT_S, connect_properties, new_client, violation
from gateway.southbound.fence import Fence
from gateway.southbound.packets import Bytes, Spans
from gateway.southbound.settings import BrokerSettings
from gateway.southbound.socket_watch import SocketWatch

FILTERS_A_PACKET: Final = 200
#: A quarter of the shortest keep-alive that a broker can state: none is overrun.
LOOK_S: Final = 0.25
LOG = log("southbound.connection")


class Connection:
    """One connection of a session.

    Parameters
    ----------
    settings, node, filters
        As of the session.
    fence
        Put up where the broker has kept the session.
    take
        Takes the packets that were found: the buffer and where they lie in it. Returns whether the
        broker has room to send more while the socket is not read for a moment.
    stands
        Called once, when every subscription has been answered.

    Raises
    ------
    OSError, ValueError
        A password, certificate or key cannot be read.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        node: str,
        filters: Sequence[str],
        fence: Fence,
        take: Callable[[Bytes, Spans], bool],
        stands: Callable[[], None],
    ) -> None:
        self.stands = False
        self.reason = ""
        self._settings = settings
        self._topic = own_topic(node)
        self._filters = (*filters, self._topic)
        self._fence = fence
        self._last_asked = 0
        self._hand_over = take
        self._tell = stands
        self._own = np.frombuffer(bytearray(self._topic.encode()), np.uint8)
        self._lost = asyncio.Event()
        self._pending_grants: set[int] = set()
        self._watch: SocketWatch | None = None
        self._client = new_client(settings, node)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    async def open(self) -> None:
        """Connect, and send CONNECT."""
        client, settings = self._client, self._settings
        await asyncio.to_thread(
            client.connect,
            settings.host,
            settings.port,
            settings.keep_alive_s,
            clean_start=False if settings.version == "5" else 3,
            properties=connect_properties(settings),
        )
        sock = client.socket()
        if not isinstance(sock, socket.socket):
            raise ConnectionError("the broker closed the connection at once")
        client.on_socket_close = self._on_socket_close
        self._watch = SocketWatch(client, sock, take=self._take)

    async def keep(self) -> None:
        """Read and keep alive until the connection is lost; `reason` tells why it was."""
        client, watch = self._client, self.watch
        watch.read()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONNECT_S
        while not self._lost.is_set():
            with suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it loses a cancellation that comes with the event.
                async with asyncio.timeout(LOOK_S):
                    await self._lost.wait()
            if not self.stands and loop.time() > deadline:
                self._lose(
                    f"no answer to CONNECT within {CONNECT_S:g} s; is it an MQTT broker, and of "
                    f"version {self._settings.version}? [broker] version = states another"
                )
                return
            if watch.paused:
                client.excuse()
                self._fence.excuse()
            client.ping()
            client.loop_misc()
            watch.flush()
            if self._fence.look() and self.stands:
                client.publish(self._topic, self._fence.said, qos=1)

    @property
    def watch(self) -> SocketWatch:
        """The watch over its socket."""
        if self._watch is None:
            raise RuntimeError("the connection is not open")
        return self._watch

    def acknowledge(self, identifiers: npt.NDArray[np.int32]) -> None:
        """Send PUBACK, or what completes QoS 2, for each of these, in order."""
        self._client.acknowledge(identifiers)
        self.watch.flush()

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        """Send a message; return whether it was taken to be sent."""
        sent = self._client.publish(topic, payload, qos=qos)
        self.watch.flush()
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self, *, send_disconnect: bool) -> None:
        """End it; the broker keeps the session either way."""
        self.stands = False
        if self._watch is None:
            return
        self._watch.close()
        if send_disconnect:
            self._client.disconnect()
        else:
            self._watch.socket.close()

    def _lose(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._lost.set()
        if self._watch is not None:
            self._watch.close()

    def _take(self) -> bool:
        """Have everything taken that the client has read; return whether the broker has room."""
        client = self._client
        five = self._settings.version == "5"
        room = more = True
        while more and not self._lost.is_set():
            buffer, spans, more = client.published(self._own, five=five)
            if len(spans) and not client.is_connected():
                self._lose("the broker sent a message before CONNACK")
            elif len(spans):
                room = self._hand_over(buffer, spans)
            elif more:
                client.loop_read()
                more = client.has_more and client.socket() is not None
        return room

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._lose(f"the broker refused the session: {reason}; check its users and ACL")
            return
        if flags.session_present:
            self._fence.put_up()
        else:
            self._fence.forget()
        wanted = [(topic, 1) for topic in self._filters]
        for begin in range(0, len(wanted), FILTERS_A_PACKET):
            result, mid = client.subscribe(wanted[begin : begin + FILTERS_A_PACKET])
            if result == MQTTErrorCode.MQTT_ERR_SUCCESS and mid is not None:
                self._pending_grants.add(mid)
                self._last_asked = mid

    def _on_subscribe(
        self,
        client: Client,
        _userdata: object,
        mid: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = sum(1 for code in codes if code.is_failure)
        if refused:
            LOG.error(
                "the broker refused subscriptions; check its ACL for this node's user",
                refused=refused,
                of=len(codes),
            )
        if mid not in self._pending_grants:
            return  # nobody asked, and before CONNACK the session does not stand
        self._pending_grants.discard(mid)
        if mid == self._last_asked and codes[-1].is_failure:
            self._fence.take_down()  # our own topic is the last: nothing would come back
        if not self._pending_grants and not self.stands:
            self.stands = True
            if self._fence.stands:
                client.publish(self._topic, self._fence.said, qos=1)
            self._tell()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        doubt = f"; does the broker speak MQTT {self._settings.version}?" * (not self.stands)
        self._lose(f"connection lost: {self._client.fault or reason}{doubt}")

    def _on_socket_close(self, _client: Client, _userdata: object, _sock: object) -> None:
        self.watch.close()

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        wrong = violation(message)
        if wrong:
            self._lose(f"the broker broke the protocol: {wrong}")
        if self._lost.is_set():
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "\ufffd"  # no device owns it: quarantined
        alone = Message(
            topic,
            bytes(message.payload),
            message.qos,
            message.retain,
            message.dup,
            message.mid,
            topic == self._topic,
        )
        laid = Arrivals.of([alone], received_ns=0)
        self._hand_over(laid.buffer, laid.spans)
