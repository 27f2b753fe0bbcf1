"""Whom a centre's file expects: gateways, and centres of the tier below with their divisions."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from gateway.config import Written
from gateway.identity import write_secret
from gateway.observe import log
from gateway.supervision import pairing, retirement
from gateway.supervision.centre import Centre

LOG = log("pairing")
NodeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class ChildCentre(Written):
    """A centre of the tier below: it speaks for the nodes within its division.

    Without one, which an only child may be, it speaks for any.
    """

    id: NodeId
    division: str | None = None


class PairingSettings(Written):
    """Nodes that get a pairing code at start, until each is paired, in a file beside the store.

    `centres` are those that speak for the nodes below them too; of several each in its division.
    """

    nodes: tuple[NodeId, ...] = ()
    centres: tuple[ChildCentre, ...] = ()

    @field_validator("centres", mode="before")
    @classmethod
    def _tables(cls, stated: object) -> object:
        listed = stated if isinstance(stated, list | tuple) else []
        named = [each for each in listed if isinstance(each, str)]
        if named:
            raise ValueError(f"a name alone says no division; {_written(named)}")
        return stated

    @model_validator(mode="after")
    def _apart(self) -> PairingSettings:
        unbound = [each.id for each in self.centres if not each.division]
        if unbound and len(self.centres) > 1:
            raise ValueError(
                f"{', '.join(unbound)}: would speak for the nodes of the other centres too; of "
                f"several each needs its division: {_written(unbound)}"
            )
        return self


def _written(names: list[str]) -> str:
    tables = ", ".join(f'{{ id = "{name}", division = "CODE" }}' for name in names)
    return f"write centres = [{tables}]"


async def invite(centre: Centre, wanted: PairingSettings, *, folder: Path) -> None:
    """Lay a code into the folder for each that is expected, until it is paired and speaks."""
    below = {each.id: each.division or "" for each in wanted.centres}
    for node in (*wanted.nodes, *below):
        paired = await centre.store.read(partial(pairing.is_paired, node=node))
        path = folder / f"pairing-{node}.code"
        if await centre.store.read(partial(retirement.is_retired, node=node)):
            # The file still names it; whoever wants it back invites it.
            continue
        if division := below.get(node, "") if paired else "":
            # Stated or changed after it was paired.
            bound = await centre.store.write(partial(pairing.bind, node=node, division=division))
            if bound:
                LOG.info("speaks for another division now", node=node, division=division)
        if paired:
            # Until it speaks it may have died before it kept its credential; the code that it used
            # gives it that one again, and no other.
            if await centre.store.read(partial(pairing.has_spoken, node=node)):
                path.unlink(missing_ok=True)
            continue
        code = await centre.invite(node, division=below.get(node, ""), relays=node in below)
        await asyncio.to_thread(write_secret, path, f"{code}{os.linesep}".encode())
