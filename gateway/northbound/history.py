"""History: what becomes of readings once they are durable.

Every minute a child process in the background writes the spool's closed segments as Parquet and
removes what is older than the site file says. The spool itself is cut only above its limit, never
below the last snapshot, and first of all what everybody who reads it has taken. An order for raw
readings is answered by such a child too: nothing of this runs in the process that detects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from gateway import background, lifeline
from gateway.northbound import wire
from gateway.northbound.pins import Kept, Pruning, Window
from gateway.northbound.spool import count_readings, kept_from, marker, segments
from gateway.tasks import kill

DAY_NS: Final = 86_400_000_000_000
#: At most this much of one point goes up at once (DESIGN, "What goes up").
LONGEST_NS: Final = 2 * 3600 * 1_000_000_000
READ_S: Final = 120.0
#: Archiving may take longer: in the background it has only what the detection leaves.
KEEP_S: Final = 900.0
ARCHIVE: Final = "gateway.northbound.archive"


class HistoryError(Exception):
    """The history could not be written or read; the message holds the child's last words."""


class History:
    """The archive of one spool.

    Parameters
    ----------
    spool, folder
        Where the segments are, and where the Parquet files go.
    days
        How long files are kept.
    spool_bytes
        What the spool may take of the disk.
    pinned_bytes
        What files may take of it that are older than `days`, and hold what is pinned.
    """

    def __init__(
        self, spool: Path, folder: Path, *, days: int, spool_bytes: int, pinned_bytes: int = 0
    ) -> None:
        self._pinned_bytes = pinned_bytes
        self.spool = spool
        self.folder = folder
        self._days = days
        self._spool_bytes = spool_bytes
        self._one = asyncio.Lock()

    async def keep(self, now_ns: int, pinned: Sequence[Window] = ()) -> Kept:
        """Archive the closed segments, remove old files but those that are pinned."""
        what = Pruning(
            before_ns=now_ns - self._days * DAY_NS,
            pinned=list(pinned),
            pinned_bytes=self._pinned_bytes,
        )
        # By its input: a site may have more pins than a command line holds, or a full disk.
        given = msgspec.json.encode(what)
        return msgspec.json.decode(
            await self._child("keep", "-", given=given, within_s=KEEP_S), type=Kept
        )

    async def readings(self, order: wire.Order) -> wire.Readings:
        """Return what an order asks for: one point, at most two hours.

        Raises
        ------
        HistoryError
            It asks for more, or cannot be answered.
        """
        if not 0 < order.to_ns - order.from_ns <= LONGEST_NS:
            raise HistoryError("readings: ask for more than nothing and at most two hours")
        asked = msgspec.json.encode(
            {"order": order.id, "tag": order.tag, "from_ns": order.from_ns, "to_ns": order.to_ns}
        )
        return msgspec.json.decode(
            await self._child("read", asked.decode(), within_s=READ_S), type=wire.Readings
        )

    def cut_to(self, *, snapshot: int, taken: Sequence[int]) -> tuple[int, int]:
        """Return up to which position the spool may be cut, and how many readings that loses.

        Parameters
        ----------
        snapshot
            Position of the last snapshot: a start needs everything after it.
        taken
            Positions up to which other readers of the spool have taken it.

        Notes
        -----
        Within the limit nothing is cut. Above it the oldest goes; readings that neither the archive
        nor another reader has are lost to history, though their alarms are not, and are counted.
        """
        wanted = min(snapshot, kept_from(self.spool, self._spool_bytes))
        lost = 0
        for (first, path), (following, _) in pairwise(segments(self.spool)):
            if following > wanted:
                break
            if not marker(path).exists() or any(following > position for position in taken):
                lost += count_readings(path, first)
        return wanted, lost

    async def _child(self, act: str, detail: str, *, within_s: float, given: bytes = b"") -> bytes:
        async with self._one:
            process = await asyncio.create_subprocess_exec(
                *background.command(ARCHIVE, act, str(self.spool), str(self.folder), detail),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=lifeline.environment(),
            )  # fmt: skip
            try:
                async with asyncio.timeout(within_s):
                    said, complained = await process.communicate(given)
            except TimeoutError as error:
                raise HistoryError(f"{act}: no answer within {within_s:g} s") from error
            finally:
                if process.returncode is None:
                    await kill(process)
            if process.returncode:
                words = complained.decode(errors="replace").strip().splitlines()
                raise HistoryError(f"{act}: {words[-1] if words else process.returncode}")
            return said
