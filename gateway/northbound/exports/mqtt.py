"""CloudEvents to a broker, QoS 1, not retained: what it acknowledges it has taken.

The topic is ``hazgate/v1/<division>/<node>/alarms``. MQTT 5 alone is spoken: under 3.1.1 a broker
acknowledges also what its rules make it throw away, and the loss would look like a receipt.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.northbound.exports.envelope import ONE, encode_one
from gateway.northbound.exports.port import Outcome, Parcel, ReceiverAwayError
from gateway.northbound.exports.settings import MqttExport
from gateway.northbound.exports.topics import NoTopicError, topic_of
from gateway.tasks import beside

#: Handed over at once; the broker's own window decides how many are under way.
MOST: Final = 200
TIMEOUT_S: Final = 20.0
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
#: The courier tells edges; what the library says of each attempt is not wanted.
SILENT: Final = logging.getLogger("gateway.northbound.exports.mqtt.silent")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


class _Client(aiomqtt.Client):
    """aiomqtt takes every PUBACK for a receipt, and a lost session for one that may yet answer.

    Here `ended` says why nothing more will be acknowledged: the session is lost, or the broker has
    refused a message.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any
    ) -> None:
        if reason_code.is_failure:
            self._end(f"the broker refuses a message: {reason_code}")
        else:
            super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done():
            self._disconnected.exception()  # told here, not by the loop when it is thrown away
        self._end(f"the session ended: {reason_code}")

    def _end(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_result(why)


class Mqtt:
    """A broker as a receiver.

    Parameters
    ----------
    settings
        Of the export.
    node
        Id of this node: its client id unless the settings name one.
    """

    most = MOST

    def __init__(self, settings: MqttExport, *, node: str) -> None:
        self._settings = settings
        self._identifier = settings.client_id or f"{node}-{settings.name}"
        self._client: _Client | None = None

    async def deliver(self, parcels: Sequence[Parcel]) -> Outcome:
        """Publish them in order, and wait for their acknowledgements."""
        refused: list[tuple[int, str]] = []
        sent: list[tuple[int, str, bytes]] = []
        for parcel in parcels:
            try:
                topic = topic_of(parcel.event)
            except NoTopicError as error:
                refused.append((parcel.number, str(error)))
            else:
                sent.append((parcel.number, topic, encode_one(parcel)))
        taken, trouble = await self._publish(sent) if sent else ([], "")
        return Outcome(taken=taken, refused=refused, trouble=trouble)

    async def close(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        if client is not None:
            try:
                await client.__aexit__(None, None, None)
            except aiomqtt.MqttError:
                return  # it was lost before

    async def _publish(self, sent: Sequence[tuple[int, str, bytes]]) -> tuple[list[int], str]:
        """Return the rows that were acknowledged, and why others were not."""
        client = await self._connected()
        made = [
            asyncio.create_task(client.publish(topic, body, 1, properties=_properties()))
            for _, topic, body in sent
        ]
        whole: asyncio.Future[Any] = asyncio.gather(*made, return_exceptions=True)
        try:
            await asyncio.wait([whole, client.ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in made:
                task.cancel()
            results = await asyncio.gather(*made, return_exceptions=True)
        taken = [row[0] for row, result in zip(sent, results, strict=True) if result is None]
        if len(taken) == len(sent):
            return taken, ""
        failed = [str(result) for result in results if isinstance(result, aiomqtt.MqttError)]
        trouble = client.ended.result() if client.ended.done() else "; ".join(failed[:1])
        # What was under way on this session is not known: the next one begins anew.
        await self.close()
        return taken, trouble

    async def _connected(self) -> _Client:
        """Return the session, a new one where there is none."""
        if self._client is not None and not self._client.ended.done():
            return self._client
        await self.close()
        parts = urlsplit(self._settings.url)
        try:
            password, context = await beside(_secrets, self._settings)
        except (OSError, ValueError) as error:
            raise ReceiverAwayError(f"its files cannot be used: {error}") from None
        client = _Client(
            hostname=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            identifier=self._identifier,
            username=self._settings.username,
            password=password,
            tls_context=context,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=TIMEOUT_S,
            clean_start=True,
            logger=SILENT,
        )
        client.pending_calls_threshold = MOST
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            raise ReceiverAwayError(f"{self._settings.url}: {error}") from None
        self._client = client
        return client


def _properties() -> Properties:
    """Say what it is: by this a receiver knows the envelope (CloudEvents, MQTT binding 3.2.1)."""
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    made.ContentType = ONE
    return made


def _secrets(settings: MqttExport) -> tuple[str | None, ssl.SSLContext | None]:
    """Read the password and the certificates."""
    password = None
    if settings.password_file:
        password = Path(settings.password_file).read_text(encoding="utf-8").strip()
    if urlsplit(settings.url).scheme != "mqtts":
        return password, None
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file and settings.key_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return password, context
