"""What the loop hands over to the store thread, and what it is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.alarms.desk import Transition
from gateway.db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the loop hands over at once.

    Parameters
    ----------
    blob, position
        Spool records, and where they begin.
    readings
        How many readings the blob holds: what is lost when it must be shed.
    transitions
        Events that these readings made; they are journalled and sent.
    received_ns
        When the messages came that made the transitions; 0 where none did.
    accepted
        How many messages had been accepted since the start: those may be acknowledged once this
        is durable.
    sync
        Make it durable now.
    snapshot, made_ns
        State of the engine after everything before this work, at `position`, and when it was taken.
    act
        Something else to do with the store, in a transaction of its own.
    """

    blob: bytes = b""
    position: int = 0
    readings: int = 0
    transitions: tuple[Transition, ...] = ()
    received_ns: int = 0
    accepted: int = 0
    sync: bool = False
    snapshot: bytes | None = None
    made_ns: int = 0
    act: Callable[[Database], Any] | None = None
    answer: asyncio.Future[Any] | None = None

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it to be durable."""
        return bool(
            self.sync or self.transitions or self.snapshot is not None or self.act is not None
        )


@dataclass(frozen=True, slots=True)
class Committed:
    """What became durable: messages accepted so far, events written, readings shed.

    `seconds` is how long the oldest work of it had waited; `made` are pairs of when a message came
    and how many events it made; `head` is number and hash of the last event, None without events.
    """

    accepted: int
    events: int
    shed: int
    seconds: float
    made: tuple[tuple[int, int], ...] = ()
    head: tuple[int, str] | None = None
