"""Who decides: the one place that says whether an order is one, and whether its maker may give it.

What moves an alarm belongs to the enterprise: its desk, its own screen, and the centres that the
site file names under ``[[delegate]]``, each for the actions it names. A centre above may look (ask
for readings) and may do what is its own: received, questioned, urged, escalated, closed, which move
nothing. Each order is taken for what its maker signed and for nothing else. No clock, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from gateway.alarms.requests import ORDERS, RefusedError
from gateway.model import NANOSECONDS, Act
from gateway.northbound.signing import is_signed_by
from gateway.northbound.trust import Pin, Trust
from gateway.northbound.wire import Order
from gateway.roles.edge.parent_time import Told
from gateway.roles.edge.screen import SCREEN
from gateway.roles.edge.settings import DelegateSettings

READINGS: Final = "readings"
ACTS: Final = frozenset(act.value for act in Act)
ACTIONS: Final = frozenset(cause.value for cause in ORDERS)
#: An order that lives longer could come again after the ids of ended ones are forgotten.
LONGEST_NS: Final = 25 * 3600 * NANOSECONDS
KEY: Final = re.compile(r"[0-9a-f]{64}")


class Authority:
    """Judges the orders of receivers.

    Parameters
    ----------
    node
        This node's id.
    delegates
        Whom the site file lets act for the enterprise.
    trust
        Who the receivers are, and whom else it knows above them.
    """

    def __init__(
        self,
        node: str,
        delegates: Iterable[DelegateSettings],
        trust: Trust,
    ) -> None:
        self._node = node
        self._delegates = {each.to: each for each in delegates}
        self._trust = trust

    def prove(self, order: Order, receiver: str) -> bool:
        """Check that an order is for this node and is what its maker signed.

        Returns
        -------
        bool
            False for a question for readings of a parent that does not sign yet.

        Raises
        ------
        RefusedError
            It is neither; nothing that it says is to be believed.
        """
        pin = self._trust.pin(receiver)
        if not order.signature:
            if pin is None and order.action == READINGS:
                return False
            raise RefusedError(
                "not_signed",
                f"{order.action}: nobody has signed this order; the centre above is older than "
                "this gateway: update it, or act at the site",
            )
        known = self._key_of(order.origin, receiver, pin)
        if known and order.key != known:
            raise RefusedError(
                "other_key",
                f"{order.action}: signed with another key than that of {order.origin} which this "
                "gateway knows; if that centre was set up anew, pair again (hazgate pair), or "
                "write its new key in [[delegate]]",
            )
        if not known and not self._may_be_new(order, receiver, pin):
            raise RefusedError("not_delegated", self._not_known(order))
        if not is_signed_by(order, order.key):
            raise RefusedError(
                "bad_signature",
                f"{order.action}: not what {order.origin} signed; it was altered on its way",
            )
        if order.node != self._node:
            raise RefusedError(
                "other_node", f"{order.action}: made for {order.node}, this is {self._node}"
            )
        if not known and not self._trust.remember(receiver, order.origin, order.key):
            raise RefusedError(
                "too_many", f"{order.action}: more centres above than this gateway remembers"
            )
        return True

    def allow(self, order: Order, receiver: str, *, now: Told) -> None:
        """Check that the maker of a proven order may give it, and that its time has not run out.

        Raises
        ------
        RefusedError
            It may not, the order is none of this version, or it came too late.
        """
        if order.action not in ACTIONS | ACTS | {READINGS}:
            raise RefusedError("not_an_order", f"{order.action!r} is no action of this version")
        if order.action in ACTIONS and order.action not in self._actions(order.origin, receiver):
            raise RefusedError("not_delegated", self._not_delegated(order))
        in_time(order, now=now)
        if not order.signature:
            return
        if not order.expires_ns or order.expires_ns - now.now_ns > LONGEST_NS:
            raise RefusedError(
                "bad_end",
                f"{order.action}: {ends(order)}, more than a day after {clock(now.now_ns)} by "
                f"{now.whose}; set the clocks right and repeat it",
            )

    def _actions(self, origin: str, receiver: str) -> frozenset[str]:
        if receiver == SCREEN:
            return ACTIONS
        delegate = self._delegates.get(origin)
        return delegate.allowed if delegate is not None else frozenset()

    def _key_of(self, origin: str, receiver: str, pin: Pin | None) -> str:
        """Return the key by which a maker is known here; empty for one that is not.

        A key that was believed because it came first is good for acts that move nothing: never for
        a delegate.
        """
        delegate = self._delegates.get(origin) if receiver != SCREEN else None
        if delegate is not None and delegate.key is not None:
            return delegate.key
        if pin is None:
            return ""
        if origin == pin.centre:
            return pin.public_key
        return pin.above.get(origin, "") if delegate is None else ""

    def _may_be_new(self, order: Order, receiver: str, pin: Pin | None) -> bool:
        """Whether a maker that is not known here may come to be: one above, that acts or looks."""
        if receiver == SCREEN or pin is None or order.origin in self._delegates:
            return False
        harmless = order.action in ACTS or order.action == READINGS
        return harmless and bool(order.origin) and bool(KEY.fullmatch(order.key))

    def _not_known(self, order: Order) -> str:
        if order.origin not in self._delegates:
            return self._not_delegated(order)
        return (
            f"{order.action}: {order.origin} is named in [[delegate]] without a key, and it is not "
            "the parent that this gateway is paired to; state its key there (hazgate centre "
            "--show-key prints it)"
        )

    def _not_delegated(self, order: Order) -> str:
        delegate = self._delegates.get(order.origin)
        if delegate is not None:
            given = f"only {', '.join(sorted(delegate.allowed))} to {order.origin}"
        else:
            given = f"nothing to {order.origin or 'this centre'}"
        return (
            f"{order.action}: the enterprise decides that at its site; it has delegated {given} "
            "([[delegate]] in the site file)"
        )


def in_time(order: Order, *, now: Told) -> None:
    """Check that an order's time has not run out, and by whose clock it has.

    Raises
    ------
    RefusedError
        It has.
    """
    if order.expires_ns and now.now_ns > order.expires_ns:
        raise RefusedError(
            "expired",
            f"{order.action}: it came after its expiry: {ends(order)}, and it is "
            f"{clock(now.now_ns)} by {now.whose}; repeat it if still wanted, or set the clock "
            "right",
        )


def ends(order: Order) -> str:
    """Return when an order ends, in words."""
    return f"it ends at {clock(order.expires_ns)}" if order.expires_ns else "it has no end"


def clock(at_ns: int) -> str:
    """Return an instant as people write it; one that no calendar has, in seconds."""
    try:
        return datetime.fromtimestamp(at_ns // NANOSECONDS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return f"{at_ns // NANOSECONDS} s after 1970"
