"""Sending on a fixed schedule: open loop, so that a slow receiver cannot slow what measures it.

A closed loop sends when it may, and so leaves out of its figures what would have waited meanwhile
(coordinated omission). Here every frame has its instant; one that comes late is sent as soon as it
can be, its instant unchanged, and how late the sender itself was is part of its answer.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

PUBACK: Final = 0x40
PUBREC: Final = 0x50
PUBREL: Final = b"\x62\x02"
ANSWER_BYTES: Final = 4
#: A plain connection says it in one way, one with TLS in two others.
WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
#: Frames are gathered for so long at the least: one call for each would limit the rate.
GATHER_S: Final = 0.0005
REST_S: Final = 0.05
BLOCK: Final = 500
#: A frame sent later than this is counted as late: a busy machine's scheduling is below it.
LATE_S: Final = 0.010
#: A schedule of which more than this share was late was not kept.
LATE_SHARE: Final = 0.01
#: So long the broker may take to answer what is left when everything has been sent.
ANSWERED_S: Final = 60.0


@dataclass(slots=True)
class Kept:
    """How a schedule was kept: frames sent, those late, the worst (s), and what went unanswered."""

    sent: int = 0
    late: int = 0
    behind_s: float = 0.0
    seconds: float = 0.0
    unanswered: int = 0

    @property
    def schedule(self) -> bool:
        """Whether the schedule was kept."""
        return self.late <= LATE_SHARE * self.sent


class Sender:
    """Sends frames at their instants over a socket that is connected to a broker.

    Parameters
    ----------
    sock
        Its session is accepted. It is made non-blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._kept = Kept()
        self._rest = memoryview(b"")
        self._came = b""
        self._answers = 0

    def send(self, frames: Iterator[tuple[float, bytes]], *, begin_s: float, asked: int) -> Kept:
        """Send every frame, and wait until the broker has answered.

        Parameters
        ----------
        frames
            Each with its instant, seconds after the beginning, in order.
        begin_s
            The beginning, by the monotonic clock.
        asked
            How many of the frames are to be answered (QoS 1 and 2).
        """
        kept = self._kept
        first = next(frames, None)
        while first is not None:
            now = time.monotonic() - begin_s
            if first[0] > now:
                time.sleep(min(REST_S, max(GATHER_S, first[0] - now)))
                self._listen()
                continue
            oldest = first[0]
            parts: list[bytes] = []
            due: list[float] = []
            for at, frame in chain((first,), frames):
                if at > now or len(parts) == BLOCK:
                    first = at, frame
                    break
                parts.append(frame)
                due.append(at)
            else:
                first = None
            self._write(b"".join(parts))
            now = time.monotonic() - begin_s
            kept.sent += len(parts)
            kept.behind_s = max(kept.behind_s, now - oldest)
            kept.late += sum(at < now - LATE_S for at in due)
        kept.seconds = time.monotonic() - begin_s
        deadline = time.monotonic() + ANSWERED_S
        while self._answers < asked and time.monotonic() < deadline:
            select.select([self._sock], [], [], 0.1)
            self._listen()
        kept.unanswered = max(0, asked - self._answers)
        return kept

    def _write(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except WOULD_BLOCK:
                select.select([self._sock], [self._sock], [], 1.0)
            self._listen()

    def _listen(self) -> None:
        """Read the broker's answers; release what it has received at QoS 2."""
        try:
            came = self._sock.recv(1 << 16)
        except WOULD_BLOCK:
            return
        if not came:
            raise ConnectionError("the broker closed the generator's connection")
        came = self._came + came
        whole = len(came) - len(came) % ANSWER_BYTES
        self._came = came[whole:]
        releases = b"".join(
            PUBREL + came[at + 2 : at + ANSWER_BYTES]
            for at in range(0, whole, ANSWER_BYTES)
            if came[at] == PUBREC
        )
        self._answers += whole // ANSWER_BYTES - len(releases) // ANSWER_BYTES
        if releases:
            self._write(releases)
