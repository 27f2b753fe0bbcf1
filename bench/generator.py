"""The load generator, a process of its own: frames made ready beforehand, sent as fast as they go.

It says "ready", waits for a line, sends, and prints one JSON line. It out-runs what it drives as
long as it has to wait for the broker: the share of its time that it waited is part of its answer.
"""

from __future__ import annotations

import argparse
import json
import select
import signal
import socket
import sys
import time
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Final

from bench import workload
from bench.frames import PUBACK_BYTES, connect
from bench.workload import SHAPES

BLOCK: Final = 200
#: Messages at QoS 1 that the broker may not yet have acknowledged to us.
WINDOW: Final = 20_000
#: A generator that nobody ends does not live for ever.
DEADLINE_S: Final = 900


@dataclass(slots=True)
class Sent:
    """When it began and ended (monotonic, s), and how long it waited for the broker meanwhile."""

    began_s: float = 0.0
    ended_s: float = 0.0
    waited_s: float = 0.0


def send(sock: socket.socket, blocks: list[bytes], *, qos: int, count: int) -> Sent:
    """Send every block; at QoS 1 return when the broker has acknowledged all `count` messages.

    A block holds `BLOCK` messages, the last one what is left: the window is counted in blocks.
    """
    sock.setblocking(False)
    sent = Sent(began_s=time.monotonic())
    acknowledged = 0
    number = 0
    rest = memoryview(blocks[0])
    while number < len(blocks) or (qos and acknowledged < count * PUBACK_BYTES):
        pending = number < len(blocks)
        open_window = not qos or number * BLOCK - acknowledged // PUBACK_BYTES < WINDOW
        if pending and open_window:
            try:
                rest = rest[sock.send(rest) :]
            except BlockingIOError:
                sent.waited_s += _wait(sock, reading=qos > 0, writing=True)
            if not rest:
                number += 1
                rest = memoryview(blocks[number] if number < len(blocks) else b"")
        elif qos:
            sent.waited_s += _wait(sock, reading=True, writing=False)
        if qos:
            acknowledged += _acknowledged(sock)
    sent.ended_s = time.monotonic()
    return sent


def _wait(sock: socket.socket, *, reading: bool, writing: bool) -> float:
    begin = time.monotonic()
    select.select([sock] if reading else [], [sock] if writing else [], [], 1.0)
    return time.monotonic() - begin


def _acknowledged(sock: socket.socket) -> int:
    """Return how many bytes came: the broker sends nothing but PUBACKs."""
    try:
        came = len(sock.recv(1 << 16))
    except BlockingIOError:
        return 0
    if not came:
        raise ConnectionError("the broker closed the generator's connection")
    return came


def main() -> None:
    """Make the frames, say so, wait, send, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, choices=(0, 1), required=True)
    parser.add_argument("--shape", choices=tuple(SHAPES), required=True)
    parser.add_argument("--messages", type=int, required=True)
    arguments = parser.parse_args()
    signal.alarm(DEADLINE_S)
    frames = workload.messages(
        SHAPES[arguments.shape],
        arguments.messages,
        qos=arguments.qos,
        now_ms=time.time_ns() // 1_000_000,
    )
    blocks = []
    while block := b"".join(islice(frames, BLOCK)):
        blocks.append(block)
    with connect(arguments.port, "generator") as sock:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            return
        sent = send(sock, blocks, qos=arguments.qos, count=arguments.messages)
        sys.stdout.write(json.dumps(asdict(sent)) + "\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
