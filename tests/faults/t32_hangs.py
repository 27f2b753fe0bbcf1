"""T32g: a disk that answers no more: while the edge runs, as it starts, as it is asked to end.

A card that dies refuses at first and then answers nothing; a call of the kernel's that waits for it
ends for no signal. Every sync is held back here, in every thread, until the fault is over.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.faults.catalogue import Control, Room, each, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import NODE, SETTLE_S, Bench
from tests.faults.site.load import NORMAL
from tests.faults.site.program import took
from tests.faults.syscalls import strace
from tests.faults.t32_errors import LOST, RETURN_S, on_disk

SYNCS: Final = "fdatasync,fsync"
#: Held back longer than any run: what ends a delay is the tracer's end.
TRACED: Final = (
    "-f", "-qq", "-o", os.devnull,
    "-e", f"trace={SYNCS}", "-e", f"inject={SYNCS}:delay_enter=3600000000",
)  # fmt: skip
#: What hangs is ridden out for a minute and a half; by then its alarm is above.
ABOVE_S: Final = 120.0
#: From memory an alarm goes up as from a disk.
SOON_S: Final = 10.0
#: Steps of a start wait 20 s each for a disk that does not move.
START_S: Final = 75.0
#: What the unit gives an edge that is asked to end.
END_S: Final = 60.0


@fault_test(
    "T32g",
    "A disk that answers no more holds back no siren, no alarm's way up for longer than two "
    "minutes, no start and no end; when it answers, the edge is on it again by itself.",
    observes=("I1", "I2", "I3", "I7", "I8", "I10"),
    plan=each(("runs", "starts", "ends"), long=2, seed=3270),
    limit_s=480.0,
    controls=(
        Control(mutant="waits_for_the_disk", breaks=frozenset({"I10"}),
                cases=only(named(["runs"], seed=3280))),
    ),
)  # fmt: skip
async def answers_no_more(room: Room) -> Evidence:
    """Hold back every sync, raise alarms, and let the disk answer again."""
    strace.needed()
    evidence = Evidence()
    async with Bench(room, delayed=False) as bench:
        await bench.start_edge()
        await bench.siren(3)
        await bench.say(3, NORMAL)
        await bench.settle(quiet_s=1.0)
        if room.case.what == "starts":
            await asyncio.to_thread(bench.edge.end, signal.SIGTERM)
            # Without a filter of the kernel's, which would outlive the tracer.
            bench.edge.before = ("strace", "-D", *TRACED)
            await bench.start_edge(within_s=START_S)
            tracer = tracer_of(bench.edge.pid)
        else:
            tracer = await held(bench)
        bench.also(lambda: released(tracer))
        bench.beside(first=8)
        await bench.sounded(evidence, 1, "it hangs, T01")
        if room.case.what == "ends":
            await end(bench, evidence)
            released(tracer)
            bench.edge.before = ()
            await bench.start_edge()
        else:
            await above(bench, evidence, 1, limit_s=ABOVE_S)
            await bench.sounded(evidence, 2, "on memory, T02")
            await above(bench, evidence, 2, limit_s=SOON_S)
            released(tracer)
        for point in (1, 2):
            await bench.say(point, NORMAL)
        seconds = await took(lambda: on_disk(bench), room.patience(RETURN_S))
        evidence.recover("the edge is on its disk", seconds, limit_s=RETURN_S)
        await bench.sounded(evidence, 4, "after it, T04")
        await bench.say(4, NORMAL)
        await bench.hush()
        await bench.settle(quiet_s=1.0, within_s=room.patience(SETTLE_S))
        shown = await bench.finish()
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    return shown


async def above(bench: Bench, evidence: Evidence, point: int, *, limit_s: float) -> None:
    """Note when the centre shows a point's alarm, and, once, that the storage is lost."""
    alarm = f"{NODE}/T{point:02}/h"
    seconds = await took(lambda: bench.state(alarm, store="centre") == "UNACK", limit_s)
    evidence.recover(f"the alarm of T{point:02} at the centre", seconds, limit_s=limit_s)
    lost = await took(lambda: bench.state(LOST, store="centre") == "UNACK", SOON_S)
    evidence.recover("the storage alarm at the centre", lost, limit_s=SOON_S)


async def end(bench: Bench, evidence: Evidence) -> None:
    """Ask the edge to end, and note when it has."""
    began = time.monotonic()
    bench.edge.signal(signal.SIGTERM)
    # Its parent does not hear of it before the tracer does.
    ended = await took(lambda: not bench.edge.alive or state_of(bench.edge.pid) == "Z", END_S)
    evidence.recover("the edge ended", ended and time.monotonic() - began, limit_s=END_S)


async def held(bench: Bench) -> int:
    """Hold back every sync of the running edge; return the tracer."""
    command = ["strace", *TRACED, "-p", str(bench.edge.pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bench.also(tracer.wait)
    await took(lambda: tracer_of(bench.edge.pid) == tracer.pid, strace.ATTACH_S)
    return tracer.pid


def tracer_of(pid: int) -> int:
    """Return who traces a process; 0 for nobody."""
    return int(said_of(pid, "TracerPid"))


def state_of(pid: int) -> str:
    """Return the letter of a process's state."""
    return said_of(pid, "State")


def said_of(pid: int, what: str) -> str:
    """Return the first word that the kernel says of a process under a name."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return status.partition(f"\n{what}:")[2].split()[0]


def released(tracer: int) -> None:
    """Let the disk answer: a tracer that holds calls back hears no other signal."""
    try:
        os.kill(tracer, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has ended with whom it traced
