"""The journal is sound when nobody touched it, and every way to touch it is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.db import Database
from gateway.identity import Identity, public_hex
from gateway.journal import (
    SEGMENT_EVENTS,
    Chain,
    close_segment,
    digest,
    keep_newest,
    segment_bytes,
    verify,
    write_entries,
)
from gateway.model import AlarmEvent, decode_event, encode_event

COUNT = 30
SEGMENT = 10
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
FOREIGN = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
WHO = Identity("gw1", "a" * 16, "b" * 16)


@dataclass
class Book:
    """A journal of 30 entries in three segments; whoever tampers has the whole store in hand."""

    database: Database

    def problems(self, *, key: str = public_hex(KEY)) -> list[str]:
        return list(verify(self.database, key=key).problems)

    def entry(self, seq: int) -> AlarmEvent:
        rows = self.database.execute("SELECT entry FROM journal WHERE seq = ?", (seq,))
        return decode_event(rows[0][0])

    def put(self, seq: int, entry: bytes, *, stated: str = "") -> None:
        self.database.execute(
            "UPDATE journal SET entry = ?, hash = ? WHERE seq = ?",
            (entry, stated or digest(entry), seq),
        )

    def rewrite(self, seq: int, **changes: object) -> None:
        """Change an entry and give every later one the hash it then needs."""
        event = msgspec.structs.replace(self.entry(seq), **changes)
        for at in range(seq, COUNT + 1):
            entry = encode_event(event)
            self.put(at, entry)
            if at < COUNT:
                event = msgspec.structs.replace(self.entry(at + 1), prev=digest(entry))

    def sign_again(self, key: Ed25519PrivateKey) -> None:
        """Close the same segments anew with a key."""
        before = ""
        for last in range(SEGMENT, COUNT + 1, SEGMENT):
            first = last - SEGMENT + 1
            head = self.hash_of(last)
            self.database.execute(
                "UPDATE journal_segment SET before = ?, head = ?, public_key = ?, signature = ? "
                "WHERE last_seq = ?",
                (
                    before,
                    head,
                    public_hex(key),
                    key.sign(segment_bytes(first, last, before, head)),
                    last,
                ),
            )
            before = head

    def hash_of(self, seq: int) -> str:
        return str(self.database.execute("SELECT hash FROM journal WHERE seq = ?", (seq,))[0][0])

    def anchor(self, seq: int) -> None:
        self.database.execute(
            "INSERT INTO journal_anchor (seq, head, anchored_ns, parent) VALUES (?, ?, 1, 'up')",
            (seq, self.hash_of(seq)),
        )

    def remove(self, where: str) -> None:
        self.database.execute(f"DELETE FROM {where}")  # noqa: S608 - the test's own text


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    database = Database(tmp_path / "store.db", "edge")
    chain = Chain(WHO)
    for number in range(COUNT):
        _, entry = chain.seal("alarm", alarm=f"gw1/T{number % 3}/h", value=float(number))
        write_entries(database, [(chain.seq, entry)])
        if chain.seq % SEGMENT == 0:
            close_segment(database, KEY, at_ns=chain.seq, force=True)
    yield Book(database)
    database.close()


def test_an_untouched_journal_is_sound(book: Book) -> None:
    """What was written, signed and anchored verifies, and says how far each reaches."""
    book.anchor(17)
    found = verify(book.database, key=public_hex(KEY))
    assert found.problems == ()
    assert (found.entries, found.segments) == (COUNT, 3)
    assert (found.signed_to, found.anchored_to) == (COUNT, 17)


def test_an_empty_journal_is_sound() -> None:
    """A store that never had an event has nothing wrong with it."""
    database = Database(None, "edge")
    found = verify(database)
    assert (found.entries, found.segments, found.problems) == (0, 0, ())
    database.close()


def test_a_journal_is_verified_through_a_reader(book: Book) -> None:
    """Verification needs no right to write."""
    reader = book.database.reader()
    assert verify(reader).problems == ()
    reader.close()


def alter(book: Book) -> None:
    entry = encode_event(book.entry(12)).replace(b'"value":11.0', b'"value":10.0')
    book.put(12, entry, stated=book.hash_of(12))


def alter_with_hash(book: Book) -> None:
    book.put(12, encode_event(msgspec.structs.replace(book.entry(12), value=1.0)))


def alter_last(book: Book) -> None:
    book.put(COUNT, encode_event(msgspec.structs.replace(book.entry(COUNT), value=1.0)))


def alter_hash_alone(book: Book) -> None:
    book.database.execute("UPDATE journal SET hash = ? WHERE seq = 12", ("0" * 64,))


def alter_with_sql(book: Book) -> None:
    book.database.execute("UPDATE journal SET entry = replace(entry, '11.0', '9.0') WHERE seq = 12")


def forge_signature_as_text(book: Book) -> None:
    book.database.execute("UPDATE journal_segment SET signature = 'yes' WHERE last_seq = 20")


def garble(book: Book) -> None:
    book.put(12, b'{"v":1,"kind":')


def remove_one(book: Book) -> None:
    book.remove("journal WHERE seq = 12")


def remove_and_close_up(book: Book) -> None:
    book.remove("journal WHERE seq = 12")
    book.database.execute("UPDATE journal SET seq = seq - 1 WHERE seq > 12")


def remove_first(book: Book) -> None:
    book.remove("journal WHERE seq = 1")


def remove_signed_tail(book: Book) -> None:
    book.remove("journal WHERE seq > 25")


def remove_everything(book: Book) -> None:
    book.remove("journal")


def swap(book: Book) -> None:
    one, other = encode_event(book.entry(12)), encode_event(book.entry(13))
    book.put(12, other)
    book.put(13, one)


def add_at_the_end(book: Book) -> None:
    _, entry = Chain(WHO, seq=COUNT, head="0" * 64).seal("alarm", value=1.0)
    write_entries(book.database, [(COUNT + 1, entry)])


def of_another_life(book: Book) -> None:
    other = Identity("gw1", "c" * 16, "b" * 16)
    _, entry = Chain(other, seq=COUNT, head=book.hash_of(COUNT)).seal("alarm", value=1.0)
    write_entries(book.database, [(COUNT + 1, entry)])


def rewrite_all(book: Book) -> None:
    book.rewrite(12, value=1.0)


def rewrite_and_sign_with_another_key(book: Book) -> None:
    book.rewrite(12, value=1.0)
    book.sign_again(FOREIGN)


def rewrite_and_sign_with_its_own_key(book: Book) -> None:
    book.anchor(20)
    book.rewrite(12, value=1.0)
    book.sign_again(KEY)


def cut_off_what_was_anchored(book: Book) -> None:
    book.anchor(COUNT)
    book.remove("journal WHERE seq > 20")
    book.remove("journal_segment WHERE last_seq > 20")


def forge_signature(book: Book) -> None:
    book.database.execute(
        "UPDATE journal_segment SET signature = ? WHERE last_seq = 20", (bytes(64),)
    )


def forge_key(book: Book) -> None:
    book.database.execute("UPDATE journal_segment SET public_key = 'no key' WHERE last_seq = 20")


def forge_bounds(book: Book) -> None:
    book.database.execute("UPDATE journal_segment SET first_seq = 12 WHERE last_seq = 20")


def remove_segment(book: Book) -> None:
    book.remove("journal_segment WHERE last_seq = 10")


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (alter, r"journal entry 12: its hash .* it was altered"),
        (alter_with_hash, r"journal entry 13: does not follow the entry before"),
        (alter_last, r"segment 21-30: its head is not the hash of entry 30"),
        (alter_hash_alone, r"journal entry 12: its hash .* it was altered"),
        (alter_with_sql, r"journal entry 12: its hash .* it was altered"),
        (forge_signature_as_text, r"segment 11-20: the signature does not fit"),
        (garble, r"journal entry 12: not readable"),
        (remove_one, r"journal entry 13: expected 12; entries are missing"),
        (remove_and_close_up, r"journal entry 12: says it is a{16}/13; it was moved"),
        (remove_first, r"journal entry 2: expected 1; entries are missing"),
        (remove_signed_tail, r"segment 21-30: its head is not the hash of entry 30"),
        (remove_everything, r"segment 1-10: its head is not the hash of entry 10"),
        (swap, r"journal entry 12: says it is a{16}/13; it was moved"),
        (add_at_the_end, r"journal entry 31: does not follow the entry before"),
        (of_another_life, r"journal entry 31: says it is c{16}/31; it was moved"),
        (rewrite_all, r"segment 11-20: its head is not the hash of entry 20"),
        (rewrite_and_sign_with_another_key, r"segment 11-20: signed by another key"),
        (rewrite_and_sign_with_its_own_key, r"anchor at entry 20: .* rewritten since"),
        (cut_off_what_was_anchored, r"anchor at entry 30: .* rewritten since"),
        (forge_signature, r"segment 11-20: the signature does not fit"),
        (forge_key, r"segment 11-20: the signature does not fit"),
        (forge_bounds, r"segment 12-20: the signature does not fit"),
        (remove_segment, r"segment 11-20: does not follow the segment before"),
    ],
)
def test_what_was_touched_is_found(book: Book, tamper: Callable[[Book], None], told: str) -> None:
    """Whatever is altered, removed, moved, added or forged is found, and the place is named."""
    assert book.problems() == []
    tamper(book)
    problems = book.problems()
    assert any(re.search(told, problem) for problem in problems), problems


@pytest.mark.parametrize("tamper", [rewrite_and_sign_with_its_own_key])
def test_only_the_anchor_stands_against_the_key(book: Book, tamper: Callable[[Book], None]) -> None:
    """Who holds the key can rewrite whatever is not anchored: that is what the anchor is for."""
    tamper(book)
    book.remove("journal_anchor")
    assert book.problems() == []


@pytest.mark.parametrize("seq", [1, 2, 10, 11, 29, 30])
def test_any_single_byte_of_an_entry_is_covered(book: Book, seq: int) -> None:
    """A flipped bit anywhere in an entry is found."""
    sound = encode_event(book.entry(seq))
    for at in range(0, len(sound), 7):
        spoilt = bytearray(sound)
        spoilt[at] ^= 1
        book.put(seq, bytes(spoilt), stated=digest(sound))
        assert any(f"entry {seq}: " in problem for problem in book.problems()), at
    book.put(seq, sound)
    assert book.problems() == []


def test_a_segment_closes_when_it_is_full(tmp_path: Path) -> None:
    """A thousand entries make a segment by themselves; fewer only when asked; none twice."""
    database = Database(tmp_path / "store.db", "edge")
    chain = Chain(WHO)

    def write(count: int) -> None:
        made = [chain.seal("alarm")[1] for _ in range(count)]
        first = chain.seq - count + 1
        write_entries(database, list(enumerate(made, start=first)))
        close_segment(database, KEY, at_ns=5)

    def bounds() -> list[tuple[int, int]]:
        return database.execute("SELECT first_seq, last_seq FROM journal_segment ORDER BY last_seq")

    with database.transaction():
        write(SEGMENT_EVENTS - 1)
    assert bounds() == []
    write(1)
    assert bounds() == [(1, SEGMENT_EVENTS)]
    close_segment(database, KEY, at_ns=6, force=True)
    assert bounds() == [(1, SEGMENT_EVENTS)]
    write(3)
    close_segment(database, KEY, at_ns=7, force=True)
    assert bounds() == [(1, SEGMENT_EVENTS), (SEGMENT_EVENTS + 1, SEGMENT_EVENTS + 3)]
    assert verify(database, key=public_hex(KEY)).problems == ()
    database.close()


def test_a_chain_goes_on_where_it_was_left() -> None:
    """A chain made from sequence and head of the last entry continues it under a new epoch."""
    database = Database(None, "edge")
    chain = Chain(WHO)
    _, first = chain.seal("life")
    again = Chain(Identity("gw1", WHO.life, "c" * 16), seq=chain.seq, head=chain.head)
    event, second = again.seal("start")
    assert (event.seq, event.prev, event.epoch) == (2, digest(first), "c" * 16)
    write_entries(database, [(1, first), (2, second)])
    assert verify(database).problems == ()
    database.close()


def test_without_a_stated_key_all_segments_have_one(book: Book) -> None:
    """A segment by another key than the first is found also where no key is stated."""
    before, head = book.hash_of(20), book.hash_of(COUNT)
    book.database.execute(
        "UPDATE journal_segment SET public_key = ?, signature = ? WHERE last_seq = ?",
        (public_hex(FOREIGN), FOREIGN.sign(segment_bytes(21, COUNT, before, head)), COUNT),
    )
    [problem] = book.problems(key="")
    assert problem.startswith("journal segment 21-30: signed by another key")


def test_a_journal_in_memory_keeps_its_newest() -> None:
    """Beyond the bound the oldest go, a lot at a time, and exactly those are counted."""
    database = Database(None, "edge")
    key = Ed25519PrivateKey.generate()
    chain = Chain(Identity("gw", "a" * 16, "b" * 16))
    gone = 0
    for _ in range(4):
        entries = []
        for _ in range(600):
            event, entry = chain.seal("note", source_ns=1)
            entries.append((event.seq, entry))
        with database.transaction():
            write_entries(database, entries)
            close_segment(database, key, at_ns=1)
        gone += keep_newest(database, 500, lot=1)
    assert gone == 2400 - 500
    assert database.execute("SELECT MIN(seq), MAX(seq), COUNT(*) FROM journal") == [
        (1901, 2400, 500)
    ]
    assert database.execute("SELECT first_seq, last_seq FROM journal_segment") == [(1201, 2400)]
    assert keep_newest(database, 500, lot=1) == 0
    assert keep_newest(database, 490, lot=11) == 0
    assert keep_newest(database, 490, lot=10) == 10
