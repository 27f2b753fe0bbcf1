"""What a centre finds in its store when it opens it: its two chains.

A centre has its journal, and beside it a stream of its own events for whoever is above: its alarms,
its acts. The stream has a life of its own, made with the store, so that its numbers are gapless
there while the journal, which names accounts and every intake, stays here.
"""

from __future__ import annotations

from typing import Final

from gateway.db import Database
from gateway.identity import Identity, random_bits
from gateway.journal import GENESIS, Chain

#: Whose rows of the outbox a centre keeps.
PARENT: Final = "parent"


def chains(database: Database, node: str) -> tuple[Chain, Chain, bool]:
    """Return the journal's chain, that of the own events, and whether the store is a new one.

    Both go on in the epoch of this start.
    """
    life = value_of(database, "life")
    new = not life
    if new:
        life = random_bits()
        set_value(database, "life", life)
    own_life = value_of(database, "own_life")
    if not own_life:
        own_life = random_bits()
        set_value(database, "own_life", own_life)
    epoch = random_bits()
    last = database.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
    seq, head = last[0] if last else (0, GENESIS)
    own = database.execute(
        "SELECT seq, hash FROM event WHERE node = ? AND life = ? ORDER BY seq DESC LIMIT 1",
        (node, own_life),
    )
    own_seq, own_head = own[0] if own else (0, GENESIS)
    return (
        Chain(Identity(node, life, epoch), seq=seq, head=head),
        Chain(Identity(node, own_life, epoch), seq=own_seq, head=own_head),
        new,
    )


def value_of(database: Database, name: str) -> str:
    """Return what the store says of the centre itself, or nothing."""
    rows = database.execute("SELECT value FROM node_self WHERE name = ?", (name,))
    return str(rows[0][0]) if rows else ""


def set_value(database: Database, name: str, value: str) -> None:
    """Say something of the centre itself."""
    database.execute(
        "INSERT INTO node_self (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
