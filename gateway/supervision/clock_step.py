"""A step of the centre's clock: what ends by it ends as long after as was agreed.

Sessions, pairing codes, orders and the freshness of values are written down with their ends, by the
wall clock, since the store outlasts the process. Where that clock is set they move along: none
ends for it, and none lives on.
"""

from __future__ import annotations

from typing import Final

from gateway.supervision import escalation
from gateway.supervision.store import Write

#: What is moved by the step: each `?` stands for it.
MOVED: Final = (
    "UPDATE session SET expires_ns = expires_ns + ?",
    "UPDATE pairing_code SET expires_ns = expires_ns + ? WHERE used_ns IS NULL",
    (
        "UPDATE site_order SET created_ns = created_ns + ?, expires_ns = expires_ns + ? "
        "WHERE status IN ('pending', 'sent')"
    ),
    "UPDATE latest SET received_ns = received_ns + ?, stale_ns = stale_ns + ?",
    "UPDATE heartbeat SET received_ns = received_ns + ?",
    "UPDATE raw_answer SET answered_ns = answered_ns + ?",
    "UPDATE alarm SET suppressed_until_ns = suppressed_until_ns + ? WHERE suppressed_until_ns <> 0",
)


def move(write: Write, *, before_ns: int, after_ns: int) -> None:
    """Move what ends by the clock, and journal what the clock showed before and after."""
    by_ns = after_ns - before_ns
    write.journal("clock", detail={"before_ns": before_ns, "after_ns": after_ns, "step_ns": by_ns})
    for statement in MOVED:
        write.execute(statement, [by_ns] * statement.count("?"))
    escalation.move_due(write, by_ns)
