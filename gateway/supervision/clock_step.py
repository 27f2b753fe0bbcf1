"""A step of the centre's clock: what ends by it ends as long after as was agreed.

Sessions, pairing codes, orders and the freshness of values are written down with their ends, by the
wall clock, since the store outlasts the process. Where that clock is set they move along: none
ends for it, and none lives on. Each transaction looks before it writes anything, and the first one
after a step moves what there is: so nothing bears the new time yet, and nothing is moved twice.
"""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from gateway.db import Database
from gateway.model import NANOSECONDS, Clock

#: A wall clock is slewed by less between two looks, which are a second apart.
JUMP_NS: Final = 1 * NANOSECONDS
#: A reading that took longer is taken again: the process did not run between its two halves.
READING_NS: Final = JUMP_NS // 10
READINGS: Final = 5
#: What is moved by the step: each `?` stands for it.
MOVED: Final = (
    (
        "UPDATE site_order SET created_ns = created_ns + ?, expires_ns = expires_ns + ? "
        "WHERE status IN ('pending', 'sent')"
    ),
    "UPDATE latest SET received_ns = received_ns + ?, stale_ns = stale_ns + ?",
    "UPDATE heartbeat SET received_ns = received_ns + ?",
    "UPDATE raw_answer SET answered_ns = answered_ns + ?",
    "UPDATE session SET expires_ns = expires_ns + ?",
    "UPDATE pairing_code SET expires_ns = expires_ns + ? WHERE used_ns IS NULL",
    "UPDATE alarm SET suppressed_until_ns = suppressed_until_ns + ? WHERE suppressed_until_ns <> 0",
    "UPDATE copy SET due_ns = due_ns + ? WHERE receipt_ns = 0 AND escalated_ns = 0",
)


class Instant(NamedTuple):
    """What the clock shows, by how much it is ahead of the one nobody sets, and by what it jumped.

    All in ns; `step_ns` is 0 where it went right.
    """

    now_ns: int
    ahead_ns: int
    step_ns: int


class SetClock:
    """Knows how a wall clock went so far, and notices that it was set; any thread may ask.

    Parameters
    ----------
    clock
        Read for every transaction.
    """

    def __init__(self, clock: Clock) -> None:
        #: How often it was set.
        self.steps = 0
        self._clock = clock
        self._lock = threading.Lock()
        now_ns, monotonic_ns = self._read()
        self._ahead_ns = now_ns - monotonic_ns

    def look(self) -> Instant:
        """Return the present instant; as long as the clock only drifts it is followed."""
        with self._lock:
            now_ns, monotonic_ns = self._read()
            ahead_ns = now_ns - monotonic_ns
            step_ns = ahead_ns - self._ahead_ns
            if abs(step_ns) < JUMP_NS:
                self._ahead_ns, step_ns = ahead_ns, 0
            return Instant(now_ns, ahead_ns, step_ns)

    def moved(self, instant: Instant) -> None:
        """Go by the new time: what was written by the old one has moved along, and is committed."""
        if instant.step_ns:
            with self._lock:
                self._ahead_ns = instant.ahead_ns
                self.steps += 1

    def _read(self) -> tuple[int, int]:
        for _ in range(READINGS):
            monotonic_ns = self._clock.monotonic_ns()
            now_ns = self._clock.now_ns()
            if self._clock.monotonic_ns() - monotonic_ns <= READING_NS:
                break
        return now_ns, monotonic_ns


def move(database: Database, by_ns: int) -> None:
    """Move what ends by the clock, in the transaction that goes by the new time."""
    for statement in MOVED:
        database.execute(statement, [by_ns] * statement.count("?"))
