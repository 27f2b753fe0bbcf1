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
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import numpy as np
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.model import Clock
from gateway.observe import log
from gateway.southbound.arrivals import MARKER, Arrivals, Message, Receipt, own_topic
from gateway.southbound.client import (
    CONNECT_S,
    BufferedClient,
    connect_properties,
    new_client,
    violation,
)
from gateway.southbound.packets import COLUMNS, FLAGS, OWN, Bytes, Spans, find
from gateway.southbound.settings import BrokerSettings

RETRY_FIRST_S: Final = 0.2
RETRY_LAST_S: Final = 30.0
#: A fence that never comes back (a broker that forbids its topic) is taken down after this.
FENCE_S: Final = 10.0
FILTERS_A_PACKET: Final = 200
#: Reads of a busy socket are this far apart: what comes in between is taken together.
APART_S: Final = 0.001
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
        Takes messages in arrival order, on the event loop, about once for each read of the socket;
        they lie in a buffer that is used again. Returns whether the broker has room to send more
        while the session waits a moment.
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
        deliver: Callable[[Arrivals], bool],
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
        self._lost = asyncio.Event()
        self._reason = ""
        self._own = np.frombuffer(bytearray(own_topic(node).encode()), np.uint8)
        self._paused = False
        self._listening = self._writing = False
        self._read_at = 0.0
        self._rest: asyncio.TimerHandle | None = None
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

    def warm_up(self) -> None:
        """Compile what finds packets, or load it, before the first message."""
        find(self._own, 0, 0, False, self._own, np.zeros((1, COLUMNS), np.int32))

    @property
    def task(self) -> asyncio.Task[None]:
        """The task that keeps the session; it ends by cancellation alone."""
        if self._task is None:
            raise RuntimeError("the session is not entered")
        return self._task

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Tell the broker that these are durable; those of an earlier connection are left alone."""
        client = self._client
        if client is None:
            return
        mine = [each.identifiers for each in receipts if each.connection == self.connection]
        if mine:
            client.acknowledge(np.concatenate(mine))
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
        self._paused = True
        self._listen(wanted=False)

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            # What TLS holds is announced by nobody.
            asyncio.get_running_loop().call_soon(self._readable)

    def _listen(self, *, wanted: bool) -> None:
        """Have the loop watch the socket, or not."""
        sock = self._socket
        if wanted == self._listening or sock is None:
            return
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(sock, self._readable)
        else:
            loop.remove_reader(sock)
        self._listening = wanted

    def _rested(self) -> None:
        self._rest = None
        self._readable()

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
        self._listening = self._writing = False
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
            if self._paused:
                self._client.excuse()
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
        if mid not in self._pending_grants:
            return  # nobody asked, and before CONNACK the session does not stand
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
        doubt = f"; does the broker speak MQTT {self.settings.version}?" * (not self.connected)
        self._reason = self._reason or f"connection lost: {reason}{doubt}"
        self._lost.set()

    def _on_socket_close(self, _client: Client, _userdata: object, sock: object) -> None:
        # Before paho closes it: the loop would keep the number, and a new socket that is given
        # the same number would never be reported readable.
        if isinstance(sock, socket.socket) and sock.fileno() >= 0:
            self._forget(sock)

    def _forget(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.remove_writer(sock)
        self._listening = self._writing = False

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        wrong = violation(message)
        if wrong:
            self._reason = self._reason or f"the broker broke the protocol: {wrong}"
            self._lost.set()
        if self._lost.is_set():
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "\ufffd"  # no device owns it: quarantined
        own = topic == self._topic
        alone = Message(
            topic,
            bytes(message.payload),
            message.qos,
            message.retain,
            message.dup,
            message.mid,
            own,
        )
        laid = Arrivals.of([alone], received_ns=0)
        self._receive(laid.buffer, laid.spans)

    def _receive(self, buffer: Bytes, spans: Spans) -> bool:
        """Hand packets over, cut after each of our own; return whether the broker has room."""
        now = self._clock.now_ns()
        room = True
        begin = 0
        cuts = np.flatnonzero(spans[:, FLAGS] & OWN).tolist()
        for cut in (*cuts, len(spans)):
            own = cut < len(spans)
            end = cut + 1 if own else cut
            if begin == end:
                continue
            arrivals = Arrivals(
                buffer=buffer,
                spans=spans[begin:end],
                connection=self.connection,
                received_ns=now,
                fenced=bool(self._fence),
            )
            if own:
                said = arrivals.payload(-1)
                if said == MARKER:
                    arrivals = replace(arrivals, marked=True)
                elif said == self._fence.encode():
                    self._fence = ""
            room = self._deliver(arrivals)
            begin = end
        return room

    def _readable(self) -> None:
        client, loop = self._client, asyncio.get_running_loop()
        if client is None or self._paused or self._rest is not None:
            return
        before, self._read_at = self._read_at, loop.time()
        five = self.settings.version == "5"
        room = True
        more = True
        came = client.receive()
        while more and not self._lost.is_set():
            buffer, spans, more = client.published(self._own, five=five)
            if len(spans) and not client.is_connected():
                self._reason = "the broker sent a message before CONNACK"
                self._lost.set()
            elif len(spans):
                room = self._receive(buffer, spans)
            elif more:
                client.loop_read()
                more = client.has_more and client.socket() is not None
        self._flush()
        if self._lost.is_set() or self._paused:
            return
        resting = came and room and self._read_at - before < 2 * APART_S
        self._listen(wanted=not resting)
        if resting:
            self._rest = loop.call_later(APART_S, self._rested)
        elif client.unannounced:
            loop.call_soon(self._readable)

    def _flush(self) -> None:
        client, sock = self._client, self._socket
        if client is None or sock is None or self._lost.is_set():
            return
        if client.want_write():
            client.loop_write()
        if self._lost.is_set() or client.want_write() == self._writing:
            return
        loop = asyncio.get_running_loop()
        self._writing = not self._writing
        if self._writing:
            loop.add_writer(sock, self._flush)
        else:
            loop.remove_writer(sock)

    def _drop(self, *, send_disconnect: bool = False) -> None:
        client, sock = self._client, self._socket
        self.connected = False
        self._client = self._socket = None
        self._pending_grants.clear()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self._fence = ""  # nothing comes while it is away; the next connection sets its own
        if sock is not None and sock.fileno() >= 0:
            self._forget(sock)
        if client is not None:
            if send_disconnect:
                client.disconnect()
            elif sock is not None:
                sock.close()
