"""The platform of a province: alarms as its field map has them, encrypted, one receipt an alarm.

A post carries an alarm once at most: its next event leaves when this one has its receipt, so that
the platform never gets them in another order. What its answer does not name, or names with a code
that means neither taken nor never, is sent again, and the others' events meanwhile; the platform
knows a repeated event by its id.
A test never leaves, whatever the filter says.

Unverified: the protocol is known from second-hand descriptions; see the field map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from gateway.config import ConfigError
from gateway.northbound.exports.aside import Aside
from gateway.northbound.exports.field_map import FieldMap, at, decoded, read_map
from gateway.northbound.exports.outward import Answer, Outward, Resolver
from gateway.northbound.exports.port import Outcome, Parcel, ReceiverAwayError
from gateway.northbound.exports.settings import RegulatorExport
from gateway.northbound.exports.sm4 import encrypted, read_block


@dataclass(frozen=True, slots=True, repr=False)
class Means:
    """What the files hold; not shown in any text, for it is secret."""

    field_map: FieldMap
    app_secret: str
    key: bytes
    iv: bytes | None


class Regulator:
    """A province's platform as a receiver.

    Parameters
    ----------
    settings
        Of the export.
    resolve
        Leads names to addresses; the system's unless given.
    """

    def __init__(self, settings: RegulatorExport, *, resolve: Resolver | None = None) -> None:
        self.most = settings.batch
        self._settings = settings
        self._aside = Aside(settings.name)
        self._outward = Outward(
            settings.url,
            allow=settings.networks,
            aside=self._aside,
            ca_file=settings.ca_file,
            resolve=resolve,
        )

    async def deliver(self, parcels: Sequence[Parcel]) -> Outcome:
        """Post the first event of each alarm, and read the receipts."""
        means = await self._means()
        first: dict[str, Parcel] = {}
        tests = [parcel.number for parcel in parcels if parcel.event.test]
        for parcel in parcels:
            if not parcel.event.test:
                first.setdefault(f"{parcel.event.node}\n{parcel.event.alarm}", parcel)
        sent = list(first.values())
        if not sent:
            return Outcome(taken=tests)
        body = await self._aside.run(written, means, sent, self._settings.app_id)
        request = means.field_map.request
        headers = {
            "Content-Type": request.content_type,
            request.app_id: self._settings.app_id,
            request.app_secret: means.app_secret,
        }
        answer = await self._outward.post(body, headers)
        outcome = receipts(means.field_map, answer, sent)
        return replace(outcome, taken=[*tests, *outcome.taken])

    async def close(self) -> None:
        """Close its connections."""
        await self._outward.close()
        self._aside.close()

    async def _means(self) -> Means:
        """Read the files anew: a key that was changed is used without a restart."""
        try:
            return await self._aside.run(read_means, self._settings)
        except ConfigError as error:
            raise ReceiverAwayError(f"map_file: {error}") from None
        except (OSError, ValueError) as error:
            raise ReceiverAwayError(f"its files cannot be used: {error}") from None


def read_means(settings: RegulatorExport) -> Means:
    """Return what the export's files hold.

    Raises
    ------
    OSError, ValueError, ConfigError
        One cannot be read, or holds something else.
    """
    return Means(
        field_map=read_map(settings.map_file),
        app_secret=read_app_secret(settings.app_secret_file),
        key=read_block(settings.key_file),
        iv=read_block(settings.iv_file) if settings.iv_file else None,
    )


def read_app_secret(path: str) -> str:
    """Return the secret in a file, which goes into a header.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or could not stand in a header.
    """
    text = Path(path).read_bytes().strip()
    if not text or not all(0x21 <= each <= 0x7E for each in text):  # noqa: PLR2004
        raise ValueError(f"{path}: write the secret alone: letters, digits and signs, no blanks")
    return text.decode("ascii")


def written(means: Means, parcels: Sequence[Parcel], app_id: str) -> bytes:
    """Return the encrypted body of a post."""
    request = means.field_map.request
    items = [means.field_map.item(parcel, app_id) for parcel in parcels]
    body = msgspec.json.encode({**request.fixed, request.list: items})
    return encrypted(body, means.key, means.iv).encode("ascii")


def receipts(field_map: FieldMap, answer: Answer, sent: Sequence[Parcel]) -> Outcome:
    """Return what an answer says of each alarm; it is believed only where it says it."""
    told = field_map.receipt
    document = decoded(answer.body)
    whole = _code(at(document, told.code))
    items = at(document, told.items)
    if isinstance(items, list) and items:
        codes = {
            at(item, told.item_id): (_code(at(item, told.item_code)), at(item, told.item_message))
            for item in items
            if isinstance(at(item, told.item_id), str)
        }
    elif whole in told.taken:
        codes = {parcel.id: (whole, "") for parcel in sent}
    elif whole and len(sent) == 1:
        codes = {sent[0].id: (whole, at(document, told.message))}
    else:
        codes = {}
    verdicts = [(parcel.number, *codes.get(parcel.id, ("", ""))) for parcel in sent]
    trouble = f"its answer has code {whole or 'none'}: {str(at(document, told.message))[:200]}"
    return Outcome(
        taken=[number for number, code, _ in verdicts if code in told.taken],
        refused=[
            (number, f"code {code}: {str(message)[:200]}")
            for number, code, message in verdicts
            if code in told.refused
        ],
        doubtful=[
            (number, f"code {code or 'none'}: {str(message)[:200]}")
            for number, code, message in verdicts
            if codes and code not in (*told.taken, *told.refused)
        ],
        trouble=trouble,
    )


def _code(value: Any) -> str:
    """Return a code as text, a number's as it is written."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
