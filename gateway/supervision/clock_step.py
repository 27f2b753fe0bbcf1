"""A step of the centre's clock: what ends by it ends as long after as was agreed.

Sessions, pairing codes, orders and the freshness of values are written down with their ends, by the
wall clock, since the store outlasts the process. Where that clock is set they move along: none
ends for it, and none lives on. What was written after the step, and before it was noticed, bears
the new time already and stays.
"""

from __future__ import annotations

from typing import Final

from gateway.supervision import escalation
from gateway.supervision.store import Write

#: What says when it was written; the last two `?` stand for the time of the new clock so far.
TIMED: Final = (
    (
        "UPDATE site_order SET created_ns = created_ns + ?, expires_ns = expires_ns + ? "
        "WHERE status IN ('pending', 'sent') AND NOT (created_ns > ? AND created_ns <= ?)"
    ),
    (
        "UPDATE latest SET received_ns = received_ns + ?, stale_ns = stale_ns + ? "
        "WHERE NOT (received_ns > ? AND received_ns <= ?)"
    ),
    (
        "UPDATE heartbeat SET received_ns = received_ns + ? "
        "WHERE NOT (received_ns > ? AND received_ns <= ?)"
    ),
    (
        "UPDATE raw_answer SET answered_ns = answered_ns + ? "
        "WHERE NOT (answered_ns > ? AND answered_ns <= ?)"
    ),
)
#: What else is moved by the step: each `?` stands for it.
MOVED: Final = (
    "UPDATE session SET expires_ns = expires_ns + ?",
    "UPDATE pairing_code SET expires_ns = expires_ns + ? WHERE used_ns IS NULL",
    "UPDATE alarm SET suppressed_until_ns = suppressed_until_ns + ? WHERE suppressed_until_ns <> 0",
)


def move(write: Write, *, before_ns: int, after_ns: int, looked_ns: int = 0) -> None:
    """Move what ends by the clock, and journal what the clock showed before and after.

    Parameters
    ----------
    before_ns, after_ns
        What the old clock would show now, and what the new one shows.
    looked_ns
        How long ago the clock was seen to go right; within that time it was set.
    """
    by_ns = after_ns - before_ns
    write.journal("clock", detail={"before_ns": before_ns, "after_ns": after_ns, "step_ns": by_ns})
    anew_ns = after_ns - looked_ns
    if by_ns > 0:
        # Whatever is later than the old clock ever was.
        anew_ns = max(anew_ns, before_ns)
    for statement in TIMED:
        steps = [by_ns] * (statement.count("?") - 2)
        write.execute(statement, [*steps, anew_ns, after_ns])
    for statement in MOVED:
        write.execute(statement, [by_ns] * statement.count("?"))
    escalation.move_due(write, by_ns)
