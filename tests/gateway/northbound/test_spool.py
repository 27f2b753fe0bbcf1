"""The spool: what was synced is read back, and damage costs no more than what it hit."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound import spool
from gateway.northbound.spool import (
    HEAD,
    MAGIC,
    Configuration,
    Kind,
    Quarantined,
    Record,
    Session,
    Spool,
    decode_readings,
    decode_tick,
    encode,
    encode_readings,
    encode_tick,
    newest_readings,
    records,
    segment_path,
    segments,
)
from gateway.readings import ReadingBatch

TAGS = Configuration(hash="h", tags=["T1", "T2"])
CONFIGURATION = encode(Kind.CONFIGURATION, msgspec.json.encode(TAGS))
SESSION = encode(Kind.SESSION, msgspec.json.encode(Session(epoch="e" * 16, at_ns=1)))
#: What stands before the first record of a segment, and counts in no position.
LEAD = len(MAGIC) + len(CONFIGURATION)


def batch(count: int, value: float = 1.0) -> ReadingBatch:
    return ReadingBatch.from_rows([(n % 2, 10 + n, 20 + n, value + n, 0) for n in range(count)])


class Writer:
    """A spool with what was appended to it: (position after, record)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = Spool(folder, TAGS)
        self.position = self.spool.position
        self.written: list[tuple[int, bytes]] = []

    def append(self, *blobs: bytes) -> None:
        self.spool.append(b"".join(blobs), self.position)
        for blob in blobs:
            self.position += len(blob)
            self.written.append((self.position, blob))
        assert self.spool.position == self.position

    def begin_segment(self) -> None:
        """End the segment, as a new start of the process does."""
        self.close()
        self.spool = Spool(self.folder, TAGS)
        assert self.spool.position == self.position

    def close(self) -> None:
        self.spool.close()


def read(folder: Path, start: int = 0) -> list[tuple[int, bytes]]:
    """Every record after a position but the configurations, as it stands on disk."""
    return [
        (r.position, encode(r.kind, r.body))
        for r in records(folder, start)
        if r.kind != Kind.CONFIGURATION
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_records_come_back_in_order(folder: Path) -> None:
    """Every record of every kind is read back byte for byte, each segment's tags before it."""
    writer = Writer(folder)
    quarantined = Quarantined(topic="t", reason="r", at_ns=3, size=9, payload=b"\x00\xff")
    writer.append(SESSION)
    writer.append(encode_readings(batch(5)), encode_tick(7_000_000_000))
    writer.append(
        encode(Kind.FENCE, b""), encode(Kind.QUARANTINE, msgspec.json.encode(quarantined))
    )
    writer.begin_segment()
    writer.append(encode_readings(batch(3)))
    writer.close()
    assert read(folder) == writer.written
    assert [first for first, _ in segments(folder)] == [0, writer.written[4][0]]
    found = list(records(folder, 0))
    assert [record.kind for record in found] == [
        Kind.CONFIGURATION, Kind.SESSION, Kind.READINGS, Kind.TICK, Kind.FENCE, Kind.QUARANTINE,
        Kind.CONFIGURATION, Kind.READINGS,
    ]  # fmt: skip
    assert [found[at].position for at in (0, 6)] == [0, writer.written[4][0]]
    assert msgspec.json.decode(found[6].body, type=Configuration) == TAGS
    assert decode_tick(found[3].body) == 7_000_000_000
    assert msgspec.json.decode(found[5].body, type=Quarantined) == quarantined


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2**31 - 1),
            st.integers(-(2**63), 2**63 - 1),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(width=64),
            st.integers(0, 255),
        ),
        max_size=20,
    )
)
def test_readings_come_back_bit_for_bit(rows: list[tuple[int, int, int, float, int]]) -> None:
    """Readings survive the record whatever they hold, NaN and infinities included."""
    sent = ReadingBatch.from_rows(rows)
    blob = encode_readings(sent)
    length, _, kind = HEAD.unpack_from(blob)
    assert (length, kind) == (len(blob) - HEAD.size, Kind.READINGS)
    assert length == 4 + struct.calcsize("<iqqdB") * len(rows)
    back = decode_readings(blob[HEAD.size :])
    for name in ("point", "time_ns", "received_ns", "value", "quality"):
        one, other = getattr(sent, name), getattr(back, name)
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


