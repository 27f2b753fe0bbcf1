"""Captured traffic in a file: what a broker passed on, when, and how.

The file is a row of records, each a msgpack object after its length (unsigned, 32 bits, big
endian). The first is a map: `format` ("hazgate-traffic"), `version` (1), `began_ns` (ns since the
epoch, of the first message), `broker`, `topics` (the filters asked for). Each other is an array:
offset from the beginning (ns), topic (bytes, as they came), payload (bytes), QoS, retain. What a
recording was ended in the middle of is left out; any other damage is told.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from bench import BenchError

FORMAT: Final = "hazgate-traffic"
VERSION: Final = 1
LENGTH: Final = struct.Struct("!I")
#: MQTT carries no packet above 256 MiB: a length beyond it is damage.
MOST_BYTES: Final = 1 << 28


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first record."""

    format: str = FORMAT
    version: int = VERSION
    began_ns: int
    broker: str
    topics: list[str]


class Captured(msgspec.Struct, frozen=True, array_like=True):
    """One message."""

    offset_ns: int
    topic: bytes
    payload: bytes
    qos: int
    retain: bool


class Writer:
    """Appends records to an open file."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self.messages = 0
        self._file = file
        self._encoder = msgspec.msgpack.Encoder()
        self._write(header)

    def add(self, message: Captured) -> None:
        """Append one message."""
        self._write(message)
        self.messages += 1

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def _write(self, record: msgspec.Struct) -> None:
        body = self._encoder.encode(record)
        self._file.write(LENGTH.pack(len(body)) + body)


def read_header(path: Path) -> Header:
    """Return the first record of a file.

    Raises
    ------
    BenchError
        It is no such file, or of a version that is not known here.
    """
    try:
        with path.open("rb") as file:
            body = next(_bodies(file, path), b"")
        header = msgspec.msgpack.decode(body, type=Header)
    except (OSError, msgspec.DecodeError) as error:
        raise BenchError(f"{path}: is no captured traffic: {error}") from error
    if header.format != FORMAT or header.version != VERSION:
        raise BenchError(f"{path}: {header.format} {header.version} is not known here")
    return header


def messages(path: Path) -> Iterator[Captured]:
    """Yield the messages of a file, in the order in which they came.

    Raises
    ------
    BenchError
        A record is damaged.
    """
    decoder = msgspec.msgpack.Decoder(Captured)
    with path.open("rb") as file:
        bodies = _bodies(file, path)
        next(bodies, None)
        for number, body in enumerate(bodies, 1):
            try:
                yield decoder.decode(body)
            except msgspec.DecodeError as error:
                raise BenchError(f"{path}: message {number} is damaged: {error}") from error


def _bodies(file: BinaryIO, path: Path) -> Iterator[bytes]:
    while len(head := file.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        if length > MOST_BYTES:
            raise BenchError(f"{path}: a record of {length} bytes: is no captured traffic")
        body = file.read(length)
        if len(body) < length:
            return
        yield body
