"""T56: children of older and newer programs, and stores that were put back from a copy.

A newer child sends fields, kinds and words that today's centre does not know; an older one leaves
out what it did not know. A child whose store was put back counts anew where it had been already.
"""

from __future__ import annotations

import json
import shutil
from typing import Any, Final

from gateway.db import Database
from gateway.northbound import wire
from gateway.supervision import intake, sequence
from gateway.supervision.store import Store
from tests.faults.catalogue import Control, Room, each, fault_test, named, only
from tests.faults.disks.stores import LIFE, NODE, Batches, centre_store, numbers, pair, send
from tests.faults.judging.evidence import Evidence
from tests.faults.mutated import mutated

#: What a later wire may add to an event: a field, and words where there is a list of them today.
LATER: Final[dict[str, dict[str, Any]]] = {
    "a field": {"tomorrow": {"deep": [1, 2]}},
    "a kind": {"kind": "tomorrow"},
    "a cause": {"cause": "tomorrow"},
    "a level": {"level": "tomorrow"},
    "a priority": {"priority": "tomorrow"},
    "a state": {"after": "TOMORROW"},
    "a quality": {"quality": "TOMORROW"},
}
#: What every event has had since the first wire; the rest has defaults.
FIRST: Final = frozenset({"kind", "node", "life", "epoch", "seq", "prev", "alarm", "cause", "after",
                          "revision", "occurrence", "source_ns", "received_ns"})  # fmt: skip


@fault_test(
    "T56",
    "A centre takes and shows what newer and older children send, and shows a store that was put "
    "back from a copy instead of writing over what it has.",
    observes=("I2", "I3"),
    plan=each((*LATER, "only old fields", "an item", "a child put back", "a centre put back"),
              seed=5600),
    limit_s=120.0,
    controls=(
        Control(mutant="forks_overwrite", breaks=frozenset({"I3"}),
                cases=only(named(["a child put back"], seed=5690))),
    ),
)  # fmt: skip
async def versions(room: Room) -> Evidence:
    """Send one thing that the centre was not made for."""
    evidence = Evidence(found={"I2": [], "I3": []})
    with mutated(room.mutant, intake, "_fork"):
        if room.case.what == "a centre put back":
            await centre_put_back(room, evidence)
        else:
            await sent(room, room.case.what, evidence)
    return evidence


async def sent(room: Room, what: str, evidence: Evidence) -> None:
    """Send it to a centre that has some events already."""
    batches = Batches.made(2, 3)
    async with centre_store(room.folder / "centre") as store:
        await store.write(pair)
        await send(store, batches.batches[0])
        if what == "a child put back":
            await child_put_back(store, evidence)
        elif what == "an item":
            later = wire.item("tomorrow", "x/1", b'{"any": "thing"}')
            receipts = await send(store, [later, *batches.batches[1]])
            if receipts != ["rejected", "stored", "stored", "stored"]:
                evidence.fail("I2", f"beside an item of a later kind: {receipts}")
        else:
            await other(store, batches, what, evidence)


async def other(store: Store, batches: Batches, what: str, evidence: Evidence) -> None:
    """Send an event as another version writes it, and look for it."""
    item = batches.batches[1][0]
    fields = json.loads(bytes(item.body))
    if what in LATER:
        fields |= LATER[what]
    else:
        fields = {name: value for name, value in fields.items() if name in FIRST}
    entry = json.dumps(fields).encode()
    receipts = await send(store, [wire.item("event", item.id, entry)])
    if receipts != ["stored"]:
        evidence.fail("I2", f"{what}: {receipts}")
        return
    rows = await store.read(lambda d: d.execute("SELECT entry FROM event WHERE seq = 4"))
    if rows != [(entry,)]:
        evidence.fail("I3", f"{what}: it is not stored byte for byte")
    shown = await store.read(
        lambda d: d.execute("SELECT revision FROM mirror WHERE alarm = ?", (fields["alarm"],))
    )
    if fields["kind"] == "alarm" and shown != [(4,)]:
        evidence.fail("I2", f"{what}: the alarm is not shown: {shown}")


async def child_put_back(store: Store, evidence: Evidence) -> None:
    """Let a child send other events under numbers that it has used."""
    again = Batches.made(1, 3).batches[0]
    forged = []
    for item in again:
        fields = json.loads(bytes(item.body)) | {"epoch": "f" * 16}
        forged.append(wire.item("event", item.id, json.dumps(fields).encode()))
    receipts = await send(store, forged)
    if set(receipts) != {"rejected"}:
        evidence.fail("I3", f"events under numbers that were used: {receipts}")
    forks = await store.read(lambda d: d.execute("SELECT fork FROM node"))
    if not forks[0][0]:
        evidence.fail("I3", "no fork is shown")
    rows = await store.read(lambda d: d.execute("SELECT DISTINCT epoch FROM event"))
    if rows != [("e" * 16,)]:
        evidence.fail("I3", "what was stored was written over")


async def centre_put_back(room: Room, evidence: Evidence) -> None:
    """Put a centre back to a copy; its child goes on, and the gap is shown and can be closed."""
    batches = Batches.made(3, 4).batches
    folder, copied = room.folder / "centre", room.folder / "copy"
    for number, batch in enumerate(batches):
        async with centre_store(folder) as store:
            await store.write(pair)
            await send(store, batch)
        if number == 0:
            shutil.copytree(folder, copied)
        if number == 1:
            shutil.rmtree(folder)
            shutil.copytree(copied, folder)

    def gaps(database: Database) -> list[list[int]]:
        return sequence.gaps(database, NODE, LIFE, last_seq=12)

    async with centre_store(folder) as store:
        if await store.read(gaps) != [[5, 8]]:
            evidence.fail("I3", f"the gap is not shown: {await store.read(gaps)}")
        await send(store, batches[1])
        if await store.read(numbers) != list(range(1, 13)):
            evidence.fail("I2", "what was sent again is not there")
        if await store.read(gaps):
            evidence.fail("I3", "the gap does not close")