def test_reading_starts_where_it_is_asked_to(folder: Path) -> None:
    """From a position on only what ends after it comes, and always the tags that belong to it."""
    writer = Writer(folder)
    writer.append(encode_tick(1), encode_tick(2))
    writer.begin_segment()
    writer.append(encode_tick(3), encode_tick(4))
    writer.close()
    for index, (position, _) in enumerate(writer.written):
        assert read(folder, position) == writer.written[index + 1 :]
        assert next(records(folder, position)).kind == Kind.CONFIGURATION


Small = tuple[Path, bytes, list[tuple[int, bytes]]]


@pytest.fixture
def small(folder: Path) -> Small:
    """A spool of one small segment: its file, its bytes, its records."""
    writer = Writer(folder)
    writer.append(SESSION, encode_tick(1), encode_readings(batch(1)), encode_tick(2))
    writer.close()
    [(_, path)] = segments(folder)
    return path, path.read_bytes(), writer.written


def test_a_torn_tail_is_cut_at_every_byte(small: Small, folder: Path) -> None:
    """Wherever a power cut ended the file, whole records stay and the next append follows them."""
    path, whole, written = small
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        sound = [(p, blob) for p, blob in written if LEAD + p <= size]
        assert read(folder) == sound
        writer = Writer(folder)
        assert writer.position == (sound[-1][0] if sound else 0)
        assert path.stat().st_size == (LEAD + writer.position if size >= LEAD else 0)
        writer.append(encode_tick(9))
        writer.close()
        assert read(folder) == sound + writer.written
        for _, other in segments(folder):
            other.unlink()


def test_a_flipped_bit_ends_its_segment_and_no_other(small: Small, folder: Path) -> None:
    """A bit flipped anywhere hides that record and what follows in its segment, nothing before."""
    path, whole, written = small
    writer = Writer(folder)
    writer.append(encode_tick(8))
    writer.close()
    for at in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0x10
        path.write_bytes(spoilt)
        sound = [(p, blob) for p, blob in written if LEAD + p <= at]
        assert read(folder) == sound + writer.written, at


def test_a_length_beyond_reason_is_damage(folder: Path) -> None:
    """A length that no record has is not read, however large the file says it is."""
    writer = Writer(folder)
    writer.append(encode_tick(1))
    writer.close()
    [(_, path)] = segments(folder)
    body = bytes(100)
    head = HEAD.pack(spool.MAX_RECORD + 1, zlib.crc32(body, Kind.READINGS), Kind.READINGS)
    path.write_bytes(path.read_bytes() + head + body)
    assert read(folder) == writer.written


def test_a_foreign_file_is_passed_over(folder: Path) -> None:
    """A segment that does not begin as ours, with its tags, yields nothing and stops nobody."""
    writer = Writer(folder)
    writer.append(encode_tick(0))
    writer.begin_segment()
    writer.append(encode_tick(1))
    writer.close()
    [(_, path), _] = segments(folder)
    for foreign in (
        b"HZSPOOL2" + CONFIGURATION,
        MAGIC + encode_tick(0),
        MAGIC + HEAD.pack(spool.MAX_RECORD + 1, 0, Kind.CONFIGURATION),
        MAGIC + CONFIGURATION[:-1] + b"x",
    ):
        path.write_bytes(foreign + encode_tick(0))
        assert read(folder) == writer.written[1:]


