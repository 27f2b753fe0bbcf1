"""The journal: events that form a hash chain, cut into signed segments, anchored at the parent.

Each event carries in `prev` the SHA-256 of the event before it, so changing, dropping or reordering
one breaks the chain at a place that can be named. A segment closes with the node's signature over
its head; the parent's anchor proves that nothing up to it was rewritten even by somebody who holds
the key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.db import Database
from gateway.identity import Identity, public_hex
from gateway.model import AlarmEvent, decode_event, encode_event

SEGMENT_EVENTS = 1000
GENESIS = ""


def digest(entry: bytes) -> str:
    """Hash of one event's bytes, as the next event's `prev` holds it."""
    return hashlib.sha256(entry).hexdigest()


class Chain:
    """Gives events their place: sequence number and the hash of the one before.

    Parameters
    ----------
    identity
        Node, life and epoch of this start.
    seq
        Sequence of the last event of this life, 0 for a new one.
    head
        Hash of that event, empty for a new life.
    """

    def __init__(self, identity: Identity, *, seq: int = 0, head: str = GENESIS) -> None:
        self.identity = identity
        self.seq = seq
        self.head = head

    def seal(self, kind: str, **fields: Any) -> tuple[AlarmEvent, bytes]:
        """Make the next event and its bytes; the chain moves on."""
        who = self.identity
        event = AlarmEvent(
            kind=kind,
            node=who.node,
            life=who.life,
            epoch=who.epoch,
            seq=self.seq + 1,
            prev=self.head,
            **fields,
        )
        entry = encode_event(event)
        self.seq += 1
        self.head = digest(entry)
        return event, entry


def write_entries(database: Database, entries: list[tuple[int, bytes]]) -> None:
    """Append events to the journal table; call it inside the transaction that they belong to."""
    database.execute_many(
        "INSERT INTO journal (seq, entry, hash) VALUES (?, ?, ?)",
        [(seq, entry, digest(entry)) for seq, entry in entries],
    )


def close_segment(
    database: Database, key: Ed25519PrivateKey, *, at_ns: int, force: bool = False
) -> None:
    """Sign the events since the last segment once there are enough of them (or `force`)."""
    (first,) = database.execute("SELECT COALESCE(MAX(last_seq), 0) + 1 FROM journal_segment")[0]
    rows = database.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
    if not rows or rows[0][0] < first:
        return
    last, head = rows[0]
    if last - first + 1 < SEGMENT_EVENTS and not force:
        return
    previous = database.execute("SELECT head FROM journal_segment ORDER BY last_seq DESC LIMIT 1")
    before = previous[0][0] if previous else GENESIS
    signature = key.sign(segment_bytes(first, last, before, head))
    database.execute(
        "INSERT INTO journal_segment (last_seq, first_seq, before, head, signed_ns, public_key, "
        "signature) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (last, first, before, head, at_ns, public_hex(key), signature),
    )


def keep_newest(database: Database, most: int, *, lot: int) -> int:
    """Delete the oldest events beyond so many, and return how many: for a journal in memory alone.

    On a disk nothing of a journal is ever deleted; in memory it would take what detection needs.

    Parameters
    ----------
    lot
        Fewer are not deleted: else each event that counts them would cost another.
    """
    first, last = database.execute("SELECT MIN(seq), MAX(seq) FROM journal")[0]
    if last is None or last - first + 1 < most + lot:
        return 0
    to = last - most
    with database.transaction(durable=False):
        database.execute("DELETE FROM journal WHERE seq <= ?", (to,))
        database.execute("DELETE FROM journal_anchor WHERE seq <= ?", (to,))
        # The next one begins where the last ended.
        database.execute(
            "DELETE FROM journal_segment WHERE last_seq <= ? "
            "AND last_seq < (SELECT MAX(last_seq) FROM journal_segment)",
            (to,),
        )
    return int(to - first + 1)


def segment_bytes(first: int, last: int, before: str, head: str) -> bytes:
    """Return the text that a segment's signature covers."""
    return f"hazgate journal v1\n{first}\n{last}\n{before}\n{head}\n".encode()


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found; `problems` is empty for a sound journal."""

    entries: int
    segments: int
    signed_to: int
    anchored_to: int
    problems: tuple[str, ...]


def verify(database: Database, *, key: str = "") -> Verification:
    """Walk the journal from genesis: chain, gapless sequence, one life, signatures, anchors.

    Parameters
    ----------
    database
        The node's store, open for reading.
    key
        Public key that must have signed (hexadecimal); empty takes the one in the store.
    """
    problems: list[str] = []
    head, expected, life = GENESIS, 1, ""
    heads: dict[int, str] = {0: GENESIS}
    for seq, written, stored in database.execute(
        "SELECT seq, entry, hash FROM journal ORDER BY seq"
    ):
        where, entry = f"journal entry {seq}", as_bytes(written)
        if seq != expected:
            problems.append(f"{where}: expected {expected}; entries are missing before it")
        try:
            event = decode_event(entry)
        except msgspec.DecodeError as error:
            problems.append(f"{where}: not readable ({error}); it was altered")
            event = None
        found = digest(entry)
        if event is not None:
            life = life or event.life
            if event.seq != seq or event.life != life:
                problems.append(f"{where}: says it is {event.life}/{event.seq}; it was moved")
            if event.prev != head:
                problems.append(f"{where}: does not follow the entry before it; one was altered")
        if found != stored:
            problems.append(f"{where}: its hash does not match its bytes; it was altered")
        head, expected = found, seq + 1
        heads[seq] = found
    signed_to, segments = verify_segments(database, heads, problems, key=key)
    anchored_to = 0
    for seq, anchored in database.execute("SELECT seq, head FROM journal_anchor ORDER BY seq"):
        if heads.get(seq) != anchored:
            problems.append(
                f"anchor at entry {seq}: the parent holds another hash; rewritten since"
            )
        anchored_to = seq
    return Verification(expected - 1, segments, signed_to, anchored_to, tuple(problems))


def as_bytes(value: object) -> bytes:
    """Return a stored value as bytes: whoever edits one with SQL may leave it as text."""
    return value if isinstance(value, bytes) else str(value).encode()


def verify_segments(
    database: Database, heads: dict[int, str], problems: list[str], *, key: str
) -> tuple[int, int]:
    """Check each segment's place, head and signature; return (last signed entry, segments)."""
    last_end, before, count = 0, GENESIS, 0
    rows = database.execute(
        "SELECT first_seq, last_seq, before, head, public_key, signature FROM journal_segment "
        "ORDER BY last_seq"
    )
    for first, last, stated, head, public, signature in rows:
        where = f"journal segment {first}-{last}"
        count += 1
        if first != last_end + 1 or stated != before:
            problems.append(f"{where}: does not follow the segment before it")
        if heads.get(last) != head:
            problems.append(f"{where}: its head is not the hash of entry {last}")
        # Without a stated key all must be signed by the first one.
        key = key or str(public)
        if public != key:
            problems.append(f"{where}: signed by another key than {key[:16]}")
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(str(public))).verify(
                as_bytes(signature), segment_bytes(first, last, stated, head)
            )
        except (InvalidSignature, ValueError):
            problems.append(f"{where}: the signature does not fit; it was altered")
        last_end, before = last, head
    return last_end, count
