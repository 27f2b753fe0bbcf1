"""One judge for every run of the laboratory: the invariants I1 to I10 of the design.

Each invariant is a function of what the run left. It returns None where the run shows nothing of
it, which is told as "not observed", never as "held"; otherwise the violations it found, each as a
sentence with an example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tests.faults.judging.alarms import fail_safe, none_lost, once_and_in_order
from tests.faults.judging.evidence import Evidence
from tests.faults.judging.limits import at_once, bounded, kept_apart, normal_again
from tests.faults.judging.looked import Looked
from tests.faults.judging.storage import kept, nothing_silently, verifies

#: Examples of one invariant that a verdict carries.
EXAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge found: violations by invariant, and which invariants could be judged."""

    violations: dict[str, tuple[str, ...]]
    observed: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many violations there are in all."""
        return sum(len(each) for each in self.violations.values())


INVARIANTS: Final[dict[str, Callable[[Looked], list[str] | None]]] = {
    "I1": kept,
    "I2": none_lost,
    "I3": once_and_in_order,
    "I4": fail_safe,
    "I5": nothing_silently,
    "I6": bounded,
    "I7": at_once,
    "I8": verifies,
    "I9": kept_apart,
    "I10": normal_again,
}


def check(evidence: Evidence) -> Verdict:
    """Judge a run: every invariant that it shows something of."""
    run = Looked(evidence)
    violations: dict[str, tuple[str, ...]] = {}
    observed = []
    for name, judge in INVARIANTS.items():
        found = judge(run)
        seen = evidence.found.get(name)
        if found is None and seen is None:
            continue
        observed.append(name)
        if found or seen:
            violations[name] = shortened([*(seen or ()), *(found or ())])
    return Verdict(violations, tuple(observed))


def shortened(found: Iterable[str]) -> tuple[str, ...]:
    """Return the first examples, and how many more there are."""
    every = list(found)
    more = len(every) - EXAMPLES
    return (*every[:EXAMPLES], *([f"and {more} more"] if more > 0 else ()))
