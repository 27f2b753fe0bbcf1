"""T01: the edge is killed at every sync, write, rename, unlink and truncation of a scripted load.

A dry run of start, load and stop writes down which calls the edge makes on its store, and each of
them is a point to die at: before the call has an effect, so that between any two calls there is a
death. The load is a reading at a time: the edge has acknowledged it, and the centre has what it
made, before the next. Who dies at a start or a stop is a gateway of its own with an empty store; in
the load one gateway dies several times, each time in one reading of the script, all its alarms
normal before. A point that no death came to is tried once more, alone and on an empty store; one
that still was not reached is a violation, unless a dry run did not come to it either: whether the
uplink's commit falls into the same part is chance. Each gateway is judged alone.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import apsw

from tests.faults.catalogue import Case, Control, Room, fault_test, only
from tests.faults.judging.checker import check
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import Bench
from tests.faults.syscalls import strace
from tests.faults.syscalls.calls import CALLS, Call, Point, listed, points, split
from tests.faults.syscalls.sweep import LOAD, SCRIPT, START, STOP, Gateway, Sweep, ready, speak

#: What the network does may add a call to a run, or take one: the points are those of all, and
#: those that not all of them have are named apart.
DRY_RUNS: Final = 3
#: In the place of how many points the plan holds: some dry runs came to these, and others did not.
PERHAPS: Final = "perhaps"
#: Kills of one run.
BATCH: Final = 12
#: Of each call in start, load and stop, the short laboratory takes so many, evenly spread.
SPREAD: Final = 2
PARTS: Final = (*START, *LOAD, *STOP)
JUDGED: Final = ("I1", "I2", "I3", "I4", "I8", "I10")
NOT_REACHED: Final = "points not reached (limit 0)"
#: Where an empty store has its readings: who starts after a death begins another file.
SEGMENT: Final = "spool/spool-00000000000000000000.seg"


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Find the calls of dry runs, and kill at each of them, or at a spread."""
    strace.needed()
    runs: list[set[Point]] = []
    for _ in range(DRY_RUNS):
        found: set[Point] = set()
        for part, calls in (await recorded()).items():
            those, shadowed = points(part, calls)
            if shadowed:
                raise RuntimeError(f"{part}: another thread would die of {shadowed}")
            found |= set(those)
        runs.append(found)
    sure = in_order(set.intersection(*runs))
    if not whole:
        return cases(spread(sure))
    return cases(sure, in_order(set.union(*runs) - set(sure)))


def in_order(found: Iterable[Point]) -> list[Point]:
    """Return points in the order of the run."""
    return sorted(found, key=lambda point: (PARTS.index(point.part), point))


def cases(sure: Sequence[Point], perhaps: Sequence[Point] = ()) -> list[Case]:
    """Return runs of some kills each; the first also tells what the whole plan holds."""
    counts = Counter(point.name for point in sure)
    told = " ".join(f"{name}={n}" for name, n in sorted(counts.items()))
    batches = [
        (those[first : first + BATCH], word)
        for those, word in ((sure, ""), (perhaps, PERHAPS))
        for first in range(0, len(those), BATCH)
    ]
    return [
        Case(
            number=number,
            seed=100 + number,
            faults=len(batch),
            what=f"{','.join(map(str, batch))};{word or (told if number == 0 else '')}".rstrip(";"),
        )
        for number, (batch, word) in enumerate(batches)
    ]


def spread(every: Iterable[Point]) -> list[Point]:
    """Return a few of each call in start, load and stop: the first, the last, and between."""
    kinds: dict[tuple[bool, bool, str], list[Point]] = {}
    for point in every:
        kinds.setdefault((point.part in START, point.part in LOAD, point.name), []).append(point)
    few = [
        those[round(k * (len(those) - 1) / max(1, SPREAD - 1))]
        for those in kinds.values()
        for k in range(min(SPREAD, len(those)))
    ]
    return sorted(few, key=lambda point: PARTS.index(point.part))


