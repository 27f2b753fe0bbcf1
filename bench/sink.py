"""A bare socket sink, a process of its own: the least that can receive what the broker delivers.

It finds the frames in what it reads and counts them; it decodes nothing, keeps nothing and knows no
session. Two forms: one acknowledges each message as it comes, with a call of its own, the other
acknowledges once for each read.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import struct
import sys
import time
from typing import Final

import numpy as np

from bench.frames import PUBACK_BYTES, connect, scan, subscribe
from bench.generator import DEADLINE_S
from bench.workload import SHAPES

BUFFER_BYTES: Final = 1 << 20
ACKNOWLEDGEMENTS: Final = 1 << 16
#: At QoS 0 a broker may drop: after this long without a byte nothing more is coming.
IDLE_S: Final = 5
#: How long the first byte may take.
PATIENCE_S: Final = 60


def drain(sock: socket.socket, count: int, *, each: bool) -> tuple[int, float]:
    """Read until `count` messages have come or none comes any more; return how many, and when."""
    # The kernel's own timeout: Python's would cost a system call before each send.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", IDLE_S, 0))
    room = memoryview(bytearray(BUFFER_BYTES))
    answers = memoryview(bytearray(PUBACK_BYTES * ACKNOWLEDGEMENTS))
    buffer = np.frombuffer(room, np.uint8)
    acknowledgements = np.frombuffer(answers, np.uint8)
    held = taken = 0
    last = time.monotonic()
    patience = last + PATIENCE_S
    while taken < count:
        try:
            came = sock.recv_into(room[held:])
        except BlockingIOError:
            if taken or time.monotonic() > patience:
                break
            continue
        if not came:
            break
        held += came
        used, found, written = scan(buffer, held, acknowledgements)
        end = PUBACK_BYTES * written
        if each:
            for begin in range(0, end, PUBACK_BYTES):
                sock.sendall(answers[begin : begin + PUBACK_BYTES])
        elif end:
            sock.sendall(answers[:end])
        room[: held - used] = room[used:held]
        held -= used
        taken += found
        last = time.monotonic()
    return taken, last


def main() -> None:
    """Subscribe, say so, drain, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, choices=(0, 1), required=True)
    parser.add_argument("--shape", choices=tuple(SHAPES), required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--each", action="store_true")
    arguments = parser.parse_args()
    signal.alarm(DEADLINE_S)
    # Compiled, or loaded, before anything comes.
    scan(np.zeros(1, np.uint8), 0, np.zeros(PUBACK_BYTES, np.uint8))
    with connect(arguments.port, "sink") as sock:
        subscribe(sock, SHAPES[arguments.shape].topics(), qos=arguments.qos)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        taken, last = drain(sock, arguments.messages, each=arguments.each)
        sys.stdout.write(json.dumps({"taken": taken, "last_s": last}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
