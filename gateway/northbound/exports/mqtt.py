"""CloudEvents to a broker, QoS 1, not retained: what it acknowledges it has taken.

The topic is ``hazgate/v1/<division>/<node>/alarms``. MQTT 5 alone is spoken: under 3.1.1 a broker
acknowledges also what its rules make it throw away, and the loss would look like a receipt.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiomqtt

from gateway.northbound.exports.envelope import ONE, encode_one
from gateway.northbound.exports.port import Outcome, Parcel, ReceiverAwayError
from gateway.northbound.exports.settings import MqttExport
from gateway.northbound.exports.topics import NoTopicError, topic_of
from gateway.tasks import beside

#: Handed over at once; the broker's own window decides how many are under way.
MOST: Final = 200
TIMEOUT_S: Final = 20.0
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class _Client(aiomqtt.Client):
    """aiomqtt takes every PUBACK for a receipt; one that refuses is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.refusal: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any
    ) -> None:
        if reason_code.is_failure:
            if not self.refusal.done():
                self.refusal.set_result(str(reason_code))
            return
        super()._on_publish(client, userdata, mid, reason_code, properties)


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
        made = {
            asyncio.create_task(client.publish(topic, body, 1, properties=_properties())): number
            for number, topic, body in sent
        }
        whole = asyncio.gather(*made, return_exceptions=True)
        try:
            await asyncio.wait({whole, client.refusal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in made:
                task.cancel()
        results = await asyncio.gather(*made, return_exceptions=True)
        failed = [each for each in results if isinstance(each, BaseException)]
        taken = [
            number for number, result in zip(made.values(), results, strict=True) if result is None
        ]
        if not failed:
            return taken, ""
        trouble = str(next((e for e in failed if isinstance(e, aiomqtt.MqttError)), "cut off"))
        if client.refusal.done():
            trouble = f"the broker refuses {sent[len(taken)][1]}: {client.refusal.result()}"
        # What was under way on this session is not known: the next one begins anew.
        await self.close()
        return taken, trouble

    async def _connected(self) -> _Client:
        """Return the session, a new one where there is none."""
        if self._client is not None:
            return self._client
        parts = urlsplit(self._settings.url)
        try:
            password, context = await beside(partial(_secrets, self._settings))
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
        )
        client.pending_calls_threshold = MOST
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            raise ReceiverAwayError(f"{self._settings.url}: {error}") from None
        self._client = client
        return client


def _properties() -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    made = Properties(PacketTypes.PUBLISH)
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
