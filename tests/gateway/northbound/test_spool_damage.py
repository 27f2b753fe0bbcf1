"""A damaged spool: it costs no more than what was hit, whoever damaged it."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from gateway.northbound import spool
from gateway.northbound.spool import (
    HEAD,
    MAGIC,
    Kind,
    encode_readings,
    encode_tick,
    segment_path,
    segments,
)
from tests.gateway.northbound.spooling import (
    CONFIGURATION,
    LEAD,
    SESSION,
    Writer,
    batch,
    read,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


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
