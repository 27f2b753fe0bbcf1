"""The spool: what was synced is read back, in order and bit for bit."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound import spool_writer
from gateway.northbound.spool import (
    HEAD,
    Configuration,
    Kind,
    Quarantined,
    Record,
    decode_readings,
    decode_tick,
    encode,
    encode_readings,
    encode_tick,
    newest_readings,
    records,
    segments,
)
from gateway.northbound.spool_writer import Spool
from gateway.readings import ReadingBatch
from tests.gateway.northbound.spooling import (
    LEAD,
    SESSION,
    TAGS,
    Writer,
    batch,
    read,
)


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
    monkeypatch.setattr(spool_writer, "SEGMENT_BYTES", 3 * size)
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
    monkeypatch.setattr(spool_writer, "SEGMENT_BYTES", 1)
    monkeypatch.setattr(spool_writer, "LARGE_HEAD", 100)
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


def test_a_large_old_record_takes_no_newer_one_with_it(folder: Path) -> None:
    """A backlog taken at once lies before small records: these are the newest, and come."""
    writer = Writer(folder)
    writer.append(encode_readings(batch(50, 1.0)))
    for number in range(10):
        writer.append(encode_readings(batch(1, 2.0 + number)))
    writer.close()
    found = [
        float(decode_readings(record.body).value[0])
        for record in newest_readings(folder, 55)
        if record.kind == Kind.READINGS
    ]
    assert found == [float(value) for value in range(1, 12)]


def test_none_of_the_newest_readings_is_passed_over(folder: Path) -> None:
    """However large the records are: small ones after a large one are what a broker repeats."""
    writer = Writer(folder)
    for number, size in enumerate((5, 60, 40, 3, 1, 2)):
        writer.append(encode_readings(batch(size, float(number))))
    writer.close()
    found = [
        float(decode_readings(record.body).value[0])
        for record in newest_readings(folder, 80)
        if record.kind == Kind.READINGS
    ]
    assert found == [1.0, 2.0, 3.0, 4.0, 5.0]


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
