"""The broker session: subscribe, hand messages over in batches, acknowledge when told to.

Acknowledgement is manual. A message is acknowledged in arrival order, only on the connection it
came on, and only when the caller says that it is durable; until then the broker keeps it. The
session outlives connections (MQTT 5 session expiry, MQTT 3.1.1 clean session off), so what was not
acknowledged comes again. paho-mqtt does the protocol (see `gateway.southbound.client` for what it
does not).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.model import Clock
from gateway.observe import log
from gateway.southbound.client import (
    CONNECT_S,
    BufferedClient,
    Published,
    connect_properties,
    new_client,
)
from gateway.southbound.message import MARKER, Message, own_topic
from gateway.southbound.settings import BrokerSettings

RETRY_FIRST_S: Final = 0.2
RETRY_LAST_S: Final = 30.0
#: A fence that never comes back (a broker that forbids its topic) is taken down after this.
FENCE_S: Final = 10.0
FILTERS_A_PACKET: Final = 200
JITTER = secrets.SystemRandom()
LOG = log("southbound.mqtt")


class BrokerSession:
    """A session with one broker that is made again whenever it breaks.

    Parameters
    ----------
    settings
        Address, version, credentials.
    node
        Node id: the client id unless the settings name one, and the fence's topic.
    filters
        Topics to subscribe, at QoS 1.
    clock
        Stamps the received time.
    deliver
        Takes messages in arrival order, on the event loop, once for each read of the socket.
    changed
        Told None when subscribed, and the reason when the session breaks.

    Notes
    -----
    Nothing is started before ``async with``; `close` is part of leaving it.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        node: str,
        filters: Sequence[str],
        clock: Clock,
        deliver: Callable[[Sequence[Message]], None],
        changed: Callable[[str | None], None],
    ) -> None:
        self.settings = settings
        self.connected = False
        self.connection = 0
        self._node = node
        self._filters = tuple(filters)
        self._clock = clock
        self._deliver = deliver
        self._changed = changed
        self._client: BufferedClient | None = None
        self._socket: socket.socket | None = None
        self._inbox: list[Message] = []
        self._lost = asyncio.Event()
        self._reason = ""
        self._paused = False
        self._fence = ""
        self._fence_until = 0
        self._pending_grants: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="broker session")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._drop(send_disconnect=True)

    @property
    def task(self) -> asyncio.Task[None]:
        """The task that keeps the session; it ends by cancellation alone."""
        if self._task is None:
            raise RuntimeError("the session is not entered")
        return self._task

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these are durable; those of an earlier connection are left alone."""
        client = self._client
        if client is None:
            return
        mine = [m for m in messages if m.qos and m.connection == self.connection]
        client.acknowledge([message.mid for message in mine if message.qos == 1])
        for message in mine:
            if message.qos > 1:
                client.ack(message.mid, message.qos)
        self._flush()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Send a message now; False when there is no session to send it on."""
        client = self._client
        if client is None or not self.connected:
            return False
        sent = client.publish(topic, payload, qos=qos)
        self._flush()
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def mark(self) -> None:
        """Send a marker to oneself: it comes back as a message like any other."""
        self.publish(self._topic, MARKER, qos=0)

    @property
    def fenced(self) -> bool:
        """Whether messages that waited in the broker's queue may still be coming."""
        return bool(self._fence)

    def pause(self) -> None:
        """Stop reading the socket: the broker waits."""
        if not self._paused and self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._paused = True

    def resume(self) -> None:
        """Read again."""
        if self._paused and self._socket is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._socket, self._readable)
            loop.call_soon(self._readable)  # what TLS holds is announced by nobody
        self._paused = False

    async def _run(self) -> None:
        wait = RETRY_FIRST_S
        while True:
            self._lost.clear()
            self._reason = ""
            try:
                await self._connect()
            except (OSError, ValueError) as error:
                self._reason = self._reason or str(error)
            else:
                await self._watch()
            stood = self.connected
            self._drop()
            if stood:
                wait = RETRY_FIRST_S
            self._changed(self._reason)
            # Jitter, so that a site's gateways do not all come back in the same instant.
            await asyncio.sleep(wait * JITTER.uniform(0.5, 1.0))
            wait = min(RETRY_LAST_S, wait * 2)

    async def _connect(self) -> None:
        client = self._make_client()
        await asyncio.to_thread(
            client.connect,
            self.settings.host,
            self.settings.port,
            self.settings.keep_alive_s,
            clean_start=False if self.settings.version == "5" else 3,
            properties=connect_properties(self.settings),
        )
        sock = client.socket()
        if not isinstance(sock, socket.socket):
            raise ConnectionError("the broker closed the connection at once")
        client.on_socket_close = self._on_socket_close
        self.connection += 1
        self._client, self._socket = client, sock
        if not self._paused:
            asyncio.get_running_loop().add_reader(sock, self._readable)
        self._readable()

    async def _watch(self) -> None:
        deadline = asyncio.get_running_loop().time() + CONNECT_S
        while not self._lost.is_set():
            with suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it loses a cancellation that comes with the event.
                async with asyncio.timeout(1.0):
                    await self._lost.wait()
            if self._client is None:
                return
            if not self.connected and asyncio.get_running_loop().time() > deadline:
                self._reason = self._reason or (
                    f"no answer to CONNECT within {CONNECT_S:g} s; is it an MQTT broker, and of "
                    f"version {self.settings.version}? [broker] version = states another"
                )
                return
            self._client.loop_misc()
            self._flush()
            if self._fence and self._clock.monotonic_ns() > self._fence_until:
                LOG.warning("fence did not come back; the broker may forbid it", topic=self._topic)
                self._fence = ""

    def _make_client(self) -> BufferedClient:
        client = new_client(self.settings, self._node)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    @property
    def _topic(self) -> str:
        return own_topic(self._node)

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._reason = f"the broker refused the session: {reason}; check its users and ACL"
            self._lost.set()
            return
        if flags.session_present:
            self._fence = secrets.token_hex(8)
            self._fence_until = self._clock.monotonic_ns() + int(FENCE_S * 1e9)
        wanted = [(topic, 1) for topic in (*self._filters, self._topic)]
        for begin in range(0, len(wanted), FILTERS_A_PACKET):
            result, mid = client.subscribe(wanted[begin : begin + FILTERS_A_PACKET])
            if result == MQTTErrorCode.MQTT_ERR_SUCCESS and mid is not None:
                self._pending_grants.add(mid)

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
        self._pending_grants.discard(mid)
        if not self._pending_grants and not self.connected:
            self.connected = True
            if self._fence:
                client.publish(self._topic, self._fence, qos=1)
            self._changed(None)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._reason = self._reason or f"connection lost: {reason}"
        self._lost.set()

    @staticmethod
    def _on_socket_close(_client: Client, _userdata: object, sock: object) -> None:
        # Before paho closes it: the loop would keep the number, and a new socket that is given
        # the same number would never be reported readable.
        if isinstance(sock, socket.socket) and sock.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(sock)
            loop.remove_writer(sock)

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic.encode()
        except UnicodeDecodeError:
            topic = b"\xff"  # no device owns it: quarantined
        payload, qos, mid = bytes(message.payload), message.qos, message.mid
        self._receive([Published(topic, payload, qos, message.retain, message.dup, mid)], client)

    def _receive(self, found: Sequence[Published], client: Client) -> None:
        now = self._clock.now_ns()
        fence_topic = self._topic.encode()
        for topic, payload, qos, retain, dup, mid in found:
            if topic == fence_topic and payload != MARKER:
                if payload == self._fence.encode():
                    self._fence = ""
                client.ack(mid, qos)
                continue
            self._inbox.append(
                Message(
                    topic.decode("utf-8", "replace"),
                    payload,
                    qos,
                    retain,
                    dup,
                    mid,
                    self.connection,
                    now,
                    bool(self._fence),
                )
            )

    def _readable(self) -> None:
        client = self._client
        if client is None:
            return
        five = self.settings.version == "5"
        client.begin_turn()
        client.loop_read()  # the library reads the socket, and the first packet
        while client.has_more and not self._lost.is_set():
            found = client.published(five=five)
            if found:
                self._receive(found, client)
            else:
                client.loop_read()
        if self._inbox:
            messages, self._inbox = self._inbox, []
            self._deliver(messages)
        self._flush()
        if client.unannounced and not self._paused:
            asyncio.get_running_loop().call_soon(self._readable)

    def _flush(self) -> None:
        client, sock = self._client, self._socket
        if client is None or sock is None or self._lost.is_set():
            return
        if client.want_write():
            client.loop_write()
        loop = asyncio.get_running_loop()
        if self._lost.is_set():
            return
        if client.want_write():
            loop.add_writer(sock, self._flush)
        else:
            loop.remove_writer(sock)

    def _drop(self, *, send_disconnect: bool = False) -> None:
        client, sock = self._client, self._socket
        self.connected = False
        self._client = self._socket = None
        self._pending_grants.clear()
        self._inbox.clear()
        self._fence = ""  # nothing comes while it is away; the next connection sets its own
        if sock is not None and sock.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(sock)
            loop.remove_writer(sock)
        if client is not None:
            if send_disconnect:
                client.disconnect()
            elif sock is not None:
                sock.close()
