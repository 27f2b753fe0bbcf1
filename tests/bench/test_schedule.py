"""The open loop: frames at their instants, and the truth where that was not possible."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bench.frames import publish
from bench.schedule import LATE_S, Sender

FRAME = publish(b"a/b", b"x" * 200, qos=1, number=7)
PUBACK = b"\x40\x02\x00\x07"


def every(count: int, step_s: float, frame: bytes = FRAME) -> Iterator[tuple[float, bytes]]:
    """Yield frames at a steady rate."""
    return ((number * step_s, frame) for number in range(count))


def read(sock: socket.socket, count: int, answer: bytes) -> None:
    """Take so many bytes, then answer each of the frames in them."""
    came = 0
    while came < count:
        came += len(sock.recv(1 << 16))
    sock.sendall(answer)


def test_frames_are_sent_at_their_instants() -> None:
    """A reader that keeps up gets every frame, the last not before it is due; all are answered."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = threading.Thread(target=read, args=(theirs, 100 * len(FRAME), 100 * PUBACK))
        reader.start()
        begin = time.monotonic() + 0.05
        kept = Sender(ours).send(every(100, 0.005), begin_s=begin, asked=100)
        reader.join(timeout=30)
    assert (kept.sent, kept.unanswered) == (100, 0)
    assert kept.seconds >= 99 * 0.005


def test_a_reader_that_stops_makes_the_sender_late_and_it_says_so() -> None:
    """Nothing is left out and nothing put off: what waited for the reader is told as late."""
    ours, theirs = socket.socketpair()
    count, stop_s = 2_000, 0.6
    with ours, theirs:

        def slow() -> None:
            # A thread that reads nothing for a while is what is measured.
            time.sleep(stop_s)
            read(theirs, count * len(FRAME), count * PUBACK)

        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        reader = threading.Thread(target=slow)
        reader.start()
        kept = Sender(ours).send(every(count, 0.0001), begin_s=time.monotonic(), asked=count)
        reader.join(timeout=30)
    assert kept.sent == count
    assert not kept.schedule
    assert kept.behind_s > stop_s - count * 0.0001 > LATE_S
    assert kept.late > count // 2


def test_a_broker_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that the broker never acknowledged are counted."""
    monkeypatch.setattr("bench.schedule.ANSWERED_S", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(3 * PUBACK)
        kept = Sender(ours).send(every(5, 0.0), begin_s=time.monotonic(), asked=5)
    assert kept.unanswered == 2


def test_a_message_at_qos_2_is_released() -> None:
    """PUBREC is answered with PUBREL of the same identifier, and PUBCOMP ends it."""
    ours, theirs = socket.socketpair()
    frame = publish(b"a/b", b"x", qos=2, number=258)
    released: list[bytes] = []
    with ours, theirs:

        def broker() -> None:
            theirs.recv(len(frame), socket.MSG_WAITALL)
            # In two parts: an answer may be cut anywhere.
            theirs.sendall(b"\x50\x02\x01")
            theirs.sendall(b"\x02")
            released.append(theirs.recv(4, socket.MSG_WAITALL))
            theirs.sendall(b"\x70\x02\x01\x02")

        thread = threading.Thread(target=broker)
        thread.start()
        kept = Sender(ours).send(iter([(0.0, frame)]), begin_s=time.monotonic(), asked=1)
        thread.join(timeout=30)
    assert released == [b"\x62\x02\x01\x02"]
    assert kept.unanswered == 0


def test_a_broker_that_goes_away_ends_the_sending() -> None:
    """A closed connection is an error, not a schedule that was kept."""
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(OSError, match=r"closed|pipe|reset"):
        Sender(ours).send(every(5, 0.01), begin_s=time.monotonic(), asked=5)
