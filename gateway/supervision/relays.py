"""Whom a child may speak for: itself; and, where it is a centre, the nodes below it.

A node speaks through one child at a time. One that is paired here itself, or known through another
child, is refused to a relay until an administrator moves it (`move`). And a relay stays within its
own division, as this tier's tree of rows says: no byte crosses a division boundary.
"""

from __future__ import annotations

from gateway.northbound.wire import NodeFacts
from gateway.supervision import pairing, tiers
from gateway.supervision.mirror import RefusedError
from gateway.supervision.write import Write

#: Refusals of a child that are remembered, each for one node.
REFUSALS = 10_000


class UnknownNodeError(Exception):
    """A child relays for a node that it has not told of yet: what it sends has to wait there."""


class Relay:
    """One child within one request: whom it may speak for, each looked up once.

    Parameters
    ----------
    node
        The credential's node.
    """

    def __init__(self, write: Write, node: str) -> None:
        self.node = node
        self._write = write
        self._relays, self._divisions = _reach(write, node)
        self._via: dict[str, str] = {}

    def speaker(self, named: str) -> tuple[str, str]:
        """Return whom an item speaks for, and through whom ("" when it speaks itself).

        Raises
        ------
        RefusedError
            The child may not speak for that node.
        UnknownNodeError
            That node is not known here yet.
        """
        if named in {"", self.node}:
            return self.node, ""
        if named not in self._via:
            self._via[named] = self._checked(named)
        if self._via[named]:
            raise RefusedError(self._via[named], foreign=True)
        return named, self.node

    def place(self, facts: NodeFacts) -> None:
        """Let a node be known through this child, in the division that the child tells.

        Raises
        ------
        RefusedError
            The child may not speak for it.
        """
        write, node, division = self._write, facts.node, facts.division
        rows = write.execute("SELECT via, division FROM node WHERE node = ?", (node,))
        reason = self._why_not(node, division, rows[0][0] if rows else None)
        if not pairing.NODE_ID.fullmatch(node):
            raise RefusedError("a node below needs an id of letters, digits, '.', '_' and '-'")
        if reason:
            self._remember(node, reason)
            raise RefusedError(reason, foreign=True)
        if not rows:
            write.execute(
                "INSERT INTO node (node, name, enterprise, uscc, division, assigned, grid, "
                "public_key, inventory, refused_division, fork, paired_ns, via) "
                "VALUES (?, ?, '', '', ?, 1, '', '', '', '', '', ?, ?)",
                (node, facts.name or node, division, write.now_ns, self.node),
            )
            write.execute("DELETE FROM relay_refusal WHERE via = ? AND node = ?", (self.node, node))
            write.journal(
                "relay",
                detail={"node": node, "act": "appears", "via": self.node, "division": division},
            )
        elif rows[0][1] != division:
            write.execute("UPDATE node SET division = ? WHERE node = ?", (division, node))
            write.journal(
                "relay",
                detail={
                    "node": node,
                    "act": "stands elsewhere",
                    "via": self.node,
                    "before": rows[0][1],
                    "division": division,
                },
            )
        else:
            return
        self._via.pop(node, None)
        write.scopes_changed = True
        write.tell_parent("nodes", node)
        write.publish("reset", node, b"{}")

    def _checked(self, node: str) -> str:
        """Return why this child may not speak for a node; empty when it may."""
        write = self._write
        rows = write.execute("SELECT via, division FROM node WHERE node = ?", (node,))
        if rows:
            return self._why_not(node, rows[0][1], rows[0][0])
        if node == write.node or not self._relays:
            return self._why_not(node, "", None)
        refused = write.execute(
            "SELECT reason FROM relay_refusal WHERE via = ? AND node = ?", (self.node, node)
        )
        if not refused:
            raise UnknownNodeError(node)
        return str(refused[0][0])

    def _why_not(self, node: str, division: str, via: str | None) -> str:
        """Return why this child may not speak for a node that is known through `via`, if so."""
        if not self._relays:
            return (
                f"{self.node} speaks for {node}, and was not paired as a centre; invite it as one"
            )
        if node == self._write.node:
            return f"{node} is this centre itself"
        if via is not None and via != self.node:
            # By which, is nothing that one division need know of another.
            return f"{node} is known here by another way; an administrator may move it"
        if self._divisions is not None and division not in self._divisions:
            return (
                f"{node} stands in division {division}, which this tier does not count to that of "
                f"{self.node}"
            )
        return ""

    def _remember(self, node: str, reason: str) -> None:
        write = self._write
        many = write.execute("SELECT COUNT(*) FROM relay_refusal WHERE via = ?", (self.node,))
        if many[0][0] >= REFUSALS:
            write.execute("DELETE FROM relay_refusal WHERE via = ?", (self.node,))
        write.execute(
            "INSERT INTO relay_refusal (via, node, reason) VALUES (?, ?, ?) "
            "ON CONFLICT (via, node) DO UPDATE SET reason = excluded.reason",
            (self.node, node, reason),
        )


def move(write: Write, node: str, via: str, *, operator: str) -> None:
    """Let a node speak through another child from now on; its own credential, if any, ends.

    Raises
    ------
    ValueError
        There is no such node, or `via` is no centre that is paired here.
    """
    rows = write.execute("SELECT via FROM node WHERE node = ?", (node,))
    if not rows or node == write.node:
        raise ValueError(f"node {node!r}: is not known here; name one that the list shows")
    relay = write.execute("SELECT relays FROM node WHERE node = ? AND via = ''", (via,))
    if not relay or not relay[0][0] or via == node:
        raise ValueError(f"via {via!r}: is no centre that is paired here; pair it as one first")
    write.execute("UPDATE node SET via = ?, assigned = 1 WHERE node = ?", (via, node))
    write.execute("DELETE FROM relay_refusal WHERE node = ?", (node,))
    revoked = write.execute("DELETE FROM credential WHERE node = ? RETURNING node", (node,))
    # The lives that were placed stay: whoever speaks for it now may follow any of them.
    write.execute("UPDATE epoch SET returns = 0 WHERE node = ?", (node,))
    write.journal(
        "relay",
        operator=operator,
        detail={
            "node": node,
            "act": "moved",
            "before": rows[0][0],
            "via": via,
            "revoked": len(revoked),
        },
    )
    write.publish("reset", node, b"{}")


def _reach(write: Write, node: str) -> tuple[bool, frozenset[str] | None]:
    """Return whether a child may relay, and within which divisions (None: all)."""
    rows = write.execute("SELECT relays, assigned, division FROM node WHERE node = ?", (node,))
    if not rows or not rows[0][0]:
        return False, frozenset()
    _, assigned, division = rows[0]
    if not assigned:
        return True, None
    return True, tiers.subtree(write.database, division, at_ns=write.now_ns)
