"""T37: the line comes and goes under the same site file, and the site file's uplink is changed."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from typing import Final

import certifi

from tests.faults.catalogue import Control, Room, each, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import NODE, Bench
from tests.faults.site.load import HIGH, NORMAL
from tests.faults.site.program import took
from tests.faults.site.proxy import Proxy

SAME, MOVED = "the same file at each reconnect", "address, credential, trust and sizes changed"
#: Each is noticed at the next post; fewer points speak than would please the centre for long.
RECONNECTS: Final = 4
#: Points that say that they are normal, all the while.
FIRST, SUMMARIES_HZ = 8, 5.0
CONNECTED_S: Final = 45.0
#: Points that move while the parent is away.
WAITING: Final = tuple(range(1, 13))
#: What a connection must leave as it is: the store itself, its life, what it has told.
EDGE_ROWS: Final = {
    "life": "SELECT node, life FROM node_self",
    "journal": "SELECT COUNT(*), MAX(seq) FROM journal",
    "alarms": "SELECT alarm, revision, state FROM alarm ORDER BY alarm",
    "outbox": "SELECT COUNT(*) FROM outbox",
}
CENTRE_ROWS: Final = {
    "node": "SELECT node, division, inventory, public_key, fork FROM node WHERE node = 'chain-gw'",
    "lives": "SELECT life, place FROM life WHERE node = 'chain-gw'",
    "events": "SELECT COUNT(*) FROM event WHERE node = 'chain-gw'",
    "mirror": "SELECT alarm, life, revision, state, received_ns FROM mirror "
    "WHERE owner = 'chain-gw' ORDER BY alarm",
}
Rows = dict[str, list[tuple[object, ...]]]


@fault_test(
    "T37",
    "A connection made anew changes nothing in either store, and what waits survives a change of "
    "the uplink's address, credential, trust and sizes.",
    observes=("I1", "I2", "I3", "I8"),
    plan=each([SAME, MOVED], seed=3700),
    limit_s=300.0,
    controls=(
        Control(
            mutant="outbox_of_one_address",
            breaks=frozenset({"I2", "I1"}),
            cases=only(named([MOVED], seed=3790)),
        ),
    ),
)
async def uplink(room: Room) -> Evidence:
    """Connect again and again, or to another address with what waited for the first."""
    async with Bench(room, delayed=False) as bench:
        await bench.start_edge()
        await took(lambda: bench.metric("parent_connected") == 1.0, CONNECTED_S)
        for point in (1, 2, 4):
            await bench.say(point, HIGH)
        await bench.settle(quiet_s=1.0)
        found = await (same(bench) if room.case.what == SAME else moved(bench))
        await bench.settle(quiet_s=1.0)
        shown = await bench.finish()
    shown.found |= found.found
    shown.recovered = found.recovered
    return shown


async def same(bench: Bench) -> Evidence:
    """Cut the line; compare the rows of both stores after each connection."""
    evidence = Evidence(found={"I1": []})
    before = rows(bench)
    # Their summaries meet the line while it is down: that connection ends.
    bench.beside(first=FIRST, rate_hz=SUMMARIES_HZ)
    inode = (bench.data / "store.db").stat().st_ino
    for number in range(RECONNECTS):
        await bench.back.close()
        if await took(lambda: bench.metric("parent_connected") == 0.0, CONNECTED_S) is None:
            raise RuntimeError("the connection did not end, so none was made anew")
        await bench.back.open()
        seconds = await took(lambda: bench.metric("parent_connected") == 1.0, CONNECTED_S)
        evidence.recover(f"connection {number + 1}", seconds, limit_s=CONNECTED_S)
        await asyncio.sleep(0.5)
        for name, now in rows(bench).items():
            if now != before[name]:
                evidence.fail("I1", f"connection {number + 1}: {name} was {before[name]}, is {now}")
    if (bench.data / "store.db").stat().st_ino != inode:
        evidence.fail("I1", "the store was made anew")
    await bench.hush()
    return evidence


def rows(bench: Bench) -> Rows:
    """Return what a connection must leave as it is."""
    return {name: bench.ask("edge", sql) for name, sql in EDGE_ROWS.items()} | {
        f"the centre's {name}": bench.ask("centre", sql) for name, sql in CENTRE_ROWS.items()
    }


async def moved(bench: Bench) -> Evidence:
    """Let alarms wait, and start the edge with another uplink to the same centre."""
    evidence = Evidence(found={"I1": []})
    await bench.back.close()
    await took(lambda: bench.metric("parent_connected") == 0.0, CONNECTED_S)
    for value in (HIGH, NORMAL, HIGH):
        for point in WAITING:
            await bench.say(point, value)
    await took(lambda: not bench.load.waiting, 20)
    await asyncio.to_thread(bench.edge.end, signal.SIGTERM)
    waiting = bench.ask("edge", "SELECT COUNT(*) FROM outbox WHERE destination = 'parent'")[0][0]
    if not waiting:
        raise RuntimeError("nothing waits, so nothing is tried")
    bench.room.figures["events that waited"] = float(str(waiting))
    async with Proxy(bench.back_target, chance=bench.chance) as other:
        rewrite(bench, port=other.port)
        await bench.start_edge()
        seconds = await took(
            lambda: not bench.ask("edge", "SELECT 1 FROM outbox WHERE destination = 'parent'"),
            CONNECTED_S,
        )
        evidence.recover("all that waited is at the centre", seconds, limit_s=CONNECTED_S)
        if bench.state(f"{NODE}/T01/h", store="centre") != "UNACK":
            evidence.fail("I1", "the centre does not show what stands")
        await bench.say(2, NORMAL)
        await bench.settle(quiet_s=1.0)
        await asyncio.to_thread(bench.edge.end, signal.SIGTERM)
    return evidence


def rewrite(bench: Bench, *, port: int) -> None:
    """Change everything of the site file that speaks of the parent."""
    token = bench.folder / "elsewhere.token"
    for file in bench.data.glob("parent.token*"):
        shutil.copy(file, token.with_name(file.name.replace("parent.token", token.name)))
        file.unlink()
    trusted = bench.folder / "trusted.pem"
    shutil.copy(certifi.where(), trusted)
    site = bench.folder / "edge.toml"
    text = site.read_text()
    text, changed = re.subn(
        r"\[parent\]\nurl = .*\ncode_file = .*\n",
        f'[parent]\nurl = "http://127.0.0.1:{port}"\ntoken_file = "{token}"\n'
        f'ca_file = "{trusted}"\n[uplink]\noutbox_mib = 8\nsummaries = 60\n',
        text,
    )
    assert changed == 1
    site.write_text(text)
