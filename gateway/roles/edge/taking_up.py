"""Opening the store and reading what it holds, as long as the disk answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.alarms.catalogue import Catalogue
from gateway.alarms.desk import Desk, Transition
from gateway.alarms.store import CLOCK, newest_ns
from gateway.identity import Identity
from gateway.model import Clock
from gateway.northbound.spool import Configuration
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch
from gateway.roles.edge import heard_itself
from gateway.roles.edge.ended import load
from gateway.roles.edge.recovery import Opened, memory_store, newest, open_store, take_up
from gateway.roles.edge.standstill import LeftAlone


@dataclass(frozen=True, slots=True)
class TakenUp:
    """What a start found in the store: the desk, events not yet committed, records that were run.

    The newest date that the store knows, ns; orders that have ended; whether the broker is known to
    deliver what the node says to itself; the newest readings.
    """

    desk: Desk
    pending: list[Transition]
    ran: int
    known_ns: int
    ended: Sequence[tuple[str, str]]
    heard_itself: bool
    newest: list[ReadingBatch]


async def open_in_time(
    folder: Path, *, configuration: Configuration, clock: Clock, memory: str, alone: LeftAlone
) -> Opened:
    """Do what `open_store` does, or open a store in memory where the disk does not answer."""
    opening = partial(open_store, folder, configuration=configuration, clock=clock, memory=memory)
    try:
        return await alone.run(opening, late=Opened.close)
    except TimeoutError as error:
        return memory_store(str(error))


async def read_in_time(
    opened: Opened,
    engine: Engine,
    definitions: Catalogue,
    identity: Identity,
    *,
    now_ns: int,
    repeats: int,
    session: str,
    alone: LeftAlone,
) -> TakenUp:
    """Bring engine and desk to where a store ends; one that is of no use is closed.

    Parameters
    ----------
    repeats
        How many readings a broker may repeat.
    session
        Of which broker and client id it must be known that the node hears itself.

    Raises
    ------
    OSError, StoreError
        The disk does not answer, or what it gave is not enough to go on with.
    """

    def read() -> TakenUp:
        desk, pending, ran = take_up(opened, engine, definitions, identity, now_ns=now_ns)
        # Where the clock was set and the commit did not come, the spool alone knows of it.
        set_ns = [each.event.received_ns for each in pending if each.event.kind == CLOCK]
        return TakenUp(
            desk,
            pending,
            ran,
            known_ns=set_ns[-1] if set_ns else newest_ns(opened.database),
            ended=load(opened.database),
            heard_itself=heard_itself.known(opened.database, session),
            newest=list(newest(opened, engine, repeats)),
        )

    try:
        return await alone.run(read, late=lambda _: opened.close())
    except TimeoutError:
        raise  # the thread that hangs has it, and closes it if it comes back
    except Exception:
        with suppress(TimeoutError):
            await alone.run(opened.close)
        raise
