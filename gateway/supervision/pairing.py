"""Pairing: a one-time code buys a child its credential, once; only hashes are kept here.

A new pairing of the same node revokes the credential before it, so a replaced or cloned gateway
falls silent, and ends the fork that was shown on it. A node that spoke through a child speaks for
itself from then on.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.supervision.write import Write

CODE_NS = 24 * 3600 * NANOSECONDS
#: No 0, 1, I or O: people read these codes to each other.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUPS, GROUP = 4, 5
TOKEN_HASH = re.compile(r"[0-9a-f]{64}")
NODE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class PairingError(Exception):
    """A code buys nothing: it is wrong, used or too old (it never says which), or no hash came."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code for one node, shown once."""

    code: str
    expires_ns: int


def hashed(secret: str) -> str:
    """Return what is stored in place of a token or code: random, so a plain hash will do."""
    return hashlib.sha256(secret.encode()).hexdigest()


def invite(
    write: Write, node: str, *, operator: str, division: str = "", relays: bool = False
) -> Invitation:
    """Make a one-time code for a node id.

    Parameters
    ----------
    division
        Where the node is assigned; empty believes what its inventory states.
    relays
        The node is a centre: it may speak for the nodes below it, within its assigned division.

    Raises
    ------
    ValueError
        The id is not one.
    """
    if not NODE_ID.fullmatch(node):
        raise ValueError(
            f"node {node!r}: letters, digits, '.', '_' and '-', at most 64, first a letter or "
            "digit; choose another id"
        )
    if node == write.node:
        raise ValueError(f"node {node!r}: is this centre itself; name the node that it shall know")
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    code = "-".join(groups)
    expires_ns = write.now_ns + CODE_NS
    write.execute("DELETE FROM pairing_code WHERE node = ? AND used_ns IS NULL", (node,))
    write.execute(
        "INSERT INTO pairing_code (code_hash, node, division, relays, expires_ns, used_ns) "
        "VALUES (?, ?, ?, ?, ?, NULL)",
        (hashed(code), node, division, int(relays), expires_ns),
    )
    write.journal(
        "pairing",
        operator=operator,
        detail={
            "node": node,
            "act": "invited",
            "division": division,
            "relays": relays,
            "expires_ns": expires_ns,
        },
    )
    return Invitation(code, expires_ns)


def pair(write: Write, code: str, *, public_key: str, token_hash: str) -> str:
    """Use a code: the token of this hash becomes the credential of the node it was made for.

    Asked again with the same code and token, the answer is the same and nothing changes: the child
    may have died before it read the first.

    Returns
    -------
    str
        The node id.

    Raises
    ------
    PairingError
        The code is wrong, expired, or used for another token; or the hash is none.
    """
    if not TOKEN_HASH.fullmatch(token_hash):
        raise PairingError("pairing: token_hash is no SHA-256 in hexadecimal; use hazgate pair")
    again = write.execute(
        "SELECT c.node FROM pairing_code p JOIN credential c ON c.node = p.node "
        "WHERE p.code_hash = ? AND p.used_ns IS NOT NULL AND p.expires_ns > ? "
        "AND c.token_hash = ?",
        (hashed(code.strip().upper()), write.now_ns, token_hash),
    )
    if again:
        return str(again[0][0])
    rows = write.execute(
        "UPDATE pairing_code SET used_ns = ? WHERE code_hash = ? AND used_ns IS NULL "
        "AND expires_ns > ? RETURNING node, division, relays",
        (write.now_ns, hashed(code.strip().upper()), write.now_ns),
    )
    if not rows:
        raise PairingError(
            "pairing: this code buys nothing here; ask for a new one and use it once"
        )
    node, division, relays = rows[0]
    revoked = write.execute("DELETE FROM credential WHERE node = ? RETURNING node", (node,))
    write.execute(
        "INSERT INTO credential (token_hash, node, made_ns) VALUES (?, ?, ?)",
        (token_hash, node, write.now_ns),
    )
    write.execute(
        "INSERT INTO node (node, name, enterprise, uscc, division, assigned, grid, public_key, "
        "inventory, refused_division, fork, paired_ns, relays) "
        "VALUES (?, ?, '', '', ?, ?, '', ?, '', '', '', ?, ?) ON CONFLICT (node) DO UPDATE SET "
        "public_key = excluded.public_key, paired_ns = excluded.paired_ns, fork = '', via = '', "
        "rewritten = '', relays = excluded.relays, retired_ns = 0, "
        "assigned = excluded.assigned, inventory = '', division = CASE excluded.assigned "
        "WHEN 1 THEN excluded.division ELSE node.division END",
        (node, node, division, int(bool(division)), public_key, write.now_ns, relays),
    )
    # Lives and epochs placed so far stay, but a new credential may follow any of them.
    write.execute("UPDATE epoch SET returns = 0 WHERE node = ?", (node,))
    write.journal(
        "pairing",
        detail={
            "node": node,
            "act": "paired",
            "public_key": public_key,
            "revoked": len(revoked),
        },
    )
    write.scopes_changed = True
    write.publish("reset", node, b"{}")
    write.tell_parent("nodes", node)
    return str(node)


def bind(write: Write, node: str, division: str) -> bool:
    """Let a paired centre speak within this division; return whether it spoke otherwise before."""
    changed = write.execute(
        "UPDATE node SET division = ?, assigned = 1, relays = 1 WHERE node = ? AND via = '' "
        "AND (division <> ? OR assigned = 0 OR relays = 0) RETURNING node",
        (division, node, division),
    )
    if not changed:
        return False
    write.journal("pairing", detail={"node": node, "act": "bound", "division": division})
    write.scopes_changed = True
    write.publish("reset", node, b"{}")
    write.tell_parent("nodes", node)
    return True


def node_of(database: Database, token: str) -> str:
    """Return the node whose credential this is, or nothing."""
    rows = database.execute("SELECT node FROM credential WHERE token_hash = ?", (hashed(token),))
    return str(rows[0][0]) if rows else ""


def is_paired(database: Database, node: str) -> bool:
    """Return whether a node has a credential now."""
    return bool(database.execute("SELECT 1 FROM credential WHERE node = ?", (node,)))


def has_spoken(database: Database, node: str) -> bool:
    """Return whether a node has been heard with the credential that it has now."""
    rows = database.execute(
        "SELECT 1 FROM credential c JOIN heartbeat h ON h.node = c.node "
        "WHERE c.node = ? AND h.received_ns >= c.made_ns",
        (node,),
    )
    return bool(rows)
