"""Whether what an outage leaves slows detection down: one edge with it, one as on any other day.

The one has its parent away and everything of the outage in its outbox; the other has a centre that
answers, and nothing waits. They are measured in turns, each as often first as second.
"""

from __future__ import annotations

import shutil
import signal
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.catalogue import Room
from tests.faults.judging.evidence import Evidence
from tests.faults.outage.days import EACH, site_text
from tests.faults.outage.simulated import SimulatedEdge, left_in, met, paired
from tests.faults.site.program import Program, until

SLOWER: Final = 1.2
PAIRS: Final = 5
#: Of a pair each side has its turn so often, for so many messages: what else the machine does meets
#: both. One in a hundred of them are 26.
TURNS: Final = 13
MESSAGES: Final = 10 * EACH
#: A mutant that pays for the backlog is slow in each.
MUTANT_PAIRS, MUTANT_TURNS = 3, 3
#: Where nobody listens.
NOBODY: Final = "http://127.0.0.1:9"


@dataclass(slots=True)
class Side:
    """One of the two edges, and how long it took, s."""

    name: str
    edge: SimulatedEdge
    taken: list[float] = field(default_factory=list)
    sirens: list[float] = field(default_factory=list)
    untold: int = 0

    async def turn(self) -> None:
        """Measure it for a stretch."""
        found = await self.edge.ask("measure", MESSAGES)
        self.taken += found["taken"]
        self.sirens += found["sirens"]
        self.untold += found["untold"]

    def forget(self) -> None:
        """Begin a new pair."""
        self.taken, self.sirens, self.untold = [], [], 0

    @property
    def p99_ms(self) -> float:
        """What one in a hundred exceeds."""
        return 1000 * sorted(self.taken)[len(self.taken) * 99 // 100]


async def compare_speed(room: Room, behind: int, data: Path, evidence: Evidence) -> None:
    """Time detection in an outage, with what it has left in `data`, against any other day's."""
    outage, day = (
        Side(name, SimulatedEdge(room.folder / name, room.mutant)) for name in ("outage", "day")
    )
    for each in (outage, day):
        each.edge.folder.mkdir()
        each.edge.behind = behind
    burdened, free = outage.edge.folder / "data", day.edge.folder / "data"
    shutil.copytree(data, burdened)
    (outage.edge.folder / "edge.toml").write_text(
        site_text(burdened, parent=NOBODY, code=outage.edge.folder / "none"), encoding="utf-8"
    )
    centre = Program("centre", day.edge.folder)
    pairs: list[tuple[float, float]] = []
    try:
        await paired(day.edge, centre, free)
        await met(day.edge)
        await outage.edge.start()
        for each in (outage, day):
            await each.turn()
        waiting = left_in(burdened)
        number_of, turns = (MUTANT_PAIRS, MUTANT_TURNS) if room.mutant else (PAIRS, TURNS)
        for _ in range(number_of):
            outage.forget()
            day.forget()
            for number in range(turns):
                for each in (outage, day) if number % 2 else (day, outage):
                    # Nothing of the last turn waits, and nothing of it is sent meanwhile.
                    await until(lambda: not left_in(free), 60, what="an empty outbox")
                    await each.turn()
            pairs.append((outage.p99_ms, day.p99_ms))
            for each in (outage, day):
                worst = None if each.untold else max(each.sirens)
                evidence.sound(f"detection, {each.name}", worst)
        if not (await day.edge.ask("look"))["connected"]:
            evidence.fail("I10", "the edge that has no outage has lost its parent")
    finally:
        for each in (outage, day):
            await each.edge.end(signal.SIGKILL)
        centre.end(signal.SIGTERM)
    ratios = [first / second for first, second in pairs]
    room.figures["events that wait meanwhile"] = float(waiting)
    for name, values in zip(("outage", "day"), zip(*pairs, strict=True), strict=True):
        room.figures[f"detection p99, {name}, ms"] = statistics.median(values)
    room.figures["detection p99, outage against day, least"] = min(ratios)
    room.figures["detection p99, outage against day, most"] = max(ratios)
    evidence.bound("detection p99, outage against day", statistics.median(ratios), limit=SLOWER)
