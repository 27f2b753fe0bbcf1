"""What an export is to the courier: something that takes a batch, and says what it took.

A receiver connects when the first batch comes and not before, so that making one costs nothing and
never fails. It keeps no queue: the outbox is the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.db import Database
from gateway.model import AlarmEvent


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row of the outbox: its number, the event, and the event's bytes as they are journalled.

    Parameters
    ----------
    number
        Of the row; the event's own sequence at an edge.
    """

    number: int
    event: AlarmEvent
    entry: bytes

    @property
    def id(self) -> str:
        """The event's identity for ever: receivers know a repeated one by it."""
        return f"{self.event.node}/{self.event.life}/{self.event.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch; rows that are in no list are sent again.

    Parameters
    ----------
    taken
        Rows whose receipt has come.
    refused
        Rows that will never be taken, each with the receiver's reason.
    doubtful
        Rows that were sent, and that its answer neither takes nor refuses while it speaks of them
        alone, each with what it says: their alarms are passed over for a while.
    declined
        The same of rows whose post alone was refused for ever: it may be the row that is wrong, or
        whoever stands before the receiver. Refused again after others were taken, it is the row.
    trouble
        Why others must be sent again.
    note
        Written before the rows are removed; after a crash between the two they come again.
    """

    taken: Sequence[int] = ()
    refused: Sequence[tuple[int, str]] = ()
    doubtful: Sequence[tuple[int, str]] = ()
    declined: Sequence[tuple[int, str]] = ()
    trouble: str = ""
    note: Callable[[Database], None] | None = None


class ReceiverAwayError(Exception):
    """The receiver cannot be reached, asks to wait, or is not set up right: everything waits."""

    def __init__(self, text: str, *, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class PostRefusedError(Exception):
    """The receiver will never take this post as it is; which row is to blame, one by one tells."""


class Receiver(Protocol):
    """Where a destination's rows go.

    Parameters
    ----------
    most
        Rows it takes at once.
    """

    most: int

    async def deliver(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send these rows, at least one, in this order.

        Raises
        ------
        ReceiverAwayError
            Nothing is known to have been taken.
        PostRefusedError
            The post was refused as a whole, for ever.
        """
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...
