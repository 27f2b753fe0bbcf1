"""An edge on a disk of a few MiB that fills up: python -m ...full_disk FOLDER PORT [stopped].

Run in a mount namespace of its own (``unshare --map-root-user --mount``): the small disk is mounted
there and goes with the process. The last line is what was seen, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiomqtt

from gateway.db import Database
from gateway.northbound.losses import holes
from gateway.roles.edge import untold
from gateway.roles.edge.recovery import furthest
from gateway.roles.edge.rows import read_holes
from tests.gateway.roles.edge.edge import Edge, running, stored, until, verified, write_site

DISK_MIB, RESERVE_MIB = 24, 6
FULL_S, FREE_S = 4.0, 30.0


def mount(folder: Path) -> Path:
    """Mount a small disk."""
    disk = folder / "disk"
    disk.mkdir()
    size = f"size={DISK_MIB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], check=True)
    return disk


async def run(folder: Path, disk: Path, port: int) -> dict[str, Any]:
    """Fill the disk under a running edge, go on for a while, free it."""
    found: dict[str, Any] = {}
    path = write_site(folder, port=port, store=str(disk / "data"), reserve=RESERVE_MIB)
    async with running(path) as edge:
        await edge.say(20.0)
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        (disk / "other").write_bytes(bytes(free - 64 * 1024))
        found |= await stay_full(edge, port)
        (disk / "other").unlink()
        deadline = time.monotonic() + FREE_S
        while edge.active("@node/storage_full") and not again(edge):
            # It looks for room when there is something to store.
            await edge.say(30.0)
            await asyncio.sleep(0.1)
            assert time.monotonic() < deadline
        await edge.say(*([30.0] * 50))
        await until(lambda: not edge.node.line.owed.receipts)
        found["started_again"] = edge.started_again
        found["shed"] = edge.node.metrics.shed._value.get()
    events = stored(disk / "data")
    rose = ("A", "h", "raise")
    found["raised"] = sum(1 for e in events if (e.tag, e.rule, e.cause) == rose)
    found["full"] = [e.cause for e in events if e.rule == "storage_full"]
    return found | left(disk / "data")


async def run_stopped(folder: Path, disk: Path, port: int) -> dict[str, Any]:
    """Fill the disk under a running edge, stop it, free the disk, and run another."""
    path = write_site(folder, port=port, store=str(disk / "data"), reserve=RESERVE_MIB)
    async with running(path) as edge:
        await edge.say(20.0)
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        (disk / "other").write_bytes(bytes(free - 64 * 1024))
        await stay_full(edge, port)
    (disk / "other").unlink()
    shed = edge.node.metrics.shed._value.get()
    untold = left(disk / "data")["untold"]
    async with running(path) as edge:
        await edge.say(30.0)
        await until(lambda: not edge.node.line.owed.receipts)
    return {"shed": shed, "left by the first": untold} | left(disk / "data")


def left(store: Path) -> dict[str, Any]:
    """Return what the next start would tell of the spool, and the events told of what was shed."""
    database = Database(store / "store.db", "edge")
    told = read_holes(database)
    assert told
    damage = holes(store / "spool", committed=furthest(database), told=told)
    waits = untold.left(database)
    database.close()
    return {
        "damage": damage,
        "untold": waits,
        "shed_events": [e.detail["count"] for e in stored(store) if e.kind == "shed"],
        "problems": verified(store).problems,
    }


async def stay_full(edge: Edge, port: int) -> dict[str, Any]:
    """Speak fast for a while once it is full; an alarm comes and goes every half second."""
    found: dict[str, Any] = {"raises": 0, "sound_while_full": 0}
    begin, high = 0.0, False
    async with aiomqtt.Client("127.0.0.1", port) as client:
        while not begin or time.monotonic() - begin < FULL_S:
            await client.publish("plant/d1", b"{" * 4000, qos=1)
            if not begin:
                begin = time.monotonic() if edge.active("@node/storage_full") else 0.0
            elif int(2 * (time.monotonic() - begin)) % 2 == int(not high):
                high = not high
                found["raises"] += high
                await edge.say(150.0 if high else 20.0)
            found["sound_while_full"] += bool(begin) and not edge.active("@node/storage_full")
            if again(edge):
                break
    return found


def again(edge: Edge) -> bool:
    """Whether the edge gave its store up."""
    return bool(edge.started_again)


if __name__ == "__main__":
    home = Path(sys.argv[1])
    what = run_stopped if sys.argv[3:] == ["stopped"] else run
    seen = asyncio.run(what(home, mount(home), int(sys.argv[2])))
    sys.stdout.write(json.dumps(seen) + "\n")
