"""What this centre does about an alarm itself: kept here, told above, sent down to the site.

In one transaction: the centre's own event, by which it is stored, shown and told to the parent; and
a signed order, by which the site learns that it is urged. Asked again with the same id, the answer
is the same and nothing more happens.
"""

from __future__ import annotations

from typing import Final

from gateway.model import NANOSECONDS, Act
from gateway.supervision import orders, own
from gateway.supervision.write import Write

#: Acts that say nothing without a word: a question, an urging.
NEED_COMMENT: Final = frozenset({Act.QUESTIONED, Act.URGED})
#: A site whose link is down learns of it later, within a day.
EXPIRES_NS: Final = 24 * 3600 * NANOSECONDS


class TakenError(Exception):
    """The id stands for something else already."""


def act(
    write: Write,
    node: str,
    what: Act,
    *,
    alarm: str,
    occurrence: int,
    operator: str,
    comment: str,
    identity: str,
) -> None:
    """Record an act about an alarm of a node, tell it above, and order it down.

    Raises
    ------
    TakenError
        The id was used for another act or order.
    gateway.supervision.orders.TooManyError
        As many acts wait for the node as may.
    """
    known = write.execute(
        "SELECT node, alarm, occurrence, act, account, comment FROM act "
        "WHERE origin = ? AND id = ?",
        (write.node, identity),
    )
    if known:
        if tuple(known[0]) != (node, alarm, occurrence, what.value, operator, comment):
            raise TakenError(f"id {identity}: another act has it; make a new one")
        return
    if write.execute("SELECT 1 FROM site_order WHERE id = ?", (identity,)):
        raise TakenError(f"id {identity}: an order has it; make a new one")
    own.tell(
        write,
        "act",
        alarm=alarm,
        occurrence=occurrence,
        operator=operator,
        comment=comment,
        detail={"order": identity, "action": what.value, "node": node},
    )
    if node == write.node:
        return
    orders.create(
        write,
        node,
        what.value,
        operator=operator,
        fields={"alarm": alarm, "occurrence": occurrence, "comment": comment},
        identity=identity,
        expires_ns=write.now_ns + EXPIRES_NS,
    )
