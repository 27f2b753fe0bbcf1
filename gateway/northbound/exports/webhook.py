"""Signed CloudEvents to an HTTPS address; what it answers with 2xx it has taken, all of it.

A batch goes as ``application/cloudevents-batch+json``. With ``batch = 1`` each event goes alone, as
``application/cloudevents+json``, for receivers that know no batches. A post whose answer was lost
is sent again: receivers know its events by `source` and `id`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.model import Clock
from gateway.northbound.exports import signing
from gateway.northbound.exports.aside import Aside
from gateway.northbound.exports.envelope import MANY, ONE, encode_many, encode_one
from gateway.northbound.exports.outward import Outward, Resolver
from gateway.northbound.exports.port import Outcome, Parcel, ReceiverAwayError
from gateway.northbound.exports.settings import WebhookExport


class Webhook:
    """A receiver of webhooks.

    Parameters
    ----------
    settings
        Of the export.
    resolve
        Leads names to addresses; the system's unless given.
    """

    def __init__(
        self, settings: WebhookExport, *, clock: Clock, resolve: Resolver | None = None
    ) -> None:
        self.most = settings.batch
        self._settings = settings
        self._clock = clock
        self._aside = Aside(settings.name)
        self._outward = Outward(
            settings.url,
            allow=settings.networks,
            aside=self._aside,
            ca_file=settings.ca_file,
            resolve=resolve,
        )

    async def deliver(self, parcels: Sequence[Parcel]) -> Outcome:
        """Post them; a receipt is for all of them."""
        alone = self._settings.batch == 1
        body = encode_one(parcels[0]) if alone else encode_many(parcels)
        signed = signing.headers(
            signing.identity_of([parcel.id for parcel in parcels]),
            body,
            await self._secrets(),
            at_ns=self._clock.now_ns(),
        )
        await self._outward.post(body, {"Content-Type": ONE if alone else MANY, **signed})
        return Outcome(taken=[parcel.number for parcel in parcels])

    async def close(self) -> None:
        """Close its connections."""
        await self._outward.close()
        self._aside.close()

    async def _secrets(self) -> list[bytes]:
        """Read the secrets anew: one that was changed is used without a restart."""
        files = (self._settings.secret_file, self._settings.old_secret_file)
        try:
            return [await self._aside.run(signing.read_secret, file) for file in files if file]
        except (OSError, ValueError) as error:
            raise ReceiverAwayError(f"secret_file: {error}") from None