def test_kinds_of_a_newer_program_are_passed_over(folder: Path) -> None:
    """A record whose kind is not known keeps its place and hides nothing after it."""
    body = b"something new"
    unknown = HEAD.pack(len(body), zlib.crc32(body, 77), 77) + body
    writer = Writer(folder)
    writer.append(SESSION, unknown, encode_tick(1))
    writer.close()
    assert read(folder) == [writer.written[0], writer.written[2]]
    again = Writer(folder)
    assert again.position == writer.position
    again.close()


def test_holes_between_segments_are_what_was_shed(folder: Path) -> None:
    """A position may jump: the next segment is named by it, and reading goes on across the hole."""
    writer = Writer(folder)
    writer.append(encode_tick(1))
    end = writer.position
    writer.position += 5000
    writer.append(encode_tick(2))
    writer.append(encode_tick(3))
    writer.close()
    assert [first for first, _ in segments(folder)] == [0, end + 5000]
    assert read(folder) == writer.written
    for start in (end, end + 100, end + 5000):
        assert read(folder, start) == writer.written[1:]
    assert Writer(folder).position == writer.position


def test_a_full_segment_is_followed_by_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No segment grows without bound: the next begins at the first append past its size."""
    size = len(encode_tick(0))
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 3 * size)
    writer = Writer(folder)
    for number in range(10):
        writer.append(encode_tick(number))
    writer.close()
    assert [first for first, _ in segments(folder)] == [0, 3 * size, 6 * size, 9 * size]
    assert read(folder) == writer.written


def test_a_large_configuration_makes_large_segments(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands at the head of every segment stays a small part of what is written."""
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 1)
    monkeypatch.setattr(spool, "LARGE_HEAD", 100)
    writer = Spool(folder, Configuration(hash="x", tags=[f"tag-{n}" for n in range(50)]))
    record = encode(Kind.QUARANTINE, bytes(1000))
    for _ in range(40):
        writer.append(record, writer.position)
    writer.close()
    (first, path), (following, _), *_ = segments(folder)
    held = following - first
    head = path.stat().st_size - held
    assert head > 100
    assert held >= 16 * head


def test_a_new_segment_that_never_got_a_record(folder: Path) -> None:
    """A crash between making a segment and writing to it costs nothing, whatever it left behind."""
    for left in (b"", MAGIC[:3], MAGIC, MAGIC + CONFIGURATION[:4], MAGIC + CONFIGURATION):
        writer = Writer(folder)
        writer.append(encode_tick(1))
        writer.close()
        segment_path(folder, writer.position).write_bytes(left)
        again = Writer(folder)
        assert again.position == writer.position
        again.append(encode_tick(2))
        again.close()
        assert read(folder) == writer.written + again.written
        for _, path in segments(folder):
            path.unlink()


def test_a_start_makes_a_segment_of_its_own(folder: Path) -> None:
    """What a new start appends begins a new segment: what was there is never written to."""
    first = Writer(folder)
    first.append(encode_tick(1))
    first.close()
    before = segments(folder)[0][1].read_bytes()
    second = Writer(folder)
    second.append(encode_tick(2))
    second.close()
    assert segments(folder)[0][1].read_bytes() == before
    assert read(folder) == first.written + second.written


def test_cut_keeps_what_is_needed(folder: Path) -> None:
    """Only whole segments that end at or before the position go; the newest never does."""
    writer = Writer(folder)
    for number in range(4):
        writer.append(encode_tick(number))
        writer.begin_segment()
    writer.append(encode_tick(4))
    firsts = [first for first, _ in segments(folder)]
    assert writer.spool.cut(firsts[2] - 1) == 1
    assert [first for first, _ in segments(folder)] == firsts[1:]
    assert writer.spool.cut(firsts[2]) == 1
    assert [first for first, _ in segments(folder)] == firsts[2:]
    assert read(folder) == writer.written[2:]
    assert writer.spool.cut(writer.position + 1000) == 2
    assert [first for first, _ in segments(folder)] == firsts[4:]
    writer.append(encode_tick(9))
    writer.close()
    assert read(folder) == writer.written[4:]


