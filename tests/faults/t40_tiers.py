"""T40: partitions between four tiers, in one process and in four, healed in any order."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gateway import lifeline
from tests.chain.partitions import TIERS
from tests.chain.tiers import SETTLE_S
from tests.faults.catalogue import Case, Control, Room, fault_test, only
from tests.faults.judging.evidence import Evidence

ROOT: Final = Path(__file__).parents[2]
ONE, FOUR = "one process", "four processes"
#: Where the tiers are -> partitions of a run, and the seeds of the runs.
SHORT: Final = {ONE: (10, (7,)), FOUR: (4, (5,))}
LONG: Final = {ONE: (25, range(1, 9)), FOUR: (10, range(1, 5))}
#: What never comes need not be waited for as long.
CONTROL_S: Final = 6.0
JUDGED: Final = ("I2", "I3", "I5", "I8", "I10")
#: Counts of an outcome that are to be nought, and the invariant that each breaks.
NOUGHT: Final = {
    "missing": ("I2", "events are missing at a tier"),
    "doubled": ("I3", "events are at a tier twice"),
    "altered": ("I3", "events are not byte for byte what the gateway wrote"),
    "regressed": ("I3", "times a screen was told an older state after a newer one"),
    "forks": ("I3", "nodes are shown as a fork"),
    "dead": ("I5", "events are dead letters"),
    "differing": ("I10", "alarms do not stand as at their gateway"),
}


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Partitions with several seeds, in one process and in four."""
    runs = [
        (what, partitions, seed)
        for what, (partitions, seeds) in (LONG if whole else SHORT).items()
        for seed in seeds
    ]
    return [
        Case(number=number, seed=seed, faults=partitions, what=what)
        for number, (what, partitions, seed) in enumerate(runs)
    ]


def control(mutant: str, invariant: str) -> Control:
    """Return what breaks an invariant in the short run of one process."""
    partitions, seeds = SHORT[ONE]
    cases = [Case(number=0, seed=seeds[0], faults=partitions, what=ONE)]
    return Control(mutant=mutant, breaks=frozenset({invariant}), cases=only(cases))


@fault_test(
    "T40",
    "Four tiers, in one process and in four, agree after any partition, healed in any order: the "
    "same alarms, once, byte for byte.",
    observes=JUDGED,
    plan=plan,
    limit_s=900.0,
    controls=(control("leaves_when_sent", "I2"), control("looks_at_no_revision", "I3")),
)
async def partitions(room: Room) -> Evidence:
    """Cut enterprise, township, county and city off from each other, with restarts."""
    outcome = await converged(room)
    evidence = Evidence(found={name: [] for name in JUDGED})
    for name, (invariant, sentence) in NOUGHT.items():
        if outcome[name]:
            evidence.fail(invariant, f"{outcome[name]} {sentence} {outcome['examples'][:3]}")
    for problem in outcome["journal_problems"]:
        evidence.fail("I8", problem)
    for tier in TIERS:
        seconds = outcome["agreed_s"].get(tier)
        evidence.recover(f"{room.case.what}: {tier} agrees", seconds, limit_s=SETTLE_S)
    for name in ("partitions", "restarts", "lives", "events"):
        room.figures[f"{name}, {room.case.what}"] = float(outcome[name])
    return evidence


async def converged(room: Room) -> dict[str, Any]:
    """Run the partitions in a process of their own; its log stays in the room."""
    words = ["--partitions", str(room.case.faults), "--seed", str(room.case.seed), "--burst", "0"]
    if room.case.what == FOUR:
        words += ["--processes"]
    if room.mutant:
        words += ["--settle", str(CONTROL_S), "--first", f"tests.faults.mutants.{room.mutant}"]
    log = room.folder / "convergence.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chain.tiers", *words,
            cwd=ROOT, env=lifeline.environment(), stdout=output, stderr=output,
        )  # fmt: skip
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    said = log.read_text(encoding="utf-8")
    try:
        found: dict[str, Any] = json.loads(said.rstrip().rpartition("\n")[2])
    except json.JSONDecodeError as error:
        raise RuntimeError(f"tests.chain.tiers: {said[-3000:]}") from error
    return found
