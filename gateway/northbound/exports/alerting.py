"""CAP alerts on their way: one after the other, into a folder, to an address, or both.

What was said of an occurrence stands in the node's store, since an Update must refer to it: a row
an alarm, removed when its alert is cancelled. It is written after the receipt and before the event
leaves the outbox. A folder takes a file whole or not at all; who reads it removes what it has read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from gateway.db import Database
from gateway.model import AlarmEvent, State
from gateway.northbound.exports.aside import Aside
from gateway.northbound.exports.cap import Alert, alert_of
from gateway.northbound.exports.courier import Store
from gateway.northbound.exports.outward import Outward, Resolver
from gateway.northbound.exports.port import (
    Outcome,
    Parcel,
    PostRefusedError,
    ReceiverAwayError,
)
from gateway.northbound.exports.settings import CapExport

MOST: Final = 50
#: Files that may lie unread: more, and nobody reads them; the outbox keeps the rest.
FILES: Final = 10_000
HEADERS: Final = {"Content-Type": "application/cap+xml"}
#: A folder that takes longer for a file hangs.
FOLDER_S: Final = 20.0
#: After so long a batch ends with what was taken: it is known, whatever hangs after it.
ROUND_S: Final = 30.0
decode_references = msgspec.json.Decoder(tuple[str, ...]).decode
#: What was said of each alarm: the newest life and occurrence, and the references that stand.
Said = dict[str, tuple[str, int, tuple[str, ...]]]


class Cap:
    """A receiver of CAP alerts.

    Parameters
    ----------
    settings
        Of the export.
    destination
        Under which what was said is kept.
    store
        Runs a function on the store, in its thread.
    resolve
        Leads names to addresses; the system's unless given.
    """

    most = MOST

    def __init__(
        self,
        settings: CapExport,
        *,
        destination: str,
        store: Store,
        resolve: Resolver | None = None,
    ) -> None:
        self._settings = settings
        self._destination = destination
        self._store = store
        self._aside = Aside(settings.name)
        self._outward = None
        if settings.url is not None:
            self._outward = Outward(
                settings.url,
                allow=settings.networks,
                aside=self._aside,
                ca_file=settings.ca_file,
                resolve=resolve,
            )

    async def deliver(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send the alert of each, until one is not taken."""
        alarms = sorted({parcel.event.alarm for parcel in parcels})
        said: Said = await self._store(partial(read_said, name=self._destination, alarms=alarms))
        taken: list[int] = []
        declined: list[tuple[int, str]] = []
        held: set[str] = set()
        trouble = ""
        loop = asyncio.get_running_loop()
        end = loop.time() + ROUND_S
        for parcel in parcels:
            if loop.time() > end and (taken or declined):
                break
            event = parcel.event
            if event.alarm in held:
                continue  # behind one of its own that was not taken: they arrive in order
            *_, earlier = said.get(event.alarm, ("", 0, ()))
            alert = alert_of(event, earlier, self._settings)
            try:
                if alert is not None:
                    await self._send(alert)
            except PostRefusedError as error:
                declined.append((parcel.number, str(error)))
                held.add(event.alarm)
                continue
            except ReceiverAwayError as error:
                if not taken and not declined:
                    raise
                trouble = str(error)
                break
            taken.append(parcel.number)
            note_said(said, event, alert)
        note = partial(write_said, name=self._destination, alarms=alarms, said=said)
        return Outcome(taken=taken, declined=declined, trouble=trouble, note=note)

    async def close(self) -> None:
        """Close its connections."""
        if self._outward is not None:
            await self._outward.close()
        self._aside.close()

    async def _send(self, alert: Alert) -> None:
        if self._settings.folder is not None:
            try:
                async with asyncio.timeout(FOLDER_S):
                    await self._aside.run(put, Path(self._settings.folder), alert)
            except TimeoutError:
                raise ReceiverAwayError(f"folder: no answer within {FOLDER_S:g} s") from None
            except OSError as error:
                raise ReceiverAwayError(f"folder: {error}") from None
        if self._outward is not None:
            await self._outward.post(alert.body, HEADERS)


def put(folder: Path, alert: Alert) -> None:
    """Put an alert into a folder, synced, whole or not at all.

    Raises
    ------
    OSError
        The folder takes nothing, or nobody reads what lies there.
    """
    path = folder / f"{alert.identifier}.xml"
    if path.exists():  # sent again: a reader that has not come yet finds it once
        return
    lying = sum(1 for _ in os.scandir(folder))
    if lying >= FILES:
        raise OSError(f"{folder}: {lying} files lie there unread; is their reader running?")
    scratch = folder / f".{alert.identifier}.new"
    with scratch.open("wb") as file:
        file.write(alert.body)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def note_said(said: Said, event: AlarmEvent, alert: Alert | None) -> None:
    """Note what stands of an alarm; of one that is over, nothing need be known any more."""
    if event.after == State.NORMAL:
        said.pop(event.alarm, None)
    elif alert is not None:
        said[event.alarm] = (event.life, event.occurrence, alert.references)


def read_said(database: Database, *, name: str, alarms: Sequence[str]) -> Said:
    """Return what was said of these alarms."""
    found: Said = {}
    for alarm in alarms:
        for life, occurrence, references in database.execute(
            "SELECT life, occurrence, refs FROM export_alert WHERE destination = ? AND alarm = ?",
            (name, alarm),
        ):
            found[alarm] = (str(life), int(occurrence), decode_references(references))
    return found


def write_said(database: Database, *, name: str, alarms: Sequence[str], said: Said) -> None:
    """Write what was said of these alarms; call it in a transaction."""
    database.execute_many(
        "DELETE FROM export_alert WHERE destination = ? AND alarm = ?",
        [(name, alarm) for alarm in alarms],
    )
    database.execute_many(
        "INSERT INTO export_alert (destination, alarm, life, occurrence, refs) "
        "VALUES (?, ?, ?, ?, ?)",
        [
            (name, alarm, life, occurrence, msgspec.json.encode(references))
            for alarm, (life, occurrence, references) in said.items()
        ],
    )