def test_bytes_used_is_what_lies_on_disk(folder: Path) -> None:
    """The size counts every segment with its head."""
    writer = Writer(folder)
    assert writer.spool.bytes_used() == 0
    writer.append(SESSION)
    writer.begin_segment()
    writer.append(encode_tick(1))
    writer.close()
    assert writer.spool.bytes_used() == writer.position + 2 * LEAD


def test_newest_readings(folder: Path) -> None:
    """The newest segments that hold enough readings come, oldest first, each with its tags."""
    writer = Writer(folder)
    for value in (100.0, 200.0, 300.0):
        writer.append(SESSION, encode_readings(batch(50, value)), encode_tick(1))
        writer.begin_segment()
    writer.close()

    def shown(found: Iterable[Record]) -> list[float | str]:
        return [
            float(decode_readings(r.body).value[0]) if r.kind == Kind.READINGS else r.kind.name
            for r in found
        ]

    tags = Kind.CONFIGURATION.name
    assert shown(newest_readings(folder, 50)) == [tags, 300.0]
    assert shown(newest_readings(folder, 60)) == [tags, 200.0, tags, 300.0]
    assert shown(newest_readings(folder, 10**6)) == [tags, 100.0, tags, 200.0, tags, 300.0]
    assert shown(newest_readings(folder.parent / "none", 10)) == []


def test_the_newest_readings_are_as_many_as_were_asked_for(folder: Path) -> None:
    """One record more at most, however large the segment; the tags at its head count for none."""
    many = Configuration(hash="h", tags=[f"T{n}" for n in range(10_000)])
    writer = Spool(folder, many)
    for number in range(100):
        writer.append(encode_readings(batch(10, float(number))), writer.position)
    writer.close()
    # A new start begins a segment: all head, and hardly a reading.
    writer = Spool(folder, many)
    writer.append(encode_readings(batch(10, 100.0)), writer.position)
    writer.close()
    assert segments(folder)[1][1].stat().st_size > 50_000
    found = [
        float(decode_readings(record.body).value[0])
        for record in newest_readings(folder, 35)
        if record.kind == Kind.READINGS
    ]
    assert found == [97.0, 98.0, 99.0, 100.0]


def test_what_was_synced_may_be_read_before_it_is_closed(folder: Path) -> None:
    """A reader beside the writer sees whole records only, and all that were synced."""
    writer = Writer(folder)
    writer.append(SESSION, encode_readings(batch(10)))
    writer.spool.sync()
    assert read(folder) == writer.written
    writer.close()


def test_decoded_readings_are_copies_of_nobody(folder: Path) -> None:
    """Arrays of a record cannot be written to: a recording is not changed by who reads it."""
    back = decode_readings(encode_readings(batch(2))[HEAD.size :])
    with pytest.raises(ValueError, match="read-only"):
        back.value[0] = 5.0
    assert np.array_equal(back.value, batch(2).value)
    assert not folder.exists()


def test_what_a_newer_program_wrote_last_is_kept(folder: Path) -> None:
    """A record of an unknown kind at the very end is no torn tail: it is not cut off."""
    body = b"something new"
    unknown = HEAD.pack(len(body), zlib.crc32(body, 77), 77) + body
    writer = Writer(folder)
    writer.append(encode_tick(1), unknown)
    writer.close()
    before = segments(folder)[0][1].read_bytes()
    again = Writer(folder)
    assert again.position == writer.position
    assert segments(folder)[0][1].read_bytes() == before


def test_records_never_stand_below_what_the_store_speaks_of(folder: Path) -> None:
    """After shedding, a start goes on where the store's snapshot stands, and skips nothing new."""
    spool_writer = Spool(folder, TAGS)
    spool_writer.append(SESSION, 0)
    spool_writer.close()
    again = Spool(folder, TAGS)
    again.skip_to(10_000)
    again.skip_to(5)
    again.append(SESSION, again.position)
    again.close()
    found = [r.position for r in records(folder, 10_000) if r.kind == Kind.SESSION]
    assert found == [10_000 + len(SESSION)]
