"""What a paired sender tried and may not: journalled, but not as often as it is tried."""

from __future__ import annotations

from gateway.supervision.throttle import Damper
from gateway.supervision.write import Write

#: What a sender chose and the journal repeats is cut.
ITEM_LENGTH = 128
REASON_LENGTH = 300


def refused(
    write: Write, node: str, what: str, *, reason: str, damper: Damper, item: str = ""
) -> None:
    """Journal that a paired sender tried what it may not, once a minute for one sort of thing."""
    # The key holds nothing that the sender may choose freely: else each is another thing.
    if damper.first(f"{node}/{what}"):
        shown = item[:ITEM_LENGTH] or what
        write.journal("refused", detail={"node": node, "item": shown, "reason": reason})
