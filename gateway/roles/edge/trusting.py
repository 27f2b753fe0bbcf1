"""What an edge does about whom it trusts: journal it, alarm when it changes, keep it on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.model import Clock
from gateway.northbound.pairing import token_path
from gateway.northbound.trust import News, Pin, Trust, keep_pin
from gateway.observe import log
from gateway.roles.edge.line import Line
from gateway.roles.edge.own_alarms import OwnAlarms
from gateway.roles.upward import Above
from gateway.tasks import beside

CHANGED: Final = "parent_changed"
CLOSE_S: Final = 10.0
LOG = log("roles.edge.trusting")


class Trusting:
    """The trust of an edge in its receivers.

    Parameters
    ----------
    receivers
        Parent, screen, both or none.
    folder
        The node's store: tokens are kept there.
    line, own
        Where events and the node's own alarm go.
    """

    def __init__(
        self,
        receivers: Sequence[Above],
        *,
        folder: Path,
        line: Line,
        own: OwnAlarms,
        clock: Clock,
    ) -> None:
        self.trust = Trust(told=self._told, keep=self._keep)
        self._tokens = {each.name: token_path(each.settings, folder) for each in receivers}
        self._line = line
        self._own = own
        self._clock = clock
        self._alarm = f"{own.node}/@node/{CHANGED}"
        self._waiting: dict[str, Pin] = {}
        self._writing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Wait for what is being written, as long as a disk may take."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=CLOSE_S)

    def _told(self, receiver: str, news: News, pin: Pin) -> None:
        strange = self.trust.strange
        if news == "another key":
            LOG.error(
                "the centre above names another key than when it was paired; its orders are "
                "refused; if it was set up anew, pair again",
                receiver=receiver,
                centre=pin.centre,
            )
        if news != "known again" or self._line.desk.status(self._alarm).active:
            detail = {
                "receiver": receiver,
                "act": news,
                "centre": pin.centre,
                "public_key": pin.public_key,
            }
            now = self._clock.now_ns()
            self._line.emit([self._line.desk.note("parent", now_ns=now, detail=detail)])
        self._line.detected([self._own.edge(CHANGED, active=strange)])

    def _keep(self, receiver: str, pin: Pin) -> None:
        """Write beside the loop; of what changes meanwhile the last is written next."""
        self._waiting[receiver] = pin
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="pins")

    async def _write(self) -> None:
        while self._waiting:
            receiver, pin = self._waiting.popitem()
            try:
                await beside(keep_pin, self._tokens[receiver], pin)
            except OSError as error:
                # It stands in memory; after a restart the next answer is believed once more.
                LOG.warning("who is above cannot be kept", receiver=receiver, reason=str(error))
