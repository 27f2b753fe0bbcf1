"""When the edge executed itself anew: from the failure of its store until it heard the broker.

A siren on its way then may take ten seconds, and any other one. Which it was is known when it has
sounded, from the log and from the broker's answers, not from where the test has come to.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from tests.faults.judging.evidence import SIREN_AGAIN_S, SIREN_S, Evidence
from tests.faults.site.bench import SOUNDED_S, Bench

#: What the log says of a store that failed, in the load or in the start.
FAILED: Final = ("the store failed", "no store on disk")
#: What it says at the end of one execution.
ANEW: Final = "starting anew"
#: What it says where that is because a store failed, and where its disk takes a store again.
ANEW_ONCE: Final = "starting anew once"
BACK: Final = "back from memory to the disk"
LOOK_S: Final = 0.005


@dataclass(slots=True)
class Gap:
    """Between two executions: when the first said why it ends, when the next was subscribed."""

    began: float
    ended: float = math.inf


class Executions:
    """Watches the edge of a bench for the length of a block.

    Parameters
    ----------
    bench
        Its edge may be started inside the block.
    """

    def __init__(self, bench: Bench) -> None:
        self.gaps: list[Gap] = []
        #: Whether the newest failure was answered: by a new start, on whatever disk, that hears.
        self.settled = True
        self.held_up = 0
        self._bench = bench
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch(), name="executions")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def too_many(self) -> bool:
        """Whether a store that failed twice without a return to the disk made two of them."""
        said = self._bench.edge.said
        return said.count(ANEW_ONCE) > 1 + said.count(BACK)

    def has_failed(self) -> bool:
        """Whether the edge says that its store has failed."""
        return any(text in self._bench.edge.said for text in FAILED)

    async def sounded(self, evidence: Evidence, point: int, what: str) -> None:
        """Raise the alarm of a point; leave how long its siren took, and how long it may take.

        A mutant that was late once has shown what it had to.
        """
        bench = self._bench
        if bench.room.mutant and any(each.late for each in evidence.sounded or ()):
            return
        at = time.monotonic()
        seconds = await bench.siren(point, within_s=SOUNDED_S)
        heard = at + (SOUNDED_S if seconds is None else seconds)
        limit_s = allowed_s(self.gaps, said=at, heard=heard)
        self.held_up += limit_s > SIREN_S
        evidence.sound(what, seconds, limit_s=limit_s)

    async def _watch(self) -> None:
        read, subscribed = 0, 0
        failing: float | None = None
        while True:
            now = time.monotonic()
            open_still = self.gaps and self.gaps[-1].ended == math.inf
            if open_still and self._bench.tap.subscriptions > subscribed:
                self.gaps[-1].ended, self.settled = now, True
            whole, _, _ = self._bench.edge.said.rpartition("\n")
            lines = whole.splitlines()
            for line in lines[read:]:
                self.settled &= ANEW not in line and not any(text in line for text in FAILED)
                if ANEW in line:
                    # One that goes back to its disk has not failed before, or long ago.
                    began = failing if ANEW_ONCE in line and failing is not None else now
                    self.gaps.append(Gap(began))
                    subscribed = self._bench.tap.subscriptions
                elif FAILED[0] in line:
                    failing = now
            read = len(lines)
            await asyncio.sleep(LOOK_S)


def allowed_s(gaps: list[Gap], *, said: float, heard: float) -> float:
    """Return how long a siren may take whose reading was published and which was heard then, s.

    Longer only where a gap held it up: one that was late before is late.
    """
    if heard - said <= SIREN_S:
        return SIREN_S
    on_its_way = any(gap.began - SIREN_S <= said < gap.ended and heard > gap.began for gap in gaps)
    return SIREN_AGAIN_S if on_its_way else SIREN_S