async def recorded() -> dict[str, list[Call]]:
    """Return the calls of start, load and stop, by part."""
    with tempfile.TemporaryDirectory(prefix="hazgate-T01-") as scratch:
        output = Path(scratch) / "calls"
        room = Room(Path(scratch), Case(number=0, seed=100))
        before = strace.listing(",".join(CALLS), output)
        async with Bench(room, delayed=False, before=before) as bench:
            await bench.start_edge()
            await ready(bench)
            ends = [output.stat().st_size]
            for each in SCRIPT:
                await speak(bench, [each])
                ends.append(output.stat().st_size)
            await asyncio.to_thread(bench.edge.end, signal.SIGTERM)
        text = output.read_bytes()
        pieces = [
            listed(text[begin:end].decode(errors="replace"), bench.data)
            for begin, end in zip([0, *ends], [*ends, len(text)], strict=True)
        ]
    load = dict(zip(LOAD, pieces[1:-1], strict=True))
    return split(pieces[0], START) | load | split(pieces[-1], STOP)


@fault_test(
    "T01",
    "Killed at any sync, write, rename, unlink or truncation, the edge loses and doubles nothing "
    "that it acknowledged.",
    observes=JUDGED,
    plan=plan,
    limit_s=900.0,
    controls=(
        Control(
            mutant="early_ack",
            breaks=frozenset({"I1", "I2"}),
            cases=only(
                # A write that was made outlives a process: what is in memory alone does not.
                [Case(number=0, seed=1, faults=1, what=f"load 1:write:{SEGMENT}:1")],
            ),
        ),
    ),
)
async def killed_at_calls(room: Room) -> Evidence:
    """Kill at each call that the case names, and let each gateway come to rest."""
    strace.needed()
    named, _, told = room.case.what.partition(";")
    wanted = [Point.read(text) for text in named.split(",")]
    perhaps = told == PERHAPS
    for name, count in (pair.split("=") for pair in told.split() if not perhaps):
        room.figures[f"points of the plan, {name}"] = float(count)
    names = [f"gw-{n:02}" for n in range(2 * len(wanted))]
    async with Bench(room, delayed=False, others=names) as bench:
        sweep = Sweep(bench, names)
        for point in wanted:
            await sweep.kill(point, alone=point.file == SEGMENT)
        again = [point for point in wanted if point not in sweep.reached]
        for point in again:
            await sweep.kill(point, alone=True)
        await sweep.rest()
        shown = await bench.finish()
    evidence = Evidence(bounds=shown.bounds)
    unreached = [point for point in wanted if point not in sweep.reached]
    for point in unreached if not perhaps else ():
        evidence.fail("I10", f"no death came to {point}, tried once more alone")
    room.faults = len(sweep.reached)
    room.figures["points tried again"] = float(len(again))
    which = "points of some dry runs alone, not reached" if perhaps else NOT_REACHED
    room.figures[which] = float(len(unreached))
    await asyncio.to_thread(judge, room, sweep.gateways, evidence)
    return evidence


def judge(room: Room, gateways: Sequence[Gateway], evidence: Evidence) -> None:
    """Judge each gateway by its own store, and by what the centre has of it alone."""
    observed = set(JUDGED)
    for gateway in gateways:
        gateway.evidence.centre = share(room.folder / "centre", gateway.node)
        verdict = check(gateway.evidence)
        observed &= set(verdict.observed)
        for name, sentences in verdict.violations.items():
            for sentence in sentences:
                evidence.fail(name, f"{', '.join(map(str, gateway.deaths))}: {sentence}")
        for name, value in gateway.evidence.figures().items():
            room.figures[name] = max(value, room.figures.get(name, value))
        shutil.rmtree(gateway.evidence.centre)
    for name in observed:
        evidence.judged(name)


def share(centre: Path, node: str) -> Path:
    """Return a copy of a centre's folder that has one of its nodes alone."""
    copy = centre.with_name(f"centre-of-{node}")
    shutil.copytree(centre, copy)
    connection = apsw.Connection(str(copy / "centre.sqlite"))
    for table in ("event", "mirror", "anchor"):
        connection.execute(f"DELETE FROM {table} WHERE node <> ?", (node,))  # noqa: S608
    connection.close()
    return copy
